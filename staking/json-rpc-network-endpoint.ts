/**
 * Any node of a network as a `NetworkEndpoint`: its JSON-RPC over HTTP, read strictly.
 *
 *     finalityCertificate  zg_getFinalityCertificate       proof       eth_getProof
 *     header               zg_getHeader                    outboxLogs  eth_getLogs of Outbox's Sent
 *     historyProof         zg_getHistoryProof
 *     executionHeader      eth_getBlockByNumber
 */

import { ByteReader, readHeader, signatureSizeBytes, validatorCountMax } from '@zg/consensus'
import type { ConsensusHeader, FinalityCertificate } from '@zg/consensus'
import {
  bigintToHex,
  bytesToBigint,
  incrementalTreeDepth,
  toQuantity,
  ZgError,
} from '@zg/primitives'

import {
  arrayOf,
  bytesOf,
  headerBytesOf,
  JsonRpcClient,
  JsonRpcFormError,
  objectOf,
  proofOf,
  quantityOf,
  sizedBytesOf,
} from './json-rpc.ts'
import type { Json, JsonRpcRefusal } from './json-rpc.ts'
import type { NetworkEndpoint, NetworkProof, OutboxLog, OutboxLogs } from './network-endpoint.ts'
import { decodeOutboxEntry, outboxAddress, sentTopic } from './outbox-entry.ts'

/** Blocks whose logs are asked for at once: what our nodes allow. */
const logBlocksMax = 10_000n

/** Codes of EIP-1474: a block or state that is not here, more than one answer may hold. */
const notFoundCode = -32_001
const limitCode = -32_005

const numberBits = 64n

export class JsonRpcNetworkEndpoint implements NetworkEndpoint {
  readonly #client: JsonRpcClient

  constructor({ url }: { readonly url: string }) {
    this.#client = new JsonRpcClient({ url, fail: (problem) => new NetworkEndpointError(problem) })
  }

  finalityCertificate(height: bigint | 'latest'): Promise<FinalityCertificate | undefined> {
    return this.#client.ask({
      method: 'zg_getFinalityCertificate',
      params: [height === 'latest' ? height : toQuantity(height)],
      read: (found) => (found === null ? undefined : certificateOf(objectOf(found, 'it'))),
    })
  }

  header(height: bigint): Promise<ConsensusHeader | undefined> {
    return this.#client.ask({
      method: 'zg_getHeader',
      params: [toQuantity(height)],
      read: (found) => (found === null ? undefined : consensusHeaderOf(bytesOf(found))),
    })
  }

  historyProof({
    height,
    under,
  }: Parameters<NetworkEndpoint['historyProof']>[0]): Promise<readonly Uint8Array[] | undefined> {
    return this.#client.ask({
      method: 'zg_getHistoryProof',
      params: [toQuantity(height), toQuantity(under)],
      read: (found) => (found === null ? undefined : siblingsOf(arrayOf(found, 'siblings'))),
    })
  }

  executionHeader(height: bigint): Promise<Uint8Array | undefined> {
    return this.#client.ask({
      method: 'eth_getBlockByNumber',
      params: [toQuantity(height), false],
      read: (found) => (found === null ? undefined : headerBytesOf(objectOf(found, 'a block'))),
    })
  }

  async proof({
    address,
    slots,
    height,
  }: Parameters<NetworkEndpoint['proof']>[0]): Promise<NetworkProof | undefined> {
    const keys = slots.map((slot) => bigintToHex(slot, 32))
    const { found } = await this.#client.ask<{ readonly found: NetworkProof | undefined }>({
      method: 'eth_getProof',
      params: [bigintToHex(address, 20), keys, toQuantity(height)],
      read: (answer) => ({ found: proofOf(answer) }),
      refused: ({ code }) => (code === notFoundCode ? { found: undefined } : undefined),
    })
    return found
  }

  async outboxLogs({
    fromHeight,
    toHeight,
  }: Parameters<NetworkEndpoint['outboxLogs']>[0]): Promise<OutboxLogs> {
    const last = fromHeight + logBlocksMax - 1n
    let until = last < toHeight ? last : toHeight
    // Each round asks for half as many blocks, down to one.
    while (true) {
      const logs = await this.#logs(fromHeight, until)
      if (logs !== 'too many') return { logs, toHeight: until }
      until = fromHeight + (until - fromHeight) / 2n
    }
  }

  #logs(fromHeight: bigint, toHeight: bigint): Promise<readonly OutboxLog[] | 'too many'> {
    const query = {
      address: bigintToHex(outboxAddress, 20),
      topics: [sentTopic],
      fromBlock: toQuantity(fromHeight),
      toBlock: toQuantity(toHeight),
    }
    const isSplittable = toHeight > fromHeight
    return this.#client.ask<readonly OutboxLog[] | 'too many'>({
      method: 'eth_getLogs',
      params: [query],
      read: (logs) => arrayOf(logs, 'logs').map((log) => outboxLogOf(objectOf(log, 'a log'))),
      refused: ({ code }: JsonRpcRefusal) =>
        code === limitCode && isSplittable ? 'too many' : undefined,
    })
  }
}

function certificateOf(found: Json): FinalityCertificate {
  const signers = bytesOf(found['signers'])
  if (signers.length > validatorCountMax / 8) throw new JsonRpcFormError('too many signers')
  return {
    vote: {
      epoch: numberOf(found['epoch']),
      height: numberOf(found['height']),
      blockHash: sizedBytesOf(found['blockHash'], 32),
      consensusRoot: sizedBytesOf(found['consensusRoot'], 32),
      histRoot: sizedBytesOf(found['histRoot'], 32),
      nextEpoch: numberOf(found['nextEpoch']),
    },
    signers,
    signature: sizedBytesOf(found['signature'], signatureSizeBytes),
  }
}

function consensusHeaderOf(bytes: Uint8Array): ConsensusHeader {
  const reader = new ByteReader(bytes)
  const header = readHeader(reader)
  reader.end()
  return header
}

function siblingsOf(found: readonly unknown[]): readonly Uint8Array[] {
  if (found.length !== incrementalTreeDepth) throw new JsonRpcFormError('not 32 siblings')
  return found.map((sibling) => sizedBytesOf(sibling, 32))
}

function outboxLogOf(log: Json): OutboxLog {
  const [, index] = arrayOf(log['topics'], 'topics')
  return {
    index: bytesToBigint(sizedBytesOf(index, 32)),
    height: numberOf(log['blockNumber']),
    entry: decodeOutboxEntry(bytesOf(log['data'])),
  }
}

/** A number of 64 bits. */
function numberOf(value: unknown): bigint {
  const number = quantityOf(value)
  if (number >> numberBits !== 0n) throw new JsonRpcFormError('it gives a number beyond 64 bits')
  return number
}

/** The node did not answer, or not in the form of its JSON-RPC. */
export class NetworkEndpointError extends ZgError<'STAKING_NETWORK_ENDPOINT'> {
  constructor(problem: string) {
    const message = `The network's node cannot be used: ${problem}`
    super('STAKING_NETWORK_ENDPOINT', message, { problem })
  }
}
