/**
 * The networks that a running world got since: looked for in its `devnet.json`, which the
 * supervisor writes anew when one begins or ends. Each is told of once. One that has ended is not
 * called back: what left it may still be due on L1.
 *
 * Nothing is taken of another world in the same directory: there a network that was known here has
 * another genesis, or none that was known is left.
 */

import type { Clock, Logger } from '@zg/runtime'
import { StepLoop } from '@zg/staking'

import { keptNetworkOf } from './devnet-file.ts'
import type { DevnetFile, DevnetNetwork } from './devnet-file.ts'
import type { KeptNetwork } from './keeper.ts'
import { networkCountMax } from './world.ts'

/** Between two looks at the file. */
const pollMsDefault = 2_000

export type LaterNetworksOptions = {
  /** Those that are served already; one at least. */
  readonly known: readonly KeptNetwork[]
  /** The world's file as it is now; undefined when no world runs. */
  readonly read: () => DevnetFile | undefined
  readonly serve: (network: KeptNetwork) => void
  readonly clock: Clock
  readonly log: Logger
  /** @default pollMsDefault */
  readonly pollMs?: number
}

export class LaterNetworks {
  readonly #options: LaterNetworksOptions
  /** Genesis hashes by id; as many as a world may have, at most. */
  readonly #known: Map<number, string>
  readonly #loop: StepLoop

  constructor(options: LaterNetworksOptions) {
    this.#options = options
    this.#known = new Map(options.known.map(({ id, genesisHash }) => [id, genesisHash]))
    const { clock, pollMs = pollMsDefault } = options
    this.#loop = new StepLoop({ clock, pollMs, step: () => this.#step() })
  }

  /** Begins to look. */
  start(): void {
    this.#loop.start()
  }

  /** Resolves when the look under way is done. */
  stop(): Promise<void> {
    return this.#loop.stop()
  }

  #step(): Promise<void> {
    const { read, log } = this.#options
    try {
      this.#take(read()?.networks ?? [])
    } catch (error) {
      log.warn('devnet.json cannot be read; it is looked at again', { error })
    }
    return Promise.resolve()
  }

  #take(networks: readonly DevnetNetwork[]): void {
    const { serve, log } = this.#options
    const old = networks.filter(({ id }) => this.#known.has(id))
    const isOurs = ({ id, genesisHash }: DevnetNetwork) => this.#known.get(id) === genesisHash
    if (old.length === 0 || !old.every(isOurs)) return
    for (const network of networks) {
      if (this.#known.has(network.id) || this.#known.size >= networkCountMax) continue
      serve(keptNetworkOf(network))
      this.#known.set(network.id, network.genesisHash)
      log.info('a network came and is served, too', { network: network.id })
    }
  }
}
