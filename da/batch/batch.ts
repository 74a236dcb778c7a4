/**
 * What names a batch and a blob in it (docs/specs/da.md §2, §3).
 *
 *     batch   network ‖ epoch ‖ quorum ‖ disperser ‖ sequence        4, 8, 4, 20, 8 bytes
 *     handle  0x00 ‖ batch ‖ commitment ‖ index                      1, 44, 32, 4 bytes
 */

import { bigintToBytes, bytesToBigint, concat, fromHex, toHex } from '@zg/primitives/bytes'
import type { Hex } from '@zg/primitives/bytes'
import { ZgError } from '@zg/primitives/errors'
import { keccak256 } from '@zg/primitives/hash'

/** Names a batch; numbers below 2^32, or 2^64 where they are bigints. */
export type BatchId = {
  readonly network: number
  readonly epoch: bigint
  readonly quorum: number
  /** 20 bytes: the account that pays. */
  readonly disperser: Uint8Array
  /** Consecutive for an epoch and a disperser. */
  readonly sequence: bigint
}

/** Names a blob, and what its batch is committed to. */
export type BlobHandle = {
  readonly batch: BatchId
  /** 32 bytes. */
  readonly commitment: Uint8Array
  /** Of the blob in its batch, from 0. */
  readonly index: number
}

const batchSize = 44
export const commitmentSize = 32
/** Bytes of an encoded handle. */
export const handleSize = 1 + batchSize + commitmentSize + 4
const handleVersion = 0

const quorumTag = new TextEncoder().encode('zg/da/quorum')
const batchTag = new TextEncoder().encode('zg/da/batch')

/** The quorum that a batch belongs to, of `quorumCount`. */
export function quorumOf(
  seed: Uint8Array,
  disperser: Uint8Array,
  sequence: bigint,
  quorumCount: number,
): number {
  const draw = keccak256(concat(quorumTag, seed, disperser, bigintToBytes(sequence, 8)))
  return Number(bytesToBigint(draw) % BigInt(quorumCount))
}

/** Returns 44 bytes. */
export function encodeBatchId({
  network,
  epoch,
  quorum,
  disperser,
  sequence,
}: BatchId): Uint8Array {
  return concat(
    bigintToBytes(BigInt(network), 4),
    bigintToBytes(epoch, 8),
    bigintToBytes(BigInt(quorum), 4),
    disperser,
    bigintToBytes(sequence, 8),
  )
}

/** One string a batch, for maps and paths. */
export function batchKey(batch: BatchId): string {
  return toHex(encodeBatchId(batch)).slice(2)
}

/** What names a batch on its chain: DataRecord.keyOf; 32 bytes. */
export function recordKey({ epoch, quorum, disperser, sequence }: BatchId): Uint8Array {
  const numbers = [epoch, BigInt(quorum), bytesToBigint(disperser), sequence]
  return keccak256(concat(...numbers.map((number) => bigintToBytes(number, 32))))
}

/** The batch of such a string. @throws {BatchIdMalformedError} `DA_BATCH_ID` */
export function batchOfKey(key: string): BatchId {
  return decodeBatchId(fromHex(`0x${key}`))
}

/** @throws {BatchIdMalformedError} `DA_BATCH_ID` */
export function decodeBatchId(bytes: Uint8Array): BatchId {
  if (bytes.length !== batchSize) throw new BatchIdMalformedError(bytes.length)
  return {
    network: Number(bytesToBigint(bytes.subarray(0, 4))),
    epoch: bytesToBigint(bytes.subarray(4, 12)),
    quorum: Number(bytesToBigint(bytes.subarray(12, 16))),
    disperser: bytes.slice(16, 36),
    sequence: bytesToBigint(bytes.subarray(36, 44)),
  }
}

/** Returns 81 bytes. */
export function encodeHandle({ batch, commitment, index }: BlobHandle): Uint8Array {
  const version = Uint8Array.of(handleVersion)
  return concat(version, encodeBatchId(batch), commitment, bigintToBytes(BigInt(index), 4))
}

/** @throws {HandleMalformedError} `DA_HANDLE` */
export function decodeHandle(bytes: Uint8Array): BlobHandle {
  if (bytes.length !== handleSize || bytes[0] !== handleVersion) {
    throw new HandleMalformedError(bytes)
  }
  const commitmentAt = 1 + batchSize
  const indexAt = commitmentAt + commitmentSize
  return {
    batch: decodeBatchId(bytes.subarray(1, commitmentAt)),
    commitment: bytes.slice(commitmentAt, indexAt),
    index: Number(bytesToBigint(bytes.subarray(indexAt))),
  }
}

/** What a disperser signs, by EIP-191, when it asks nodes to hold a batch; 32 bytes. */
export function batchRequestDigest(batch: BatchId, commitment: Uint8Array): Uint8Array {
  const version = Uint8Array.of(handleVersion)
  return keccak256(concat(batchTag, version, encodeBatchId(batch), commitment))
}

export class BatchIdMalformedError extends ZgError<'DA_BATCH_ID'> {
  constructor(sizeBytes: number) {
    super('DA_BATCH_ID', `A batch is named by ${batchSize} bytes, not ${sizeBytes}`, { sizeBytes })
  }
}

/** Bytes that name no blob. */
export class HandleMalformedError extends ZgError<'DA_HANDLE'> {
  constructor(bytes: Uint8Array) {
    const shown: Hex = toHex(bytes.subarray(0, handleSize))
    super(
      'DA_HANDLE',
      `A blob is named by ${handleSize} bytes that begin with ${handleVersion}, not ${shown}`,
      { sizeBytes: bytes.length },
    )
  }
}
