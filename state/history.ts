/**
 * How earlier final states are read: by reverse entries.
 *
 * The store holds the newest final state only. Each final block leaves, for every record that it
 * changed, an entry with what stood there before (nothing: the record was not there). With head H,
 * a record at height h is
 *
 *     account, slot   the entry of the first block above h that has one; else the record of H
 *     trie node       the node of H, taken back by the entries of H, H-1, … h+1
 *
 * so states and `eth_getProof` proofs of every retained height are read without rebuilding a trie,
 * at most `retainedStates` look-ups a record. Two ways to keep entries:
 *
 * * RecentHistory, the default: a block's entries are sorted and cut into chunks of about 1.9 kB
 *   under (height ‖ first key), which LMDB appends side by side, where an entry under its own key
 *   would dirty a page of its own. A 4-byte fingerprint an entry stays in memory and says in which
 *   heights to look. Old heights are pruned as new ones come. Node entries are deltas of the
 *   changed references.
 * * ArchiveHistory, with `archive`: an entry stands under (key ‖ height), so the first one above
 *   any h is one seek, over any number of blocks. It costs a random write an entry and is never
 *   pruned. Node entries are whole, as walking back over a whole chain of deltas has no bound.
 */

import { compareBytes, ZgError } from '@zg/primitives'
import type { KeyValueReader, KeyValueWrite } from '@zg/runtime'

import { heightKey, tables } from './tables.ts'

/** A chunk is closed once it has as many bytes: two fit in a page of LMDB. */
const chunkSizeBytes = 1900

/** What stood under a key before a block; no bytes: nothing did. */
export type ReverseEntry = { readonly key: Uint8Array; readonly before: Uint8Array }

/** Heights whose entries count: above `after`, up to `head`. */
export type HeightSpan = { readonly after: number; readonly head: number }

export interface History {
  /** Whether node entries are whole records, not deltas. */
  readonly wholeNodes: boolean
  /** Returns the writes that keep a block's entries. */
  record(height: number, entries: readonly ReverseEntry[]): KeyValueWrite[]
  /** Returns the writes that forget a block's entries. */
  prune(height: number): KeyValueWrite[]
  /** The entry of the lowest height in the span that has one for `key`. */
  first(key: Uint8Array, span: HeightSpan): Uint8Array | undefined
  /** What takes a node back from `head` to `after`, in the order to apply it. */
  nodeEntries(key: Uint8Array, span: HeightSpan): Uint8Array[]
}

/** Keeps the entries of the last blocks. */
export class RecentHistory implements History {
  readonly wholeNodes = false
  readonly #store: KeyValueReader
  /** Sorted fingerprints of the keys of each height, filled as heights are recorded or read. */
  readonly #fingerprints = new Map<number, Uint32Array>()

  constructor(store: KeyValueReader) {
    this.#store = store
  }

  record(height: number, entries: readonly ReverseEntry[]): KeyValueWrite[] {
    const sorted = [...entries].sort((a, b) => compareBytes(a.key, b.key))
    this.#fingerprints.set(height, fingerprintsOf(sorted.map(({ key }) => key)))
    const writes: KeyValueWrite[] = []
    for (let from = 0; from < sorted.length;) {
      let to = from
      let sizeBytes = 0
      for (; to < sorted.length && sizeBytes < chunkSizeBytes; to++) {
        sizeBytes += entrySizeBytes(sorted[to] as ReverseEntry)
      }
      const chunk = sorted.slice(from, to)
      const key = chunkKey(height, (chunk[0] as ReverseEntry).key)
      writes.push({ table: tables.history, key, value: encodeChunk(chunk, sizeBytes) })
      from = to
    }
    return writes
  }

  prune(height: number): KeyValueWrite[] {
    this.#fingerprints.delete(height)
    const range = { from: heightKey(height), to: heightKey(height + 1) }
    return [...this.#store.range(tables.history, range)].map(([key]) => {
      return { table: tables.history, key, value: undefined }
    })
  }

  first(key: Uint8Array, { after, head }: HeightSpan): Uint8Array | undefined {
    const fingerprint = fingerprintOf(key)
    for (let height = after + 1; height <= head; height++) {
      const before = this.#find(height, key, fingerprint)
      if (before !== undefined) return before
    }
    return undefined
  }

  nodeEntries(key: Uint8Array, { after, head }: HeightSpan): Uint8Array[] {
    const fingerprint = fingerprintOf(key)
    const entries: Uint8Array[] = []
    for (let height = head; height > after; height--) {
      const before = this.#find(height, key, fingerprint)
      if (before !== undefined) entries.push(before)
    }
    return entries
  }

  #find(height: number, key: Uint8Array, fingerprint: number): Uint8Array | undefined {
    if (!holds(this.#fingerprintsAt(height), fingerprint)) return undefined
    // The chunk that would hold the key is the last one that begins at or before it.
    const range = { from: heightKey(height), to: after(chunkKey(height, key)) }
    for (const [, chunk] of this.#store.range(tables.history, {
      ...range,
      reverse: true,
      limit: 1,
    })) {
      for (const entry of decodeChunk(chunk)) {
        if (compareBytes(entry.key, key) === 0) return entry.before
      }
    }
    return undefined
  }

  #fingerprintsAt(height: number): Uint32Array {
    let fingerprints = this.#fingerprints.get(height)
    if (fingerprints === undefined) {
      const range = { from: heightKey(height), to: heightKey(height + 1) }
      const keys: Uint8Array[] = []
      for (const [, chunk] of this.#store.range(tables.history, range)) {
        for (const { key } of decodeChunk(chunk)) keys.push(key)
      }
      fingerprints = fingerprintsOf(keys)
      this.#fingerprints.set(height, fingerprints)
    }
    return fingerprints
  }
}

/** Keeps the entries of all blocks. */
export class ArchiveHistory implements History {
  readonly wholeNodes = true
  readonly #store: KeyValueReader

  constructor(store: KeyValueReader) {
    this.#store = store
  }

  record(height: number, entries: readonly ReverseEntry[]): KeyValueWrite[] {
    return entries.map(({ key, before }) => {
      return { table: tables.archive, key: archiveKey(key, height), value: before }
    })
  }

  prune(): KeyValueWrite[] {
    return []
  }

  first(key: Uint8Array, span: HeightSpan): Uint8Array | undefined {
    const range = {
      from: archiveKey(key, span.after + 1),
      to: archiveKey(key, span.head + 1),
      limit: 1,
    }
    for (const [, before] of this.#store.range(tables.archive, range)) return before
    return undefined
  }

  nodeEntries(key: Uint8Array, span: HeightSpan): Uint8Array[] {
    const whole = this.first(key, span)
    return whole === undefined ? [] : [whole]
  }
}

function archiveKey(key: Uint8Array, height: number): Uint8Array {
  const full = new Uint8Array(key.length + 8)
  full.set(key)
  full.set(heightKey(height), key.length)
  return full
}

function chunkKey(height: number, firstKey: Uint8Array): Uint8Array {
  const key = new Uint8Array(8 + firstKey.length)
  key.set(heightKey(height))
  key.set(firstKey, 8)
  return key
}

/** The next key after `key` in byte order. */
function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

/** An entry in a chunk: size of the key, key, size of the value in 2 bytes, value. */
function entrySizeBytes({ key, before }: ReverseEntry): number {
  return 1 + key.length + 2 + before.length
}

function encodeChunk(entries: readonly ReverseEntry[], sizeBytes: number): Uint8Array {
  const chunk = new Uint8Array(sizeBytes)
  let offset = 0
  for (const { key, before } of entries) {
    chunk[offset++] = key.length
    chunk.set(key, offset)
    offset += key.length
    chunk[offset++] = before.length >> 8
    chunk[offset++] = before.length & 0xff
    chunk.set(before, offset)
    offset += before.length
  }
  return chunk
}

function* decodeChunk(chunk: Uint8Array): IterableIterator<ReverseEntry> {
  let offset = 0
  while (offset < chunk.length) {
    const keyEnd = offset + 1 + (chunk[offset] as number)
    const size = ((chunk[keyEnd] as number) << 8) | (chunk[keyEnd + 1] as number)
    const end = keyEnd + 2 + size
    if (!(end <= chunk.length)) throw new HistoryChunkMalformedError(offset)
    yield { key: chunk.subarray(offset + 1, keyEnd), before: chunk.subarray(keyEnd + 2, end) }
    offset = end
  }
}

/** FNV-1a over 32 bits: a chosen collision costs one look-up in vain, no more. */
function fingerprintOf(key: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

function fingerprintsOf(keys: readonly Uint8Array[]): Uint32Array {
  return Uint32Array.from(keys, fingerprintOf).sort()
}

function holds(sorted: Uint32Array, fingerprint: number): boolean {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as number) < fingerprint) low = middle + 1
    else high = middle
  }
  return sorted[low] === fingerprint
}

export class HistoryChunkMalformedError extends ZgError<'STATE_HISTORY_CHUNK_MALFORMED'> {
  constructor(offsetBytes: number) {
    const message = `Cannot read the history: a chunk is malformed at byte ${offsetBytes}`
    super('STATE_HISTORY_CHUNK_MALFORMED', message, { offsetBytes })
  }
}
