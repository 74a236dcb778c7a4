/**
 * S1 to S8 as the real engine signs them, judged by the real contract.
 *
 * One run has them all: seed 13, in which nearly half of the stake is of two minds and forks it.
 * S9 is of data, which the engine does not sign: da/batch/evidence.test.ts. Minds of less than a
 * third sign S1, S3 and S4 at most: a mind finalizes only what a quorum notarized, so S2 and S5 to
 * S7 take a second quorum.
 */

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { blsScheme, finalityFaultOf, findConflicts, findFaults } from '@zg/consensus'
import type {
  Evidence,
  FoundConflict,
  Message,
  OperatorVotes,
  RoundVote,
  ValidatorSet,
} from '@zg/consensus'
import { ContractRevertError } from '@zg/contracts/testing'
import { bytesEqual, toHex } from '@zg/primitives'
import { createSeededRng, goodLink } from '@zg/runtime'
import { evidenceCalls } from '@zg/staking'
import type { SlashingCall } from '@zg/staking'

import { drawForkScenario, firstForkEpoch } from './fork-scenario.ts'
import { runForkScenario, runForkSeed } from './fork-world.ts'
import type { ForkRun } from './fork-world.ts'
import { JudgingL1, otherNetworkId } from './testing/judging-l1.ts'

const seed = 13
const kinds = ['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7'] as const
const { identity } = new JudgingL1()
const { networkId } = identity

let run: ForkRun
let conflicts: readonly FoundConflict[]

before(async () => {
  run = await runForkSeed(seed, { share: 'more than a third', identity })
  const context = { scheme: blsScheme(), identity, validatorSet }
  conflicts = findConflicts(context, run.testimonies)
})

for (const fault of kinds) {
  test(`${fault}: two votes of an engine of two minds are punished, once and here alone`, () => {
    const court = courtOf(run)
    const [guilty] = [...run.scenario.twins].map((index) => run.votes[index] as OperatorVotes)
    const [honest] = honestVotes(run)
    assert.ok(guilty !== undefined && honest !== undefined)
    const found = findFaults(guilty, run.testimonies).find((each) => each.fault === fault)
    assert.ok(found !== undefined, `${fault} in seed ${seed}`)
    const { evidence } = found
    reach(court, found.epoch)
    const [call] = callsFor(evidence) as [SlashingCall]
    const unsigned = {
      ...evidence,
      first: { ...evidence.first, signature: evidence.second.signature },
    }
    const forgeries: readonly (readonly [how: string, call: SlashingCall])[] = [
      ['moved to another network', { ...call, args: call.args.with(0, otherNetworkId) }],
      [
        'held against another operator',
        { ...call, args: call.args.with(1, toHex(honest.operator)) },
      ],
      ['one signature twice', callsFor(unsigned as Evidence)[0] as SlashingCall],
      ['no signature', { ...call, args: call.args.with(-1, toHex(new Uint8Array(256))) }],
    ]
    for (const [how, forged] of forgeries) refuses(court, forged, 'SignatureInvalid', how)
    const [punishment, ...more] = court.send(call)
    assert.deepEqual(more, [])
    assert.equal(punishment?.fault, fault)
    assert.equal(punishment?.operator, toHex(guilty.operator))
    refuses(court, call, 'AlreadyPunished')
  })

  test(`S8 of ${fault}: two certificates of engines of two minds convict who signed both`, () => {
    const court = courtOf(run)
    const found = conflicts.find((each) => each.fault === fault)
    assert.ok(found !== undefined, `a conflict ${fault} in seed ${seed}`)
    const { evidence } = found
    reach(court, evidence.first.vote.epoch)
    reach(court, evidence.second.vote.epoch)
    const [proof, page] = callsFor(evidence) as [SlashingCall, SlashingCall]
    refuses(court, page, 'ConflictUnproven')
    refuses(court, { ...proof, args: [otherNetworkId, ...proof.args.slice(1)] }, 'SignatureInvalid')
    // As if all had signed the first one.
    refuses(court, { ...proof, args: proof.args.with(2, []) }, 'SignatureInvalid')
    court.send(proof)
    assert.equal(court.isHalted, evidence.kind === 'finality-certificates')
    refuses(court, proof, 'AlreadyProven')
    const punished = court.send(page)
    assert.deepEqual(
      punished.map(({ operator }) => operator),
      found.operators.map(toHex).sort(),
    )
    const twins = [...run.scenario.twins].map((index) => toHex(run.operators[index]!))
    for (const { operator, fault: named } of punished) {
      assert.equal(named, fault)
      assert.ok(twins.includes(operator))
    }
    assert.deepEqual(court.send(page), [], 'who was punished is passed over')
  })
}

test('two finality votes under two keys of one operator are punished', async () => {
  const rotated = await runForkSeed(39, { share: 'more than a third', identity })
  const { truth, scenario, votes } = rotated
  const keyOf = (operator: Uint8Array, epoch: bigint): string | undefined => {
    const members = truth.validatorSet(epoch)?.validators ?? []
    const member = members.find((each) => bytesEqual(each.operator, operator))
    return member && toHex(member.publicKey)
  }
  const pairs = [...scenario.twins].flatMap((index) => {
    const { operator, finality } = votes[index] as OperatorVotes
    return finality.flatMap((first) =>
      finality
        .filter(({ vote }) => finalityFaultOf(first.vote, vote) !== undefined)
        .filter(({ vote }) => keyOf(operator, first.vote.epoch) !== keyOf(operator, vote.epoch))
        .map((second) => ({ kind: 'finality-votes', operator, first, second }) as const),
    )
  })
  const [evidence] = pairs
  assert.ok(evidence !== undefined)
  const court = courtOf(rotated)
  reach(court, evidence.first.vote.epoch)
  reach(court, evidence.second.vote.epoch)
  const [call] = callsFor(evidence) as [SlashingCall]
  const [punishment] = court.send(call)
  assert.equal(punishment?.operator, toHex(evidence.operator))
  assert.equal(punishment?.fault, finalityFaultOf(evidence.first.vote, evidence.second.vote))
})

test('no fault: Notarize and Nullify of one view, as honest engines sign them', () => {
  const court = courtOf(run)
  let count = 0
  for (const { operator, rounds } of honestVotes(run)) {
    for (const first of rounds.filter(({ vote }) => vote.kind === 'notarize')) {
      const second = rounds.find(
        ({ vote }) =>
          vote.kind === 'nullify' &&
          vote.epoch === first.vote.epoch &&
          vote.view === first.vote.view,
      )
      if (second === undefined) continue
      const [call] = callsFor({ kind: 'round-votes', operator, first, second })
      refuses(court, call as SlashingCall, 'NotAFault')
      count++
    }
  }
  assert.ok(count > 0)
})

test('no fault: a Finalize that finds no quorum, and then the finality of another block', async () => {
  let count = 0
  for (const node of [0, 1, 2, 3]) {
    const lonely = await runWithLonelyView(node, 3)
    assert.equal(lonely.fork, undefined)
    const finals = new Set(
      lonely.testimonies
        .flatMap(({ rootAt }) =>
          Array.from({ length: Number(lonely.height) + 1 }, (_, height) => rootAt(BigInt(height))),
        )
        .flatMap((root) => (root === undefined ? [] : toHex(root))),
    )
    const { operator, rounds } = lonely.votes[node] as OperatorVotes
    const finalizes = rounds.filter(({ vote }) => vote.kind === 'finalize')
    const first = finalizes.find(({ vote }) => vote.view === 3 && !finals.has(toHex(vote.digest)))
    if (first === undefined) continue
    // It went on, and voted for what became final instead.
    const later = rounds.filter(({ vote }) => vote.view > 3 && finals.has(toHex(vote.digest)))
    assert.ok(later.some(({ vote }) => vote.kind === 'finalize'))
    const court = courtOf(lonely)
    for (const second of later.slice(0, 4)) {
      const [call] = callsFor({ kind: 'round-votes', operator, first, second })
      refuses(court, call as SlashingCall, 'NotAFault')
    }
    count++
  }
  assert.ok(count > 0, 'a Finalize was lost')
})

test('no fault: the finality votes of an honest engine, one after another and across a close', () => {
  const court = courtOf(run)
  let [neighbours, closes] = [0, 0]
  for (const { operator, finality } of honestVotes(run)) {
    const rising = finality.toSorted((a, b) => (a.vote.height < b.vote.height ? -1 : 1))
    const pairs = rising.slice(1).map((second, index) => ({ first: rising[index]!, second }))
    const across = pairs.filter(({ first, second }) => first.vote.epoch < second.vote.epoch)
    for (const pair of [...pairs.slice(0, 2), ...across.slice(0, 2)]) {
      reach(court, pair.second.vote.epoch)
      const [call] = callsFor({ kind: 'finality-votes', operator, ...pair })
      refuses(court, call as SlashingCall, 'NotAFault')
    }
    neighbours += pairs.length
    closes += across.length
  }
  assert.ok(neighbours > 0 && closes > 0, `${neighbours} pairs, ${closes} across a close`)
})

/** Four honest nodes of one mind; what notarizes a view of the first epoch reaches one of them. */
function runWithLonelyView(node: number, view: number): Promise<ForkRun> {
  const stakes = Array.from({ length: 4 }, () => 100n * 10n ** 9n)
  const scenario = {
    ...drawForkScenario(1, createSeededRng('drill'), 'at most a third'),
    stakes,
    schedule: [stakes.map((stake) => ({ isIn: true, stake, key: 0 }))],
    twins: new Set<number>(),
    phases: [{ atMs: 0, sides: [0, 0, 0, 0], isSplit: false }],
    crashes: [],
    link: goodLink,
    endMs: 2_000,
  }
  return runForkScenario(scenario, {
    identity,
    loses: (message, to) => {
      const vote = votedIn(message)
      const isIt = vote?.kind === 'notarize' && vote.view === view && vote.epoch === firstForkEpoch
      return isIt && to !== node
    },
  })
}

/** The round vote of a vote or certificate; a proposal goes through. */
function votedIn(message: Message): RoundVote | undefined {
  if (message.kind === 'vote') return message.vote
  return message.kind === 'certificate' ? message.certificate.vote : undefined
}

/** Contracts that know the operators of a run. */
function courtOf(of: ForkRun): JudgingL1 {
  const court = new JudgingL1()
  court.enroll(of)
  return court
}

/** Waits until an epoch has begun on L1: faults of epochs to come are refused. */
function reach({ l1 }: JudgingL1, epoch: bigint): void {
  if (BigInt(l1.epoch) < epoch) l1.goToEpoch(Number(epoch))
}

function callsFor(evidence: Evidence, id = networkId): readonly SlashingCall[] {
  return evidenceCalls(evidence, { networkId: id, validatorSet })
}

function validatorSet(epoch: bigint): ValidatorSet | undefined {
  return run.truth.validatorSet(epoch)
}

function honestVotes({ scenario, votes }: ForkRun): readonly OperatorVotes[] {
  return votes.filter((_, index) => !scenario.twins.has(index))
}

function refuses(
  court: JudgingL1,
  call: SlashingCall,
  errorName: string,
  how: string = call.name,
): void {
  assert.throws(
    () => court.send(call),
    (error) => error instanceof ContractRevertError && error.errorName === errorName,
    `${how}: ${errorName}`,
  )
}
