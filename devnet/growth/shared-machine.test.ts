import assert from 'node:assert/strict'
import { test } from 'node:test'

import { costBeside, slowingOf } from './shared-machine.ts'

test('costBeside goes from alone to beside a neighbour with the processors in use', () => {
  const slowing = slowingOf({ costRatio: 1.4, coresUsed: 0.2 }, 2)
  assert.deepEqual(
    { ...slowing, share: slowing.share.toFixed(6) },
    { share: '0.400000', busyAlone: 0.1, busyBeside: 1 },
  )
  assert.equal(costBeside(slowing, 0.2, 2), 1)
  // Four times the load: the other processor works 0.4 of the time, a third of the way to always.
  assert.equal(costBeside(slowing, 0.8, 2).toFixed(6), (1 + 0.4 / 3).toFixed(6))
  assert.equal(costBeside(slowing, 5, 2).toFixed(6), '1.400000')
})

test('slowingOf never has work cost less beside a neighbour', () => {
  const slowing = slowingOf({ costRatio: 0.9, coresUsed: 0.2 }, 2)
  assert.equal(slowing.share, 0)
  assert.equal(costBeside(slowing, 1.6, 2), 1)
})

test('costBeside is 1 where there is no other processor, or all worked before', () => {
  assert.equal(costBeside(slowingOf({ costRatio: 2, coresUsed: 0.2 }, 1), 1, 1), 1)
  assert.equal(costBeside(slowingOf({ costRatio: 2, coresUsed: 9 }, 2), 9, 2), 1)
})
