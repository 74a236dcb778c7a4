/**
 * Range proofs: all keys of a trie between two bounds, with what shows that none is missing.
 *
 *                    root
 *                 /   |   \          straddles   a bound runs through it: its node is in the proof
 *             /       |      \       inside      rebuilt from the entries, must give the same hash
 *        [straddles][inside][straddles]  outside    known by its hash alone, and of no interest
 *              |                 |
 *          … from              to …
 *
 * The bounds are keys (hex digits, both inclusive) and need not be in the trie. A subtree hangs at
 * a path, so it holds the keys from `path 00…` to `path ff…`: this tells the three cases apart. The
 * check walks the trie from its root and takes the entries in order; each must be taken once. So a
 * key left out, put in, changed or moved changes a hash, or is left over.
 *
 * A proof lists the straddling nodes in the order of that walk, those under 32 bytes left out, as
 * they stand in their parents. A range over everything has an empty proof.
 */

import { bytesEqual, encodeRlp, keccak256 } from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'

import {
  branchWidth,
  encodeExtension,
  encodeLeaf,
  hashSizeBytes,
  hexDigits,
  refOf,
} from './trie-encoding.ts'
import { branchEncoding } from './trie-node.ts'
import type { InnerNode } from './trie-node.ts'
import { openChild, openNode, ProofInvalidError, readPath } from './trie-proof.ts'
import { buildNode, emptyTrieRoot } from './trie-root.ts'
import type { Pair } from './trie-root.ts'
import type { TrieRecords } from './trie-update.ts'

/** Digits of a key. */
export const keyDigits = 2 * hashSizeBytes

/** The least and the greatest key. */
export const firstKey: string = '0'.repeat(keyDigits)
export const lastKey: string = 'f'.repeat(keyDigits)

/** Most nodes in a range proof: an extension and a branch at each of 64 depths, at two bounds. */
export const rangeProofNodesMax = 260

/** A key as hex digits and its value. */
export type RangeEntry = { readonly key: string; readonly value: Uint8Array }

/** All entries of a trie from `from` to `to`, both inclusive, in the order of their keys. */
export type ProvedRange = {
  readonly from: string
  readonly to: string
  readonly entries: readonly RangeEntry[]
  readonly proof: readonly Uint8Array[]
}

type Bounds = Pick<ProvedRange, 'from' | 'to'>
type Records = Pick<TrieRecords, 'get' | 'valueOf'>

/**
 * Returns the range from `from` on: up to `to`, or less far where the entries would have more than
 * `sizeBytesMax` bytes. It has one entry at least, if the trie holds any between the bounds.
 */
export function proveRange(
  records: Records,
  options: Bounds & { readonly sizeBytesMax: number },
): ProvedRange {
  const { from, to, sizeBytesMax } = options
  const entries: RangeEntry[] = []
  let sizeBytes = 0
  let reached = to
  for (const key of keysFrom(records, '', options)) {
    const value = records.valueOf(key)
    sizeBytes += hashSizeBytes + value.length
    if (entries.length > 0 && sizeBytes > sizeBytesMax) {
      reached = (entries.at(-1) as RangeEntry).key
      break
    }
    entries.push({ key, value })
  }
  const proof: Uint8Array[] = []
  const bounds = { from, to: reached }
  if (placeOf('', bounds) === 'straddles') listNodes(records, '', bounds, proof)
  return { from, to: reached, entries, proof }
}

/**
 * Checks a range against the root of its trie.
 *
 * @throws {ProofInvalidError} `STATE_PROOF_INVALID` unless `entries` are exactly what the trie
 *   holds between the bounds.
 */
export function verifyRange(root: Uint8Array, range: ProvedRange): void {
  const { proof } = range
  if (proof.length > rangeProofNodesMax) throw new ProofInvalidError('it has too many nodes')
  const walk = new RangeWalk(range)
  const isWhole = placeOf('', range) === 'inside'
  if (bytesEqual(root, emptyTrieRoot)) walk.end()
  else if (isWhole) walk.takeWhole(root)
  else walk.openRoot(root)
  walk.end()
}

type Place = 'inside' | 'outside' | 'straddles'

/** Where the keys that begin with `path` lie. */
function placeOf(path: string, { from, to }: Bounds): Place {
  const least = path.padEnd(keyDigits, '0')
  const greatest = path.padEnd(keyDigits, 'f')
  if (greatest < from || least > to) return 'outside'
  return least >= from && greatest <= to ? 'inside' : 'straddles'
}

/** The keys between the bounds under a place, in order. */
function* keysFrom(records: Records, path: string, bounds: Bounds): IterableIterator<string> {
  if (placeOf(path, bounds) === 'outside') return
  const node = records.get(path)
  if (node === undefined) return
  if (node.kind === 'leaf') {
    if (node.key >= bounds.from && node.key <= bounds.to) yield node.key
    return
  }
  for (const child of childPaths(path, node)) yield* keysFrom(records, child, bounds)
}

function childPaths(path: string, { extension, children }: InnerNode): string[] {
  return hexDigits
    .filter((_, nibble) => (children & (1 << nibble)) !== 0)
    .map((digit) => path + extension + digit)
}

/** Lists the straddling nodes from a straddling place on, in the order of the check. */
function listNodes(records: Records, path: string, bounds: Bounds, proof: Uint8Array[]): void {
  const list = (node: Uint8Array): void => {
    if (path === '' || node.length >= hashSizeBytes) proof.push(node.slice())
  }
  const node = records.get(path)
  if (node === undefined) return
  if (node.kind === 'leaf') {
    list(encodeLeaf(node.key, path.length, records.valueOf(node.key)))
    return
  }
  const branch = branchEncoding(node).slice()
  if (node.extension !== '') {
    list(encodeExtension(node.extension, refOf(branch)))
    if (placeOf(path + node.extension, bounds) !== 'straddles') return
    if (branch.length >= hashSizeBytes) proof.push(branch)
  } else list(branch)
  for (const child of childPaths(path, node)) {
    if (placeOf(child, bounds) === 'straddles') listNodes(records, child, bounds, proof)
  }
}

/** One check: goes down the trie and takes entries and nodes in order. */
class RangeWalk {
  readonly #bounds: Bounds
  readonly #pairs: readonly Pair[]
  readonly #unread: Uint8Array[]
  /** Entries taken. */
  #taken = 0

  constructor({ from, to, entries, proof }: ProvedRange) {
    let before = ''
    for (const { key, value } of entries) {
      const isNext = key.length === keyDigits && key > before && key >= from && key <= to
      if (!isNext) throw new ProofInvalidError('an entry is out of order or out of its range')
      // MUST NOT be empty: no trie holds empty values.
      if (value.length === 0) throw new ProofInvalidError('an entry has no value')
      before = key
    }
    this.#bounds = { from, to }
    this.#pairs = entries.map(({ key, value }) => ({ path: key, value }))
    this.#unread = [...proof]
  }

  openRoot(root: Uint8Array): void {
    this.#walk(openNode(root, this.#unread), '')
  }

  /** The whole trie lies inside. */
  takeWhole(root: Uint8Array): void {
    const count = this.#pairs.length
    const isSame = count > 0 && bytesEqual(keccak256(buildNode(this.#pairs, 0, count, 0)), root)
    if (!isSame) throw new ProofInvalidError('the entries give another root')
    this.#taken = count
  }

  end(): void {
    // MUST NOT hold more: one range has one proof.
    if (this.#unread.length > 0) throw new ProofInvalidError('nodes are left over')
    if (this.#taken < this.#pairs.length) throw new ProofInvalidError('entries are left over')
  }

  /** A straddling node that hangs at `path`. */
  #walk(node: readonly RlpItem[], path: string): void {
    if (node.length === branchWidth + 1) {
      for (const [nibble, digit] of hexDigits.entries()) this.#follow(node[nibble], path + digit)
      return
    }
    const { nibbles, isLeaf } = readPath(node[0])
    const place = path + nibbles
    if (place.length > keyDigits || (isLeaf && place.length < keyDigits)) {
      throw new ProofInvalidError('a path has another length than a key')
    }
    if (isLeaf) this.#takeLeaf(place, node[1])
    else this.#follow(node[1], place)
  }

  #follow(ref: RlpItem | undefined, path: string): void {
    const place = placeOf(path, this.#bounds)
    if (place === 'outside' || ref === undefined || ref.length === 0) return
    if (place === 'inside') {
      this.#takeUnder(ref, path)
      return
    }
    const node = openChild(ref, this.#unread)
    if (node !== undefined) this.#walk(node, path)
  }

  #takeLeaf(key: string, value: RlpItem | undefined): void {
    if (key < this.#bounds.from || key > this.#bounds.to) return
    const pair = this.#pairs[this.#taken]
    const isSame =
      pair?.path === key && value instanceof Uint8Array && bytesEqual(pair.value, value)
    if (!isSame) throw new ProofInvalidError('an entry at a bound is another')
    this.#taken++
  }

  /** The entries that begin with `path` must give what the parent refers to. */
  #takeUnder(ref: RlpItem, path: string): void {
    let end = this.#taken
    while (this.#pairs[end]?.path.startsWith(path) === true) end++
    if (end === this.#taken) throw new ProofInvalidError('entries are missing')
    const built = refOf(buildNode(this.#pairs, this.#taken, end, path.length))
    const expected = ref instanceof Uint8Array ? ref : encodeRlp(ref)
    if (!bytesEqual(built, expected)) throw new ProofInvalidError('the entries give another hash')
    this.#taken = end
  }
}
