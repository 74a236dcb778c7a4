/**
 * How high L1 knows a network: what FinalityOracle keeps, proved from a final block. Everything
 * that L1 is still shown of the network is proved from the state of that block (docs/specs/stake.md
 * §10), so its validators keep it. While L1 is not in reach, what was known stays.
 */

import { silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { Failover } from './failover.ts'
import { readFinal } from './final-reader.ts'
import type { L1Endpoint } from './l1-endpoint.ts'
import type { FinalL1Block } from './l1-follower.ts'
import { ProvedState } from './proved-state.ts'

/** L1 is asked again once its time has gone on so far: a block of Ethereum. */
const refreshSeconds = 12n

export type KnownHeightOptions = {
  readonly l1: Failover<Pick<L1Endpoint, 'proof'>>
  readonly finalityOracle: bigint
  readonly networkId: number
  /** The newest final block of L1; undefined while none is believed. */
  readonly finalBlock: () => FinalL1Block | undefined
  readonly log?: Logger
}

export class KnownHeight {
  readonly #options: KnownHeightOptions
  readonly #log: Logger
  #height: bigint | undefined
  /** Of L1, when it was asked last. */
  #askedAt = -refreshSeconds
  #isAsking = false

  constructor(options: KnownHeightOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
  }

  /** Undefined before L1 has said it; 0 while L1 knows the genesis alone. */
  get height(): bigint | undefined {
    return this.#height
  }

  /** Asks L1 if it is time to; never rejects. */
  async refresh(): Promise<void> {
    const final = this.#options.finalBlock()
    if (final === undefined || this.#isAsking) return
    if (final.timestamp < this.#askedAt + refreshSeconds) return
    this.#isAsking = true
    try {
      this.#height = await this.#read(final)
      this.#askedAt = final.timestamp
    } catch (error) {
      this.#log.warn('L1 does not say how high it knows this network', { error })
    } finally {
      this.#isAsking = false
    }
  }

  async #read(final: FinalL1Block): Promise<bigint> {
    const { height } = await readFinal(new ProvedState(this.#options.l1, final), this.#options)
    return height
  }
}
