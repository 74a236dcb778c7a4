/**
 * All that stands beside a state for a node that begins with it: from a checkpoint to a chain that
 * can execute its next block.
 *
 *     checkpoint (height, consensusRoot, histRoot: from L1, or a finality certificate)
 *        └─ header: its root is consensusRoot            └─ history: its root is histRoot
 *              ├─ executionHash: the hash of the payload's header, stateRoot in it
 *              └─ … parentHash: the 256 headers below, which BLOCKHASH reads
 *
 *     bundle = header 304 ‖ reveal 96 ‖ history ‖ payload ‖ count u16 ‖ headers, highest first
 *
 * Everything is proved by hashes, so the bundle may come from anyone. Only the reveal is not: `mix`
 * binds it to its parent's mix, which is not here; it is kept for those who hold the parent.
 */

import {
  ByteReader,
  ByteWriter,
  consensusRoot,
  MessageMalformedError,
  payloadSizeBytesMax,
  readHeader,
  signatureSizeBytes,
  writeHeader,
} from '@zg/consensus'
import type { FinalityCertificate, LedgerBlock } from '@zg/consensus'
import { decodeHeader, hashRequests, headerHash, withdrawalsRoot } from '@zg/evm'
import type { Header } from '@zg/evm'
import {
  bytesEqual,
  decodeIncrementalTree,
  encodeIncrementalTree,
  incrementalRoot,
  keccak256,
  ZgError,
} from '@zg/primitives'
import type { IncrementalTree } from '@zg/primitives'
import { orderedTrieRoot } from '@zg/state'

import { decodePayload } from '../block-codec.ts'
import type { BlockBody } from '../block-codec.ts'

/** Headers below the block: those that BLOCKHASH reads. */
export const earlierHeadersMax = 256

/** The greatest header of an execution block. */
const headerSizeBytesMax = 1_024

/** The greatest frontier: 32 nodes and a count. */
const historySizeBytesMax = 2_048

/** What a node trusts to begin with: a final block, as L1 or a certificate names it. */
export type Checkpoint = {
  readonly height: bigint
  /** 32 bytes. */
  readonly consensusRoot: Uint8Array
  /** 32 bytes: over the heights below. */
  readonly histRoot: Uint8Array
}

export type StartBundle = {
  readonly block: LedgerBlock
  /** Leaves 0 .. height - 1. */
  readonly history: IncrementalTree
  readonly payload: Uint8Array
  /** Execution headers of the heights below, highest first, as RLP. */
  readonly earlierHeaders: readonly Uint8Array[]
}

/** A bundle that its checkpoint proves. */
export type ProvedStart = {
  readonly block: LedgerBlock
  /** Leaves 0 .. height - 1. */
  readonly history: IncrementalTree
  readonly body: BlockBody
  readonly earlierHeaders: readonly { readonly header: Header; readonly hash: Uint8Array }[]
}

/** The checkpoint that a certificate is, once it is verified. */
export function checkpointOf({ vote }: FinalityCertificate): Checkpoint {
  const { height, histRoot } = vote
  return { height, consensusRoot: vote.consensusRoot, histRoot }
}

/** Returns the bytes of a bundle. */
export function encodeStartBundle(bundle: StartBundle): Uint8Array {
  const writer = new ByteWriter()
  writeHeader(writer, bundle.block.header)
  writer.fixed(bundle.block.reveal, signatureSizeBytes)
  writer.variable(encodeIncrementalTree(bundle.history))
  writer.variable(bundle.payload)
  writer.u16(bundle.earlierHeaders.length)
  for (const header of bundle.earlierHeaders) writer.variable(header)
  return writer.finish()
}

/**
 * Reads a bundle; nothing is proved yet.
 *
 * @throws {MessageMalformedError} `CONSENSUS_MESSAGE_MALFORMED`; `PRIMITIVES_MERKLE_TREE_MALFORMED`
 */
export function decodeStartBundle(bytes: Uint8Array): StartBundle {
  const reader = new ByteReader(bytes)
  const header = readHeader(reader)
  const reveal = reader.fixed(signatureSizeBytes)
  const history = decodeIncrementalTree(reader.variable(historySizeBytesMax))
  const payload = reader.variable(payloadSizeBytesMax)
  const count = reader.u16()
  if (count > earlierHeadersMax) throw new MessageMalformedError(`${count} headers`)
  const earlierHeaders = Array.from({ length: count }, () => reader.variable(headerSizeBytesMax))
  reader.end()
  const block = { header, reveal, view: 0, consensusRoot: consensusRoot(header) }
  return { block, history, payload, earlierHeaders }
}

/**
 * Checks a bundle against a checkpoint.
 *
 * @throws {StartBundleInvalidError} `CHAIN_START_BUNDLE_INVALID`; what decoders of its parts throw.
 */
export function proveStart(checkpoint: Checkpoint, bundle: StartBundle): ProvedStart {
  const { block, history, payload } = bundle
  const { header } = block
  if (!bytesEqual(block.consensusRoot, checkpoint.consensusRoot)) {
    throw new StartBundleInvalidError('header')
  }
  const isHistory =
    BigInt(history.count) === header.height &&
    header.height === checkpoint.height &&
    bytesEqual(incrementalRoot(history), checkpoint.histRoot) &&
    bytesEqual(header.histRoot, checkpoint.histRoot)
  if (!isHistory) throw new StartBundleInvalidError('history')
  const body = decodePayload(payload)
  const isBody =
    bytesEqual(headerHash(body.header), header.executionHash) &&
    bytesEqual(orderedTrieRoot(body.transactions), body.header.transactionsRoot) &&
    bytesEqual(withdrawalsRoot(body.withdrawals), body.header.withdrawalsRoot ?? zeroHash) &&
    bytesEqual(hashRequests(body.requests), body.header.requestsHash ?? zeroHash)
  if (!isBody) throw new StartBundleInvalidError('payload')
  return {
    block,
    history,
    body,
    earlierHeaders: proveHeaders(body.header, bundle.earlierHeaders),
  }
}

const zeroHash = new Uint8Array(32)

function proveHeaders(
  newest: Header,
  encodings: readonly Uint8Array[],
): ProvedStart['earlierHeaders'] {
  // The genesis is known, so at most the heights 1 and up are needed.
  const wanted = Math.min(earlierHeadersMax, newest.number - 1)
  if (encodings.length !== wanted) throw new StartBundleInvalidError('headers')
  let above = newest
  return encodings.map((encoding) => {
    const hash = keccak256(encoding)
    if (!bytesEqual(hash, above.parentHash)) throw new StartBundleInvalidError('headers')
    above = decodeHeader(encoding)
    return { header: above, hash }
  })
}

export class StartBundleInvalidError extends ZgError<'CHAIN_START_BUNDLE_INVALID'> {
  constructor(part: string) {
    const message = `Cannot begin with the state: its ${part} is not what the checkpoint names`
    super('CHAIN_START_BUNDLE_INVALID', message, { part })
  }
}
