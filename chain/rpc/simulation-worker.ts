/**
 * The thread that runs simulated executions on final states: it reads the node's store beside the
 * node, one request a message, answered in order (simulation-thread.ts is its other end).
 */

import { enableCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'

import type { ChainConfig } from '@zg/evm'
import { ZgError } from '@zg/primitives'
import { createSystemClock, LmdbReader } from '@zg/runtime'
import { StateSnapshots } from '@zg/state'

import { BlockStore } from '../block-store.ts'
import type { SimulationSource } from './simulation.ts'
import { simulations } from './simulator.ts'
import { threadReady } from './simulation-thread.ts'
import type { SimulationAsked, SimulationTold, SimulationWorkerData } from './simulation-thread.ts'

enableCompileCache()

const { folder, config, archive } = workerData as SimulationWorkerData
const store = LmdbReader.open(folder)
const source = sourceOf(store, config, archive)
const clock = createSystemClock()

parentPort?.on('message', ({ kind, request }: SimulationAsked) => {
  store.refresh()
  parentPort?.postMessage(answer(() => simulations[kind](request, source, clock)))
})

parentPort?.postMessage(threadReady)

/** Blocks and states as they are durable at each refresh. */
function sourceOf(
  reader: LmdbReader,
  chainConfig: ChainConfig,
  isArchive: boolean,
): SimulationSource {
  const states = new StateSnapshots(reader, { archive: isArchive })
  const blocks = new BlockStore(reader)
  return {
    config: chainConfig,
    stateAt: (blockHash) => states.at(blockHash),
    // BLOCKHASH asks for ancestors only: each has a child.
    hashOfNumber: (number) => blocks.header(number + 1)?.parentHash,
  }
}

function answer(run: () => unknown): SimulationTold {
  try {
    return { ok: true, answer: run() }
  } catch (error) {
    if (!(error instanceof ZgError)) throw error
    const { code, message, data } = error
    return { ok: false, code, message, data }
  }
}
