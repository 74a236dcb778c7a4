import assert from 'node:assert/strict'
import { test } from 'node:test'

import { countPuts, useBetween } from './data-window.ts'

test('countPuts counts what was certified from one moment on and before the other', () => {
  const puts = [
    { atMs: 999, tookMs: 900, sequence: 0 },
    { atMs: 1_000, tookMs: 30, sequence: 1 },
    { atMs: 1_500, tookMs: 40, sequence: 1 },
    { atMs: 1_999, tookMs: 20, sequence: 2 },
    { atMs: 2_000, tookMs: 10, sequence: 3 },
  ]
  const counted = countPuts(puts, { fromMs: 1_000, toMs: 2_000 })
  assert.deepEqual(counted, { blobs: 3, batches: 2, tookMs: [30, 40, 20] })
  assert.deepEqual(countPuts([], { fromMs: 0, toMs: 1 }), { blobs: 0, batches: 0, tookMs: [] })
})

test('useBetween is what was used in between', () => {
  const before = { nodeCpuSeconds: 1, disperserCpuSeconds: 2, ownCpuSeconds: 3, writtenBytes: 4 }
  const after = { nodeCpuSeconds: 2, disperserCpuSeconds: 5, ownCpuSeconds: 3, writtenBytes: 94 }
  const used = { nodeCpuSeconds: 1, disperserCpuSeconds: 3, ownCpuSeconds: 0, writtenBytes: 90 }
  assert.deepEqual(useBetween(before, after), used)
})
