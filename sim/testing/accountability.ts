/**
 * Who forks a network pays: forks of the real engine, judged by the real contracts.
 *
 *     twins of more than a third   every fork leaves evidence that SlashingManager takes against a
 *                                  third of the stake or more, and against twins alone
 *     twins of at most a third     no fork
 *     either                       nothing that an honest operator signed can be punished
 *
 * A fork is proved in one of three ways, by the seed: by two finality certificates, if both sides
 * have any; by round certificates alone, as if no finality vote had been seen; or operator by
 * operator, from votes heard on the wire. Whatever else convicts is verified without L1.
 */

import assert from 'node:assert/strict'

import { blsScheme, findConflicts, findFaults, verifyEvidence } from '@zg/consensus'
import type {
  EngineFaults,
  Evidence,
  EvidenceContext,
  FoundConflict,
  OperatorVotes,
  SignedFinalityVote,
  SignedRoundVote,
} from '@zg/consensus'
import { ContractRevertError } from '@zg/contracts/testing'
import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { evidenceCalls } from '@zg/staking'

import { runForkSeed } from '../fork-world.ts'
import type { Fork, ForkRun } from '../fork-world.ts'
import { firstForkEpoch } from '../fork-scenario.ts'
import type { TwinShare } from '../fork-scenario.ts'
import { JudgingL1 } from './judging-l1.ts'
import type { Punishment } from './judging-l1.ts'

/** How a fork is proved. */
export type Means = 'finality certificates' | 'round certificates' | 'votes'

/** What a seed showed. */
export type Verdict = {
  readonly seed: number
  readonly fork: Fork | undefined
  /** How it was proved; undefined without one. */
  readonly means: Means | undefined
  /** Faults as the contract named them. */
  readonly faults: readonly string[]
  /** Punished, in parts of 10,000 of the set's weight in the epoch of the fault. */
  readonly punishedBps: number
  /** Operators punished that signed with another key than their first. */
  readonly rotatedCount: number
  /** Pairs of an honest operator's votes that the contract was asked to punish, and refused. */
  readonly acquittals: number
  /** Pieces of evidence that honest nodes found themselves, all against twins. */
  readonly foundByNodes: number
  readonly height: bigint
}

/** What many seeds showed. */
export type AccountabilityScore = {
  /** Seeds with twins of more than a third; of at most a third there are a third as many. */
  readonly seeds: number
  readonly forks: number
  /** Forks by epoch of the run, by how they were proved, and by the faults that were punished. */
  readonly epochs: Readonly<Record<string, number>>
  readonly means: Readonly<Record<string, number>>
  /** Forks for which an operator was punished under another key than its first. */
  readonly rotatedForks: number
  readonly faults: Readonly<Record<string, number>>
  /** Of the weight of the set, in parts of 10,000, over all forks. */
  readonly punishedBpsLeast: number
  readonly wholeSeeds: number
  readonly wholeForks: number
  readonly acquittals: number
  readonly heights: number
  readonly failures: number
}

const meansBySeed: readonly Means[] = ['finality certificates', 'round certificates', 'votes']

/** Pairs of votes of one honest operator that are tried, at most. */
const triesMax = 3

/**
 * Runs a seed and has it judged.
 *
 * @param planted - A bug of those who should be honest.
 * @throws {AssertionError} When a rule above does not hold.
 */
export async function judgeSeed(
  seed: number,
  share: TwinShare,
  planted: EngineFaults = {},
): Promise<Verdict> {
  const court = new JudgingL1()
  const run = await runForkSeed(seed, { share, identity: court.identity, planted })
  const trial = new Trial(run, court, `seed ${seed}, ${share}`)
  const means = meansBySeed[seed % meansBySeed.length] as Means
  trial.checkFindings()
  if (share === 'at most a third') trial.checkUnity()
  court.enroll(run)
  const acquittals = trial.acquit()
  const sentence = run.fork && trial.convict(run.fork, means)
  return {
    seed,
    fork: run.fork,
    means: sentence?.means,
    faults: [...new Set(sentence?.punished.map(({ fault }) => fault))],
    punishedBps: sentence?.bps ?? 0,
    rotatedCount: sentence?.rotatedCount ?? 0,
    acquittals,
    foundByNodes: run.evidence.length,
    height: run.height,
  }
}

/** Judges `count` seeds above a third, and a third as many at most at it. */
export async function runAccountability(
  { firstSeed, count }: { firstSeed: number; count: number },
  tell: (line: string) => void,
): Promise<AccountabilityScore> {
  const shares: readonly TwinShare[] = ['more than a third', 'at most a third']
  let failures = 0
  const [forking, whole] = await Promise.all(
    shares.map(async (share) => {
      const seeds = share === 'more than a third' ? count : Math.ceil(count / 3)
      const verdicts: Verdict[] = []
      for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
        try {
          verdicts.push(await judgeSeed(seed, share))
        } catch (error) {
          failures++
          tell(`✖ seed ${seed}, ${share}: ${String(error)}`)
        }
        if ((seed - firstSeed + 1) % 20 === 0) tell(`${seed - firstSeed + 1} of ${seeds}, ${share}`)
      }
      return verdicts
    }),
  )
  assert(forking !== undefined && whole !== undefined)
  const forks = forking.filter(({ fork }) => fork !== undefined)
  return {
    seeds: count,
    forks: forks.length,
    epochs: counted(forks.map(({ fork }) => String((fork?.epoch ?? 0n) - firstForkEpoch))),
    means: counted(forks.flatMap(({ means }) => means ?? [])),
    rotatedForks: forks.filter(({ rotatedCount }) => rotatedCount > 0).length,
    faults: counted(forks.flatMap(({ faults }) => faults)),
    punishedBpsLeast: Math.min(...forks.map(({ punishedBps }) => punishedBps)),
    wholeSeeds: whole.length,
    wholeForks: whole.filter(({ fork }) => fork !== undefined).length,
    acquittals: [...forking, ...whole].reduce((sum, { acquittals }) => sum + acquittals, 0),
    heights: Number([...forking, ...whole].reduce((sum, { height }) => sum + height, 0n)),
    failures,
  }
}

/** What the contract made of a fork. */
type Sentence = Pick<Verdict, 'rotatedCount'> & {
  readonly punished: readonly Punishment[]
  readonly means: Means
  readonly bps: number
}

class Trial {
  readonly #run: ForkRun
  readonly #court: JudgingL1
  readonly #place: string
  readonly #twins: ReadonlySet<Hex>
  readonly #context: EvidenceContext

  constructor(run: ForkRun, court: JudgingL1, place: string) {
    const { operators, scenario, genesis, truth } = run
    this.#run = run
    this.#court = court
    this.#place = place
    this.#twins = new Set([...scenario.twins].map((index) => toHex(operators[index] as Uint8Array)))
    this.#context = {
      scheme: blsScheme(),
      identity: genesis.identity,
      validatorSet: (epoch) => truth.validatorSet(epoch),
    }
  }

  /** What nodes found convicts twins alone, and an honest operator has signed no fault at all. */
  checkFindings(): void {
    for (const evidence of this.#run.evidence) {
      const convicted = verifyEvidence(this.#context, evidence).map(toHex)
      assert(this.#areTwins(new Set(convicted)), `${this.#place}: ${convicted.join()}`)
    }
    for (const votes of this.#honestVotes()) {
      assert.deepEqual(findFaults(votes, this.#run.testimonies), [], this.#place)
    }
  }

  /**
   * With twins of at most a third there is one chain, and nobody stops; twins sign no pair that
   * takes a second quorum.
   */
  checkUnity(): void {
    const { scenario, votes } = this.#run
    for (const index of scenario.twins) {
      for (const { fault } of findFaults(votes[index] as OperatorVotes, this.#run.testimonies)) {
        assert(['S1', 'S3', 'S4'].includes(fault), `${this.#place}: ${fault}`)
      }
    }
    assert.equal(this.#run.fork, undefined, this.#place)
    assert.equal(this.#run.stoppedCount, 0, this.#place)
    assert.deepEqual(findConflicts(this.#context, this.#run.testimonies), [], this.#place)
  }

  /** Asks the contract to punish what honest operators signed; returns how often it refused. */
  acquit(): number {
    let acquittals = 0
    for (const votes of this.#honestVotes()) {
      for (const evidence of this.#notFaultsOf(votes).slice(0, triesMax)) {
        for (const call of this.#callsFor(evidence)) this.#refuses(() => this.#court.send(call))
        acquittals++
      }
    }
    return acquittals
  }

  /** Has the fork judged: against a third or more, and nobody honest. */
  convict(fork: Fork, wanted: Means): Sentence {
    const found = findConflicts(this.#context, this.#run.testimonies)
    // Two quorums of one epoch share more than a third of its stake.
    const conflicts = found.filter(({ evidence: { first, second } }) => {
      return first.vote.epoch === second.vote.epoch
    })
    const [rounds, finality] = [true, false].map((isRound) =>
      conflicts.filter(({ evidence }) => (evidence.kind === 'certificates') === isRound),
    ) as [FoundConflict[], FoundConflict[]]
    // Finality certificates convict by themselves, but there need be none: these there must be.
    assert(rounds.length > 0, `${this.#place}: nothing lies between the two chains`)
    for (const conflict of conflicts) this.#checkThird(conflict)
    const isFinality = wanted === 'finality certificates' && finality.length > 0
    const means = wanted === 'votes' || isFinality ? wanted : 'round certificates'
    const choices = isFinality ? finality : rounds
    const draw = Math.floor(this.#run.scenario.seed / meansBySeed.length)
    const conflict = choices[draw % choices.length] as FoundConflict
    const epoch = means === 'votes' ? fork.epoch : conflict.evidence.first.vote.epoch
    const { l1 } = this.#court
    if (BigInt(l1.epoch) < epoch) l1.goToEpoch(Number(epoch))
    const punished = means === 'votes' ? this.#byVotes(epoch) : this.#byConflict(conflict)
    const names = new Set(punished.map(({ operator }) => operator))
    assert(names.size === punished.length && this.#areTwins(names), this.#place)
    const guilty = punished.reduce((sum, { weight }) => sum + weight, 0n)
    const total = this.#court.totalAt(epoch)
    assert(3n * guilty >= total, `${this.#place}: ${guilty} of ${total} punished`)
    const bps = Number((10_000n * guilty) / total)
    return { punished, means, bps, rotatedCount: this.#rotatedOf(names, epoch) }
  }

  #checkThird({ operators, evidence }: FoundConflict): void {
    const set = this.#context.validatorSet(evidence.first.vote.epoch)
    assert(set !== undefined)
    const names = new Set(operators.map(toHex))
    const guilty = set.validators.filter(({ operator }) => names.has(toHex(operator)))
    const weight = guilty.reduce((sum, { stake }) => sum + stake, 0n)
    assert(3n * weight >= set.totalStake && this.#areTwins(names), this.#place)
  }

  #rotatedOf(names: ReadonlySet<Hex>, epoch: bigint): number {
    const { operators, secretKeys, scheme } = this.#run
    const members = this.#context.validatorSet(epoch)?.validators ?? []
    return members.filter(({ operator, publicKey }) => {
      const index = operators.findIndex((each) => toHex(each) === toHex(operator))
      const first = scheme.publicKeyOf(secretKeys[index]?.[0] as Uint8Array)
      return names.has(toHex(operator)) && toHex(first) !== toHex(publicKey)
    }).length
  }

  #byConflict({ evidence }: FoundConflict): readonly Punishment[] {
    const [proof, ...pages] = this.#callsFor(evidence)
    assert(proof !== undefined && pages.length > 0)
    assert.deepEqual(this.#court.send(proof), [])
    const isFinality = evidence.kind === 'finality-certificates'
    assert.equal(this.#court.isHalted, isFinality, `${this.#place}: halted by finality alone`)
    for (const page of pages) {
      for (const { operator } of this.#honestVotes()) {
        const [conflict] = page.args
        const accusation = { name: page.name, args: [conflict, [toHex(operator)]] }
        this.#refuses(() => this.#court.send(accusation), ['NotASigner', 'NotAMember'])
      }
    }
    return pages.flatMap((page) => this.#court.send(page))
  }

  #byVotes(epoch: bigint): readonly Punishment[] {
    const { votes, testimonies, scenario } = this.#run
    return [...scenario.twins].flatMap((index) => {
      const faults = findFaults(votes[index] as OperatorVotes, testimonies)
      const fault = faults.find((found) => found.epoch === epoch)
      if (fault === undefined) return []
      return this.#callsFor(fault.evidence).flatMap((call) => this.#court.send(call))
    })
  }

  /** Pairs of an operator's votes that look like faults and are none. */
  #notFaultsOf({ operator, rounds, finality }: OperatorVotes): readonly Evidence[] {
    const byView = Map.groupBy(rounds, ({ vote }) => `${vote.epoch}/${vote.view}`)
    const isFinal = ({ vote }: SignedRoundVote): boolean =>
      finality.some((signed) => toHex(signed.vote.consensusRoot) === toHex(vote.digest))
    const finalized = rounds.filter(({ vote }) => vote.kind === 'finalize')
    const lost = finalized.findIndex((signed) => !isFinal(signed))
    const rising = finality.toSorted((a, b) => (a.vote.height < b.vote.height ? -1 : 1))
    const pairs: (readonly SignedRoundVote[] | undefined)[] = [
      // A block was voted for, and its view given up.
      [...byView.values()].find((votes) => votes.some(({ vote }) => vote.kind === 'nullify')),
      // A Finalize of what this one never saw final, and the next one, of another block.
      lost < 0 ? undefined : finalized.slice(lost, lost + 2),
      [...byView.values()].find((votes) => votes.length > 1),
    ]
    const roundPairs = pairs.flatMap((pair): readonly Evidence[] => {
      const [first, second] = pair ?? []
      if (first === undefined || second === undefined) return []
      return [{ kind: 'round-votes', operator, first, second }]
    })
    const [low, high] = [rising.at(-2), rising.at(-1)]
    return low === undefined || high === undefined
      ? roundPairs
      : [finalityEvidence(operator, low, high), ...roundPairs]
  }

  #callsFor(evidence: Evidence): ReturnType<typeof evidenceCalls> {
    const { networkId } = this.#context.identity
    return evidenceCalls(evidence, { networkId, validatorSet: this.#context.validatorSet })
  }

  #honestVotes(): readonly OperatorVotes[] {
    return this.#run.votes.filter(({ operator }) => !this.#twins.has(toHex(operator)))
  }

  #areTwins(names: ReadonlySet<Hex>): boolean {
    return [...names].every((name) => this.#twins.has(name))
  }

  #refuses(send: () => unknown, names: readonly string[] = ['NotAFault']): void {
    try {
      send()
    } catch (error) {
      assert(error instanceof ContractRevertError, `${this.#place}: ${String(error)}`)
      assert(names.includes(error.errorName), `${this.#place}: ${error.message}`)
      return
    }
    assert.fail(`${this.#place}: the contract took what is no fault`)
  }
}

function counted(names: readonly string[]): Readonly<Record<string, number>> {
  const groups = Map.groupBy(names, (name) => name)
  const counts = [...groups].map(([name, all]) => [name, all.length] as const)
  return Object.fromEntries(counts.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function finalityEvidence(
  operator: Uint8Array,
  first: SignedFinalityVote,
  second: SignedFinalityVote,
): Evidence {
  return { kind: 'finality-votes', operator, first, second }
}
