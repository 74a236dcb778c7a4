import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { bls12_381 } from '@noble/curves/bls12-381.js'
import { blsPublicKeyOf, checksumAddress, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'

import { keyWords } from '../bls-words.ts'
import type { KeyWords } from '../bls-words.ts'
import { ContractRevertError } from '../testing/contract-world.ts'
import { openingOf, StakeWorld, testOperator } from '../testing/stake-world.ts'
import type { TestOperator } from '../testing/stake-world.ts'
import { refuses } from '../testing/refuses.ts'

const zeroWord = toHex(new Uint8Array(32))
const noKey: KeyWords = { a: zeroWord, b: zeroWord, c: zeroWord }

function keyOf({ secretKey }: TestOperator): KeyWords {
  return keyWords(blsPublicKeyOf(secretKey))
}

describe('OperatorRegistry', () => {
  test('a key is registered once, by who proves to this registry that it is held', () => {
    const stake = new StakeWorld()
    const [first, second] = [testOperator(1), testOperator(2)]
    const [key, possession] = stake.claimOf(first)
    const register = (claim: readonly unknown[], from: Hex) =>
      stake.send(stake.operators, 'register', claim, from)
    refuses(() => register([key, possession], second.address), 'PossessionUnproven')
    refuses(() => register([keyOf(second), possession], first.address), 'PossessionUnproven')
    refuses(() => register([key, '0x'], first.address), 'PossessionUnproven')
    const nothing = toHex(new Uint8Array(256))
    refuses(() => register([noKey, nothing], first.address), 'PossessionUnproven')
    register([key, possession], first.address)
    refuses(() => register([key, possession], first.address), 'AlreadyRegistered')
    const thief = { ...first, address: second.address }
    refuses(() => register(stake.claimOf(thief), second.address), 'KeyTaken')
  })

  test('a rotated key holds from the epoch after the next, the former one until then', () => {
    const stake = new StakeWorld()
    const [former, next, last] = [testOperator(1), testOperator(1, 1), testOperator(1, 2)]
    const keyAt = (epoch: number) => stake.read(stake.operators, 'keyAt', [former.address, epoch])
    const rotate = (operator: TestOperator) =>
      stake.send(stake.operators, 'rotate', stake.claimOf(operator), operator.address)
    refuses(() => rotate(next), 'NotRegistered')
    stake.register(former)
    refuses(() => keyAt(11), 'KeyUnknown')
    assert.deepEqual(keyAt(12), keyOf(former))
    refuses(() => rotate(next), 'RotationPending')
    stake.passEpochs(3)
    rotate(next)
    refuses(() => rotate(last), 'RotationPending')
    stake.passEpochs(2)
    refuses(() => rotate(former), 'KeyTaken')
    rotate(last)
    const held = [12, 14, 15, 16, 17, 30].map(keyAt)
    assert.deepEqual(held, [former, former, next, next, last, last].map(keyOf))
  })

  test('weights are set by the stake manager alone, of operators alone', () => {
    const stake = new StakeWorld()
    const operator = testOperator(1)
    refuses(() => stake.setWeight(operator, 5n), 'NotRegistered')
    stake.register(operator)
    const set = () =>
      stake.send(stake.operators, 'setWeight', [operator.address, 5n], operator.address)
    refuses(set, 'NotTheStakeManager')
    stake.setWeight(operator, 5n)
    assert.equal(stake.read(stake.operators, 'weightAt', [operator.address, 11]), 0n)
    assert.equal(stake.read(stake.operators, 'weightAt', [operator.address, 12]), 5n)
  })
})

describe('NetworkRegistry', () => {
  test('whatever changes, sets, weights and keys of every epoch are those of the definition', () => {
    for (const seed of [1, 2]) runRandomly(seed)
  })

  test('an operator joins once, leaves with notice, and joins again after it', () => {
    const stake = new StakeWorld()
    const operator = testOperator(1)
    stake.register(operator)
    refuses(() => stake.optIn(operator, 7), 'NetworkUnknown')
    stake.openNetwork(7)
    refuses(() => stake.openNetwork(7), 'NetworkTaken')
    stake.setWeight(operator, 1n)
    stake.optIn(operator, 7)
    refuses(() => stake.optIn(operator, 7), 'StillIn')
    const optOut = () => stake.send(stake.networks, 'optOut', [7], operator.address)
    // Who has not been in it yet cannot leave it: it has answered for nothing.
    refuses(optOut, 'NotInYet')
    stake.passEpochs(1)
    refuses(optOut, 'NotInYet')
    stake.passEpochs(1)
    optOut()
    refuses(optOut, 'NotIn')
    refuses(() => stake.optIn(operator, 7), 'StillIn')
    stake.passEpochs(2)
    stake.optIn(operator, 7)
    const isMember = (epoch: number) =>
      stake.read(stake.networks, 'isMember', [7, operator.address, epoch])
    const epochs = [11, 12, 13, 14, 15, 16, 99]
    assert.deepEqual(epochs.map(isMember), [false, true, true, false, false, true, true])
    const members = stake.read(stake.networks, 'membersOf', [7])
    assert.deepEqual(members, [checksumAddress(fromHex(operator.address))])
  })

  test('who joins consents to lose three tenths at least, and no more than all', () => {
    const stake = new StakeWorld()
    const operator = testOperator(1)
    stake.register(operator)
    stake.setWeight(operator, 1n)
    for (const id of [1, 2]) stake.openNetwork(id)
    const join = (id: number, bps: number) =>
      stake.send(stake.networks, 'optIn', [id, bps], operator.address)
    for (const bps of [0, 2_999, 10_001]) refuses(() => join(1, bps), 'SlashLimitInvalid')
    join(1, 3_000)
    join(2, 10_000)
    assert.equal(stake.read(stake.networks, 'isMember', [1, operator.address, 12]), true)
  })

  test('an operator is in 32 networks at most, and each follows its stake', () => {
    const stake = new StakeWorld()
    const operator = testOperator(1)
    stake.register(operator)
    for (let id = 1; id <= 33; id++) stake.openNetwork(id)
    for (let id = 1; id <= 32; id++) stake.optIn(operator, id)
    refuses(() => stake.optIn(operator, 33), 'TooManyNetworks')
    stake.setWeight(operator, 9n)
    const total = (id: number) =>
      (stake.read(stake.networks, 'setAt', [id, 12]) as { total: bigint }).total
    assert.deepEqual([1, 32, 33].map(total), [9n, 9n, 0n])
  })

  test('only governance opens networks, only the operators change them', () => {
    const stake = new StakeWorld()
    const { address } = testOperator(1)
    const network = openingOf(1, { genesisHash: zeroWord })
    refuses(() => stake.send(stake.networks, 'open', [1, network], address), 'NotTheGovernor')
    refuses(() => stake.send(stake.networks, 'open', [1, network]), 'GenesisMissing')
    const change = [address, 12, [0, 5], [noKey, noKey]]
    refuses(() => stake.send(stake.networks, 'operatorChanged', change), 'NotTheOperators')
    const slashed = [12, [{ operator: address, weight: 5, key: noKey }]]
    refuses(() => stake.send(stake.networks, 'operatorsSlashed', slashed), 'NotTheOperators')
  })

  test('a quorum is more than two thirds of all weight, of members named once', () => {
    const stake = new StakeWorld()
    stake.openNetwork(1)
    const all = [1, 2, 3].map((index) => testOperator(index)).sort(byAddress)
    for (const operator of all) {
      stake.register(operator)
      stake.setWeight(operator, 100n)
      stake.optIn(operator, 1)
    }
    const outsider = testOperator(4)
    stake.register(outsider)
    stake.setWeight(outsider, 1n)
    const quorumKey = (epoch: number, ...absent: TestOperator[]) =>
      stake.read(stake.networks, 'quorumKey', [1, epoch, absent.map(({ address }) => address)])
    const [first, second, third] = all as [TestOperator, TestOperator, TestOperator]
    assert.deepEqual(quorumKey(12), sumOf(all.map(keyOf)))
    refuses(() => quorumKey(12, first), 'NoQuorum')
    refuses(() => quorumKey(11), 'NoQuorum')
    refuses(() => quorumKey(12, outsider), 'NotAMember')
    stake.setWeight(second, 101n)
    assert.deepEqual(quorumKey(12, first), sumOf([second, third].map(keyOf)))
    refuses(() => quorumKey(12, second), 'NoQuorum')
    stake.setWeight(second, 1_000n)
    assert.deepEqual(quorumKey(12, first, third), keyOf(second))
    refuses(() => quorumKey(12, third, first), 'OperatorsUnordered')
    refuses(() => quorumKey(12, first, first), 'OperatorsUnordered')
  })
})

/** What holds from an epoch on. */
type Trace<value> = { readonly from: number; readonly value: value }[]

function valueAt<value>(trace: Trace<value>, epoch: number): value | undefined {
  return trace.findLast(({ from }) => from <= epoch)?.value
}

type Model = {
  readonly address: Hex
  readonly keys: Trace<KeyWords>
  readonly weights: Trace<bigint>
  /** By network: whether it is in. */
  readonly memberships: ReadonlyMap<number, Trace<boolean>>
  generation: number
}

/** Random changes over some epochs, and now and then every answer for every epoch. */
function runRandomly(seed: number): void {
  const rng = createSeededRng(seed)
  const stake = new StakeWorld()
  const ids = [1, 2]
  for (const id of ids) stake.openNetwork(id)
  const models = [1, 2, 3, 4].map((index): Model => {
    const operator = testOperator(index)
    stake.register(operator)
    const keys = [{ from: stake.epoch + 2, value: keyOf(operator) }]
    const memberships = new Map(ids.map((id) => [id, []]))
    return { address: operator.address, keys, weights: [], memberships, generation: 0 }
  })
  let refused = 0
  for (let step = 0; step < 60; step++) {
    const index = rng.below(models.length)
    const model = models[index] as Model
    const id = ids[rng.below(ids.length)] as number
    const from = stake.epoch + 2
    const kind = rng.below(13)
    try {
      if (kind < 3) stake.passEpochs(1 + rng.below(2))
      else if (kind < 6) {
        const value = BigInt(rng.below(4)) * 1_000n
        stake.send(stake.operators, 'setWeight', [model.address, value])
        model.weights.push({ from, value })
      } else if (kind < 8) {
        const next = testOperator(index + 1, model.generation + 1)
        stake.send(stake.operators, 'rotate', stake.claimOf(next), model.address)
        model.generation++
        model.keys.push({ from, value: keyOf(next) })
      } else if (kind === 12) {
        const slashed = models.filter(() => rng.below(2) === 0)
        stake.send(stake.operators, 'setTombstones', [slashed.map(({ address }) => address)])
        for (const { weights } of slashed) weights.push({ from, value: 0n })
      } else {
        const isIn = kind < 10
        const args = isIn ? [id, 5_000] : [id]
        stake.send(stake.networks, isIn ? 'optIn' : 'optOut', args, model.address)
        model.memberships.get(id)?.push({ from, value: isIn })
      }
    } catch (error) {
      if (!(error instanceof ContractRevertError)) throw error
      assert.match(error.errorName, /^(RotationPending|StillIn|NotIn|NotInYet)$/)
      refused++
    }
    assert.equal(stake.read(stake.networks, 'joinedStake', []), joinedOf(models))
    if (step % 6 !== 5) continue
    for (let epoch = 9; epoch <= stake.epoch + 3; epoch++) compare({ stake, models, ids, epoch })
  }
  assert.ok(refused > 0)
}

/** What all that are in a network will weigh, each counted once. */
function joinedOf(models: readonly Model[]): bigint {
  return models.reduce((sum, { weights, memberships }) => {
    const isIn = [...memberships.values()].some((trace) => trace.at(-1)?.value)
    return isIn ? sum + (weights.at(-1)?.value ?? 0n) : sum
  }, 0n)
}

function compare(place: {
  readonly stake: StakeWorld
  readonly models: readonly Model[]
  readonly ids: readonly number[]
  readonly epoch: number
}): void {
  const { stake, models, ids, epoch } = place
  for (const { address, keys, weights } of models) {
    const weight = stake.read(stake.operators, 'weightAt', [address, epoch])
    assert.equal(weight, valueAt(weights, epoch) ?? 0n)
    const key = valueAt(keys, epoch)
    if (key === undefined) continue
    assert.deepEqual(stake.read(stake.operators, 'keyAt', [address, epoch]), key)
  }
  for (const id of ids) {
    const { firstEpoch } = stake.read(stake.networks, 'networkOf', [id]) as { firstEpoch: bigint }
    const hasBegun = firstEpoch !== 0n && epoch >= firstEpoch
    const present = models.filter(({ address, memberships }) => {
      const isIn = hasBegun && (valueAt(memberships.get(id) ?? [], epoch) ?? false)
      assert.equal(stake.read(stake.networks, 'isMember', [id, address, epoch]), isIn)
      return isIn
    })
    const weighing = present.filter(({ weights }) => (valueAt(weights, epoch) ?? 0n) > 0n)
    const set = stake.read(stake.networks, 'setAt', [id, epoch]) as {
      total: bigint
      count: number
      key: KeyWords
    }
    const total = weighing.reduce((sum, { weights }) => sum + (valueAt(weights, epoch) ?? 0n), 0n)
    assert.equal(set.total, total)
    assert.equal(stake.read(stake.networks, 'totalAt', [id, epoch]), total)
    assert.equal(set.count, weighing.length)
    assert.deepEqual(set.key, sumOf(weighing.map(({ keys }) => valueAt(keys, epoch) ?? noKey)))
  }
}

/** The sum of keys by noble's arithmetic. */
function sumOf(keys: readonly KeyWords[]): KeyWords {
  const { Point } = bls12_381.G1
  const sum = keys.reduce((point, { a, b, c }) => {
    return point.add(Point.fromHex(`${a.slice(2)}${b.slice(2)}${c.slice(2)}`))
  }, Point.ZERO)
  if (sum.is0()) return noKey
  const hex = sum.toHex(false)
  const [a, b, c] = [0, 64, 128].map((start): Hex => `0x${hex.slice(start, start + 64)}`)
  return { a, b, c } as KeyWords
}

function byAddress(a: TestOperator, b: TestOperator): number {
  return a.address < b.address ? -1 : 1
}
