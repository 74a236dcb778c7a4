import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { LmdbStore } from './lmdb-store.ts'

const key = Uint8Array.of(1)

/** A thread that answers what it reads under `key`, twice in one turn, and the keys of a range. */
const readerSource = `
  const { parentPort, workerData } = require('node:worker_threads')
  import(workerData.module).then(({ LmdbReader }) => {
    const reader = LmdbReader.open(workerData.folder)
    const key = Uint8Array.of(1)
    const read = () => reader.get('a', key)?.[0]
    const flag = new Int32Array(workerData.flag)
    parentPort.on('message', () => {
      reader.refresh()
      const first = read()
      Atomics.store(flag, 0, 1)
      Atomics.notify(flag, 0)
      Atomics.wait(flag, 0, 1)
      const keys = (range) => [...reader.range('a', range)].map(([each]) => each[0])
      parentPort.postMessage({
        first,
        second: read(),
        rising: keys({ from: Uint8Array.of(2), to: Uint8Array.of(4) }),
        falling: keys({ reverse: true, limit: 2 }),
        absent: reader.get('nowhere', key),
      })
    })
    parentPort.postMessage('ready')
  })
`

function entry(number: number): { table: string; key: Uint8Array; value: Uint8Array } {
  return { table: 'a', key: Uint8Array.of(number), value: Uint8Array.of(number) }
}

test('LmdbReader on another thread reads one moment until it is refreshed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'zg-lmdb-'))
  const store = LmdbStore.open(folder)
  await store.write([1, 2, 3, 4].map(entry))
  const flag = new SharedArrayBuffer(4)
  const module = new URL('lmdb-reader.ts', import.meta.url).href
  const workerData = { folder, flag, module }
  const worker = new Worker(readerSource, { eval: true, workerData })
  const next = (): Promise<unknown> => new Promise((resolve) => worker.once('message', resolve))
  await next()

  /** Overwrites `key` between the two reads of one turn. */
  const readAcross = async (value: number): Promise<unknown> => {
    const answer = next()
    worker.postMessage('read')
    const shared = new Int32Array(flag)
    const waited = Atomics.waitAsync(shared, 0, 0)
    if (waited.async) await waited.value
    await store.write([{ table: 'a', key, value: Uint8Array.of(value) }])
    Atomics.store(shared, 0, 0)
    Atomics.notify(shared, 0)
    return answer
  }
  const ranges = { rising: [2, 3], falling: [4, 3], absent: undefined }
  assert.deepEqual(await readAcross(50), { first: 1, second: 1, ...ranges })
  assert.deepEqual(await readAcross(60), { first: 50, second: 50, ...ranges })
  await worker.terminate()
  await store.close()
  rmSync(folder, { recursive: true })
})
