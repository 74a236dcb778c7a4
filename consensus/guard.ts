/**
 * What a validator refuses to sign: the pairs S1 to S7 of docs/specs/votes.md §6, and nothing else.
 *
 *     round votes, per view   Notarize  at most one digest, and the one it finalizes
 *                             Finalize  at most one digest, never beside Nullify
 *                             Nullify   never beside Finalize           (beside Notarize: legal)
 *     finality votes          heights rise; epochs never fall; a closing vote ends its epoch; each
 *                             histRoot extends the last vote's history through its consensusRoot
 *
 * Memory is bounded: `guardViewsMax` views behind the newest one nothing more is signed, so nothing
 * there need be remembered; the newest view alone tells where that is, also to a guard restored
 * from the log. A statement already made may be made again: signatures are unique.
 */

import { appendLeaf, assert, bytesEqual, incrementalRoot, ZgError } from '@zg/primitives'
import type { IncrementalTree } from '@zg/primitives'

import { sameFinalityVote } from './evidence.ts'
import type { EngineFaults } from './faults.ts'
import type { FinalityVote, RoundVote } from './votes.ts'

/** Views of the newest epoch in which statements are remembered. */
export const guardViewsMax = 256

/** Finality votes remembered word for word. */
export const guardFinalityVotesMax = 64

type ViewRecord = { notarized?: Uint8Array; finalized?: Uint8Array; nullified: boolean }

/** The last finality vote, and the history under it: leaves 0 .. height - 1. */
type FinalityRecord = { readonly vote: FinalityVote; readonly history: IncrementalTree }

/** What a finality vote rests on. */
export type FinalityHistory = {
  readonly history: IncrementalTree
  readonly rootsSince: readonly Uint8Array[]
}

export class VoteGuard {
  readonly #faults: EngineFaults
  readonly #views = new Map<number, ViewRecord>()
  #epoch = 0n
  #epochClosed = -1n
  #newestView = 0
  #finality: FinalityRecord | undefined
  readonly #finalityVotes = new Map<bigint, FinalityVote>()

  constructor(faults: EngineFaults = {}) {
    this.#faults = faults
  }

  /** Greatest epoch and view signed in. */
  get newest(): { readonly epoch: bigint; readonly view: number } {
    return { epoch: this.#epoch, view: this.#newestView }
  }

  get lastFinalityVote(): FinalityVote | undefined {
    return this.#finality?.vote
  }

  /** What was signed in a view, for recovery. */
  votesIn(epoch: bigint, view: number): Readonly<ViewRecord> | undefined {
    return epoch === this.#epoch ? this.#views.get(view) : undefined
  }

  /** The newest finality votes, rising in height: they may be made again, word for word. */
  get finalityVotes(): readonly FinalityVote[] {
    return [...this.#finalityVotes.values()]
  }

  /** Statements to write at the head of a new log segment: all that is remembered. */
  roundVotes(): readonly RoundVote[] {
    const votes: RoundVote[] = []
    const epoch = this.#epoch
    for (const [view, record] of this.#views) {
      const { notarized, finalized, nullified } = record
      if (notarized) votes.push({ kind: 'notarize', epoch, view, digest: notarized })
      if (finalized) votes.push({ kind: 'finalize', epoch, view, digest: finalized })
      if (nullified) votes.push({ kind: 'nullify', epoch, view, digest: new Uint8Array(32) })
    }
    return votes
  }

  /**
   * Checks a round vote and remembers it. The caller makes it durable before it signs.
   *
   * @returns Whether it is new: a repeated statement need not be logged again.
   * @throws {VoteRefusedError} `CONSENSUS_VOTE_REFUSED`
   */
  admitRoundVote(vote: RoundVote): boolean {
    const { epoch, view, kind, digest } = vote
    if (epoch < this.#epoch || epoch <= this.#epochClosed) throw new VoteRefusedError('S1', vote)
    if (epoch > this.#epoch) this.#enterEpoch(epoch)
    if (view <= this.#newestView - guardViewsMax) throw new VoteRefusedError('S1', vote)
    const record = this.#views.get(view) ?? { nullified: false }
    const fault = roundConflict(record, vote)
    if (fault !== undefined && !this.#isPlanted(fault)) throw new VoteRefusedError(fault, vote)
    const isNew =
      kind === 'nullify'
        ? !record.nullified
        : (kind === 'notarize' ? record.notarized : record.finalized) === undefined
    if (kind === 'notarize') record.notarized ??= digest
    if (kind === 'finalize') record.finalized ??= digest
    if (kind === 'nullify') record.nullified = true
    this.#views.set(view, record)
    this.#newestView = Math.max(this.#newestView, view)
    this.#forgetOldViews()
    return isNew
  }

  /**
   * Checks a finality vote and remembers it.
   *
   * @param history - The tree under the vote. For the first vote it is taken as it is; later ones
   *   are rebuilt from the last vote's and the consensusRoots of the heights since.
   * @param rootsSince - consensusRoots from the last vote's height up to `vote.height` - 1.
   * @throws {VoteRefusedError} `CONSENSUS_VOTE_REFUSED`
   */
  admitFinalityVote(vote: FinalityVote, { history, rootsSince }: FinalityHistory): boolean {
    const last = this.#finality
    const made = this.#finalityVotes.get(vote.height)
    if (made !== undefined && sameFinalityVote(made, vote)) return false
    if (last !== undefined && vote.height <= last.vote.height) {
      throw new VoteRefusedError('S5', vote)
    }
    if (last !== undefined && vote.epoch < last.vote.epoch) throw new VoteRefusedError('S7', vote)
    if (vote.epoch <= this.#epochClosed) throw new VoteRefusedError('S7', vote)
    const tree = last === undefined ? history : rootsSince.reduce(appendRoot, last.history)
    const extendsLast =
      last === undefined ||
      (rootsSince[0] !== undefined && bytesEqual(rootsSince[0], last.vote.consensusRoot))
    const holdsAll = BigInt(tree.count) === vote.height
    if (!extendsLast || !holdsAll || !bytesEqual(incrementalRoot(tree), vote.histRoot)) {
      throw new VoteRefusedError('S6', vote)
    }
    this.restoreFinality(vote, tree)
    return true
  }

  /** Takes over a logged finality vote and the history under it. */
  restoreFinality(vote: FinalityVote, history: IncrementalTree): void {
    assert(bytesEqual(incrementalRoot(history), vote.histRoot), 'a logged vote fits its history')
    this.#finality = { vote, history }
    this.rememberFinality(vote)
  }

  /** Takes over an older logged finality vote, so that it can be made again. */
  rememberFinality(vote: FinalityVote): void {
    this.#finalityVotes.set(vote.height, vote)
    if (vote.nextEpoch !== 0n && vote.epoch > this.#epochClosed) this.#epochClosed = vote.epoch
    const [oldest] = this.#finalityVotes.keys()
    if (this.#finalityVotes.size > guardFinalityVotesMax && oldest !== undefined) {
      this.#finalityVotes.delete(oldest)
    }
  }

  #enterEpoch(epoch: bigint): void {
    this.#epoch = epoch
    this.#newestView = 0
    this.#views.clear()
  }

  #forgetOldViews(): void {
    const floor = this.#newestView - guardViewsMax
    for (const view of this.#views.keys()) if (view <= floor) this.#views.delete(view)
  }

  #isPlanted(fault: string): boolean {
    const { voteAfterNullify, doubleNotarize } = this.#faults
    return (
      (fault === 'S3' && voteAfterNullify === true) || (fault === 'S1' && doubleNotarize === true)
    )
  }
}

function appendRoot(tree: IncrementalTree, root: Uint8Array): IncrementalTree {
  return appendLeaf(tree, root)
}

function roundConflict(record: ViewRecord, { kind, digest }: RoundVote): string | undefined {
  const { notarized, finalized, nullified } = record
  const differs = (other: Uint8Array | undefined): boolean =>
    other !== undefined && !bytesEqual(other, digest)
  switch (kind) {
    case 'notarize':
      if (differs(notarized)) return 'S1'
      return differs(finalized) ? 'S4' : undefined
    case 'finalize':
      if (differs(finalized)) return 'S2'
      if (nullified) return 'S3'
      return differs(notarized) ? 'S4' : undefined
    case 'nullify':
      return finalized === undefined ? undefined : 'S3'
  }
}

export class VoteRefusedError extends ZgError<'CONSENSUS_VOTE_REFUSED'> {
  constructor(fault: string, vote: RoundVote | FinalityVote) {
    const message = `Cannot sign the vote: it and an earlier one would be fault ${fault}`
    super('CONSENSUS_VOTE_REFUSED', message, { fault, ...vote })
  }
}
