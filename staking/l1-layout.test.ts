import assert from 'node:assert/strict'
import { test } from 'node:test'

import { storageLayoutOf } from '@zg/contracts/testing'

import {
  boxOffsets,
  chainIdOf,
  drainingEpochOf,
  finalHeadOf,
  finalWordCount,
  latestOf,
  layout,
  lifeOf,
  networkOffsets,
  pointOf,
  pointWordCount,
  stintOf,
  streamOf,
} from './l1-layout.ts'

test('slots are where the compiler lays them out', () => {
  for (const [name, slots] of Object.entries(layout)) {
    const { variables } = storageLayoutOf(name as keyof typeof layout)
    for (const [label, slot] of Object.entries(slots)) {
      assert.equal(variables.get(label), slot, `${name}.${label}`)
    }
  }
})

test('fields of packed words are where the compiler lays them out', () => {
  const fields = (name: keyof typeof layout, struct: string) => {
    const found = storageLayoutOf(name).structs.get(struct)
    assert.ok(found !== undefined, struct)
    return found
  }
  const at = ({ slot, offset }: { slot: bigint; offset: number }): bigint =>
    slot === 0n ? 1n << BigInt(8 * offset) : 0n
  const stint = fields('NetworkRegistry', 'Stint')
  for (const [label, place] of stint) {
    const read: Readonly<Record<string, bigint>> = stintOf(at(place))
    if (label in read) assert.equal(read[label], 1n, label)
  }
  const life = fields('NetworkRegistry', 'Network')
  assert.deepEqual([life.get('firstEpoch')?.slot, life.get('endEpoch')?.slot], [0n, 0n])
  for (const [label, place] of life) {
    const read: Readonly<Record<string, bigint>> = lifeOf(at(place))
    if (label in read) assert.equal(read[label], 1n, label)
  }
  const [chainId, draining] = [life.get('chainId'), life.get('drainingEpoch')]
  assert.ok(chainId !== undefined && draining !== undefined)
  assert.equal(chainIdOf(at(chainId)), 1n)
  assert.equal(draining.slot, networkOffsets.opening)
  assert.equal(drainingEpochOf(at({ ...draining, slot: 0n })), 1n)
  for (const [label, place] of fields('Streams', 'Stream')) {
    const read: Readonly<Record<string, unknown>> = streamOf(at(place))
    assert.equal(Number(read[label]), 1, label)
  }
  const latest = fields('OperatorRegistry', 'Latest')
  for (const [label, place] of latest) {
    const read: Readonly<Record<string, bigint>> = latestOf(at(place))
    assert.equal(read[label], 1n, label)
  }
  assert.equal(life.get('genesisHash')?.slot, networkOffsets.genesisHash)
  assert.equal(life.get('genesisRoot')?.slot, networkOffsets.genesisRoot)
  const point = fields('NetworkRegistry', 'SetPoint')
  for (const [label, place] of point) {
    const read: Readonly<Record<string, bigint>> = pointOf(at(place))
    if (label in read) assert.equal(read[label], 1n, label)
  }
  // The key of three words follows on the head, and ends the point.
  assert.deepEqual([point.get('key')?.slot, pointWordCount], [1n, 4n])
  const ring = fields('NetworkRegistry', 'SetRing')
  assert.deepEqual([ring.get('count')?.slot, ring.get('points')?.slot], [0n, 1n])
  const final = fields('FinalityOracle', 'Final')
  for (const [label, place] of final) {
    const read: Readonly<Record<string, unknown>> = finalHeadOf(at(place))
    if (label in read) assert.ok(read[label], label)
  }
  assert.equal(final.get('histRoot')?.slot, finalWordCount - 1n)
  const [box, tree] = [fields('Inbox', 'Box'), fields('Inbox', 'Tree')]
  assert.equal(box.get('credits')?.slot, 0n)
  assert.equal(tree.get('root')?.slot, boxOffsets.creditRoot)
  assert.equal(tree.get('count')?.slot, boxOffsets.creditCount)
  assert.equal(box.get('messages')?.slot, boxOffsets.messageRoot)
  assert.equal(boxOffsets.messageCount, boxOffsets.messageRoot + boxOffsets.creditCount)
})
