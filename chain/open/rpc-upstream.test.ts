import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { silentLogger } from '@zg/runtime'

import { RpcUpstream } from './rpc-upstream.ts'

/** A validator's door that answers each request with the next text. */
async function openDoor(context: TestContext, ...answers: string[]) {
  const asked: unknown[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      asked.push(JSON.parse(body))
      response.end(answers.shift() ?? '{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { asked, upstream: new RpcUpstream(`http://127.0.0.1:${port}`, silentLogger) }
}

test('RpcUpstream asks for blocks, and tells none from a wrong answer', async (t) => {
  const { asked, upstream } = await openDoor(
    t,
    '{"jsonrpc":"2.0","id":1,"result":"0x0b01"}',
    '{"jsonrpc":"2.0","id":1,"result":null}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}',
    '{"jsonrpc":"2.0","id":1,"result":"blocks"}',
    'garbage',
  )
  const source = upstream.source()
  assert.equal(source.isAhead(10n ** 9n), true)
  assert.deepEqual(await source.blocks(300n, 64), Uint8Array.of(0x0b, 1))
  assert.equal(await source.blocks(301n, 1), undefined)
  const invalid = { code: 'CHAIN_UPSTREAM_ANSWER_INVALID' }
  for (let count = 0; count < 2; count++) await assert.rejects(source.blocks(1n, 1), invalid)
  await assert.rejects(source.blocks(1n, 1), SyntaxError)
  assert.deepEqual(asked[0], {
    jsonrpc: '2.0',
    id: 1,
    method: 'zg_getChain',
    params: ['0x12c', '0x40'],
  })
})

test('RpcUpstream asks for the place of a block in a history', async (t) => {
  const sibling = `0x${'07'.repeat(32)}`
  const { asked, upstream } = await openDoor(
    t,
    `{"jsonrpc":"2.0","id":1,"result":["${sibling}","${sibling}"]}`,
    '{"jsonrpc":"2.0","id":1,"result":null}',
    '{"jsonrpc":"2.0","id":1,"result":"0x07"}',
    '{"jsonrpc":"2.0","id":1,"result":["0x07"]}',
  )
  const source = upstream.source()
  const seven = new Uint8Array(32).fill(7)
  assert.deepEqual(await source.historyProof(300n, 400n), [seven, seven])
  assert.equal(await source.historyProof(300n, 400n), undefined)
  const invalid = { code: 'CHAIN_UPSTREAM_ANSWER_INVALID' }
  for (let count = 0; count < 2; count++)
    await assert.rejects(source.historyProof(300n, 400n), invalid)
  const { method, params } = asked[0] as { method: string; params: string[] }
  assert.deepEqual([method, params], ['zg_getHistoryProof', ['0x12c', '0x190']])
})

test('RpcUpstream stops reading an answer that is too large', async (t) => {
  const { upstream } = await openDoor(t, 'x'.repeat(26 * 1_024 * 1_024))
  await assert.rejects(upstream.source().blocks(1n, 1), { code: 'CHAIN_UPSTREAM_ANSWER_INVALID' })
})

test('RpcUpstream gives transactions in batches, and goes on after a failure', async (t) => {
  const { asked, upstream } = await openDoor(t, 'garbage', '[]')
  upstream.forward([Uint8Array.of(1), Uint8Array.of(2)])
  upstream.forward([Uint8Array.of(3)])
  while (asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  const given = asked.map((batch) =>
    (batch as { method: string; params: string[] }[]).map(({ method, params }) => {
      return `${method} ${params.join()}`
    }),
  )
  assert.deepEqual(given, [
    ['eth_sendRawTransaction 0x01', 'eth_sendRawTransaction 0x02'],
    ['eth_sendRawTransaction 0x03'],
  ])
})
