/**
 * The relayer of one network: certificates first, then what they prove; of one that is silent its
 * death, what never reached it, then what had left it. A step never throws; the next one begins by
 * asking both chains what is there, so it may be ended at any point. What one endpoint of L1 said
 * is forgotten once another one has the turn: it may have lied.
 */

import type { NetworkIdentity, ValidatorSet } from '@zg/consensus'
import { silentLogger } from '@zg/runtime'
import type { Clock, Logger } from '@zg/runtime'

import { BridgeContract } from './bridge-contract.ts'
import { DeathRelayer } from './death-relayer.ts'
import type { DeathStep } from './death-relayer.ts'
import { EmissionRelayer } from './emission-relayer.ts'
import type { EmissionStep } from './emission-relayer.ts'
import type { Failover } from './failover.ts'
import { FinalityRelayer } from './finality-relayer.ts'
import type { FinalityStep } from './finality-relayer.ts'
import type { L1Chain } from './l1-chain.ts'
import type { L1Endpoint } from './l1-endpoint.ts'
import type { L1Sender } from './l1-sender.ts'
import type { NetworkEndpoint } from './network-endpoint.ts'
import type { LoadKeeper, LoadStep } from './load-keeper.ts'
import { NetworkProver } from './network-prover.ts'
import { OracleContract } from './oracle-contract.ts'
import { OutboxRelayer } from './outbox-relayer.ts'
import type { OutboxStep } from './outbox-relayer.ts'
import { OutboxTree } from './outbox-tree.ts'
import { StepLoop } from './step-loop.ts'

/** Between two steps. */
const pollMsDefault = 5_000

export type NetworkRelayerOptions = {
  readonly endpoint: NetworkEndpoint
  readonly chain: L1Chain
  readonly sender: Pick<L1Sender, 'send' | 'address'>
  /** Of L1. */
  readonly contracts: {
    readonly finalityOracle: bigint
    readonly rewardBridge: bigint
    readonly inbox: bigint
    /** Who is given what the token's curve released. @default nobody asks for it */
    readonly emission?: { readonly emissionController: bigint; readonly alignmentPool: bigint }
  }
  /** Whose logs tell what a dead network never paid out. */
  readonly l1: Failover<Pick<L1Endpoint, 'credits' | 'finalHeader'>>
  /** The L1 block that Inbox was deployed in, or one before. */
  readonly fromBlock: bigint
  readonly identity: NetworkIdentity
  /** The sets that L1 proved (L1Follower); undefined for one that is not known yet. */
  readonly sets: (epoch: bigint) => ValidatorSet | undefined
  /** The clock of OperatorRegistry: start and length of epochs, in seconds. */
  readonly epochs: { readonly start: bigint; readonly length: bigint }
  /** A certificate that nobody needs is sent once the last is so old, in seconds. */
  readonly intervalSeconds: bigint
  /** For the Outbox none is sent before the last is so old: each costs gas. */
  readonly outboxSeconds: bigint
  /** Entries and credits below are left to those they are for: each costs gas. */
  readonly amountMinWei: bigint
  /** Has the load of epochs proved, after a certificate that shows their ends. */
  readonly load?: Pick<LoadKeeper, 'step'>
  readonly clock: Clock
  /** @default pollMsDefault */
  readonly pollMs?: number
  readonly log?: Logger
}

export class NetworkRelayer {
  readonly #log: Logger
  readonly #chain: L1Chain
  #turn: number | undefined
  readonly #load: Pick<LoadKeeper, 'step'> | undefined
  readonly finality: FinalityRelayer
  readonly death: DeathRelayer
  readonly outbox: OutboxRelayer
  readonly #emission: EmissionRelayer | undefined
  readonly #loop: StepLoop

  constructor(options: NetworkRelayerOptions) {
    this.#log = options.log ?? silentLogger
    const { clock, pollMs = pollMsDefault, load } = options
    this.#load = load
    this.#chain = options.chain
    this.#turn = options.chain.turn
    this.#loop = new StepLoop({ clock, pollMs, step: () => this.step() })
    const { chain, endpoint, contracts, identity, sender, log = silentLogger } = options
    const { networkId } = identity
    const at = (address: bigint) => ({ chain, address, networkId })
    const shared = {
      oracle: new OracleContract(at(contracts.finalityOracle)),
      prover: new NetworkProver({ endpoint, identity }),
      chain,
      sender,
      log,
    }
    const { sets, epochs, intervalSeconds, outboxSeconds, amountMinWei, l1, fromBlock } = options
    const bridge = new BridgeContract(at(contracts.rewardBridge))
    const tree = new OutboxTree(endpoint)
    this.outbox = new OutboxRelayer({ ...shared, bridge, tree, amountMinWei })
    const { inbox } = contracts
    const burial = { networkId, inbox, l1, fromBlock, amountMinWei }
    this.death = new DeathRelayer({ ...shared, ...burial, bridge })
    const { emission } = contracts
    this.#emission = emission && new EmissionRelayer({ ...shared, ...emission, networkId })
    this.finality = new FinalityRelayer({
      ...shared,
      sets,
      epochs,
      intervalSeconds,
      outboxSeconds,
      prepare: (block) => this.outbox.prepare(block),
    })
  }

  /** Begins to step. */
  start(): void {
    this.#loop.start()
  }

  /** Resolves when the step under way is done. */
  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** One round of all; undefined for one that failed. Never throws. */
  async step(): Promise<{
    readonly finality: FinalityStep | undefined
    readonly death: DeathStep | undefined
    readonly outbox: OutboxStep | undefined
    readonly emission?: EmissionStep | undefined
    readonly load?: LoadStep | undefined
  }> {
    this.#forgetLies()
    const finality = await this.#tried('certificates', () => this.finality.step())
    const death = await this.#tried('a death', () => this.death.step())
    // Credits come back first.
    const isMore = death?.kind === 'dead' && death.isMore
    const credits = { synced: false, claimed: [], announced: [], waits: 'credits' } as const
    const outbox = isMore ? credits : await this.#tried('the Outbox', () => this.outbox.step())
    const load = this.#load
    const each = { finality, death, outbox, ...(load && { load: await load.step() }) }
    const giving = this.#emission
    if (giving === undefined) return each
    return { ...each, emission: await this.#tried('the emission', () => giving.step()) }
  }

  #forgetLies(): void {
    const { turn } = this.#chain
    if (turn === this.#turn) return
    this.#turn = turn
    for (const part of [this.finality, this.death, this.outbox, this.#emission]) part?.forget()
  }

  async #tried<step>(what: string, act: () => Promise<step>): Promise<step | undefined> {
    try {
      return await act()
    } catch (error) {
      this.#log.error(`the relayer of ${what} failed and begins again`, { error })
      return undefined
    }
  }
}
