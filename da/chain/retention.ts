/** How long rows are kept at least (docs/specs/da.md §4). */

import { ZgError } from '@zg/primitives'

import type { DataChain } from './data-chain.ts'

/**
 * A batch of e is signed and recorded in e and e + 1, so in e + 1 a node must know still what it
 * signed in e (S9); and what is recorded in the last moment of e + 1 is to be read in e + 2.
 */
export const retentionEpochsMin = 2n

/** @throws {RetentionTooShortError} `DA_RETENTION` */
export function checkRetention({ retentionEpochs }: Pick<DataChain, 'retentionEpochs'>): void {
  if (retentionEpochs < retentionEpochsMin) throw new RetentionTooShortError(retentionEpochs)
}

/** Rows would be thrown away before their batch is recorded. */
export class RetentionTooShortError extends ZgError<'DA_RETENTION'> {
  constructor(epochs: bigint) {
    const message = `Cannot keep rows for ${epochs} epochs: it is ${retentionEpochsMin} at least`
    super('DA_RETENTION', message, { epochs: String(epochs) })
  }
}
