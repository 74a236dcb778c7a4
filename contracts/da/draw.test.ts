import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { keccak256, toHex } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'

import { ContractWorld } from '../testing/contract-world.ts'
import { drawOf, slotsOf } from '../testing/data-draw.ts'
import { refuses } from '../testing/refuses.ts'

const world = new ContractWorld()
const contract = world.deploy('ProofsTester')

function draw(votes: readonly bigint[], seed: Uint8Array, quorum: number) {
  const args = [votes, toHex(seed), quorum]
  const found = world.read({ contract, name: 'membersOf', args })
  const [places, shares] = found as readonly [readonly bigint[], readonly bigint[]]
  return { places: places.map(Number), shares }
}

function check(shares: readonly bigint[], slots: readonly number[], rowCount: number): void {
  world.read({ contract, name: 'checkSlots', args: [shares, slots, rowCount] })
}

const most = 2n ** 64n - 1n

/** Votes of so many places, of a kind. */
const kinds: Readonly<Record<string, (random: () => bigint) => bigint>> = {
  equal: () => 7n,
  least: () => 1n,
  most: () => most,
  mixed: (random) => 1n + (random() % 1_000_000n),
  'one whale': (random) => (random() % 50n === 0n ? most : 1n),
  'with gaps': (random) => (random() % 3n === 0n ? 0n : 1n + (random() % 5n)),
}

describe('Draw', () => {
  for (const count of [1, 2, 16, 50, 51, 512, 513, 4_096]) {
    test(`draws ${count} places as the specification does, and takes its rounding`, () => {
      const seed = keccak256(Uint8Array.of(count >> 8, count & 255))
      const rng = createSeededRng(count)
      const random = (): bigint => BigInt(rng.below(2 ** 30))
      for (const [name, kind] of Object.entries(kinds)) {
        const votes = Array.from({ length: count }, () => kind(random))
        if (!votes.some((own) => own > 0n)) votes[0] = 1n
        for (const rowCount of [3_072, 4_096]) {
          const quorum = rng.below(64)
          const { places, shares, slots } = drawOf(votes, { seed, quorum, rowCount })
          assert.deepEqual(draw(votes, seed, quorum), { places, shares }, name)
          check(shares, slots, rowCount)
          assert.equal(
            slots.reduce((sum, own) => sum + own, 0),
            rowCount,
          )
        }
      }
    })
  }

  test('nobody is drawn where nobody has votes', () => {
    const seed = keccak256(Uint8Array.of(1))
    refuses(() => draw([], seed, 0), 'NobodyActive')
    refuses(() => draw([0n, 0n], seed, 0), 'NobodyActive')
  })

  test('no other rounding is taken: not one slot moves from a member to another', () => {
    const table: readonly (readonly bigint[])[] = [
      [1n, 1n, 1n],
      [3n, 5n, 7n, 11n, 13n],
      [most, 1n, most, 2n],
      Array.from({ length: 60 }, (_, index) => BigInt(1 + (index % 7))),
    ]
    for (const shares of table) {
      const slots = slotsOf(shares, 4_096)
      check(shares, slots, 4_096)
      for (const from of shares.keys()) {
        for (const to of shares.keys()) {
          if (from === to || slots[from] === 0) continue
          const moved = slots.map((own, index) =>
            index === from ? own - 1 : index === to ? own + 1 : own,
          )
          refuses(() => check(shares, moved, 4_096), 'SlotsInvalid')
        }
      }
    }
  })

  test('slots are as many as members, and together as many as rows', () => {
    const shares = [3n, 5n, 7n]
    const slots = slotsOf(shares, 4_096)
    refuses(() => check(shares, slots.slice(1), 4_096), 'SlotsInvalid')
    refuses(() => check(shares, [...slots, 0], 4_096), 'SlotsInvalid')
    refuses(() => check(shares, slots, 4_095), 'SlotsInvalid')
    refuses(() => check(shares, [65_535, 65_535, 65_535], 4_096), 'SlotsInvalid')
    // The sum is right, and a member has two more than its floor.
    const equal = [1n, 1n, 1n]
    refuses(() => check(equal, [1_364, 1_366, 1_366], 4_096), 'SlotsInvalid')
    // Of equal remainders the lower place comes first.
    check(equal, [1_366, 1_365, 1_365], 4_096)
    refuses(() => check(equal, [1_365, 1_365, 1_366], 4_096), 'SlotsInvalid')
  })

  test('slots go by votes, and nobody is capped', () => {
    assert.deepEqual(slotsOf([1_000_000n, 1_000_000n, 1n, 1n], 4_096), [2_048, 2_048, 0, 0])
    assert.deepEqual(slotsOf([9n, 1n, 1n, 1n], 4_096), [3_072, 342, 341, 341])
    const split = [6n, 3n, ...Array.from({ length: 3 }, () => 1n)]
    assert.deepEqual(slotsOf(split, 4_096), [2_048, 1_024, 342, 341, 341])
    check(split, [2_048, 1_024, 342, 341, 341], 4_096)
  })

  test('whatever m of M members have, rounding gives them m (M - m) / M slots beyond it at most', () => {
    for (const rowCount of [3_072, 4_096]) {
      for (const count of [1, 2, 3, 16, 51, 128, 511, 512]) {
        const rng = createSeededRng(count + rowCount)
        const random = (): bigint => BigInt(rng.below(2 ** 30))
        for (const kind of Object.values(kinds)) {
          const shares = Array.from({ length: count }, () => kind(random)).filter((own) => own > 0n)
          if (shares.length === 0) continue
          const slots = slotsOf(shares, rowCount)
          check(shares, slots, rowCount)
          assertRounding(shares, slots, rowCount)
          // A third of the votes, split as evenly as integers are.
          const total = shares.reduce((sum, own) => sum + own, 0n)
          const places = 512 - shares.length
          if (places === 0 || total < 1_024n) continue
          const part = total / 2n / BigInt(places)
          const split = [...shares, ...Array.from({ length: places }, () => part + 1n)]
          assertRounding(split, slotsOf(split, rowCount), rowCount)
        }
      }
    }
  })

  test('that much is gained: 128 of 512 with 32.03 % of the votes hold 34.4 % of the slots', () => {
    const [few, many] = [128, 384]
    const shares = [...Array<bigint>(few).fill(41n), ...Array<bigint>(many).fill(29n)]
    const slots = slotsOf(shares, 4_096)
    check(shares, slots, 4_096)
    assertRounding(shares, slots, 4_096)
    const held = slots.slice(0, few).reduce((sum, own) => sum + own, 0)
    const total = few * 41 + many * 29
    assert.equal(((few * 41) / total).toFixed(4), '0.3203')
    assert.equal((held / 4_096).toFixed(3), '0.344')
    // Exactly the bound.
    assert.equal(held, (4_096 * few * 41) / total + (few * many) / 512)
  })
})

/** Those that gain most, of each number of members: whoever conspires gains no more. */
function assertRounding(
  shares: readonly bigint[],
  slots: readonly number[],
  rowCount: number,
): void {
  const total = shares.reduce((sum, own) => sum + own, 0n)
  const gains = shares.map((own, index) => BigInt(slots[index]!) * total - BigInt(rowCount) * own)
  gains.sort((a, b) => (a < b ? 1 : a > b ? -1 : 0))
  const count = BigInt(shares.length)
  let gained = 0n
  for (const [index, gain] of gains.entries()) {
    gained += gain
    const members = BigInt(index + 1)
    assert.ok(gained * count <= members * (count - members) * total, `${members} of ${count}`)
  }
}
