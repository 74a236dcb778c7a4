/**
 * Any node of a network as what relayers and watchers ask: its JSON-RPC over HTTP, read strictly.
 *
 *     finalityCertificate  zg_getFinalityCertificate       proof       eth_getProof
 *     header               zg_getHeader                    outboxLogs  eth_getLogs of Outbox's Sent
 *     historyProof         zg_getHistoryProof              evidence    zg_getEvidence
 *     executionHeader      eth_getBlockByNumber            roundCertificates  zg_getCertificates
 *     messageData          eth_getLogs of Outbox's MessageData
 *     rewardAbsences       eth_getLogs of RewardHub's HeightPaid, HeightWidened
 */

import {
  ByteReader,
  decodeEvidence,
  readHeader,
  signatureSizeBytes,
  validatorCountMax,
} from '@zg/consensus'
import type {
  Certificate,
  ConsensusHeader,
  Evidence,
  FinalityCertificate,
  QuorumSignature,
  RoundVoteKind,
} from '@zg/consensus'
import { systemContractAddresses } from '@zg/contracts'
import {
  bigintToHex,
  bytesToBigint,
  incrementalTreeDepth,
  keccak256,
  toHex,
  toQuantity,
  ZgError,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

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
  trailingBytesOf,
} from './json-rpc.ts'
import type { Json, JsonRpcRefusal } from './json-rpc.ts'
import type { KeeperEndpoint, OtherEndpoint } from './keeper-ports.ts'
import type { NetworkEndpoint, NetworkProof, OutboxLog, OutboxLogs } from './network-endpoint.ts'
import { witnessViewsMax } from './witness-endpoint.ts'
import type { WitnessEndpoint } from './witness-endpoint.ts'
import { decodeOutboxEntry, outboxAddress, sentTopic } from './outbox-entry.ts'

/** Blocks whose logs are asked for at once: what our nodes allow. */
const logBlocksMax = 10_000n

/** Codes of EIP-1474: a block or state that is not here, more than one answer may hold. */
const notFoundCode = -32_001
const limitCode = -32_005

const numberBits = 64n
const addressBits = 160n
const wordSizeBytes = 32
const addressSizeBytes = 20

/** RewardHub of every network, and its logs that name who is absent. */
const rewardHubAddress = systemContractAddresses.RewardHub
const heightPaidTopic = topicOf('HeightPaid(uint64,uint64,uint256,address[])')
const heightWidenedTopic = topicOf('HeightWidened(uint64,address[])')

/** What a message of the Outbox says. */
const messageDataTopic = topicOf('MessageData(uint64,bytes)')

/** Such logs of one height, at most: one a transaction, in nine blocks. */
const absencesMax = 4_096

/** Certificates of the views of one question, three a view; pieces of evidence of one answer. */
const certificatesMax = 3 * witnessViewsMax
const evidenceMax = 1_024

/** Certificates by what was voted. */
const roundKinds: Readonly<Record<string, RoundVoteKind>> = {
  notarization: 'notarize',
  nullification: 'nullify',
  finalization: 'finalize',
}

export class JsonRpcNetworkEndpoint implements KeeperEndpoint, OtherEndpoint, WitnessEndpoint {
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

  roundCertificates({
    epoch,
    fromView,
    toView,
  }: Parameters<WitnessEndpoint['roundCertificates']>[0]): Promise<readonly Certificate[]> {
    return this.#client.ask({
      method: 'zg_getCertificates',
      params: [BigInt(fromView), BigInt(toView), epoch].map(toQuantity),
      read: (found) =>
        listOf(found, certificatesMax).map((each) => roundCertificateOf(objectOf(each, 'it'))),
    })
  }

  evidence(): Promise<readonly Evidence[]> {
    return this.#client.ask({
      method: 'zg_getEvidence',
      params: [],
      read: (found) => listOf(found, evidenceMax).map((each) => decodeEvidence(bytesOf(each))),
    })
  }

  rewardAbsences({
    height,
    fromHeight,
    toHeight,
  }: Parameters<KeeperEndpoint['rewardAbsences']>[0]): Promise<readonly (readonly Uint8Array[])[]> {
    const query = {
      address: bigintToHex(rewardHubAddress, 20),
      topics: [[heightPaidTopic, heightWidenedTopic], bigintToHex(height, 32)],
      fromBlock: toQuantity(fromHeight),
      toBlock: toQuantity(toHeight),
    }
    return this.#client.ask({
      method: 'eth_getLogs',
      params: [query],
      read: (logs) => listOf(logs, absencesMax).map((log) => absentOf(objectOf(log, 'a log'))),
    })
  }

  messageData({
    index,
    height,
  }: Parameters<OtherEndpoint['messageData']>[0]): Promise<Uint8Array | undefined> {
    const block = toQuantity(height)
    const query = {
      address: bigintToHex(outboxAddress, 20),
      topics: [messageDataTopic, bigintToHex(index, wordSizeBytes)],
      fromBlock: block,
      toBlock: block,
    }
    return this.#client.ask({
      method: 'eth_getLogs',
      params: [query],
      read: (logs) => {
        const [log] = listOf(logs, 1)
        if (log === undefined) return undefined
        return trailingBytesOf(bytesOf(objectOf(log, 'a log')['data']), 1)
      },
    })
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
  return {
    vote: {
      epoch: numberOf(found['epoch']),
      height: numberOf(found['height']),
      blockHash: sizedBytesOf(found['blockHash'], 32),
      consensusRoot: sizedBytesOf(found['consensusRoot'], 32),
      histRoot: sizedBytesOf(found['histRoot'], 32),
      nextEpoch: numberOf(found['nextEpoch']),
    },
    ...quorumOf(found),
  }
}

function roundCertificateOf(found: Json): Certificate {
  const kind = roundKinds[String(found['kind'])]
  if (kind === undefined) throw new JsonRpcFormError('a certificate of no kind')
  const view = Number(numberOf(found['view']))
  if (!Number.isSafeInteger(view)) throw new JsonRpcFormError('a view beyond 53 bits')
  const isNullify = kind === 'nullify'
  if (isNullify !== (found['digest'] === null)) throw new JsonRpcFormError('a digest amiss')
  const digest = isNullify ? new Uint8Array(32) : sizedBytesOf(found['digest'], 32)
  return { vote: { kind, epoch: numberOf(found['epoch']), view, digest }, ...quorumOf(found) }
}

function quorumOf(found: Json): QuorumSignature {
  const signers = bytesOf(found['signers'])
  if (signers.length > validatorCountMax / 8) throw new JsonRpcFormError('too many signers')
  return { signers, signature: sizedBytesOf(found['signature'], signatureSizeBytes) }
}

function listOf(found: unknown, max: number): readonly unknown[] {
  const list = arrayOf(found, 'it')
  if (list.length > max) throw new JsonRpcFormError(`it gives more than ${max}`)
  return list
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

/** Who is named absent: the list with which both logs of RewardHub end. */
function absentOf(log: Json): readonly Uint8Array[] {
  const [topic] = arrayOf(log['topics'], 'topics')
  const words = bytesOf(log['data'])
  // The amount that was paid stands before the list.
  const offset = topic === heightPaidTopic ? 2 * wordSizeBytes : wordSizeBytes
  const wordAt = (at: number): bigint => bytesToBigint(words.subarray(at, at + wordSizeBytes))
  const count = wordAt(offset)
  const first = offset + wordSizeBytes
  const isWhole =
    wordAt(offset - wordSizeBytes) === BigInt(offset) &&
    count <= BigInt(validatorCountMax) &&
    words.length === first + Number(count) * wordSizeBytes
  if (!isWhole) throw new JsonRpcFormError('it gives a log that names nobody absent')
  return Array.from({ length: Number(count) }, (_, index) => {
    const start = first + index * wordSizeBytes
    const word = wordAt(start)
    if (word >> addressBits !== 0n) throw new JsonRpcFormError('it gives a long address')
    return words.slice(start + wordSizeBytes - addressSizeBytes, start + wordSizeBytes)
  })
}

function outboxLogOf(log: Json): OutboxLog {
  const [, index] = arrayOf(log['topics'], 'topics')
  return {
    index: bytesToBigint(sizedBytesOf(index, 32)),
    height: numberOf(log['blockNumber']),
    entry: decodeOutboxEntry(bytesOf(log['data'])),
  }
}

function topicOf(event: string): Hex {
  return toHex(keccak256(new TextEncoder().encode(event)))
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
