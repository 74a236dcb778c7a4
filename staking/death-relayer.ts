/**
 * Buries a network that is silent, and brings back what never reached it (docs/specs/stake.md §10).
 *
 *     the epoch that L1 expects is over for `deadAfter`, and not closed there ─► declareDead
 *     dead ─► credits from creditNext of its last block on, under Inbox's root ─► refund, in order
 *
 * What left it by its Outbox is brought after them, by OutboxRelayer; accounts leave by proof, when
 * their owners ask for it (room sdk).
 *
 * L1's clock says who is dead, for ever: from then on it takes no certificate, whatever a node shows.
 * What was refunded is read from L1, so others may do the same meanwhile.
 */

import { headerProof } from '@zg/consensus'
import { fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { BridgeContract } from './bridge-contract.ts'
import { readCreditTree } from './credit-tree.ts'
import type { CreditRoot, CreditTree } from './credit-tree.ts'
import type { Failover } from './failover.ts'
import type { L1Chain } from './l1-chain.ts'
import { readContract } from './l1-contracts.ts'
import type { L1Credit, L1Endpoint } from './l1-endpoint.ts'
import { L1RefusedError } from './l1-sender.ts'
import type { L1Sender } from './l1-sender.ts'
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
  readonly networkId: number
  readonly inbox: bigint
  /** Whose logs tell the credits. */
  readonly l1: Failover<Pick<L1Endpoint, 'credits' | 'finalHeader'>>
  /** The L1 block that Inbox was deployed in, or one before. */
  readonly fromBlock: bigint
  /** Credits below are left to those they are for: a refund costs gas. */
  readonly amountMinWei: bigint
  readonly log?: Logger
}

export type DeathStep =
  | { readonly kind: 'alive' }
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
      const { timestamp } = await chain.head()
      if (timestamp <= (await oracle.livesUntil())) return { kind: 'alive' }
      declared = await this.#bury(known)
      known = await oracle.final()
      if (!known.isDead) return { kind: 'alive' }
    }
    return { kind: 'dead', declared, ...(await this.#refundAll(known)) }
  }

  /** Asks L1 again what it said of the network. */
  forget(): void {
    this.#tree = undefined
    this.#cursor = 0
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
    const wanted = { networkId, fromBlock, root, first: creditNext }
    this.#tree ??= await l1.ask((endpoint) => readCreditTree({ l1: endpoint, ...wanted }))
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
