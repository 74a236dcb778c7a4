/**
 * Casts this node's finality votes and gathers everybody's into finality certificates.
 *
 * A vote is cast after its block is durable, in rising height, through the guard and the log like
 * any other. What a restart interrupted is made up for: heights without a vote of ours, at most
 * `finalityVotesOwedMax` back, are voted on when the node starts.
 */

import type { PeerId } from '@zg/runtime'

import type { Certificate } from './certificate.ts'
import type { BlockNode, EngineState } from './engine-state.ts'
import { keyOf } from './engine-state.ts'
import type { Evidence } from './evidence.ts'
import { FinalityTracker } from './finality.ts'
import type { FinalityAnswer } from './finality.ts'
import type { VoteGuard } from './guard.ts'
import { VoteRefusedError } from './guard.ts'
import { nextEpochOf } from './header.ts'
import type { ConsensusHeader } from './header.ts'
import type { Ledger, LedgerBlock } from './ledger.ts'
import type { Message } from './messages.ts'
import type { Recovery } from './recovery.ts'
import { seatIn } from './seat.ts'
import type { Seat } from './seat.ts'
import type { ValidatorOptions } from './validator-options.ts'
import type { ValidatorSet } from './validator-set.ts'
import { peerIdOf } from './validator-set.ts'
import type { FinalityVote } from './votes.ts'
import { finalityVoteDigest } from './votes.ts'
import type { VoteLog } from './wal.ts'

/** Heights back from the last final one that a restarted validator still votes on. */
export const finalityVotesOwedMax = 64n

/** Votes sent again to a peer that lacks certificates we have, at most. */
const votesRepeatedMax = 16n

/** How long a quorum waits for the votes of the others before it makes its certificate. */
export const finalityPatienceMs = 50

/** Epochs after ours whose votes on heights not final here are kept. */
const epochsAheadMax = 2n

export type FinalityPorts = {
  /** To one peer, or to all when it is undefined. */
  readonly send: (to: PeerId | undefined, message: Message) => void
  readonly onFailure: (error: unknown) => void
  readonly isRunning: () => boolean
  /** The epoch this node votes in. */
  readonly epoch: () => bigint
  /** A final height that an honest peer reports, or zero. */
  readonly credibleHeight: () => bigint
  readonly onEvidence: (evidence: Evidence) => void
  readonly onRefused: (error: VoteRefusedError) => void
  /** The key in a set of the operator behind a connection. */
  readonly nameIn: (set: ValidatorSet, peer: PeerId) => PeerId
}

export class FinalityVoter {
  readonly #options: ValidatorOptions
  readonly #ports: FinalityPorts
  readonly #ledger: Ledger
  readonly #log: VoteLog
  readonly #guard: VoteGuard
  readonly #tracker: FinalityTracker
  /** Heights whose quorum waits for the others, by height and epoch. */
  readonly #waiting = new Set<string>()

  constructor(options: ValidatorOptions, recovery: Recovery, ports: FinalityPorts) {
    this.#options = options
    this.#ports = ports
    this.#ledger = recovery.ledger
    this.#log = recovery.log
    this.#guard = recovery.guard
    this.#tracker = new FinalityTracker(options.genesis.identity, options.scheme)
  }

  /** Votes on every height up to `head` that still lacks a vote of ours or a certificate. */
  async signOwed(head: bigint): Promise<void> {
    const from = head >= finalityVotesOwedMax ? head - finalityVotesOwedMax + 1n : 1n
    for (let height = from; height <= head; height++) {
      const block = this.#ledger.block(height)
      if (block === undefined || this.#ledger.finalityCertificate(height) !== undefined) continue
      if (this.#isForgotten(height)) continue
      await this.onFinal(block)
    }
  }

  /** A block is final and durable: vote on it, and count what others said of it. */
  async onFinal(block: LedgerBlock): Promise<void> {
    const { parameters, l1View, signers = [] } = this.#options
    const { height } = block.header
    if (!parameters.finalityVotes || height === 0n) return
    // While catching up: the others have long agreed on it.
    if (height + finalityVotesOwedMax < this.#ports.credibleHeight()) return
    const set = l1View.validatorSet(block.header.epoch)
    if (set === undefined) return
    const vote = this.#voteOn(block)
    await this.#take(this.#tracker.setContent(vote, set), vote, set)
    const seat = seatIn(set, signers)
    if (seat !== undefined) await this.#cast(vote, set, seat)
  }

  /** A vote of a peer on its own connection. */
  receive(from: PeerId, { vote, signature }: Extract<Message, { kind: 'finality-vote' }>): void {
    const { l1View, parameters } = this.#options
    // Before its set is asked for: a set that is not known is looked for on L1.
    if (!parameters.finalityVotes || !this.#isTimely(vote)) return
    const set = l1View.validatorSet(vote.epoch)
    if (set === undefined) return
    const name = this.#ports.nameIn(set, from)
    const voter = set.validators.findIndex(({ publicKey }) => peerIdOf(publicKey) === name)
    if (voter < 0) return
    const answer = this.#tracker.addVote(voter, { vote, signature }, set)
    this.#own(this.#take(answer, vote, set))
  }

  /** Repeats our votes to a peer whose newest certificate is older than ours. */
  helpStraggler(peer: PeerId, certifiedNext: bigint): void {
    const { signers = [], l1View } = this.#options
    if (signers.length === 0) return
    const newest = this.#ledger.height
    const until =
      newest < certifiedNext + votesRepeatedMax ? newest : certifiedNext + votesRepeatedMax
    for (let height = certifiedNext; height <= until; height++) {
      const header = this.#ledger.block(height)?.header
      const set = header === undefined ? undefined : l1View.validatorSet(header.epoch)
      const seat = set === undefined ? undefined : seatIn(set, signers)
      if (set === undefined || seat === undefined) continue
      const own = this.#tracker.voteAt({ height, epoch: set.epoch, voter: seat.index })
      if (own === undefined) continue
      this.#ports.send(peer, { kind: 'finality-vote', ...own })
    }
  }

  /** Planted bug only: a finality vote on what is merely notarised. */
  onCertificate(engine: EngineState, certificate: Certificate): void {
    const { faults } = this.#options
    if (faults?.finalityVoteOnNotarization !== true || certificate.vote.kind !== 'notarize') return
    const node = engine.nodes.get(keyOf(certificate.vote.digest))
    const seat = seatIn(engine.config.set, this.#options.signers ?? [])
    if (node === undefined || seat === undefined) return
    this.#own(this.#sign(this.#voteOn(node), engine.config.set, seat))
  }

  /** Of the epoch a final height belongs to; above, of ours or one that may follow soon. */
  #isTimely(vote: FinalityVote): boolean {
    const final = this.#ledger.block(vote.height)
    if (final !== undefined) return vote.epoch === final.header.epoch
    const epoch = this.#ports.epoch()
    return vote.epoch >= epoch && vote.epoch <= epoch + epochsAheadMax
  }

  /** Below our last vote, and not remembered: left out then, so left out for good. */
  #isForgotten(height: bigint): boolean {
    const last = this.#guard.lastFinalityVote
    if (last === undefined || height > last.height) return false
    return !this.#guard.finalityVotes.some((vote) => vote.height === height)
  }

  async #cast(vote: FinalityVote, set: ValidatorSet, seat: Seat): Promise<void> {
    if (vote.epoch < this.#log.checkpoint.voteFromEpoch) return
    const last = this.#guard.lastFinalityVote
    const rootsSince = last === undefined ? [] : this.#ledger.roots(last.height, vote.height)
    const history = this.#ledger.historyAt(Number(vote.height))
    try {
      const isNew = this.#guard.admitFinalityVote(vote, { history, rootsSince })
      if (isNew && this.#options.faults?.skipWal !== true) {
        this.#log.append({ kind: 'finality-vote', vote })
        await this.#log.sync()
      }
    } catch (error) {
      if (!(error instanceof VoteRefusedError)) throw error
      return this.#ports.onRefused(error)
    }
    await this.#sign(vote, set, seat)
  }

  async #sign(vote: FinalityVote, set: ValidatorSet, { index, signer }: Seat): Promise<void> {
    const { genesis } = this.#options
    const signature = await signer.sign(finalityVoteDigest(genesis.identity, vote))
    this.#ports.send(undefined, { kind: 'finality-vote', vote, signature })
    await this.#take(this.#tracker.addVote(index, { vote, signature }, set), vote, set)
  }

  async #take(
    { certificate, evidence, forgers, isShort }: FinalityAnswer,
    vote: FinalityVote,
    set: ValidatorSet,
  ): Promise<void> {
    const { network } = this.#options
    if (evidence !== undefined) this.#ports.onEvidence(evidence)
    for (const forger of forgers) {
      const publicKey = set.validators[forger]?.publicKey
      if (publicKey === undefined) continue
      network.reportMisbehaviour(peerIdOf(publicKey), 'a finality vote that does not verify')
    }
    if (isShort === true) this.#waitForOthers(vote, set)
    if (certificate !== undefined) await this.#ledger.addFinalityCertificate(certificate)
  }

  #waitForOthers(vote: FinalityVote, set: ValidatorSet): void {
    const { height, epoch } = vote
    const name = `${height}/${epoch}`
    if (this.#waiting.has(name)) return
    this.#waiting.add(name)
    this.#options.clock.setTimer(finalityPatienceMs, () => {
      this.#waiting.delete(name)
      if (!this.#ports.isRunning()) return
      this.#own(this.#take(this.#tracker.settle({ height, epoch }), vote, set))
    })
  }

  #voteOn({ header, consensusRoot }: Pick<BlockNode, 'header' | 'consensusRoot'>): FinalityVote {
    const { l1View, faults } = this.#options
    const nextEpoch = faults?.closeWithoutNext === true ? 0n : nextEpochOf(header, l1View)
    return finalityVoteOn(header, consensusRoot, nextEpoch)
  }

  #own(work: Promise<void>): void {
    work.catch((error: unknown) => this.#ports.onFailure(error))
  }
}

/** The statement a validator makes about a final header. */
export function finalityVoteOn(
  header: ConsensusHeader,
  consensusRoot: Uint8Array,
  nextEpoch: bigint,
): FinalityVote {
  const { epoch, height, executionHash, histRoot } = header
  return { epoch, height, blockHash: executionHash, consensusRoot, histRoot, nextEpoch }
}
