/**
 * Any Ethereum node as an `L1Endpoint`: its JSON-RPC over HTTP, read strictly.
 *
 *     finalHeader   eth_getBlockByNumber "finalized"
 *     header        eth_getBlockByNumber, of final numbers only
 *     proof         eth_getProof
 *     credits       eth_getLogs of Inbox's Credited(uint32,uint64,address,uint64)
 */

import type { Header } from '@zg/evm'
import {
  bigintToHex,
  bytesToBigint,
  fromHex,
  isHex,
  keccak256,
  toHex,
  toQuantity,
  ZgError,
} from '@zg/primitives'

import type { L1Credit, L1Endpoint, L1Header, L1Proof } from './l1-endpoint.ts'

/** An answer is waited for so long. */
const timeoutMs = 10_000

/** Bytes of an answer, at most: a proof of 128 slots takes less than one. */
const answerSizeBytesMax = 32 * 1_024 * 1_024

/** Blocks whose logs are asked for at once: what public endpoints allow. */
const logBlocksMax = 10_000n

const creditedTopic = toHex(
  keccak256(new TextEncoder().encode('Credited(uint32,uint64,address,uint64)')),
)

export type JsonRpcEndpointOptions = {
  readonly url: string
  readonly inbox: bigint
}

type Json = Readonly<Record<string, unknown>>

export class JsonRpcEndpoint implements L1Endpoint {
  readonly #options: JsonRpcEndpointOptions
  #nextId = 1

  constructor(options: JsonRpcEndpointOptions) {
    this.#options = options
  }

  async finalHeader(): Promise<L1Header> {
    const found = await this.#block('finalized')
    if (found === undefined) throw new L1EndpointError('it has no final block')
    return found
  }

  header(number: bigint): Promise<L1Header | undefined> {
    return this.#block(toQuantity(number))
  }

  async proof(address: bigint, slots: readonly bigint[], number: bigint): Promise<L1Proof> {
    const keys = slots.map((slot) => bigintToHex(slot, 32))
    const answer = await this.#ask('eth_getProof', [
      bigintToHex(address, 20),
      keys,
      toQuantity(number),
    ])
    const { accountProof, storageProof } = objectOf(answer, 'a proof')
    const byKey = arrayOf(storageProof, 'storageProof').map((each) => objectOf(each, 'a slot'))
    return {
      account: arrayOf(accountProof, 'accountProof').map(bytesOf),
      slots: byKey.map(({ proof }) => arrayOf(proof, 'proof').map(bytesOf)),
    }
  }

  async credits({
    networkId,
    fromBlock,
    toBlock,
  }: Parameters<L1Endpoint['credits']>[0]): Promise<readonly L1Credit[]> {
    const credits: L1Credit[] = []
    for (let start = fromBlock; start <= toBlock; start += logBlocksMax) {
      const last = start + logBlocksMax - 1n
      const query = {
        address: bigintToHex(this.#options.inbox, 20),
        topics: [creditedTopic, bigintToHex(BigInt(networkId), 32)],
        fromBlock: toQuantity(start),
        toBlock: toQuantity(last < toBlock ? last : toBlock),
      }
      const logs = arrayOf(await this.#ask('eth_getLogs', [query]), 'logs')
      for (const log of logs) credits.push(creditOf(objectOf(log, 'a log')))
    }
    return credits
  }

  async #block(id: string): Promise<L1Header | undefined> {
    const answer = await this.#ask('eth_getBlockByNumber', [id, false])
    return answer === null ? undefined : headerOf(objectOf(answer, 'a block'))
  }

  async #ask(method: string, params: readonly unknown[]): Promise<unknown> {
    try {
      return await this.#post(method, params)
    } catch (error) {
      if (error instanceof L1EndpointError) throw error
      // It cannot be reached, was too slow, or gives no JSON.
      const reason = error instanceof Error ? error.message : String(error)
      throw new L1EndpointError(`${method} failed: ${reason}`)
    }
  }

  async #post(method: string, params: readonly unknown[]): Promise<unknown> {
    const id = this.#nextId++
    const response = await fetch(this.#options.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (!response.ok) throw new L1EndpointError(`it answers ${method} with ${response.status}`)
    const text = await textOf(response)
    const { result, error } = objectOf(JSON.parse(text), 'an answer')
    if (error !== undefined && error !== null) {
      const { message } = objectOf(error, 'an error')
      throw new L1EndpointError(`it refuses ${method}: ${String(message)}`)
    }
    return result
  }
}

async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let [text, sizeBytes] = ['', 0]
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array
    sizeBytes += bytes.length
    if (sizeBytes > answerSizeBytesMax) throw new L1EndpointError('its answer is too long')
    text += decoder.decode(bytes, { stream: true })
  }
  return text + decoder.decode()
}

function headerOf(block: Json): L1Header {
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

function creditOf(log: Json): L1Credit {
  const topics = arrayOf(log['topics'], 'topics').map(bytesOf)
  const [, , index, to] = topics
  const data = bytesOf(log['data'])
  if (index === undefined || to === undefined || data.length !== 32) {
    throw new L1EndpointError('it gives a log that is no credit')
  }
  return {
    index: bytesToBigint(index),
    address: bytesToBigint(to),
    amountGwei: bytesToBigint(data),
  }
}

function objectOf(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null) {
    throw new L1EndpointError(`it gives no object for ${what}`)
  }
  return value as Json
}

function arrayOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new L1EndpointError(`it gives no list for ${what}`)
  return value
}

function bytesOf(value: unknown): Uint8Array {
  if (!isHex(value)) throw new L1EndpointError('it gives something else where bytes belong')
  return fromHex(value)
}

function quantityOf(value: unknown): bigint {
  if (typeof value !== 'string' || !/^0x[0-9a-f]{1,64}$/i.test(value)) {
    throw new L1EndpointError('it gives something else where a number belongs')
  }
  return BigInt(value)
}

/** The endpoint did not answer, or not in the form of the JSON-RPC. */
export class L1EndpointError extends ZgError<'STAKING_L1_ENDPOINT'> {
  constructor(problem: string) {
    const message = `The L1 endpoint cannot be used: ${problem}`
    super('STAKING_L1_ENDPOINT', message, { problem })
  }
}
