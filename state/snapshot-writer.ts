/**
 * Takes a whole state in, piece by piece, each checked against the state root before it is written.
 *
 *     begin(root) ─► gaps ─► addAccounts ─► slot gaps, missing codes ─► addSlots, addCodes
 *                                                                          │ nothing is missing
 *                     the state of one block  ◄─ finish: tries, head ◄─────┘
 *
 * The key space of accounts is cut into equal segments, so that several can be filled at once. What
 * is missing stands in the store and changes in the batch of the piece that fills it; so a crash at
 * any moment loses at most the pieces that were not written yet. Pieces hold flat records only; at
 * the end the trie nodes are built from them in one pass, and the roots compared once more.
 *
 * Until `finish` the store has no head: whoever opens it must look here first.
 */

import {
  assert,
  bytesEqual,
  bigintToBytes,
  emptyKeccakWord,
  fromHex,
  keccak256,
  toHex,
  ZgError,
} from '@zg/primitives'
import type { KeyValueStore, KeyValueWrite } from '@zg/runtime'

import { decodeAccountRecord, hasSlots } from './account-record.ts'
import { firstKey, keyDigits, lastKey, verifyRange } from './range-proof.ts'
import type { ProvedRange } from './range-proof.ts'
import { StateRecords } from './state-records.ts'
import type { StateHead } from './state-records.ts'
import { accountKey, nodeKey, nodeTable, slotKey, tables } from './tables.ts'
import { hashSizeBytes, nibblesOf } from './trie-encoding.ts'
import { encodeNode } from './trie-node.ts'
import { ProofInvalidError } from './trie-proof.ts'
import { TrieStream } from './trie-stream.ts'

/** Segments of the key space: at most one for each value of a key's first byte. */
export const segmentCountMax = 256

/** Records read or written at once while tries are built and tables emptied. */
const pageSize = 1_024

const rootKey = new TextEncoder().encode('root')

/** Accounts that are missing: hex digits, both inclusive. */
export type AccountGap = { readonly from: string; readonly to: string }

/** Slots of an account that are missing, from `from` to the greatest key. */
export type SlotGap = {
  readonly account: string
  /** 32 bytes. */
  readonly storageRoot: Uint8Array
  readonly from: string
}

/** Slots of one account. */
export type SlotPiece = { readonly account: string; readonly range: ProvedRange }

export class SnapshotWriter {
  readonly #store: KeyValueStore

  constructor(store: KeyValueStore) {
    this.#store = store
  }

  /** Root of the state that is being taken in, 32 bytes; undefined when none is. */
  get stateRoot(): Uint8Array | undefined {
    return this.#store.get(tables.sync, rootKey)
  }

  /** Begins with a state, in a store without one. */
  async begin(stateRoot: Uint8Array, segmentCount: number): Promise<void> {
    assert(segmentCount >= 1 && segmentCount <= segmentCountMax, 'segments are counted in a byte')
    assert(new StateRecords(this.#store, false).head() === undefined, 'the store has no state yet')
    await this.clear()
    const batch: KeyValueWrite[] = [{ table: tables.sync, key: rootKey, value: stateRoot.slice() }]
    for (let index = 0; index < segmentCount; index++) {
      const end = boundOf(index + 1, segmentCount)
      batch.push(gapWrite(boundOf(index, segmentCount), end === undefined ? lastKey : before(end)))
    }
    await this.#store.write(batch)
  }

  /** The parts of the key space whose accounts are not all here, in order. */
  accountGaps(): readonly AccountGap[] {
    const gaps: AccountGap[] = []
    for (const [key, value] of this.#store.range(tables.sync, {})) {
      if (key.length === hashSizeBytes) gaps.push({ from: nibblesOf(value), to: nibblesOf(key) })
    }
    return gaps
  }

  /** Accounts whose slots are not all here, the first `limit` of them. */
  slotGaps(limit: number): readonly SlotGap[] {
    return [...this.#store.range(tables.syncSlots, { limit })].map(([key, from]) => {
      const account = nibblesOf(key)
      return { account, storageRoot: this.#storageRootOf(account), from: nibblesOf(from) }
    })
  }

  /** Hashes of code that accounts name and that is not here. */
  missingCodes(limit: number): readonly Uint8Array[] {
    return [...this.#store.range(tables.syncCodes, { limit })].map(([hash]) => hash.slice())
  }

  /**
   * Checks accounts and writes them. The range begins where a gap begins and ends in it.
   *
   * @throws {ProofInvalidError} `STATE_PROOF_INVALID`
   */
  async addAccounts(range: ProvedRange): Promise<void> {
    const { stateRoot } = this
    assert(stateRoot !== undefined, 'a snapshot is being taken in')
    const gap = this.accountGaps().find(({ from }) => from === range.from)
    if (gap === undefined || range.to < range.from || range.to > gap.to) {
      throw new ProofInvalidError('it fills no gap')
    }
    verifyRange(stateRoot, range)
    const batch: KeyValueWrite[] = []
    for (const { key, value } of range.entries) {
      const record = decodeAccountRecord(value)
      const { codeHash } = record.account
      batch.push({ table: tables.accounts, key: accountKey(key), value: value.slice() })
      if (hasSlots(record)) batch.push(slotGapWrite(key, firstKey))
      if (codeHash !== emptyKeccakWord && this.#lacksCode(codeHash)) {
        const hash = bigintToBytes(codeHash, hashSizeBytes)
        batch.push({ table: tables.syncCodes, key: hash, value: Uint8Array.of(1) })
      }
    }
    batch.push(range.to === gap.to ? gapWrite(undefined, gap.to) : gapWrite(next(range.to), gap.to))
    await this.#store.write(batch)
  }

  /**
   * Checks slots of accounts and writes them, all or none. A range begins where the account's gap
   * begins; each account stands once.
   *
   * @throws {ProofInvalidError} `STATE_PROOF_INVALID`
   */
  async addSlots(pieces: readonly SlotPiece[]): Promise<void> {
    const batch: KeyValueWrite[] = []
    for (const { account, range } of pieces) {
      const from = this.#store.get(tables.syncSlots, fromHex(`0x${account}`))
      const fills = from !== undefined && nibblesOf(from) === range.from && range.to >= range.from
      if (!fills) throw new ProofInvalidError('it fills no gap')
      verifyRange(this.#storageRootOf(account), range)
      for (const { key, value } of range.entries) {
        batch.push({ table: tables.slots, key: slotKey(account, key), value: value.slice() })
      }
      batch.push(slotGapWrite(account, range.to === lastKey ? undefined : next(range.to)))
    }
    await this.#store.write(batch)
  }

  /**
   * Checks code against what accounts name and writes it.
   *
   * @throws {ProofInvalidError} `STATE_PROOF_INVALID` when one is not missing.
   */
  async addCodes(codes: readonly Uint8Array[]): Promise<void> {
    const batch: KeyValueWrite[] = []
    for (const code of codes) {
      const hash = keccak256(code)
      if (this.#store.get(tables.syncCodes, hash) === undefined) {
        throw new ProofInvalidError('it is code that no account names')
      }
      batch.push({ table: tables.codes, key: hash, value: code.slice() })
      batch.push({ table: tables.syncCodes, key: hash, value: undefined })
    }
    await this.#store.write(batch)
  }

  /**
   * Builds the tries and makes the state that of `head`, in one last batch with `extraWrites`.
   * Nothing may be missing. A crash before that batch costs this call again.
   */
  async finish(
    head: StateHead,
    options: { readonly archive: boolean; readonly extraWrites: readonly KeyValueWrite[] },
  ): Promise<void> {
    const nothingMissing =
      this.accountGaps().length === 0 &&
      this.slotGaps(1).length === 0 &&
      this.missingCodes(1).length === 0
    assert(nothingMissing, 'every piece is here')
    const root = await this.#buildTries()
    const { stateRoot } = this
    const isSame = stateRoot !== undefined && bytesEqual(root, stateRoot)
    if (!isSame || !bytesEqual(root, head.stateRoot)) throw new SnapshotRootMismatchError(root)
    const records = new StateRecords(this.#store, options.archive)
    await this.#store.write([
      ...records.blockWrites(head),
      ...records.headWrites(head, head.height),
      { table: tables.sync, key: rootKey, value: undefined },
      ...options.extraWrites,
    ])
  }

  /** Empties the state, which has no head; for a snapshot that nobody can complete any more. */
  async clear(): Promise<void> {
    const { accounts, slots, nodes, storageNodes, codes, syncSlots, syncCodes, sync } = tables
    // The root stands in the last table, so a crash in between is still a snapshot under way.
    for (const table of [accounts, slots, nodes, storageNodes, codes, syncSlots, syncCodes, sync]) {
      for (let page = this.#page(table); page.length > 0; page = this.#page(table)) {
        await this.#store.write(page.map(([key]) => ({ table, key, value: undefined })))
      }
    }
  }

  async #buildTries(): Promise<Uint8Array> {
    const writes = new NodeWrites(this.#store)
    const trie = new TrieStream((path, node) => writes.add('', path, encodeNode(node)))
    let from: Uint8Array | undefined
    for (let page = this.#page(tables.accounts); page.length > 0;) {
      for (const [key, encoding] of page) {
        const account = nibblesOf(key)
        const record = decodeAccountRecord(encoding)
        if (hasSlots(record)) await this.#buildStorageTrie(account, record.storageRoot, writes)
        trie.add(account, encoding)
        await writes.flushIfFull()
        from = key
      }
      page = this.#page(tables.accounts, from)
    }
    const root = trie.finish()
    await writes.flush()
    return root
  }

  async #buildStorageTrie(
    account: string,
    storageRoot: Uint8Array,
    writes: NodeWrites,
  ): Promise<void> {
    const trie = new TrieStream((path, node) => writes.add(account, path, encodeNode(node)))
    const prefix = accountKey(account)
    const end = slotKey(account, lastKey)
    let after: Uint8Array | undefined
    for (let page = this.#page(tables.slots, after, { from: prefix, end }); page.length > 0;) {
      for (const [key, value] of page) {
        trie.add(nibblesOf(key.subarray(prefix.length)), value)
        await writes.flushIfFull()
        after = key
      }
      page = this.#page(tables.slots, after, { from: prefix, end })
    }
    const root = trie.finish()
    if (!bytesEqual(root, storageRoot)) throw new SnapshotRootMismatchError(root)
  }

  /** The next records of a table after a key, up to `end` inclusive. */
  #page(
    table: string,
    after?: Uint8Array,
    bounds: { readonly from?: Uint8Array; readonly end?: Uint8Array } = {},
  ): (readonly [Uint8Array, Uint8Array])[] {
    const from = after === undefined ? bounds.from : following(after)
    const to = bounds.end && following(bounds.end)
    const range = { ...(from && { from }), ...(to && { to }), limit: pageSize }
    return [...this.#store.range(table, range)].map(([key, value]) => [key.slice(), value] as const)
  }

  #lacksCode(codeHash: bigint): boolean {
    return this.#store.get(tables.codes, bigintToBytes(codeHash, hashSizeBytes)) === undefined
  }

  #storageRootOf(account: string): Uint8Array {
    const encoding = this.#store.get(tables.accounts, accountKey(account))
    assert(encoding !== undefined, 'an account is here before its slots')
    return decodeAccountRecord(encoding).storageRoot
  }
}

/** Node records on their way to the store, many a batch. */
class NodeWrites {
  readonly #store: KeyValueStore
  #batch: KeyValueWrite[] = []

  constructor(store: KeyValueStore) {
    this.#store = store
  }

  add(account: string, path: string, value: Uint8Array): void {
    this.#batch.push({ table: nodeTable(account), key: nodeKey(account, path), value })
  }

  flushIfFull(): Promise<void> | undefined {
    return this.#batch.length < pageSize ? undefined : this.flush()
  }

  async flush(): Promise<void> {
    const batch = this.#batch
    this.#batch = []
    await this.#store.write(batch)
  }
}

/** First key of a segment; undefined after the last one. */
function boundOf(index: number, count: number): string | undefined {
  if (index === count) return undefined
  const key = ((1n << 256n) * BigInt(index)) / BigInt(count)
  return key.toString(16).padStart(keyDigits, '0')
}

/** A gap stands under its last key; `from` undefined: it is filled. */
function gapWrite(from: string | undefined, to: string): KeyValueWrite {
  return {
    table: tables.sync,
    key: accountKey(to),
    value: from === undefined ? undefined : accountKey(from),
  }
}

function slotGapWrite(account: string, from: string | undefined): KeyValueWrite {
  return {
    table: tables.syncSlots,
    key: accountKey(account),
    value: from === undefined ? undefined : accountKey(from),
  }
}

/** The key after a key that is not the last one. */
function next(key: string): string {
  return (BigInt(`0x${key}`) + 1n).toString(16).padStart(keyDigits, '0')
}

/** The key before a key that is not the first one. */
function before(key: string): string {
  return (BigInt(`0x${key}`) - 1n).toString(16).padStart(keyDigits, '0')
}

/** The next key of any length after `key` in the store. */
function following(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1)
  after.set(key)
  return after
}

export class SnapshotRootMismatchError extends ZgError<'STATE_SNAPSHOT_ROOT_MISMATCH'> {
  constructor(root: Uint8Array) {
    const message = 'Cannot finish the snapshot: what was taken in gives another root'
    super('STATE_SNAPSHOT_ROOT_MISMATCH', message, { root: toHex(root) })
  }
}
