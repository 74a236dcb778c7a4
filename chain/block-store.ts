/**
 * Final blocks on disk. All that concerns one block is written in one batch with its state.
 *
 *     chain.headers        number      -> header RLP
 *     chain.payloads       number      -> payload (block-codec.ts)
 *     chain.signers        number      -> ( transaction hash[32] ‖ sender[20] ) a transaction
 *     chain.receipts       number      -> rlp([ [type, succeeded, cumulativeGas, logs] … ])
 *     chain.blooms         number      -> bloom[256], for blocks with logs only
 *     chain.numbers        block hash  -> number
 *     chain.supply         number      -> record (supply.ts)
 *     chain.transactions   hash        -> number ‖ index[4]
 *     chain.head           -           -> number ‖ block hash: the newest
 *
 * Numbers are 8 bytes big-endian, so ranges of keys are ranges of blocks. Blooms of receipts are
 * made again from their logs when read: they would be most of the bytes.
 */

import { bloomOfLogs, decodeHeader, decodeTransaction, encodeHeader, logItem } from '@zg/evm'
import type { Header, Log, Receipt } from '@zg/evm'
import {
  bigintToBytes,
  bigintToMinimalBytes,
  bytesToBigint,
  concat,
  decodeRlp,
  encodeRlp,
  rlpBigint,
  rlpBytes,
  rlpList,
} from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'
import type { KeyValueReader, KeyValueWrite } from '@zg/runtime'

import { decodePayload, encodeBlock, encodePayload } from './block-codec.ts'
import type { BlockBody } from './block-codec.ts'
import type { Block, HeaderRecord, SignedTransaction, TransactionLocation } from './chain-view.ts'
import type { Genesis } from './genesis.ts'
import { decodeSupply, encodeSupply } from './supply.ts'
import type { Supply, SupplyChange } from './supply.ts'

const tables = {
  headers: 'chain.headers',
  payloads: 'chain.payloads',
  signers: 'chain.signers',
  receipts: 'chain.receipts',
  blooms: 'chain.blooms',
  numbers: 'chain.numbers',
  supply: 'chain.supply',
  transactions: 'chain.transactions',
  head: 'chain.head',
} as const

const signerSizeBytes = 52

/** The one key of its table. */
const headKey = Uint8Array.of(0)

/** A block with all that is kept of it. */
export type ExecutedBlock = {
  readonly hash: Uint8Array
  readonly body: BlockBody
  /** In the order of the block. */
  readonly transactions: readonly SignedTransaction[]
  readonly receipts: readonly Receipt[]
  readonly supply: SupplyChange
}

const unchanged: SupplyChange = { destroyedWei: 0n, outboxWei: undefined }

/** Returns the writes that put a block into the store. */
export function blockWrites(block: ExecutedBlock): KeyValueWrite[] {
  const { hash, body, transactions, receipts } = block
  const key = numberKey(body.header.number)
  const write = (table: keyof typeof tables, value: Uint8Array): KeyValueWrite => {
    return { table: tables[table], key, value }
  }
  const signers = transactions.map(({ hash, sender }) => concat(hash, bigintToBytes(sender, 20)))
  const writes = [
    write('headers', encodeHeader(body.header)),
    write('payloads', encodePayload(body)),
    write('signers', concat(...signers)),
    write('receipts', encodeRlp(receipts.map(receiptItem))),
    { table: tables.numbers, key: hash, value: key },
  ]
  if (receipts.some(({ logs }) => logs.length > 0)) {
    writes.push(write('blooms', body.header.logsBloom))
  }
  transactions.forEach(({ hash }, index) => {
    const value = concat(key, bigintToBytes(BigInt(index), 4))
    writes.push({ table: tables.transactions, key: hash, value })
  })
  return writes
}

/** Returns the write that keeps the supply after a block. */
export function supplyWrite(number: number, supply: Supply): KeyValueWrite {
  return { table: tables.supply, key: numberKey(number), value: encodeSupply(supply) }
}

/** Returns the write that makes a block the newest. */
export function headWrite({ hash, body }: ExecutedBlock): KeyValueWrite {
  const value = concat(numberKey(body.header.number), hash)
  return { table: tables.head, key: headKey, value }
}

/**
 * Returns the writes that begin a chain at a block whose state was taken in as a snapshot: the
 * genesis, the block without receipts, the headers below it, the head.
 */
export function startWrites(start: {
  readonly genesis: Genesis
  readonly hash: Uint8Array
  readonly body: BlockBody
  readonly transactions: readonly SignedTransaction[]
  readonly earlierHeaders: readonly HeaderRecord[]
}): KeyValueWrite[] {
  const { genesis, hash, body, transactions, earlierHeaders } = start
  const executed = { hash, body, transactions, receipts: [], supply: unchanged }
  return [
    ...blockWrites(genesisExecuted(genesis)),
    ...blockWrites(executed).filter(({ table }) => table !== tables.receipts),
    ...earlierHeaders.flatMap((record) => headerWrites(record)),
    headWrite(executed),
  ]
}

/** The genesis as a block that was executed. */
export function genesisExecuted({ hash, header }: Genesis): ExecutedBlock {
  const body = { header, transactions: [], withdrawals: [], requests: [] }
  return { hash, body, transactions: [], receipts: [], supply: unchanged }
}

function headerWrites({ header, hash }: HeaderRecord): KeyValueWrite[] {
  const key = numberKey(header.number)
  return [
    { table: tables.headers, key, value: encodeHeader(header) },
    { table: tables.numbers, key: hash, value: key },
  ]
}

/** Returns the block of an executed one, as doors see it. */
export function blockOfExecuted(
  executed: Pick<ExecutedBlock, 'hash' | 'body' | 'transactions'>,
): Block {
  const { hash, body, transactions } = executed
  const { header, withdrawals } = body
  return { header, hash, transactions, withdrawals, sizeBytes: encodeBlock(body).length }
}

/** Reads what `blockWrites` wrote. Nothing is cached here. */
export class BlockStore {
  readonly #store: KeyValueReader

  constructor(store: KeyValueReader) {
    this.#store = store
  }

  /** The newest block; undefined in an empty store. */
  head(): { readonly number: number; readonly hash: Uint8Array } | undefined {
    const value = this.#store.get(tables.head, headKey)
    if (value === undefined) return undefined
    return { number: Number(bytesToBigint(value.subarray(0, 8))), hash: value.slice(8) }
  }

  numberOf(hash: Uint8Array): number | undefined {
    const value = this.#store.get(tables.numbers, hash)
    return value === undefined ? undefined : Number(bytesToBigint(value))
  }

  header(number: number): Header | undefined {
    const value = this.#store.get(tables.headers, numberKey(number))
    return value === undefined ? undefined : decodeHeader(value)
  }

  /** The lowest block above the genesis whose receipts are held; undefined while there is none. */
  firstReceipts(): number | undefined {
    const [first] = this.#store.range(tables.receipts, { from: numberKey(1), limit: 1 })
    return first === undefined ? undefined : Number(bytesToBigint(first[0]))
  }

  /** The bytes that consensus ordered. */
  payload(number: number): Uint8Array | undefined {
    return this.#store.get(tables.payloads, numberKey(number))
  }

  block({ header, hash }: HeaderRecord): Block | undefined {
    const key = numberKey(header.number)
    const payload = this.#store.get(tables.payloads, key)
    const signers = this.#store.get(tables.signers, key)
    if (payload === undefined || signers === undefined) return undefined
    const body = decodePayload(payload)
    const transactions = body.transactions.map((bytes, index): SignedTransaction => {
      const at = index * signerSizeBytes
      return {
        transaction: decodeTransaction(bytes),
        hash: signers.slice(at, at + 32),
        sender: bytesToBigint(signers.subarray(at + 32, at + signerSizeBytes)),
        bytes,
      }
    })
    return blockOfExecuted({ hash, body, transactions })
  }

  /** Hashes of a block's transactions, in order; cheaper than the block. */
  transactionHashes(number: number): readonly Uint8Array[] {
    const signers = this.#store.get(tables.signers, numberKey(number)) ?? new Uint8Array(0)
    return Array.from({ length: signers.length / signerSizeBytes }, (_, index) => {
      return signers.slice(index * signerSizeBytes, index * signerSizeBytes + 32)
    })
  }

  receipts(number: number): readonly Receipt[] | undefined {
    const value = this.#store.get(tables.receipts, numberKey(number))
    return value === undefined ? undefined : rlpList(decodeRlp(value)).map(receiptOfItem)
  }

  /** The supply after a block; undefined of one that this node did not execute. */
  supply(number: number): Supply | undefined {
    const value = this.#store.get(tables.supply, numberKey(number))
    return value === undefined ? undefined : decodeSupply(value)
  }

  transactionPlace(hash: Uint8Array): Omit<TransactionLocation, 'blockHash'> | undefined {
    const value = this.#store.get(tables.transactions, hash)
    if (value === undefined) return undefined
    return {
      blockNumber: Number(bytesToBigint(value.subarray(0, 8))),
      index: Number(bytesToBigint(value.subarray(8, 12))),
    }
  }

  /** Blocks with logs and their blooms, in order, both ends included. */
  *blooms(
    fromNumber: number,
    toNumber: number,
  ): IterableIterator<readonly [number: number, bloom: Uint8Array]> {
    const range = { from: numberKey(fromNumber), to: numberKey(toNumber + 1) }
    for (const [key, bloom] of this.#store.range(tables.blooms, range)) {
      yield [Number(bytesToBigint(key)), bloom]
    }
  }
}

function numberKey(number: number): Uint8Array {
  return bigintToBytes(BigInt(number), 8)
}

function receiptItem(receipt: Receipt): RlpItem {
  return [
    bigintToMinimalBytes(BigInt(receipt.type)),
    bigintToMinimalBytes(receipt.succeeded ? 1n : 0n),
    bigintToMinimalBytes(receipt.cumulativeGasUsed),
    receipt.logs.map(logItem),
  ]
}

function receiptOfItem(item: RlpItem): Receipt {
  const [type, succeeded, cumulativeGasUsed, logItems] = rlpList(item, 4)
  const logs = rlpList(logItems).map(logOfItem)
  return {
    type: Number(rlpBigint(type)) as Receipt['type'],
    succeeded: rlpBigint(succeeded) === 1n,
    cumulativeGasUsed: rlpBigint(cumulativeGasUsed),
    logsBloom: bloomOfLogs(logs),
    logs,
  }
}

function logOfItem(item: RlpItem): Log {
  const [address, topics, data] = rlpList(item, 3)
  return {
    address: bytesToBigint(rlpBytes(address, 20)),
    topics: rlpList(topics).map((topic) => bytesToBigint(rlpBytes(topic, 32))),
    data: rlpBytes(data),
  }
}
