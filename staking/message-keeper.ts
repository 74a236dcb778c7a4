/**
 * Delivers the messages from L1 on a network, in their order (docs/specs/networks.md §6): by this
 * what governance decided on L1 reaches GovExecutor.
 *
 *     header ─► message root ─► messages, held to it ─► not delivered yet ─► deliverL1
 *
 * What governance sent comes first, whatever it costs; the rest is anybody's, and has a budget
 * (message-budget.ts). A delivery that fails costs gas, so the receiver is asked first, as Inbox
 * would call it. One that would not take its message, or did not, is passed over for a while, each
 * time twice as long; those behind it do not wait for it. Which were delivered is read from the
 * network; anyone else may deliver the same.
 */

import { bigintToHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { ShownL1 } from './admission-keeper.ts'
import type { Failover } from './failover.ts'
import type { KeeperChain, KeeperL1, L1MessageLog } from './keeper-ports.ts'
import { boxOffsets, layout, mappingSlot } from './l1-layout.ts'
import type { MessageBudget } from './message-budget.ts'
import { failedMessages, gasToTake } from './message-receiver.ts'
import { MessageTree } from './message-tree.ts'
import type { Anchor } from './own-headers.ts'
import type { ProvedState } from './proved-state.ts'
import { SystemContract } from './system-contract.ts'
import type { SystemContractOptions } from './system-contract.ts'

/** Messages in a word of marks. */
const messagesPerWord = 256

/** Words of marks that one step looks into, and deliveries that it sends. */
const wordsPerStepMax = 8
const deliveriesPerStepMax = 16

/** Receivers that one step asks. */
const asksPerStepMax = 64

export type MessageKeeperOptions = SystemContractOptions & {
  readonly chain: KeeperChain
  readonly l1: Failover<KeeperL1>
  readonly networkId: number
  /** Of L1. */
  readonly inbox: bigint
  /** The block that Inbox was deployed in, or one before. */
  readonly fromBlock: bigint
  /** What pays for messages of others than governance. */
  readonly budget: MessageBudget
}

export type MessageStep = {
  /** Indexes of messages that were delivered, and of those whose receiver asks too much, or not. */
  readonly delivered: readonly number[]
  readonly failed: readonly number[]
  /** Why the rest waits. */
  readonly waits?: 'budget'
}

export class MessageKeeper {
  readonly #options: MessageKeeperOptions
  /** Paid by the keeper, and by the budget. */
  readonly #inbox: SystemContract
  readonly #budgeted: SystemContract
  readonly #tree: MessageTree
  /** Full words of marks. */
  readonly #doneWords = new Set<number>()
  readonly #failed = failedMessages()
  /** The word at which the next step begins. */
  #cursor = 0
  #governance: bigint | undefined
  /** What governance sent and was not delivered yet; up to which message that is known. */
  readonly #decisions = new Set<number>()
  #sorted = 0

  constructor(options: MessageKeeperOptions) {
    this.#options = options
    this.#inbox = new SystemContract('NetworkInbox', options)
    const { sender } = options.budget
    this.#budgeted = new SystemContract('NetworkInbox', { ...options, sender })
    this.#tree = new MessageTree(options)
  }

  /**
   * Delivers what is due.
   *
   * @throws {MessagesUnprovedError} `STAKING_MESSAGES_UNPROVED`; what endpoints and sender throw.
   */
  async step({
    anchor,
    state,
    l1,
  }: {
    readonly anchor: Anchor
    readonly state: ProvedState
    readonly l1: ShownL1
  }): Promise<MessageStep> {
    await this.#extend(anchor, state)
    await this.#sort()
    const { budget, chain } = this.#options
    const { timestamp } = await chain.head()
    const [delivered, failed]: [number[], number[]] = [[], []]
    const decisions = await this.#openDecisions(timestamp)
    for (const index of [...decisions, ...(await this.#open(timestamp))]) {
      if (delivered.length >= deliveriesPerStepMax) break
      if (!this.#decisions.has(index) && budget.isSpent(timestamp)) {
        return { delivered, failed, waits: 'budget' }
      }
      const message = await this.#tree.message(index)
      const outcome = await this.#deliver(message, l1).catch((error: unknown) => {
        // It may be this message that cannot be sent: the next step begins behind it.
        this.#failed.fail(index, timestamp)
        throw error
      })
      if (outcome === 'delivered') delivered.push(index)
      if (outcome === 'delivered' || outcome === 'passed') continue
      failed.push(index)
      const isFirst = this.#failed.fail(index, timestamp)
      if (outcome !== 'failed' && isFirst) budget.tellDear(index, outcome)
    }
    return { delivered, failed }
  }

  async #extend({ header }: Anchor, state: ProvedState): Promise<void> {
    const { inbox, networkId } = this.#options
    const { number, messageRoot } = header.l1
    const box = mappingSlot(layout.Inbox._boxes, BigInt(networkId))
    const [count = 0n] = await state.read(inbox, [box + boxOffsets.messageCount])
    await this.#tree.extend({ blockNumber: number, count, root: messageRoot })
  }

  /** Finds what governance sent among the messages that came. */
  async #sort(): Promise<void> {
    const { count } = this.#tree
    if (this.#sorted === count) return
    this.#governance ??= await this.#readGovernance()
    for (; this.#sorted < count; this.#sorted++) {
      if (this.#tree.senderOf(this.#sorted) === this.#governance) this.#decisions.add(this.#sorted)
    }
  }

  /** Who speaks for governance, on L1: GovExecutor obeys nobody else. */
  async #readGovernance(): Promise<bigint> {
    const info = new SystemContract('EpochInfo', this.#options)
    const { governance } = (await info.read('config')) as { governance: Hex }
    return BigInt(governance)
  }

  /** What governance sent that is to be tried now, in order. */
  async #openDecisions(now: bigint): Promise<readonly number[]> {
    const open: number[] = []
    let asked = 0
    for (const index of this.#decisions) {
      if (this.#failed.isOff(index, now)) continue
      if (asked++ >= asksPerStepMax) break
      if (await this.#isDelivered(index)) this.#decisions.delete(index)
      else open.push(index)
    }
    return open
  }

  /** Messages of others that were not delivered and are to be tried now, in order. */
  async #open(now: bigint): Promise<readonly number[]> {
    const { chain } = this.#options
    const wordCount = Math.ceil(this.#tree.count / messagesPerWord)
    const open: number[] = []
    let looked = 0
    for (let offset = 0; offset < wordCount && open.length < asksPerStepMax; offset++) {
      const word = (this.#cursor + offset) % wordCount
      if (this.#doneWords.has(word)) continue
      if (looked++ >= wordsPerStepMax) break
      const slot = mappingSlot(layout.NetworkInbox._deliveredFromL1, BigInt(word))
      const marks = await chain.storageAt(this.#inbox.address, slot)
      const first = word * messagesPerWord
      const count = Math.min(messagesPerWord, this.#tree.count - first)
      const missing = Array.from({ length: count }, (_, bit) => bit)
        .filter((bit) => ((marks >> BigInt(bit)) & 1n) === 0n)
        .map((bit) => first + bit)
      if (missing.length === 0 && count === messagesPerWord) this.#doneWords.add(word)
      const others = missing.filter((index) => !this.#decisions.has(index))
      open.push(...others.filter((index) => !this.#failed.isOff(index, now)))
    }
    if (looked > wordsPerStepMax) this.#cursor = (this.#cursor + wordsPerStepMax) % wordCount
    return open.slice(0, asksPerStepMax)
  }

  /** Says for how much its receiver would take one that is too dear. */
  async #deliver(
    { index: place, sender, to, data }: L1MessageLog,
    { header }: ShownL1,
  ): Promise<'delivered' | 'failed' | 'passed' | bigint> {
    const { chain, budget } = this.#options
    const index = Number(place)
    const isDecision = this.#decisions.has(index)
    const words = { sender: bigintToHex(sender, 20), to: bigintToHex(to, 20), data: toHex(data) }
    const call = { name: 'onL1Message', args: [words.sender, words.data] }
    const gas = await gasToTake(chain, to, call)
    if (gas === undefined) return 'failed'
    if (!isDecision && budget.isTooDear(gas)) return gas
    const args = [words, index, this.#tree.siblings(index).map(toHex), header]
    const payer = isDecision ? this.#inbox : this.#budgeted
    const offer = await payer.offer({ name: 'deliverL1', args }, ['AlreadyDone'])
    if (offer.kind === 'refused') return 'failed'
    if (offer.kind === 'done') return 'passed'
    return (await this.#isDelivered(index)) ? 'delivered' : 'failed'
  }

  async #isDelivered(index: number): Promise<boolean> {
    return (await this.#inbox.read('isL1Delivered', index)) === true
  }
}
