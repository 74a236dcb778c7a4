/**
 * An account and its storage root, stored as exactly the value of its leaf in the state trie:
 *
 *     rlp([ nonce, balance, storageRoot, codeHash ])     (Yellow Paper §4.1)
 *
 * so a leaf that moves in the trie is rehashed from the flat record as it stands. The body has 68
 * to 110 bytes, so the list's header is always `f8 size`. This codec runs for every account that a
 * block reads or changes, so it is written out; most accounts have no code and no slots, and those
 * two hashes are recognised, not converted.
 */

import {
  bigintToBytes,
  bigintToMinimalBytes,
  bytesEqual,
  bytesToBigint,
  decodeRlp,
  emptyKeccakWord,
  encodeRlp,
  rlpBigint,
  ZgError,
} from '@zg/primitives'

import type { Account } from './account.ts'
import { hashSizeBytes } from './trie-encoding.ts'
import { emptyTrieRoot } from './trie-root.ts'

export type AccountRecord = {
  readonly account: Account
  /** Root of the account's storage trie, 32 bytes. */
  readonly storageRoot: Uint8Array
  readonly encoding: Uint8Array
}

const emptyCodeHash = bigintToBytes(emptyKeccakWord, hashSizeBytes)

/** Bytes of the two hashes with their prefixes, at the end of a record. */
const hashesSizeBytes = 2 * (1 + hashSizeBytes)

/** Most bytes of a nonce (EIP-2681) and of a balance. */
const nonceSizeBytesMax = 8
const balanceSizeBytesMax = 32

/** Returns the record of an account. */
export function accountRecord(account: Account, storageRoot: Uint8Array): AccountRecord {
  const nonce = bigintToMinimalBytes(account.nonce)
  const balance = bigintToMinimalBytes(account.balance)
  const hasCode = account.codeHash !== emptyKeccakWord
  const codeHash = hasCode ? bigintToBytes(account.codeHash, hashSizeBytes) : emptyCodeHash
  const bodySize = integerSize(nonce) + integerSize(balance) + hashesSizeBytes
  const encoding = new Uint8Array(2 + bodySize)
  encoding[0] = 0xf8
  encoding[1] = bodySize
  let offset = writeInteger(encoding, 2, nonce)
  offset = writeInteger(encoding, offset, balance)
  encoding[offset] = 0x80 + hashSizeBytes
  encoding.set(storageRoot, offset + 1)
  offset += 1 + hashSizeBytes
  encoding[offset] = 0x80 + hashSizeBytes
  encoding.set(codeHash, offset + 1)
  return { account, storageRoot, encoding }
}

/**
 * Reads a record back.
 *
 * @throws {AccountRecordMalformedError} `STATE_ACCOUNT_RECORD_MALFORMED` when `accountRecord` did
 *   not write the bytes.
 */
export function decodeAccountRecord(encoding: Uint8Array): AccountRecord {
  const balanceStart = integerEnd(encoding, 2, nonceSizeBytesMax)
  const rootStart = integerEnd(encoding, balanceStart, balanceSizeBytesMax)
  const codeStart = rootStart + 1 + hashSizeBytes
  const isWhole =
    encoding[0] === 0xf8 &&
    encoding[1] === encoding.length - 2 &&
    encoding.length === rootStart + hashesSizeBytes &&
    encoding[rootStart] === 0x80 + hashSizeBytes &&
    encoding[codeStart] === 0x80 + hashSizeBytes
  if (!isWhole) throw new AccountRecordMalformedError(encoding)

  const storageRoot = encoding.subarray(rootStart + 1, codeStart)
  const codeHash = encoding.subarray(codeStart + 1)
  const account: Account = {
    nonce: readInteger(encoding, 2, balanceStart),
    balance: readInteger(encoding, balanceStart, rootStart),
    codeHash: bytesEqual(codeHash, emptyCodeHash) ? emptyKeccakWord : bytesToBigint(codeHash),
  }
  const hasSlots = !bytesEqual(storageRoot, emptyTrieRoot)
  return { account, storageRoot: hasSlots ? storageRoot : emptyTrieRoot, encoding }
}

/** Whether an account has a slot that is not 0. */
export function hasSlots(record: AccountRecord | undefined): boolean {
  return record !== undefined && !bytesEqual(record.storageRoot, emptyTrieRoot)
}

/** The value of a slot's leaf: the RLP of its minimal bytes. The slot is not 0. */
export function encodeSlotValue(value: bigint): Uint8Array {
  return encodeRlp(bigintToMinimalBytes(value))
}

/** Reads a slot's value back; no bytes are 0. */
export function decodeSlotValue(encoding: Uint8Array | undefined): bigint {
  return encoding === undefined || encoding.length === 0 ? 0n : rlpBigint(decodeRlp(encoding))
}

function integerSize(bytes: Uint8Array): number {
  return bytes.length === 1 && (bytes[0] as number) < 0x80 ? 1 : 1 + bytes.length
}

function writeInteger(target: Uint8Array, offset: number, bytes: Uint8Array): number {
  if (integerSize(bytes) === 1 && bytes.length === 1) {
    target[offset] = bytes[0] as number
    return offset + 1
  }
  target[offset] = 0x80 + bytes.length
  target.set(bytes, offset + 1)
  return offset + 1 + bytes.length
}

/** Where the integer that starts at `start` ends. */
function integerEnd(encoding: Uint8Array, start: number, sizeBytesMax: number): number {
  const first = encoding[start] ?? 0xff
  if (first < 0x80) return start + 1
  if (first > 0x80 + sizeBytesMax) throw new AccountRecordMalformedError(encoding)
  return start + 1 + first - 0x80
}

function readInteger(encoding: Uint8Array, start: number, end: number): bigint {
  const from = end - start === 1 && (encoding[start] as number) < 0x80 ? start : start + 1
  if (end - from > 6) return bytesToBigint(encoding.subarray(from, end))
  let value = 0
  for (let index = from; index < end; index++) value = value * 256 + (encoding[index] as number)
  return BigInt(value)
}

export class AccountRecordMalformedError extends ZgError<'STATE_ACCOUNT_RECORD_MALFORMED'> {
  constructor(encoding: Uint8Array) {
    const message = `Cannot read an account: a record of ${encoding.length} bytes is malformed`
    super('STATE_ACCOUNT_RECORD_MALFORMED', message, { sizeBytes: encoding.length })
  }
}
