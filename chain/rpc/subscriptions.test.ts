import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, test } from 'node:test'

import { createdAddress } from '@zg/evm'
import { bigintToHex, toHex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'
import { WebSocket } from 'ws'

import { counterCode, counterTopic, initCodeOf, openRpcTestNode } from '../testing/rpc-test-node.ts'
import { signedTransfer, testAddresses, testKeys } from '../testing/test-chain.ts'
import { subscriptionsPerConnectionMax } from './limits.ts'
import { startRpcServer } from './server.ts'

type Message = {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { readonly code: number }
  readonly params?: { readonly subscription: string; readonly result: Record<string, unknown> }
}

const [senderKey, otherKey] = testKeys as [Uint8Array, Uint8Array]
const counter = createdAddress(testAddresses[0] ?? 0n, 0n)
const node = await openRpcTestNode()
const server = await startRpcServer({
  methods: node.methods,
  clock: createSystemClock(),
  host: '127.0.0.1',
  port: 0,
  allowedHosts: [],
  allowedOrigins: [],
  onInternalError: (method, error) => assert.fail(`${method}: ${String(error)}`),
})
after(() => server.close())

/** A client that hands out messages one by one, in order. */
class Client {
  readonly #ws: WebSocket
  readonly #messages: Message[] = []
  #wake: (() => void) | undefined

  constructor(ws: WebSocket) {
    this.#ws = ws
    ws.on('message', (data: Buffer) => {
      this.#messages.push(JSON.parse(data.toString()) as Message)
      this.#wake?.()
    })
  }

  static async open(): Promise<Client> {
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}`)
    after(() => ws.terminate())
    await once(ws, 'open')
    return new Client(ws)
  }

  async next(): Promise<Message> {
    while (this.#messages.length === 0) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return this.#messages.shift() as Message
  }

  async ask(method: string, ...params: unknown[]): Promise<Message> {
    this.#ws.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
    return this.next()
  }

  get waiting(): number {
    return this.#messages.length
  }

  async close(): Promise<void> {
    this.#ws.close()
    await once(this.#ws, 'close')
  }
}

test('newHeads tells each block once it is final', async () => {
  const client = await Client.open()
  const { result: id } = await client.ask('eth_subscribe', 'newHeads')
  await node.mine()
  await node.mine()
  const heads = [await client.next(), await client.next()]
  const head = node.chain.headNumber()
  assert.deepEqual(
    heads.map(({ params }) => [params?.subscription, Number(params?.result['number'])]),
    [
      [id, head - 1],
      [id, head],
    ],
  )
  assert.equal(heads[1]?.params?.result['hash'], toHex(node.chain.head().hash))
})

test('logs tells the logs that fit, with their place', async () => {
  const data = initCodeOf(counterCode)
  await node.pool.add(
    signedTransfer(senderKey, { to: undefined, value: 0n, gasLimit: 200_000n, data }),
  )
  await node.mine()
  const client = await Client.open()
  const none = await client.ask('eth_subscribe', 'logs', { topics: [`0x${'00'.repeat(32)}`] })
  const all = await client.ask('eth_subscribe', 'logs', {})
  const some = await client.ask('eth_subscribe', 'logs', {
    address: bigintToHex(counter, 20),
    topics: [counterTopic],
  })
  await node.pool.add(
    signedTransfer(senderKey, { nonce: 1n, to: counter, value: 0n, gasLimit: 100_000n }),
  )
  await node.mine()
  const told = [await client.next(), await client.next()]
  const ids = new Set<unknown>(told.map(({ params }) => params?.subscription))
  assert.deepEqual(ids, new Set([all.result, some.result]))
  assert.equal(told[0]?.params?.result['blockHash'], toHex(node.chain.head().hash))
  assert.notEqual(none.result, undefined)
  assert.equal(client.waiting, 0)
})

test('newPendingTransactions tells hashes, or whole transactions', async () => {
  const client = await Client.open()
  await client.ask('eth_subscribe', 'newPendingTransactions')
  await client.ask('eth_subscribe', 'newPendingTransactions', true)
  const hash = toHex(await node.pool.add(signedTransfer(otherKey)))
  const told = [await client.next(), await client.next()]
  assert.equal(told[0]?.params?.result, hash)
  assert.equal(told[1]?.params?.result['hash'], hash)
})

test('eth_unsubscribe ends a subscription, of the own connection only', async () => {
  const [client, stranger] = [await Client.open(), await Client.open()]
  const { result: id } = await client.ask('eth_subscribe', 'newHeads')
  assert.equal((await stranger.ask('eth_unsubscribe', id)).result, false)
  assert.equal((await client.ask('eth_unsubscribe', id)).result, true)
  assert.equal((await client.ask('eth_unsubscribe', id)).result, false)
  await node.mine()
  assert.equal((await client.ask('eth_blockNumber')).id, 1)
  assert.equal(client.waiting, 0)
})

test('a connection has at most 100 subscriptions, and closing it ends them', async () => {
  const client = await Client.open()
  for (let count = 0; count < subscriptionsPerConnectionMax; count++) {
    assert.equal(typeof (await client.ask('eth_subscribe', 'newHeads')).result, 'string')
  }
  assert.equal((await client.ask('eth_subscribe', 'newHeads')).error?.code, -32005)
  await client.close()
  await node.mine()
})

test('eth_subscribe refuses unknown kinds, and needs a WebSocket', async () => {
  const client = await Client.open()
  for (const params of [['syncing'], ['__proto__'], [5], [], ['logs', 5]]) {
    assert.equal((await client.ask('eth_subscribe', ...params)).error?.code, -32602)
  }
  await assert.rejects(node.ask('eth_subscribe', 'newHeads'), { code: -32601 })
  await assert.rejects(node.ask('eth_unsubscribe', '0x1'), { code: -32601 })
})
