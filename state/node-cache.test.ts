import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from '@zg/runtime'

import { NodeCache } from './node-cache.ts'

test('NodeCache answers the last record of a place or nothing, whatever its ring overwrites', () => {
  for (const sizeBytes of [64, 700, 5_000, 100_000]) {
    const rng = createSeededRng(sizeBytes)
    const cache = new NodeCache(sizeBytes)
    const model = new Map<string, Uint8Array>()
    let hits = 0
    for (let step = 0; step < 20_000; step++) {
      const account = rng.chance(0.5) ? '' : 'ab'.repeat(31) + `0${rng.below(3)}`
      const path = rng.below(200).toString(16)
      const name = account + path
      const record = cache.get(account, path)
      if (record !== undefined) {
        assert.deepEqual(record, model.get(name))
        hits++
      }
      if (rng.chance(0.1)) {
        model.delete(name)
        cache.delete(account, path)
        assert.equal(cache.get(account, path), undefined)
      } else {
        const next = rng.bytes(rng.below(560))
        model.set(name, next)
        cache.set(account, path, next)
      }
    }
    assert.ok(sizeBytes < 1_000 || hits > 50, `${hits} hits in ${sizeBytes} bytes`)
    if (sizeBytes === 100_000) assert.ok(hits > 5_000, `${hits} hits`)
  }
})

test('NodeCache.get() answers memory that later entries do not touch', () => {
  const cache = new NodeCache(1_000)
  const first = new Uint8Array(512).fill(1)
  cache.set('', '1', first)
  const record = cache.get('', '1')
  for (let fill = 2; fill < 9; fill++) {
    cache.set('', `${fill}`, new Uint8Array(512).fill(fill))
  }
  assert.deepEqual(record, first)
  assert.equal(cache.get('', '1'), undefined)
})
