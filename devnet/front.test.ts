import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { createConnection } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'

import { FrontPortBusyError, openFront } from './front.ts'

/** A validator that answers every request with its name. */
async function openBack(name: string): Promise<{ server: Server; port: number }> {
  const server = createServer((_, response) => response.end(name))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, port: (server.address() as AddressInfo).port }
}

function closeBack({ server }: { server: Server }): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function freePort(): Promise<number> {
  const back = await openBack('')
  await closeBack(back)
  return back.port
}

/** Each call is a connection of its own. */
async function ask(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } })
  return response.text()
}

test('openFront keeps to one validator, and goes to the next when that is gone', async () => {
  const backs = [await openBack('first'), await openBack('second')]
  const port = await freePort()
  const front = await openFront({ port, backPorts: backs.map((back) => back.port) })
  assert.deepEqual(await Promise.all([ask(port), ask(port), ask(port)]), [
    'first',
    'first',
    'first',
  ])

  await closeBack(backs[0]!)
  assert.equal(await ask(port), 'second')
  assert.equal(front.current(), 1)

  await closeBack(backs[1]!)
  await assert.rejects(ask(port))
  await front.close()
})

test('openFront leaves a validator that is said to be down, and cuts its connections', async () => {
  const backs = [await openBack('first'), await openBack('second')]
  const port = await freePort()
  const front = await openFront({ port, backPorts: backs.map((back) => back.port) })
  const client = createConnection(port, '127.0.0.1')
  const answered = new Promise((resolve) => client.once('data', resolve))
  client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await answered

  const cut = new Promise<void>((resolve) => client.once('close', () => resolve()))
  front.setUp(0, false)
  await cut
  assert.equal(await ask(port), 'second')
  front.setUp(0, true)
  assert.equal(await ask(port), 'second', 'the one that took over stays')
  await front.close()
  await Promise.all(backs.map(closeBack))
})

test('openFront refuses a busy port', async () => {
  const back = await openBack('first')
  await assert.rejects(openFront({ port: back.port, backPorts: [back.port] }), FrontPortBusyError)
  await closeBack(back)
})
