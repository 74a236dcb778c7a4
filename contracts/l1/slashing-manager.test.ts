import assert from 'node:assert/strict'
import { test } from 'node:test'

import { finalityVoteDigest, roundVoteDigest } from '@zg/consensus'
import type { FinalityVote, RoundVote } from '@zg/consensus'
import {
  bigintToBytes,
  blsAggregate,
  blsSign,
  checksumAddress,
  concat,
  fromHex,
  sha256,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { signatureWords } from '../bls-words.ts'
import { rootOf, siblingsOf } from '../testing/history.ts'
import { L1World, sumOfSignatures } from '../testing/l1-world.ts'
import { testOperator } from '../testing/stake-world.ts'
import type { TestOperator } from '../testing/stake-world.ts'
import { refuses } from '../testing/refuses.ts'

const ether = 10n ** 18n
const reporter: Hex = toHex(new Uint8Array(20).fill(0xef))
const all = [1, 2, 3, 4, 5].map((index) => testOperator(index))
const [culprit, second, third] = all as [TestOperator, TestOperator, TestOperator]
const noOpening = { leaf: toHex(new Uint8Array(32)), siblings: [] as Hex[] }

/** Two round votes and the sum of the signatures on them. */
type Rounds = { readonly votes: readonly RoundVote[]; readonly sum: Hex }

/** Five operators with 100 tokens each validate networks 0 and 1; it is their first epoch, 12. */
function openWorld(slashBpsMax = 10_000) {
  const l1 = new L1World()
  for (const id of [0, 1]) l1.openNetwork(id)
  l1.settle(all, { ids: [0, 1], slashBpsMax })
  l1.goToEpoch(12)
  const stakeOf = ({ address }: TestOperator) =>
    (l1.read(l1.stakes, 'activeOf', address) as { assets: bigint }).assets
  const reportRounds = (id: number, { address }: TestOperator, { votes, sum }: Rounds) =>
    l1.send(
      l1.slashing,
      'reportRoundVotes',
      [id, address, ...votes.map((vote) => l1.roundArgs(vote)), sum],
      reporter,
    )
  const reportFinality = (
    id: number,
    operator: TestOperator,
    { votes, opening = noOpening }: { votes: readonly FinalityVote[]; opening?: typeof noOpening },
  ) => {
    const args = votes.map((vote) => l1.finalityArgs(vote))
    const sum = l1.signFinalities(id, votes, [operator])
    const evidence = [id, operator.address, ...args, opening, sum]
    return l1.send(l1.slashing, 'reportFinalityVotes', evidence, reporter)
  }
  const signed = (id: number, votes: readonly RoundVote[], signer: TestOperator): Rounds => ({
    votes,
    sum: l1.signRounds(id, votes, [signer]),
  })
  return { l1, stakeOf, reportRounds, reportFinality, signed }
}

function round(kind: RoundVote['kind'], fill: number, more: Partial<RoundVote> = {}): RoundVote {
  const digest = new Uint8Array(32).fill(kind === 'nullify' ? 0 : fill)
  return { kind, epoch: 12n, view: 7, digest, ...more }
}

function finality(more: Partial<FinalityVote> = {}): FinalityVote {
  const [blockHash, consensusRoot, histRoot] = [1, 2, 3].map((fill) => sha256(Uint8Array.of(fill)))
  const words = { blockHash, consensusRoot, histRoot } as Pick<
    FinalityVote,
    'blockHash' | 'consensusRoot' | 'histRoot'
  >
  return { epoch: 12n, height: 9n, nextEpoch: 0n, ...words, ...more }
}

const roundFaults: readonly [string, RoundVote, RoundVote][] = [
  ['S1', round('notarize', 1), round('notarize', 2)],
  ['S2', round('finalize', 1), round('finalize', 2)],
  ['S3', round('nullify', 0), round('finalize', 1)],
  ['S4', round('finalize', 1), round('notarize', 2)],
]

for (const [name, first, other] of roundFaults) {
  test(`${name}: two round votes of a view cost stake, in either order`, () => {
    for (const pair of [
      [first, other],
      [other, first],
    ]) {
      const { stakeOf, reportRounds, signed } = openWorld()
      const { events } = reportRounds(1, culprit, signed(1, pair as RoundVote[], culprit))
      const [event] = events
      assert.equal(event?.name, 'Punished')
      assert.equal(event?.args['fault'], Number(name.slice(1)))
      assert.ok(stakeOf(culprit) < 100n * ether)
    }
  })
}

test('S5, S6, S7: finality votes that contradict each other cost stake', () => {
  const fork = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((fill) => sha256(Uint8Array.of(70, fill)))
  const opening = {
    leaf: toHex(fork[9] as Uint8Array),
    siblings: siblingsOf(fork, 9).map(toHex),
  }
  const later = finality({ height: 11n, histRoot: rootOf(fork) })
  const closing = finality({ nextEpoch: 13n })
  const table: readonly [string, FinalityVote, FinalityVote, typeof opening][] = [
    ['S5', finality(), finality({ blockHash: sha256(Uint8Array.of(8)) }), noOpening],
    ['S5', finality(), finality({ nextEpoch: 13n }), noOpening],
    ['S6', finality(), later, opening],
    ['S6', later, finality(), opening],
    ['S7', closing, finality({ height: 10n }), noOpening],
  ]
  for (const [name, first, other, opened] of table) {
    const { reportFinality } = openWorld()
    const { events } = reportFinality(1, culprit, { votes: [first, other], opening: opened })
    assert.equal(events[0]?.args['fault'], Number(name.slice(1)), name)
  }
})

test('what is no fault is not punished, whoever signed it', () => {
  const { reportRounds, reportFinality, signed } = openWorld()
  const rounds: readonly [RoundVote, RoundVote][] = [
    [round('notarize', 1), round('nullify', 0)],
    [round('notarize', 1), round('finalize', 1)],
    [round('notarize', 1), round('notarize', 1)],
    [round('finalize', 1), round('finalize', 2, { view: 8 })],
    [round('notarize', 1), round('notarize', 2, { epoch: 11n })],
  ]
  for (const pair of rounds) {
    refuses(() => reportRounds(1, culprit, signed(1, pair, culprit)), 'NotAFault')
  }
  const leaves = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((fill) => sha256(Uint8Array.of(70, fill)))
  const own = { leaf: toHex(finality().consensusRoot), siblings: siblingsOf(leaves, 9).map(toHex) }
  const finalities: readonly [FinalityVote, FinalityVote, typeof own][] = [
    [finality(), finality(), noOpening],
    [finality(), finality({ height: 10n }), noOpening],
    [finality(), finality({ height: 10n, nextEpoch: 13n }), noOpening],
    [finality({ nextEpoch: 13n }), finality({ height: 10n, epoch: 13n }), noOpening],
    [finality(), finality({ height: 10n, histRoot: rootOf(leaves) }), own],
    [finality(), finality({ height: 10n, histRoot: rootOf(leaves) }), { ...own, siblings: [] }],
  ]
  for (const [first, other, opening] of finalities) {
    const votes = [first, other]
    refuses(() => reportFinality(1, culprit, { votes, opening }), 'NotAFault')
  }
})

test('forged evidence, and evidence of another network, operator or time, is refused', () => {
  const { l1, stakeOf, reportRounds, signed } = openWorld()
  const votes = [round('notarize', 1), round('notarize', 2)]
  const evidence = signed(1, votes, culprit)
  refuses(() => reportRounds(0, culprit, evidence), 'SignatureInvalid')
  refuses(() => reportRounds(1, second, evidence), 'SignatureInvalid')
  refuses(() => reportRounds(7, culprit, evidence), 'NetworkUnknown')
  refuses(() => reportRounds(1, testOperator(9), evidence), 'KeyUnknown')
  const [own, other] = votes as [RoundVote, RoundVote]
  const sums = [
    l1.signRounds(1, [own], [culprit]),
    l1.signRounds(1, [own, own], [culprit]),
    l1.signRounds(1, votes, [culprit, second]),
    l1.signRounds(1, [own, round('notarize', 3)], [culprit]),
    toHex(new Uint8Array(256)),
    '0x' as const,
  ]
  for (const sum of sums) {
    refuses(() => reportRounds(1, culprit, { votes, sum }), 'SignatureInvalid')
  }
  const digests = [own, other].map((vote) => roundVoteDigest(l1.identityOf(1), vote))
  const mixed = signatureWords(
    blsAggregate([
      blsSign(culprit.secretKey, digests[0] as Uint8Array),
      blsSign(second.secretKey, digests[1] as Uint8Array),
    ]),
  )
  refuses(() => reportRounds(1, culprit, { votes, sum: mixed }), 'SignatureInvalid')
  const of = (epoch: bigint) => {
    return signed(
      1,
      votes.map((vote) => ({ ...vote, epoch })),
      culprit,
    )
  }
  refuses(() => reportRounds(1, culprit, of(13n)), 'EpochToCome')
  refuses(() => reportRounds(1, culprit, of(11n)), 'KeyUnknown')
  l1.goToEpoch(17)
  l1.world.advance(1)
  refuses(() => reportRounds(1, culprit, evidence), 'EvidenceTooOld')
  assert.equal(stakeOf(culprit), 100n * ether)
})

test('a retired key convicts nobody: of two epochs both must be young, and both those of a member', () => {
  const { l1 } = openWorld()
  const fresh = testOperator(1, 1)
  l1.rotate(fresh)
  /** What a thief of the former key signs today for epoch 12, and the operator's honest vote. */
  const report = (operator: TestOperator, key: TestOperator, [id, honest]: [number, bigint]) => {
    const votes = [
      finality({ height: 1_000_000n, nextEpoch: 13n }),
      finality({ epoch: honest, height: 5_000n }),
    ] as const
    const [forgery, own] = votes.map((vote) => finalityVoteDigest(l1.identityOf(id), vote))
    const sum = signatureWords(
      blsAggregate([
        blsSign(operator.secretKey, forgery as Uint8Array),
        blsSign(key.secretKey, own as Uint8Array),
      ]),
    )
    const args = votes.map((vote) => l1.finalityArgs(vote))
    const evidence = [id, operator.address, ...args, noOpening, sum]
    return l1.send(l1.slashing, 'reportFinalityVotes', evidence, reporter)
  }
  l1.openNetwork(2)
  l1.send(l1.networks, 'optIn', [2, 10_000], second.address)
  l1.goToEpoch(14)
  // The key still answers for its epoch; where the operator was no member then, it does not.
  refuses(() => report(second, second, [2, 14n]), 'NotAMember')
  assert.equal(report(second, second, [1, 14n]).events[0]?.args['fault'], 7)
  l1.goToEpoch(52)
  refuses(() => report(culprit, fresh, [1, 52n]), 'EvidenceTooOld')
})

test('a slash drill: one fault on network 1 is paid for by all who staked, and on both networks', () => {
  const { l1, stakeOf, reportRounds, signed } = openWorld()
  const delegator: Hex = toHex(new Uint8Array(20).fill(0xd1))
  l1.fund(delegator, 300n * ether)
  l1.send(l1.stakes, 'stake', [culprit.address, 300n * ether], delegator)
  l1.send(l1.stakes, 'unstake', [culprit.address, 50n * ether], culprit.address)
  const total = (id: number, epoch: number) =>
    (l1.read(l1.networks, 'setAt', id, epoch) as { total: bigint }).total / 10n ** 9n
  assert.deepEqual([total(0, 14), total(1, 14)], [750n, 750n])
  const evidence = signed(1, [round('notarize', 1), round('notarize', 2)], culprit)
  // 5 % and three times its 100 of 500.
  assert.equal(l1.read(l1.slashing, 'penaltyOf', 1, culprit.address, 12), 6_500)
  reportRounds(1, culprit, evidence)
  const kept = (amount: bigint) => (amount * ether * 3_500n) / 10_000n
  assert.equal(stakeOf(culprit), kept(350n))
  const exiting = l1.read(l1.stakes, 'exitingOf', culprit.address, 14, culprit.address)
  assert.equal(exiting, kept(50n))
  assert.equal(l1.balanceOf(reporter), (400n * ether * 6_500n) / 10_000n / 20n)
  assert.deepEqual([total(0, 14), total(1, 14)], [400n, 400n])
  assert.deepEqual([total(0, 13), total(1, 13)], [500n, 500n])
  refuses(() => reportRounds(1, culprit, evidence), 'AlreadyPunished')
  refuses(() => reportRounds(0, culprit, evidence), 'SignatureInvalid')
})

test('faults together cost more than one alone, and no more than was consented to', () => {
  const { l1, reportRounds, signed } = openWorld(7_000)
  const parts = [culprit, second, third].map((operator) => {
    const votes = [round('notarize', 1), round('notarize', 2)]
    const { events } = reportRounds(1, operator, signed(1, votes, operator))
    const { bps, deferral } = (events[0]?.args ?? {}) as {
      bps?: number
      deferral?: { bps: number }
    }
    return bps ?? deferral?.bps
  })
  assert.deepEqual(parts, [6_500, 7_000, 7_000])
  const penalty = () => l1.read(l1.slashing, 'penaltyOf', 1, (all[3] as TestOperator).address, 12)
  // Spans are of four epochs here: what was punished in the 13th counts up to the 23rd.
  l1.goToEpoch(23)
  assert.equal(penalty(), 7_000)
  l1.goToEpoch(24)
  assert.equal(penalty(), 6_500)
})

test('after a third of a network punishments of one wait, are settled, and take what leaves', () => {
  const { l1, stakeOf, reportRounds, signed } = openWorld()
  const votes = [round('notarize', 1), round('notarize', 2)]
  const report = (operator: TestOperator, id = 1) =>
    reportRounds(id, operator, signed(id, votes, operator)).events[0]
  const execute = (number: number) => l1.send(l1.slashing, 'execute', [number])
  // A fifth each: two fifths are punished at once, for before the second it was less than a third.
  assert.deepEqual(
    [culprit, second].map((each) => report(each)?.name),
    ['Punished', 'Punished'],
  )
  const deferred = report(third)
  assert.equal(deferred?.name, 'Deferred')
  const due = BigInt(l1.world.timestamp + l1.massDelaySeconds)
  assert.deepEqual(deferred?.args['deferral'], {
    operator: checksumAddress(fromHex(third.address)),
    id: 1,
    epoch: 12n,
    reporter: checksumAddress(fromHex(reporter)),
    // 5 % and three times 300 of 500.
    bps: 10_000,
    fault: 1,
    due: Number(due),
  })
  assert.equal(stakeOf(third), 100n * ether)
  assert.equal(l1.read(l1.slashing, 'isPunished', 1, third.address, 12), true)
  refuses(() => report(third), 'AlreadyPunished')
  // Another network has had no such trouble.
  const [, , , fourth] = all as readonly TestOperator[] as [unknown, unknown, unknown, TestOperator]
  assert.equal(report(fourth, 0)?.name, 'Punished')

  l1.send(l1.stakes, 'unstake', [third.address, 70n * ether], third.address)
  refuses(() => execute(2), 'NotDeferred')
  refuses(() => execute(1), 'StillDeferred')
  l1.world.advance(Number(due) - 1 - l1.world.timestamp)
  refuses(() => execute(1), 'StillDeferred')
  // A message takes a second.
  const before = l1.balanceOf(reporter)
  assert.equal(execute(1).events[0]?.args['assets'], 100n * ether)
  assert.equal(l1.balanceOf(reporter) - before, 5n * ether)
  assert.equal(stakeOf(third), 0n)
  assert.equal(l1.read(l1.stakes, 'exitingOf', third.address, 14, third.address), 0n)
  refuses(() => execute(1), 'NotDeferred')
  const { total } = l1.read(l1.networks, 'setAt', 1, 14) as { total: bigint }
  assert.equal(total, 100n * 10n ** 9n)
})

test('what is reported last and executed late is still there: the delays are held to it', () => {
  const l1 = new L1World()
  const { unbondingSeconds, evidenceAgeMaxSeconds, massDelaySeconds, certificateAgeMaxSeconds } = l1
  const most = unbondingSeconds - evidenceAgeMaxSeconds - certificateAgeMaxSeconds - 1
  assert.ok(massDelaySeconds <= most)
  const deploy = (delay: number) => {
    const args = [l1.oracle.address, l1.stakes.address, evidenceAgeMaxSeconds, delay]
    l1.world.deploy('SlashingManager', { args })
  }
  for (const delay of [most + 1, 2 ** 40]) refuses(() => deploy(delay), 'UnbondingTooShort')
  deploy(most)
})

test('certificates that contradict each other are punished at once, and delay nobody else', () => {
  const votes = [round('notarize', 1), round('notarize', 2)]
  const prove = (l1: L1World, culprits: readonly TestOperator[]) => {
    const [a, b] = votes.map((vote) => l1.roundArgs(vote))
    const sum = l1.signRounds(1, votes, all)
    const { events } = l1.send(l1.slashing, 'proveRoundConflict', [1, a, [], b, [], sum])
    const conflict = events[0]?.args['conflict']
    l1.send(l1.slashing, 'punish', [conflict, addressesOf(culprits)], reporter)
  }
  const { l1, stakeOf, reportRounds, signed } = openWorld()
  for (const operator of [culprit, second]) reportRounds(1, operator, signed(1, votes, operator))
  prove(l1, all.slice(2))
  assert.deepEqual(all.slice(2).map(stakeOf), [0n, 0n, 0n])

  const other = openWorld()
  prove(other.l1, all.slice(2))
  const { events } = other.reportRounds(1, culprit, other.signed(1, votes, culprit))
  assert.equal(events[0]?.name, 'Punished')
})

/** Both certificates of a conflict, as `SlashingManager` takes them: who signed each. */
function conflictOf(
  l1: L1World,
  digests: readonly Uint8Array[],
  signers: readonly (readonly TestOperator[])[],
) {
  const signatures = digests.flatMap((digest, index) =>
    (signers[index] ?? []).map(({ secretKey }) => blsSign(secretKey, digest)),
  )
  const absent = signers.map((own) =>
    all.filter((operator) => !own.includes(operator)).map(({ address }) => address),
  )
  for (const list of absent) list.sort()
  assert.equal(l1.epoch, 12)
  return { absent, sum: signatureWords(blsAggregate(signatures)) }
}

const addressesOf = (operators: readonly TestOperator[]): Hex[] =>
  operators.map(({ address }) => address).sort()

test('S8: whoever signed two certificates of a view loses all, in pages, and nobody else', () => {
  for (const [name, first, other] of roundFaults) {
    const { l1, stakeOf } = openWorld()
    const signers = [all.slice(0, 4), all.slice(1)]
    const votes = [first, other]
    const digests = votes.map((vote) => roundVoteDigest(l1.identityOf(1), vote))
    const { absent, sum } = conflictOf(l1, digests, signers)
    const [a, b] = votes.map((vote) => l1.roundArgs(vote))
    const prove = (id: number, signature: Hex) =>
      l1.send(l1.slashing, 'proveRoundConflict', [id, a, absent[0], b, absent[1], signature])
    refuses(() => prove(0, sum), 'SignatureInvalid')
    refuses(() => prove(1, l1.signRounds(1, votes, all)), 'SignatureInvalid')
    const conflict = prove(1, sum).events[0]?.args['conflict'] as Record<string, unknown>
    assert.equal(conflict['fault'], Number(name.slice(1)))
    refuses(() => prove(1, sum), 'AlreadyProven')

    const punish = (culprits: readonly Hex[], claimed: unknown = conflict) =>
      l1.send(l1.slashing, 'punish', [claimed, culprits], reporter)
    const guilty = addressesOf(all.slice(1, 4))
    refuses(() => punish(guilty, { ...conflict, id: 0 }), 'ConflictUnproven')
    refuses(() => punish(guilty, { ...conflict, secondAbsent: [] }), 'ConflictUnproven')
    refuses(() => punish([guilty[1] as Hex, guilty[0] as Hex]), 'CulpritsUnordered')
    refuses(() => punish([guilty[0] as Hex, guilty[0] as Hex]), 'CulpritsUnordered')
    for (const innocent of [all[0], all[4]] as TestOperator[]) {
      refuses(() => punish([innocent.address]), 'NotASigner')
    }
    refuses(() => punish([testOperator(9).address]), 'NotAMember')
    punish(guilty.slice(0, 1))
    const { events } = punish(guilty)
    assert.equal(events.length, 2, 'who was punished is passed over')
    assert.deepEqual(all.map(stakeOf), [100n * ether, 0n, 0n, 0n, 100n * ether])
    const { total, count } = l1.read(l1.networks, 'setAt', 0, 14) as Record<string, unknown>
    assert.deepEqual([total, count], [200n * 10n ** 9n, 2])
    assert.equal(l1.balanceOf(reporter), 15n * ether)
    const { isHalted } = l1.read(l1.oracle, 'finalOf', 1) as { isHalted: boolean }
    assert.equal(isHalted, false, 'round votes alone halt nothing')
  }
})

test('S8: two finality certificates that contradict each other halt their network alone', () => {
  const fork = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((fill) => sha256(Uint8Array.of(70, fill)))
  const opening = { leaf: toHex(fork[9] as Uint8Array), siblings: siblingsOf(fork, 9).map(toHex) }
  const table: readonly [FinalityVote, FinalityVote, typeof opening, fault: number][] = [
    [finality(), finality({ blockHash: sha256(Uint8Array.of(8)) }), noOpening, 5],
    [finality(), finality({ height: 11n, histRoot: rootOf(fork) }), opening, 6],
    [finality({ nextEpoch: 13n }), finality({ height: 10n }), noOpening, 7],
  ]
  for (const [first, other, opened, fault] of table) {
    const { l1, stakeOf } = openWorld()
    const votes = [first, other]
    const digests = votes.map((vote) => finalityVoteDigest(l1.identityOf(1), vote))
    const { absent, sum } = conflictOf(l1, digests, [all.slice(0, 4), all.slice(1)])
    const [a, b] = votes.map((vote) => l1.finalityArgs(vote))
    const prove = (opens: typeof opening, ...[left, right]: readonly (readonly Hex[])[]) =>
      l1.send(l1.slashing, 'proveFinalityConflict', [1, a, left, b, right, opens, sum])
    const isHalted = (id: number) =>
      (l1.read(l1.oracle, 'finalOf', id) as { isHalted: boolean }).isHalted
    if (fault === 6) refuses(() => prove(noOpening, ...absent), 'NotAFault')
    refuses(() => prove(opened, [], []), 'SignatureInvalid')
    const tooMany = addressesOf(all.slice(0, 2))
    refuses(() => prove(opened, tooMany, absent[1] as Hex[]), 'NoQuorum')
    assert.equal(isHalted(1), false)
    const conflict = prove(opened, ...absent).events[0]?.args['conflict'] as Record<string, unknown>
    assert.equal(conflict['fault'], fault)
    assert.deepEqual([isHalted(1), isHalted(0)], [true, false])
    l1.send(l1.slashing, 'punish', [conflict, addressesOf(all.slice(1, 4))])
    assert.deepEqual(all.map(stakeOf), [100n * ether, 0n, 0n, 0n, 100n * ether])
  }
})

test('S8: nobody but the slashing manager halts by evidence, and old sets decide nothing', () => {
  const { l1 } = openWorld()
  refuses(() => l1.send(l1.oracle, 'haltByFault', [1]), 'NotTheSlashingManager')
  const votes = [finality(), finality({ blockHash: sha256(Uint8Array.of(8)) })]
  const [a, b] = votes.map((vote) => l1.finalityArgs(vote))
  const sum = l1.signFinalities(1, votes, all)
  l1.goToEpoch(17)
  l1.world.advance(1)
  const args = [1, a, [], b, [], noOpening, sum]
  refuses(() => l1.send(l1.slashing, 'proveFinalityConflict', args), 'EvidenceTooOld')
})

test('S9: two commitments for one batch of data cost stake; two batches, and one twice, do not', () => {
  const { l1, stakeOf } = openWorld()
  const disperser: Hex = toHex(new Uint8Array(20).fill(0xda))
  const batch = {
    epoch: 12n,
    quorum: 3,
    disperser,
    sequence: 8n,
    commitment: toHex(sha256(Uint8Array.of(1))),
  }
  const other = { ...batch, commitment: toHex(sha256(Uint8Array.of(2))) }
  const digestOf = (vote: typeof batch) => {
    // docs/specs/votes.md section 2 and 8, byte for byte.
    const tag = new Uint8Array(16)
    tag.set(new TextEncoder().encode('zg/da'))
    const { l1ChainId, stakingContract, networkId, genesisHash } = l1.identityOf(1)
    return sha256(
      concat(
        tag,
        bigintToBytes(l1ChainId, 8),
        stakingContract,
        bigintToBytes(BigInt(networkId), 4),
        genesisHash,
        bigintToBytes(vote.epoch, 8),
        bigintToBytes(BigInt(vote.quorum), 4),
        fromHex(vote.disperser),
        bigintToBytes(vote.sequence, 8),
        fromHex(vote.commitment),
      ),
    )
  }
  const report = (...votes: readonly (typeof batch)[]) => {
    const sum = sumOfSignatures(votes.map(digestOf), [culprit])
    return l1.send(l1.slashing, 'reportDataVotes', [1, culprit.address, ...votes, sum], reporter)
  }
  refuses(() => report(batch, batch), 'NotAFault')
  refuses(() => report(batch, { ...other, sequence: 9n }), 'NotAFault')
  refuses(() => report(batch, { ...other, quorum: 4 }), 'NotAFault')
  refuses(() => report(batch, { ...other, epoch: 11n }), 'NotAFault')
  assert.equal(report(batch, other).events[0]?.args['fault'], 9)
  assert.ok(stakeOf(culprit) < 100n * ether)
})
