import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { RoundVote } from '@zg/consensus'
import { createSeededRng } from '@zg/runtime'

import { ContractRevertError } from '../testing/contract-world.ts'
import { L1World } from '../testing/l1-world.ts'
import { refuses } from '../testing/refuses.ts'
import { StakeWorld, testOperator } from '../testing/stake-world.ts'
import type { TestOperator } from '../testing/stake-world.ts'

type Operators = readonly [TestOperator, TestOperator, TestOperator, ...TestOperator[]]

const id = 1
const weight = 100n

/** A network of so many operators of equal weight, in its first epoch, which is 12. */
function openWorld(count: number) {
  const stake = new StakeWorld()
  const all = Array.from({ length: count }, (_, index) => testOperator(index + 1))
  stake.openNetwork(id)
  for (const operator of all) {
    stake.register(operator)
    stake.setWeight(operator, weight)
    stake.optIn(operator, id)
  }
  stake.passEpochs(2)
  const optOut = ({ address }: TestOperator) => stake.send(stake.networks, 'optOut', [id], address)
  const setAt = (epoch: number) =>
    stake.read(stake.networks, 'setAt', [id, epoch]) as { count: number; total: bigint }
  /** A newcomer that has weight and is in no network yet. */
  const newcomer = (index: number, own: bigint): TestOperator => {
    const operator = testOperator(index)
    stake.register(operator)
    stake.setWeight(operator, own)
    return operator
  }
  return { stake, all: all as readonly TestOperator[] as Operators, optOut, setAt, newcomer }
}

/** What an act is refused with. */
function refusalOf(act: () => unknown): ContractRevertError {
  try {
    act()
  } catch (error) {
    if (error instanceof ContractRevertError) return error
    throw error
  }
  return assert.fail('it was not refused')
}

test('below twenty members nothing is limited, the epoch in which there are twenty included', () => {
  const { stake, all, optOut, newcomer, setAt } = openWorld(19)
  stake.setWeight(all[0], 5_000n)
  optOut(all[1])
  optOut(all[2])
  for (const index of [30, 31, 32]) stake.optIn(newcomer(index, 3_000n), id)
  assert.equal(setAt(stake.epoch + 2).count, 20)
  stake.passEpochs(1)
  refuses(() => stake.setWeight(all[0], 5_900n), 'OperatorTooHeavy')
})

test('what makes up the first set is under no churn, also when it took some epochs', () => {
  const stake = new StakeWorld()
  stake.openNetwork(id, { operatorsMin: 21 })
  const join = (index: number): void => {
    const operator = testOperator(index)
    stake.register(operator)
    stake.setWeight(operator, weight)
    stake.optIn(operator, id)
  }
  for (let index = 1; index <= 20; index++) join(index)
  stake.passEpochs(1)
  // The first of these has it begin; the others stand in the same set.
  for (const index of [21, 22, 23, 24]) join(index)
  const { firstEpoch } = stake.read(stake.networks, 'networkOf', [id]) as { firstEpoch: bigint }
  assert.equal(firstEpoch, BigInt(stake.epoch + 2))
  stake.passEpochs(1)
  join(25)
  refuses(() => join(26), 'ChurnFull')
})

test('a weight does not rise above a tenth of the total, by stake or by joining', () => {
  const { stake, all, newcomer } = openWorld(20)
  stake.setWeight(all[0], 190n)
  stake.passEpochs(1)
  const tooHeavy = refusalOf(() => stake.setWeight(all[0], 212n))
  assert.equal(tooHeavy.errorName, 'OperatorTooHeavy')
  assert.deepEqual(tooHeavy.errorArgs, [id, 211n])
  stake.setWeight(all[0], 211n)
  refuses(() => stake.optIn(newcomer(30, 235n), id), 'OperatorTooHeavy')
  // Whose part rose because others left keeps it, and may shrink.
  stake.passEpochs(1)
  stake.setWeight(all[0], 205n)
})

test('a twentieth of the total may come in an epoch, and as much may go, apart from each other', () => {
  const { stake, all, newcomer, optOut, setAt } = openWorld(20)
  const [first, second, third] = all
  const fourth = all[3]!
  stake.setWeight(first, 160n)
  const tooMuch = refusalOf(() => stake.setWeight(second, 141n))
  assert.equal(tooMuch.errorName, 'ChurnFull')
  assert.deepEqual(tooMuch.errorArgs, [id, 40n, BigInt(stake.epoch + 3)])
  stake.setWeight(second, 140n)
  refuses(() => stake.optIn(newcomer(30, 1n), id), 'ChurnFull')
  // What goes has its own measure: one of twenty.
  optOut(third)
  assert.deepEqual([setAt(13).total, setAt(14).total], [2_000n, 2_000n])
  // And what is unstaked another one: who leaves, and may come back, holds up nobody's stake.
  refuses(() => optOut(fourth), 'ChurnFull')
  stake.setWeight(second, 100n)
  stake.setWeight(fourth, 40n)
  refuses(() => stake.setWeight(fourth, 39n), 'ChurnFull')
  assert.equal(setAt(14).total, 1_900n)
  stake.passEpochs(1)
  stake.setWeight(fourth, 39n)
  stake.optIn(testOperator(30), id)
})

test('who is above the limit by itself leaves whatever little went first, and fills the epochs after', () => {
  const { stake, all, optOut } = openWorld(21)
  const [large, other, rival] = all
  stake.setWeight(large, 200n)
  stake.passEpochs(1)
  stake.setWeight(large, 220n)
  stake.setWeight(rival, 190n)
  stake.passEpochs(1)
  // A little that leaves first, in every epoch if need be, keeps nobody in.
  stake.setWeight(other, 99n)
  // Stake can be cut, so it waits for room.
  refuses(() => stake.setWeight(large, 100n), 'ChurnFull')
  optOut(large)
  refuses(() => optOut(rival), 'ChurnFull')
  stake.passEpochs(1)
  stake.setWeight(other, 98n)
  const full = refusalOf(() => optOut(other))
  // It fills two epochs and a rest, for the total is less without it: the second after is free.
  assert.deepEqual([full.errorName, full.errorArgs[1]], ['ChurnFull', 0n])
  assert.equal(full.errorArgs[2], BigInt(stake.epoch + 4))
  refuses(() => optOut(rival), 'ChurnFull')
  stake.passEpochs(1)
  optOut(rival)
})

test('who joins and leaves, as often as it can, keeps nobody’s stake in', () => {
  const { stake, all, optOut, newcomer } = openWorld(20)
  const [victim, neighbour] = all
  // Each above the limit by itself, so that it fills epochs when it leaves.
  const idle = [30, 31].map((index) => newcomer(index, 200n))
  let left = 100n
  for (let epoch = 0; epoch < 12; epoch++) {
    for (const operator of idle) {
      for (const act of [() => stake.optIn(operator, id), () => optOut(operator)]) {
        try {
          act()
        } catch (error) {
          assert.ok(error instanceof ContractRevertError)
        }
      }
    }
    // Whoever is late in an epoch still finds room for what it takes out.
    left -= 7n
    stake.setWeight(victim, left)
    stake.setWeight(neighbour, left)
    stake.passEpochs(1)
  }
})

test('a slash is under no limit and takes nothing of it', () => {
  const ether = 10n ** 18n
  const l1 = new L1World()
  const all = Array.from({ length: 20 }, (_, index) => testOperator(index + 1))
  l1.openNetwork(id)
  l1.settle(all, { ids: [id] })
  l1.goToEpoch(12)
  const [first, second, third] = all as [TestOperator, TestOperator, TestOperator]
  const unstake = ({ address }: TestOperator, amount: bigint) =>
    l1.send(l1.stakes, 'unstake', [address, amount * ether], address)
  const report = (operator: TestOperator) => {
    const votes = [1, 2].map((fill): RoundVote => {
      const vote = { kind: 'notarize', epoch: 12n, view: 7 } as const
      return { ...vote, digest: new Uint8Array(32).fill(fill) }
    })
    const [a, b] = votes.map((vote) => l1.roundArgs(vote))
    const evidence = [id, operator.address, a, b, l1.signRounds(id, votes, [operator])]
    return l1.send(l1.slashing, 'reportRoundVotes', evidence)
  }
  report(first)
  unstake(second, 100n)
  refuses(() => unstake(third, 1n), 'ChurnFull')
  report(third)
  const { count, total } = l1.read(l1.networks, 'setAt', id, 14) as Record<string, unknown>
  assert.deepEqual([count, total], [17, 1_700n * 10n ** 9n])
  // Who was slashed leaves whenever it likes: it weighs nothing.
  l1.send(l1.networks, 'optOut', [id], third.address)
  unstake(third, 50n)
})

test('whatever comes and goes, neighbouring sets share all but a twentieth of each kind and one operator each way', () => {
  for (const seed of [1, 2]) runRandomly(seed)
})

function runRandomly(seed: number): void {
  const rng = createSeededRng(`zg/churn ${seed}`)
  const { stake, all, optOut } = openWorld(26)
  const epochs = 8
  let refused = 0
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let step = 0; step < 12; step++) {
      const operator = all[rng.below(all.length)] as TestOperator
      const kind = rng.below(6)
      try {
        if (kind < 4) stake.setWeight(operator, 40n + BigInt(rng.below(120)))
        else if (kind < 5) optOut(operator)
        else stake.optIn(operator, id)
      } catch (error) {
        if (!(error instanceof ContractRevertError)) throw error
        assert.match(error.errorName, /^(ChurnFull|NotIn|NotInYet|StillIn|OperatorTooHeavy)$/)
        refused++
      }
    }
    stake.passEpochs(1)
  }
  assert.ok(refused > 0)
  const weightsAt = (epoch: number): readonly bigint[] =>
    all.map(({ address }) => {
      const isIn = stake.read(stake.networks, 'isMember', [id, address, epoch])
      return isIn === true
        ? (stake.read(stake.operators, 'weightAt', [address, epoch]) as bigint)
        : 0n
    })
  let moved = 0n
  for (let epoch = 13; epoch < 12 + epochs; epoch++) {
    const [before, after] = [weightsAt(epoch - 1), weightsAt(epoch)]
    const total = before.reduce((sum, each) => sum + each, 0n)
    const changes = before.map((each, index) => (after[index] ?? 0n) - each)
    const come = changes.reduce((sum, change) => (change > 0n ? sum + change : sum), 0n)
    const gone = changes.reduce((sum, change) => (change < 0n ? sum - change : sum), 0n)
    // One that cannot be cut may be above it, and goes beside what was cut.
    const largest = before.concat(after).reduce((most, each) => (each > most ? each : most), 0n)
    const part = total / 20n
    const most = part + (largest > part ? largest : 0n)
    // By leaving, and by unstaking.
    const isHeld = come <= most && gone <= most + part
    assert.ok(isHeld, `seed ${seed}, epoch ${epoch}: ${come}, ${gone}`)
    moved += come + gone
  }
  assert.ok(moved > 0n)
}
