/**
 * JSON-RPC over HTTP, asked of one endpoint and read strictly: an answer has a size at most and a
 * form, and whatever goes wrong becomes the one error of whom the endpoint serves.
 */

import { encodeHeader } from '@zg/evm'
import type { Header } from '@zg/evm'
import { bytesToBigint, fromHex, isHex, ZgError } from '@zg/primitives'

import { postJson } from '@zg/runtime'

/** An answer, its last byte included, is waited for so long. */
const timeoutMsDefault = 10_000

/** Bytes of an answer, at most: a proof of 128 slots takes less than one. */
const answerSizeBytesMax = 32 * 1_024 * 1_024

const wordSizeBytes = 32

/** Characters kept of an endpoint's own words. */
const messageLengthMax = 200

export type JsonRpcClientOptions = {
  readonly url: string
  /** The error that a problem becomes. */
  readonly fail: (problem: string) => Error
  /** @default timeoutMsDefault */
  readonly timeoutMs?: number
}

/** What an endpoint says when it refuses. */
export type JsonRpcRefusal = {
  readonly code: number
  readonly message: string
  /** What a reverted call returned, where the endpoint says so. */
  readonly data: Uint8Array | undefined
}

export type JsonRpcQuestion<value> = {
  readonly method: string
  readonly params: readonly unknown[]
  /** Reads the result; what it throws becomes the endpoint's error. */
  readonly read: (result: unknown) => value
  /** What a refusal means; undefined for a failure, as without it. */
  readonly refused?: (refusal: JsonRpcRefusal) => value | undefined
}

export type Json = Readonly<Record<string, unknown>>

export class JsonRpcClient {
  readonly #options: JsonRpcClientOptions
  #nextId = 1

  constructor(options: JsonRpcClientOptions) {
    this.#options = options
  }

  /** Asks once. Throws the endpoint's error alone. */
  async ask<value>({ method, params, read, refused }: JsonRpcQuestion<value>): Promise<value> {
    try {
      const { result, error } = objectOf(await this.#post(method, params), 'an answer')
      if (error === undefined || error === null) return read(result)
      const refusal = refusalOf(objectOf(error, 'an error'))
      const meaning = refused?.(refusal)
      if (meaning === undefined) throw new JsonRpcFormError(`it refuses: ${refusal.message}`)
      return meaning
    } catch (error) {
      // It cannot be reached, was too slow, gives no JSON, or another form of it.
      const reason = error instanceof Error ? error.message : String(error)
      throw this.#options.fail(`${method} failed: ${reason.slice(0, messageLengthMax)}`)
    }
  }

  async #post(method: string, params: readonly unknown[]): Promise<unknown> {
    const id = this.#nextId++
    const { url, timeoutMs = timeoutMsDefault } = this.#options
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params })
    return JSON.parse(await postJson(url, body, { timeoutMs, answerSizeBytesMax }))
  }
}

function refusalOf({ code, message, data }: Json): JsonRpcRefusal {
  return {
    code: typeof code === 'number' ? code : 0,
    message: String(message).slice(0, messageLengthMax),
    data: isHex(data) ? fromHex(data) : undefined,
  }
}

/** A header as `eth_getBlock…` gives it, with the hash it is said to have. */
export function headerOf(block: Json): { readonly header: Header; readonly hash: Uint8Array } {
  const optional = <value>(key: string, read: (given: unknown) => value): value | undefined =>
    block[key] === undefined || block[key] === null ? undefined : read(block[key])
  const header: Header = {
    parentHash: bytesOf(block['parentHash']),
    ommersHash: bytesOf(block['sha3Uncles']),
    coinbase: bytesToBigint(bytesOf(block['miner'])),
    stateRoot: bytesOf(block['stateRoot']),
    transactionsRoot: bytesOf(block['transactionsRoot']),
    receiptsRoot: bytesOf(block['receiptsRoot']),
    logsBloom: bytesOf(block['logsBloom']),
    difficulty: quantityOf(block['difficulty']),
    number: Number(quantityOf(block['number'])),
    gasLimit: quantityOf(block['gasLimit']),
    gasUsed: quantityOf(block['gasUsed']),
    timestamp: Number(quantityOf(block['timestamp'])),
    extraData: bytesOf(block['extraData']),
    prevRandao: bytesOf(block['mixHash']),
    nonce: bytesOf(block['nonce']),
    baseFeePerGas: optional('baseFeePerGas', quantityOf),
    withdrawalsRoot: optional('withdrawalsRoot', bytesOf),
    blobGasUsed: optional('blobGasUsed', quantityOf),
    excessBlobGas: optional('excessBlobGas', quantityOf),
    parentBeaconBlockRoot: optional('parentBeaconBlockRoot', bytesOf),
    requestsHash: optional('requestsHash', bytesOf),
  }
  return { header, hash: bytesOf(block['hash']) }
}

/** The RLP of a header as `eth_getBlock…` gives it. */
export function headerBytesOf(block: Json): Uint8Array {
  return encodeHeader(headerOf(block).header)
}

/** The nodes of EIP-1186: of an account, and of each slot in the order asked. */
export function proofOf(answer: unknown): {
  readonly account: readonly Uint8Array[]
  readonly slots: readonly (readonly Uint8Array[])[]
} {
  const { accountProof, storageProof } = objectOf(answer, 'a proof')
  const slots = arrayOf(storageProof, 'storageProof').map((each) => objectOf(each, 'a slot'))
  return {
    account: arrayOf(accountProof, 'accountProof').map(bytesOf),
    slots: slots.map(({ proof }) => arrayOf(proof, 'proof').map(bytesOf)),
  }
}

export function objectOf(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null) {
    throw new JsonRpcFormError(`it gives no object for ${what}`)
  }
  return value as Json
}

export function arrayOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new JsonRpcFormError(`it gives no list for ${what}`)
  return value
}

/** Bytes in hex. */
export function bytesOf(value: unknown): Uint8Array {
  if (!isHex(value)) throw new JsonRpcFormError('it gives something else where bytes belong')
  return fromHex(value)
}

/** So many bytes in hex. */
export function sizedBytesOf(value: unknown, sizeBytes: number): Uint8Array {
  const bytes = bytesOf(value)
  if (bytes.length !== sizeBytes) {
    throw new JsonRpcFormError(`it gives ${bytes.length} bytes where ${sizeBytes} belong`)
  }
  return bytes
}

/** The `bytes` that end a log's data; their offset is the last of so many words before them. */
export function trailingBytesOf(data: Uint8Array, headWords: number): Uint8Array {
  const wordAt = (at: number): bigint =>
    bytesToBigint(data.subarray(at * wordSizeBytes, (at + 1) * wordSizeBytes))
  const first = (headWords + 1) * wordSizeBytes
  const end = first + Number(wordAt(headWords))
  const isWhole =
    wordAt(headWords - 1) === BigInt(headWords * wordSizeBytes) &&
    data.length === Math.ceil(end / wordSizeBytes) * wordSizeBytes &&
    data.subarray(end).every((byte) => byte === 0)
  if (!isWhole) throw new JsonRpcFormError('it gives a log of another form')
  return data.slice(first, end)
}

/** A number in hex, below 2^256. */
export function quantityOf(value: unknown): bigint {
  if (typeof value !== 'string' || !/^0x[0-9a-f]{1,64}$/i.test(value)) {
    throw new JsonRpcFormError('it gives something else where a number belongs')
  }
  return BigInt(value)
}

/** An answer of another form than its method has; the client makes it the endpoint's error. */
export class JsonRpcFormError extends ZgError<'STAKING_JSON_RPC_FORM'> {
  constructor(problem: string) {
    super('STAKING_JSON_RPC_FORM', problem)
  }
}
