/**
 * What a relayer proves of a network before it sends anything to L1: that a quorum signed, that a
 * history holds a block, what the Outbox holds at one. A node is believed nothing.
 *
 *     certificate ─► consensusRoot ─► field 15 ─► execution header ─► state root ─► Outbox's slots
 */

import { blsScheme, consensusRoot, headerProof, verifyFinalityCertificate } from '@zg/consensus'
import type {
  ConsensusHeader,
  FinalityCertificate,
  NetworkIdentity,
  SignatureScheme,
  ValidatorSet,
} from '@zg/consensus'
import {
  bigintToBytes,
  bytesEqual,
  decodeRlp,
  incrementalTreeDepth,
  keccak256,
  rlpBytes,
  rlpList,
  RlpMalformedError,
  verifyMerkleProof,
  ZgError,
} from '@zg/primitives'
import { ProofInvalidError } from '@zg/state'

import type { NetworkEndpoint, NetworkProof } from './network-endpoint.ts'
import { outboxAddress, outboxSlots } from './outbox-entry.ts'
import type { OutboxRoot } from './outbox-tree.ts'
import { provedSlots } from './proved-state.ts'

/** Proved states of the Outbox that are kept: a node forgets states, and a sync may come later. */
const provedMax = 8

/** Place of the state root in an execution header. */
const stateRootField = 3

/** A block by what L1 knows of it. */
export type KnownBlock = { readonly height: bigint; readonly consensusRoot: Uint8Array }

/** A block that is final, and the root of its state. */
export type StateAtBlock = {
  readonly block: KnownBlock
  readonly header: ConsensusHeader
  readonly executionHeader: Uint8Array
  /** 32 bytes. */
  readonly stateRoot: Uint8Array
}

/** The Outbox at a block, with what `RewardBridge.sync` takes to believe it. */
export type ProvedOutbox = OutboxRoot & {
  readonly block: KnownBlock
  /** Of the block. */
  readonly histRoot: Uint8Array
  readonly executionHeader: Uint8Array
  /** Of field 15 in the consensus header. */
  readonly siblings: readonly Uint8Array[]
  readonly proof: NetworkProof
}

export type NetworkProverOptions = {
  readonly endpoint: NetworkEndpoint
  readonly identity: NetworkIdentity
  readonly scheme?: SignatureScheme
}

export class NetworkProver {
  readonly #endpoint: NetworkEndpoint
  readonly #identity: NetworkIdentity
  readonly #scheme: SignatureScheme
  readonly #outboxes = new Map<bigint, ProvedOutbox>()

  constructor({ endpoint, identity, scheme = blsScheme() }: NetworkProverOptions) {
    this.#endpoint = endpoint
    this.#identity = identity
    this.#scheme = scheme
  }

  /**
   * A certificate of this height or the newest, by a quorum of its epoch's set; undefined when the
   * node has none.
   *
   * @param sets - The sets that L1 proved; undefined for one that is not known yet.
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`
   */
  async certificate(
    height: bigint | 'latest',
    sets: (epoch: bigint) => ValidatorSet | undefined,
  ): Promise<ProvedCertificate | 'set unknown' | undefined> {
    const certificate = await this.#endpoint.finalityCertificate(height)
    if (certificate === undefined) return undefined
    if (height !== 'latest' && certificate.vote.height !== height) {
      throw new NetworkProofError('it gives the certificate of another height')
    }
    const set = sets(certificate.vote.epoch)
    if (set === undefined) return 'set unknown'
    if (!verifyFinalityCertificate(this.#scheme, this.#identity, set, certificate)) {
      throw new NetworkProofError('no quorum signed its certificate')
    }
    return { certificate, set }
  }

  /** The epoch of a height below a certificate, proved in its history. */
  async epochAt(height: bigint, { vote }: FinalityCertificate): Promise<bigint> {
    const header = await this.#endpoint.header(height)
    if (header === undefined || header.height !== height) {
      throw new NetworkProofError('it gives no header of a final height')
    }
    await this.historyProof({ height, consensusRoot: consensusRoot(header) }, vote)
    return header.epoch
  }

  /**
   * The siblings that prove a block in the history of a certificate above it.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`
   */
  async historyProof(
    block: KnownBlock,
    { height, histRoot }: Pick<FinalityCertificate['vote'], 'height' | 'histRoot'>,
  ): Promise<readonly Uint8Array[]> {
    const proof = await this.#endpoint.historyProof({ height: block.height, under: height })
    if (proof === undefined) throw new NetworkProofError('it does not prove an earlier block')
    if (!holds(histRoot, block, proof)) {
      throw new NetworkProofError('its history does not hold the block that L1 knows')
    }
    return proof
  }

  /**
   * That the history of a certificate holds another block than L1 knows there, proved; undefined
   * when it does not, or the node does not show it.
   */
  async contradiction(
    block: KnownBlock,
    { height, histRoot }: Pick<FinalityCertificate['vote'], 'height' | 'histRoot'>,
  ): Promise<Contradiction | undefined> {
    const header = await this.#endpoint.header(block.height)
    const siblings = await this.#endpoint.historyProof({ height: block.height, under: height })
    if (header === undefined || siblings === undefined) return undefined
    const other = consensusRoot(header)
    if (bytesEqual(other, block.consensusRoot)) return undefined
    const isHeld = holds(histRoot, { height: block.height, consensusRoot: other }, siblings)
    return isHeld ? { other, siblings } : undefined
  }

  /**
   * The header of a block; undefined when the node does not hold it.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`
   */
  async headerAt(block: KnownBlock): Promise<ConsensusHeader | undefined> {
    const header = await this.#endpoint.header(block.height)
    if (header !== undefined && !bytesEqual(consensusRoot(header), block.consensusRoot)) {
      throw new NetworkProofError('it gives another header than the one that is final')
    }
    return header
  }

  /**
   * A block and its state root; undefined when the node does not hold it.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`
   */
  async stateAt(block: KnownBlock): Promise<StateAtBlock | undefined> {
    const [header, executionHeader] = await Promise.all([
      this.headerAt(block),
      this.#endpoint.executionHeader(block.height),
    ])
    if (header === undefined || executionHeader === undefined) return undefined
    if (!bytesEqual(keccak256(executionHeader), header.executionHash)) {
      throw new NetworkProofError('it gives another execution header')
    }
    return { block, header, executionHeader, stateRoot: stateRootOf(executionHeader) }
  }

  /**
   * The Outbox at a block; undefined when the node does not hold that state any more.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`
   */
  async outboxAt(block: KnownBlock): Promise<ProvedOutbox | undefined> {
    const known = this.#outboxes.get(block.height)
    if (known !== undefined && bytesEqual(known.block.consensusRoot, block.consensusRoot)) {
      // Asked for again, it stays the longest.
      this.#outboxes.delete(block.height)
      this.#outboxes.set(block.height, known)
      return known
    }
    const { height } = block
    const state = await this.stateAt(block)
    if (state === undefined) return undefined
    const { header, executionHeader, stateRoot } = state
    const slots = [outboxSlots.root, outboxSlots.count]
    const proof = await this.#endpoint.proof({ address: outboxAddress, slots, height })
    if (proof === undefined) return undefined
    const [root, count] = outboxOf(stateRoot, slots, proof)
    const siblings = headerProof(header, 'executionHash')
    const { histRoot } = header
    const proved = { block, height, histRoot, root, count, executionHeader, siblings, proof }
    this.#outboxes.set(height, proved)
    const [oldest] = this.#outboxes.keys()
    if (this.#outboxes.size > provedMax && oldest !== undefined) this.#outboxes.delete(oldest)
    return proved
  }
}

/** A certificate that a quorum of this set signed. */
export type ProvedCertificate = {
  readonly certificate: FinalityCertificate
  readonly set: ValidatorSet
}

/** What a history holds where L1 knows another block. */
export type Contradiction = { readonly other: Uint8Array; readonly siblings: readonly Uint8Array[] }

function holds(
  histRoot: Uint8Array,
  { height, consensusRoot: leaf }: KnownBlock,
  proof: readonly Uint8Array[],
): boolean {
  const place = { index: Number(height), depth: incrementalTreeDepth }
  return verifyMerkleProof({ root: histRoot, leaf, ...place, proof })
}

function outboxOf(
  stateRoot: Uint8Array,
  slots: readonly bigint[],
  proof: NetworkProof,
): readonly [root: Uint8Array, count: number] {
  try {
    const [root = 0n, count = 0n] = provedSlots({ stateRoot, address: outboxAddress, slots, proof })
    return [bigintToBytes(root, 32), Number(count)]
  } catch (error) {
    const isUnproved = error instanceof ProofInvalidError || error instanceof RlpMalformedError
    if (!isUnproved) throw error
    throw new NetworkProofError(`the proof of its Outbox does not hold: ${error.message}`)
  }
}

function stateRootOf(executionHeader: Uint8Array): Uint8Array {
  return rlpBytes(rlpList(decodeRlp(executionHeader))[stateRootField], 32)
}

/** A node gives something that does not follow from what L1 and a quorum say. */
export class NetworkProofError extends ZgError<'STAKING_NETWORK_PROOF_INVALID'> {
  constructor(problem: string) {
    const message = `The network's node cannot be believed: ${problem}`
    super('STAKING_NETWORK_PROOF_INVALID', message, { problem })
  }
}
