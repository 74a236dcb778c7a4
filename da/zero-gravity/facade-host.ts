/**
 * What hosts of nodes and dispersers run for 0G's façade (data-host.ts):
 *
 *     a node       registers its key, and itself for the next epoch, each `careIntervalMs`, and
 *                  signs what it holds
 *     a disperser  has the entrance know what is certified of 0G's clients
 */

import type { Hex } from '@zg/primitives'
import type { Clock, Logger, Timer } from '@zg/runtime'

import { messageOf } from '../asking.ts'
import type { DataNode } from '../data-node.ts'
import { FacadeChain } from './facade-chain.ts'
import type { FacadePlace } from './facade-chain.ts'
import { RootCourier } from './root-courier.ts'
import type { RootCourierOptions } from './root-courier.ts'
import { RootSigner } from './root-signer.ts'

const careIntervalMs = 1_000

type Machine = { readonly clock: Clock; readonly log: Logger }

/** Where a node signs too: by its operator's account, and the key that a seed of 32 bytes gives. */
export type FacadeSigning = Required<FacadePlace> & { readonly seed: Uint8Array }

/** Where a disperser uploads roots, by an account that nobody else sends with. */
export type FacadeUploads = { readonly entrance: Hex; readonly secretKey: Uint8Array }

export type FacadeNode = {
  readonly signer: RootSigner
  /** Sees to it that the node, found at `url`, is registered, until the end. */
  keep(url: string): { stop(): void }
}

export async function openFacadeNode(
  node: Pick<DataNode, 'held'>,
  { seed, ...place }: FacadeSigning,
  { clock, log }: Machine,
): Promise<FacadeNode> {
  const facade = await FacadeChain.open(place)
  const key = facade.keyOf(seed)
  return {
    signer: new RootSigner(node, key),
    keep(url) {
      let timer: Timer | undefined
      let isStopped = false
      const look = async (): Promise<void> => {
        try {
          await facade.keepSigner(key, url)
        } catch (error) {
          log.warn('a signer of the façade could not be seen to', { error: messageOf(error) })
        }
        if (!isStopped) timer = clock.setTimer(careIntervalMs, () => void look())
      }
      void look()
      return {
        stop() {
          isStopped = true
          timer?.cancel()
        },
      }
    },
  }
}

export async function openCourier(
  rpc: string,
  uploads: FacadeUploads,
  options: Omit<RootCourierOptions, 'facade'>,
): Promise<RootCourier> {
  return new RootCourier({ ...options, facade: await FacadeChain.open({ rpc, ...uploads }) })
}
