import assert from 'node:assert/strict'
import { test } from 'node:test'

import { sha256 } from '@zg/primitives'
import type { PayloadAttributes } from '@zg/consensus'
import { createSeededRng, SimulatedClock, SimulatedStore } from '@zg/runtime'

import {
  CounterApplication,
  counterGenesisHash,
  decodeCounterPayload,
  encodeCounterPayload,
  evenTemper,
} from './counter-application.ts'

function createWorld(temper = evenTemper) {
  const clock = new SimulatedClock()
  const platter = new SimulatedStore({ clock, rng: createSeededRng('store') })
  const open = (): CounterApplication =>
    new CounterApplication({
      clock,
      rng: createSeededRng('app'),
      store: platter.mount(),
      temper,
    })
  const run = async <value>(step: Promise<value>): Promise<value> => {
    let over = false
    const settled = step.finally(() => (over = true))
    settled.catch(() => undefined)
    await clock.run({ untilMs: clock.nowMs() + 1_000, done: () => over })
    return settled
  }
  return { open, run, platter }
}

const attributesAt = (height: bigint, parent: Uint8Array): PayloadAttributes => ({
  height,
  parentExecutionHash: parent,
  timestampSeconds: 1_800_000_000n + height,
  prevRandao: new Uint8Array(32).fill(1),
  parentConsensusRoot: new Uint8Array(32).fill(2),
  feeRecipient: new Uint8Array(20).fill(3),
  credits: [{ index: height, recipient: new Uint8Array(20).fill(4), amountGwei: 5n }],
})

test('a payload round-trips, and bytes that are none are refused', () => {
  const attributes = attributesAt(1n, counterGenesisHash)
  const bytes = encodeCounterPayload(attributes, 10n, [1, 2, 2 ** 32 - 1])
  const sum = 2n + 2n ** 32n
  assert.deepEqual(decodeCounterPayload(bytes), { attributes, total: 10n + sum, sum })
  assert.equal(decodeCounterPayload(bytes.subarray(1)), undefined)
  assert.equal(decodeCounterPayload(new Uint8Array(0)), undefined)
  assert.equal(decodeCounterPayload(new Uint8Array(142).fill(0xff)), undefined)
})

test('what one builds the other finds VALID, finalizes and still has after a crash', async () => {
  const { open, run } = createWorld()
  const validator = createWorld()
  const [builder, checker] = [open(), validator.open()]
  const attributes = attributesAt(1n, counterGenesisHash)
  const payload = await run(builder.buildPayload(attributes))
  assert.equal(await validator.run(checker.validatePayload(attributes, payload)), 'VALID')
  await validator.run(checker.finalize(payload.executionHash))
  validator.platter.crash()
  const again = validator.open()
  assert.deepEqual(again.finalHead(), { height: 1n, executionHash: payload.executionHash })
  assert.deepEqual(again.payloadOf(payload.executionHash), payload.bytes)
})

test('validatePayload refuses wrong totals, hashes, attributes, and awaits parents', async () => {
  const { open, run } = createWorld()
  const application = open()
  const attributes = attributesAt(1n, counterGenesisHash)
  const status = (bytes: Uint8Array, changed: Partial<PayloadAttributes> = {}) =>
    run(
      application.validatePayload(
        { ...attributes, ...changed },
        { executionHash: sha256(bytes), bytes },
      ),
    )
  const right = encodeCounterPayload(attributes, 0n, [5])
  assert.equal(await status(encodeCounterPayload(attributes, 1n, [5])), 'INVALID')
  assert.equal(await status(right, { timestampSeconds: 1n }), 'INVALID')
  assert.equal(await status(right.subarray(1)), 'INVALID')
  const unknown = attributesAt(2n, new Uint8Array(32))
  const orphan = encodeCounterPayload(unknown, 0n, [])
  assert.equal(await status(orphan, unknown), 'SYNCING')
  const hash = { executionHash: new Uint8Array(32), bytes: right }
  assert.equal(await run(application.validatePayload(attributes, hash)), 'MISMATCH')
  assert.equal(await status(right), 'VALID')
})

test('a faulty builder builds what others refuse', async () => {
  const faulty = createWorld({ ...evenTemper, wrongChance: 1 })
  const { open, run } = createWorld()
  const attributes = attributesAt(1n, counterGenesisHash)
  const payload = await faulty.run(faulty.open().buildPayload(attributes))
  assert.equal(await run(open().validatePayload(attributes, payload)), 'INVALID')
})

test('finalize makes ancestors final too, in order', async () => {
  const { open, run } = createWorld()
  const application = open()
  let parent = counterGenesisHash
  for (const height of [1n, 2n, 3n]) {
    parent = (await run(application.buildPayload(attributesAt(height, parent)))).executionHash
  }
  await run(application.finalize(parent))
  await run(application.finalize(parent))
  assert.equal(application.finalHead().height, 3n)
})
