/**
 * Proves to NetworkLoad how full the blocks of an epoch were (docs/specs/stake.md §13), out of what
 * a node of the network answers, under the block of it that L1 knows.
 *
 *     known block ─► histRoot ─┬─► before │ first … last │ following    where the epoch lies
 *                              └─► eight of first … last ─► field 15 ─► gas used, gas limit
 *
 * Where an epoch begins is found by halving, for epochs never fall along a chain; the four blocks
 * are then proved, so a node that leads astray on the way is found out before anything is sent.
 */

import { consensusRoot, headerProof } from '@zg/consensus'
import type { ConsensusHeader } from '@zg/consensus'
import {
  assert,
  bigintToBytes,
  bytesEqual,
  bytesToBigint,
  concat,
  keccak256,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { NetworkEndpoint } from './network-endpoint.ts'
import { NetworkProofError } from './network-prover.ts'
import type { NetworkProver } from './network-prover.ts'
import type { KnownFinal } from './oracle-contract.ts'

/** NetworkLoad.SAMPLES: of fewer blocks none are drawn. */
export const loadSampleCount = 8

/** Beginnings of epochs that are kept. */
const beginningsMax = 128

/** `NetworkLoad.Bound`. */
type BoundArgs = {
  readonly height: bigint
  readonly epoch: bigint
  readonly consensusRoot: Hex
  readonly siblings: readonly Hex[]
  readonly epochSiblings: readonly Hex[]
}

/** `NetworkLoad.Sample`. */
type SampleArgs = {
  readonly consensusRoot: Hex
  readonly siblings: readonly Hex[]
  readonly header: Hex
  readonly headerSiblings: readonly Hex[]
}

/** `NetworkLoad.Span` and the samples. */
export type LoadArgs = {
  readonly span: {
    readonly before: BoundArgs
    readonly first: BoundArgs
    readonly last: BoundArgs
    readonly following: BoundArgs
    readonly mix: Hex
    readonly mixSiblings: readonly Hex[]
  }
  readonly samples: readonly SampleArgs[]
}

/** A header that the known block's history holds. */
type ProvedHeader = {
  readonly header: ConsensusHeader
  readonly consensusRoot: Uint8Array
  readonly siblings: readonly Hex[]
}

export class LoadProver {
  readonly #endpoint: Pick<NetworkEndpoint, 'header' | 'executionHeader'>
  readonly #prover: NetworkProver
  /** Where epochs begin: the same under any later block, so a proof that is made again is quick. */
  readonly #beginnings = new Map<bigint, bigint>()

  constructor(options: {
    readonly endpoint: Pick<NetworkEndpoint, 'header' | 'executionHeader'>
    readonly prover: NetworkProver
  }) {
    this.#endpoint = options.endpoint
    this.#prover = options.prover
  }

  /**
   * The proof of an epoch that lies before that of the known block; `'too few blocks'` when the
   * epoch has fewer than `loadSampleCount`, which is proved just as well.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`; what the endpoint throws.
   */
  async proofOf(epoch: bigint, known: KnownFinal): Promise<LoadArgs | 'too few blocks'> {
    assert(epoch < known.epoch, 'an epoch is proved once L1 knows a block after it')
    try {
      return await this.#proofOf(epoch, known)
    } catch (error) {
      // What it said of where epochs begin may be a lie, too.
      this.#beginnings.clear()
      throw error
    }
  }

  async #proofOf(epoch: bigint, known: KnownFinal): Promise<LoadArgs | 'too few blocks'> {
    const begin = await this.#beginningOf(epoch, known.height)
    const end = await this.#beginningOf(epoch + 1n, known.height)
    const [before, first, last, following] = await Promise.all([
      this.#proved(begin - 1n, known),
      this.#proved(begin, known),
      this.#proved(end - 1n, known),
      this.#proved(end, known),
    ])
    // The genesis is of its first epoch, and no block.
    const isBegin = before.header.epoch < epoch || begin === 1n
    if (!isBegin || following.header.epoch <= epoch) throw outOfOrder()
    if (begin === end) return 'too few blocks'
    if (first.header.epoch !== epoch || last.header.epoch !== epoch) throw outOfOrder()
    if (end - begin < loadSampleCount) return 'too few blocks'
    const { mix } = following.header
    const heights = loadSampleHeights({ first: begin, last: end - 1n, mix })
    const samples = await Promise.all(heights.map((height) => this.#sample(height, known)))
    return {
      span: {
        before: boundOf(before),
        first: boundOf(first),
        last: boundOf(last),
        following: boundOf(following),
        mix: toHex(mix),
        mixSiblings: headerProof(following.header, 'mix').map(toHex),
      },
      samples,
    }
  }

  /** The lowest height from 1 on whose epoch is this or a later one, as the node has it. */
  async #beginningOf(epoch: bigint, known: bigint): Promise<bigint> {
    const found = this.#beginnings.get(epoch)
    if (found !== undefined) return found
    let [low, high] = [0n, known]
    while (high - low > 1n) {
      const middle = (low + high) / 2n
      if ((await this.#header(middle)).epoch < epoch) low = middle
      else high = middle
    }
    this.#beginnings.set(epoch, high)
    const [oldest] = this.#beginnings.keys()
    if (this.#beginnings.size > beginningsMax && oldest !== undefined) {
      this.#beginnings.delete(oldest)
    }
    return high
  }

  async #proved(height: bigint, known: KnownFinal): Promise<ProvedHeader> {
    const header = await this.#header(height)
    const root = consensusRoot(header)
    if (height !== known.height) {
      const siblings = await this.#prover.historyProof({ height, consensusRoot: root }, known)
      return { header, consensusRoot: root, siblings: siblings.map(toHex) }
    }
    if (!bytesEqual(root, known.consensusRoot)) {
      throw new NetworkProofError('it gives another header than the one that is final')
    }
    return { header, consensusRoot: root, siblings: [toHex(header.histRoot)] }
  }

  async #sample(height: bigint, known: KnownFinal): Promise<SampleArgs> {
    const { header, consensusRoot: root, siblings } = await this.#proved(height, known)
    const executionHeader = await this.#endpoint.executionHeader(height)
    if (
      executionHeader === undefined ||
      !bytesEqual(keccak256(executionHeader), header.executionHash)
    ) {
      throw new NetworkProofError('it gives another execution header')
    }
    return {
      consensusRoot: toHex(root),
      siblings,
      header: toHex(executionHeader),
      headerSiblings: headerProof(header, 'executionHash').map(toHex),
    }
  }

  async #header(height: bigint): Promise<ConsensusHeader> {
    const header = await this.#endpoint.header(height)
    if (header === undefined || header.height !== height) {
      throw new NetworkProofError('it gives no header of a final height')
    }
    return header
  }
}

/** The heights that NetworkLoad asks for: one of each of eight parts, drawn by the mix. */
export function loadSampleHeights({
  first,
  last,
  mix,
}: {
  readonly first: bigint
  readonly last: bigint
  readonly mix: Uint8Array
}): readonly bigint[] {
  const count = last + 1n - first
  const parts = BigInt(loadSampleCount)
  return Array.from({ length: loadSampleCount }, (_, part) => {
    const index = BigInt(part)
    const begin = (count * index) / parts
    const size = (count * (index + 1n)) / parts - begin
    const drawn = bytesToBigint(keccak256(concat(mix, bigintToBytes(index, 32)))) % size
    return first + begin + drawn
  })
}

function boundOf({ header, consensusRoot: root, siblings }: ProvedHeader): BoundArgs {
  return {
    height: header.height,
    epoch: header.epoch,
    consensusRoot: toHex(root),
    siblings,
    epochSiblings: headerProof(header, 'epoch').map(toHex),
  }
}

function outOfOrder(): NetworkProofError {
  return new NetworkProofError('epochs rise and fall along its chain')
}
