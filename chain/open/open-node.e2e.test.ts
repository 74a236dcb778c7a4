import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'

import { bigintToHex, toHex } from '@zg/primitives'

import { crowdedAccounts } from '../testing/final-chain.ts'
import { createTestNetwork } from '../testing/node-directory.ts'
import type { TestNode } from '../testing/node-directory.ts'
import { signedTransfer, testKeys } from '../testing/test-chain.ts'

const deadlineMs = 30_000
const pollMs = 50

const accounts = crowdedAccounts(250, 4_000)

/** Asks until the answer is true; the deadline is for a broken network only. */
async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!(await ask())) {
    assert.ok(Date.now() < end, `${what} within ${deadlineMs} ms`)
    await wait(pollMs)
  }
}

async function heightOf(node: TestNode): Promise<number> {
  return Number(await node.ask('eth_blockNumber'))
}

function reaches(node: TestNode, height: number): Promise<void> {
  return until(`height ${height}`, async () => (await heightOf(node)) >= height)
}

async function hashAt(node: TestNode, height: number): Promise<unknown> {
  const block = await node.ask('eth_getBlockByNumber', `0x${height.toString(16)}`, false)
  return (block as { hash: string } | null)?.hash
}

test('open nodes follow a network; one is killed in the midst of a snapshot', async (t) => {
  const parameters = { blockTimeIdleMs: 300, blockTimeBusyMs: 300 }
  const network = await createTestNetwork(1, 'validator', { accounts, parameters })
  t.after(() => network.close())
  const [validator] = network.nodes
  assert.ok(validator)
  const upstreams = [`http://127.0.0.1:${validator.rpcPort}`]
  const sentry = await network.addOpenNode({ upstreams, start: 'genesis' })
  await Promise.all([validator.start(), sentry.start()])
  const bootstrap = sentry.p2pAddresses()
  const full = await network.addOpenNode({ bootstrap, start: 'genesis' })
  const late = await network.addOpenNode({ bootstrap })
  await reaches(sentry, 5)
  await Promise.all([full.start(), late.startAndKillAt('A piece of the snapshot is here')])
  assert.ok(late.log().includes('A snapshot is taken in'))
  assert.ok(!late.log().includes('The snapshot is here'))
  await late.start()
  // It went on with what it had begun, and holds no block below.
  assert.ok(late.log().includes('The snapshot is here'))
  assert.ok(!late.log().includes('A snapshot is taken in'))
  assert.equal(await hashAt(late, 1), undefined)
  assert.equal(await hashAt(late, 0), await hashAt(validator, 0))

  // Its state is the validators', slots and code included, and goes on with theirs.
  const many = accounts.at(-1)
  assert.ok(many)
  const address = bigintToHex(many.address, 20)
  for (const [method, ...params] of [
    ['eth_getStorageAt', address, '0x123', 'latest'],
    ['eth_getCode', address, 'latest'],
    ['eth_getBalance', address, 'latest'],
  ] as const) {
    assert.deepEqual(await late.ask(method, ...params), await validator.ask(method, ...params))
  }
  const hash = await late.ask('eth_sendRawTransaction', toHex(signedTransfer(testKeys[0]!)))
  for (const node of [validator, sentry, full, late]) {
    await until('the receipt', async () => {
      return (await node.ask('eth_getTransactionReceipt', hash)) !== null
    })
  }

  // A node that is killed goes on where it was.
  await full.end('SIGKILL')
  const killedAt = await heightOf(late)
  await full.start()
  await Promise.all([reaches(full, killedAt + 2), reaches(late, killedAt + 2)])
  const hashes = [validator, sentry, full, late].map((node) => hashAt(node, killedAt + 2))
  assert.equal(new Set(await Promise.all(hashes)).size, 1)
  await late.end('SIGTERM')
  assert.equal(late.process().exitCode, 0)
})
