import assert from 'node:assert/strict'
import { test } from 'node:test'

import { concat } from '@zg/primitives'
import { channelLimits, createSeededRng } from '@zg/runtime'
import type { Channel } from '@zg/runtime'

import { encodeFrameHead, FrameReader, keepAliveFrame } from './frame.ts'

type Frame = { channel: Channel | undefined; message: Uint8Array }

const all: readonly Channel[] = ['vote', 'block', 'gossip']
const code = { code: 'P2P_FRAME_INVALID' }

const frameOf = (channel: Channel, message: Uint8Array): Uint8Array =>
  concat(encodeFrameHead(channel, message.length), message)

function createReader(channels = all, accept: () => boolean = () => true) {
  const frames: Frame[] = []
  const reader = new FrameReader(channels, (channel, message) => {
    frames.push({ channel, message })
    return accept()
  })
  return { reader, frames }
}

test('FrameReader cuts a stream the same however it is split', () => {
  const rng = createSeededRng('split')
  const sent: Frame[] = Array.from({ length: 50 }, () => {
    const channel = all[rng.below(3)]!
    return { channel, message: rng.bytes(rng.below(300)) }
  })
  const frames = sent.map(({ channel, message }) => frameOf(channel!, message))
  const stream = concat(...frames, keepAliveFrame)
  for (let round = 0; round < 50; round++) {
    const { reader, frames: received } = createReader()
    for (let start = 0; start < stream.length;) {
      const end = Math.min(stream.length, start + 1 + rng.below(round === 0 ? 1 : 400))
      reader.push(stream.subarray(start, end))
      start = end
    }
    assert.deepEqual(received, [...sent, { channel: undefined, message: new Uint8Array(0) }])
  }
})

test('FrameReader gives messages of their own memory', () => {
  const { reader, frames } = createReader()
  const chunk = frameOf('vote', Uint8Array.of(1, 2))
  reader.push(chunk)
  chunk.fill(0)
  assert.deepEqual(frames[0]?.message, Uint8Array.of(1, 2))
})

test('FrameReader refuses a size beyond the limit of the channel by its head alone', () => {
  for (const channel of all) {
    const { messageSizeBytesMax } = channelLimits[channel]
    const fits = createReader()
    fits.reader.push(encodeFrameHead(channel, messageSizeBytesMax))
    const { reader } = createReader()
    assert.throws(() => reader.push(encodeFrameHead(channel, messageSizeBytesMax + 1)), code)
    const largest = createReader()
    assert.throws(() => largest.reader.push(encodeFrameHead(channel, 0xffff_ffff)), code)
  }
})

test('FrameReader refuses channels that have no place, and a keep-alive with a message', () => {
  const { reader } = createReader(['vote'])
  assert.throws(() => reader.push(frameOf('block', Uint8Array.of(1))), code)
  assert.throws(() => createReader().reader.push(Uint8Array.of(0, 0, 0, 0, 3)), code)
  assert.throws(() => createReader().reader.push(Uint8Array.of(0, 0, 0, 1, 255)), code)
})

test('FrameReader holds the frames after a refusal until resume', () => {
  let room = 2
  const { reader, frames } = createReader(all, () => --room > 0)
  const three = [1, 2, 3, 4].map((byte) => frameOf('vote', Uint8Array.of(byte)))
  reader.push(concat(...three))
  assert.deepEqual([frames.length, reader.isHolding], [2, true])
  room = 1
  reader.resume()
  assert.deepEqual([frames.length, reader.isHolding], [3, true])
  room = 2
  reader.resume()
  assert.deepEqual([frames.length, reader.isHolding], [4, false])
})

test('FrameReader survives any garbage: it reads on or refuses', () => {
  const rng = createSeededRng('garbage')
  let refusedCount = 0
  for (let round = 0; round < 2_000; round++) {
    const { reader } = createReader()
    try {
      reader.push(rng.bytes(1 + rng.below(200)))
    } catch (error) {
      assert.equal((error as { code?: string }).code, code.code)
      refusedCount++
    }
  }
  assert.ok(refusedCount > 1_000)
})
