/**
 * Casts round votes: guard, log, sync, sign, in this order, and nothing leaves before.
 *
 * The body of a block goes into the log before its Notarize: whoever is asked for a block it voted
 * for must have it. When a log segment is full, all that older segments still mean is written into
 * the next one.
 */

import type { VoteGuard } from './guard.ts'
import type { VotedMark } from './ledger.ts'
import type { Block } from './messages.ts'
import type { Signer } from './signer.ts'
import type { ValidatorOptions } from './validator-options.ts'
import type { RoundVote } from './votes.ts'
import { roundVoteDigest } from './votes.ts'
import type { VoteLog, WalRecord } from './wal.ts'

/** What the node around it knows. */
type Live = {
  /** The bodies of all blocks that are not in the ledger yet. */
  readonly bodies: () => readonly Block[]
  /** False once the log is about to be closed: no new segment is begun then. */
  readonly isRunning: () => boolean
}

export class VoteCaster {
  readonly #options: ValidatorOptions
  readonly #guard: VoteGuard
  readonly #log: VoteLog
  readonly #live: Live
  #voted: VotedMark
  #isRotating = false

  constructor(
    options: ValidatorOptions,
    { guard, log, ...live }: { guard: VoteGuard; log: VoteLog } & Live,
  ) {
    this.#options = options
    this.#guard = guard
    this.#log = log
    this.#live = live
    this.#voted = guard.newest
  }

  /** The newest view in which this node voted, ever. */
  get voted(): VotedMark {
    return this.#voted
  }

  /**
   * Returns the signature once the vote is durable.
   *
   * @throws {VoteRefusedError} `CONSENSUS_VOTE_REFUSED`
   */
  async cast(signer: Signer, vote: RoundVote, body: Block | undefined): Promise<Uint8Array> {
    const { genesis, faults } = this.#options
    const isNew = this.#guard.admitRoundVote(vote)
    if (isNew && faults?.skipWal !== true) await this.#write(vote, body)
    return signer.sign(roundVoteDigest(genesis.identity, vote))
  }

  async #write(vote: RoundVote, body: Block | undefined): Promise<void> {
    if (body !== undefined) this.#log.append({ kind: 'body', block: body })
    this.#log.append({ kind: 'vote', vote })
    await this.#log.sync()
    const { epoch, view } = vote
    if (epoch > this.#voted.epoch || view > this.#voted.view) this.#voted = { epoch, view }
    if (!this.#log.isFull || this.#isRotating || !this.#live.isRunning()) return
    this.#isRotating = true
    await this.#log.rotate(() => this.#liveRecords())
    this.#isRotating = false
  }

  #liveRecords(): readonly WalRecord[] {
    return [
      ...this.#live.bodies().map((block) => ({ kind: 'body', block }) as const),
      ...this.#guard.finalityVotes.map((vote) => ({ kind: 'finality-vote', vote }) as const),
      ...this.#guard.roundVotes().map((vote) => ({ kind: 'vote', vote }) as const),
    ]
  }
}
