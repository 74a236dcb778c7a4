/**
 * Any Ethereum node as an `L1Endpoint`: its JSON-RPC over HTTP, read strictly.
 *
 *     finalHeader   eth_getBlockByNumber "finalized"
 *     header        eth_getBlockByNumber, of final numbers only
 *     proof         eth_getProof
 *     credits       eth_getLogs of Inbox's Credited(uint32,uint64,address,uint64)
 *     messages      eth_getLogs of Inbox's MessageSent(uint32,uint64,address,address,bytes)
 *
 * Logs are asked for over as many blocks at once as the endpoint allows.
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

/** Blocks whose logs are asked for at once: what many public endpoints allow. */
const logBlocksMax = 10_000n

const wordSizeBytes = 32
const addressBits = 160n
/** EIP-1474: more than one answer may hold; and how others say it of blocks or of logs. */
const limitCode = -32_005
const limitWords = /range|limit|exceed|more than|too (many|large|wide)/i

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

/** Logs of a network, in some blocks. */
type LogQuery = Parameters<L1Endpoint['credits']>[0]

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

  credits(query: LogQuery): Promise<readonly L1Credit[]> {
    return this.#logs(creditedTopic, query, creditOf)
  }

  messages(query: LogQuery): Promise<readonly L1MessageLog[]> {
    return this.#logs(messageSentTopic, query, messageOf)
  }

  /** Logs of some blocks; what is refused is asked for in halves, down to one block. */
  async #logs<log>(
    topic: string,
    { networkId, fromBlock, toBlock }: LogQuery,
    read: (log: Json) => log,
  ): Promise<readonly log[]> {
    const found: log[] = []
    let start = fromBlock
    let blockCount = logBlocksMax
    while (start <= toBlock) {
      const last = start + blockCount - 1n
      const until = last < toBlock ? last : toBlock
      const query = {
        address: bigintToHex(this.#inbox, 20),
        topics: [topic, bigintToHex(BigInt(networkId), 32)],
        fromBlock: toQuantity(start),
        toBlock: toQuantity(until),
      }
      const canHalve = until > start
      const piece = await this.#client.ask<readonly log[] | 'too many'>({
        method: 'eth_getLogs',
        params: [query],
        read: (logs) => arrayOf(logs, 'logs').map((log) => read(objectOf(log, 'a log'))),
        refused: ({ code, message }) => {
          const isLimit = code === limitCode || limitWords.test(message)
          return isLimit && canHalve ? 'too many' : undefined
        },
      })
      if (piece === 'too many') {
        blockCount = (until - start + 1n) / 2n
        continue
      }
      for (const log of piece) found.push(log)
      start = until + 1n
    }
    return found
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
