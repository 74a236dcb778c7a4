/**
 * A few validators on one virtual clock: what the room's own tests run on. The simulator with its
 * faults, seeds and checks is `sim/`.
 */

import { bigintToBytes, concat, sha256 } from '@zg/primitives'
import {
  createSeededRng,
  MemoryStore,
  SimulatedClock,
  SimulatedDisk,
  SimulatedNetwork,
} from '@zg/runtime'
import type { LinkBehaviour, Rng, StoppableClock } from '@zg/runtime'

import { defaultParameters } from '../configuration.ts'
import type { ConsensusGenesis, ConsensusParameters } from '../configuration.ts'
import type { EngineFaults } from '../faults.ts'
import type { SignatureScheme } from '../signature-scheme.ts'
import { keyedHashScheme } from '../signature-scheme.ts'
import { localSigner } from '../signer.ts'
import { viewWithoutL1 } from '../l1-view.ts'
import type { L1View } from '../l1-view.ts'
import type { FinalizedBlock } from '../validator-options.ts'
import { peerIdOf, validatorSet } from '../validator-set.ts'
import type { ValidatorEntry, ValidatorSet } from '../validator-set.ts'
import { Validator } from '../validator.ts'
import { ChainedApplication, newDurableChain } from './chained-application.ts'

export type WorldOptions = {
  readonly count: number
  readonly seed?: number
  readonly parameters?: Partial<ConsensusParameters>
  readonly scheme?: SignatureScheme
  readonly faults?: EngineFaults
  readonly l1View?: (set: ValidatorSet) => L1View
  /** Secret keys of a validator's operator, the one of the first epoch first. */
  readonly keysOf?: (index: number) => readonly Uint8Array[]
  /** Called in the node's own turn, when a block is final there and its vote is not cast yet. */
  readonly onFinalized?: (node: WorldNode, block: FinalizedBlock) => void
  readonly link?: (from: string, to: string) => LinkBehaviour
  readonly onSend?: (from: string, to: string, message: Uint8Array) => void
}

export type WorldNode = {
  readonly index: number
  readonly name: string
  readonly disk: SimulatedDisk
  readonly store: MemoryStore
  readonly durable: ReturnType<typeof newDurableChain>
  clock: StoppableClock
  application: ChainedApplication
  validator: Validator | undefined
  readonly finalized: FinalizedBlock[]
  readonly failures: unknown[]
}

/** Secret key of validator `index`, for any scheme. */
export function secretKeyOf(index: number): Uint8Array {
  const seed = sha256(
    concat(new TextEncoder().encode('test validator'), bigintToBytes(BigInt(index), 4)),
  )
  // Below the order of BLS12-381's scalar field.
  seed[0] = (seed[0] ?? 0) & 0x3f
  return seed
}

export function entryOf(scheme: SignatureScheme, index: number, stake = 1n): ValidatorEntry {
  return {
    operator: bigintToBytes(BigInt(0xa000 + index), 20),
    publicKey: scheme.publicKeyOf(secretKeyOf(index)),
    stake,
  }
}

export class World {
  readonly clock = new SimulatedClock()
  readonly rng: Rng
  readonly network: SimulatedNetwork
  readonly nodes: WorldNode[] = []
  readonly set: ValidatorSet
  readonly genesis: ConsensusGenesis
  readonly scheme: SignatureScheme
  readonly l1View: L1View
  readonly #options: WorldOptions

  constructor(options: WorldOptions) {
    this.#options = options
    this.scheme = options.scheme ?? keyedHashScheme()
    this.rng = createSeededRng(options.seed ?? 1)
    const { link, onSend } = options
    this.network = new SimulatedNetwork({
      clock: this.clock,
      rng: this.rng.fork('network'),
      ...(link === undefined ? {} : { link }),
      ...(onSend === undefined
        ? {}
        : { onSend: (from, to, _channel, message) => onSend(from, to, message) }),
    })
    const entries = Array.from({ length: options.count }, (_, i) => entryOf(this.scheme, i))
    this.set = validatorSet(0n, entries)
    this.l1View = options.l1View?.(this.set) ?? viewWithoutL1(this.set)
    this.genesis = {
      identity: {
        l1ChainId: 1337n,
        stakingContract: new Uint8Array(20).fill(0x11),
        networkId: 7,
        genesisHash: sha256(new TextEncoder().encode('genesis')),
      },
      epoch: 0n,
      timestampMs: this.clock.nowMs(),
    }
    for (let index = 0; index < options.count; index++) this.nodes.push(this.#newNode(index))
  }

  get parameters(): ConsensusParameters {
    return { ...defaultParameters, deltaMs: 100, ...this.#options.parameters }
  }

  /** Opens and starts a node, for the first time or after `crash`. */
  async start(
    node: WorldNode,
    extra: { readonly voteFromEpoch?: bigint } = {},
  ): Promise<Validator> {
    const { scheme, l1View, genesis, parameters } = this
    node.clock = this.clock.forNode()
    node.application = new ChainedApplication(node.clock, node.durable)
    const keys = this.#options.keysOf?.(node.index) ?? [secretKeyOf(node.index)]
    const signers = keys.map((key) => localSigner(scheme, key))
    const identity = peerIdOf(scheme.publicKeyOf(secretKeyOf(node.index)))
    const opening = Validator.open({
      genesis,
      parameters,
      l1View,
      scheme,
      signers,
      application: node.application,
      clock: node.clock,
      rng: this.rng.fork(`node ${node.index}`),
      network: this.network.join({ identity, name: node.name }),
      disk: node.disk.mount(),
      store: node.store,
      ...(this.#options.faults === undefined ? {} : { faults: this.#options.faults }),
      ...extra,
    })
    // Opening waits for the disk, which works in virtual time.
    const validator = await this.settle(opening)
    validator.onFinalized((block) => {
      if (node.validator !== validator) return
      node.finalized.push(block)
      this.#options.onFinalized?.(node, block)
    })
    validator.onFailure((error) => node.failures.push(error))
    node.validator = validator
    validator.start()
    return validator
  }

  async startAll(): Promise<void> {
    for (const node of this.nodes) await this.start(node)
  }

  /** Power loss: no more timers, no more messages, un-synced bytes torn. */
  crash(node: WorldNode): void {
    node.clock.stop()
    this.network.leave(node.name)
    node.disk.crash()
    node.validator = undefined
  }

  /** In the place of a crashed node one with the same key and nothing on its disk. */
  replaceDisk(node: WorldNode): WorldNode {
    const fresh = this.#newNode(node.index)
    this.nodes[node.index] = fresh
    return fresh
  }

  /** Lets virtual time pass. */
  async run(durationMs: number, done?: () => boolean): Promise<void> {
    const untilMs = this.clock.nowMs() + durationMs
    await this.clock.run(done === undefined ? { untilMs } : { untilMs, done })
  }

  /** Runs the clock until a promise settles. */
  async settle<result>(promise: Promise<result>): Promise<result> {
    let isOver = false
    const watched = promise.finally(() => {
      isOver = true
    })
    watched.catch(() => undefined)
    await this.run(60_000, () => isOver)
    return watched
  }

  /** Lowest durable final height of the running nodes. */
  finalHeight(): bigint {
    const heights = this.nodes.flatMap(({ validator }) => validator?.status().finalHeight ?? [])
    return heights.reduce((least, height) => (height < least ? height : least))
  }

  #newNode(index: number): WorldNode {
    const clock = this.clock.forNode()
    const durable = newDurableChain(this.genesis.identity.genesisHash)
    return {
      index,
      name: `v${index}`,
      disk: new SimulatedDisk({ clock: this.clock, rng: this.rng.fork(`disk ${index}`) }),
      store: new MemoryStore(),
      durable,
      clock,
      application: new ChainedApplication(clock, durable),
      validator: undefined,
      finalized: [],
      failures: [],
    }
  }
}
