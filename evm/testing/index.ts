/** What other rooms' tests use of this room's. */

export { anvilFor, startAnvil } from './anvil-process.ts'
export type { AnvilProcess, RpcCall } from './anvil-process.ts'
export { Assembler } from './assembler.ts'

export { MemoryState } from '@zg/state'
export type { Allocation } from '@zg/state'
