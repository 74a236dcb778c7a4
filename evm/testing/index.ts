/** What other rooms' tests use of this room's. */

export { startAnvil } from './anvil-process.ts'
export type { AnvilProcess, RpcCall } from './anvil-process.ts'

export { MemoryState } from '../conformance/memory-state.ts'
export type { Allocation } from '../conformance/memory-state.ts'
