/**
 * Looks for two commitments that one member signed for one batch (S9), among all that its owner
 * sees members sign.
 *
 * Who sees a member's own signature? Members answer the disperser that asks them, and nobody else,
 * and what is recorded is a sum, out of which no summand comes. So it is dispersers that look here.
 * One that asks for a second commitment to be signed has a part of the signer's stake to gain by it
 * (the reporter's): who signs twice trusts its accomplice to leave that.
 *
 * A sighting costs no check of a signature, two that differ cost two. The oldest sightings go first
 * where there are too many.
 */

import type { SignatureScheme } from '@zg/consensus'
import { bytesEqual, toHex } from '@zg/primitives'

import { batchKey } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import { dataEvidence } from '../batch/evidence.ts'
import type { DataEvidence, SignedBatch } from '../batch/evidence.ts'

/** Signatures that are remembered: of 32 members, some 500 batches. */
const sightingsMax = 16_384

export type EvidenceWatchOptions = {
  readonly scheme: SignatureScheme
  /** What a member signs of a batch, 32 bytes. */
  readonly digestOf: (batch: BatchId, commitment: Uint8Array) => Uint8Array
  readonly onEvidence: (operator: Uint8Array, evidence: DataEvidence) => void
}

/** Who signed. */
export type Signatory = {
  /** 20 bytes. */
  readonly operator: Uint8Array
  /** 48 bytes. */
  readonly publicKey: Uint8Array
}

export class EvidenceWatch {
  readonly #options: EvidenceWatchOptions
  /** By batch and key: what was seen first. */
  readonly #seen = new Map<string, SignedBatch>()

  constructor(options: EvidenceWatchOptions) {
    this.#options = options
  }

  /** Takes in what a member is said to have signed. */
  see(signatory: Signatory, signed: SignedBatch): void {
    const key = `${batchKey(signed.batch)}/${toHex(signatory.publicKey)}`
    const first = this.#seen.get(key)
    if (first === undefined) {
      this.#seen.set(key, signed)
      if (this.#seen.size > sightingsMax) this.#seen.delete(this.#seen.keys().next().value!)
      return
    }
    if (bytesEqual(first.commitment, signed.commitment)) return
    if (!this.#isSigned(signatory, signed)) return
    // What was seen first may be nobody's word: then this one is.
    if (!this.#isSigned(signatory, first)) return void this.#seen.set(key, signed)
    const { scheme, onEvidence } = this.#options
    const evidence = dataEvidence(first, signed, scheme)
    if (evidence !== undefined) onEvidence(signatory.operator, evidence)
  }

  #isSigned({ publicKey }: Signatory, { batch, commitment, signature }: SignedBatch): boolean {
    const { scheme, digestOf } = this.#options
    return scheme.verify(publicKey, digestOf(batch, commitment), signature)
  }
}
