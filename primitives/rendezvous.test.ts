import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bigintToBytes } from './bytes.ts'
import { InvariantBrokenError } from './errors.ts'
import { keccak256 } from './hash.ts'
import { rendezvous } from './rendezvous.ts'

const keys = Array.from({ length: 2_000 }, (_, index) => keccak256(bigintToBytes(BigInt(index), 8)))
const placesOf = (count: number) => Array.from({ length: count }, (_, index) => index * 7)
const homesOf = (places: readonly number[]) => keys.map((key) => rendezvous(key, places))

/** Five standard deviations of how many of the keys meet where one in `parts` does. */
const slackOf = (parts: number) => 5 * Math.sqrt((keys.length / parts) * (1 - 1 / parts))

test('rendezvous spreads keys evenly, in whatever order places are named', () => {
  for (const count of [1, 2, 7]) {
    const places = placesOf(count)
    const homes = homesOf(places)
    for (const place of places) {
      const own = homes.filter((home) => home === place).length
      const expected = keys.length / count
      assert.ok(Math.abs(own - expected) <= slackOf(count), `${place} of ${count}: ${own}`)
    }
    assert.deepEqual(homesOf(places.toReversed()), homes)
  }
})

test('rendezvous moves keys to a place that comes, about 1 in n + 1, and to no other', () => {
  for (const count of [1, 3, 8]) {
    const places = placesOf(count + 1)
    const before = homesOf(places.slice(0, count))
    const after = homesOf(places)
    const moved = after.filter((home, index) => home !== before[index])
    const newest = places.at(-1)
    assert.ok(moved.every((home) => home === newest))
    const expected = keys.length / (count + 1)
    assert.ok(Math.abs(moved.length - expected) <= slackOf(count + 1), `${moved.length}`)
  }
})

test('rendezvous moves the keys of a place that goes, and no others', () => {
  const places = placesOf(6)
  const before = homesOf(places)
  const gone = places[2]
  homesOf(places.filter((place) => place !== gone)).forEach((home, index) => {
    if (before[index] === gone) assert.notEqual(home, gone)
    else assert.equal(home, before[index])
  })
})

test('rendezvous has no place without places, and takes keys of 32 bytes alone', () => {
  assert.equal(rendezvous(new Uint8Array(32), []), undefined)
  assert.throws(() => rendezvous(new Uint8Array(31), [1]), InvariantBrokenError)
})
