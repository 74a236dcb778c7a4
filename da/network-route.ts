/**
 * Which network takes a blob where data is available on several (docs/specs/da.md §10).
 *
 *     key      a request's id; without one, SHA-256 of the blob
 *     takers   networks that have begun, neither drain nor are over, and go on
 *     network  of the takers that are served, the one with the highest keccak256(key ‖ id)
 *
 * Streams are spread by the same rule (docs/specs/routing.md §2), and a blob of a stream goes to
 * its home. Networks are alike here as there, so nothing is weighed. A blob that was taken is read
 * where its handle says, whatever became of the network since.
 */

import { rendezvous, sha256 } from '@zg/primitives'

/** A network, as far as L1 tells who takes blobs; undefined where an epoch is not set. */
export type RoutedNetwork = {
  readonly id: number
  readonly firstEpoch: bigint | undefined
  /** From which on it takes nothing new, once it has its notice. */
  readonly drainingEpoch: bigint | undefined
  readonly endEpoch: bigint | undefined
  readonly isHalted: boolean
  readonly isDead: boolean
}

/** Whether a network takes new blobs in an epoch. */
export function takesBlobs(network: RoutedNetwork, epoch: bigint): boolean {
  const { firstEpoch, drainingEpoch, endEpoch, isHalted, isDead } = network
  if (firstEpoch === undefined || epoch < firstEpoch || isHalted || isDead) return false
  return [drainingEpoch, endEpoch].every((end) => end === undefined || epoch < end)
}

/** What a blob is routed by, 32 bytes: who sends it again by the same id finds the same network. */
export function routeKeyOf(blob: Uint8Array, requestId?: Uint8Array): Uint8Array {
  return requestId ?? sha256(blob)
}

/** The network of a key, of those that take blobs and are served; undefined when there is none. */
export function networkForBlob(key: Uint8Array, networks: readonly number[]): number | undefined {
  return rendezvous(key, networks)
}
