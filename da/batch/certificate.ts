/**
 * What a quorum says of a batch: that more than two thirds of its rows are held
 * (docs/specs/da.md §5).
 */

import { dataVoteDigest } from '@zg/consensus'
import type { NetworkIdentity, SignatureScheme } from '@zg/consensus'
import { commitmentBy } from '@zg/coding'
import type { RowsHeader } from '@zg/coding'
import { sha256 } from '@zg/primitives'

import type { BatchId } from './batch.ts'
import type { DataShape, DrawnQuorum } from '../chain/data-chain.ts'
import { isCertified } from './quorum.ts'

export type Certificate = {
  readonly batch: BatchId
  readonly rowSize: number
  /** 32 bytes. */
  readonly rowRoot: Uint8Array
  /** 32 bytes: SHA-256 of z. */
  readonly combinationHash: Uint8Array
  /** Members that signed, rising. */
  readonly signers: readonly number[]
  /** 96 bytes: the sum of theirs. */
  readonly signature: Uint8Array
}

/** What members of its quorum sign; 32 bytes. */
export function batchDigest(
  identity: NetworkIdentity,
  batch: BatchId,
  commitment: Uint8Array,
): Uint8Array {
  return dataVoteDigest(identity, { ...batch, commitment })
}

/** The commitment that a certificate is of. */
export function certifiedCommitment(shape: DataShape, certificate: Certificate): Uint8Array {
  const { rowSize, rowRoot, combinationHash } = certificate
  return commitmentBy({ ...shape, rowSize, rowRoot }, combinationHash)
}

/**
 * Whether a certificate is that of its quorum, as DataEntrance judges it: the slots of contested
 * members count for nothing, and their signatures are in the sum.
 */
export function verifyCertificate(
  certificate: Certificate,
  quorum: DrawnQuorum,
  identity: NetworkIdentity,
  shape: DataShape,
  scheme: SignatureScheme,
): boolean {
  const { batch, signers, signature } = certificate
  const isRising = signers.every((member, at) => at === 0 || member > signers[at - 1]!)
  const known = signers.map((member) => quorum.signers[member])
  if (!isRising || known.some((signer) => signer === undefined)) return false
  const counted = signers.filter((member) => !quorum.signers[member]!.isContested)
  const held = counted.reduce((sum, member) => sum + quorum.members[member]!.slots, 0)
  if (!isCertified(held, quorum.slots)) return false
  const keys = known.map((signer) => signer!.publicKey)
  const digest = batchDigest(identity, batch, certifiedCommitment(shape, certificate))
  return scheme.verifyAggregate(keys, digest, signature)
}

/**
 * Collects members' signatures on one batch until they make a certificate.
 *
 * What would be enough is checked as one sum, a pairing check for all; only when that is wrong are
 * signatures looked at one by one, and the wrong ones left out.
 */
export class CertificateBuilder {
  readonly #batch: BatchId
  readonly #header: RowsHeader
  readonly #quorum: DrawnQuorum
  readonly #scheme: SignatureScheme
  readonly #digest: Uint8Array
  readonly #signatures = new Map<number, Uint8Array>()
  /** Members whose signature was looked at by itself. */
  readonly #good = new Set<number>()

  constructor(
    batch: BatchId,
    rows: { readonly header: RowsHeader; readonly commitment: Uint8Array },
    quorum: DrawnQuorum,
    identity: NetworkIdentity,
    scheme: SignatureScheme,
  ) {
    this.#batch = batch
    this.#header = rows.header
    this.#quorum = quorum
    this.#scheme = scheme
    this.#digest = batchDigest(identity, batch, rows.commitment)
  }

  /** Takes in what a member says is its signature. */
  add(member: number, signature: Uint8Array): void {
    const signer = this.#quorum.signers[member]
    if (signer === undefined || signer.isContested || this.#signatures.has(member)) return
    this.#signatures.set(member, signature)
  }

  /** The certificate of all that signed; undefined while they are too few. */
  certificate(): Certificate | undefined {
    const found = this.#sumOf()
    if (found !== undefined) return found
    if (this.#isEnough()) this.#dropWrong()
    return this.#sumOf()
  }

  #isEnough(): boolean {
    let slots = 0
    for (const member of this.#signatures.keys()) slots += this.#quorum.members[member]!.slots
    return isCertified(slots, this.#quorum.slots)
  }

  #sumOf(): Certificate | undefined {
    if (!this.#isEnough()) return undefined
    const signers = [...this.#signatures.keys()].sort((a, b) => a - b)
    const signature = this.#scheme.aggregate(signers.map((member) => this.#signatures.get(member)!))
    const keys = signers.map((member) => this.#keyOf(member))
    const isGood =
      signature !== undefined && this.#scheme.verifyAggregate(keys, this.#digest, signature)
    if (!isGood) return undefined
    const { rowSize, rowRoot, combination } = this.#header
    const combinationHash = sha256(combination)
    return { batch: this.#batch, rowSize, rowRoot, combinationHash, signers, signature }
  }

  #dropWrong(): void {
    for (const [member, signature] of this.#signatures) {
      if (this.#good.has(member)) continue
      const isGood = this.#scheme.verify(this.#keyOf(member), this.#digest, signature)
      if (isGood) this.#good.add(member)
      else this.#signatures.delete(member)
    }
  }

  #keyOf(member: number): Uint8Array {
    return this.#quorum.signers[member]!.publicKey
  }
}
