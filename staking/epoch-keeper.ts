/**
 * Has EpochInfo know how far its network has come (docs/specs/networks.md §2): a newer header once
 * it refers to a later epoch of L1, and the blocks that closed the last two epochs, from which the
 * seed of this one follows (blocks.md §5).
 */

import type { ConsensusHeader } from '@zg/consensus'

import type { ShownL1 } from './admission-keeper.ts'
import { L1ReadError } from './l1-contracts.ts'
import type { NetworkEndpoint } from './network-endpoint.ts'
import { NetworkProofError } from './network-prover.ts'
import type { Anchor, OwnHeaders } from './own-headers.ts'
import { SystemContract } from './system-contract.ts'
import type { SystemContractOptions } from './system-contract.ts'

/** A seed needs the closes of this epoch's two predecessors. */
const closesMax = 2

export type EpochKeeperOptions = SystemContractOptions & {
  readonly endpoint: Pick<NetworkEndpoint, 'header'>
  readonly headers: OwnHeaders
  /** The clock of OperatorRegistry: start and length of epochs, in seconds. */
  readonly epochs: { readonly start: bigint; readonly length: bigint }
}

export type EpochStep = {
  /** Whether a newer header was brought. */
  readonly advanced: boolean
  /** Heights of closing blocks that were brought. */
  readonly closed: readonly bigint[]
}

export class EpochKeeper {
  readonly #options: EpochKeeperOptions
  readonly #info: SystemContract
  /** The newest epoch of which all is known. */
  #doneEpoch: bigint | undefined

  constructor(options: EpochKeeperOptions) {
    this.#options = options
    this.#info = new SystemContract('EpochInfo', options)
  }

  /**
   * Brings what is missing.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`; what endpoint and sender throw.
   */
  async step({
    anchor,
    l1,
  }: {
    readonly anchor: Anchor
    readonly l1: ShownL1
  }): Promise<EpochStep> {
    const { epoch } = anchor.header
    const advanced = await this.#advance(l1)
    const closed = this.#doneEpoch === epoch ? [] : await this.#close(anchor)
    return { advanced, closed }
  }

  async #advance({ prover, header }: ShownL1): Promise<boolean> {
    const { start, length } = this.#options.epochs
    const known = (await this.#info.read('newest')) as { height: bigint; l1Timestamp: bigint }
    const isBehind = known.height === 0n || (known.l1Timestamp - start) / length < prover.epoch
    if (!isBehind) return false
    const offer = await this.#info.offer({ name: 'advance', args: [header] }, ['NotNewer'])
    return offer.kind === 'sent'
  }

  async #close(anchor: Anchor): Promise<readonly bigint[]> {
    const closed: bigint[] = []
    let { epoch } = anchor.header
    for (let closes = 0; closes < closesMax; closes++) {
      const former = await this.#formerOf(epoch)
      if (former !== undefined) {
        epoch = former
        continue
      }
      const closing = await this.#closingBefore(epoch, anchor.header.height)
      // The first epoch follows on none.
      if (closing === undefined) break
      const proof = await this.#options.headers.proofOf(anchor, closing)
      const offer = await this.#info.offer({ name: 'close', args: [proof] }, ['AlreadyClosed'])
      if (offer.kind === 'refused') return closed
      if (offer.kind === 'sent') closed.push(closing.height)
      epoch = closing.epoch
    }
    this.#doneEpoch = anchor.header.epoch
    return closed
  }

  /** The epoch before one whose beginning is known. */
  async #formerOf(epoch: bigint): Promise<bigint | undefined> {
    try {
      const found = (await this.#info.read('beginningOf', epoch)) as { formerEpoch: bigint }
      return found.formerEpoch
    } catch (error) {
      if (error instanceof L1ReadError && error.problem === 'EpochUnknown') return undefined
      throw error
    }
  }

  /** The last block before an epoch: epochs never fall along a chain. */
  async #closingBefore(epoch: bigint, height: bigint): Promise<ConsensusHeader | undefined> {
    let last = await this.#header(1n)
    if (last.epoch >= epoch) return undefined
    for (let after = height; after - last.height > 1n;) {
      const middle = await this.#header((last.height + after) / 2n)
      if (middle.epoch < epoch) last = middle
      else after = middle.height
    }
    return last
  }

  async #header(height: bigint): Promise<ConsensusHeader> {
    const header = await this.#options.endpoint.header(height)
    if (header === undefined || header.height !== height) {
      throw new NetworkProofError('it gives no header of a final height')
    }
    return header
  }
}
