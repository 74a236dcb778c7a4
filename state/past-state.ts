/**
 * A final state below the head: the head's records, taken back by the entries of its history.
 */

import { decodeAccountRecord, decodeSlotValue } from './account-record.ts'
import type { AccountRecord } from './account-record.ts'
import type { FinalState } from './final-state.ts'
import type { History } from './history.ts'
import type { StateView } from './state-view.ts'
import { accountKey, entryKey, entryKinds, nodeKey, nodeKind, slotKey } from './tables.ts'
import { applyReverse } from './trie-node.ts'
import type { TrieNode } from './trie-node.ts'

export class PastState implements StateView {
  readonly #final: FinalState
  readonly #history: History
  readonly #height: number
  readonly #headHeight: () => number

  constructor(
    final: FinalState,
    history: History,
    heights: { readonly height: number; readonly head: () => number },
  ) {
    this.#final = final
    this.#history = history
    this.#height = heights.height
    this.#headHeight = heights.head
  }

  account(account: string): AccountRecord | undefined {
    const before = this.#first(entryKey(entryKinds.account, accountKey(account)))
    if (before === undefined) return this.#final.account(account)
    return before.length === 0 ? undefined : decodeAccountRecord(before)
  }

  slot(account: string, slot: string): bigint {
    const before = this.#first(entryKey(entryKinds.slot, slotKey(account, slot)))
    return before === undefined ? this.#final.slot(account, slot) : decodeSlotValue(before)
  }

  node(account: string, path: string): TrieNode | undefined {
    const key = entryKey(nodeKind(account), nodeKey(account, path))
    const span = { after: this.#height, head: this.#headHeight() }
    let node = this.#final.node(account, path)
    for (const before of this.#history.nodeEntries(key, span)) node = applyReverse(node, before)
    return node
  }

  code(codeHash: bigint): Uint8Array | undefined {
    return this.#final.code(codeHash)
  }

  #first(key: Uint8Array): Uint8Array | undefined {
    return this.#history.first(key, { after: this.#height, head: this.#headHeight() })
  }
}
