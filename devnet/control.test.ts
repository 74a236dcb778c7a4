import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import {
  ControlRefusedError,
  ControlRequestInvalidError,
  ControlUnreachableError,
  parseRequest,
  requestControl,
  serveControl,
} from './control.ts'
import type { ControlRequest } from './control.ts'
import { PartUnknownError } from './supervisor.ts'

const root = mkdtempSync(join(tmpdir(), 'zg-control-'))
after(() => rmSync(root, { recursive: true }))

const part = { name: 'net-0/val-2', state: 'killed', pid: undefined, restarts: 0 } as const

test('requestControl carries a request there and the reply back', async () => {
  const path = join(root, 'a.sock')
  const seen: ControlRequest[] = []
  const server = await serveControl(path, async (request) => {
    seen.push(request)
    return { ok: true, parts: [part] }
  })
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const parts = await requestControl(path, { verb: 'kill', network: 0, validator: 2 })
  assert.equal(parts[0]?.state, 'killed')
  assert.deepEqual(seen, [{ verb: 'kill', network: 0, validator: 2 }])
  await server.close()
})

test('requestControl passes a refusal on with its code', async () => {
  const path = join(root, 'b.sock')
  const server = await serveControl(path, async () => {
    throw new PartUnknownError('net-0/val-9', ['l1'])
  })
  await assert.rejects(
    requestControl(path, { verb: 'kill', network: 0, validator: 9 }),
    (error) =>
      error instanceof ControlRefusedError && error.data['reason'] === 'DEVNET_PART_UNKNOWN',
  )
  await server.close()
})

test('requestControl says when nobody listens', async () => {
  const request = requestControl(join(root, 'nobody.sock'), { verb: 'status' })
  await assert.rejects(request, ControlUnreachableError)
})

test('serveControl outlives garbage and endless lines', async () => {
  const path = join(root, 'c.sock')
  const server = await serveControl(path, async () => ({ ok: true, parts: [] }))
  for (const garbage of ['\0\0\0\n', '{"verb":"launch"}\n', 'x'.repeat(200_000)]) {
    await new Promise<void>((resolve) => {
      const socket = createConnection(path, () => socket.write(garbage))
      socket.on('data', () => undefined)
      socket.on('error', () => undefined)
      socket.once('close', () => resolve())
    })
  }
  assert.deepEqual(await requestControl(path, { verb: 'status' }), [])
  await server.close()
})

test('parseRequest refuses what is no request', () => {
  const malformed = [
    '',
    'null',
    '[]',
    '{"verb":"rm"}',
    '{"verb":"kill"}',
    '{"verb":"kill","network":0,"validator":-1}',
    '{"verb":"kill","network":0,"validator":"2"}',
    '{"verb":"kill","network":0.5,"validator":2}',
    '{"verb":"kill","dataNode":-1}',
    '{"verb":"kill","dataNode":"3"}',
    '{"verb":"__proto__","network":0,"validator":2}',
  ]
  for (const line of malformed) {
    assert.throws(() => parseRequest(line), ControlRequestInvalidError, line)
  }
})
