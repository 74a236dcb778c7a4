import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { blobSizeOfRows, startBenchDisperser, startBenchNodes } from './bench-processes.ts'

/** A folder that goes once all that was opened there is closed. */
function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'zg-bench-processes-'))
  const opened: { close(): Promise<void> }[] = []
  t.after(async () => {
    for (const each of opened.toReversed()) await each.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { folder, opened }
}

test('a disperser of a bench puts what it is told to nodes in other processes', async (t) => {
  const { folder, opened } = place(t)
  const plan = { folder, nodes: 4, nodesPerProcess: 2, quorums: 2 }
  const nodes = await startBenchNodes(plan)
  opened.push(nodes)
  assert.deepEqual([nodes.urls.length, nodes.pids.length], [4, 2])
  const disperser = await startBenchDisperser({ folder, urls: nodes.urls, quorums: 2 })
  opened.push(disperser)

  const startMs = Date.now()
  const order = { sizeBytes: blobSizeOfRows(64), atOnce: 2, seconds: 0.2, isAlone: true }
  const { puts, failed } = await disperser.put(order)
  assert.equal(failed, 0)
  assert.ok(puts.length >= 2)
  assert.ok(puts.every(({ atMs, tookMs }) => atMs >= startMs && tookMs > 0))
  // Each blob is a batch of its own.
  assert.equal(new Set(puts.map(({ sequence }) => sequence)).size, puts.length)
})

test('a process of a bench that ends is told, and not waited for', async (t) => {
  const { folder, opened } = place(t)
  const plan = { folder, nodes: 1, nodesPerProcess: 1, quorums: 1 }
  const nodes = await startBenchNodes(plan)
  opened.push(nodes)
  const disperser = await startBenchDisperser({ folder, urls: nodes.urls, quorums: 1 })
  opened.push(disperser)
  const order = { sizeBytes: 1_000, atOnce: 1, seconds: 60, isAlone: true }
  const putting = assert.rejects(disperser.put(order), /a process of the bench ended/)
  process.kill(disperser.pid, 'SIGKILL')
  await putting
})
