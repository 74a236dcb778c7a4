/** The doors over all that stands behind them, for tests of their clients. */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'

import { createSeededRng, SimulatedClock, SimulatedDisk } from '@zg/runtime'

import { startAltDaDoor } from '../doors/alt-da-door.ts'
import type { BlobReader } from '../doors/dispersal.ts'
import { startGrpcDoor } from '../doors/grpc-door.ts'
import { DataWorld } from './data-world.ts'
import type { DataWorldOptions } from './data-world.ts'

/**
 * Opens both doors over a disperser, sixteen nodes and a reader until the test ends. Time goes
 * `pace` times as fast as the machine's.
 */
export async function openDoorWorld(
  t: TestContext,
  { pace = 1, ...options }: Partial<DataWorldOptions> & { pace?: number } = {},
) {
  const clock = new SimulatedClock()
  const chain = { epochMs: 3_600_000, ...options.chain }
  const world = new DataWorld({ clock, ...options, chain })
  let isOver = false
  const beganMs = performance.now()
  const startMs = clock.nowMs()
  const paced = async (): Promise<void> => {
    while (!isOver) {
      await clock.run({ untilMs: startMs + (performance.now() - beganMs) * pace })
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const pacing = paced()
  await world.openNodes()
  const dispersal = await world.openDisperser()
  const judged = world.reader(dispersal)
  const reader: BlobReader = {
    read: (handle) => judged.read(handle),
    async find(name) {
      const batch = await world.chain.findBatch(name)
      return batch && { batch, commitment: name.commitment, index: 0 }
    },
  }
  const disk = new SimulatedDisk({ clock, rng: createSeededRng(99) }).mount()
  const place = { host: '127.0.0.1', port: 0 }
  const own = {
    dispersal,
    reader,
    clock,
    onInternalError: (error: unknown) => assert.fail(String(error)),
  }
  const grpcDoor = await startGrpcDoor({ ...own, ...place })
  const presentEpoch = (): Promise<bigint> => world.chain.epoch()
  const kept = { disk, keptEpochs: 14n, presentEpoch }
  const altDaDoor = await startAltDaDoor({ ...own, ...place, ...kept })
  t.after(async () => {
    await grpcDoor.close()
    await altDaDoor.close()
    await dispersal.close()
    isOver = true
    await pacing
  })
  return { world, grpcPort: grpcDoor.port, altDaPort: altDaDoor.port }
}
