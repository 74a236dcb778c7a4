/**
 * The final states in a store at one moment, for a thread that only reads while another writes.
 *
 * `at` must be called anew after each refresh of the store: as long as the head is the same, so is
 * all below it, and what was read stays cached.
 */

import { bytesEqual } from '@zg/primitives'
import type { KeyValueReader } from '@zg/runtime'

import type { StateReader } from './account.ts'
import { FinalState } from './final-state.ts'
import { HashedKeys } from './hashed-keys.ts'
import { ArchiveHistory, RecentHistory } from './history.ts'
import type { History } from './history.ts'
import { PastState } from './past-state.ts'
import { StateRecords } from './state-records.ts'
import type { StateHead } from './state-records.ts'
import { readerOf } from './state-view.ts'

/** Memory for trie nodes: readers of accounts and slots need none. */
const nodeCacheSizeBytes = 64 * 1024

type Standing = {
  readonly head: StateHead
  readonly oldestHeight: number
  readonly final: FinalState
  readonly history: History
}

/** Final states of a store that another thread writes. */
export class StateSnapshots {
  readonly #store: KeyValueReader
  readonly #archive: boolean
  readonly #records: StateRecords
  readonly #keys = new HashedKeys()
  #standing: Standing | undefined

  /** @throws {StateFormatMismatchError} `STATE_FORMAT_MISMATCH` */
  constructor(store: KeyValueReader, { archive }: { readonly archive: boolean }) {
    this.#store = store
    this.#archive = archive
    this.#records = new StateRecords(store, archive)
  }

  /** Reads the state after a final block; undefined when it is unknown, or no longer kept. */
  at(blockHash: Uint8Array): StateReader | undefined {
    const standing = this.#stand()
    const height = this.#records.heightOf(blockHash)
    if (standing === undefined || height === undefined) return undefined
    const { head, oldestHeight, final, history } = standing
    if (height < oldestHeight) return undefined
    if (height === head.height) return readerOf(() => final, this.#keys)
    const past = new PastState(final, history, { height, head: () => head.height })
    return readerOf(() => past, this.#keys)
  }

  #stand(): Standing | undefined {
    const head = this.#records.head()
    if (head === undefined) return undefined
    const known = this.#standing
    if (known !== undefined && bytesEqual(known.head.blockHash, head.blockHash)) return known
    this.#standing = {
      head,
      oldestHeight: this.#records.oldestHeight() ?? 0,
      final: new FinalState(this.#store, nodeCacheSizeBytes),
      history: this.#archive ? new ArchiveHistory(this.#store) : new RecentHistory(this.#store),
    }
    return this.#standing
  }
}
