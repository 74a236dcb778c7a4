/**
 * Any Ethereum node as an `L1Endpoint`: its JSON-RPC over HTTP, read strictly.
 *
 *     finalHeader   eth_getBlockByNumber "finalized"
 *     header        eth_getBlockByNumber, of final numbers only
 *     proof         eth_getProof
 *     credits       eth_getLogs of Inbox's Credited(uint32,uint64,address,uint64)
 *     messages      eth_getLogs of Inbox's MessageSent(uint32,uint64,address,address,bytes)
 */

import { bigintToHex, bytesToBigint, keccak256, toHex, toQuantity, ZgError } from '@zg/primitives'

import {
  arrayOf,
  bytesOf,
  headerOf,
  JsonRpcClient,
  JsonRpcFormError,
  objectOf,
  proofOf,
  quantityOf,
  sizedBytesOf,
  trailingBytesOf,
} from './json-rpc.ts'
import type { Json } from './json-rpc.ts'
import type { KeeperL1, L1MessageLog } from './keeper-ports.ts'
import type { L1Credit, L1Endpoint, L1Header, L1Proof } from './l1-endpoint.ts'

/** Blocks whose logs are asked for at once: what public endpoints allow. */
const logBlocksMax = 10_000n

const wordSizeBytes = 32
const addressBits = 160n

const creditedTopic = toHex(
  keccak256(new TextEncoder().encode('Credited(uint32,uint64,address,uint64)')),
)

const messageSentTopic = toHex(
  keccak256(new TextEncoder().encode('MessageSent(uint32,uint64,address,address,bytes)')),
)

export type JsonRpcEndpointOptions = {
  readonly url: string
  readonly inbox: bigint
}

export class JsonRpcEndpoint implements L1Endpoint, KeeperL1 {
  readonly #inbox: bigint
  readonly #client: JsonRpcClient

  constructor({ url, inbox }: JsonRpcEndpointOptions) {
    this.#inbox = inbox
    this.#client = new JsonRpcClient({ url, fail: (problem) => new L1EndpointError(problem) })
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
    return this.#client.ask({
      method: 'eth_getProof',
      params: [bigintToHex(address, 20), keys, toQuantity(number)],
      read: proofOf,
    })
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
        address: bigintToHex(this.#inbox, 20),
        topics: [creditedTopic, bigintToHex(BigInt(networkId), 32)],
        fromBlock: toQuantity(start),
        toBlock: toQuantity(last < toBlock ? last : toBlock),
      }
      const found = await this.#client.ask({
        method: 'eth_getLogs',
        params: [query],
        read: (logs) => arrayOf(logs, 'logs').map((log) => creditOf(objectOf(log, 'a log'))),
      })
      credits.push(...found)
    }
    return credits
  }

  messages({
    networkId,
    fromBlock,
    toBlock,
  }: Parameters<KeeperL1['messages']>[0]): Promise<readonly L1MessageLog[]> {
    const query = {
      address: bigintToHex(this.#inbox, 20),
      topics: [messageSentTopic, bigintToHex(BigInt(networkId), 32)],
      fromBlock: toQuantity(fromBlock),
      toBlock: toQuantity(toBlock),
    }
    return this.#client.ask({
      method: 'eth_getLogs',
      params: [query],
      read: (logs) => arrayOf(logs, 'logs').map((log) => messageOf(objectOf(log, 'a log'))),
    })
  }

  #block(id: string): Promise<L1Header | undefined> {
    return this.#client.ask({
      method: 'eth_getBlockByNumber',
      params: [id, false],
      read: (block) => (block === null ? undefined : headerOf(objectOf(block, 'a block'))),
    })
  }
}

function creditOf(log: Json): L1Credit {
  const topics = arrayOf(log['topics'], 'topics').map(bytesOf)
  const [, , index, to] = topics
  const data = bytesOf(log['data'])
  if (index === undefined || to === undefined || data.length !== 32) {
    throw new JsonRpcFormError('it gives a log that is no credit')
  }
  return {
    index: bytesToBigint(index),
    address: bytesToBigint(to),
    amountGwei: bytesToBigint(data),
  }
}

/** A message: its receiver in the first word, its data from the second on. */
function messageOf(log: Json): L1MessageLog {
  const topics = arrayOf(log['topics'], 'topics').map((topic) => sizedBytesOf(topic, wordSizeBytes))
  const [, , index, sender] = topics
  const words = bytesOf(log['data'])
  if (index === undefined || sender === undefined) {
    throw new JsonRpcFormError('it gives a log that is no message')
  }
  return {
    index: bytesToBigint(index),
    sender: addressOf(bytesToBigint(sender)),
    to: addressOf(bytesToBigint(words.subarray(0, wordSizeBytes))),
    data: trailingBytesOf(words, 2),
    blockNumber: quantityOf(log['blockNumber']),
  }
}

function addressOf(word: bigint): bigint {
  if (word >> addressBits !== 0n) throw new JsonRpcFormError('it gives an address beyond 20 bytes')
  return word
}

/** The endpoint did not answer, or not in the form of the JSON-RPC. */
export class L1EndpointError extends ZgError<'STAKING_L1_ENDPOINT'> {
  constructor(problem: string) {
    const message = `The L1 endpoint cannot be used: ${problem}`
    super('STAKING_L1_ENDPOINT', message, { problem })
  }
}
