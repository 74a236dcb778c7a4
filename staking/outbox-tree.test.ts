import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  appendLeaf,
  emptyIncrementalTree,
  incrementalRoot,
  sha256,
  verifyMerkleProof,
} from '@zg/primitives'
import type { IncrementalTree } from '@zg/primitives'

import { NetworkEndpointError } from './json-rpc-network-endpoint.ts'
import type { NetworkEndpoint, OutboxLog } from './network-endpoint.ts'
import { decodeOutboxEntry, encodeOutboxEntry, outboxKinds, outboxLeaf } from './outbox-entry.ts'
import type { OutboxEntry } from './outbox-entry.ts'
import { outboxPageSize, OutboxTree } from './outbox-tree.ts'

const unproved = { code: 'STAKING_OUTBOX_UNPROVED' }
const entriesPerBlock = 100n

/** An Outbox of many entries, a hundred in each block from 1 on. */
function openOutbox(count: number) {
  const entries = Array.from({ length: count }, (_, index): OutboxEntry => {
    const kind = outboxKinds[index % outboxKinds.length] ?? 'message'
    const fields = { sender: 3n, expiry: 0n, dataHash: 0n, network: 0 }
    return { ...fields, kind, to: BigInt(index), amountWei: BigInt(index) }
  })
  const trees: IncrementalTree[] = [emptyIncrementalTree]
  for (const entry of entries) {
    trees.push(appendLeaf(trees.at(-1) as IncrementalTree, outboxLeaf(entry)))
  }
  const heightOf = (index: number) => BigInt(index) / entriesPerBlock + 1n
  const rootAt = (height: bigint) => {
    const last = Number(height * entriesPerBlock)
    const tree = trees[Math.min(last, count)] as IncrementalTree
    return { height, count: tree.count, root: incrementalRoot(tree) }
  }
  let calls = 0
  const bend: { logs?: (logs: readonly OutboxLog[]) => readonly OutboxLog[] } = {}
  const endpoint: Pick<NetworkEndpoint, 'outboxLogs'> = {
    async outboxLogs({ fromHeight, toHeight }) {
      calls++
      const until = fromHeight + 4n < toHeight ? fromHeight + 4n : toHeight
      const first = Math.max(0, Number((fromHeight - 1n) * entriesPerBlock))
      const found = entries.slice(first, Math.max(0, Number(until * entriesPerBlock)))
      const logs = found.map((entry, offset) => {
        const index = first + offset
        return { index: BigInt(index), height: heightOf(index), entry }
      })
      return { logs: bend.logs?.(logs) ?? logs, toHeight: until }
    },
  }
  return { entries, endpoint, rootAt, bend, calls: () => calls, rootOf: incrementalRoot, trees }
}

test('an entry is its seven words, and its leaf their hash', () => {
  const { entries } = openOutbox(8)
  for (const entry of entries) {
    const bytes = encodeOutboxEntry(entry)
    assert.deepEqual(decodeOutboxEntry(bytes), entry)
    assert.deepEqual(outboxLeaf(entry), sha256(bytes))
  }
})

test('OutboxTree proves any entry under any count that was proved', async () => {
  const { endpoint, rootAt, entries, trees } = openOutbox(30 * outboxPageSize)
  const tree = new OutboxTree(endpoint)
  const heights = [3n, 11n, 50n, 120n, 308n]
  for (const height of heights) {
    await tree.extend(rootAt(height))
    assert.equal(tree.count, rootAt(height).count)
  }
  for (const height of heights) {
    const { count, root } = rootAt(height)
    for (const index of [0, 1, 99, 255, 1_023, 1_024, 7_777, 30_000, count - 1]) {
      if (index >= count) continue
      const leaf = outboxLeaf(entries[index] as OutboxEntry)
      const proof = await tree.siblings(index, count)
      const claim = { root, leaf, index, depth: 32, proof }
      assert.ok(verifyMerkleProof(claim), `${index} of ${count}`)
    }
  }
  // Counts that end within a page, in the midst of a block, are as good.
  const count = 2_500
  const proof = await tree.siblings(2_049, count)
  const leaf = outboxLeaf(entries[2_049] as OutboxEntry)
  const root = incrementalRoot(trees[count] as IncrementalTree)
  assert.ok(verifyMerkleProof({ root, leaf, index: 2_049, depth: 32, proof }))
})

test('OutboxTree reads a page again that it let go, and holds it to its root', async () => {
  const { endpoint, rootAt, bend, calls, entries } = openOutbox(30 * outboxPageSize)
  const tree = new OutboxTree(endpoint)
  await tree.extend(rootAt(308n))
  const before = calls()
  const page = await tree.page(2)
  assert.deepEqual(page, entries.slice(2 * outboxPageSize, 3 * outboxPageSize))
  const after = calls()
  assert.ok(after > before)
  await tree.page(2)
  await tree.page(29)
  assert.equal(calls(), after, 'both are kept')
  bend.logs = (logs) => logs.map((log) => ({ ...log, entry: { ...log.entry, sender: 4n } }))
  await assert.rejects(tree.page(5), unproved)
  bend.logs = (logs) => logs.slice(1)
  await assert.rejects(tree.page(5), unproved)
})

test('OutboxTree takes nothing in that its root does not hold, and goes on after it', async () => {
  const { endpoint, rootAt, bend, entries } = openOutbox(25 * outboxPageSize)
  const tree = new OutboxTree(endpoint)
  await tree.extend(rootAt(17n))
  let asked = 0
  const lies: readonly NonNullable<typeof bend.logs>[] = [
    (logs) => logs.toSpliced(7, 1),
    (logs) => logs.toReversed(),
    (logs) => logs.with(3, { ...(logs[3] as OutboxLog), index: 1n }),
    (logs) => logs.with(3, { ...(logs[3] as OutboxLog), height: 1n }),
    (logs) => logs.map((log) => ({ ...log, entry: { ...log.entry, to: 1n } })),
    (logs) => {
      if (++asked > 20) throw new NetworkEndpointError('it cannot be reached')
      return logs
    },
  ]
  for (const [index, lie] of lies.entries()) {
    bend.logs = lie
    await assert.rejects(tree.extend(rootAt(256n)), { name: /Error$/ }, `lie ${index}`)
    assert.equal(tree.count, 1_700)
  }
  delete bend.logs
  await assert.rejects(tree.extend({ ...rootAt(40n), count: 3_999 }), unproved)
  await assert.rejects(tree.extend({ ...rootAt(40n), root: new Uint8Array(32) }), unproved)
  await tree.extend(rootAt(256n))
  const { count, root } = rootAt(256n)
  const leaf = outboxLeaf(entries[1_699] as OutboxEntry)
  const proof = await tree.siblings(1_699, count)
  assert.ok(verifyMerkleProof({ root, leaf, index: 1_699, depth: 32, proof }))
})
