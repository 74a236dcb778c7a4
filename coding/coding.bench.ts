/**
 * Bench `coding`: what coding, committing, checking and bringing back cost on one thread (but for
 * the pool's) by processor time, best of some rounds; MB are 10^6 bytes of data, of rows where rows are checked.
 *
 * Beside it, one after the other in the same run:
 *  - the KZG coding of PeerDAS by @crate-crypto/node-eth-kzg, with its precomputed tables: a blob
 *    of 131,072 bytes to 128 cells with their proofs;
 *  - where `npm run peers` brought them: the same by c-kzg; Reed-Solomon by klauspost, in Go with
 *    AVX; and the two-dimensional code of Celestia, rsmt2d, with the roots of its rows and columns.
 */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

import { DasContextJs } from '@crate-crypto/node-eth-kzg'

import { combinerSize, drawCoefficients, RowCombiner } from './combination.ts'
import { RowCommitter, RowVerifier, commitmentOf } from './commitment.ts'
import { openKernel } from './kernel.ts'
import { CodingPool } from './node/coding-pool.ts'
import { combineRow, combineSymbols, symbolsOf } from './reference.ts'
import { RowCoder } from './row-coder.ts'

const rounds = 7
const peerRounds = 3
const rowSize = 32_768
const dataRows = 1_024

/** Row checks that leave a chance of 2^-100 (docs/specs/coding.md). */
const sampledRows = 148
const sampledBatchBytes = 4 << 20

export async function bench() {
  const quarter = measureCommit(4_096)
  const third = measureCommit(3_072)
  const wide = { dataRows: 4_096, codedRows: 16_384, rowSizeMax: 8_192 }
  const metrics = {
    encode1024Of4096MBs: measureEncode({ dataRows, codedRows: 4_096, rowSizeMax: rowSize }),
    encode1024Of3072MBs: measureEncode({ dataRows, codedRows: 3_072, rowSizeMax: rowSize }),
    encode4096Of16384MBs: measureEncode(wide),
    commitQuarterMBs: quarter,
    commitThirdMBs: third,
    ...measureReconstruct(),
    ...measureVerify(),
    ...measureCombination(),
    commitSegmentsMBs: measureSegments(),
    poolOfTwoThreadsWallMBs: await measurePool(),
  }
  const kzgMBs = measureKzg()
  return {
    name: 'coding',
    metrics,
    peers: {
      '@crate-crypto/node-eth-kzg 0.10.0': { encodeAndProveMBs: kzgMBs },
      'c-kzg 4.1.0': measureCKzg(),
      ...measureGo(),
    },
    ratios: { commitQuarterToKzg: quarter / kzgMBs, commitThirdToKzg: third / kzgMBs },
  }
}

function measureEncode(options: {
  dataRows: number
  codedRows: number
  rowSizeMax: number
}): number {
  const coder = new RowCoder(options)
  fill(coder.data)
  return coder.data.length / bestMs(rounds, () => coder.encode()) / 1_000
}

function measureCommit(codedRows: number): number {
  const committer = new RowCommitter({ dataRows, codedRows, rowSizeMax: rowSize })
  fill(committer.coder.data)
  return committer.coder.data.length / bestMs(rounds, () => committer.commit()) / 1_000
}

/** All data rows lost, with parity rows side by side and, worse, in all runs of points. */
function measureReconstruct(): Record<string, number> {
  const coder = new RowCoder({ dataRows, codedRows: 4_096, rowSizeMax: rowSize })
  fill(coder.data)
  coder.encode()
  const rate = (isGiven: (row: number) => boolean): number => {
    const isKnown = Uint8Array.from({ length: 4_096 }, (_, row) => (isGiven(row) ? 1 : 0))
    return coder.data.length / bestMs(rounds, () => coder.reconstruct(isKnown)) / 1_000
  }
  return {
    reconstructAllLostMBs: rate((row) => row >= dataRows),
    reconstructScatteredMBs: rate((row) => row >= dataRows && row % 3 === 0),
    reconstructEightLostMBs: rate((row) => row >= 8),
  }
}

function measureVerify(): Record<string, number> {
  const full = provedRows(rowSize, 256)
  const verifier = new RowVerifier(full.commitment, full.header)
  const verifyMs = bestMs(rounds, () => verifier.wrongOf(full.rows))
  const sampled = provedRows(sampledBatchBytes / dataRows, sampledRows)
  const sampleMs = bestMs(rounds, () => {
    new RowVerifier(sampled.commitment, sampled.header).wrongOf(sampled.rows)
  })
  return {
    verifyRowsMBs: (full.rows.length * rowSize) / verifyMs / 1_000,
    sample148RowsOf4MiBMs: sampleMs,
  }
}

function provedRows(size: number, count: number) {
  const committer = new RowCommitter({ dataRows, codedRows: 4_096, rowSizeMax: size })
  fill(committer.coder.data)
  const header = committer.commit()
  const rows = Array.from({ length: count }, (_, index) => {
    const { row, path } = committer.prove((index * 1_499) % 4_096)
    return { index: (index * 1_499) % 4_096, row: row.slice(), path }
  })
  return { header, rows, commitment: commitmentOf(header) }
}

/** In two stages by the kernel; and by definition, which costs the same with any coefficients. */
function measureCombination(): Record<string, number> {
  const rows = 256
  const kernel = openKernel(combinerSize(rowSize) + rows * (rowSize + 16))
  const combiner = new RowCombiner(kernel, rowSize)
  const [from, out] = [kernel.take(rows * rowSize), kernel.take(rows * 16)]
  fill(kernel.bytes.subarray(from, from + rows * rowSize))
  const coefficients = drawCoefficients(new Uint8Array(32), rowSize)
  combiner.use(coefficients)
  const row = kernel.bytes.subarray(from, from + rowSize)
  const symbols = symbolsOf(row)
  const each = Array.from(symbols, (_, index) => coefficients.rhos[index % 32]!)
  const rate = (size: number, work: () => void): number => size / bestMs(rounds, work) / 1_000
  return {
    combineTwoStagesMBs: rate(rows * rowSize, () => combiner.combine(from, rows, rowSize, out)),
    referenceTwoStagesMBs: rate(rowSize, () => combineRow(row, coefficients)),
    referencePerSymbolMBs: rate(rowSize, () => combineSymbols(symbols, each)),
  }
}

/** A stripe of storage: sixteen segments in twenty-four. */
function measureSegments(): number {
  const options = { dataRows: 16, codedRows: 24, rowSizeMax: 262_144 }
  const committer = new RowCommitter({ ...options, profile: 'segments' })
  fill(committer.coder.data)
  return committer.coder.data.length / bestMs(rounds, () => committer.commit()) / 1_000
}

/** Two batches at a time on two threads, by the clock: the one figure that neighbours halve. */
async function measurePool(): Promise<number> {
  const code = { dataRows, codedRows: 4_096, rowSizeMax: rowSize }
  const pool = new CodingPool({ ...code, threads: 2, batches: 2, waitingMax: 2 })
  const data = new Uint8Array(dataRows * rowSize)
  fill(data)
  let best = Infinity
  for (let round = 0; round < rounds; round++) {
    const startMs = performance.now()
    const batches = await Promise.all([pool.commit(data), pool.commit(data)])
    best = Math.min(best, performance.now() - startMs)
    for (const { release } of batches) release()
  }
  await pool.close()
  return (2 * data.length) / best / 1_000
}

function measureKzg(): number {
  const context = DasContextJs.create({ usePrecomp: true })
  return blobRate((blob) => context.computeCellsAndKzgProofs(blob))
}

function measureCKzg(): Record<string, number | string> {
  const folder = resolve('.peers/node_modules/c-kzg')
  if (!existsSync(folder)) return absent
  const kzg = createRequire(import.meta.url)(folder) as CKzg
  kzg.loadTrustedSetup(8)
  return { encodeAndProveMBs: blobRate((blob) => kzg.computeCellsAndKzgProofs(blob)) }
}

type CKzg = {
  loadTrustedSetup(precompute: number): void
  computeCellsAndKzgProofs(blob: Uint8Array): unknown
}

type Figures = Record<string, number | string>

function measureGo(): Record<string, Figures> {
  const program = resolve('.peers/coding-go')
  if (!existsSync(program)) return { 'klauspost/reedsolomon, celestiaorg/rsmt2d': absent }
  return JSON.parse(execFileSync(program, { encoding: 'utf8' })) as Record<string, Figures>
}

const absent = { notHere: 'npm run peers' }

function blobRate(work: (blob: Uint8Array) => void): number {
  const blob = new Uint8Array(131_072)
  fill(blob)
  // Field elements: the highest byte of 32 stays below the modulus.
  for (let at = 0; at < blob.length; at += 32) blob[at] = 0
  return blob.length / bestMs(peerRounds, () => work(blob)) / 1_000
}

/** Processor time of this process in the round that took least. */
function bestMs(count: number, work: () => void): number {
  let best = Infinity
  for (let round = 0; round < count; round++) {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / 1_000)
  }
  return best
}

/** Bytes of a linear congruential generator. */
function fill(bytes: Uint8Array): void {
  let state = 1
  for (let at = 0; at < bytes.length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[at] = state >>> 24
  }
}
