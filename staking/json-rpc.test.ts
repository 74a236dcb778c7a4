import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { JsonRpcClient, JsonRpcFormError, quantityOf, sizedBytesOf } from './json-rpc.ts'

const timeoutMs = 200

/** A client of a server that answers so. */
async function openClient(context: TestContext, listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  context.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const fail = (problem: string) => new Error(`failed: ${problem}`)
  const client = new JsonRpcClient({ url: `http://127.0.0.1:${port}`, fail, timeoutMs })
  return (refused?: () => bigint) =>
    client.ask({
      method: 'eth_blockNumber',
      params: [],
      read: quantityOf,
      ...(refused && { refused }),
    })
}

test('JsonRpcClient waits for no answer, and for no end of one, for ever', async (context) => {
  const silent = await openClient(context, () => {})
  await assert.rejects(silent(), /^Error: failed: eth_blockNumber failed: .*timeout/)
  const slow = await openClient(context, (_request, response) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write(' '), 10)
    response.once('close', () => clearInterval(timer))
  })
  await assert.rejects(slow(), /^Error: failed: eth_blockNumber failed: .*(timeout|aborted)/)
})

test('JsonRpcClient: a refusal means what its asker says, else it is a failure', async (context) => {
  const message = 'no'.repeat(10_000)
  const ask = await openClient(context, (_request, response) =>
    response.end(JSON.stringify({ error: { code: -32_001, message, data: '0x0102' } })),
  )
  assert.equal(await ask(() => 5n), 5n)
  await assert.rejects(ask(), (error: Error) => {
    assert.match(error.message, /^failed: eth_blockNumber failed: it refuses: nono/)
    assert.ok(error.message.length < 300, 'of its words only so many are kept')
    return true
  })
})

test('quantityOf and sizedBytesOf read numbers and bytes, and nothing else', () => {
  assert.equal(quantityOf('0x1f'), 31n)
  for (const wrong of [31, '31', '0x', '0xg', `0x${'1'.repeat(65)}`, null, undefined, {}]) {
    assert.throws(() => quantityOf(wrong), JsonRpcFormError)
  }
  assert.deepEqual(sizedBytesOf('0x0102', 2), Uint8Array.of(1, 2))
  for (const wrong of ['0x01', '0x010203', '0102', 258]) {
    assert.throws(() => sizedBytesOf(wrong, 2), JsonRpcFormError)
  }
})

test('JsonRpcClient asks again on a new connection when the kept one is gone', async (context) => {
  const sockets = new Set<unknown>()
  const ask = await openClient(context, ({ socket }, response) => {
    if (sockets.has(socket)) return socket.destroy()
    sockets.add(socket)
    response.end(JSON.stringify({ result: `0x${sockets.size.toString(16)}` }))
  })
  assert.equal(await ask(), 1n)
  assert.equal(await ask(), 2n)
})
