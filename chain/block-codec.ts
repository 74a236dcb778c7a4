/**
 * Blocks as bytes, and the two shapes of one block: header and body, or the Engine API's payload.
 *
 *     block     rlp([ header, transactions, ommers = [], withdrawals ])   (Yellow Paper §4.3)
 *     payload   rlp([ header, transactions, ommers = [], withdrawals, requests ])
 *
 * A payload is what consensus orders and peers exchange: the block, and the execution requests that
 * its header only commits to (EIP-7685), as newPayload wants them. In a list of transactions a
 * legacy one is a list, a typed one a byte string (EIP-2718).
 */

import {
  emptyOmmersHash,
  hashRequests,
  headerHash,
  headerItem,
  headerOfItem,
  withdrawalItem,
  withdrawalOfItem,
  withdrawalsRoot,
} from '@zg/evm'
import type { Header, Withdrawal } from '@zg/evm'
import { decodeRlp, encodeRlp, rlpBytes, rlpList, ZgError } from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'
import { orderedTrieRoot } from '@zg/state'

import type { ExecutionPayload, NewPayload } from './execution-engine.ts'

/** The most bytes of a block's RLP (EIP-7934: 10 MiB less 2 MiB for the consensus block). */
export const blockSizeBytesMax = 8 * 1024 * 1024

/** The most bytes of a payload: the block and its requests. */
export const blockPayloadSizeBytesMax = blockSizeBytesMax + 1024 * 1024

/** Credits of one block (EIP-4895 bounds them on Ethereum). */
export const withdrawalsMax = 16

/** A block as it travels. */
export type BlockBody = {
  readonly header: Header
  /** EIP-2718 bytes. */
  readonly transactions: readonly Uint8Array[]
  readonly withdrawals: readonly Withdrawal[]
  /** Non-empty, in ascending type order, `type ‖ data` each. */
  readonly requests: readonly Uint8Array[]
}

/** Returns the RLP of the block, requests left out. */
export function encodeBlock(block: Omit<BlockBody, 'requests'>): Uint8Array {
  return encodeRlp(blockItems(block))
}

/** Returns the payload's bytes. */
export function encodePayload(block: BlockBody): Uint8Array {
  return encodeRlp([...blockItems(block), [...block.requests]])
}

/**
 * Reads a payload. Nothing is checked but its form and size.
 *
 * @throws {PayloadMalformedError} `CHAIN_PAYLOAD_MALFORMED`; `EVM_HEADER_MALFORMED`,
 *   `PRIMITIVES_RLP_MALFORMED`.
 */
export function decodePayload(bytes: Uint8Array): BlockBody {
  if (bytes.length > blockPayloadSizeBytesMax) throw new PayloadMalformedError('it is too large')
  const [header, transactions, ommers, withdrawals, requests] = rlpList(decodeRlp(bytes), 5)
  // MUST have no ommers since the merge (EIP-3675).
  if (rlpList(ommers).length > 0) throw new PayloadMalformedError('it has ommers')
  const credits = rlpList(withdrawals)
  if (credits.length > withdrawalsMax) throw new PayloadMalformedError('too many withdrawals')
  return {
    header: headerOfItem(rlpList(header)),
    transactions: rlpList(transactions).map(transactionBytes),
    withdrawals: credits.map(withdrawalOfItem),
    requests: rlpList(requests).map((request) => rlpBytes(request)),
  }
}

/** Returns the block in the Engine API's shape. */
export function newPayloadOf(block: BlockBody, hash: Uint8Array): NewPayload {
  const { header, transactions, withdrawals, requests } = block
  const {
    baseFeePerGas = 0n,
    blobGasUsed = 0n,
    excessBlobGas = 0n,
    parentBeaconBlockRoot = new Uint8Array(32),
  } = header
  return {
    executionPayload: {
      parentHash: header.parentHash,
      feeRecipient: header.coinbase,
      stateRoot: header.stateRoot,
      receiptsRoot: header.receiptsRoot,
      logsBloom: header.logsBloom,
      prevRandao: header.prevRandao,
      blockNumber: header.number,
      gasLimit: header.gasLimit,
      gasUsed: header.gasUsed,
      timestamp: header.timestamp,
      extraData: header.extraData,
      baseFeePerGas,
      blockHash: hash,
      transactions,
      withdrawals,
      blobGasUsed,
      excessBlobGas,
    },
    // Blocks of our networks carry no blobs: one with any does not match this list.
    expectedBlobVersionedHashes: [],
    parentBeaconBlockRoot,
    executionRequests: requests,
  }
}

/** Returns the block of a payload, its header made from the fields; nothing is checked. */
export function blockOfPayload(payload: NewPayload): BlockBody {
  const { executionPayload, parentBeaconBlockRoot, executionRequests } = payload
  const { transactions, withdrawals } = executionPayload
  const header: Header = {
    parentHash: executionPayload.parentHash,
    ommersHash: emptyOmmersHash,
    coinbase: executionPayload.feeRecipient,
    stateRoot: executionPayload.stateRoot,
    transactionsRoot: orderedTrieRoot(transactions),
    receiptsRoot: executionPayload.receiptsRoot,
    logsBloom: executionPayload.logsBloom,
    difficulty: 0n,
    number: executionPayload.blockNumber,
    gasLimit: executionPayload.gasLimit,
    gasUsed: executionPayload.gasUsed,
    timestamp: executionPayload.timestamp,
    extraData: executionPayload.extraData,
    prevRandao: executionPayload.prevRandao,
    nonce: new Uint8Array(8),
    baseFeePerGas: executionPayload.baseFeePerGas,
    withdrawalsRoot: withdrawalsRoot(withdrawals),
    blobGasUsed: executionPayload.blobGasUsed,
    excessBlobGas: executionPayload.excessBlobGas,
    parentBeaconBlockRoot,
    requestsHash: hashRequests(executionRequests),
  }
  return { header, transactions, withdrawals, requests: executionRequests }
}

/** Returns the payload that a built block is returned as. */
export function executionPayloadOf(block: BlockBody): ExecutionPayload {
  return newPayloadOf(block, headerHash(block.header)).executionPayload
}

function blockItems(block: Omit<BlockBody, 'requests'>): RlpItem[] {
  const transactions = block.transactions.map((bytes): RlpItem => {
    return (bytes[0] as number) >= 0xc0 ? decodeRlp(bytes) : bytes
  })
  return [headerItem(block.header), transactions, [], block.withdrawals.map(withdrawalItem)]
}

function transactionBytes(item: RlpItem): Uint8Array {
  if (!(item instanceof Uint8Array)) return encodeRlp(item)
  // A legacy transaction as a byte string would be a second form of the same block.
  if (item.length === 0 || (item[0] as number) >= 0x80) {
    throw new PayloadMalformedError('a byte string holds no typed transaction')
  }
  return item
}

export class PayloadMalformedError extends ZgError<'CHAIN_PAYLOAD_MALFORMED'> {
  constructor(problem: string) {
    super('CHAIN_PAYLOAD_MALFORMED', `Cannot read the payload: ${problem}`, { problem })
  }
}
