/**
 * Merkle-Patricia proofs of one account and of slots of it (EIP-1186).
 *
 * A proof is the list of node encodings on the way from the root to the leaf, or to the place where
 * the key is missing (an exclusion proof); nodes under 32 bytes stand inside their parents and are
 * not listed. No nodes prove absence in the empty trie.
 */

import type { Account } from './account.ts'

/** A slot, its value and the nodes that prove it under `StateProof.storageHash`. */
export type SlotProof = {
  readonly slot: bigint
  /** 0 when absent. */
  readonly value: bigint
  readonly proof: readonly Uint8Array[]
}

/** What `eth_getProof` answers, in bytes and words. */
export type StateProof = {
  readonly address: bigint
  /** Undefined when the proof shows that there is no account. */
  readonly account: Account | undefined
  /** Root of the account's storage trie, 32 bytes; `emptyTrieRoot` without slots or account. */
  readonly storageHash: Uint8Array
  readonly accountProof: readonly Uint8Array[]
  readonly storageProof: readonly SlotProof[]
}
