import assert from 'node:assert/strict'
import { test } from 'node:test'

import { MemoryStore, createSeededRng } from '@zg/runtime'
import type { KeyValueStore } from '@zg/runtime'

import { wordPool } from './testing/state-model.ts'
import { World } from './testing/world.ts'

for (const { archive, retainedStates, seeds } of [
  { archive: false, retainedStates: 5, seeds: 12 },
  { archive: false, retainedStates: 1, seeds: 4 },
  { archive: true, retainedStates: 3, seeds: 6 },
]) {
  const mode = archive ? 'archive' : `the last ${retainedStates}`
  test(`StateDatabase equals its model over blocks, forks, finality, restarts (${mode})`, async () => {
    for (let seed = 0; seed < seeds; seed++) {
      try {
        await walk({ seed, archive, retainedStates })
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
  })
}

async function walk(options: {
  readonly seed: number
  readonly archive: boolean
  readonly retainedStates: number
}): Promise<void> {
  const { seed, archive, retainedStates } = options
  const rng = createSeededRng(`state ${seed}`)
  const pool = wordPool(4 + rng.below(20), 1 + rng.below(10))
  const store: KeyValueStore = new MemoryStore()
  // A tiny node cache, so that nodes come from the store too.
  const cache = { nodeCacheSizeBytes: rng.chance(0.5) ? 2000 : 1e6 }
  const world = new World(store, { rng, pool, archive, retainedStates, ...cache })
  world.stage()
  await world.finalize()
  for (let step = 0; step < 60; step++) {
    const draw = rng.below(100)
    if (draw < 55 || world.staged.length === 0) world.stage()
    else if (draw < 85) await world.finalize()
    else if (draw < 92) world.discard()
    else world.restart(store)
    if (step % 4 === 0) world.check()
  }
  world.check()
}
