import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Sequences } from './sequences.ts'

test('sequences are consecutive in each epoch, and go on after a restart', () => {
  const sequences = new Sequences()
  assert.deepEqual([sequences.take(5n), sequences.take(5n), sequences.take(6n)], [0n, 1n, 0n])
  const again = new Sequences()
  again.learn(5n, 1n)
  again.learn(5n, 0n)
  assert.equal(again.take(5n), 2n)
})

test('a chain that goes back has no sequence given twice', () => {
  const sequences = new Sequences()
  for (const epoch of [5n, 6n]) sequences.take(epoch)
  assert.equal(sequences.take(5n), 1n)
  sequences.take(7n)
  assert.equal(sequences.take(6n), 1n)
  assert.throws(() => sequences.take(5n), { code: 'DA_UNAVAILABLE' })
})
