/** What other rooms' tests use of this room's. */

export { SimulatedL1Chain } from './simulated-l1-chain.ts'
export { SimulatedL1Endpoint } from './simulated-l1-endpoint.ts'
