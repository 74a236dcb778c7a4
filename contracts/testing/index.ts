/** What other rooms' tests use of this room's. */

export { ContractRevertError, ContractWorld, somebody } from './contract-world.ts'
export type { BareMessage, DecodedEvent, Deployed, Message, Sent } from './contract-world.ts'
export { storageLayoutOf } from './storage-layout.ts'
export type { FieldPlace, StorageLayout } from './storage-layout.ts'
export { L1World } from './l1-world.ts'
export { openingOf, testOperator } from './stake-world.ts'
export type { TestOperator } from './stake-world.ts'
export { admit, follow, openHub } from './hub-world.ts'
export type { HubWorld } from './hub-world.ts'
export { NetworkWorld, systemConfigOf } from './network-world.ts'
export type { HeaderProof, OutboxEntry, ReferredL1 } from './network-world.ts'
