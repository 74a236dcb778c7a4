/**
 * An account and its storage root, stored as exactly the value of its leaf in the state trie:
 *
 *     rlp([ nonce, balance, storageRoot, codeHash ])     (Yellow Paper §4.1)
 *
 * so a leaf that moves in the trie is rehashed from the flat record as it stands.
 */

import {
  bigintToBytes,
  bigintToMinimalBytes,
  bytesToBigint,
  decodeRlp,
  encodeRlp,
  rlpBigint,
  rlpBytes,
  rlpList,
} from '@zg/primitives'

import type { Account } from './account.ts'
import { hashSizeBytes } from './trie-encoding.ts'

export type AccountRecord = {
  readonly account: Account
  /** Root of the account's storage trie, 32 bytes. */
  readonly storageRoot: Uint8Array
  readonly encoding: Uint8Array
}

/** Returns the record of an account. */
export function accountRecord(account: Account, storageRoot: Uint8Array): AccountRecord {
  const encoding = encodeRlp([
    bigintToMinimalBytes(account.nonce),
    bigintToMinimalBytes(account.balance),
    storageRoot,
    bigintToBytes(account.codeHash, hashSizeBytes),
  ])
  return { account, storageRoot, encoding }
}

/**
 * Reads a record back.
 *
 * @throws {RlpMalformedError} `PRIMITIVES_RLP_MALFORMED` when the bytes are no account.
 */
export function decodeAccountRecord(encoding: Uint8Array): AccountRecord {
  const fields = rlpList(decodeRlp(encoding), 4)
  const account: Account = {
    nonce: rlpBigint(fields[0], 8),
    balance: rlpBigint(fields[1]),
    codeHash: bytesToBigint(rlpBytes(fields[3], hashSizeBytes)),
  }
  return { account, storageRoot: rlpBytes(fields[2], hashSizeBytes), encoding }
}

/** The value of a slot's leaf: the RLP of its minimal bytes. The slot is not 0. */
export function encodeSlotValue(value: bigint): Uint8Array {
  return encodeRlp(bigintToMinimalBytes(value))
}

/** Reads a slot's value back; no bytes are 0. */
export function decodeSlotValue(encoding: Uint8Array | undefined): bigint {
  return encoding === undefined || encoding.length === 0 ? 0n : rlpBigint(decodeRlp(encoding))
}
