import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import {
  drawQuorum,
  holderOf,
  isCertified,
  membersMax,
  QuorumEmptyError,
  rowsOf,
} from './quorum.ts'
import type { ActivePlace } from './quorum.ts'

const slots = 4_096
const seed = new Uint8Array(32).fill(7)

const activeOf = (votes: readonly bigint[]): ActivePlace[] =>
  votes.map((own, index) => ({ place: 3 * index, votes: own }))

const votesArbitrary = fc.array(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), {
  minLength: 1,
  maxLength: 700,
})

test('equal votes hold equal rows: 16 members have 256 each', () => {
  const { members } = drawQuorum({ active: activeOf(Array(16).fill(5n)), seed, quorum: 0, slots })
  assert.deepEqual(
    members.map((member) => member.slots),
    Array(16).fill(256),
  )
})

test('whatever the votes are, each row has one holder', () => {
  fc.assert(
    fc.property(votesArbitrary, fc.nat(63), (votes, number) => {
      const quorum = drawQuorum({ active: activeOf(votes), seed, quorum: number, slots })
      const holders = new Map<number, number>()
      for (const [index, member] of quorum.members.entries()) {
        for (const { from, count } of rowsOf(quorum, member)) {
          for (let row = from; row < from + count; row++) {
            assert.ok(!holders.has(row))
            holders.set(row, index)
          }
        }
      }
      assert.equal(holders.size, slots)
      for (let row = 0; row < slots; row += 17) {
        assert.equal(holderOf(quorum, row), holders.get(row))
      }
    }),
    { numRuns: 60 },
  )
})

test('who splits its votes into many places holds what it held in one', () => {
  const honest = Array<bigint>(3).fill(2n * 10n ** 12n)
  const third = 3n * 10n ** 12n
  const slotsFrom = (votes: readonly bigint[]): number => {
    const { members } = drawQuorum({ active: activeOf(votes), seed, quorum: 0, slots })
    return members.slice(3).reduce((sum, member) => sum + member.slots, 0)
  }
  const whole = slotsFrom([...honest, third])
  assert.ok(Math.abs(whole - slots / 3) <= 1)
  for (const parts of [2, 34, 500]) {
    const split = slotsFrom([...honest, ...Array<bigint>(parts).fill(third / BigInt(parts))])
    assert.ok(Math.abs(split - whole) <= 3, `${parts} places: ${split} for ${whole}`)
  }
})

test('of more than 512 places as many tickets are drawn, by votes', () => {
  const votes = [10n ** 9n * 600n, ...Array<bigint>(1_199).fill(10n ** 9n)]
  let heavy = 0
  for (let quorum = 0; quorum < 20; quorum++) {
    const { members } = drawQuorum({ active: activeOf(votes), seed, quorum, slots })
    assert.ok(members.length <= membersMax)
    assert.ok(members.every(({ place }, at) => at === 0 || place > members[at - 1]!.place))
    const [first] = members
    assert.equal(first!.place, 0)
    heavy += first!.slots
  }
  // A third of all votes holds about a third of all tickets.
  assert.ok(Math.abs(heavy / 20 / slots - 1 / 3) < 0.03, `${heavy / 20} slots`)
})

test('another seed and another quorum draw otherwise', () => {
  const active = activeOf(Array.from({ length: 600 }, (_, at) => BigInt(at + 1)))
  const draws = [
    drawQuorum({ active, seed, quorum: 0, slots }),
    drawQuorum({ active, seed, quorum: 1, slots }),
    drawQuorum({ active, seed: new Uint8Array(32).fill(8), quorum: 0, slots }),
  ].map(({ members }) => JSON.stringify(members))
  assert.equal(new Set(draws).size, 3)
})

test('nobody is no quorum; two thirds are no certificate, one more row is', () => {
  assert.throws(() => drawQuorum({ active: [], seed, quorum: 0, slots }), QuorumEmptyError)
  assert.equal(isCertified(2_730, slots), false)
  assert.equal(isCertified(2_731, slots), true)
  assert.equal(isCertified(2_048, 3_072), false)
})
