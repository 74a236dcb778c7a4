/** What other rooms' tests use of this room's. */

export { ContractRevertError, ContractWorld, somebody } from './contract-world.ts'
export type { DecodedEvent, Deployed, Message, Sent } from './contract-world.ts'
