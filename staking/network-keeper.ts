/**
 * The keeper of one network: it sends there the transactions with proofs that anyone may send, and
 * without which its system contracts know and pay nothing (docs/specs/networks.md).
 *
 *     own header, held by EIP-4788 ─┬─► EpochInfo
 *         │                         ├─► L1 state ─► LightClient: the network, its sets, its members
 *         │                         │           └─► DataSigners: who has less at stake than it says
 *         │                         └─► Inbox of L1: messages ─► NetworkInbox
 *         └─► certificates ─► RewardHub: show, claim ─► Outbox ─► a relayer
 *
 *     another network's block ─► LightClient ─┬─► its Outbox: messages ─► NetworkInbox
 *                                             └─► its Inbox: no mark ─► NetworkInbox: timeout
 *
 * It is to a network what a relayer is to L1. A step never throws; the next one begins by asking
 * both chains what is there, so it may be ended at any point, and others may keep the same network.
 */

import type { NetworkIdentity, ValidatorSet } from '@zg/consensus'
import { assert } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Clock, Logger } from '@zg/runtime'

import { AdmissionKeeper } from './admission-keeper.ts'
import type { AdmissionStep, ShownL1 } from './admission-keeper.ts'
import { ClaimKeeper } from './claim-keeper.ts'
import type { ClaimStep } from './claim-keeper.ts'
import { DataKeeper } from './data-keeper.ts'
import type { DataStep } from './data-keeper.ts'
import { EpochKeeper } from './epoch-keeper.ts'
import type { EpochStep } from './epoch-keeper.ts'
import type { Failover } from './failover.ts'
import type { KeeperChain, KeeperEndpoint, KeeperL1 } from './keeper-ports.ts'
import { KeeperRounds } from './keeper-rounds.ts'
import type { L1Sender } from './l1-sender.ts'
import { MessageBudget } from './message-budget.ts'
import { MessageKeeper } from './message-keeper.ts'
import type { MessageStep } from './message-keeper.ts'
import { NetworkProver } from './network-prover.ts'
import { OtherNetworkKeeper } from './other-network-keeper.ts'
import type { OtherNetwork, OtherNetworkStep } from './other-network-keeper.ts'
import { OwnHeaders } from './own-headers.ts'
import { OwnMessages } from './own-messages.ts'
import { RewardKeeper } from './reward-keeper.ts'
import type { RewardStep } from './reward-keeper.ts'
import type { ProvedContracts } from './stake-prover.ts'
import { StepLoop } from './step-loop.ts'
import { TimeoutKeeper } from './timeout-keeper.ts'
import type { TimeoutStep } from './timeout-keeper.ts'

/** Between two steps. */
const pollMsDefault = 5_000

/** L1 opens 512 networks at most (docs/specs/stake.md §3), this one among them. */
const othersMax = 511

export type NetworkKeeperOptions = {
  /** A node of the network. */
  readonly endpoint: KeeperEndpoint
  /** The network, for who sends to it; the sender is one of it. */
  readonly chain: KeeperChain
  readonly sender: Pick<L1Sender, 'send'>
  readonly l1: Failover<KeeperL1>
  /** Of L1. */
  readonly contracts: ProvedContracts & { readonly inbox: bigint }
  /** The block that Inbox was deployed in, or one before: where its logs begin. */
  readonly fromBlock: bigint
  readonly identity: NetworkIdentity
  /** The sets that L1 proved (L1Follower); undefined for one that is not known yet. */
  readonly sets: (epoch: bigint) => ValidatorSet | undefined
  /** The clock of OperatorRegistry: start and length of epochs, in seconds. */
  readonly epochs: { readonly start: bigint; readonly length: bigint }
  /** Networks whose messages to this one are brought, and ours to them timed out. @default none */
  readonly others?: readonly OtherNetwork[]
  /** What an operator must have earned before its epochs are over, in wei: a claim costs gas. */
  readonly claimWei: bigint
  /** What a receiver of a message may ask for. @default messageGasMaxDefault */
  readonly messageGasMax?: bigint
  /** What the messages of a source may cost in an hour. @default messageGasPerHourDefault */
  readonly messageGasPerHour?: bigint
  readonly clock: Clock
  /** @default pollMsDefault */
  readonly pollMs?: number
  readonly log?: Logger
}

/** What each part did; undefined for one that failed. */
export type KeeperStep = {
  /** Why nothing is done: no header is proved yet, or none refers to L1. */
  readonly waits?: 'header' | 'reference'
  readonly epochs?: EpochStep | undefined
  readonly admission?: AdmissionStep | undefined
  readonly rewards?: RewardStep | undefined
  readonly claims?: ClaimStep | undefined
  readonly data?: DataStep | undefined
  readonly messages?: MessageStep | undefined
  /** By id, what was brought from other networks. */
  readonly others?: ReadonlyMap<number, OtherNetworkStep | undefined>
  /** By id, whose messages to them timed out. */
  readonly timeouts?: ReadonlyMap<number, TimeoutStep | undefined>
}

export class NetworkKeeper {
  readonly #log: Logger
  readonly #rounds: KeeperRounds
  readonly #epochs: EpochKeeper
  readonly #admission: AdmissionKeeper
  readonly #rewards: RewardKeeper
  readonly #claims: ClaimKeeper
  readonly #data: DataKeeper
  readonly #messages: MessageKeeper
  readonly #others: OtherNetworkKeeper[] = []
  readonly #own: OwnMessages
  readonly #timeouts: TimeoutKeeper[] = []
  readonly #meet: (other: OtherNetwork) => void
  readonly #loop: StepLoop

  constructor(options: NetworkKeeperOptions) {
    this.#log = options.log ?? silentLogger
    const { endpoint, chain, sender, identity, sets, clock, pollMs = pollMsDefault } = options
    const { networkId } = identity
    const shared = { chain, sender, log: this.#log, networkId, sets }
    const headers = new OwnHeaders({ endpoint, chain })
    const { epochs, l1, contracts, fromBlock } = options
    this.#rounds = new KeeperRounds({ headers, l1, contracts, epochs })
    this.#epochs = new EpochKeeper({ ...shared, endpoint, headers, epochs })
    this.#admission = new AdmissionKeeper(shared)
    this.#rewards = new RewardKeeper({
      ...shared,
      endpoint,
      headers,
      prover: new NetworkProver({ endpoint, identity }),
      admission: this.#admission,
    })
    this.#claims = new ClaimKeeper({ ...shared, claimWei: options.claimWei })
    this.#data = new DataKeeper(shared)
    const { messageGasMax: gasMax, messageGasPerHour: gasPerHour } = options
    const budgetOf = (source: string) =>
      new MessageBudget({ source, sender, gasMax, gasPerHour, log: this.#log })
    const fromL1 = { l1, inbox: contracts.inbox, fromBlock, budget: budgetOf('L1') }
    this.#messages = new MessageKeeper({ ...shared, ...fromL1 })
    const timeouts = budgetOf('timeouts')
    const own = new OwnMessages({ ...shared, sender: timeouts.sender, endpoint, identity })
    this.#own = own
    this.#meet = (other) => {
      const budget = budgetOf(`network ${other.identity.networkId}`)
      this.#others.push(new OtherNetworkKeeper({ ...shared, other, budget }))
      this.#timeouts.push(new TimeoutKeeper({ ...shared, other, own, budget: timeouts }))
    }
    for (const other of options.others ?? []) this.#meet(other)
    this.#loop = new StepLoop({ clock, pollMs, step: () => this.step() })
  }

  /** Begins to step. */
  start(): void {
    this.#loop.start()
  }

  /** Adds one of `others`, which is none of them yet; it has its turn from the next step on. */
  meet(other: OtherNetwork): void {
    const { networkId } = other.identity
    assert(
      this.#others.every((each) => each.networkId !== networkId),
      'a network is met once',
    )
    assert(this.#others.length < othersMax, 'no more networks are met than L1 opens')
    this.#meet(other)
  }

  /** Resolves when the step under way is done. */
  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** One round of all. Never throws. */
  async step(): Promise<KeeperStep> {
    const round = await this.#tried('headers', () => this.#rounds.next())
    if (round === undefined) return { waits: 'header' }
    if (round === 'header' || round === 'reference') return { waits: round }
    const { anchor, l1 } = round
    const wanted = [anchor.header.epoch, l1.prover.epoch, l1.prover.epoch + 1n]
    return {
      epochs: await this.#tried('epochs', () => this.#epochs.step(round)),
      admission: await this.#tried('sets', () => this.#admission.step(l1, wanted)),
      messages: await this.#tried('messages', () => this.#messages.step(round)),
      rewards: await this.#tried('rewards', () => this.#rewards.step(round)),
      claims: await this.#tried('claims', () => this.#claims.step(round)),
      data: await this.#tried('data', () => this.#data.step(round)),
      ...(this.#others.length === 0 ? {} : await this.#withOthers(l1)),
    }
  }

  async #withOthers(l1: ShownL1): Promise<Pick<KeeperStep, 'others' | 'timeouts'>> {
    const others = await this.#fromOthers(l1)
    const timeouts = new Map<number, TimeoutStep | undefined>()
    if ((await this.#tried('own messages', () => this.#own.extend())) !== true) return { others }
    for (const each of this.#timeouts) {
      const { networkId } = each
      timeouts.set(networkId, await this.#tried(`timeouts on ${networkId}`, () => each.step(l1)))
    }
    return { others, timeouts }
  }

  async #fromOthers(l1: ShownL1): Promise<ReadonlyMap<number, OtherNetworkStep | undefined>> {
    const steps = new Map<number, OtherNetworkStep | undefined>()
    for (const other of this.#others) {
      const step = await this.#tried(`network ${other.networkId}`, () => other.step(l1))
      steps.set(other.networkId, step)
    }
    return steps
  }

  async #tried<step>(what: string, act: () => Promise<step>): Promise<step | undefined> {
    try {
      return await act()
    } catch (error) {
      this.#log.error(`the keeper of ${what} failed and begins again`, { error })
      return undefined
    }
  }
}
