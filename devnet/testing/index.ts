/** What other rooms' tests use of this room's. */

export { watchSupply } from './supply-watcher.ts'
export type { SupplyLine, SupplyWatcher } from './supply-watcher.ts'
