/**
 * Who forks a network pays: forks of the real engine, judged by the real contracts.
 *
 *     twins of more than a third   every fork leaves evidence that SlashingManager takes against a
 *                                  third of the stake or more, and against twins alone
 *     twins of at most a third     no fork
 *     either                       nothing that an honest operator signed can be punished
 *
 * A fork is proved in one of three ways, by the seed: by the best there is, which is two finality
 * certificates when both sides have one; by round certificates alone, as if no finality vote had
 * been seen; or operator by operator, from votes heard on the wire.
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
export type Means = 'best conflict' | 'round certificates' | 'votes'

/** What a seed showed. */
export type Verdict = {
  readonly seed: number
  readonly fork: Fork | undefined
  readonly means: Means
  /** Faults as the contract named them. */
  readonly faults: readonly string[]
  /** Punished, in parts of 10,000 of the set's weight in the epoch of the fault. */
  readonly punishedBps: number
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
  readonly faults: Readonly<Record<string, number>>
  /** Of the weight of the set, in parts of 10,000, over all forks. */
  readonly punishedBpsLeast: number
  readonly wholeSeeds: number
  readonly wholeForks: number
  readonly acquittals: number
  readonly heights: number
  readonly failures: number
}

const meansBySeed: readonly Means[] = ['best conflict', 'round certificates', 'votes']

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
    means,
    faults: [...new Set(sentence?.punished.map(({ fault }) => fault))],
    punishedBps: sentence?.bps ?? 0,
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
    means: counted(forks.map(({ means }) => means)),
    faults: counted(forks.flatMap(({ faults }) => faults)),
    punishedBpsLeast: Math.min(...forks.map(({ punishedBps }) => punishedBps)),
    wholeSeeds: whole.length,
    wholeForks: whole.filter(({ fork }) => fork !== undefined).length,
    acquittals: [...forking, ...whole].reduce((sum, { acquittals }) => sum + acquittals, 0),
    heights: Number([...forking, ...whole].reduce((sum, { height }) => sum + height, 0n)),
    failures,
  }
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
      for (const operator of verifyEvidence(this.#context, evidence)) this.#checkTwin(operator)
    }
    for (const votes of this.#honestVotes()) {
      assert.deepEqual(findFaults(votes, this.#run.testimonies), [], this.#place)
    }
  }

  /** With twins of at most a third there is one chain, and nobody stops. */
  checkUnity(): void {
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
  convict(fork: Fork, means: Means): { punished: readonly Punishment[]; bps: number } {
    const conflicts = findConflicts(this.#context, this.#run.testimonies)
    const [best] = conflicts
    const rounds = conflicts.find(({ evidence }) => evidence.kind === 'certificates')
    // Finality certificates are the best of proofs, but there need be none: these there must be.
    assert(best !== undefined && rounds !== undefined, `${this.#place}: no conflict was found`)
    const { l1 } = this.#court
    if (BigInt(l1.epoch) < epochOf(best)) l1.goToEpoch(Number(epochOf(best)))
    const chosen = means === 'round certificates' ? rounds : best
    const punished = means === 'votes' ? this.#byVotes(fork.epoch) : this.#byConflict(chosen)
    for (const { operator } of punished) assert(this.#twins.has(operator), this.#place)
    const epoch = means === 'votes' ? fork.epoch : epochOf(chosen)
    const guilty = punished.reduce((sum, { weight }) => sum + weight, 0n)
    const total = this.#court.totalAt(epoch)
    assert(3n * guilty >= total, `${this.#place}: ${guilty} of ${total} punished`)
    return { punished, bps: Number((10_000n * guilty) / total) }
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
      // A Finalize that found no quorum, and the next one, of another block.
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

  #checkTwin(operator: Uint8Array): void {
    assert(this.#twins.has(toHex(operator)), `${this.#place}: ${toHex(operator)} is honest`)
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
  return Object.fromEntries([...groups].map(([name, all]) => [name, all.length]).sort())
}

function epochOf({ evidence: { first, second } }: FoundConflict): bigint {
  return first.vote.epoch > second.vote.epoch ? first.vote.epoch : second.vote.epoch
}

function finalityEvidence(
  operator: Uint8Array,
  first: SignedFinalityVote,
  second: SignedFinalityVote,
): Evidence {
  return { kind: 'finality-votes', operator, first, second }
}
