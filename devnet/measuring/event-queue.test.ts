import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from '@zg/runtime'

import { EventQueue } from './event-queue.ts'

test('EventQueue gives the earliest event first, whatever comes in between', () => {
  const rng = createSeededRng('events')
  const queue = new EventQueue<{ readonly at: number }>()
  const waiting: number[] = []
  for (let step = 0; step < 2_000; step++) {
    if (rng.chance(0.6)) {
      const at = rng.below(500)
      queue.push({ at })
      waiting.push(at)
      continue
    }
    waiting.sort((a, b) => a - b)
    assert.equal(queue.pop()?.at, waiting.shift())
  }
})
