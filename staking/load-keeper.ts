/**
 * Has L1 know how full the epochs of a network were (docs/specs/stake.md §13), by the proofs that
 * NetworkLoad takes of anyone.
 *
 *     epochs     those that decide anything yet: the last 4 · LoadEpochs before the oldest by which
 *                Autoscaler still goes, the newest first
 *     each       once L1 knows a block after it; once, whoever proved it
 *
 * Of an epoch with fewer than eight blocks nothing can be proved. A network that drains or is over
 * counts for nothing, and of one that is halted or dead nothing is proved any more.
 *
 * A relayer has it step, after its certificates. All is verified here before it is sent, and stays
 * good under whatever certificates L1 takes meanwhile.
 */

import type { NetworkIdentity } from '@zg/consensus'
import { silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { L1Chain } from './l1-chain.ts'
import type { L1Sender } from './l1-sender.ts'
import { LoadProver } from './load-prover.ts'
import type { NetworkEndpoint } from './network-endpoint.ts'
import { NetworkProver } from './network-prover.ts'
import { OfferedContract } from './offered-contract.ts'
import { OracleContract } from './oracle-contract.ts'
import type { KnownFinal } from './oracle-contract.ts'
import { loadEpochsKey, scaling } from './scale-keeper.ts'

/** Proofs that one step sends. */
const proofsPerStepMax = 2

/** `NetworkRegistry.Status.Active` */
const active = 1

export type LoadKeeperOptions = {
  /** A node of the network. */
  readonly endpoint: NetworkEndpoint
  /** L1, and who sends there. */
  readonly chain: L1Chain
  readonly sender: Pick<L1Sender, 'send'>
  readonly contracts: {
    readonly networkRegistry: bigint
    readonly finalityOracle: bigint
    readonly networkLoad: bigint
    readonly parameters: bigint
  }
  readonly identity: NetworkIdentity
  /** The clock of OperatorRegistry: start and length of epochs, in seconds. */
  readonly epochs: { readonly start: bigint; readonly length: bigint }
  readonly log?: Logger
}

export type LoadStep = {
  /** Epochs that were proved, the newest first. */
  readonly proved: readonly bigint[]
  /** Why nothing is: L1 says that the network does not count. */
  readonly idle?: 'not active' | 'halted' | 'dead'
}

export class LoadKeeper {
  readonly #options: LoadKeeperOptions
  readonly #log: Logger
  readonly #oracle: OracleContract
  readonly #registry: OfferedContract
  readonly #parameters: OfferedContract
  readonly #load: OfferedContract
  readonly #prover: LoadProver
  /** Epochs of too few blocks; as many as one looks back at most. */
  readonly #bare = new Set<bigint>()

  constructor(options: LoadKeeperOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
    const { chain, sender, endpoint, contracts, identity } = options
    const { networkId } = identity
    this.#oracle = new OracleContract({ chain, address: contracts.finalityOracle, networkId })
    const hands = { chain, sender, log: this.#log }
    const { networkRegistry, parameters, networkLoad } = contracts
    this.#registry = new OfferedContract(
      { artifact: 'NetworkRegistry', address: networkRegistry },
      hands,
    )
    this.#parameters = new OfferedContract({ artifact: 'Parameters', address: parameters }, hands)
    this.#load = new OfferedContract({ artifact: 'NetworkLoad', address: networkLoad }, hands)
    this.#prover = new LoadProver({ endpoint, prover: new NetworkProver({ endpoint, identity }) })
  }

  /** Proves what is missing, some of it; undefined when that failed. Never throws. */
  async step(): Promise<LoadStep | undefined> {
    try {
      return await this.#step()
    } catch (error) {
      this.#log.error('the keeper of load failed and begins again', { error })
      return undefined
    }
  }

  async #step(): Promise<LoadStep> {
    const { networkId } = this.#options.identity
    const status = await this.#registry.read('statusOf', networkId)
    if (status !== active) return { proved: [], idle: 'not active' }
    const known = await this.#oracle.final()
    if (known.isHalted) return { proved: [], idle: 'halted' }
    if (known.isDead) return { proved: [], idle: 'dead' }
    const proved: bigint[] = []
    // L1 knows nothing but the genesis.
    if (known.height === 0n) return { proved }
    for (const epoch of await this.#missing(known)) {
      if (proved.length === proofsPerStepMax) break
      const outcome = await this.#prove(epoch)
      if (outcome === 'refused') break
      if (outcome === 'bare') this.#bare.add(epoch)
      if (outcome === 'proved') proved.push(epoch)
    }
    return { proved }
  }

  async #prove(epoch: bigint): Promise<'proved' | 'done' | 'bare' | 'refused'> {
    const { networkId } = this.#options.identity
    const args = await this.#prover.proofOf(epoch, await this.#oracle.final())
    if (args === 'too few blocks') return 'bare'
    const call = { name: 'prove', args: [networkId, epoch, args.span, args.samples] }
    const { kind } = await this.#load.offer(call, ['AlreadyProved'])
    if (kind !== 'sent') return kind
    this.#log.info('the load of an epoch is proved', { networkId, epoch })
    return 'proved'
  }

  /** Epochs that decide something and are not proved, the newest first. */
  async #missing(known: KnownFinal): Promise<readonly bigint[]> {
    const { chain, epochs, identity } = this.#options
    const [{ timestamp }, loadEpochs] = await Promise.all([
      chain.head(),
      this.#parameters.read('get', loadEpochsKey) as Promise<bigint>,
    ])
    const now = (timestamp - epochs.start) / epochs.length
    const oldest = now - scaling.ageMax - scaling.idleFactor * loadEpochs
    for (const epoch of this.#bare) if (epoch < oldest) this.#bare.delete(epoch)
    const wanted: bigint[] = []
    for (let epoch = known.epoch - 1n; epoch >= 0n && epoch > oldest; epoch--) {
      if (!this.#bare.has(epoch)) wanted.push(epoch)
    }
    const loads = await Promise.all(
      wanted.map((epoch) => this.#load.read('loadOf', identity.networkId, epoch)),
    )
    return wanted.filter((_, index) => loads[index] === 0)
  }
}
