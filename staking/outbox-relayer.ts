/**
 * Brings to L1 what left a network: proves newer roots of its Outbox, and claims the entries that
 * L1 pays out: withdrawals, rewards, transfers (docs/specs/stake.md §9). Messages are delivered on
 * networks, by others.
 *
 *     block that L1 knows ─► Outbox root, proved ─► sync, if L1 does not know it
 *                                 └─► entries, held to that root ─► claim, one after another
 *
 * Entries are claimed in their order. One that the rate does not cover yet holds up none behind it:
 * large ones have a rate of their own, and of small ones a smaller one may fit. It is the first of
 * its page to be looked at in each step, so what smaller ones leave of the rate is its. One that L1
 * refuses for another reason (more than `outstanding`, a delay) is passed over for a while.
 *
 * What was claimed is read from L1, what there is from the network; nothing is kept that cannot be
 * read again. Anyone else may sync and claim the same: it is then found done.
 */

import { silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { BridgeContract, BridgeState } from './bridge-contract.ts'
import type { L1Chain } from './l1-chain.ts'
import { L1RefusedError } from './l1-sender.ts'
import type { L1Sender } from './l1-sender.ts'
import type { KnownBlock, NetworkProver, ProvedOutbox } from './network-prover.ts'
import type { OracleContract } from './oracle-contract.ts'
import type { OutboxEntry } from './outbox-entry.ts'
import { outboxPageSize, pageOf } from './outbox-tree.ts'
import type { OutboxTree } from './outbox-tree.ts'

/** Transactions of one step, at most: then others have their turn. */
const claimsPerStepMax = 32

/** Pages with open entries that one step looks into. */
const pagesPerStepMax = 8

/** An entry that L1 refused is tried again after so long, in seconds. */
const retrySeconds = 600n

/** Entries that are passed over until a named time; beyond, the oldest is only asked for again. */
const laterMax = 4_096

export type OutboxRelayerOptions = {
  readonly oracle: OracleContract
  readonly bridge: BridgeContract
  readonly chain: L1Chain
  readonly sender: Pick<L1Sender, 'send'>
  readonly prover: NetworkProver
  readonly tree: OutboxTree
  /** Entries below are left to those they are for: a claim costs the relayer gas. */
  readonly amountMinWei: bigint
  readonly log?: Logger
}

export type OutboxStep = {
  /** Whether L1 learned of a newer root. */
  readonly synced: boolean
  /** Indexes of entries that were paid out, and of those that were announced. */
  readonly claimed: readonly number[]
  readonly announced: readonly number[]
  /** Why the rest waits. */
  readonly waits?: 'halted' | 'paused' | 'rate' | 'certificate' | 'credits'
}

/** What became of one entry. */
type Outcome = 'claimed' | 'announced' | 'passed' | 'rate'

type Round = {
  readonly proved: ProvedOutbox
  readonly timestamp: bigint
  readonly claimed: number[]
  readonly announced: number[]
  /** Whether the rate holds one back. */
  isHeld: boolean
}

const idle: OutboxStep = { synced: false, claimed: [], announced: [] }

export class OutboxRelayer {
  readonly #options: OutboxRelayerOptions
  readonly #log: Logger
  /** The newest root that L1 knows and whose entries are in the tree. */
  #synced: ProvedOutbox | undefined
  /** Full pages without an open entry. */
  readonly #donePages = new Set<number>()
  /** Indexes that are not asked for before a time of L1. */
  readonly #later = new Map<number, bigint>()
  /** The page at which the next step begins. */
  #cursor = 0

  constructor(options: OutboxRelayerOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
  }

  /**
   * Reads the Outbox under a certificate that L1 does not know yet, and keeps the proof. Returns
   * whether entries of it wait for L1 that the block known there does not show.
   */
  async prepare(block: KnownBlock): Promise<boolean> {
    const { oracle, prover, tree } = this.#options
    const proved = await prover.outboxAt(block)
    if (proved === undefined) return false
    await tree.extend(proved)
    const shown = await prover.outboxAt(await oracle.final())
    const from = Math.max(shown?.count ?? 0, this.#synced?.count ?? 0)
    for (let page = pageOf(from); page * outboxPageSize < proved.count; page++) {
      const open = await this.#open(page, proved.count)
      if (open.some(({ index }) => index >= from)) return true
    }
    return false
  }

  /**
   * Syncs and claims what is due.
   *
   * @throws What endpoints, prover, tree and sender throw; L1 knows then what is done.
   */
  async step(): Promise<OutboxStep> {
    const { oracle, prover, tree, chain, bridge } = this.#options
    const known = await oracle.final()
    if (known.isHalted && !known.isDead) return { ...idle, waits: 'halted' }
    const found = known.height === 0n ? undefined : await prover.outboxAt(known)
    if (found !== undefined && found.count > 0) await tree.extend(found)
    const synced = found !== undefined && found.count > 0 && (await this.#sync(found))
    const proved = this.#synced
    if (proved === undefined) {
      const isGone = known.height > 0n && found === undefined
      return isGone ? { ...idle, waits: 'certificate' } : idle
    }
    const { timestamp } = await chain.head()
    const { pausedUntil } = await bridge.state()
    if (pausedUntil > timestamp) return { ...idle, synced, waits: 'paused' }
    const round: Round = { proved, timestamp, claimed: [], announced: [], isHeld: false }
    await this.#claimAll(round)
    const { claimed, announced, isHeld } = round
    return { synced, claimed, announced, ...(isHeld ? { waits: 'rate' } : {}) }
  }

  /** Asks L1 again what it said of entries. */
  forget(): void {
    this.#options.bridge.forget()
    this.#donePages.clear()
    this.#later.clear()
  }

  /** Tells L1 of a root, unless it knows; says whether it did. */
  async #sync(found: ProvedOutbox): Promise<boolean> {
    const { bridge, sender } = this.#options
    const isKnown = await bridge.isOutboxRoot(found.root)
    if (!isKnown) {
      try {
        await sender.send(bridge.sync(found))
      } catch (error) {
        if (!(error instanceof L1RefusedError)) throw error
        if (!(await bridge.isOutboxRoot(found.root))) throw error
      }
      this.#log.info('L1 knows a newer Outbox', { height: found.height, count: found.count })
    }
    if (this.#synced === undefined || found.count >= this.#synced.count) this.#synced = found
    return !isKnown
  }

  async #claimAll(round: Round): Promise<void> {
    const { count } = round.proved
    const pageCount = Math.ceil(count / outboxPageSize)
    const pages = Array.from(
      { length: pageCount },
      (_, offset) => (this.#cursor + offset) % pageCount,
    ).filter((page) => !this.#donePages.has(page))
    for (const page of pages.slice(0, pagesPerStepMax)) {
      for (const { index, entry } of await this.#open(page, count)) {
        if (round.claimed.length + round.announced.length >= claimsPerStepMax) return
        const outcome = await this.#claim(index, entry, round)
        if (outcome === 'rate') round.isHeld = true
        if (outcome === 'claimed') round.claimed.push(index)
        if (outcome === 'announced') round.announced.push(index)
      }
      // Only a page that was gone through to its end lets the next one be first.
      this.#cursor = (page + 1) % pageCount
    }
  }

  async #claim(index: number, entry: OutboxEntry, round: Round): Promise<Outcome> {
    const { bridge, sender, tree } = this.#options
    const { proved, timestamp } = round
    if ((this.#later.get(index) ?? 0n) > timestamp) return 'passed'
    const state = await bridge.state()
    const due = await this.#due(index, entry, { state, timestamp })
    if (due !== 'claim' && due !== 'announce') return due
    const siblings = await tree.siblings(index, proved.count)
    try {
      await sender.send(bridge.claim({ entry, index, root: proved.root, siblings }))
    } catch (error) {
      if (!(error instanceof L1RefusedError)) throw error
      if (await bridge.isClaimed(index)) return 'passed'
      // Another may have announced it meanwhile.
      const ready = due === 'announce' ? await bridge.readyAt(index) : 0n
      if (ready > timestamp) return this.#pass(index, ready)
      this.#log.warn('L1 does not pay out an entry yet', { index, errorName: error.errorName })
      return this.#pass(index, timestamp + retrySeconds)
    }
    this.#later.delete(index)
    return due === 'claim' ? 'claimed' : 'announced'
  }

  /** Whether an entry is to be claimed or announced now, by the bridge's rules. */
  async #due(
    index: number,
    { amountWei }: OutboxEntry,
    { state, timestamp }: { readonly state: BridgeState; readonly timestamp: bigint },
  ): Promise<'claim' | 'announce' | 'passed' | 'rate'> {
    const largeAmount = await this.#options.bridge.largeAmount()
    // It may be covered later, when more has gone there.
    if (amountWei > state.outstanding) return this.#pass(index, timestamp + retrySeconds)
    if (amountWei <= largeAmount) return amountWei > state.available ? 'rate' : 'claim'
    const ready = await this.#options.bridge.readyAt(index)
    if (ready === 0n) return 'announce'
    return ready > timestamp ? this.#pass(index, ready) : 'claim'
  }

  #pass(index: number, until: bigint): 'passed' {
    this.#later.delete(index)
    this.#later.set(index, until)
    const [oldest] = this.#later.keys()
    if (this.#later.size > laterMax && oldest !== undefined) this.#later.delete(oldest)
    return 'passed'
  }

  /** Entries of a page, below `count`, that L1 is to pay out and has not. */
  async #open(page: number, count: number) {
    if (this.#donePages.has(page)) return []
    const first = page * outboxPageSize
    const isClaimed = await this.#options.bridge.claimedFrom(first, outboxPageSize)
    const entries = (await this.#options.tree.page(page)).slice(0, count - first)
    const open = entries
      .map((entry, offset) => ({ entry, index: first + offset }))
      .filter(({ entry, index }) => this.#isOurs(entry) && !isClaimed(index))
    if (open.length === 0 && entries.length === outboxPageSize) this.#donePages.add(page)
    return open
  }

  #isOurs({ kind, amountWei }: OutboxEntry): boolean {
    return kind !== 'message' && amountWei >= this.#options.amountMinWei
  }
}
