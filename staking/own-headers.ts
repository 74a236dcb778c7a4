/**
 * Headers of a network, proved to its own contracts (docs/specs/networks.md §2).
 *
 *     heights       …  a-1        a     │  a+1  …  newest
 *     seconds            s - 1    s     │  s + 1
 *     EIP-4788      ring[s] = consensusRoot of a-1, for good: no block of second s comes any more
 *
 * So the header of a-1 is proved by itself, and every one below it by its history. It is some
 * blocks old, and whatever the network does while a transaction is on its way, its proof stays good
 * for 8,191 seconds.
 */

import { consensusRoot, headerLeaves, headerProof } from '@zg/consensus'
import type { ConsensusHeader } from '@zg/consensus'
import {
  bigintToBytes,
  bytesEqual,
  incrementalTreeDepth,
  toHex,
  verifyMerkleProof,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { L1Chain } from './l1-chain.ts'
import type { NetworkEndpoint } from './network-endpoint.ts'
import { NetworkProofError } from './network-prover.ts'

/** Blocks of one second that are looked through. */
const blocksPerSecondMax = 256

/** EIP-4788: asked with a timestamp, answers the root of the parent of the block then. */
const beaconRootsAddress = 0x000f3df6d732807ef1319fb7b8bb8522d0beac02n

const zeroHash = toHex(new Uint8Array(32))

/** `ConsensusHeader.Proof`, as the contracts take it. */
export type HeaderProofArgs = {
  /** In seconds. */
  readonly timestamp: bigint
  readonly fields: readonly Hex[]
  readonly histRoot: Hex
  readonly fieldSiblings: readonly Hex[]
  readonly siblings: readonly Hex[]
}

/** A header that the ring itself holds. */
export type Anchor = {
  readonly header: ConsensusHeader
  /** Under which the ring holds its root, in seconds. */
  readonly timestamp: bigint
  /** The newest height with a certificate. */
  readonly newest: bigint
}

export class OwnHeaders {
  readonly #endpoint: Pick<NetworkEndpoint, 'finalityCertificate' | 'header' | 'historyProof'>
  readonly #chain: Pick<L1Chain, 'call'>

  constructor(options: {
    readonly endpoint: Pick<NetworkEndpoint, 'finalityCertificate' | 'header' | 'historyProof'>
    readonly chain: Pick<L1Chain, 'call'>
  }) {
    this.#endpoint = options.endpoint
    this.#chain = options.chain
  }

  /**
   * The newest header that the ring holds for good; undefined while the chain is too short for one.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`; what endpoint and chain throw.
   */
  async anchor(): Promise<Anchor | undefined> {
    const certificate = await this.#endpoint.finalityCertificate('latest')
    const newest = certificate?.vote.height
    if (newest === undefined || newest < 3n) return undefined
    const last = secondOf(await this.#header(newest))
    for (let height = newest - 1n; height > 1n; height--) {
      if (newest - height > blocksPerSecondMax) return undefined
      const second = secondOf(await this.#header(height))
      if (second >= last) continue
      const header = await this.#header(height - 1n)
      return this.#checked({ header, timestamp: second, newest })
    }
    return undefined
  }

  /**
   * That a header at or below the anchor is one of the network.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`; what the endpoint throws.
   */
  async proofOf(
    { header: anchor, timestamp }: Anchor,
    header: ConsensusHeader = anchor,
  ): Promise<HeaderProofArgs> {
    const fields = headerLeaves(header).map(toHex)
    const { height } = header
    if (height === anchor.height) {
      return { timestamp, fields, histRoot: zeroHash, fieldSiblings: [], siblings: [] }
    }
    const siblings = await this.#endpoint.historyProof({ height, under: anchor.height })
    const isHeld =
      siblings !== undefined &&
      verifyMerkleProof({
        root: anchor.histRoot,
        leaf: consensusRoot(header),
        index: Number(height),
        depth: incrementalTreeDepth,
        proof: siblings,
      })
    if (!isHeld) throw new NetworkProofError('it does not prove a header of its own')
    return {
      timestamp,
      fields,
      histRoot: toHex(anchor.histRoot),
      fieldSiblings: headerProof(anchor, 'histRoot').map(toHex),
      siblings: siblings.map(toHex),
    }
  }

  async #checked(anchor: Anchor): Promise<Anchor> {
    const data = bigintToBytes(anchor.timestamp, 32)
    const answer = await this.#chain.call({ to: beaconRootsAddress, data })
    const isHeld =
      answer.kind === 'returned' && bytesEqual(answer.data, consensusRoot(anchor.header))
    if (!isHeld) throw new NetworkProofError('its chain keeps other roots than its headers have')
    return anchor
  }

  async #header(height: bigint): Promise<ConsensusHeader> {
    const header = await this.#endpoint.header(height)
    if (header === undefined || header.height !== height) {
      throw new NetworkProofError('it gives no header of a final height')
    }
    return header
  }
}

function secondOf({ timestampMs }: ConsensusHeader): bigint {
  return BigInt(Math.floor(timestampMs / 1_000))
}
