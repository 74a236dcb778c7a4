import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'

import { checkL1 } from './doctor-l1.ts'

/** What is said of a node that answers this. */
async function askAbout(result: unknown) {
  const server = createServer((_, response) => {
    response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result }))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  try {
    const { port } = server.address() as AddressInfo
    return await checkL1(`http://127.0.0.1:${port}`, 'zg')
  } finally {
    server.close()
  }
}

const well = { finalNumber: '0x40', finalTimestamp: '0x1', blocksBehind: '0x0', problem: null }

test('checkL1 says nothing while a node follows L1, or follows none', async () => {
  for (const status of [well, null]) {
    assert.deepEqual(await askAbout(status), { verdict: 'good', says: '' })
  }
})

test('checkL1 says how far L1 is behind what was kept of it, and what mends that', async () => {
  const { verdict, says } = await askAbout({ ...well, blocksBehind: '0x4d2' })
  assert.equal(verdict, 'bad')
  assert.match(says, /L1 is 1,234 blocks behind what this node kept of it/)
  assert.match(says, /name another endpoint, or stop the node and remove l1.mdb/)
})

test('checkL1 names what the last look at L1 failed with, and what mends that', async () => {
  for (const problem of ['STAKING_L1_SILENT', 'STAKING_L1_HEADER_MISSING']) {
    const { verdict, says } = await askAbout({ ...well, problem })
    assert.equal(verdict, 'warning')
    assert.match(says, new RegExp(`it learns nothing of L1, ${problem}: .*another endpoint of L1`))
  }
})
