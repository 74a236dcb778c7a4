/** What other rooms' tests use of this room's. */

export { startAnvil } from './anvil-process.ts'
export type { AnvilProcess, RpcCall } from './anvil-process.ts'
