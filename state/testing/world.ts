/**
 * A `StateDatabase` beside its model: random blocks, finality, forks, restarts, and the comparison.
 */

import assert from 'node:assert/strict'

import { bigintToBytes, keccak256, toHex } from '@zg/primitives'
import type { KeyValueStore, Rng } from '@zg/runtime'

import { encodeSlotValue } from '../account-record.ts'
import type { StateReader } from '../account.ts'
import { genesisParentHash, StateDatabase } from '../state-database.ts'
import type { StateDatabaseOptions } from '../state-database.ts'
import { StateSnapshots } from '../state-snapshots.ts'
import { verifyProof } from '../trie-proof.ts'
import { modelRoot, randomChanges } from './state-model.ts'
import type { ModelState, WordPool } from './state-model.ts'

export type ModelBlock = {
  readonly hash: Uint8Array
  readonly height: number
  readonly parent: ModelBlock | undefined
  readonly state: ModelState
}

export type WorldOptions = Omit<StateDatabaseOptions, 'store'> & {
  readonly rng: Rng
  readonly pool: WordPool
}

export class World {
  database: StateDatabase
  /** Blocks that are staged. */
  staged: ModelBlock[] = []
  /** Final blocks by height. */
  final: ModelBlock[] = []
  readonly #options: WorldOptions
  /** What another thread would read. */
  #snapshots: StateSnapshots
  #readers: { readonly reader: StateReader; readonly block: ModelBlock }[] = []

  constructor(store: KeyValueStore, options: WorldOptions) {
    this.#options = options
    this.database = StateDatabase.open({ store, ...options })
    this.#snapshots = this.#snapshotsOf(store)
  }

  get head(): ModelBlock | undefined {
    return this.final.at(-1)
  }

  /** Stages a random block on a random staged one or the head; its root must be the model's. */
  stage(): ModelBlock {
    const { rng, pool } = this.#options
    const parents = this.head === undefined ? this.staged : [this.head, ...this.staged]
    // The later ones more often, so that chains grow.
    const index = Math.max(rng.below(parents.length + 1), rng.below(parents.length + 1)) - 1
    const parent = parents[Math.max(index, 0)]
    const { changes, after } = randomChanges(rng, pool, parent?.state ?? new Map())
    const parentHash = parent?.hash ?? genesisParentHash
    const prepared = this.database.prepare(parentHash, changes)
    const hash = rng.bytes(32)
    const block = { hash, height: prepared.height, parent, state: after }
    assert.equal(toHex(prepared.stateRoot), toHex(modelRoot(after)), 'root')
    this.database.stage(hash, prepared)
    this.staged.push(block)
    const reader = this.database.readerAt(hash)
    if (reader !== undefined) this.#readers.push({ reader, block })
    return block
  }

  /** Makes a random staged block final; returns the write and what the chain put beside it. */
  finalize(): Promise<void> {
    const block = this.staged[this.#options.rng.below(this.staged.length)]
    assert.ok(block !== undefined, 'a block is staged')
    const height = bigintToBytes(BigInt(block.height), 4)
    const extra = [{ table: 'chain.head', key: Uint8Array.of(1), value: height }]
    const written = this.database.finalize(block.hash, extra)
    this.final.push(...lineage(block).slice(this.final.length))
    this.staged = this.staged.filter((each) => each !== block && lineage(each).includes(block))
    return written
  }

  discard(): void {
    const block = this.staged[this.#options.rng.below(this.staged.length)]
    if (block === undefined) return
    this.database.discard(block.hash)
    this.staged = this.staged.filter((each) => !lineage(each).includes(block))
  }

  /** Opens the state anew over what `store` holds, `lost` final blocks fewer than the model has. */
  restart(store: KeyValueStore, lost = 0): void {
    this.database = StateDatabase.open({ store, ...this.#options })
    this.#snapshots = this.#snapshotsOf(store)
    this.staged = []
    this.#readers = []
    this.final.length -= lost
  }

  /** Holds every readable state, and readers opened long ago, against the model. */
  check(): void {
    const { database, final, staged } = this
    const head = this.head
    assert.equal(database.head?.height, head?.height)
    const oldest = head === undefined ? 0 : database.oldestHeight
    for (const block of [...final, ...staged]) {
      const reader = database.readerAt(block.hash)
      const isReadable = staged.includes(block) || block.height >= oldest
      const snapshot = this.#snapshots.at(block.hash)
      assert.equal(snapshot !== undefined, isReadable && final.includes(block), 'snapshot')
      if (snapshot !== undefined) this.#compare(snapshot, block)
      assert.equal(reader !== undefined, isReadable, `readable at ${block.height}`)
      if (reader === undefined) continue
      assert.equal(
        toHex(database.blockAt(block.hash)!.stateRoot),
        toHex(modelRoot(block.state)),
        `root at ${block.height}`,
      )
      this.#compare(reader, block)
      this.#checkProof(block)
    }
    this.#readers = this.#readers.filter(({ reader, block }) => this.#checkHeld(reader, block))
  }

  #snapshotsOf(store: KeyValueStore): StateSnapshots {
    return new StateSnapshots(store, { archive: this.#options.archive === true })
  }

  #checkHeld(reader: StateReader, block: ModelBlock): boolean {
    if (this.database.readerAt(block.hash) !== undefined) {
      this.#compare(reader, block)
      return true
    }
    assert.throws(() => reader.account(1n), { code: 'STATE_UNAVAILABLE' })
    return false
  }

  #compare(reader: StateReader, { state, height }: ModelBlock): void {
    const { addresses, slots } = this.#options.pool
    for (const address of addresses) {
      const expected = state.get(address)
      assert.deepEqual(reader.account(address), expected?.account, `account at ${height}`)
      assert.equal(reader.hasStorage(address), (expected?.storage.size ?? 0) > 0)
      for (const slot of slots) {
        assert.equal(reader.storage(address, slot), expected?.storage.get(slot) ?? 0n)
      }
      if (expected !== undefined) {
        assert.deepEqual(reader.code(expected.account.codeHash), expected.code)
      }
    }
  }

  #checkProof({ hash, state }: ModelBlock): void {
    const { rng, pool } = this.#options
    const address = pool.addresses[rng.below(pool.addresses.length)]!
    const proof = this.database.prove(hash, address, pool.slots.slice(0, 4))
    assert.ok(proof !== undefined)
    const expected = state.get(address)
    const key = keccak256(bigintToBytes(address, 20))
    const leaf = verifyProof(modelRoot(state), key, proof.accountProof)
    assert.equal(leaf !== undefined, expected !== undefined)
    assert.deepEqual(proof.account, expected?.account)
    for (const { slot, value, proof: nodes } of proof.storageProof) {
      const slotKey = keccak256(bigintToBytes(slot, 32))
      assert.equal(value, expected?.storage.get(slot) ?? 0n)
      const shown = verifyProof(proof.storageHash, slotKey, nodes)
      assert.deepEqual(shown, value === 0n ? undefined : encodeSlotValue(value))
    }
    if (leaf !== undefined) {
      // The storage root that the slots are proved under is the one in the proved account.
      assert.ok(toHex(leaf).includes(toHex(proof.storageHash).slice(2)))
    }
  }
}

function lineage(block: ModelBlock): ModelBlock[] {
  const blocks: ModelBlock[] = []
  for (let each: ModelBlock | undefined = block; each !== undefined; each = each.parent) {
    blocks.unshift(each)
  }
  return blocks
}
