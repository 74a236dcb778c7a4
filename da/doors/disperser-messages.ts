/**
 * The messages of disperser.proto, as Protocol Buffers writes them.
 *
 *     message = field*      field = varint(number · 8 + type) value
 *     type 0: varint        type 2: varint(size) bytes        types 1, 5: 8, 4 bytes
 *
 * Read strictly: a known field of another type, a varint of more than 64 bits, a size that does not
 * fit, and more fields than `fieldsMax` are refused. Fields that are not known are skipped, and of
 * one that comes twice the last counts, as the format demands.
 */

import { concat, ZgError } from '@zg/primitives'

import type { BlobHandle } from '../batch/batch.ts'

/** Fields of one message; ours have three. */
const fieldsMax = 64
const fieldNumberMax = 2n ** 29n - 1n
const varintSizeMax = 10

/** Numbers of the enum `BlobStatus`. */
export const blobStatus = {
  processing: 1,
  confirmed: 2,
  failed: 3,
  finalized: 4,
  insufficientSignatures: 5,
} as const

export type BlobStatus = (typeof blobStatus)[keyof typeof blobStatus]

/** Of the field that holds a blob: a byte for its number, four for a size of this length. */
export const blobFieldSize = 5

/** What a client of 0G names a blob by. */
export type BlobName = {
  /** 32 bytes. */
  readonly storageRoot: Uint8Array
  readonly epoch: bigint
  readonly quorum: bigint
}

/** Undefined: of a type that no field of ours has. */
type Value = bigint | Uint8Array | undefined

/** The blob of a `DisperseBlobRequest`: a view. @throws {MessageMalformedError} `DA_MESSAGE` */
export function readDisperseRequest(message: Uint8Array): Uint8Array {
  return bytesOf(readFields(message), 1)
}

/** The id of a `BlobStatusRequest`. @throws {MessageMalformedError} `DA_MESSAGE` */
export function readStatusRequest(message: Uint8Array): Uint8Array {
  return bytesOf(readFields(message), 1)
}

/** @throws {MessageMalformedError} `DA_MESSAGE` */
export function readRetrieveRequest(message: Uint8Array): BlobName {
  const fields = readFields(message)
  return {
    storageRoot: bytesOf(fields, 1),
    epoch: numberOf(fields, 2),
    quorum: numberOf(fields, 3),
  }
}

/** A `DisperseBlobRequest` in two parts, so that the blob is not copied. */
export function writeDisperseRequest(blob: Uint8Array): readonly Uint8Array[] {
  return [bytesFieldHead(1, blob.length), blob]
}

export function writeStatusRequest(requestId: Uint8Array): Uint8Array {
  return bytesField(1, requestId)
}

export function writeRetrieveRequest(name: BlobName): Uint8Array {
  return writeName(name)
}

/** The request's id of a `DisperseBlobReply`. @throws {MessageMalformedError} `DA_MESSAGE` */
export function readDisperseReply(message: Uint8Array): Uint8Array {
  return bytesOf(readFields(message), 2)
}

/**
 * Status 0, and any that is not known, is no status.
 *
 * @throws {MessageMalformedError} `DA_MESSAGE`
 */
export function readStatusReply(message: Uint8Array): {
  readonly status: BlobStatus | undefined
  readonly name: BlobName | undefined
} {
  const fields = readFields(message)
  const status = Object.values(blobStatus).find((one) => BigInt(one) === numberOf(fields, 1))
  const header = bytesOf(readFields(bytesOf(fields, 2)), 1)
  return { status, name: header.length === 0 ? undefined : readRetrieveRequest(header) }
}

/** The blob of a `RetrieveBlobReply`: a view. @throws {MessageMalformedError} `DA_MESSAGE` */
export function readRetrieveReply(message: Uint8Array): Uint8Array {
  return bytesOf(readFields(message), 1)
}

export function writeDisperseReply(status: BlobStatus, requestId: Uint8Array): Uint8Array {
  return concat(numberField(1, BigInt(status)), bytesField(2, requestId))
}

export function writeStatusReply(status: BlobStatus, handle?: BlobHandle): Uint8Array {
  const number = numberField(1, BigInt(status))
  if (handle === undefined) return number
  const { commitment, batch } = handle
  const quorum = BigInt(batch.quorum)
  const header = writeName({ storageRoot: commitment, epoch: batch.epoch, quorum })
  return concat(number, bytesField(2, bytesField(1, header)))
}

/** A `RetrieveBlobReply` in two parts, so that the blob is not copied. */
export function writeRetrieveReply(blob: Uint8Array): readonly Uint8Array[] {
  return [bytesFieldHead(1, blob.length), blob]
}

/** `RetrieveBlobRequest` and `BlobHeader` have the same fields. */
function writeName({ storageRoot, epoch, quorum }: BlobName): Uint8Array {
  return concat(bytesField(1, storageRoot), numberField(2, epoch), numberField(3, quorum))
}

function readFields(message: Uint8Array): ReadonlyMap<number, Value> {
  const fields = new Map<number, Value>()
  let at = 0
  for (let count = 0; at < message.length; count++) {
    if (count === fieldsMax) throw new MessageMalformedError(`more than ${fieldsMax} fields`)
    const key = readVarint(message, at)
    if (key.value < 8n || key.value >> 3n > fieldNumberMax) {
      throw new MessageMalformedError('a field that no number names')
    }
    const number = Number(key.value >> 3n)
    const type = Number(key.value & 7n)
    at = key.end
    if (type === 0) {
      const { value, end } = readVarint(message, at)
      fields.set(number, value)
      at = end
    } else {
      const size = type === 2 ? readVarint(message, at) : { value: fixedSize(type), end: at }
      // Compared before it is a number: the size may be any of 64 bits.
      if (size.value > BigInt(message.length - size.end)) {
        throw new MessageMalformedError('a field that is cut off')
      }
      at = size.end + Number(size.value)
      fields.set(number, type === 2 ? message.subarray(size.end, at) : undefined)
    }
  }
  return fields
}

function fixedSize(type: number): bigint {
  if (type === 1) return 8n
  if (type === 5) return 4n
  throw new MessageMalformedError(`a field of type ${type}`)
}

function readVarint(bytes: Uint8Array, start: number): { value: bigint; end: number } {
  let value = 0n
  for (let size = 1; size <= varintSizeMax; size++) {
    const byte = bytes[start + size - 1]
    if (byte === undefined) throw new MessageMalformedError('a number that is cut off')
    value |= BigInt(byte & 0x7f) << BigInt(7 * (size - 1))
    if (byte < 0x80) {
      if (value >> 64n !== 0n) break
      return { value, end: start + size }
    }
  }
  throw new MessageMalformedError('a number of more than 64 bits')
}

/** What is absent is empty. */
function bytesOf(fields: ReadonlyMap<number, Value>, number: number): Uint8Array {
  if (!fields.has(number)) return new Uint8Array(0)
  const value = fields.get(number)
  if (value instanceof Uint8Array) return value
  throw new MessageMalformedError(`field ${number} is no bytes`)
}

/** What is absent is 0. */
function numberOf(fields: ReadonlyMap<number, Value>, number: number): bigint {
  if (!fields.has(number)) return 0n
  const value = fields.get(number)
  if (typeof value === 'bigint') return value
  throw new MessageMalformedError(`field ${number} is no number`)
}

/** Nothing for 0, as the format's third version has it. */
function numberField(number: number, value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0)
  return concat(writeVarint(BigInt(number << 3)), writeVarint(value))
}

function bytesField(number: number, bytes: Uint8Array): Uint8Array {
  return concat(bytesFieldHead(number, bytes.length), bytes)
}

function bytesFieldHead(number: number, size: number): Uint8Array {
  return concat(writeVarint(BigInt((number << 3) | 2)), writeVarint(BigInt(size)))
}

function writeVarint(value: bigint): Uint8Array {
  const bytes: number[] = []
  for (; value >= 0x80n; value >>= 7n) bytes.push(Number(value & 0x7fn) | 0x80)
  bytes.push(Number(value))
  return Uint8Array.from(bytes)
}

/** Bytes that are no message of disperser.proto. */
export class MessageMalformedError extends ZgError<'DA_MESSAGE'> {
  constructor(problem: string) {
    super('DA_MESSAGE', `Cannot read the request: ${problem}`, { problem })
  }
}
