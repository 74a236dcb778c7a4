/** A gRPC door over a disperser in memory, until the test ends. */

import type { TestContext } from 'node:test'

import { createSystemClock } from '@zg/runtime'
import type { Clock } from '@zg/runtime'

import { startGrpcDoor } from '../doors/grpc-door.ts'
import { MemoryDispersal } from './memory-dispersal.ts'

export async function openMemoryDoor(t: TestContext, clock: Clock = createSystemClock()) {
  const layer = new MemoryDispersal()
  const internalErrors: unknown[] = []
  const door = await startGrpcDoor({
    dispersal: layer,
    reader: layer,
    clock,
    host: '127.0.0.1',
    port: 0,
    onInternalError: (error) => internalErrors.push(error),
  })
  t.after(() => door.close())
  return { layer, door, internalErrors }
}
