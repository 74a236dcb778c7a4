/**
 * Delivers on a network the messages that another one sent it (docs/specs/networks.md §4, §6).
 *
 *     newest certificate ─► its Outbox ─► messages for us, not delivered, not expired
 *                                             │ none: nothing is sent
 *                                             ▼
 *     known block ─► its Outbox root, if NetworkInbox does not know it ─► deliver, one by one
 *
 * The known block is the newest, by its certificate, while that is of the epoch that LightClient
 * expects; else the one that L1 knows, by proof: closes are brought there by relayers. What a node
 * says is verified before it is sent, and receivers are asked first, as for messages from L1. All
 * that is sent has a budget (message-budget.ts).
 */

import type { NetworkIdentity, ValidatorSet } from '@zg/consensus'
import { bigintToHex, bytesEqual, bytesToBigint, fromHex, keccak256, toHex } from '@zg/primitives'

import type { ShownL1 } from './admission-keeper.ts'
import { outboxProofArgs } from './bridge-contract.ts'
import type { KeeperChain, OtherEndpoint } from './keeper-ports.ts'
import type { MessageBudget } from './message-budget.ts'
import { failedMessages, gasToTake } from './message-receiver.ts'
import type { OutboxLogs } from './network-endpoint.ts'
import { NetworkProofError, NetworkProver } from './network-prover.ts'
import type { ProvedCertificate, ProvedOutbox } from './network-prover.ts'
import { OtherFinality } from './other-finality.ts'
import type { OtherAdvance } from './other-finality.ts'
import { outboxEntryArgs, outboxLeaf } from './outbox-entry.ts'
import type { OutboxEntry } from './outbox-entry.ts'
import { OutboxTree, outboxPageSize, pageOf } from './outbox-tree.ts'
import { SystemContract } from './system-contract.ts'
import type { SystemContractOptions } from './system-contract.ts'

/** Messages that wait, at most; beyond, the oldest are found when a keeper begins again. */
const waitingMax = 4_096

/** Deliveries of one step, and messages that it looks into. */
const deliveriesPerStepMax = 16
const asksPerStepMax = 64

/** A message that expires so soon is left: a transaction takes some blocks; in seconds. */
const expiryMargin = 30n

/** Another network, and who knows what of it. */
export type OtherNetwork = {
  readonly identity: NetworkIdentity
  /** A node of it. */
  readonly endpoint: OtherEndpoint
  /** The sets that L1 proved (L1Follower); undefined for one that is not known yet. */
  readonly sets: (epoch: bigint) => ValidatorSet | undefined
}

export type OtherNetworkKeeperOptions = SystemContractOptions & {
  readonly chain: KeeperChain
  /** Of the network to which messages are brought. */
  readonly networkId: number
  readonly other: OtherNetwork
  /** What pays for its messages, and for all that is brought because of them. */
  readonly budget: MessageBudget
}

export type OtherNetworkStep = {
  /** How LightClient came to know a newer block. */
  readonly final?: OtherAdvance
  /** Indexes of messages that were delivered, and of those whose receiver asks too much, or not. */
  readonly delivered: readonly number[]
  readonly failed: readonly number[]
  /** Why the rest waits. */
  readonly waits?: 'certificate' | 'set' | 'halted' | 'budget'
}

/** A message that is an entry, and the height of its block. */
type Waiting = { readonly entry: OutboxEntry; readonly height: bigint }

const idle = { delivered: [], failed: [] } as const

export class OtherNetworkKeeper {
  readonly #options: OtherNetworkKeeperOptions
  readonly #inbox: SystemContract
  readonly #prover: NetworkProver
  readonly #finality: OtherFinality
  readonly #tree: OutboxTree
  /** By index. */
  readonly #waiting = new Map<number, Waiting>()
  readonly #failed = failedMessages()

  constructor(options: OtherNetworkKeeperOptions) {
    this.#options = options
    const { other } = options
    const budgeted = { ...options, sender: options.budget.sender }
    this.#inbox = new SystemContract('NetworkInbox', budgeted)
    this.#prover = new NetworkProver(other)
    const { networkId } = other.identity
    this.#finality = new OtherFinality({ ...budgeted, networkId, prover: this.#prover })
    this.#tree = new OutboxTree({ outboxLogs: (query) => this.#logs(query) })
  }

  /** Which network's messages these are. */
  get networkId(): number {
    return this.#options.other.identity.networkId
  }

  /**
   * Delivers what is due.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`; {OutboxUnprovedError}
   *   `STAKING_OUTBOX_UNPROVED`; what endpoints and sender throw.
   */
  async step(l1: ShownL1): Promise<OtherNetworkStep> {
    const newest = await this.#prover.certificate('latest', this.#options.other.sets)
    if (newest === 'set unknown') return { ...idle, waits: 'set' }
    const found = newest && (await this.#prover.outboxAt(newest.certificate.vote))
    if (newest === undefined || found === undefined) return idle
    await this.#tree.extend(found)
    const { timestamp } = await this.#options.chain.head()
    if ((await this.#due(timestamp)).length === 0) return idle
    if (this.#options.budget.isSpent(timestamp)) return { ...idle, waits: 'budget' }
    const brought = await this.#bring(newest, found, l1)
    const { proved, ...step } = brought
    if (proved === undefined) return { ...idle, ...step }
    return { ...step, ...(await this.#deliverAll(proved, timestamp)) }
  }

  /** A state of the Outbox under a root that NetworkInbox knows. */
  async #bring(
    newest: ProvedCertificate,
    found: ProvedOutbox,
    l1: ShownL1,
  ): Promise<Pick<OtherNetworkStep, 'final' | 'waits'> & { readonly proved?: ProvedOutbox }> {
    const before = await this.#finality.admitted(l1)
    if (before === undefined) return { waits: 'set' }
    // One that died has no other state after its last block.
    if (before.isHalted) return { waits: 'halted' }
    if (await this.#isProved(found)) return { proved: found }
    const final = await this.#finality.advance(before, newest, l1)
    const known = await this.#finality.known()
    if (known === undefined || known.height === 0n) return { waits: 'certificate' }
    const { height } = known
    const block = { height, consensusRoot: fromHex(known.consensusRoot) }
    const proved = await this.#prover.outboxAt(block)
    const done = final === undefined ? {} : { final }
    // The node has forgotten that state, or it is before there was a message.
    if (proved === undefined || proved.count === 0) return { ...done, waits: 'certificate' }
    if (!(await this.#isProved(proved))) {
      const args = [this.networkId, ...outboxProofArgs(proved)]
      const offer = await this.#inbox.offer({ name: 'proveOutbox', args })
      if (offer.kind === 'refused') return { ...done, waits: 'certificate' }
    }
    return { ...done, proved }
  }

  async #deliverAll(
    proved: ProvedOutbox,
    now: bigint,
  ): Promise<Pick<OtherNetworkStep, 'delivered' | 'failed' | 'waits'>> {
    const { budget } = this.#options
    const [delivered, failed]: [number[], number[]] = [[], []]
    for (const index of await this.#due(now)) {
      if (index >= proved.count || delivered.length >= deliveriesPerStepMax) break
      if (budget.isSpent(now)) return { delivered, failed, waits: 'budget' }
      const outcome = await this.#deliver(index, { proved, now })
      if (outcome === 'delivered' || outcome === 'done') {
        this.#waiting.delete(index)
        if (outcome === 'delivered') delivered.push(index)
        continue
      }
      failed.push(index)
      const isFirst = this.#failed.fail(index, now)
      if (outcome !== 'failed' && isFirst) budget.tellDear(index, outcome)
    }
    return { delivered, failed }
  }

  /** Says for how much its receiver would take one that is too dear. */
  async #deliver(
    index: number,
    { proved, now }: { readonly proved: ProvedOutbox; readonly now: bigint },
  ): Promise<'delivered' | 'failed' | 'done' | bigint> {
    const { other } = this.#options
    const waiting = this.#waiting.get(index)
    const entry = (await this.#tree.page(pageOf(index)))[index % outboxPageSize]
    // What a node told before it was held to the root may be anything.
    const isEntry =
      waiting !== undefined &&
      entry !== undefined &&
      bytesEqual(outboxLeaf(waiting.entry), outboxLeaf(entry))
    if (!isEntry) return 'done'
    const place = { index: BigInt(index), height: waiting.height }
    const data = await other.endpoint.messageData(place)
    if (data === undefined) return 'failed'
    if (bytesToBigint(keccak256(data)) !== entry.dataHash) {
      throw new NetworkProofError('it gives another message than was sent')
    }
    try {
      return await this.#send({ index, entry, data, proved })
    } catch (error) {
      // It may be this message that cannot be sent: the next step begins behind it.
      this.#failed.fail(index, now)
      throw error
    }
  }

  async #send({
    index,
    entry,
    data,
    proved: { root, count },
  }: {
    readonly index: number
    readonly entry: OutboxEntry
    readonly data: Uint8Array
    readonly proved: ProvedOutbox
  }): Promise<'delivered' | 'failed' | 'done' | bigint> {
    const { chain, budget } = this.#options
    const { sender, to } = entry
    const words = [this.networkId, bigintToHex(sender, 20), toHex(data)]
    const call = { name: 'onNetworkMessage', args: words }
    const gas = await gasToTake(chain, to, call)
    if (gas === undefined) return 'failed'
    if (budget.isTooDear(gas)) return gas
    const siblings = (await this.#tree.siblings(index, count)).map(toHex)
    const proof = { index, root: toHex(root), siblings }
    const args = [this.networkId, outboxEntryArgs(entry), toHex(data), proof]
    const offer = await this.#inbox.offer({ name: 'deliver', args }, ['AlreadyDone'])
    if (offer.kind === 'refused') return 'failed'
    if (offer.kind === 'done') return 'done'
    return (await this.#isDelivered(index)) ? 'delivered' : 'failed'
  }

  /** Messages to be tried now, in order; those that are over are forgotten. */
  async #due(now: bigint): Promise<readonly number[]> {
    const due: number[] = []
    for (const index of [...this.#waiting.keys()].toSorted((a, b) => a - b)) {
      if (due.length >= asksPerStepMax) break
      const { expiry } = this.#waiting.get(index)?.entry ?? { expiry: 0n }
      if (this.#failed.isOff(index, now)) continue
      const isOver = expiry <= now + expiryMargin || (await this.#isDelivered(index))
      if (isOver) this.#waiting.delete(index)
      else due.push(index)
    }
    return due
  }

  async #isDelivered(index: number): Promise<boolean> {
    return (await this.#inbox.read('isDelivered', this.networkId, index)) === true
  }

  async #isProved({ root }: ProvedOutbox): Promise<boolean> {
    return (await this.#inbox.read('isOutboxRoot', this.networkId, toHex(root))) === true
  }

  /** Passes logs on, and keeps those that are for us. */
  async #logs(query: Parameters<OtherEndpoint['outboxLogs']>[0]): Promise<OutboxLogs> {
    const { other, networkId } = this.#options
    const found = await other.endpoint.outboxLogs(query)
    for (const { index, height, entry } of found.logs) {
      const isOurs = entry.kind === 'message' && entry.network === networkId
      if (!isOurs) continue
      this.#waiting.set(Number(index), { entry, height })
      const [oldest] = this.#waiting.keys()
      if (this.#waiting.size > waitingMax && oldest !== undefined) this.#waiting.delete(oldest)
    }
    return found
  }
}
