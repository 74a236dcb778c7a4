/**
 * One final state, given out in proved pieces: accounts by range of their hashed addresses, slots
 * of an account by range of their hashes, code by hash. Values are those of the tries' leaves.
 */

import { bytesToBigint } from '@zg/primitives'

import { encodeSlotValue } from './account-record.ts'
import { proveRange } from './range-proof.ts'
import type { ProvedRange } from './range-proof.ts'
import { encodingOf } from './state-view.ts'
import type { StateView } from './state-view.ts'

/** What of a trie is wanted: hex digits, both inclusive, and how much at once. */
export type RangeWanted = {
  readonly from: string
  readonly to: string
  readonly sizeBytesMax: number
}

export class SnapshotReader {
  readonly #view: () => StateView

  /** @param view - Called at each read: it throws `STATE_UNAVAILABLE` once the state is gone. */
  constructor(view: () => StateView) {
    this.#view = view
  }

  /** Accounts, proved against the state root. */
  accounts(wanted: RangeWanted): ProvedRange {
    const view = this.#view()
    const records = {
      get: (path: string) => view.node('', path),
      valueOf: (key: string) => encodingOf(view.account(key)),
    }
    return proveRange(records, wanted)
  }

  /** Slots of an account (hex digits of its hashed address), proved against its storage root. */
  slots(account: string, wanted: RangeWanted): ProvedRange {
    const view = this.#view()
    const records = {
      get: (path: string) => view.node(account, path),
      valueOf: (key: string) => encodeSlotValue(view.slot(account, key)),
    }
    return proveRange(records, wanted)
  }

  /** Code by its hash, 32 bytes; undefined when it is not here. */
  code(codeHash: Uint8Array): Uint8Array | undefined {
    return this.#view().code(bytesToBigint(codeHash))
  }
}
