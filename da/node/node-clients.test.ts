import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { fetchNodeClient } from './fetch-node-client.ts'
import { httpNodeClient } from './http-node-client.ts'
import { smallShape } from '../testing/data-world.ts'
import { headerSizeMax, rowsSizeMax } from '../batch/wire.ts'

const disperser = new Uint8Array(20)
const batch = { network: 7, epoch: 10n, quorum: 0, disperser, sequence: 0n }
const { signal } = new AbortController()

/** A node that answers all with so many bytes, and says their number in the head or not. */
async function openServer(t: TestContext) {
  const answer = { size: 0, isSaid: true }
  const server = createServer((_request, response) => {
    if (answer.isSaid) response.setHeader('content-length', answer.size)
    response.flushHeaders()
    response.end(Buffer.alloc(answer.size, 7))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { answer, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('an answer is taken up to what was asked, and not a byte more', async (t) => {
  const { answer, url } = await openServer(t)
  const client = httpNodeClient(smallShape)
  t.after(() => client.close())
  const pages = fetchNodeClient(smallShape)
  const questions: [() => Promise<Uint8Array | undefined>, number][] = [
    [() => client.store(url, new Uint8Array(9), signal), 96],
    [() => client.header(url, batch, signal), headerSizeMax(smallShape)],
    [() => pages.header(url, batch, signal), headerSizeMax(smallShape)],
    [() => client.rows(url, batch, [3], signal), rowsSizeMax(1, smallShape)],
    [() => client.rows(url, batch, [3, 4, 9], signal), rowsSizeMax(3, smallShape)],
    [() => pages.rows(url, batch, [3], signal), rowsSizeMax(1, smallShape)],
  ]
  for (const isSaid of [true, false]) {
    answer.isSaid = isSaid
    for (const [ask, sizeMax] of questions) {
      answer.size = sizeMax
      assert.deepEqual(await ask(), new Uint8Array(sizeMax).fill(7))
      answer.size = sizeMax + 1
      await assert.rejects(ask(), { code: /^DA_(UNAVAILABLE|NODE_ANSWER)$/ })
    }
  }
})

test('rows of all sizes fit into the bound of an answer, and that is near them', () => {
  const shape = { dataRows: 1_024, codedRows: 4_096 }
  assert.ok(rowsSizeMax(1, shape) > 32_768 + 12 * 32 && rowsSizeMax(1, shape) < 34_000)
  assert.ok(rowsSizeMax(256, shape) < 9_000_000)
  assert.ok(rowsSizeMax(4_096, shape) < 11_000_000)
})
