import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { useOf } from './process-use.ts'

test('useOf adds up what proc says of processes', (t) => {
  const proc = mkdtempSync(join(tmpdir(), 'zg-proc-'))
  t.after(() => rmSync(proc, { recursive: true, force: true }))
  for (const pid of [5, 6]) {
    mkdirSync(join(proc, String(pid)))
    const write = (file: string, text: string): void =>
      writeFileSync(join(proc, String(pid), file), text)
    // A name that ends like the field, as any process may call itself.
    write('stat', `${pid} (a) b) S 1 1 1 0 -1 4194304 102 0 0 0 150 ${pid} 90 90 20 0 11 0 1 2 3`)
    write('smaps_rollup', '55-7f ---p 00 00:00 0 [rollup]\nRss:   2048 kB\nPss:    1024 kB\n')
    write('io', 'rchar: 1\nwchar: 4000\nsyscr: 9\n')
  }
  assert.deepEqual(useOf([5, 6], proc), {
    cpuSeconds: 3.11,
    rssBytes: 2 * 2_097_152,
    pssBytes: 2 * 1_048_576,
    writtenBytes: 8_000,
  })
  assert.throws(() => useOf([5, 7], proc), { code: 'DEVNET_PROCESS_USE_UNREADABLE' })
})
