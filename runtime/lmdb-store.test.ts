import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { LmdbStore } from './lmdb-store.ts'
import { checkKeyValueStore } from './testing/key-value-store-compliance.ts'

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'zg-lmdb-'))

checkKeyValueStore('LmdbStore', async () => {
  const folder = newFolder()
  let store = LmdbStore.open(folder)
  return {
    store,
    reopen: async () => {
      await store.close()
      store = LmdbStore.open(folder)
      return store
    },
    dispose: async () => {
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
})

test('LmdbStore.write() refuses after close()', async () => {
  const folder = newFolder()
  const store = LmdbStore.open(folder)
  await store.close()
  const batch = [{ table: 'a', key: Uint8Array.of(1), value: Uint8Array.of(1) }]
  await assert.rejects(store.write(batch), { code: 'RUNTIME_STORE_CLOSED' })
  assert.throws(() => store.get('a', Uint8Array.of(1)), { code: 'RUNTIME_STORE_CLOSED' })
  rmSync(folder, { recursive: true })
})

test('LmdbStore.open() refuses a folder that cannot be made', () => {
  assert.throws(() => LmdbStore.open('/dev/null/store'), { code: 'RUNTIME_STORE_OPEN_FAILED' })
})

for (const { keyCount, acknowledgedMin } of [
  { keyCount: 20, acknowledgedMin: 40 },
  { keyCount: 3000, acknowledgedMin: 5 },
  { keyCount: 20_000, acknowledgedMin: 2 },
]) {
  test(`LmdbStore keeps acknowledged batches of ${keyCount} keys whole over kill -9`, async () => {
    const folder = newFolder()
    const acknowledged = await writeUntilKilled(folder, keyCount, acknowledgedMin)

    const store = LmdbStore.open(folder)
    const numbers = new Set<number>()
    let found = 0
    for (const table of ['even', 'odd']) {
      for (const [, value] of store.range(table, {})) {
        found++
        numbers.add(new DataView(value.buffer, value.byteOffset).getUint32(0))
      }
    }
    // Every batch overwrites every key, so all keys hold the number of the last whole batch.
    assert.equal(found, keyCount)
    assert.equal(numbers.size, 1, `a batch is half there: ${[...numbers].join(', ')}`)
    const [last = 0] = numbers
    assert.ok(last >= acknowledged, `batch ${acknowledged} was acknowledged, ${last} is there`)
    await store.close()
    rmSync(folder, { recursive: true })
  })
}

/** Runs the writer until it has reported enough batches, kills it; returns the last reported. */
async function writeUntilKilled(folder: string, keyCount: number, min: number): Promise<number> {
  const script = fileURLToPath(new URL('testing/write-batches.ts', import.meta.url))
  const child = spawn(process.execPath, [script, folder, String(keyCount)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    output += text
    if (output.split('\n').length > min) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.once('close', resolve))
  assert.equal(child.signalCode, 'SIGKILL')
  return Math.max(...output.trim().split('\n').map(Number))
}
