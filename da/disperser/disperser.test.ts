import assert from 'node:assert/strict'
import { test } from 'node:test'

import { addressOfSecretKey, sha256, signDigest, concat } from '@zg/primitives'
import { SimulatedClock } from '@zg/runtime'

import { encodeHandle } from '../batch/batch.ts'
import { blobSizeMax, BlobSizeError, UnavailableError, UnpaidError } from '../doors/dispersal.ts'
import type { Voucher } from '../doors/dispersal.ts'
import { NodeRefusedError } from '../node/http-node-client.ts'
import { voucherDigest } from './payment-desk.ts'
import { DataWorld } from '../testing/data-world.ts'
import { directClient } from '../testing/direct-client.ts'

const peer = 'somebody'

function blobOf(sizeBytes: number, seed = 1): Uint8Array {
  const blob = new Uint8Array(sizeBytes)
  for (let at = 0; at < sizeBytes; at++) blob[at] = (at * 31 + seed * 17 + (at >> 8)) & 0xff
  return blob
}

async function worldOf(options: Partial<ConstructorParameters<typeof DataWorld>[0]> = {}) {
  const clock = new SimulatedClock()
  const world = new DataWorld({ clock, ...options })
  await world.run(world.openNodes())
  const disperser = await world.run(world.openDisperser())
  return { clock, world, disperser }
}

test('blobs of all sizes are certified, recorded, and read back', async () => {
  const { world, disperser } = await worldOf()
  const reader = world.reader()
  for (const size of [1, 63, 100_000, 500_000]) {
    const blob = blobOf(size)
    const id = await world.run(disperser.submit(blob, { peer }))
    const handle = await world.run(disperser.certified(id))
    await world.clock.run({ untilMs: world.clock.nowMs() + 2_000 })
    assert.equal((await disperser.statusOf(id))?.state, 'finalized')
    assert.deepEqual(await world.run(reader.read(handle)), blob)
  }
})

test('empty and too large blobs are refused, and nothing is kept of them', async () => {
  const { world, disperser } = await worldOf()
  for (const size of [0, blobSizeMax + 1]) {
    await assert.rejects(world.run(disperser.submit(new Uint8Array(size), { peer })), BlobSizeError)
  }
  assert.ok(!world.disperserDisk.paths().some((path) => path.startsWith('spool/')))
})

test('before the first quorum nothing is taken in, and it is said when that is', async () => {
  const { clock, world, disperser } = await worldOf({ chain: { firstEpoch: 12n } })
  await assert.rejects(
    world.run(disperser.submit(blobOf(10), { peer })),
    (error) => error instanceof UnavailableError && /begins with epoch 12,/.test(error.message),
  )
  assert.ok(!world.disperserDisk.paths().some((path) => path.startsWith('spool/')))
  await clock.run({ untilMs: clock.nowMs() + 60_000 })
  const id = await world.run(disperser.submit(blobOf(10), { peer }))
  assert.equal((await world.run(disperser.certified(id))).batch.epoch, 12n)
})

test('the same id again is the same request; blobs that come together share a batch', async () => {
  const { world, disperser } = await worldOf()
  const first = await world.run(disperser.submit(blobOf(1_000, 1), { peer }))
  const requestId = sha256(Uint8Array.of(1))
  const [one, again, other] = await world.run(
    Promise.all([
      disperser.submit(blobOf(500, 2), { peer, requestId }),
      disperser.submit(blobOf(500, 2), { peer, requestId }),
      disperser.submit(blobOf(900, 4), { peer }),
    ]),
  )
  assert.deepEqual(one, again)
  await assert.rejects(world.run(disperser.submit(blobOf(700, 3), { peer, requestId })), {
    code: 'DA_REQUEST_DIFFERS',
  })
  const handles = await world.run(
    Promise.all([first, one, other].map((id) => disperser.certified(id!))),
  )
  const batches = new Set(handles.map((handle) => handle.batch.sequence))
  assert.equal(batches.size, 2)
  const reader = world.reader()
  await world.clock.run({ untilMs: world.clock.nowMs() + 2_000 })
  assert.deepEqual(await world.run(reader.read(handles[1]!)), blobOf(500, 2))
  assert.deepEqual(await world.run(reader.read(handles[2]!)), blobOf(900, 4))
})

test('a blob that asks for it is alone in its batch', async () => {
  const { world, disperser } = await worldOf()
  const ids = await world.run(
    Promise.all(
      [1, 2, 3, 4].map((seed) =>
        disperser.submit(blobOf(100, seed), { peer, isAlone: seed % 2 === 0 }),
      ),
    ),
  )
  const handles = await world.run(Promise.all(ids.map((id) => disperser.certified(id))))
  const inBatch = (at: number): number =>
    handles.filter(({ batch }) => batch.sequence === handles[at]!.batch.sequence).length
  assert.deepEqual([inBatch(1), inBatch(3)], [1, 1])
})

test('five of sixteen nodes are gone: certified and read; six are too many', async () => {
  const { world, disperser } = await worldOf()
  for (let index = 0; index < 5; index++) world.stop(index)
  const blob = blobOf(30_000)
  const id = await world.run(disperser.submit(blob, { peer }))
  const handle = await world.run(disperser.certified(id))
  await world.clock.run({ untilMs: world.clock.nowMs() + 2_000 })
  // Others than those who signed: five more, of eleven that hold rows, are gone when it is read.
  for (let index = 5; index < 10; index++) world.stop(index)
  assert.deepEqual(await world.run(world.reader().read(handle)), blob)

  const lost = await world.run(disperser.submit(blobOf(10), { peer }))
  await assert.rejects(world.run(disperser.certified(lost)), { code: 'DA_REQUEST_FAILED' })
  assert.equal((await disperser.statusOf(lost))?.state, 'failed')
})

/** A world whose first six nodes refuse for so long; `asked` is told when one is asked. */
async function worldOfRefusals(refusal: Error, forMs = 3_000) {
  const asked: string[] = []
  const clock = new SimulatedClock()
  const startMs = clock.nowMs()
  const world = new DataWorld({
    clock,
    client(nodes) {
      const client = directClient(nodes)
      return {
        ...client,
        async store(url, request, signal) {
          if (Number(url.split('-')[1]) >= 6) return client.store(url, request, signal)
          asked.push(url)
          if (clock.nowMs() < startMs + forMs) throw refusal
          return client.store(url, request, signal)
        },
      }
    },
  })
  await world.run(world.openNodes())
  return { world, disperser: await world.run(world.openDisperser()), asked }
}

test('members that have no room just now are asked again, and the batch is not lost', async () => {
  for (const status of [429, 500, 503]) {
    const { world, disperser } = await worldOfRefusals(new NodeRefusedError(status, 'later'))
    const id = await world.run(disperser.submit(blobOf(10), { peer }))
    const handle = await world.run(disperser.certified(id))
    assert.equal(handle.batch.sequence, 0n)
  }
})

test('who never has room is asked six times for a batch, and who refuses it for good once', async () => {
  for (const [status, times] of [
    [429, 6],
    [503, 6],
    [403, 1],
    [507, 1],
  ] as const) {
    const refusal = new NodeRefusedError(status, 'no')
    const { world, disperser, asked } = await worldOfRefusals(refusal, 600_000)
    await world.run(disperser.submit(blobOf(10), { peer }))
    // Where all refuse for good, the batch ends at once, and the next begins after a second.
    const waitMs = times === 1 ? 900 : 8_500
    await world.clock.run({ untilMs: world.clock.nowMs() + waitMs })
    assert.equal(asked.length, 6 * times, `${status}`)
    await world.run(disperser.close())
  }
})

test('a disperser that crashes goes on: certified stays, taken is certified later', async () => {
  const { world, disperser } = await worldOf()
  const blob = blobOf(20_000, 5)
  const done = await world.run(disperser.submit(blob, { peer }))
  const handle = await world.run(disperser.certified(done))
  for (let index = 0; index < 6; index++) world.stop(index)
  const open = await world.run(disperser.submit(blobOf(9_000, 6), { peer }))
  world.disperserDisk.crash()
  for (let index = 0; index < 6; index++) await world.run(world.openNode(index))

  const next = await world.run(world.openDisperser())
  const later = await world.run(next.certified(open))
  assert.ok(later.batch.sequence > handle.batch.sequence)
  assert.deepEqual(encodeHandle(await world.run(next.certified(done))), encodeHandle(handle))
  await world.clock.run({ untilMs: world.clock.nowMs() + 2_000 })
  assert.deepEqual(await world.run(world.reader().read(later)), blobOf(9_000, 6))
  assert.deepEqual(await world.run(world.reader().read(handle)), blob)
  assert.ok(!world.disperserDisk.paths().some((path) => path.startsWith('spool/')))
})

test('a chain that is down: nothing is taken; certificates are recorded when it is back', async () => {
  const { world, disperser } = await worldOf()
  const id = await world.run(disperser.submit(blobOf(100), { peer }))
  const handle = await world.run(disperser.certified(id))
  world.chain.isDown = true
  await assert.rejects(world.run(disperser.submit(blobOf(200), { peer })), {
    code: 'DA_UNAVAILABLE',
  })
  await world.clock.run({ untilMs: world.clock.nowMs() + 3_000 })
  world.chain.isDown = false
  await world.clock.run({ untilMs: world.clock.nowMs() + 3_000 })
  assert.ok((await world.chain.recordOf(handle.batch)) !== undefined)
})

test('what the chain did not record in time goes into another batch, after a crash as well', async () => {
  for (const isCrashed of [false, true]) {
    const { world, disperser } = await worldOf()
    const blob = blobOf(3_000, 8)
    const id = await world.run(disperser.submit(blob, { peer }))
    const first = await world.run(disperser.certified(id))
    world.chain.isDown = true
    await world.clock.run({ untilMs: world.clock.nowMs() + 70_000 })
    if (isCrashed) world.disperserDisk.crash()
    world.chain.isDown = false
    const next = isCrashed ? await world.run(world.openDisperser()) : disperser
    await world.clock.run({ untilMs: world.clock.nowMs() + 10_000 })
    const status = await next.statusOf(id)
    assert.ok(status?.state === 'finalized')
    assert.ok(status.handle.batch.epoch > first.batch.epoch)
    assert.deepEqual(await world.run(world.reader().read(status.handle)), blob)
    assert.ok(!world.disperserDisk.paths().some((path) => path.startsWith('spool/')))
  }
})

test('without a voucher a peer has a quota; a voucher pays once', async () => {
  const { world } = await worldOf()
  const disperser = await world.run(world.openDisperser({ quotaBytes: 2_000 }))
  await world.run(disperser.submit(blobOf(900), { peer }))
  await assert.rejects(world.run(disperser.submit(blobOf(200), { peer })), UnpaidError)
  await world.run(disperser.submit(blobOf(201), { peer: 'another' }))

  const secret = sha256(Uint8Array.of(77))
  const payer = addressOfSecretKey(secret)
  const voucherOf = (total: bigint): Voucher => {
    const promise = { payer, total, disperser: disperser.address }
    const { r, s, yParity } = signDigest(voucherDigest(world.chain.vouchers, promise), secret)
    return { payer, total, signature: concat(r, s, Uint8Array.of(27 + yParity)) }
  }
  const price = 16n * 1_088n
  const pay = (seed: number, voucher: Voucher) =>
    world.run(disperser.submit(blobOf(16 * 1_088 - 12, seed), { peer, voucher }))
  await assert.rejects(pay(1, voucherOf(price)), /escrow holds 0/)
  world.chain.fund(payer, 2n * price)
  await assert.rejects(pay(1, voucherOf(price - 1n)), /promises/)
  await pay(1, voucherOf(price))
  await assert.rejects(pay(2, voucherOf(price)), /promises/)
  await assert.rejects(pay(2, { ...voucherOf(2n * price), total: 3n * price }), /did not sign/)
  await pay(2, voucherOf(2n * price))
  await assert.rejects(pay(3, voucherOf(3n * price)), /escrow holds/)
})
