/** Keep accounts, slots and code, and prove them by one root. */

export type { Account, AccountChange, StateChanges, StateReader } from './account.ts'
