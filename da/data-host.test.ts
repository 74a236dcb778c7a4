import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { dataOperator, DataWorld } from '@zg/contracts/testing'
import { blsSecretKeyFromSeed, sha256 } from '@zg/primitives'
import { createSystemClock, silentLogger } from '@zg/runtime'

import { openChain, openDisperserHost, openNodeHost } from './data-host.ts'
import { openDoor } from './doors/door-listener.ts'
import { serveWorld } from './testing/world-rpc.ts'

const clock = createSystemClock()
const log = silentLogger
const host = '127.0.0.1'
const secret = (name: string): Uint8Array => sha256(new TextEncoder().encode(name))

/** A chain with one signer, a folder, and a port that is taken. */
async function openPlace(t: TestContext) {
  const data = new DataWorld()
  const rpc = await serveWorld(data.world)
  data.settle([dataOperator(1)], [100n])
  const folder = await mkdtemp(join(tmpdir(), 'zg-host-'))
  const taken = await openDoor(createServer(), { host, port: 0 })
  t.after(async () => {
    await taken.close()
    await rpc.close()
    await rm(folder, { recursive: true })
  })
  const chain = { rpc: rpc.url, entrance: data.entrance.address, finality: 'latest' } as const
  return { chain, folder, taken: taken.port }
}

test('a node has its folder for itself, and lets it go when it is closed or cannot open', async (t) => {
  const { chain: place, folder, taken } = await openPlace(t)
  const chain = await openChain({ ...place, retentionEpochs: 9n })
  const options = {
    chain,
    folder,
    clock,
    log,
    operator: new Uint8Array(20).fill(1),
    signingKey: blsSecretKeyFromSeed(secret('signer')),
    quotaBytes: 2 ** 20,
    host,
    port: 0,
  }
  await assert.rejects(openNodeHost({ ...options, port: taken }), {
    code: 'DA_DOOR_LISTEN_FAILED',
  })
  const forgetful = await openChain({ ...place, retentionEpochs: 1n })
  await assert.rejects(openNodeHost({ ...options, chain: forgetful }), { code: 'DA_RETENTION' })
  const node = await openNodeHost(options)
  await assert.rejects(openNodeHost(options), { code: 'RUNTIME_FOLDER_LOCKED' })
  assert.equal((await fetch(`${node.url}/v1/status`)).status, 200)
  await node.close()
  await (await openNodeHost(options)).close()
})

test('of a disperser nothing stays open when a later part cannot be opened', async (t) => {
  const { chain: place, folder, taken } = await openPlace(t)
  const free = await openDoor(createServer(), { host, port: 0 })
  const { port } = free
  await free.close()
  const options = {
    chain: { ...place, retentionEpochs: 9n },
    folder,
    clock,
    log,
    secretKey: secret('payer'),
    grpc: { host, port },
    altDa: { host, port: 0 },
    quotaBytes: 2 ** 20,
    quotaWindowMs: 60_000,
    isAlone: false,
    redeemFromWei: 1n,
  }
  const fails = (other: object, code: string): Promise<void> =>
    assert.rejects(openDisperserHost({ ...options, ...other }), { code })
  await fails({ altDa: { host, port: taken } }, 'DA_DOOR_LISTEN_FAILED')
  await fails({ grpc: { host, port: taken } }, 'DA_DOOR_LISTEN_FAILED')
  await fails({ chain: { ...place, retentionEpochs: 0n } }, 'DA_RETENTION')
  // Its port and its folder are free again.
  const disperser = await openDisperserHost(options)
  await fails({ grpc: { host, port: 0 } }, 'RUNTIME_FOLDER_LOCKED')
  await disperser.close()
  await (await openDisperserHost(options)).close()
})
