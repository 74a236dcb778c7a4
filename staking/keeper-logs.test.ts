import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { artifactOf } from '@zg/contracts'
import { bigintToHex, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { encodeAbiParameters, encodeEventTopics } from 'viem'
import type { Abi, AbiEvent } from 'viem'

import { JsonRpcEndpoint } from './json-rpc-endpoint.ts'
import { JsonRpcNetworkEndpoint } from './json-rpc-network-endpoint.ts'

const someone = bigintToHex(0x5en, 20)
const absent = [1n, 2n].map((each) => bigintToHex(each, 20))

/** A node that answers each question for logs as a test says. */
async function openNode(context: TestContext) {
  const node = { logs: [] as unknown, asked: [] as unknown[], url: '' }
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const { id, params } = JSON.parse(body) as { id: number; params: readonly unknown[] }
      node.asked.push(params[0])
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: node.logs }))
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  context.after(() => {
    server.close()
    server.closeAllConnections()
  })
  node.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return node
}

/** A log as viem encodes it by the ABI of the contract. */
function logOf(
  artifact: 'Inbox' | 'Outbox' | 'RewardHub',
  event: string,
  args: Record<string, unknown>,
) {
  const abi = artifactOf(artifact).abi as Abi
  const topics = encodeEventTopics({ abi, eventName: event, args })
  const { inputs } = abi.find((each) => each.type === 'event' && each.name === event) as AbiEvent
  const told = inputs.filter(({ indexed }) => indexed !== true)
  const data = encodeAbiParameters(
    told,
    told.map(({ name }) => args[name ?? '']),
  )
  return { topics, data, blockNumber: '0x9' }
}

/** The same with a byte of its data changed. */
function bent<log extends { data: Hex }>(log: log, at: number): log {
  const bytes = fromHex(log.data)
  return { ...log, data: toHex(bytes.with(at, (bytes[at] ?? 0) ^ 0xff)) }
}

test('messages are read as Inbox tells them, and no other form of them', async (context) => {
  const node = await openNode(context)
  const endpoint = new JsonRpcEndpoint({ url: node.url, inbox: 7n })
  const data = toHex(Uint8Array.from({ length: 33 }, (_, index) => index + 1))
  const sent = { id: 3, index: 4n, sender: someone, to: bigintToHex(0x70n, 20), data }
  const log = logOf('Inbox', 'MessageSent', sent)
  const query = { networkId: 3, fromBlock: 5n, toBlock: 9n }
  const empty = logOf('Inbox', 'MessageSent', { ...sent, index: 5n, data: '0x' })
  node.logs = [log, empty]
  const words = { sender: 0x5en, to: 0x70n, blockNumber: 9n }
  assert.deepEqual(await endpoint.messages(query), [
    { ...words, index: 4n, data: fromHex(data) },
    { ...words, index: 5n, data: new Uint8Array(0) },
  ])
  assert.deepEqual(node.asked, [
    {
      address: bigintToHex(7n, 20),
      topics: [log.topics[0], bigintToHex(3n, 32)],
      fromBlock: '0x5',
      toBlock: '0x9',
    },
  ])
  const malformed: unknown[] = [
    { ...log, topics: log.topics.slice(0, 3) },
    { ...log, data: '0x' },
    { ...log, data: log.data.slice(0, -2) },
    { ...log, data: `${log.data}00` },
    { ...log, blockNumber: null },
    // A long receiver, another offset, another size, something after the data.
    ...[0, 63, 95, 64, 96 + 40].map((at) => bent(log, at)),
  ]
  for (const each of malformed) {
    node.logs = [each]
    await assert.rejects(endpoint.messages(query), { code: 'STAKING_L1_ENDPOINT' })
  }
})

test('the absent are read as RewardHub names them, and in no other form', async (context) => {
  const node = await openNode(context)
  const endpoint = new JsonRpcNetworkEndpoint({ url: node.url })
  const paid = logOf('RewardHub', 'HeightPaid', { height: 16n, epoch: 3n, amount: 5n, absent })
  const widened = logOf('RewardHub', 'HeightWidened', { height: 16n, absent: absent.slice(1) })
  const nobody = logOf('RewardHub', 'HeightWidened', { height: 16n, absent: [] })
  const query = { height: 16n, fromHeight: 20n, toHeight: 28n }
  node.logs = [paid, widened, nobody]
  const bytes = absent.map(fromHex)
  assert.deepEqual(await endpoint.rewardAbsences(query), [bytes, bytes.slice(1), []])
  assert.deepEqual(node.asked, [
    {
      address: '0x0000000000000000000000000000000000002001',
      topics: [[paid.topics[0], widened.topics[0]], bigintToHex(16n, 32)],
      fromBlock: '0x14',
      toBlock: '0x1c',
    },
  ])
  const malformed: unknown[] = [
    { ...paid, data: '0x' },
    { ...paid, data: paid.data.slice(0, -2) },
    { ...widened, data: paid.data },
    { ...paid, data: widened.data },
    // Another offset, another count, a long address.
    ...[63, 95, 64, 96].map((at) => bent(paid, at)),
  ]
  for (const each of malformed) {
    node.logs = [each]
    await assert.rejects(endpoint.rewardAbsences(query), { code: 'STAKING_NETWORK_ENDPOINT' })
  }
})

test('what a message says is read as Outbox tells it, and in no other form', async (context) => {
  const node = await openNode(context)
  const endpoint = new JsonRpcNetworkEndpoint({ url: node.url })
  const data = toHex(Uint8Array.from({ length: 40 }, (_, index) => index + 1))
  const log = logOf('Outbox', 'MessageData', { index: 6n, data })
  const place = { index: 6n, height: 20n }
  node.logs = [log]
  assert.deepEqual(await endpoint.messageData(place), fromHex(data))
  assert.deepEqual(node.asked, [
    {
      address: '0x0000000000000000000000000000000000002002',
      topics: [log.topics[0], bigintToHex(6n, 32)],
      fromBlock: '0x14',
      toBlock: '0x14',
    },
  ])
  node.logs = [logOf('Outbox', 'MessageData', { index: 6n, data: '0x' })]
  assert.deepEqual(await endpoint.messageData(place), new Uint8Array(0))
  node.logs = []
  assert.equal(await endpoint.messageData(place), undefined)
  const malformed: readonly unknown[][] = [
    [log, log],
    [{ ...log, data: '0x' }],
    [{ ...log, data: log.data.slice(0, -2) }],
    [{ ...log, data: `${log.data}00` }],
    // Another offset, another size, something after the data.
    ...[31, 63, 32, 64 + 50].map((at) => [bent(log, at)]),
  ]
  for (const each of malformed) {
    node.logs = each
    await assert.rejects(endpoint.messageData(place), { code: 'STAKING_NETWORK_ENDPOINT' })
  }
})
