/**
 * Delivers the messages from L1 on a network, in their order (docs/specs/networks.md §6): by this
 * what governance decided on L1 reaches GovExecutor.
 *
 *     header ─► message root ─► messages, held to it ─► not delivered yet ─► deliverL1
 *
 * A delivery that fails costs gas, so the receiver is asked first, as the Inbox would call it. One
 * that would not take its message, or did not, is passed over for a while, each time twice as long;
 * those behind it do not wait for it. Which were delivered is read from the network; anyone else
 * may deliver the same.
 */

import { bigintToHex, toHex } from '@zg/primitives'

import type { ShownL1 } from './admission-keeper.ts'
import type { KeeperChain, KeeperL1, L1MessageLog } from './keeper-ports.ts'
import { boxOffsets, layout, mappingSlot } from './l1-layout.ts'
import { failedMessages, isTaken } from './message-receiver.ts'
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
  readonly l1: KeeperL1
  readonly networkId: number
  /** Of L1. */
  readonly inbox: bigint
  /** The block that Inbox was deployed in, or one before. */
  readonly fromBlock: bigint
}

export type MessageStep = {
  /** Indexes of messages that were delivered, and of those whose receiver does not take them. */
  readonly delivered: readonly number[]
  readonly failed: readonly number[]
}

export class MessageKeeper {
  readonly #options: MessageKeeperOptions
  readonly #inbox: SystemContract
  readonly #tree: MessageTree
  /** Full words of marks. */
  readonly #doneWords = new Set<number>()
  readonly #failed = failedMessages()
  /** The word at which the next step begins. */
  #cursor = 0

  constructor(options: MessageKeeperOptions) {
    this.#options = options
    this.#inbox = new SystemContract('NetworkInbox', options)
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
    const { timestamp } = await this.#options.chain.head()
    const [delivered, failed]: [number[], number[]] = [[], []]
    for (const index of await this.#open(timestamp)) {
      if (delivered.length >= deliveriesPerStepMax) break
      const message = await this.#tree.message(index)
      const outcome = await this.#deliver(message, l1).catch((error: unknown) => {
        // It may be this message that cannot be sent: the next step begins behind it.
        this.#failed.fail(index, timestamp)
        throw error
      })
      if (outcome === 'delivered') delivered.push(index)
      if (outcome === 'failed') {
        failed.push(index)
        this.#failed.fail(index, timestamp)
      }
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

  /** Messages that were not delivered and are to be tried now, in order. */
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
      open.push(...missing.filter((index) => !this.#failed.isOff(index, now)))
    }
    if (looked > wordsPerStepMax) this.#cursor = (this.#cursor + wordsPerStepMax) % wordCount
    return open.slice(0, asksPerStepMax)
  }

  async #deliver(
    { index: place, sender, to, data }: L1MessageLog,
    { header }: ShownL1,
  ): Promise<'delivered' | 'failed' | 'passed'> {
    const index = Number(place)
    const words = { sender: bigintToHex(sender, 20), to: bigintToHex(to, 20), data: toHex(data) }
    const call = { name: 'onL1Message', args: [words.sender, words.data] }
    if (!(await isTaken(this.#options.chain, to, call))) return 'failed'
    const args = [words, index, this.#tree.siblings(index).map(toHex), header]
    const offer = await this.#inbox.offer({ name: 'deliverL1', args }, ['AlreadyDone'])
    if (offer.kind === 'refused') return 'failed'
    if (offer.kind === 'done') return 'passed'
    const isDelivered = (await this.#inbox.read('isL1Delivered', index)) === true
    return isDelivered ? 'delivered' : 'failed'
  }
}
