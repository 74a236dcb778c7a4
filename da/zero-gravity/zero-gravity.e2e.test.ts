import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { anvilFor } from '@zg/evm/testing'
import { fromHex, toHex } from '@zg/primitives'
import { createSystemClock, silentLogger } from '@zg/runtime'
import { createPublicClient, http } from 'viem'

import { openDisperserHost } from '../data-host.ts'
import { AloneWorld } from '../testing/alone-world.ts'
import { GrpcClient } from '../testing/grpc-client.ts'
import { daEntranceAbi, daSignersAbi, facadeAbi } from './facade-abi.ts'
import { erasureCommitmentOf } from './messages.ts'

const rich = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const nodeCount = 4
const waitMs = 100

test('a blob of a client of 0G is verified by 0G’s entrance on anvil, with a node gone', async (t) => {
  const anvil = await anvilFor(t, 'a root of a batch in 0G’s entrance')
  if (anvil === undefined) return
  const folder = await mkdtemp(join(tmpdir(), 'zg-da-facade-'))
  const world = await AloneWorld.start({
    rpc: anvil.url,
    rich,
    nodeCount,
    epochSeconds: 600,
    folder,
    isFacade: true,
    async advance(seconds) {
      await anvil.rpc('evm_increaseTime', [seconds])
      await anvil.rpc('evm_mine', [])
    },
  })
  t.after(async () => {
    await world.close()
    await anvil.close()
    await rm(folder, { recursive: true })
  })
  const client = createPublicClient({ transport: http(anvil.url), cacheTime: 0 })
  const entrance = { address: world.facade, abi: daEntranceAbi }
  const address = await client.readContract({
    ...entrance,
    abi: facadeAbi,
    functionName: 'signers',
  })
  const signers = { address, abi: daSignersAbi }
  const present = () => client.readContract({ ...signers, functionName: 'epochNumber' })

  // Nodes register by themselves, for the epoch that comes next.
  const next = (await present()) + 1n
  const chain = await world.chain()
  const epoch = await chain.epochAt(next - 1n)
  const { signers: members } = await chain.quorumAt(epoch!, 0)
  for (const { operator } of members) {
    const args = [toHex(operator), next] as const
    const isIn = () => client.readContract({ ...signers, functionName: 'registeredEpoch', args })
    while (!(await isIn())) await pause()
  }
  await world.passEpoch()
  assert.equal(await present(), next)

  const place = { host: '127.0.0.1', port: 0 }
  const host = await openDisperserHost({
    chain: {
      rpc: anvil.url,
      entrance: world.entrance,
      retentionEpochs: 1_000n,
      finality: 'latest',
    },
    facade: await world.facadeChain(),
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
  })
  for (const door of world.doors.splice(0, 1)) await door.close()

  const { request_id } = await grpc.call('DisperseBlob', { data: new Uint8Array(50_000).fill(7) })
  let reply = await grpc.call('GetBlobStatus', { request_id })
  while (reply.status !== 'FINALIZED') {
    assert.ok(['PROCESSING', 'CONFIRMED'].includes(reply.status), reply.status)
    await pause()
    reply = await grpc.call('GetBlobStatus', { request_id })
  }
  const header = reply.info!.blob_header
  const root = new Uint8Array(header.storage_root)
  const args = [toHex(root), BigInt(header.epoch), BigInt(header.quorum_id ?? 0)] as const
  const isThere = () => client.readContract({ ...entrance, functionName: 'commitmentExists', args })
  while (!(await isThere())) await pause()
  const functionName = 'verifiedErasureCommitment'
  const commitment = await client.readContract({ ...entrance, functionName, args })
  assert.deepEqual(commitment, erasureCommitmentOf(root))

  // What 0G's tools read of it.
  const holders = await client.readContract({
    ...signers,
    functionName: 'getQuorum',
    args: [args[1], args[2]],
  })
  assert.equal(holders.length, 4_096)
  const known = new Set(members.map(({ operator }) => toHex(operator)))
  assert.ok(holders.every((holder) => known.has(toHex(fromHex(holder)))))
})

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs))
}
