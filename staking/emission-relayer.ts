/**
 * Has what the token's curve released go where it belongs, once an epoch of a network is closed on
 * L1 (docs/specs/stake.md §11): the network's grant to its RewardHub, and the rewards of this
 * relayer for closes that it brought itself and loads that it proved. All of it anyone may send; L1
 * knows what was sent.
 *
 *     epoch e is closed on L1 ─┬─► grantNetwork(e)
 *                              ├─► reporterOf(e) is this relayer ─► payClose(e), of both pools
 *                              └─► proverOf(e), proverOf(e - 1) are ─► payLoad, of those
 *
 * Only the newest close is looked at, and the loads of its epoch and of the one before: a load is
 * proved when L1 knows a block after it. What L1 refuses now, because stake does not secure it or
 * the curve has not released it yet, is asked for again after a while, as long as that close is the
 * newest; others are anyone's to send.
 */

import type { Hex } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { L1Chain } from './l1-chain.ts'
import { messageTo, readContract } from './l1-contracts.ts'
import type { L1Contract } from './l1-contracts.ts'
import { L1RefusedError } from './l1-sender.ts'
import type { L1Sender } from './l1-sender.ts'
import type { OracleContract } from './oracle-contract.ts'

/** What L1 refused is asked for again after so long, in seconds. */
const retrySeconds = 600n

export type EmissionRelayerOptions = {
  readonly oracle: OracleContract
  readonly chain: L1Chain
  readonly sender: Pick<L1Sender, 'send' | 'address'>
  readonly networkId: number
  readonly emissionController: bigint
  readonly alignmentPool: bigint
  readonly log?: Logger
}

export type EmissionStep = {
  /** The newest epoch that is closed on L1. */
  readonly epoch?: bigint
  readonly granted: boolean
  /** Whether the reward of the close, and its piece of alignment work, were paid. */
  readonly paid: boolean
  readonly earned: boolean
  /** Epochs whose load was paid for. */
  readonly loads: readonly bigint[]
}

const idle: EmissionStep = { granted: false, paid: false, earned: false, loads: [] }

type Deed = { readonly contract: L1Contract; readonly mark: string; readonly call: string }

export class EmissionRelayer {
  readonly #options: EmissionRelayerOptions
  readonly #log: Logger
  readonly #grant: Deed
  readonly #close: Deed
  readonly #work: Deed
  /** Of the epoch, and of the one before it. */
  readonly #loads: readonly Deed[]
  #networkLoad: L1Contract | undefined
  #epoch: bigint | undefined
  /** Of that epoch, when each deed is tried again; a time that never comes for what is done. */
  #later = new Map<Deed, bigint | 'done'>()

  constructor(options: EmissionRelayerOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
    const emission = {
      artifact: 'EmissionController',
      address: options.emissionController,
    } as const
    const pool = { artifact: 'AlignmentPool', address: options.alignmentPool } as const
    this.#grant = { contract: emission, mark: 'isGranted', call: 'grantNetwork' }
    this.#close = { contract: emission, mark: 'isClosePaid', call: 'payClose' }
    this.#work = { contract: pool, mark: 'isClosePaid', call: 'payClose' }
    this.#loads = [0, 1].map(() => ({ contract: pool, mark: 'isLoadPaid', call: 'payLoad' }))
  }

  /**
   * Sends what is due of the newest close.
   *
   * @throws What the chain and the sender throw, but for a refusal.
   */
  async step(): Promise<EmissionStep> {
    const { oracle, chain, sender } = this.#options
    const known = await oracle.final()
    if (known.isHalted || known.isDead) return idle
    const newest = known.nextEpoch === 0n ? known.epoch - 1n : known.epoch
    const reporter = await oracle.reporterOf(newest)
    // Epochs may be skipped: then the one before stays the newest, if it was seen.
    if (reporter !== 0n && newest !== this.#epoch) {
      this.#epoch = newest
      this.#later = new Map()
    }
    const epoch = this.#epoch
    if (epoch === undefined) return idle
    const { timestamp } = await chain.head()
    const granted = await this.#send(this.#grant, epoch, timestamp)
    const isReporter = (await oracle.reporterOf(epoch)) === sender.address
    const paid = isReporter && (await this.#send(this.#close, epoch, timestamp))
    const earned = isReporter && (await this.#send(this.#work, epoch, timestamp))
    const loads = await this.#payLoads(epoch, timestamp)
    return { epoch, granted, paid, earned, loads }
  }

  /** Has the loads paid that this relayer proved; returns their epochs. */
  async #payLoads(newest: bigint, now: bigint): Promise<readonly bigint[]> {
    const paid: bigint[] = []
    for (const [before, deed] of this.#loads.entries()) {
      const epoch = newest - BigInt(before)
      const isOpen = epoch >= 0n && this.#later.get(deed) !== 'done'
      if (!isOpen || (await this.#proverOf(epoch)) !== this.#options.sender.address) continue
      if (await this.#send(deed, epoch, now)) paid.push(epoch)
    }
    return paid
  }

  /** Who proved how full an epoch was; 0 when nobody did. */
  async #proverOf(epoch: bigint): Promise<bigint> {
    const { chain, networkId } = this.#options
    // The pool names where that is kept.
    this.#networkLoad ??= {
      artifact: 'NetworkLoad',
      address: BigInt(
        (await readContract(chain, this.#work.contract, { name: 'load', args: [] })) as Hex,
      ),
    }
    const call = { name: 'proverOf', args: [networkId, epoch] }
    return BigInt((await readContract(chain, this.#networkLoad, call)) as Hex)
  }

  /** Asks L1 again what is due. */
  forget(): void {
    this.#epoch = undefined
    this.#later = new Map()
  }

  /** Says whether it was done now, by this relayer. */
  async #send(deed: Deed, epoch: bigint, now: bigint): Promise<boolean> {
    const later = this.#later.get(deed) ?? 0n
    if (later === 'done' || later > now) return false
    const { chain, sender, networkId } = this.#options
    const { contract, mark, call: name } = deed
    const args = [networkId, epoch]
    const isDone = await readContract(chain, contract, { name: mark, args })
    if (isDone !== true) {
      try {
        await sender.send(messageTo(contract, { name, args }))
      } catch (error) {
        if (!(error instanceof L1RefusedError)) throw error
        this.#log.warn('L1 gives nothing out yet', { name, epoch, errorName: error.errorName })
        this.#later.set(deed, now + retrySeconds)
        return false
      }
      this.#log.info('L1 gave out what an epoch released', { name, epoch })
    }
    this.#later.set(deed, 'done')
    return isDone !== true
  }
}
