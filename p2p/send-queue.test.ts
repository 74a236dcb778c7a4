import assert from 'node:assert/strict'
import { test } from 'node:test'

import { channelLimits } from '@zg/runtime'

import { SendQueue } from './send-queue.ts'

const numbered = (index: number): Uint8Array => Uint8Array.of(index >> 8, index & 0xff)

function drain(queue: SendQueue): Uint8Array[] {
  const taken: Uint8Array[] = []
  for (let next = queue.take(); next !== undefined; next = queue.take()) taken.push(next.message)
  return taken
}

test('SendQueue drops the oldest vote when it is full', () => {
  const queue = new SendQueue(['vote'])
  const { queueCountMax } = channelLimits.vote
  for (let index = 0; index < queueCountMax + 3; index++) {
    assert.ok(queue.put('vote', numbered(index)))
  }
  const taken = drain(queue)
  assert.equal(taken.length, queueCountMax)
  assert.deepEqual(taken[0], numbered(3))
  assert.equal(queue.droppedCount, 3)
})

test('SendQueue refuses the newest block when it is full, by count or by bytes', () => {
  const { queueCountMax, queueSizeBytesMax, messageSizeBytesMax } = channelLimits.block
  const byCount = new SendQueue(['block', 'gossip'])
  for (let index = 0; index < queueCountMax; index++)
    assert.ok(byCount.put('block', numbered(index)))
  assert.equal(byCount.put('block', numbered(0)), false)
  assert.ok(byCount.put('gossip', numbered(0)))
  const byBytes = new SendQueue(['block'])
  const large = new Uint8Array(messageSizeBytesMax)
  const fitting = Math.floor(queueSizeBytesMax / messageSizeBytesMax)
  for (let count = 0; count < fitting; count++) assert.ok(byBytes.put('block', large))
  assert.equal(byBytes.put('block', large), false)
  byBytes.take()
  assert.ok(byBytes.put('block', large))
})

test('SendQueue refuses what is too large or of another lane', () => {
  const queue = new SendQueue(['vote'])
  assert.equal(queue.put('vote', new Uint8Array(channelLimits.vote.messageSizeBytesMax + 1)), false)
  assert.equal(queue.put('block', numbered(1)), false)
  assert.equal(queue.take(), undefined)
})

test('SendQueue takes from its channels in turn', () => {
  const queue = new SendQueue(['block', 'gossip'])
  for (const index of [1, 2, 3]) queue.put('block', numbered(index))
  for (const index of [4, 5]) queue.put('gossip', numbered(index))
  assert.deepEqual(
    drain(queue).map((message) => message[1]),
    [1, 4, 2, 5, 3],
  )
})

test('SendQueue keeps order and count over many turns', () => {
  const queue = new SendQueue(['vote'])
  let put = 0
  let taken = 0
  for (let round = 0; round < 2_000; round++) {
    for (let count = 0; count < 5; count++) queue.put('vote', numbered(put++))
    for (let count = 0; count < 5; count++) {
      assert.deepEqual(queue.take()?.message, numbered(taken++))
    }
  }
  assert.equal(queue.take(), undefined)
})
