/**
 * The vote log: what this validator has signed, durable before a signature exists.
 *
 *     wal/00000001.log …      record = u32 length | u32 crc32c | u8 type | u32 synced | payload
 *
 * `synced` is the size of the segment known to be durable when the record was written. The checksum
 * covers all that follows it and is seeded with the log's random id, so that bytes inside
 * a block cannot pass for a record. The first record of every segment is a checkpoint: the id (this
 * one is unseeded) and all that earlier segments still mean; older segments are removed once it is
 * durable.
 *
 * Reading back: a bad record in the last segment is a torn tail and is cut off, unless a later
 * record says that it had been synced: what was never synced never left. Anything else that is bad
 * (a synced record, an older segment, a missing one) means that statements are lost. Then the log
 * refuses (`WalCorruptError`): the node may only vote again in an epoch that had not begun when
 * they were lost, and an operator has to say so (`voteFromEpoch`).
 */

import { bytesEqual, ZgError } from '@zg/primitives'
import type { Disk, DiskFile, Rng } from '@zg/runtime'

import {
  readFinalityVote,
  readRoundVote,
  writeFinalityVote,
  writeRoundVote,
} from './certificate.ts'
import { ByteReader, ByteWriter } from './codec.ts'
import { crc32c } from './crc32c.ts'
import type { Block } from './messages.ts'
import { messageSizeBytesMax, readBlock, writeBlock } from './messages.ts'
import type { FinalityVote, RoundVote } from './votes.ts'

/** Size at which a segment is followed by a new one. */
export const segmentSizeBytes = 16 * 1_024 * 1_024

/** Largest record: a block. */
const recordSizeBytesMax = messageSizeBytesMax

const recordHeaderSizeBytes = 13
const logIdSizeBytes = 16
const checkpointSizeBytes = recordHeaderSizeBytes + logIdSizeBytes + 8
const folder = 'wal'

export type WalCheckpoint = {
  /** 16 bytes, drawn when the log began. */
  readonly logId: Uint8Array
  /** Nothing is signed in an epoch before this one. */
  readonly voteFromEpoch: bigint
}

export type WalRecord =
  | { readonly kind: 'checkpoint'; readonly checkpoint: WalCheckpoint }
  | { readonly kind: 'vote'; readonly vote: RoundVote }
  | { readonly kind: 'body'; readonly block: Block }
  | { readonly kind: 'finality-vote'; readonly vote: FinalityVote }

const typeBytes: Readonly<Record<WalRecord['kind'], number>> = {
  checkpoint: 1,
  vote: 2,
  body: 3,
  'finality-vote': 4,
}
const kindOfType = new Map<number, WalRecord['kind']>(
  Object.entries(typeBytes).map(([kind, byte]) => [byte, kind as WalRecord['kind']]),
)

/** Payload sizes of the records a vote is lost with: what a scan for later records looks for. */
const fixedSizes = new Map<number, number>([
  [typeBytes.vote, 49],
  [typeBytes['finality-vote'], 120],
])

export class VoteLog {
  readonly checkpoint: WalCheckpoint
  readonly #disk: Disk
  readonly #segmentSizeBytes: number
  #file: DiskFile
  #number: number
  #syncedSizeBytes = 0

  /** @internal */
  private constructor(options: {
    disk: Disk
    file: DiskFile
    number: number
    checkpoint: WalCheckpoint
    segmentSizeBytes: number
  }) {
    this.#disk = options.disk
    this.#file = options.file
    this.#number = options.number
    this.checkpoint = options.checkpoint
    this.#segmentSizeBytes = options.segmentSizeBytes
  }

  /** Opens the log of this disk, or begins one; returns what it holds, oldest first. */
  static async open(options: {
    readonly disk: Disk
    readonly rng: Rng
    readonly segmentSizeBytes?: number
  }): Promise<{ readonly log: VoteLog; readonly records: readonly WalRecord[] }> {
    const { disk, rng, segmentSizeBytes: sizeBytes = segmentSizeBytes } = options
    const numbers = await segmentNumbers(disk)
    const records: WalRecord[] = []
    let checkpoint: WalCheckpoint | undefined
    let lastGoodSize = 0
    for (const [place, number] of numbers.entries()) {
      const isLast = place === numbers.length - 1
      // MUST follow each other without a gap.
      if (place > 0 && number !== (numbers[place - 1] ?? 0) + 1) {
        throw new WalCorruptError(`segment ${number - 1} is missing`)
      }
      const bytes = (await disk.readFile(pathOf(number))) ?? new Uint8Array(0)
      const segment = readSegment(bytes)
      if (segment.goodSizeBytes < bytes.length && !(isLast && segment.isTorn)) {
        throw new WalCorruptError(`segment ${number} is damaged at byte ${segment.goodSizeBytes}`)
      }
      const own = segment.checkpoint
      // A checkpoint is synced before anything follows it, but for a rotation's, which has elders.
      const mayLackCheckpoint = isLast && (place > 0 || bytes.length <= checkpointSizeBytes)
      if (own === undefined && !mayLackCheckpoint) {
        throw new WalCorruptError(`segment ${number} has no checkpoint`)
      }
      if (
        own !== undefined &&
        checkpoint !== undefined &&
        !bytesEqual(own.logId, checkpoint.logId)
      ) {
        throw new WalCorruptError(`segment ${number} belongs to another log`)
      }
      checkpoint = own ?? checkpoint
      lastGoodSize = segment.goodSizeBytes
      records.push(...segment.records)
    }
    const number = numbers.at(-1) ?? 1
    // The first segment alone, without a checkpoint, was never synced: the log had not begun.
    const fresh = checkpoint ?? { logId: rng.bytes(logIdSizeBytes), voteFromEpoch: 0n }
    const file = await disk.open(pathOf(number))
    if (file.sizeBytes > lastGoodSize) await file.truncate(lastGoodSize)
    const log = new VoteLog({ disk, file, number, checkpoint: fresh, segmentSizeBytes: sizeBytes })
    if (lastGoodSize === 0) {
      log.append({ kind: 'checkpoint', checkpoint: fresh })
      // A segment after others takes their meaning over, as `rotate` would have done.
      for (const record of records) log.append(record)
      await log.sync()
    }
    return { log, records }
  }

  /** Removes every segment and begins a log that signs nothing before `voteFromEpoch`. */
  static async restart(options: {
    readonly disk: Disk
    readonly rng: Rng
    readonly voteFromEpoch: bigint
  }): Promise<VoteLog> {
    const { disk, rng, voteFromEpoch } = options
    for (const number of await segmentNumbers(disk)) await disk.remove(pathOf(number))
    const checkpoint = { logId: rng.bytes(logIdSizeBytes), voteFromEpoch }
    const file = await disk.open(pathOf(1))
    const log = new VoteLog({ disk, file, number: 1, checkpoint, segmentSizeBytes })
    log.append({ kind: 'checkpoint', checkpoint })
    await log.sync()
    return log
  }

  /** Whether the segment is full and `rotate` is due. */
  get isFull(): boolean {
    return this.#file.sizeBytes >= this.#segmentSizeBytes
  }

  /** Appends; durable after the next `sync`. */
  append(record: WalRecord): void {
    const { logId } = this.checkpoint
    this.#file.append(encodeRecord(record, { logId, syncedSizeBytes: this.#syncedSizeBytes }))
  }

  /** Resolves when all that was appended before is durable. */
  async sync(): Promise<void> {
    const file = this.#file
    const { sizeBytes } = file
    await file.sync()
    if (file === this.#file) this.#syncedSizeBytes = Math.max(this.#syncedSizeBytes, sizeBytes)
  }

  /**
   * Begins a new segment with `live()`, all that must outlast the older ones, and removes those.
   * `live` is asked in the turn of the switch, so nothing appended meanwhile is left behind.
   */
  async rotate(live: () => readonly WalRecord[]): Promise<void> {
    const older = this.#file
    const olderNumber = this.#number
    const file = await this.#disk.open(pathOf(olderNumber + 1))
    this.#file = file
    this.#number = olderNumber + 1
    this.#syncedSizeBytes = 0
    this.append({ kind: 'checkpoint', checkpoint: this.checkpoint })
    for (const record of live()) this.append(record)
    await older.sync()
    await this.sync()
    await older.close()
    for (const number of await segmentNumbers(this.#disk)) {
      if (number <= olderNumber) await this.#disk.remove(pathOf(number))
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

type Segment = {
  readonly records: readonly WalRecord[]
  readonly checkpoint: WalCheckpoint | undefined
  /** Bytes up to the end of the last good record. */
  readonly goodSizeBytes: number
  /** What follows is a torn tail: no good record is in it. */
  readonly isTorn: boolean
}

/** Reads one segment's bytes; never throws. */
export function readSegment(bytes: Uint8Array): Segment {
  const records: WalRecord[] = []
  let checkpoint: WalCheckpoint | undefined
  let offset = 0
  for (;;) {
    const found = recordAt(bytes, offset, checkpoint?.logId)
    if (found === undefined) break
    // MUST begin with a checkpoint, and hold no other.
    if ((found.record.kind === 'checkpoint') !== (offset === 0)) break
    if (found.record.kind === 'checkpoint') checkpoint = found.record.checkpoint
    else records.push(found.record)
    offset += found.sizeBytes
  }
  const isTorn = checkpoint === undefined || !wasSynced(bytes, offset, checkpoint.logId)
  return { records, checkpoint, goodSizeBytes: offset, isTorn }
}

type FoundRecord = {
  readonly record: WalRecord
  readonly sizeBytes: number
  readonly syncedSizeBytes: number
}

function recordAt(
  bytes: Uint8Array,
  offset: number,
  logId: Uint8Array | undefined,
): FoundRecord | undefined {
  if (bytes.length - offset < recordHeaderSizeBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset)
  const sizeBytes = view.getUint32(0)
  const end = offset + recordHeaderSizeBytes + sizeBytes
  if (sizeBytes > recordSizeBytesMax || end > bytes.length) return undefined
  const kind = kindOfType.get(view.getUint8(8))
  if (kind === undefined || (kind === 'checkpoint') !== (logId === undefined)) return undefined
  const seed = logId === undefined ? 0 : crc32c(logId)
  if (crc32c(bytes.subarray(offset + 8, end), seed) !== view.getUint32(4)) return undefined
  try {
    const payload = bytes.subarray(offset + recordHeaderSizeBytes, end)
    const syncedSizeBytes = view.getUint32(9)
    return { record: decodePayload(kind, payload), sizeBytes: end - offset, syncedSizeBytes }
  } catch {
    return undefined
  }
}

/** Whether a vote further on was written when the bytes at `from` were durable already. */
function wasSynced(bytes: Uint8Array, from: number, logId: Uint8Array): boolean {
  for (let offset = from + 1; offset + recordHeaderSizeBytes <= bytes.length; offset++) {
    const size = fixedSizes.get(bytes[offset + 8] as number)
    if (size === undefined || bytes[offset + 3] !== size) continue
    const found = recordAt(bytes, offset, logId)
    if (found !== undefined && found.syncedSizeBytes > from) return true
  }
  return false
}

function encodeRecord(
  record: WalRecord,
  { logId, syncedSizeBytes }: { readonly logId: Uint8Array; readonly syncedSizeBytes: number },
): Uint8Array {
  const payload = encodePayload(record)
  const bytes = new Uint8Array(recordHeaderSizeBytes + payload.length)
  const view = new DataView(bytes.buffer)
  bytes[8] = typeBytes[record.kind]
  view.setUint32(9, syncedSizeBytes)
  bytes.set(payload, recordHeaderSizeBytes)
  view.setUint32(0, payload.length)
  const seed = record.kind === 'checkpoint' ? 0 : crc32c(logId)
  view.setUint32(4, crc32c(bytes.subarray(8), seed))
  return bytes
}

function encodePayload(record: WalRecord): Uint8Array {
  const writer = new ByteWriter()
  switch (record.kind) {
    case 'checkpoint':
      writer.fixed(record.checkpoint.logId, logIdSizeBytes)
      writer.u64(record.checkpoint.voteFromEpoch)
      break
    case 'vote':
      writeRoundVote(writer, record.vote)
      break
    case 'body':
      writeBlock(writer, record.block)
      break
    case 'finality-vote':
      writeFinalityVote(writer, record.vote)
      break
  }
  return writer.finish()
}

function decodePayload(kind: WalRecord['kind'], payload: Uint8Array): WalRecord {
  const reader = new ByteReader(payload)
  const record = readPayload(kind, reader)
  reader.end()
  return record
}

function readPayload(kind: WalRecord['kind'], reader: ByteReader): WalRecord {
  switch (kind) {
    case 'checkpoint':
      return {
        kind,
        checkpoint: { logId: reader.fixed(logIdSizeBytes), voteFromEpoch: reader.u64() },
      }
    case 'vote':
      return { kind, vote: readRoundVote(reader) }
    case 'body':
      return { kind, block: readBlock(reader) }
    case 'finality-vote':
      return { kind, vote: readFinalityVote(reader) }
  }
}

async function segmentNumbers(disk: Disk): Promise<readonly number[]> {
  const names = await disk.list(folder)
  return names
    .filter((name) => /^\d{8}\.log$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b)
}

function pathOf(number: number): string {
  return `${folder}/${String(number).padStart(8, '0')}.log`
}

export class WalCorruptError extends ZgError<'CONSENSUS_WAL_CORRUPT'> {
  constructor(problem: string) {
    const message =
      `Cannot vote: the vote log lost statements (${problem}); ` +
      'start with voteFromEpoch set to an epoch that has not begun, or with a new key'
    super('CONSENSUS_WAL_CORRUPT', message, { problem })
  }
}
