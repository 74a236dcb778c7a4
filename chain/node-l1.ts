/**
 * What a node process is given of the L1 that holds its network's stake. The chain decides nothing
 * about it: who starts the process brings an opener (`runNodeProcess`), the room staking in ours.
 */

import type { L1View } from '@zg/consensus'
import type { Clock, Logger, Metrics } from '@zg/runtime'

import type { L1Status, RouteReader } from './chain-view.ts'
import type { L1Config } from './node-config.ts'
import type { KnownBlock } from './open/known-block.ts'

export type NodeL1 = {
  readonly view: L1View
  readonly routes: RouteReader
  status(): L1Status
  /** What L1 knows of the network, by proof; undefined while no block of L1 is believed. */
  knownBlock(): Promise<KnownBlock | undefined>
  /** The newest block of the network that L1 knows; undefined before it has said so. */
  knownHeight(): bigint | undefined
  /** Keys (48 bytes) of who validates now, lately or soon, as far as is known. */
  validatorKeys(): readonly Uint8Array[]
  /** Calls back when another set is known. */
  onSet(listener: () => void): void
  stop(): Promise<void>
}

/** Opens a view; it need not have reached L1 yet. */
export type OpenL1 = (
  config: L1Config,
  options: {
    readonly networkId: number
    /** The node's folder, in which a view may keep what it knows. */
    readonly directory: string
    readonly clock: Clock
    readonly logger: Logger
    readonly metrics: Metrics
  },
) => NodeL1
