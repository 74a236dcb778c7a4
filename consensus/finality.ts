/**
 * Finality votes of the newest heights and the certificates they make; no clock, no I/O.
 *
 * A vote counts for a height once this node knows, by its own finalization, what the height holds;
 * votes that arrive before wait. Verification is lazy as in engine-votes.ts. When all have voted
 * the certificate is made at once; of a quorum that is not all, only when `settle` says that the
 * others were waited for: one check and one certificate a height instead of two. Votes later than
 * that still count: when all have voted, a fuller certificate replaces the first.
 *
 * Votes of one operator that clash are evidence: at one height (S5), in other epochs and under
 * other keys too, and around a closing vote (S7). S6 needs a proof from the history, not seen here.
 */

import { bytesEqual } from '@zg/primitives'

import { bitmapOf } from './certificate.ts'
import type { FinalityCertificate } from './certificate.ts'
import type { NetworkIdentity } from './configuration.ts'
import type { Evidence, SignedFinalityVote } from './evidence.ts'
import { finalityFaultOf, sameFinalityVote } from './evidence.ts'
import type { SignatureScheme } from './signature-scheme.ts'
import type { ValidatorEntry, ValidatorSet } from './validator-set.ts'
import { isQuorum } from './validator-set.ts'
import type { FinalityVote } from './votes.ts'
import { finalityVoteDigest } from './votes.ts'

/** Heights at and below the newest final one whose votes are kept. */
export const finalityHeightsKept = 64n

/** Heights above it whose votes are kept. */
export const finalityHeightsAhead = 16n

type Height = {
  readonly height: bigint
  readonly set: ValidatorSet
  content: FinalityVote | undefined
  readonly votes: Map<number, SignedFinalityVote & { verified: boolean }>
  certificate: FinalityCertificate | undefined
  signerCount: number
  /** Whether some vote says that the epoch closes here. */
  hasClosingVote: boolean
}

export type FinalityAnswer = {
  readonly certificate?: FinalityCertificate
  readonly evidence?: Evidence
  /** A quorum has voted and some have not: `settle` makes the certificate without them. */
  readonly isShort?: boolean
  /** Voters whose signatures do not verify. */
  readonly forgers: readonly number[]
}

const nothing: FinalityAnswer = { forgers: [] }

export class FinalityTracker {
  readonly #identity: NetworkIdentity
  readonly #scheme: SignatureScheme
  readonly #heights = new Map<string, Height>()
  #newest = 0n

  constructor(identity: NetworkIdentity, scheme: SignatureScheme) {
    this.#identity = identity
    this.#scheme = scheme
  }

  /** What a final height holds here. */
  setContent(content: FinalityVote, set: ValidatorSet): FinalityAnswer {
    if (content.height > this.#newest) this.#newest = content.height
    this.#forget()
    const height = this.#heightAt(content.height, set)
    height.content = content
    return this.#tally(height)
  }

  /** Adds a vote that came from `voter`'s own connection, or our own. */
  addVote(voter: number, signed: SignedFinalityVote, set: ValidatorSet): FinalityAnswer {
    const { vote } = signed
    if (vote.height + finalityHeightsKept < this.#newest) return nothing
    if (vote.height > this.#newest + finalityHeightsAhead) return nothing
    const height = this.#heightAt(vote.height, set)
    const known = height.votes.get(voter)
    if (known !== undefined) return this.#compare(height, voter, known, signed)
    const evidence = this.#clashWith(set, voter, signed)
    height.votes.set(voter, { ...signed, verified: false })
    if (vote.nextEpoch !== 0n) height.hasClosingVote = true
    const answer = this.#tally(height)
    return evidence === undefined ? answer : { ...answer, evidence }
  }

  /** Makes the certificate of the quorum that there is, if nothing made one meanwhile. */
  settle(place: { readonly height: bigint; readonly epoch: bigint }): FinalityAnswer {
    const height = this.#heights.get(nameOf(place.height, place.epoch))
    return height === undefined ? nothing : this.#tally(height, true)
  }

  /** Our own vote at a height, if it was cast. */
  voteAt(place: {
    readonly height: bigint
    readonly epoch: bigint
    readonly voter: number
  }): SignedFinalityVote | undefined {
    return this.#heights.get(nameOf(place.height, place.epoch))?.votes.get(place.voter)
  }

  #heightAt(height: bigint, set: ValidatorSet): Height {
    // By epoch too: a vote of another epoch must not touch those that count.
    const name = nameOf(height, set.epoch)
    const known = this.#heights.get(name)
    if (known !== undefined) return known
    const fresh = {
      height,
      set,
      content: undefined,
      votes: new Map(),
      certificate: undefined,
      signerCount: 0,
      hasClosingVote: false,
    }
    this.#heights.set(name, fresh)
    return fresh
  }

  #tally(height: Height, isSettled = false): FinalityAnswer {
    const { content, set, votes } = height
    if (content === undefined) return nothing
    const side = [...votes].filter(([, { vote }]) => sameFinalityVote(vote, content))
    const isAll = side.length === set.validators.length
    const isFuller = side.length > height.signerCount && isAll
    if (height.certificate !== undefined && !isFuller) return nothing
    if (!isQuorum(stakeOf(set, side), set)) return nothing
    if (!isAll && !isSettled) return { forgers: [], isShort: true }
    const message = finalityVoteDigest(this.#identity, content)
    const forgers = this.#forgers(set, message, side)
    for (const voter of forgers) votes.delete(voter)
    const good = side.filter(([voter]) => !forgers.includes(voter))
    if (!isQuorum(stakeOf(set, good), set)) return { forgers }
    const signature = this.#scheme.aggregate(good.map(([, signed]) => signed.signature))
    if (signature === undefined || good.length <= height.signerCount) return { forgers }
    const signers = bitmapOf(
      good.map(([voter]) => voter),
      set.validators.length,
    )
    height.certificate = { vote: content, signers, signature }
    height.signerCount = good.length
    return { certificate: height.certificate, forgers }
  }

  #forgers(
    set: ValidatorSet,
    message: Uint8Array,
    side: readonly (readonly [number, SignedFinalityVote & { verified: boolean }])[],
  ): readonly number[] {
    const open = side.filter(([, signed]) => !signed.verified)
    if (open.length === 0) return []
    const aggregate = this.#scheme.aggregate(open.map(([, { signature }]) => signature))
    const keys = open.map(([voter]) => set.validators[voter]?.publicKey ?? new Uint8Array(0))
    if (aggregate !== undefined && this.#scheme.verifyAggregate(keys, message, aggregate)) {
      for (const [, signed] of open) signed.verified = true
      return []
    }
    if (open.length === 1) return open.map(([voter]) => voter)
    const middle = open.length >> 1
    return [
      ...this.#forgers(set, message, open.slice(0, middle)),
      ...this.#forgers(set, message, open.slice(middle)),
    ]
  }

  #compare(
    height: Height,
    voter: number,
    first: SignedFinalityVote,
    second: SignedFinalityVote,
  ): FinalityAnswer {
    if (finalityFaultOf(first.vote, second.vote) === undefined) return nothing
    const signer = height.set.validators[voter]
    if (signer === undefined) return nothing
    // Only what verifies convicts.
    if (!this.#isGood(signer, first) || !this.#isGood(signer, second)) return nothing
    const { operator } = signer
    return { evidence: { kind: 'finality-votes', operator, first, second }, forgers: [] }
  }

  /** Evidence from a vote and one of its operator at another height or in another epoch. */
  #clashWith(set: ValidatorSet, voter: number, second: SignedFinalityVote): Evidence | undefined {
    const signer = set.validators[voter]
    if (signer === undefined) return undefined
    for (const other of this.#heights.values()) {
      const isSamePlace = other.height === second.vote.height && other.set.epoch === set.epoch
      const isNear = other.height === second.vote.height || other.hasClosingVote
      // A closing vote may clash with any, others with closing ones alone.
      if (isSamePlace || (second.vote.nextEpoch === 0n && !isNear)) continue
      const { validators } = other.set
      const place = validators.findIndex(({ operator }) => bytesEqual(operator, signer.operator))
      const [member, first] = [validators[place], other.votes.get(place)]
      if (member === undefined || first === undefined) continue
      if (finalityFaultOf(first.vote, second.vote) === undefined) continue
      if (!this.#isGood(member, first) || !this.#isGood(signer, second)) continue
      const { operator } = signer
      const { vote, signature } = first
      return { kind: 'finality-votes', operator, first: { vote, signature }, second }
    }
    return undefined
  }

  #isGood({ publicKey }: ValidatorEntry, { vote, signature }: SignedFinalityVote): boolean {
    return this.#scheme.verify(publicKey, finalityVoteDigest(this.#identity, vote), signature)
  }

  #forget(): void {
    for (const [name, { height }] of this.#heights) {
      if (height + finalityHeightsKept < this.#newest) this.#heights.delete(name)
    }
  }
}

function nameOf(height: bigint, epoch: bigint): string {
  return `${height}/${epoch}`
}

function stakeOf(set: ValidatorSet, side: readonly (readonly [number, unknown])[]): bigint {
  return side.reduce((sum, [voter]) => sum + (set.validators[voter]?.stake ?? 0n), 0n)
}
