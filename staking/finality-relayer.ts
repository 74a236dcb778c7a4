/**
 * Keeps FinalityOracle near the head of a network, by the rules of docs/specs/stake.md §4, with
 * certificates that any node of the network gives.
 *
 *     the epoch that L1 expects is closed      its closing certificate      always, in order
 *     else, the Outbox has entries for L1      the newest certificate       at once
 *     else                                     the newest certificate       every `intervalSeconds`
 *
 * A certificate by a quorum that contradicts the block that L1 knows halts the network there, for
 * ever: more than a third of its stake is at fault (§4).
 *
 * All is verified here before it is sent: quorum, history, epoch, age; so nothing is sent that must
 * revert, whatever the node says. Others may bring the same certificate first: L1 is asked each
 * time, and nothing is remembered. Who is absent follows from the set that L1 proved.
 */

import type { FinalityVote, ValidatorSet } from '@zg/consensus'
import { bytesEqual } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { L1Chain, L1Message } from './l1-chain.ts'
import { L1RefusedError } from './l1-sender.ts'
import type { L1Sender } from './l1-sender.ts'
import { NetworkProofError } from './network-prover.ts'
import type { KnownBlock, NetworkProver, ProvedCertificate } from './network-prover.ts'
import type { KnownFinal, OracleContract } from './oracle-contract.ts'

export type FinalityRelayerOptions = {
  readonly oracle: OracleContract
  readonly chain: L1Chain
  readonly sender: Pick<L1Sender, 'send'>
  readonly prover: NetworkProver
  /** The sets that L1 proved; undefined for one that is not known yet. */
  readonly sets: (epoch: bigint) => ValidatorSet | undefined
  /** The clock of OperatorRegistry: start and length of epochs, in seconds. */
  readonly epochs: { readonly start: bigint; readonly length: bigint }
  /** A certificate that nobody needs is sent once the last is so old, in seconds. */
  readonly intervalSeconds: bigint
  /** For the Outbox none is sent before the last is so old: each costs the relayer gas. */
  readonly outboxSeconds: bigint
  /**
   * Told of a block before its certificate is sent, while the network still holds its state. Says
   * whether its Outbox has entries that L1 cannot be shown under the block it knows.
   */
  readonly prepare: (block: KnownBlock) => Promise<boolean>
  readonly log?: Logger
}

/** What a step did, or what it waits for. */
export type FinalityStep =
  | { readonly kind: 'submitted'; readonly height: bigint; readonly closes: boolean }
  /** Someone else brought as much, or more. */
  | { readonly kind: 'overtaken' }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'waiting'; readonly for: 'certificate' | 'set' | 'close' | 'epoch' }
  /** A certificate of this height contradicted what L1 knew. */
  | { readonly kind: 'halted'; readonly height: bigint }
  | { readonly kind: 'ended'; readonly as: 'halted' | 'dead' }

export class FinalityRelayer {
  readonly #options: FinalityRelayerOptions
  readonly #log: Logger
  #certificateAgeMax: bigint | undefined

  constructor(options: FinalityRelayerOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
  }

  /**
   * Brings L1 one certificate nearer to the head, if one is due.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`; what endpoints and sender throw.
   */
  async step(): Promise<FinalityStep> {
    const { oracle, prover, sets } = this.#options
    const known = await oracle.final()
    if (known.isHalted) return { kind: 'ended', as: 'halted' }
    const { timestamp } = await this.#options.chain.head()
    // L1 takes nothing more of it, whether anybody has buried it or not.
    if (known.isDead || timestamp > (await oracle.livesUntil())) {
      return { kind: 'ended', as: 'dead' }
    }
    const newest = await prover.certificate('latest', sets)
    if (newest === 'set unknown') return { kind: 'waiting', for: 'set' }
    const vote = newest?.certificate.vote
    if (newest === undefined || vote === undefined) return { kind: 'nothing' }
    const halt = await this.#haltOf(known, newest)
    if (halt !== undefined) return this.#sent(known, halt, { kind: 'halted', height: vote.height })
    if (vote.height <= known.height) return { kind: 'nothing' }
    const expected = known.nextEpoch === 0n ? known.epoch : known.nextEpoch
    if (vote.epoch < expected) throw new NetworkProofError('its newest block is of a past epoch')
    if (vote.epoch === expected) return this.#offer(known, newest)
    const closing = await this.#closing({ known, newest, epoch: expected })
    if (closing === undefined) return { kind: 'waiting', for: 'certificate' }
    if (closing === 'set unknown') return { kind: 'waiting', for: 'set' }
    return this.#offer(known, closing)
  }

  /** Asks L1 again what it said. */
  forget(): void {
    this.#certificateAgeMax = undefined
  }

  /** Sends a certificate of the epoch that L1 expects, if it is due. */
  async #offer(known: KnownFinal, proved: ProvedCertificate): Promise<FinalityStep> {
    const { vote } = proved.certificate
    const { timestamp } = await this.#options.chain.head()
    if (vote.nextEpoch !== 0n) {
      // The next epoch has begun on L1 before; its endpoint may be behind.
      if (vote.nextEpoch > this.#epochAt(timestamp)) return { kind: 'waiting', for: 'epoch' }
      await this.#prepare(vote)
      return this.#send(known, proved)
    }
    const { start, length } = this.#options.epochs
    const end = start + (vote.epoch + 1n) * length + (await this.#ageMax())
    // Nothing but a close is taken now, and any block may be the last one below it.
    if (timestamp > end) return { kind: 'waiting', for: 'close' }
    const isWanted = await this.#prepare(vote)
    const { intervalSeconds, outboxSeconds } = this.#options
    const ageSeconds = timestamp - known.since
    const isDue = ageSeconds >= intervalSeconds || (isWanted && ageSeconds >= outboxSeconds)
    return isDue ? this.#send(known, proved) : { kind: 'nothing' }
  }

  /** The message that halts the network, if the newest certificate contradicts what L1 knows. */
  async #haltOf(known: KnownFinal, proved: ProvedCertificate): Promise<L1Message | undefined> {
    const { oracle, prover } = this.#options
    const { vote } = proved.certificate
    // The genesis is no certificate's word: another one is a mistake of who opened the network.
    if (known.height === 0n) return undefined
    // MUST be of the block's epoch or a later one: who has left halts nothing.
    if (vote.epoch < known.epoch || vote.height < known.height) return undefined
    if (vote.height === known.height) {
      return isSame(vote, known) ? undefined : oracle.haltByConflict(proved)
    }
    const found = await prover.contradiction(known, vote)
    return found && oracle.haltByHistory(proved, found)
  }

  async #send(known: KnownFinal, proved: ProvedCertificate): Promise<FinalityStep> {
    const { oracle, prover } = this.#options
    const { height, nextEpoch } = proved.certificate.vote
    const siblings = await prover.historyProof(known, proved.certificate.vote)
    const step = { kind: 'submitted', height, closes: nextEpoch !== 0n } as const
    return this.#sent(known, oracle.submission(proved, siblings), step)
  }

  /** Sends what changes what L1 knows; someone else may do so first. */
  async #sent(known: KnownFinal, message: L1Message, step: FinalityStep): Promise<FinalityStep> {
    const { oracle, sender } = this.#options
    try {
      await sender.send(message)
    } catch (error) {
      if (!(error instanceof L1RefusedError)) throw error
      const now = await oracle.final()
      if (now.height === known.height && !now.isHalted && !now.isDead) throw error
      return { kind: 'overtaken' }
    }
    this.#log.info('L1 took a certificate', step)
    return step
  }

  /** The closing certificate of an epoch that has ended below the newest one. */
  async #closing({
    known,
    newest,
    epoch,
  }: {
    readonly known: KnownFinal
    readonly newest: ProvedCertificate
    readonly epoch: bigint
  }): Promise<ProvedCertificate | 'set unknown' | undefined> {
    const { prover, sets } = this.#options
    const { certificate } = newest
    // Epochs never fall along a chain: the last height of this one is looked for by halving.
    let [low, high] = [known.height + 1n, certificate.vote.height]
    if ((await prover.epochAt(low, certificate)) !== epoch) {
      throw new NetworkProofError('another epoch follows on the block that L1 knows')
    }
    while (high - low > 1n) {
      const middle = (low + high) / 2n
      if ((await prover.epochAt(middle, certificate)) <= epoch) low = middle
      else high = middle
    }
    const closing = await prover.certificate(low, sets)
    if (closing === undefined || closing === 'set unknown') return closing
    const { vote } = closing.certificate
    if (vote.epoch !== epoch || vote.nextEpoch === 0n) {
      throw new NetworkProofError('the last block of an epoch does not close it')
    }
    return closing
  }

  async #prepare({ height, consensusRoot }: KnownBlock): Promise<boolean> {
    try {
      return await this.#options.prepare({ height, consensusRoot })
    } catch (error) {
      // A certificate is worth sending whether or not the Outbox can be read.
      this.#log.warn('the Outbox under a new certificate cannot be read', { height, error })
      return false
    }
  }

  async #ageMax(): Promise<bigint> {
    this.#certificateAgeMax ??= await this.#options.oracle.certificateAgeMax()
    return this.#certificateAgeMax
  }

  #epochAt(timestamp: bigint): bigint {
    const { start, length } = this.#options.epochs
    return (timestamp - start) / length
  }
}

/** Whether a vote says of its height what L1 knows. */
function isSame(vote: FinalityVote, known: KnownFinal): boolean {
  return (
    vote.epoch === known.epoch &&
    vote.nextEpoch === known.nextEpoch &&
    bytesEqual(vote.consensusRoot, known.consensusRoot)
  )
}
