/**
 * Any Ethereum node as an `L1Endpoint`: its JSON-RPC over HTTP, read strictly.
 *
 *     finalHeader   eth_getBlockByNumber "finalized"
 *     header        eth_getBlockByNumber, of final numbers only
 *     proof         eth_getProof
 *     credits       eth_getLogs of Inbox's Credited(uint32,uint64,address,uint64), over as many
 *                   blocks at once as the endpoint allows
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
} from './json-rpc.ts'
import type { Json } from './json-rpc.ts'
import type { L1Credit, L1Endpoint, L1Header, L1Proof } from './l1-endpoint.ts'

/** Blocks whose logs are asked for at once: what many public endpoints allow. */
const logBlocksMax = 10_000n

/** EIP-1474: more than one answer may hold; and how others say it of blocks or of logs. */
const limitCode = -32_005
const limitWords = /range|limit|exceed|more than|too (many|large|wide)/i

const creditedTopic = toHex(
  keccak256(new TextEncoder().encode('Credited(uint32,uint64,address,uint64)')),
)

export type JsonRpcEndpointOptions = {
  readonly url: string
  readonly inbox: bigint
}

export class JsonRpcEndpoint implements L1Endpoint {
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
    const topics = [creditedTopic, bigintToHex(BigInt(networkId), 32)]
    const credits: L1Credit[] = []
    let start = fromBlock
    let blockCount = logBlocksMax
    // What is refused is asked for in halves, down to one block.
    while (start <= toBlock) {
      const last = start + blockCount - 1n
      const until = last < toBlock ? last : toBlock
      const found = await this.#logs(topics, { start, until })
      if (found === 'too many') {
        blockCount = (until - start + 1n) / 2n
        continue
      }
      for (const credit of found) credits.push(credit)
      start = until + 1n
    }
    return credits
  }

  #logs(
    topics: readonly string[],
    { start, until }: { readonly start: bigint; readonly until: bigint },
  ): Promise<readonly L1Credit[] | 'too many'> {
    const query = {
      address: bigintToHex(this.#inbox, 20),
      topics,
      fromBlock: toQuantity(start),
      toBlock: toQuantity(until),
    }
    return this.#client.ask<readonly L1Credit[] | 'too many'>({
      method: 'eth_getLogs',
      params: [query],
      read: (logs) => arrayOf(logs, 'logs').map((log) => creditOf(objectOf(log, 'a log'))),
      refused: ({ code, message }) => {
        const isLimit = code === limitCode || limitWords.test(message)
        return isLimit && until > start ? 'too many' : undefined
      },
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

/** The endpoint did not answer, or not in the form of the JSON-RPC. */
export class L1EndpointError extends ZgError<'STAKING_L1_ENDPOINT'> {
  constructor(problem: string) {
    const message = `The L1 endpoint cannot be used: ${problem}`
    super('STAKING_L1_ENDPOINT', message, { problem })
  }
}
