/**
 * Block headers, withdrawals and the roots over lists of a block.
 *
 * A header is the RLP list of the fields below in their order. Those after `nonce` came by forks
 * and are absent (undefined), from some point on, in older headers: a header read from a chain of
 * any age hashes as it was made. Hashes and roots are bytes; addresses are words.
 */

import {
  bigintToBytes,
  bigintToMinimalBytes,
  bytesToBigint,
  decodeRlp,
  encodeRlp,
  keccak256,
  rlpBigint,
  rlpBytes,
  rlpList,
  ZgError,
} from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'
import { orderedTrieRoot } from '@zg/state'

import { encodeTransaction } from './transaction-codec.ts'
import type { Transaction } from './transaction.ts'

/** A block's header. */
export type Header = {
  readonly parentHash: Uint8Array
  /** Hash of the empty list since the merge. */
  readonly ommersHash: Uint8Array
  /** The fee recipient. */
  readonly coinbase: bigint
  readonly stateRoot: Uint8Array
  readonly transactionsRoot: Uint8Array
  readonly receiptsRoot: Uint8Array
  /** 256 bytes. */
  readonly logsBloom: Uint8Array
  /** 0 since the merge. */
  readonly difficulty: bigint
  readonly number: number
  readonly gasLimit: bigint
  readonly gasUsed: bigint
  /** In seconds. */
  readonly timestamp: number
  /** At most 32 bytes. */
  readonly extraData: Uint8Array
  /** The previous RANDAO mix (EIP-4399); the mix hash before the merge. */
  readonly prevRandao: Uint8Array
  /** 8 bytes; 0 since the merge. */
  readonly nonce: Uint8Array
  /** London (EIP-1559), in wei. */
  readonly baseFeePerGas?: bigint | undefined
  /** Shanghai (EIP-4895). */
  readonly withdrawalsRoot?: Uint8Array | undefined
  /** Cancun (EIP-4844). */
  readonly blobGasUsed?: bigint | undefined
  readonly excessBlobGas?: bigint | undefined
  /** Cancun (EIP-4788). */
  readonly parentBeaconBlockRoot?: Uint8Array | undefined
  /** Prague (EIP-7685). */
  readonly requestsHash?: Uint8Array | undefined
}

/** A credit from outside the machine (EIP-4895). */
export type Withdrawal = {
  readonly index: bigint
  readonly validatorIndex: bigint
  readonly address: bigint
  /** In gwei. */
  readonly amountGwei: bigint
}

/** Hash of the RLP of an empty list: the ommers of every block since the merge. */
export const emptyOmmersHash = keccak256(encodeRlp([]))

/** Returns the header's RLP. Fields after the first absent one are left out. */
export function encodeHeader(header: Header): Uint8Array {
  return encodeRlp(headerItem(header))
}

/** Returns the header's hash, 32 bytes: the name of the block. */
export function headerHash(header: Header): Uint8Array {
  return keccak256(encodeHeader(header))
}

/** Returns the header as an RLP list, as it stands in a block. */
export function headerItem(header: Header): RlpItem {
  const items: RlpItem[] = [
    header.parentHash,
    header.ommersHash,
    bigintToBytes(header.coinbase, 20),
    header.stateRoot,
    header.transactionsRoot,
    header.receiptsRoot,
    header.logsBloom,
    bigintToMinimalBytes(header.difficulty),
    bigintToMinimalBytes(BigInt(header.number)),
    bigintToMinimalBytes(header.gasLimit),
    bigintToMinimalBytes(header.gasUsed),
    bigintToMinimalBytes(BigInt(header.timestamp)),
    header.extraData,
    header.prevRandao,
    header.nonce,
  ]
  const tail = [
    header.baseFeePerGas,
    header.withdrawalsRoot,
    header.blobGasUsed,
    header.excessBlobGas,
    header.parentBeaconBlockRoot,
    header.requestsHash,
  ]
  for (const field of tail) {
    if (field === undefined) break
    items.push(typeof field === 'bigint' ? bigintToMinimalBytes(field) : field)
  }
  return items
}

/**
 * Reads a header's RLP, of any fork.
 *
 * @throws {HeaderMalformedError} `EVM_HEADER_MALFORMED`; `PRIMITIVES_RLP_MALFORMED`.
 */
export function decodeHeader(bytes: Uint8Array): Header {
  return headerOfItem(decodeRlp(bytes))
}

/** Reads a header that stands as a list in a block's RLP; throws as `decodeHeader`. */
export function headerOfItem(item: RlpItem): Header {
  const list = rlpList(item)
  // 15 fields at first, 16 from London, 17 Shanghai, 20 Cancun, 21 Prague.
  if (![15, 16, 17, 20, 21].includes(list.length)) {
    throw new HeaderMalformedError(`a list of ${list.length} fields`)
  }
  const extraData = rlpBytes(list[12])
  if (extraData.length > 32) throw new HeaderMalformedError('more than 32 bytes of extra data')
  const has = (length: number) => list.length >= length
  return {
    parentHash: rlpBytes(list[0], 32),
    ommersHash: rlpBytes(list[1], 32),
    coinbase: bytesToBigint(rlpBytes(list[2], 20)),
    stateRoot: rlpBytes(list[3], 32),
    transactionsRoot: rlpBytes(list[4], 32),
    receiptsRoot: rlpBytes(list[5], 32),
    logsBloom: rlpBytes(list[6], 256),
    difficulty: rlpBigint(list[7]),
    number: safeNumber(rlpBigint(list[8], 8)),
    gasLimit: rlpBigint(list[9], 8),
    gasUsed: rlpBigint(list[10], 8),
    timestamp: safeNumber(rlpBigint(list[11], 8)),
    extraData,
    prevRandao: rlpBytes(list[13], 32),
    nonce: rlpBytes(list[14], 8),
    baseFeePerGas: has(16) ? rlpBigint(list[15]) : undefined,
    withdrawalsRoot: has(17) ? rlpBytes(list[16], 32) : undefined,
    blobGasUsed: has(20) ? rlpBigint(list[17], 8) : undefined,
    excessBlobGas: has(20) ? rlpBigint(list[18], 8) : undefined,
    parentBeaconBlockRoot: has(20) ? rlpBytes(list[19], 32) : undefined,
    requestsHash: has(21) ? rlpBytes(list[20], 32) : undefined,
  }
}

/** Returns the withdrawal as an RLP list. */
export function withdrawalItem(withdrawal: Withdrawal): RlpItem {
  return [
    bigintToMinimalBytes(withdrawal.index),
    bigintToMinimalBytes(withdrawal.validatorIndex),
    bigintToBytes(withdrawal.address, 20),
    bigintToMinimalBytes(withdrawal.amountGwei),
  ]
}

/** Reads a withdrawal from its RLP list. @throws `PRIMITIVES_RLP_MALFORMED` */
export function withdrawalOfItem(item: RlpItem): Withdrawal {
  const list = rlpList(item, 4)
  return {
    index: rlpBigint(list[0], 8),
    validatorIndex: rlpBigint(list[1], 8),
    address: bytesToBigint(rlpBytes(list[2], 20)),
    amountGwei: rlpBigint(list[3], 8),
  }
}

/** Root of the trie index -> transaction. */
export function transactionsRoot(transactions: readonly Transaction[]): Uint8Array {
  return orderedTrieRoot(transactions.map(encodeTransaction))
}

/** Root of the trie index -> withdrawal (EIP-4895). */
export function withdrawalsRoot(withdrawals: readonly Withdrawal[]): Uint8Array {
  return orderedTrieRoot(withdrawals.map((withdrawal) => encodeRlp(withdrawalItem(withdrawal))))
}

function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new HeaderMalformedError('a number or timestamp of 2^53 or more')
  }
  return Number(value)
}

export class HeaderMalformedError extends ZgError<'EVM_HEADER_MALFORMED'> {
  constructor(problem: string) {
    super('EVM_HEADER_MALFORMED', `Cannot decode the header: ${problem}`, { problem })
  }
}
