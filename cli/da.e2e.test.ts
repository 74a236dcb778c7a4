import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import {
  BatchReader,
  Disperser,
  httpNodeClient,
  localBatchCoder,
  PaymentDesk,
  startGrpcDoor,
} from '@zg/da'
import { AloneWorld } from '@zg/da/testing/alone'
import { blsScheme } from '@zg/consensus'
import { anvilFor } from '@zg/evm/testing'
import { addressOfSecretKey } from '@zg/primitives'
import { createNodeDisk, createSystemClock, silentLogger } from '@zg/runtime'

import { runLine } from './testing/run-line.ts'

const rich = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'

/** A disperser of the world's, and its gRPC door. */
async function openDisperser(world: AloneWorld, folder: string) {
  const clock = createSystemClock()
  const chain = await world.chain(world.disperserKey)
  const client = httpNodeClient(chain.shape)
  const disperser = addressOfSecretKey(world.disperserKey)
  const quota = { quotaBytes: 2 ** 30, quotaWindowMs: 60_000 }
  const dispersal = await Disperser.open({
    chain,
    client,
    clock,
    scheme: blsScheme(),
    coder: localBatchCoder(chain.shape),
    payments: new PaymentDesk({ chain, clock, disperser, ...quota }),
    disk: await createNodeDisk(folder),
    log: silentLogger,
    secretKey: world.disperserKey,
  })
  const judged = new BatchReader({ chain, client, clock, log: silentLogger })
  const door = await startGrpcDoor({
    dispersal,
    reader: {
      read: (handle) => judged.read(handle),
      async find(name) {
        const batch = await chain.findBatch(name)
        return batch && { batch, commitment: name.commitment, index: 0 }
      },
    },
    clock,
    host: '127.0.0.1',
    port: 0,
    onInternalError: (error) => assert.fail(String(error)),
  })
  const close = async (): Promise<void> => {
    await door.close()
    await dispersal.close()
    client.close()
  }
  return { port: door.port, close }
}

test('zg da puts, samples and gets on anvil, also when five of sixteen nodes are gone', async (t) => {
  const anvil = await anvilFor(t, 'zg da against nodes alone on a chain')
  if (anvil === undefined) return
  const home = mkdtempSync(join(tmpdir(), 'zg-da-e2e-'))
  const world = await AloneWorld.start({
    rpc: anvil.url,
    rich,
    nodeCount: 16,
    epochSeconds: 600,
    folder: home,
    async advance(seconds) {
      await anvil.rpc('evm_increaseTime', [seconds])
      await anvil.rpc('evm_mine', [])
    },
  })
  const { port, close } = await openDisperser(world, join(home, 'disperser'))
  t.after(async () => {
    await close()
    await world.close()
    await anvil.close()
    rmSync(home, { recursive: true })
  })
  const at = `--disperser http://127.0.0.1:${port}`
  const onChain = `--rpc ${anvil.url} --entrance ${world.entrance}`
  const run = (line: string) => runLine(line.split(' '), home)
  const bytes = Buffer.alloc(300_000, 'a file ')
  writeFileSync(join(home, 'file'), bytes)

  const put = await run(`da put file --until recorded --json ${at}`)
  assert.equal(put.exitCode, 0, put.err)
  const { name } = JSON.parse(put.out) as { name: string }
  const sampled = await run(`da sample ${name} ${onChain}`)
  assert.equal(sampled.exitCode, 0, sampled.err + sampled.out)
  assert.match(sampled.out, /✓ rows +148 of 148 are good in /)
  assert.match(sampled.out, /proves +one code, but for a chance of 2\^-\d+/)
  const unknown = await run(`da sample ${name.slice(0, -8)}00000000 ${onChain}`)
  assert.match(unknown.err, /There is no such blob: the chain has no record of this root/)
  // Where networks have it, nothing stands here.
  assert.equal((await run(`da sample ${name} --rpc ${anvil.url}`)).exitCode, 1)

  for (const door of world.doors.splice(0, 5)) await door.close()
  const less = await run(`da sample ${name} --json ${onChain}`)
  assert.equal(less.exitCode, 1)
  const report = JSON.parse(less.out) as { good: number; missing: number[]; wrong: unknown[] }
  assert.ok(report.good > 0 && report.missing.length > 0)
  assert.equal(report.good + report.missing.length, 148)
  assert.deepEqual(report.wrong, [])
  const got = await run(`da get ${name} back ${at}`)
  assert.equal(got.exitCode, 0, got.err)
  assert.deepEqual(readFileSync(join(home, 'back')), bytes)
  const second = await run(`da put file --request-id 0x${'02'.repeat(32)} ${at}`)
  assert.equal(second.exitCode, 0, second.err)
})
