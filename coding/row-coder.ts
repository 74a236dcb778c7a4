/**
 * Codes rows: K data rows become n, and any K of n become the data again.
 *
 * A coder holds the rows of one batch in the memory of its kernel; who fills or reads them does so
 * in place. Data rows lie one after the other, so data is one copy. A coder is for one batch at a
 * time and as many one after the other as one likes: its tables are made once.
 *
 * Rows are brought back in one of two ways, whichever takes fewer passes over a row. Few of them
 * are combined: with p = f · e as in reference.ts, and as the product of (x - z) over all points z
 * has derivative 1, p'(x) at an erased x is the sum of p(y) / (x - y) over the given points y, so
 *
 *     f(x) = sum of f(y) · e(y) / ((x - y) · e'(x))
 *
 * Many are transformed; of more rows than are needed those are taken that leave most runs of c
 * points without any, for such runs cost nothing.
 */

import { codeShape, pointOfRow } from './code-shape.ts'
import type { CodeShape } from './code-shape.ts'
import { erasedPoints, locatorLogs } from './erasure-locator.ts'
import { elementOf, groupOrder, logOf } from './field.ts'
import { memorySizeMax, openKernel } from './kernel.ts'
import type { Kernel, KernelOptions } from './kernel.ts'
import { RowSizeError, RowsMissingError } from './row-errors.ts'

/** Rows are whole chunks of 32 symbols. */
export const rowSizeUnit = 64

/** What the strips of all places together should take: a part of a core's second-level cache. */
const workSizeWanted = 1 << 19

/** Shorter strips cost more for the pages that they are on than they save. */
const stripWanted = 256

/** Bytes of a strip when few rows are combined. */
const combineStrip = 4_096

/** Missing rows that are combined at most. */
const combinedRowsMax = 32

export type RowCoderOptions = KernelOptions & {
  /** K. */
  readonly dataRows: number
  /** n. */
  readonly codedRows: number
  /** Bytes of a row at most, a multiple of 64. */
  readonly rowSizeMax: number
}

export class RowCoder {
  readonly shape: CodeShape
  readonly rowSizeMax: number
  readonly kernel: Kernel
  readonly #rows: number
  readonly #work: number
  readonly #plan: number
  #rowSize: number

  /**
   * @param extraSize - Bytes of the kernel's memory that others take.
   * @throws {CodeShapeError} `CODING_SHAPE` · {RowSizeError} `CODING_ROW_SIZE` when a row is no
   *   whole number of 64 bytes, or all of them are more than a memory holds.
   */
  constructor(options: RowCoderOptions, extraSize = 0) {
    const { dataRows, codedRows, rowSizeMax } = options
    const shape = codeShape(dataRows, codedRows)
    this.shape = shape
    this.rowSizeMax = checkedRowSize(rowSizeMax)
    this.#rowSize = rowSizeMax
    const sizes = {
      rows: codedRows * rowSizeMax,
      work: workSizeOf(shape, rowSizeMax),
      plan: planSizeOf(shape),
      extra: extraSize,
    }
    const size = Object.values(sizes).reduce((sum, each) => sum + each + rowSizeUnit, 0)
    if (size > memorySizeMax) throw new RowSizeError(rowSizeMax)
    this.kernel = openKernel(size, options)
    this.#rows = this.kernel.take(sizes.rows)
    this.#work = this.kernel.take(sizes.work)
    this.#plan = this.kernel.take(sizes.plan)
  }

  /** Bytes of a row. */
  get rowSize(): number {
    return this.#rowSize
  }

  /**
   * Begins another batch, with rows of another size; what the rows held means nothing any more.
   *
   * @throws {RowSizeError} `CODING_ROW_SIZE` also when rows are above `rowSizeMax`.
   */
  resize(rowSize: number): void {
    if (checkedRowSize(rowSize) > this.rowSizeMax) throw new RowSizeError(rowSize)
    this.#rowSize = rowSize
  }

  /** All data rows, one after the other, in place. */
  get data(): Uint8Array {
    const { dataRows } = this.shape
    return this.kernel.bytes.subarray(this.#rows, this.#rows + dataRows * this.rowSize)
  }

  /** A row, in place. */
  row(index: number): Uint8Array {
    const at = this.addressOf(index)
    return this.kernel.bytes.subarray(at, at + this.rowSize)
  }

  /** Writes the parity rows from the data rows. */
  encode(): void {
    const { dataRows, codedRows, dataPoints } = this.shape
    this.kernel.encode(
      this.#rows,
      dataRows,
      this.addressOf(dataRows),
      codedRows - dataRows,
      this.rowSize,
      dataPoints,
      this.#work,
      stripOf(encodedPlaces(this.shape), this.rowSize),
    )
  }

  /**
   * Writes the data rows that are missing; parity rows stay as they are.
   *
   * @param isKnown - For each of the n rows, not 0 when it holds what was coded.
   * @throws {RowsMissingError} `CODING_ROWS_MISSING` when fewer than K are known.
   */
  reconstruct(isKnown: Readonly<Uint8Array>): void {
    const { dataRows, codedRows } = this.shape
    const known = rowsThat(isKnown.subarray(0, codedRows), (flag) => flag !== 0)
    if (known.length < dataRows) throw new RowsMissingError(known.length, dataRows)
    const missing = rowsThat(isKnown.subarray(0, dataRows), (flag) => flag === 0)
    if (missing.length === 0) return
    const transform = sourcesInFewRuns(this.shape, known)
    const combineCost = missing.length * dataRows
    const isFew = missing.length <= combinedRowsMax
    if (isFew && combineCost <= transform.cost) this.#combine(known.slice(0, dataRows), missing)
    else this.#transform(transform.rows, missing)
  }

  #transform(sources: readonly number[], missing: readonly number[]): void {
    const { shape, rowSize } = this
    const { dataPoints, points } = shape
    const kernel = this.kernel
    const locator = locatorLogs(erasedPoints(shape, sources))
    const { buffer } = kernel.bytes
    const sourceRows = new Uint32Array(buffer, this.#plan, points).fill(0)
    const targetRows = new Uint32Array(buffer, endOf(sourceRows), dataPoints).fill(0)
    const factors = new Uint16Array(buffer, endOf(targetRows), points)
    const targetFactors = new Uint16Array(buffer, endOf(factors), dataPoints)
    const runs = new Uint8Array(buffer, endOf(targetFactors), points / dataPoints).fill(0)
    for (const row of sources) {
      const point = pointOfRow(shape, row)
      sourceRows[point] = this.addressOf(row)
      factors[point] = elementOf[locator[point]!]!
      runs[Math.floor(point / dataPoints)] = 1
    }
    for (const row of missing) {
      targetRows[row] = this.addressOf(row)
      targetFactors[row] = elementOf[groupOrder - locator[row]!]!
    }
    kernel.decode(
      sourceRows.byteOffset,
      factors.byteOffset,
      runs.byteOffset,
      targetRows.byteOffset,
      targetFactors.byteOffset,
      rowSize,
      points,
      dataPoints,
      this.#work,
      stripOf(points, rowSize),
    )
  }

  #combine(sources: readonly number[], missing: readonly number[]): void {
    const { shape } = this
    const kernel = this.kernel
    const locator = locatorLogs(erasedPoints(shape, sources))
    const { buffer } = kernel.bytes
    const sourceRows = new Uint32Array(buffer, this.#plan, sources.length)
    const targetRows = new Uint32Array(buffer, endOf(sourceRows), missing.length)
    sourceRows.set(sources.map((row) => this.addressOf(row)))
    targetRows.set(missing.map((row) => this.addressOf(row)))
    const factorCount = sources.length * missing.length
    const factors = new Uint16Array(buffer, endOf(targetRows), factorCount)
    let at = 0
    for (const source of sources) {
      const from = pointOfRow(shape, source)
      for (const target of missing) {
        const log = locator[from]! + 2 * groupOrder - logOf[from ^ target]! - locator[target]!
        factors[at++] = elementOf[log % groupOrder]!
      }
    }
    kernel.combine(
      sourceRows.byteOffset,
      sources.length,
      targetRows.byteOffset,
      missing.length,
      factors.byteOffset,
      this.rowSize,
      this.#work,
      Math.min(combineStrip, this.rowSize),
    )
  }

  /** Where a row lies in the kernel's memory. */
  addressOf(row: number): number {
    return this.#rows + row * this.rowSize
  }
}

/** Bytes of a strip so that `places` of them stay in the cache. */
function stripOf(places: number, rowSize: number): number {
  const wanted = Math.floor(workSizeWanted / places / rowSizeUnit) * rowSizeUnit
  return Math.min(rowSize, Math.max(wanted, stripWanted))
}

function workSizeOf(shape: CodeShape, rowSizeMax: number): number {
  const { points } = shape
  const encode = encodedPlaces(shape) * stripOf(encodedPlaces(shape), rowSizeMax)
  const decode = (points + 1) * stripOf(points, rowSizeMax)
  return Math.max(encode, decode, combineStrip)
}

/** The coefficients, and the values of one run of parity. */
function encodedPlaces({ dataPoints }: CodeShape): number {
  return dataPoints + Math.max(dataPoints / 2, 1)
}

function checkedRowSize(rowSize: number): number {
  const isWhole = Number.isSafeInteger(rowSize) && rowSize % rowSizeUnit === 0
  if (!isWhole || rowSize < rowSizeUnit) throw new RowSizeError(rowSize)
  return rowSize
}

/** What `#transform` and `#combine` write down for the kernel takes no more. */
function planSizeOf({ dataRows, dataPoints, points }: CodeShape): number {
  const transform = 6 * (points + dataPoints) + points / dataPoints
  const combined = Math.min(combinedRowsMax, dataRows)
  const combine = 4 * (dataRows + combined) + 2 * dataRows * combined
  return Math.max(transform, combine)
}

/** K rows in as few runs of c points as hold them, and what to transform them costs. */
function sourcesInFewRuns(
  shape: CodeShape,
  known: readonly number[],
): { readonly rows: readonly number[]; readonly cost: number } {
  const { dataRows, dataPoints, points } = shape
  const runOf = (row: number): number => Math.floor(pointOfRow(shape, row) / dataPoints)
  const runs = [...Map.groupBy(known, runOf).values()].toSorted((a, b) => b.length - a.length)
  const rows: number[] = []
  let used = 0
  for (const run of runs) {
    if (rows.length >= dataRows) break
    rows.push(...run.slice(0, dataRows - rows.length))
    used++
  }
  const perRun = (dataPoints / 2) * Math.log2(dataPoints)
  const above = (points / 2) * Math.log2(points / dataPoints)
  return { rows, cost: (used + 1) * perRun + above + points + dataPoints }
}

/** The rows of which a flag says so. */
function rowsThat(flags: Readonly<Uint8Array>, hold: (flag: number) => boolean): number[] {
  return Array.from(flags.keys()).filter((row) => hold(flags[row]!))
}

function endOf({ byteOffset, byteLength }: ArrayBufferView): number {
  return byteOffset + byteLength
}
