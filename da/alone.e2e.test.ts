import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { blsScheme } from '@zg/consensus'
import { startAnvil } from '@zg/evm/testing'
import { addressOfSecretKey } from '@zg/primitives'
import { createNodeDisk, createSystemClock, silentLogger } from '@zg/runtime'

import { localBatchCoder } from './batch-coder.ts'
import { BatchReader } from './batch-reader.ts'
import { Disperser } from './disperser.ts'
import { httpNodeClient } from './http-node-client.ts'
import { PaymentDesk } from './payment-desk.ts'
import { AloneWorld } from './testing/alone-world.ts'

const rich = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const epochSeconds = 600

test('DA alone on anvil: its contracts, nodes, a disperser, a reader, and nothing else', async (t) => {
  const anvil = await startAnvil([])
  if (anvil === undefined) return t.skip('anvil does not run here')
  const folder = await mkdtemp(join(tmpdir(), 'zg-alone-'))
  const advance = async (seconds: number): Promise<void> => {
    await anvil.rpc('evm_increaseTime', [seconds])
    await anvil.rpc('evm_mine', [])
  }
  const world = await AloneWorld.start({
    rpc: anvil.url,
    rich,
    nodeCount: 16,
    epochSeconds,
    folder,
    advance,
  })
  const clock = createSystemClock()
  const chain = await world.chain(world.disperserKey)
  const client = httpNodeClient(chain.shape)
  const disperser = await Disperser.open({
    chain,
    client,
    clock,
    scheme: blsScheme(),
    coder: localBatchCoder(chain.shape),
    payments: new PaymentDesk({
      chain,
      clock,
      disperser: addressOfSecretKey(world.disperserKey),
      quotaBytes: 2 ** 30,
      quotaWindowMs: 60_000,
    }),
    disk: await createNodeDisk(join(folder, 'disperser')),
    log: silentLogger,
    secretKey: world.disperserKey,
  })
  const reader = new BatchReader({ chain, client, clock, log: silentLogger })
  for (const sizeBytes of [1, 100_000, 4_000_000]) {
    const blob = new Uint8Array(sizeBytes).map((_, at) => (at * 7 + (at >> 9)) & 0xff)
    const startMs = performance.now()
    const id = await disperser.submit(blob, { peer: 'test' })
    const handle = await disperser.certified(id)
    t.diagnostic(`${sizeBytes} bytes certified in ${Math.round(performance.now() - startMs)} ms`)
    for (let tries = 0; (await disperser.statusOf(id))?.state !== 'finalized'; tries++) {
      assert.ok(tries < 100, 'the chain records it')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.deepEqual(await reader.read(handle), blob)
  }
  await disperser.close()
  client.close()
  await world.close()
  await anvil.close()
  await rm(folder, { recursive: true })
})
