/**
 * Buries a network that is silent, and brings back what never reached it (docs/specs/stake.md §10).
 *
 *     no certificate for `deadAfter`, and no younger one at the node ─► declareDead
 *     dead ─► credits from creditNext of its last block on, under Inbox's root ─► refund, in order
 *
 * What left it by its Outbox is brought after them, by OutboxRelayer; accounts leave by proof, when
 * their owners ask for it (room sdk).
 *
 * L1's clock says who is dead. Death is for ever, so there is one question more: while its own node
 * shows a certificate that L1 does not know, of a block younger than `deadAfter`, a relayer buries
 * nobody. An older one is of a network that stopped before anybody brought it. A node that cannot
 * be reached shows none. What was refunded is read from L1, so others may do the same meanwhile.
 */

import { headerProof } from '@zg/consensus'
import type { ValidatorSet } from '@zg/consensus'
import { fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { BridgeContract } from './bridge-contract.ts'
import { readCreditTree } from './credit-tree.ts'
import type { CreditRoot, CreditTree } from './credit-tree.ts'
import { NetworkEndpointError } from './json-rpc-network-endpoint.ts'
import type { L1Chain } from './l1-chain.ts'
import { readContract } from './l1-contracts.ts'
import type { L1Credit, L1Endpoint } from './l1-endpoint.ts'
import { L1RefusedError } from './l1-sender.ts'
import type { L1Sender } from './l1-sender.ts'
import { NetworkProofError } from './network-prover.ts'
import type { NetworkProver } from './network-prover.ts'
import type { KnownFinal, OracleContract } from './oracle-contract.ts'

/** Refunds of one step, at most: then others have their turn. */
const refundsPerStepMax = 32

/** Credits whose marks are read at once. */
const marksPerRead = 1_024

const weiPerGwei = 10n ** 9n

export type DeathRelayerOptions = {
  readonly oracle: OracleContract
  readonly bridge: BridgeContract
  readonly chain: L1Chain
  readonly sender: Pick<L1Sender, 'send'>
  readonly prover: NetworkProver
  readonly sets: (epoch: bigint) => ValidatorSet | undefined
  readonly networkId: number
  readonly inbox: bigint
  /** Whose logs tell the credits. */
  readonly l1: Pick<L1Endpoint, 'credits' | 'finalHeader'>
  /** The L1 block that Inbox was deployed in, or one before. */
  readonly fromBlock: bigint
  /** Credits below are left to those they are for: a refund costs gas. */
  readonly amountMinWei: bigint
  readonly log?: Logger
}

export type DeathStep =
  | { readonly kind: 'alive' }
  /** L1 may bury it, but the node shows that it lives, or that cannot be said yet. */
  | { readonly kind: 'spared' }
  | {
      readonly kind: 'dead'
      /** Whether it was buried in this step. */
      readonly declared: boolean
      /** Indexes of credits that were refunded. */
      readonly refunded: readonly number[]
      /** Whether more are to be refunded in the next step. */
      readonly isMore: boolean
      /** The node does not hold the header of the last block. */
      readonly waits?: 'header'
    }

/** What the last block of a network says of its credits. */
type LastBlock = { readonly creditNext: bigint; readonly fieldSiblings: readonly Uint8Array[] }

export class DeathRelayer {
  readonly #options: DeathRelayerOptions
  readonly #log: Logger
  #deadAfter: bigint | undefined
  #tree: CreditTree | undefined
  /** Open credits from this one on are looked at. */
  #cursor = 0

  constructor(options: DeathRelayerOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
  }

  /**
   * Buries the network if that is due, and refunds what a dead one never paid out.
   *
   * @throws {CreditsUnprovedError} `STAKING_CREDITS_UNPROVED`; {NetworkProofError}
   *   `STAKING_NETWORK_PROOF_INVALID`; what endpoints and sender throw.
   */
  async step(): Promise<DeathStep> {
    const { oracle, chain } = this.#options
    let known = await oracle.final()
    let declared = false
    if (!known.isDead) {
      this.#deadAfter ??= await oracle.deadAfter()
      const { timestamp } = await chain.head()
      if (timestamp <= known.since + this.#deadAfter) return { kind: 'alive' }
      if (await this.#mayLive(known, timestamp - this.#deadAfter)) return { kind: 'spared' }
      declared = await this.#bury(known)
      known = await oracle.final()
      if (!known.isDead) return { kind: 'alive' }
    }
    return { kind: 'dead', declared, ...(await this.#refundAll(known)) }
  }

  /** Whether the node shows a block above what L1 knows, after a second; or that is not known. */
  async #mayLive(known: KnownFinal, seconds: bigint): Promise<boolean> {
    const { prover, sets } = this.#options
    // A halted network has two heads, and L1 takes neither.
    if (known.isHalted) return false
    try {
      const newest = await prover.certificate('latest', sets)
      if (newest === undefined) return false
      if (newest === 'set unknown') return true
      const { vote } = newest.certificate
      if (vote.height <= known.height) return false
      const header = await prover.headerAt(vote)
      return header !== undefined && BigInt(header.timestampMs) >= seconds * 1_000n
    } catch (error) {
      const isSilent = error instanceof NetworkEndpointError || error instanceof NetworkProofError
      if (!isSilent) throw error
      return false
    }
  }

  /** Says whether it was this relayer that buried it. */
  async #bury({ height }: KnownFinal): Promise<boolean> {
    const { oracle, sender, networkId } = this.#options
    try {
      await sender.send(oracle.declareDead())
    } catch (error) {
      // Another buried it, or brought a certificate.
      if (!(error instanceof L1RefusedError)) throw error
      return false
    }
    this.#log.warn('a silent network is dead', { networkId, height })
    return true
  }

  async #refundAll(
    known: KnownFinal,
  ): Promise<{ refunded: readonly number[]; isMore: boolean; waits?: 'header' }> {
    const refunded: number[] = []
    const done = { refunded, isMore: false }
    const root = await this.#root()
    if (root.count === 0n || this.#tree?.credits.length === this.#cursor) return done
    const { prover, l1, networkId, fromBlock } = this.#options
    const header = await prover.headerAt(known)
    if (header === undefined) return { ...done, waits: 'header' }
    const { creditNext } = header
    const last = { creditNext, fieldSiblings: headerProof(header, 'creditNext') }
    this.#tree ??= await readCreditTree({ l1, networkId, fromBlock, root, first: creditNext })
    const { credits } = this.#tree
    while (this.#cursor < credits.length) {
      const open = await this.#open(credits.slice(this.#cursor, this.#cursor + marksPerRead))
      for (const credit of open) {
        if (refunded.length >= refundsPerStepMax) return { refunded, isMore: true }
        if (await this.#refund(credit, last)) refunded.push(Number(credit.index))
      }
      this.#cursor = Math.min(this.#cursor + marksPerRead, credits.length)
    }
    return done
  }

  /** Those of some credits that are to be refunded and were not. */
  async #open(credits: readonly L1Credit[]): Promise<readonly L1Credit[]> {
    const { bridge, amountMinWei } = this.#options
    const first = Number(credits[0]?.index ?? 0n)
    const isRefunded = await bridge.refundedFrom(first, credits.length)
    return credits.filter(
      ({ index, amountGwei }) =>
        amountGwei * weiPerGwei >= amountMinWei && !isRefunded(Number(index)),
    )
  }

  /** Says whether it was paid back now. */
  async #refund(credit: L1Credit, last: LastBlock): Promise<boolean> {
    const { bridge, sender } = this.#options
    const { outstanding } = await bridge.state()
    // Nothing comes to a dead network, so it is never covered.
    if (credit.amountGwei * weiPerGwei > outstanding) return false
    const siblings = this.#tree?.siblings(credit.index) ?? []
    try {
      await sender.send(bridge.refund({ credit, siblings, ...last }))
    } catch (error) {
      if (!(error instanceof L1RefusedError)) throw error
      const { errorName } = error
      if (errorName !== 'AlreadyClaimed') {
        this.#log.warn('L1 does not refund a credit', { index: credit.index, errorName })
      }
      return false
    }
    return true
  }

  async #root(): Promise<CreditRoot> {
    const { chain, inbox: address, networkId } = this.#options
    const call = { name: 'creditsOf', args: [networkId] }
    const found = await readContract(chain, { artifact: 'Inbox', address }, call)
    const [root, count] = found as readonly [root: Hex, count: bigint]
    return { root: fromHex(root), count }
  }
}
