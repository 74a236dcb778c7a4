/** What every `Rng` does. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Rng } from '../rng.ts'

/** Registers the suite. */
export function testRng(name: string, create: () => Rng): void {
  test(`${name}: below stays below its bound and reaches every value`, () => {
    const rng = create()
    for (const bound of [1, 2, 3, 7]) {
      const seen = new Set(Array.from({ length: 1_000 }, () => rng.below(bound)))
      assert.deepEqual(
        [...seen].sort((a, b) => a - b),
        [...Array(bound).keys()],
      )
    }
    for (let count = 0; count < 100; count++) {
      const drawn = rng.below(2 ** 32)
      assert.ok(Number.isInteger(drawn) && drawn >= 0 && drawn < 2 ** 32)
    }
  })

  test(`${name}: below refuses a bound that is none`, () => {
    const rng = create()
    for (const bound of [0, -1, 1.5, 2 ** 32 + 1]) assert.throws(() => rng.below(bound))
  })

  test(`${name}: below is uniform`, () => {
    const rng = create()
    const counts = Array<number>(3).fill(0)
    for (let count = 0; count < 30_000; count++) counts[rng.below(3)]!++
    // Ten standard deviations of a fair draw: sqrt(30,000 · 1/3 · 2/3) = 82.
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 820, `${count}`)
  })

  test(`${name}: chance is never for 0, always for 1, about half for 0.5`, () => {
    const rng = create()
    const hits = (probability: number): number =>
      Array.from({ length: 10_000 }, () => rng.chance(probability)).filter(Boolean).length
    assert.equal(hits(0), 0)
    assert.equal(hits(1), 10_000)
    assert.ok(Math.abs(hits(0.5) - 5_000) < 500)
  })

  test(`${name}: bytes gives so many, fresh each time`, () => {
    const rng = create()
    assert.equal(rng.bytes(0).length, 0)
    assert.equal(rng.bytes(70_001).length, 70_001)
    assert.notDeepEqual(rng.bytes(16), rng.bytes(16))
    assert.equal(new Set(rng.bytes(4_096)).size, 256)
  })

  test(`${name}: fork gives a generator that works`, () => {
    const fork = create().fork('part')
    assert.ok(fork.below(10) < 10)
    assert.notDeepEqual(fork.bytes(16), fork.bytes(16))
  })
}
