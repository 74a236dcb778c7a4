import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { postJson } from './json-post.ts'

const limits = { timeoutMs: 5_000, answerSizeBytesMax: 16 }

/** A server that answers so, and the connections that came to it. */
async function openServer(context: TestContext, listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const sockets: Socket[] = []
  server.on('connection', (socket) => sockets.push(socket))
  context.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, sockets }
}

test('postJson sends the body and keeps the connection for the next one', async (context) => {
  const { url, sockets } = await openServer(context, (request, response) => {
    request.pipe(response)
  })
  for (const body of ['{"a":1}', '{"b":"é"}']) {
    assert.equal(await postJson(url, body, limits), body)
    // The connection is free again once its request is closed.
    await new Promise((done) => {
      setImmediate(done)
    })
  }
  assert.equal(sockets.length, 1)
})

test('postJson asks anew when a kept connection was closed on its way', async (context) => {
  let count = 0
  const { url, sockets } = await openServer(context, (request, response) => {
    count++
    if (count === 2) request.socket.resetAndDestroy()
    else response.end(`${count}`)
  })
  assert.equal(await postJson(url, '{}', limits), '1')
  await new Promise((done) => {
    setImmediate(done)
  })
  assert.equal(await postJson(url, '{}', limits), '3')
  assert.equal(sockets.length, 2)
})

test('postJson takes no answer that is too long, no other status, and follows nobody', async (context) => {
  const { url } = await openServer(context, (_request, response) => response.end('x'.repeat(17)))
  await assert.rejects(postJson(url, '{}', limits), /its answer is too long/)
  let asked = 0
  const other = await openServer(context, (_request, response) => {
    asked++
    response.writeHead(307, { location: url }).end()
  })
  await assert.rejects(postJson(other.url, '{}', limits), /it answers with 307/)
  assert.equal(asked, 1)
})
