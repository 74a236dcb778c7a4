/** What a machine made of a scenario, in a form that compares as text. */

import { toHex } from '@zg/primitives'

import type { Log } from '../receipt.ts'

/** What became of one transaction. */
export type Outcome =
  | { readonly status: 'rejected'; readonly reason: string }
  | {
      readonly status: 'success' | 'failed'
      readonly gasUsed: bigint
      /** Revert data in hex; empty for a success. */
      readonly output: string
      readonly logs: string
    }

export type ScenarioResult = {
  readonly outcomes: readonly Outcome[]
  /** All accounts that are not empty, described. */
  readonly accounts: ReadonlyMap<bigint, string>
}

export function describeLogs(logs: readonly Log[]): string {
  return logs
    .map(({ address, topics, data }) => {
      const shown = topics.map((topic) => topic.toString(16)).join()
      return `${address.toString(16)}[${shown}]${toHex(data)}`
    })
    .join(' ')
}

export function describeAccount({
  nonce,
  balance,
  code,
  storage,
}: {
  nonce: bigint
  balance: bigint
  code: Uint8Array
  storage: Iterable<readonly [slot: bigint, value: bigint]>
}): string {
  const slots = Array.from(storage)
    .filter(([, value]) => value !== 0n)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([slot, value]) => `${slot.toString(16)}=${value.toString(16)}`)
  return `nonce ${nonce} balance ${balance} code ${toHex(code)} storage ${slots.join()}`
}
