import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'

import { toHex } from '@zg/primitives'

import { createTestNetwork } from './testing/node-directory.ts'
import type { TestNode } from './testing/node-directory.ts'
import { signedTransfer, testKeys } from './testing/test-chain.ts'

const deadlineMs = 60_000
const pollMs = 100

const key = testKeys[0] as Uint8Array

async function heightOf(node: TestNode): Promise<number> {
  return Number(await node.ask('eth_blockNumber'))
}

async function hashAt(node: TestNode, height: number): Promise<unknown> {
  const block = await node.ask('eth_getBlockByNumber', `0x${height.toString(16)}`, false)
  return (block as { hash: string } | null)?.hash
}

/** Asks until the answer is true; the deadline is for a broken network only. */
async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!(await ask())) {
    assert.ok(Date.now() < end, `${what} within ${deadlineMs} ms`)
    await wait(pollMs)
  }
}

function reaches(node: TestNode, height: number): Promise<void> {
  return until(`height ${height}`, async () => (await heightOf(node)) >= height)
}

test('four validator processes: final transfers, a killed one, a restart of all', async (t) => {
  const network = await createTestNetwork(4)
  t.after(() => network.close())
  const [first, second, third, last] = network.nodes
  assert.ok(first && second && third && last)
  await Promise.all(network.nodes.map((node) => node.start()))
  await Promise.all(network.nodes.map((node) => reaches(node, 2)))

  const hash = await first.ask('eth_sendRawTransaction', toHex(signedTransfer(key)))
  const isThere = async (node: TestNode): Promise<boolean> =>
    (await node.ask('eth_getTransactionReceipt', hash)) !== null
  for (const node of network.nodes) await until('the receipt', () => isThere(node))
  const certificate = await first.ask('zg_getFinalityCertificate', 'latest')
  assert.notEqual(certificate, null)

  // One of four is gone at once: the others go on, and it catches up.
  await last.end('SIGKILL')
  const killedAt = await heightOf(first)
  await reaches(first, killedAt + 3)
  const second_ = await second.ask(
    'eth_sendRawTransaction',
    toHex(signedTransfer(key, { nonce: 1n })),
  )
  await until('the second receipt', async () => {
    return (await third.ask('eth_getTransactionReceipt', second_)) !== null
  })
  await last.start()
  await reaches(last, killedAt + 3)
  const common = Math.min(await heightOf(first), await heightOf(last))
  assert.equal(await hashAt(last, common), await hashAt(first, common))

  // All are killed: each begins where it was, and the chain goes on.
  await Promise.all(network.nodes.map((node) => node.end('SIGKILL')))
  await Promise.all(network.nodes.map((node) => node.start()))
  for (const node of network.nodes) {
    assert.equal(await hashAt(node, common), await hashAt(first, common))
  }
  await reaches(first, common + 2)

  // A signal ends each in good order.
  await Promise.all(network.nodes.map((node) => node.end('SIGTERM')))
  assert.deepEqual(
    network.nodes.map((node) => node.process().exitCode),
    [0, 0, 0, 0],
  )
})

test('a minimal node mines what it is sent', async (t) => {
  const network = await createTestNetwork(1, 'minimal')
  t.after(() => network.close())
  const [node] = network.nodes
  assert.ok(node)
  await node.start()
  const hash = await node.ask('eth_sendRawTransaction', toHex(signedTransfer(key)))
  await until('the receipt', async () => {
    return (await node.ask('eth_getTransactionReceipt', hash)) !== null
  })
  await node.end('SIGTERM')
  const { exitCode, signalCode } = node.process()
  assert.deepEqual({ exitCode, signalCode }, { exitCode: 0, signalCode: null })
})
