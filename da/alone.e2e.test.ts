import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { anvilFor } from '@zg/evm/testing'
import { createSystemClock, silentLogger } from '@zg/runtime'

import { openDisperserHost } from './data-host.ts'
import { AloneWorld } from './testing/alone-world.ts'
import { GrpcClient } from './testing/grpc-client.ts'
import { OpClient } from './testing/op-client.ts'

const rich = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'

test('DA alone on anvil serves a rollup and a client of 0G, loses nothing of five nodes, and says 503 of six', async (t) => {
  const anvil = await anvilFor(t, 'data availability alone, by its doors')
  if (anvil === undefined) return
  const folder = await mkdtemp(join(tmpdir(), 'zg-data-host-'))
  const world = await AloneWorld.start({
    rpc: anvil.url,
    rich,
    nodeCount: 16,
    epochSeconds: 600,
    folder,
    async advance(seconds) {
      await anvil.rpc('evm_increaseTime', [seconds])
      await anvil.rpc('evm_mine', [])
    },
  })
  const { entrance } = world
  const place = { host: '127.0.0.1', port: 0 }
  const host = await openDisperserHost({
    chain: { rpc: anvil.url, entrance, retentionEpochs: 1_000n, finality: 'latest' },
    folder: join(folder, 'disperser'),
    secretKey: world.disperserKey,
    grpc: place,
    altDa: place,
    quotaBytes: 2 ** 30,
    quotaWindowMs: 60_000,
    isAlone: true,
    redeemFromWei: 1n,
    clock: createSystemClock(),
    log: silentLogger,
  })
  const grpc = new GrpcClient(host.grpc.port)
  t.after(async () => {
    grpc.close()
    await host.close()
    await world.close()
    await anvil.close()
    await rm(folder, { recursive: true })
  })
  const op = new OpClient(host.altDa.port)
  const blob = (size: number): Uint8Array => new Uint8Array(size).map((_, at) => (at * 7) & 0xff)

  const generic = await op.put(blob(200_000))
  const keccak = await op.putKeccak(blob(130_672))
  assert.deepEqual(await op.get(generic), blob(200_000))
  assert.deepEqual(await op.get(keccak), blob(130_672))
  const { request_id } = await grpc.call('DisperseBlob', { data: blob(1_000_000) })
  let reply = await grpc.call('GetBlobStatus', { request_id })
  while (reply.status !== 'FINALIZED') {
    assert.ok(['PROCESSING', 'CONFIRMED'].includes(reply.status), reply.status)
    await new Promise((resolve) => setTimeout(resolve, 50))
    reply = await grpc.call('GetBlobStatus', { request_id })
  }

  for (const door of world.doors.splice(0, 5)) await door.close()
  const { data } = await grpc.call('RetrieveBlob', reply.info!.blob_header)
  assert.deepEqual(new Uint8Array(data), blob(1_000_000))
  assert.deepEqual(await op.get(generic), blob(200_000))
  assert.deepEqual(await op.get(await op.put(blob(3_000))), blob(3_000))

  for (const door of world.doors.splice(0, 1)) await door.close()
  assert.equal(await op.statusOf('POST', '/put', blob(4_000)), 503)
  assert.deepEqual(await op.get(keccak), blob(130_672))
})
