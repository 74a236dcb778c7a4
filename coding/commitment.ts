/**
 * What a batch of coded rows is committed to, and how a holder checks the rows it was given.
 *
 *     leaf i       the hash of row i, by a profile (row-profile.ts)
 *     rowRoot      the binary SHA-256 tree over the n leaves, depth ceil(log2 n) (@zg/primitives)
 *     seed         SHA-256(seedTag   ‖ K ‖ n ‖ rowSize ‖ rowRoot)
 *     z            one element of GF(2^128) for each data row (combination.ts, drawn from seed)
 *     commitment   SHA-256(commitTag ‖ K ‖ n ‖ rowSize ‖ rowRoot ‖ SHA-256(z))
 *
 * Tags are the profile's. Numbers are four bytes, low first; z is K times 16 bytes. A holder has K, n, rowSize, rowRoot, z,
 * and of each of its rows the row and its path. It checks that they hash to the commitment, extends
 * z to all n rows by the code itself, and checks each row's combination against it. It trusts no
 * other holder and asks none. What that proves is written in docs/specs/coding.md.
 */

import { bytesEqual, concat } from '@zg/primitives/bytes'
import { ZgError } from '@zg/primitives/errors'
import { sha256 } from '@zg/primitives/hash'

import { codeShape } from './code-shape.ts'
import { combinerSize, drawCoefficients, RowCombiner } from './combination.ts'
import { elementSize } from './extension-field.ts'
import { memorySizeMax, openKernel } from './kernel.ts'
import type { Kernel } from './kernel.ts'
import { RowCoder, rowSizeUnit } from './row-coder.ts'
import type { RowCoderOptions } from './row-coder.ts'
import { RowSizeError } from './row-errors.ts'
import { rowProfiles } from './row-profile.ts'
import type { RowProfile, RowProfileName } from './row-profile.ts'
import { rangeLevels, rangeSiblings } from './row-range.ts'
import type { RangeLevel } from './row-range.ts'

const hashSize = 32

/** Rows that a verifier hashes and combines at once: whole fours, as pairs of nodes are hashed. */
const verifiedAtOnce = 16

/** Bytes of the kernel's memory that hashing pairs of nodes takes. */
const pairsWorkSize = 24 * 16

/** What holders get beside their rows: all that the commitment binds. */
export type RowsHeader = {
  /** K. */
  readonly dataRows: number
  /** n. */
  readonly codedRows: number
  /** Bytes of a row. */
  readonly rowSize: number
  /** 32 bytes. */
  readonly rowRoot: Uint8Array
  /** z: the combinations of the data rows, K times 16 bytes. */
  readonly combination: Uint8Array
}

/** A row, and its siblings in the tree, from the leaf upwards. */
export type ProvedRow = {
  readonly index: number
  readonly row: Uint8Array
  readonly path: readonly Uint8Array[]
}

/** Rows one after the other, and what one proof of them all takes (row-range.ts). */
export type ProvedRange = {
  /** Index of the first row. */
  readonly from: number
  readonly rows: readonly Uint8Array[]
  readonly siblings: readonly Uint8Array[]
}

/** The 32 bytes that stand for a batch of rows. */
export function commitmentOf(header: RowsHeader, profile: RowProfileName = 'rows'): Uint8Array {
  return commitmentBy(header, sha256(header.combination), profile)
}

/** The same for who has the hash of z alone. */
export function commitmentBy(
  header: Omit<RowsHeader, 'combination'>,
  combinationHash: Uint8Array,
  profile: RowProfileName = 'rows',
): Uint8Array {
  const { commitTag } = rowProfiles[profile]
  return sha256(concat(commitTag, shapeBytes(header), header.rowRoot, combinationHash))
}

/** Siblings of a path. */
export function pathLength(codedRows: number): number {
  return Math.ceil(Math.log2(codedRows))
}

export type RowCommitterOptions = RowCoderOptions & {
  /** What a row's hash is; `rows` where nothing is said. */
  readonly profile?: RowProfileName
}

/** Codes batches of rows and commits to them; one batch after the other. */
export class RowCommitter {
  readonly coder: RowCoder
  readonly #profile: RowProfile
  readonly #combiner: RowCombiner
  readonly #tree: number
  readonly #combination: number
  readonly #work: number

  /** @throws What `RowCoder` throws. */
  constructor(options: RowCommitterOptions) {
    const { dataRows, codedRows, rowSizeMax, profile = 'rows' } = options
    this.#profile = rowProfiles[profile]
    const workSize = hashWorkSizeOf(this.#profile, rowSizeMax)
    const sizes = [treeSize(codedRows), dataRows * elementSize, workSize] as const
    const extra = sizes.reduce((sum, size) => sum + size + rowSizeUnit, combinerSize(rowSizeMax))
    this.coder = new RowCoder(options, extra)
    const { kernel } = this.coder
    this.#combiner = new RowCombiner(kernel, rowSizeMax)
    this.#tree = kernel.take(sizes[0])
    this.#combination = kernel.take(sizes[1])
    this.#work = kernel.take(sizes[2])
  }

  /**
   * Bytes of a row so that the data rows hold so many bytes.
   *
   * @throws {RowSizeError} `CODING_ROW_SIZE` when that is more than the coder has, or no size.
   */
  rowSizeOf(sizeBytes: number): number {
    const { shape, rowSizeMax } = this.coder
    const rowSize = this.#profile.rowSizeFrom(sizeBytes / shape.dataRows)
    if (!(sizeBytes >= 0 && rowSize <= rowSizeMax)) throw new RowSizeError(rowSize)
    return rowSize
  }

  /**
   * Codes the data rows that lie in the coder, and commits to all rows.
   *
   * @throws {RowSizeError} `CODING_ROW_SIZE` when the profile has no rows of the coder's size.
   */
  commit(): RowsHeader {
    const { coder } = this
    checkRowSize(this.#profile, coder.rowSize)
    coder.encode()
    const rowRoot = this.#hashTree()
    const { dataRows, codedRows } = coder.shape
    const { rowSize, kernel } = coder
    const coded = { dataRows, codedRows, rowSize, rowRoot }
    this.#combiner.use(drawCoefficients(seedOf(coded, this.#profile), rowSize))
    this.#combiner.combine(coder.addressOf(0), dataRows, rowSize, this.#combination)
    const end = this.#combination + dataRows * elementSize
    return { ...coded, combination: kernel.bytes.slice(this.#combination, end) }
  }

  /** A row with its path, as of the last `commit`; the row is in place. */
  prove(index: number): ProvedRow {
    const path: Uint8Array[] = []
    const { bytes } = this.coder.kernel
    let [at, width] = [this.#tree, leafPlaces(this.coder.shape.codedRows)]
    for (let place = index; width > 1; place >>= 1) {
      const sibling = at + (place ^ 1) * hashSize
      path.push(bytes.slice(sibling, sibling + hashSize))
      at += width * hashSize
      width /= 2
    }
    return { index, row: this.coder.row(index), path }
  }

  /** Rows from `from` on with one proof, as of the last `commit`; the rows are in place. */
  proveRange(from: number, count: number): ProvedRange {
    const { bytes } = this.coder.kernel
    const { codedRows } = this.coder.shape
    const rows = Array.from({ length: count }, (_, at) => this.coder.row(from + at))
    const width = leafPlaces(codedRows)
    const siblings = rangeSiblings(from, count, pathLength(codedRows)).map(([level, place]) => {
      // Levels lie one after the other: below `level` are 2 · width - 2 · width / 2^level nodes.
      const below = 2 * width - (2 * width) / 2 ** level
      const at = this.#tree + (below + place) * hashSize
      return bytes.slice(at, at + hashSize)
    })
    return { from, rows, siblings }
  }

  /** All levels, one after the other, the leaves first. */
  #hashTree(): Uint8Array {
    const { coder } = this
    const { rowSize, kernel } = coder
    const { bytes, hashPairs } = kernel
    const { codedRows } = coder.shape
    for (let index = 0; index < codedRows; index++) {
      const [row, out] = [coder.addressOf(index), this.#tree + index * hashSize]
      this.#profile.hashRow(kernel, { row, rowSize, out, work: this.#work })
    }
    let [at, width] = [this.#tree, leafPlaces(codedRows)]
    bytes.fill(0, at + codedRows * hashSize, at + width * hashSize)
    for (; width > 1; width /= 2) {
      const parents = at + width * hashSize
      hashPairs(at, width / 2, parents, this.#work)
      at = parents
    }
    return bytes.slice(at, at + hashSize)
  }
}

/** Checks rows against a commitment. It takes the memory of seventeen rows: bound them before. */
export class RowVerifier {
  readonly header: RowsHeader
  readonly #profile: RowProfile
  readonly #kernel: Kernel
  readonly #combiner: RowCombiner
  readonly #rows: number
  readonly #found: number
  readonly #nodes: number
  readonly #pairs: number
  readonly #work: number
  /** The combinations of all n rows, in rows of 64 bytes. */
  readonly #expected: RowCoder

  /**
   * @throws {CommitmentMismatchError} `CODING_COMMITMENT` when the header is not what `commitment`
   *   stands for, or malformed · {CodeShapeError} `CODING_SHAPE` · {RowSizeError} `CODING_ROW_SIZE`
   */
  constructor(commitment: Uint8Array, header: RowsHeader, profile: RowProfileName = 'rows') {
    const { dataRows, codedRows, rowSize, rowRoot, combination } = header
    codeShape(dataRows, codedRows)
    this.header = header
    this.#profile = rowProfiles[profile]
    checkRowSize(this.#profile, rowSize)
    const isWhole = rowRoot.length === hashSize && combination.length === dataRows * elementSize
    if (!isWhole || !bytesEqual(commitmentOf(header, profile), commitment)) {
      throw new CommitmentMismatchError()
    }
    const workSize = hashWorkSizeOf(this.#profile, rowSize)
    const perRow = rowSize + elementSize + hashSize + 2 * hashSize
    const size = combinerSize(rowSize) + verifiedAtOnce * perRow + workSize
    if (size > memorySizeMax) throw new RowSizeError(rowSize)
    const kernel = openKernel(size)
    this.#kernel = kernel
    this.#combiner = new RowCombiner(kernel, rowSize)
    this.#rows = kernel.take(verifiedAtOnce * rowSize)
    this.#found = kernel.take(verifiedAtOnce * elementSize)
    this.#nodes = kernel.take(verifiedAtOnce * hashSize)
    this.#pairs = kernel.take(verifiedAtOnce * 2 * hashSize)
    this.#work = kernel.take(workSize)
    this.#combiner.use(drawCoefficients(seedOf(header, this.#profile), rowSize))
    this.#expected = extend(header)
  }

  /** Returns the rows that are not what was committed to; none when all are good. */
  wrongOf(rows: readonly ProvedRow[]): readonly ProvedRow[] {
    const wrong: ProvedRow[] = []
    const wellFormed: ProvedRow[] = []
    for (const row of rows) (this.#isWellFormed(row) ? wellFormed : wrong).push(row)
    for (let from = 0; from < wellFormed.length; from += verifiedAtOnce) {
      const some = wellFormed.slice(from, from + verifiedAtOnce)
      this.#hashAndCombine(some)
      wrong.push(...some.filter((row, at) => !this.#isInTree(at) || !this.#isOfCode(row.index, at)))
    }
    return wrong
  }

  /** Returns the part of the tree above rows that are good; undefined when any of them is not. */
  check({ from, rows, siblings }: ProvedRange): readonly RangeLevel[] | undefined {
    const { codedRows, rowSize, rowRoot } = this.header
    if (!Number.isSafeInteger(from) || from < 0 || rows.length === 0) return undefined
    if (from + rows.length > codedRows) return undefined
    if (rows.some(({ length }) => length !== rowSize)) return undefined
    const leaves: Uint8Array[] = []
    for (let first = 0; first < rows.length; first += verifiedAtOnce) {
      const some = rows.slice(first, first + verifiedAtOnce)
      this.#hash(some)
      this.#combiner.combine(this.#rows, some.length, rowSize, this.#found)
      for (const at of some.keys()) {
        if (!this.#isOfCode(from + first + at, at)) return undefined
        leaves.push(this.#kernel.bytes.slice(this.#nodeAt(at), this.#nodeAt(at + 1)))
      }
    }
    const range = { from, depth: pathLength(codedRows) }
    const levels = rangeLevels(range, leaves, siblings, parentOf)
    const root = levels?.at(-1)?.nodes[0]
    return root !== undefined && bytesEqual(root, rowRoot) ? levels : undefined
  }

  #isWellFormed({ index, row, path }: ProvedRow): boolean {
    const { codedRows, rowSize } = this.header
    if (!Number.isSafeInteger(index) || index < 0 || index >= codedRows) return false
    if (row.length !== rowSize || path.length !== pathLength(codedRows)) return false
    return path.every((node) => node.length === hashSize)
  }

  /** Finds where the path of each row leads, all paths level by level, and its combination. */
  #hashAndCombine(rows: readonly ProvedRow[]): void {
    const { bytes, hashPairs } = this.#kernel
    const { codedRows, rowSize } = this.header
    this.#hash(rows.map(({ row }) => row))
    for (let level = 0; level < pathLength(codedRows); level++) {
      for (const [at, { index, path }] of rows.entries()) {
        const pair = this.#pairs + at * 2 * hashSize
        const side = (index >> level) & 1
        bytes.copyWithin(pair + side * hashSize, this.#nodeAt(at), this.#nodeAt(at + 1))
        bytes.set(path[level] as Uint8Array, pair + (1 - side) * hashSize)
      }
      hashPairs(this.#pairs, rows.length, this.#nodes, this.#work)
    }
    this.#combiner.combine(this.#rows, rows.length, rowSize, this.#found)
  }

  /** Brings rows into the kernel's memory, and their hashes. */
  #hash(rows: readonly Uint8Array[]): void {
    const { rowSize } = this.header
    for (const [at, row] of rows.entries()) {
      const place = this.#rows + at * rowSize
      this.#kernel.bytes.set(row, place)
      const [out, work] = [this.#nodeAt(at), this.#work]
      this.#profile.hashRow(this.#kernel, { row: place, rowSize, out, work })
    }
  }

  #nodeAt(at: number): number {
    return this.#nodes + at * hashSize
  }

  #isInTree(at: number): boolean {
    const found = this.#kernel.bytes.subarray(this.#nodeAt(at), this.#nodeAt(at + 1))
    return bytesEqual(found, this.header.rowRoot)
  }

  #isOfCode(index: number, at: number): boolean {
    const found = this.#kernel.bytes.subarray(this.#found + at * elementSize)
    const expected = this.#expected.row(index)
    for (let byte = 0; byte < elementSize; byte++) {
      if (found[byte] !== expected[expectedPlace(byte)]) return false
    }
    return true
  }
}

/** A header that is not what its commitment stands for. */
export class CommitmentMismatchError extends ZgError<'CODING_COMMITMENT'> {
  constructor() {
    super('CODING_COMMITMENT', 'The header of the rows is not what was committed to')
  }
}

/** Codes z as rows of one chunk: an element's components are the first symbols of it. */
function extend({ dataRows, codedRows, combination }: RowsHeader): RowCoder {
  const coder = new RowCoder({ dataRows, codedRows, rowSizeMax: rowSizeUnit })
  const { data } = coder
  for (let row = 0; row < dataRows; row++) {
    for (let byte = 0; byte < elementSize; byte++) {
      data[row * rowSizeUnit + expectedPlace(byte)] = combination[row * elementSize + byte]!
    }
  }
  coder.encode()
  return coder
}

/** Where byte b of an element stands in a chunk: low bytes first, then high ones. */
function expectedPlace(byte: number): number {
  return (byte >> 1) + 32 * (byte & 1)
}

function seedOf(header: Omit<RowsHeader, 'combination'>, { seedTag }: RowProfile): Uint8Array {
  return sha256(concat(seedTag, shapeBytes(header), header.rowRoot))
}

function checkRowSize({ rowSizeFrom }: RowProfile, rowSize: number): void {
  if (!Number.isSafeInteger(rowSize) || rowSizeFrom(rowSize) !== rowSize) {
    throw new RowSizeError(rowSize)
  }
}

/** Bytes of the kernel's memory that hashing takes, of rows or of pairs. */
function hashWorkSizeOf(profile: RowProfile, rowSizeMax: number): number {
  return Math.max(pairsWorkSize, profile.hashWorkSize(rowSizeMax))
}

function shapeBytes(numbers: Pick<RowsHeader, 'dataRows' | 'codedRows' | 'rowSize'>): Uint8Array {
  const { dataRows, codedRows, rowSize } = numbers
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, dataRows, true)
  view.setUint32(4, codedRows, true)
  view.setUint32(8, rowSize, true)
  return bytes
}

function parentOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(left, right))
}

function leafPlaces(codedRows: number): number {
  return 2 ** pathLength(codedRows)
}

/** All levels, and room for four pairs beyond the last that is hashed. */
function treeSize(codedRows: number): number {
  return (2 * leafPlaces(codedRows) + 8) * hashSize
}
