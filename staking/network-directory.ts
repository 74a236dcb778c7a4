/** The networks as NetworkRegistry has them, for who runs them. */

import { bigintToHex, fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { L1Chain, L1Message } from './l1-chain.ts'
import { messageTo, readContract } from './l1-contracts.ts'
import type { L1Contract } from './l1-contracts.ts'

/** `NetworkRegistry.Status`, in its order. */
const statuses = ['opening', 'active', 'draining', 'closed'] as const
export type NetworkStatus = (typeof statuses)[number]

export type RegisteredNetwork = {
  readonly id: number
  readonly status: NetworkStatus
  readonly chainId: bigint
  /** The epoch its genesis stands in; 0 while it is opening. */
  readonly firstEpoch: bigint
  /** Anyone may close it from this epoch on; 0 while it does not drain. */
  readonly drainedEpoch: bigint
  /** The first epoch after it was closed; 0 before. */
  readonly endEpoch: bigint
  /** Of the execution genesis block, in seconds since 1970. */
  readonly genesisTime: bigint
  /** 32 bytes. */
  readonly genesisHash: Uint8Array
}

/** What is read of `NetworkRegistry.Network`. */
type NetworkWords = Pick<
  RegisteredNetwork,
  'chainId' | 'firstEpoch' | 'drainedEpoch' | 'endEpoch' | 'genesisTime'
> & {
  readonly genesisHash: Hex
}

export class NetworkDirectory {
  readonly #chain: Pick<L1Chain, 'call'>
  readonly #contract: L1Contract

  constructor(options: { readonly chain: Pick<L1Chain, 'call'>; readonly address: bigint }) {
    this.#chain = options.chain
    this.#contract = { artifact: 'NetworkRegistry', address: options.address }
  }

  /**
   * Every network that was ever opened.
   *
   * @throws {L1ReadError} `STAKING_L1_READ_FAILED`
   */
  async list(): Promise<readonly RegisteredNetwork[]> {
    const ids = (await this.#read('networkIds', [])) as readonly number[]
    return Promise.all(ids.map((id) => this.#network(id)))
  }

  /**
   * The network of an id; undefined when none was opened.
   *
   * @throws {L1ReadError} `STAKING_L1_READ_FAILED`
   */
  async find(id: number): Promise<RegisteredNetwork | undefined> {
    const ids = (await this.#read('networkIds', [])) as readonly number[]
    return ids.includes(id) ? this.#network(id) : undefined
  }

  /** Ids of the networks that an operator has joined. */
  async joinedBy(operator: bigint): Promise<readonly number[]> {
    return (await this.#read('networksOf', [bigintToHex(operator, 20)])) as readonly number[]
  }

  /** The message by which an operator joins; a fault may cost `slashBpsMax` (of 10,000). */
  joining(id: number, slashBpsMax: number): L1Message {
    return messageTo(this.#contract, { name: 'optIn', args: [id, slashBpsMax] })
  }

  /** The message by which an operator leaves a network, or what is left of one. */
  leaving(id: number): L1Message {
    return messageTo(this.#contract, { name: 'optOut', args: [id] })
  }

  async #network(id: number): Promise<RegisteredNetwork> {
    const [words, status] = (await Promise.all([
      this.#read('networkOf', [id]),
      this.#read('statusOf', [id]),
    ])) as [NetworkWords, number]
    const { chainId, firstEpoch, drainedEpoch, endEpoch, genesisTime, genesisHash } = words
    return {
      id,
      status: statuses[status] ?? 'closed',
      chainId,
      firstEpoch,
      drainedEpoch,
      endEpoch,
      genesisTime,
      genesisHash: fromHex(genesisHash),
    }
  }

  #read(name: string, args: readonly unknown[]): Promise<unknown> {
    return readContract(this.#chain, this.#contract, { name, args })
  }
}
