/**
 * Says to 0G's entrance that a root comes, for the quorum that holds it (docs/specs/da.md §11).
 *
 * The entrance draws a quorum for each transaction, of the epoch whose block takes it; what is
 * drawn for others is passed. Once the root's own epoch is over no transaction is drawn for its
 * quorum, and the root is never verified.
 */

import { ZgError } from '@zg/primitives'

import { quorumOf } from '../batch/batch.ts'
import type { DataEpoch } from '../chain/data-chain.ts'
import type { RootName } from './messages.ts'

/** Transactions that upload nothing, until one is drawn for a quorum: of Q, one in Q is. */
const passesMax = 1_024
/** Epochs after its own in which a root that was uploaded is still taken. */
const submittedWithin = 1n

/** The entrance as an uploader sees it. */
export type UploadEntrance = {
  /** The present epoch. */
  epoch(): Promise<bigint>
  /** Transactions of the sender that were drawn in an epoch. */
  uploadsOf(epoch: bigint): Promise<bigint>
  /** Sends one, and resolves when a block has it. */
  pass(dataRoots: readonly Uint8Array[]): Promise<void>
}

export type RootUpload = {
  /** The root's. */
  readonly epoch: DataEpoch
  readonly name: RootName
  /** 20 bytes. */
  readonly sender: Uint8Array
  readonly entrance: UploadEntrance
}

/**
 * Uploads a root.
 *
 * @throws {FacadeLateError} `DA_FACADE_LATE` when its epoch is over, before a pass or in one.
 * @throws {FacadeFailedError} `DA_FACADE` when that quorum is never drawn.
 */
export async function uploadRoot({ epoch: of, name, sender, entrance }: RootUpload): Promise<void> {
  const { epoch, seed, quorumCount } = of
  for (let pass = 0; pass < passesMax; pass++) {
    const [present, count] = await Promise.all([entrance.epoch(), entrance.uploadsOf(epoch)])
    if (present !== epoch) throw new FacadeLateError(epoch)
    const isIts = BigInt(quorumOf(seed, sender, count, quorumCount)) === name.quorumId
    await entrance.pass(isIts ? [name.dataRoot] : [])
    if (!isIts) continue
    // A block of the next epoch took it, where it was drawn anew.
    if ((await entrance.uploadsOf(epoch)) === count) throw new FacadeLateError(epoch)
    return
  }
  throw new FacadeFailedError('its quorum is never drawn')
}

/** @throws {FacadeLateError} `DA_FACADE_LATE` when what was uploaded is no longer taken. */
export function assertSubmittable(epoch: bigint, present: bigint): void {
  if (present > epoch + submittedWithin) throw new FacadeLateError(epoch)
}

/** What 0G's entrance is to know does not come there. */
export class FacadeFailedError extends ZgError<'DA_FACADE'> {
  constructor(why: string) {
    super('DA_FACADE', `Cannot bring a root to 0G's entrance: ${why}`, { why })
  }
}

/** No attempt helps any more. */
export class FacadeLateError extends ZgError<'DA_FACADE_LATE'> {
  constructor(epoch: bigint) {
    const why = `its epoch, ${epoch}, is over there`
    super('DA_FACADE_LATE', `Cannot bring a root to 0G's entrance: ${why}`, { epoch })
  }
}
