/** A chain that two processes make alike: one to be killed, one to check what it left. */

import { createSeededRng } from '@zg/runtime'
import type { KeyValueStore } from '@zg/runtime'

import { wordPool } from './state-model.ts'
import { World } from './world.ts'

/** Returns the world over a store, and what makes its next block final. */
export function killedChain(store: KeyValueStore): { world: World; next: () => Promise<void> } {
  const rng = createSeededRng('killed')
  const world = new World(store, { rng, pool: wordPool(300, 6, 60), retainedStates: 6 })
  const next = (): Promise<void> => {
    world.stage()
    return world.finalize()
  }
  return { world, next }
}
