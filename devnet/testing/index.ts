/** What other rooms' tests use of this room's. */

export { startLoneL1 } from './lone-l1.ts'
export type { LoneL1, OperatorMachine } from './lone-l1.ts'
export { openStakedNetwork, operators, stakeOn } from './staked-operators.ts'
export { watchSupply } from './supply-watcher.ts'
export type { SupplyLine, SupplyWatcher } from './supply-watcher.ts'
export { openVirtualNetwork, serveVirtualNode } from './virtual-network.ts'
export { startZg } from './zg-process.ts'
export type { ZgProcess } from './zg-process.ts'
