/** The world state of a chain: see README.md. */

import type { KeyValueStore, KeyValueWrite } from '@zg/runtime'

import type { StateChanges, StateReader } from './account.ts'
import type { StateProof } from './state-proof.ts'

/** The parent of the genesis block: 32 zero bytes, standing for the empty state. */
export const genesisParentHash: Uint8Array = new Uint8Array(32)

export type StateDatabaseOptions = {
  readonly store: KeyValueStore
  /** How many final states stay readable, the newest included. @default 128 */
  readonly retainedStates?: number
  /** Keep all final states readable. @default false */
  readonly archive?: boolean
  /** Most un-final blocks at once. @default 128 */
  readonly stagedBlocksMax?: number
}

/** A block whose state is kept. */
export type StateHead = {
  /** 32 bytes. */
  readonly blockHash: Uint8Array
  readonly height: number
  /** 32 bytes. */
  readonly stateRoot: Uint8Array
}

/** The state after a block whose hash is not known yet, as its header holds this root. */
export type PreparedState = {
  readonly parentHash: Uint8Array
  readonly height: number
  readonly stateRoot: Uint8Array
}

export class StateDatabase {
  static open(_options: StateDatabaseOptions): StateDatabase {
    throw new Error('Cannot open the state: not built yet')
  }

  /** The newest final block; undefined before genesis is final. */
  get head(): StateHead | undefined {
    throw new Error('not built yet')
  }

  /**
   * Applies `changes` to the state after `parentHash` (staged, or the final head; for genesis
   * `genesisParentHash`) and returns the new root. Nothing is kept until `stage`.
   */
  prepare(_parentHash: Uint8Array, _changes: StateChanges): PreparedState {
    throw new Error('not built yet')
  }

  /** Keeps a prepared state in memory as that of block `blockHash`. Again with one hash: no effect. */
  stage(_blockHash: Uint8Array, _prepared: PreparedState): void {
    throw new Error('not built yet')
  }

  /** Forgets a staged block and all staged on it. */
  discard(_blockHash: Uint8Array): void {
    throw new Error('not built yet')
  }

  /** The block's height and root while its state is readable. */
  blockAt(_blockHash: Uint8Array): StateHead | undefined {
    throw new Error('not built yet')
  }

  /** Reads the state after a block: staged, final head, or one of the retained final ones. */
  readerAt(_blockHash: Uint8Array): StateReader | undefined {
    throw new Error('not built yet')
  }

  /**
   * Makes a staged block, and the staged ones below it, final: their changes and `extraWrites` go to
   * the store in one batch; staged blocks that do not descend from it are dropped. Reads see the new
   * head at once; the promise resolves when the batch is durable. Tables named `state.*` are ours.
   */
  finalize(_blockHash: Uint8Array, _extraWrites: readonly KeyValueWrite[] = []): Promise<void> {
    throw new Error('not built yet')
  }

  /** Proves an account and slots after any block that `readerAt` reads. */
  prove(
    _blockHash: Uint8Array,
    _address: bigint,
    _slots: readonly bigint[],
  ): StateProof | undefined {
    throw new Error('not built yet')
  }
}
