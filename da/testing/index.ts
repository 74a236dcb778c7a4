/** Parts of data availability for tests. */

export { CountedClock } from './counted-clock.ts'
export { DataWorld, smallShape } from './data-world.ts'
export type { DataWorldOptions } from './data-world.ts'
export {
  badNode,
  bendingClient,
  lyingCoder,
  twoFacedClient,
  withholdingClient,
} from './bad-parties.ts'
export type { BadNodeKind } from './bad-parties.ts'
export { directClient } from './direct-client.ts'
export { openDoorWorld } from './door-world.ts'
export { MemoryDispersal } from './memory-dispersal.ts'
export { openMemoryDoor } from './memory-door.ts'
export { CertificateRefusedError, TableChain } from './table-chain.ts'
export type { TableChainOptions, TableSigner } from './table-chain.ts'
export { until } from './until.ts'
export { dataEvidence } from '../batch/evidence.ts'
export { decodeHeader, decodeRows } from '../batch/wire.ts'
