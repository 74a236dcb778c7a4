/** What other rooms' tests use of this room's. */

export { openStakedNetwork, operators, stakeOn } from './staked-operators.ts'
export { watchSupply } from './supply-watcher.ts'
export type { SupplyLine, SupplyWatcher } from './supply-watcher.ts'
export { openVirtualNetwork, serveVirtualNode } from './virtual-network.ts'
