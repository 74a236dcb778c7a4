/** What other rooms' tests use of this room's. */

export { operators, stakeOn } from './staked-operators.ts'
export { openVirtualNetwork, serveVirtualNode } from './virtual-network.ts'
