/**
 * Tells senders of a network that a message of theirs was never delivered on another one, and never
 * will be (docs/specs/networks.md §6).
 *
 *     own Outbox ─► messages that expired, not told yet
 *                      │ none: nothing is sent
 *                      ▼
 *     block of the other network at or after the expiry, known to LightClient ─► its Inbox: no mark
 *                      ▼
 *     root of the own Outbox, kept ─► the sender asked ─► timeOut, one by one
 *
 * A message that has its mark was delivered, and is forgotten. Of a dead network the last block
 * counts, once the expiry is over here; of a halted one nothing is ever told. What nodes say is
 * verified before anything is sent, and a sender that does not take it is asked again later. All
 * that is sent has a budget (message-budget.ts).
 */

import { headerLeaves, headerProof } from '@zg/consensus'
import { systemContractAddresses } from '@zg/contracts'
import { bytesEqual, fromHex, RlpMalformedError, toHex } from '@zg/primitives'
import { ProofInvalidError } from '@zg/state'

import type { ShownL1 } from './admission-keeper.ts'
import type { KeeperChain } from './keeper-ports.ts'
import { layout, mappingSlot } from './l1-layout.ts'
import type { MessageBudget } from './message-budget.ts'
import { failedMessages, gasToTakeTimeout } from './message-receiver.ts'
import type { NetworkProof } from './network-endpoint.ts'
import { NetworkProofError, NetworkProver } from './network-prover.ts'
import type { StateAtBlock } from './network-prover.ts'
import { OtherFinality } from './other-finality.ts'
import type { OtherAdvance, OtherFinal } from './other-finality.ts'
import type { OtherNetwork } from './other-network-keeper.ts'
import { outboxEntryArgs, outboxLeaf } from './outbox-entry.ts'
import type { OutboxEntry } from './outbox-entry.ts'
import type { OwnMessages } from './own-messages.ts'
import { provedSlots } from './proved-state.ts'
import { SystemContract } from './system-contract.ts'
import type { SystemContractOptions } from './system-contract.ts'

/** Timeouts of one step, and messages that it looks into. */
const timeoutsPerStepMax = 16
const asksPerStepMax = 64

const marksPerWord = 256

/** What some nodes show of a trie that holds nothing. */
const emptyNode = Uint8Array.of(0x80)

export type TimeoutKeeperOptions = SystemContractOptions & {
  readonly chain: KeeperChain
  /** Of the network whose senders are told. */
  readonly networkId: number
  readonly other: OtherNetwork
  readonly own: OwnMessages
  /** What pays for timeouts, and for all that is brought because of them. */
  readonly budget: MessageBudget
}

export type TimeoutStep = {
  /** How LightClient came to know a newer block. */
  readonly final?: OtherAdvance
  /** Indexes of messages that timed out, and of those whose sender asks too much, or not. */
  readonly timedOut: readonly number[]
  readonly failed: readonly number[]
  /** Why the rest waits: for a block after the expiry, its set, a kept root, gas; or for ever. */
  readonly waits?: 'certificate' | 'set' | 'root' | 'budget' | 'halted'
}

/** A final block of the other network, and up to which second it settles what expired. */
type Ground = { readonly state: StateAtBlock; readonly seconds: bigint }

const idle = { timedOut: [], failed: [] } as const

export class TimeoutKeeper {
  readonly #options: TimeoutKeeperOptions
  readonly #inbox: SystemContract
  readonly #prover: NetworkProver
  readonly #finality: OtherFinality
  readonly #failed = failedMessages()

  constructor(options: TimeoutKeeperOptions) {
    this.#options = options
    const { other } = options
    const budgeted = { ...options, sender: options.budget.sender }
    this.#inbox = new SystemContract('NetworkInbox', budgeted)
    this.#prover = new NetworkProver(other)
    const { networkId } = other.identity
    this.#finality = new OtherFinality({ ...budgeted, networkId, prover: this.#prover })
  }

  /** Of the network to which the messages went. */
  get networkId(): number {
    return this.#options.other.identity.networkId
  }

  /**
   * Tells what is due; `own` is extended before.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`; {OutboxUnprovedError}
   *   `STAKING_OUTBOX_UNPROVED`; what endpoints and sender throw.
   */
  async step(l1: ShownL1): Promise<TimeoutStep> {
    const { timestamp } = await this.#options.chain.head()
    const due = await this.#due(timestamp)
    if (due.length === 0) return idle
    if (this.#options.budget.isSpent(timestamp)) return { ...idle, waits: 'budget' }
    const known = await this.#finality.admitted(l1)
    if (known === undefined) return { ...idle, waits: 'set' }
    if (known.isHalted) return { ...idle, waits: 'halted' }
    const first = due.map(({ entry }) => entry.expiry).reduce((a, b) => (a < b ? a : b))
    let ground = await this.#ground(known, timestamp)
    let final: OtherAdvance | undefined
    if (ground === undefined || ground.seconds < first) {
      const advanced = await this.#advance(known, first, l1)
      if (advanced === 'set') return { ...idle, waits: 'set' }
      final = advanced
      const later = final && (await this.#finality.known())
      if (later?.isHalted === true) return { ...idle, ...(final && { final }), waits: 'halted' }
      ground = later && (await this.#ground(later, timestamp))
    }
    const done = final === undefined ? {} : { final }
    if (ground === undefined || ground.seconds < first) {
      return { ...idle, ...done, waits: 'certificate' }
    }
    return { ...done, ...(await this.#tellAll(due, ground, timestamp)) }
  }

  /** The known block with its state root; undefined when the node does not hold its header. */
  async #ground(known: OtherFinal, now: bigint): Promise<Ground | undefined> {
    // The genesis is L1's word, and holds no message.
    if (known.height === 0n) return undefined
    const block = { height: known.height, consensusRoot: fromHex(known.consensusRoot) }
    const state = await this.#prover.stateAt(block)
    if (state === undefined) return undefined
    // Nothing comes after the last block of a dead network, so there the time is ours.
    const seconds = known.isDead ? now : BigInt(Math.floor(state.header.timestampMs / 1_000))
    return { state, seconds }
  }

  /** Has LightClient know a block at or after a second, or that the other network has ended. */
  async #advance(
    known: OtherFinal,
    seconds: bigint,
    l1: ShownL1,
  ): Promise<OtherAdvance | 'set' | undefined> {
    if (known.isDead) return undefined
    const newest = await this.#prover.certificate('latest', this.#options.other.sets)
    if (newest === 'set unknown') return 'set'
    const header = newest && (await this.#prover.headerAt(newest.certificate.vote))
    const isLate = header !== undefined && BigInt(header.timestampMs) >= seconds * 1_000n
    if (newest === undefined || !isLate) return this.#finality.adoptEnd(known, l1)
    return this.#finality.advance(known, newest, l1)
  }

  async #tellAll(
    due: readonly { readonly index: number; readonly entry: OutboxEntry }[],
    ground: Ground,
    now: bigint,
  ): Promise<Pick<TimeoutStep, 'timedOut' | 'failed' | 'waits'>> {
    const { budget, own } = this.#options
    const [timedOut, failed]: [number[], number[]] = [[], []]
    for (const { index, entry } of due) {
      if (timedOut.length >= timeoutsPerStepMax) break
      if (entry.expiry > ground.seconds) continue
      if (budget.isSpent(now)) return { timedOut, failed, waits: 'budget' }
      const outcome = await this.#tell(index, { entry, ground, now })
      if (outcome === 'state') return { timedOut, failed, waits: 'certificate' }
      if (outcome === 'root') return { timedOut, failed, waits: 'root' }
      if (outcome === 'told' || outcome === 'done') {
        own.forget(index)
        if (outcome === 'told') timedOut.push(index)
        continue
      }
      failed.push(index)
      const isFirst = this.#failed.fail(index, now)
      if (outcome !== 'failed' && isFirst) budget.tellDear(index, outcome)
    }
    return { timedOut, failed }
  }

  /** Says for how much its sender would take one that is too dear. */
  async #tell(
    index: number,
    work: { readonly entry: OutboxEntry; readonly ground: Ground; readonly now: bigint },
  ): Promise<'told' | 'failed' | 'done' | 'state' | 'root' | bigint> {
    try {
      return await this.#prove(index, work)
    } catch (error) {
      // It may be this message that cannot be told: the next step begins behind it.
      this.#failed.fail(index, work.now)
      throw error
    }
  }

  async #prove(
    index: number,
    { entry, ground }: { readonly entry: OutboxEntry; readonly ground: Ground },
  ): Promise<'told' | 'failed' | 'done' | 'state' | 'root' | bigint> {
    const { own, networkId, other, chain, budget } = this.#options
    const { state } = ground
    const marks = mappingSlot(layout.NetworkInbox._delivered, BigInt(networkId))
    const slot = mappingSlot(marks, BigInt(Math.floor(index / marksPerWord)))
    const address = systemContractAddresses.NetworkInbox
    const { height } = state.block
    const proof = await other.endpoint.proof({ address, slots: [slot], height })
    if (proof === undefined) return 'state'
    const word = wordOf({ state, address, slot, proof })
    if (((word >> BigInt(index % marksPerWord)) & 1n) === 1n) return 'done'
    const { sender, network, to, dataHash } = entry
    const told = { index: BigInt(index), network, to, dataHash }
    if (await chain.hasCode(sender)) {
      const gas = await gasToTakeTimeout(chain, sender, told)
      if (gas === undefined) return 'failed'
      if (budget.isTooDear(gas)) return gas
    }
    const place = await own.place(index)
    if (place === undefined) return 'root'
    const args = [outboxEntryArgs(entry), place, markArgs(state, proof, word === 0n)]
    const offer = await this.#inbox.offer({ name: 'timeOut', args }, ['AlreadyDone'])
    if (offer.kind === 'refused') return 'failed'
    if (offer.kind === 'done') return 'done'
    return (await this.#isTimedOut(index)) ? 'told' : 'failed'
  }

  /** Messages to be tried now, in order; those that were told are forgotten. */
  async #due(
    now: bigint,
  ): Promise<readonly { readonly index: number; readonly entry: OutboxEntry }[]> {
    const { own } = this.#options
    const due: { index: number; entry: OutboxEntry }[] = []
    for (const { index, entry: said } of own.expired(this.networkId, now)) {
      if (due.length >= asksPerStepMax) break
      if (this.#failed.isOff(index, now)) continue
      const entry = await own.entry(index)
      // What a node told before it was held to the root may be anything.
      const isEntry = entry !== undefined && bytesEqual(outboxLeaf(said), outboxLeaf(entry))
      if (!isEntry || (await this.#isTimedOut(index))) own.forget(index)
      else due.push({ index, entry })
    }
    return due
  }

  async #isTimedOut(index: number): Promise<boolean> {
    return (await this.#inbox.read('isTimedOut', index)) === true
  }
}

/** The word of a mark in a state, absent as 0. */
function wordOf(claim: {
  readonly state: StateAtBlock
  readonly address: bigint
  readonly slot: bigint
  readonly proof: NetworkProof
}): bigint {
  const { state, address, slot, proof } = claim
  try {
    const [word = 0n] = provedSlots({
      stateRoot: state.stateRoot,
      address,
      slots: [slot],
      proof,
    })
    return word
  } catch (error) {
    const isUnproved = error instanceof ProofInvalidError || error instanceof RlpMalformedError
    if (!isUnproved) throw error
    throw new NetworkProofError(`the proof of its Inbox does not hold: ${error.message}`)
  }
}

/** `NetworkInbox.MarkProof`, of the known block itself. */
function markArgs(
  { block, header, executionHeader }: StateAtBlock,
  { account, slots }: NetworkProof,
  isAbsent: boolean,
) {
  const [nodes = []] = slots
  const isEmpty = nodes.length === 1 && nodes[0] !== undefined && bytesEqual(nodes[0], emptyNode)
  const { height, consensusRoot } = block
  return {
    known: { height, consensusRoot: toHex(consensusRoot), siblings: [toHex(header.histRoot)] },
    fields: headerLeaves(header).map(toHex),
    state: {
      header: toHex(executionHeader),
      siblings: headerProof(header, 'executionHash').map(toHex),
    },
    slot: { account: account.map(toHex), slot: (isEmpty ? [] : nodes).map(toHex) },
    isAbsent,
  }
}
