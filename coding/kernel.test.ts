import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { kernelModulesSource } from './testing/build-kernel.ts'
import { RowCommitter } from './commitment.ts'
import { fieldSize, multiply } from './field.ts'
import { openKernel } from './kernel.ts'
import { twist } from './kernel-tables.ts'

test('the kernel that is committed is the one of its source', async () => {
  const committed = readFileSync(new URL('kernel-modules.ts', import.meta.url), 'utf8')
  assert.ok(
    (await kernelModulesSource()) === committed,
    'run "node coding/testing/build-kernel.ts"',
  )
})

test('twisted, a product with an element of GF(256) is one of each byte', () => {
  for (let symbol = 0; symbol < fieldSize; symbol += 251) {
    assert.equal(twist(twist(symbol)), symbol)
    for (const factor of [0, 1, 2, 0x35, 0xff]) {
      const twisted = twist(symbol)
      const product = multiply(factor, twisted & 0xff) | (multiply(factor, twisted >> 8) << 8)
      assert.equal(twist(product), multiply(factor, symbol))
    }
  }
})

/** Commits, loses half of the rows and brings them back, in a thread whose engine cannot relax. */
const strictThread = `
  const { parentPort, workerData } = require('node:worker_threads')
  WebAssembly.validate = () => false
  import(workerData.url).then(({ RowCommitter }) => {
    const told = [false, true].map((isShared) => {
      const committer = new RowCommitter({ ...workerData.code, isShared })
      const { coder } = committer
      coder.data.set(workerData.data)
      const header = committer.commit()
      coder.data.fill(0)
      coder.reconstruct(Uint8Array.from({ length: 90 }, (_, row) => (row < 40 ? 0 : 1)))
      return { header, data: coder.data.slice() }
    })
    parentPort.postMessage(told)
  })
`

test('the kernel without relaxed SIMD gives the same bytes', async () => {
  const code = { dataRows: 40, codedRows: 90, rowSizeMax: 320 }
  const data = createHash('shake256', { outputLength: 40 * 320 })
    .update('data')
    .digest()
  const committer = new RowCommitter(code)
  committer.coder.data.set(data)
  const header = committer.commit()
  const { href: url } = new URL('commitment.ts', import.meta.url)
  const thread = new Worker(strictThread, { eval: true, workerData: { url, code, data } })
  const [told] = (await once(thread, 'message')) as [readonly unknown[]]
  const expected = { header, data: new Uint8Array(data) }
  assert.deepEqual(told, [expected, expected])
})

test('a shared kernel has a memory that threads share', () => {
  assert.ok(openKernel(64, { isShared: true }).memory.buffer instanceof SharedArrayBuffer)
  assert.ok(openKernel(64).memory.buffer instanceof ArrayBuffer)
})
