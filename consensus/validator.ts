/**
 * One node of a consensus network: carries out what the engine asks for, with a real (or simulated)
 * clock, network, disk, store, signer and application.
 *
 *                      messages                      effects
 *     Network ──────────────────►  step(engine, …)  ─────────► vote: guard → log → sync → sign ─┐
 *        ▲                              ▲                      build, validate: application      │
 *        └── send ◄─────────────────────┴───────────────────── voted, built, validated ◄────────┘
 *                                                              finalize: ledger → application →
 *                                                                        FinalityVote
 *
 * Order makes it safe: a vote leaves only after its record (and the body it is for) is durable; a
 * block is shown and voted final only after the application has made it durable. All of a node's
 * finality goes through one queue, whether the engine or a catch-up brought it.
 */

import { silentLogger } from '@zg/runtime'
import type { Logger, PeerId, Timer } from '@zg/runtime'

import { AnswerBudget, answerRequest } from './answers.ts'
import { buildBlock, validateBlock } from './application-work.ts'
import type { Certificate, FinalityCertificate } from './certificate.ts'
import { ChainFollower } from './chain-follower.ts'
import type { EngineEffect, EngineEvent, EngineState } from './engine-state.ts'
import { keyOf, nextWakeMs } from './engine-state.ts'
import { step } from './engine.ts'
import { EvidenceRecord } from './evidence-record.ts'
import type { Evidence } from './evidence.ts'
import { FinalityVoter } from './finality-voter.ts'
import { VoteRefusedError } from './guard.ts'
import { nextEpochOf } from './header.ts'
import type { ConsensusHeader } from './header.ts'
import type { Ledger, LedgerBlock } from './ledger.ts'
import { channelOf, decodeMessage, encodeMessage } from './messages.ts'
import type { Block, Message } from './messages.ts'
import { OperatorPeers } from './operator-peers.ts'
import { PeerStatuses } from './peer-statuses.ts'
import { engineAt, ledgerBlocksOf, recover, restoredEvents, startOn } from './recovery.ts'
import type { EpochStart, Recovery } from './recovery.ts'
import { signerIn } from './seat.ts'
import type { Signer } from './signer.ts'
import type {
  EvidenceHandler,
  FailureHandler,
  FinalizedHandler,
  ValidatorCounters,
  ValidatorOptions,
  ValidatorStatus,
} from './validator-options.ts'
import { newCounters } from './validator-options.ts'
import { VoteCaster } from './vote-caster.ts'
import type { VoteLog } from './wal.ts'

/** A status goes to all peers this often. */
export const statusIntervalMs = 2_000

/** The set of a new epoch that is not known yet is asked for again after this. */
const setRetryMs = 500

/** Certificates one call of `certificates` returns, at most. */
export const certificatesReturnedMax = 1_024

/** A validator of one network, or a node that follows it. */
export class Validator {
  readonly #options: ValidatorOptions
  readonly #logger: Logger
  readonly #ledger: Ledger
  readonly #log: VoteLog
  readonly #caster: VoteCaster
  readonly #finality: FinalityVoter
  readonly #follower: ChainFollower
  readonly #peers = new PeerStatuses()
  readonly #operators: OperatorPeers
  readonly #budget: AnswerBudget
  readonly #finalizedHandlers: FinalizedHandler[] = []
  readonly #evidenceHandlers: EvidenceHandler[] = []
  readonly #failureHandlers: FailureHandler[] = []
  readonly #evidence = new EvidenceRecord()
  readonly #counters = newCounters()
  #head: LedgerBlock
  #engine: EngineState | undefined
  #start: EpochStart
  #restored: Pick<Recovery, 'bodies' | 'votes'>
  #finalizing: Promise<void> = Promise.resolve()
  readonly #unsaved = new Map<string, Block>()
  #isRunning = false
  #wakeAtMs = Infinity
  #wakeTimer: Timer | undefined
  #statusTimer: Timer | undefined
  #setTimer: Timer | undefined

  private constructor(options: ValidatorOptions, recovery: Recovery) {
    const { ledger, log, guard } = recovery
    this.#options = options
    this.#logger = options.log ?? silentLogger
    this.#ledger = ledger
    this.#log = log
    this.#head = recovery.head
    this.#start = recovery.start
    this.#restored = recovery
    this.#budget = new AnswerBudget(options.clock)
    this.#operators = new OperatorPeers(options.network, options.l1View)
    const [bodies, isRunning] = [() => this.#bodies(), () => this.#isRunning]
    this.#caster = new VoteCaster(options, { guard, log, bodies, isRunning })
    this.#finality = new FinalityVoter(options, recovery, {
      send: (to, message) => this.#send(to, message),
      onFailure: (error) => this.#fail(error),
      isRunning,
      epoch: () => this.#start.epoch,
      credibleHeight: () => this.#credibleHeight(),
      onEvidence: (evidence) => this.#onEvidence(evidence),
      onRefused: (error) => this.#onRefused(error),
      nameIn: (set, peer) => this.#operators.nameIn(set, peer),
    })
    this.#follower = new ChainFollower(options, {
      head: () => ({ header: this.#head.header, consensusRoot: this.#head.consensusRoot }),
      history: (count) => ledger.historyAt(count),
      peers: () => this.#peers.ahead(this.#head.header.height),
      send: (peer, message) => this.#send(peer, message),
      finalize: (blocks) => this.#finalizeAll(blocks),
      onSynced: (node, proof) => this.#feed({ kind: 'synced', node, proof }),
    })
  }

  /** Where answers to peers come from. */
  get #sources(): Parameters<typeof answerRequest>[0] {
    const { application, l1View } = this.#options
    const bodyOf = (root: Uint8Array): Block | undefined =>
      this.#engine?.nodes.get(keyOf(root))?.block ?? this.#unsaved.get(keyOf(root))
    const payloadOf = (hash: Uint8Array): Uint8Array | undefined => application.payloadOf(hash)
    return { ledger: this.#ledger, l1View, bodyOf, payloadOf }
  }

  /**
   * Reads back what a node knew; signs and sends nothing yet.
   *
   * @throws {WalCorruptError} `CONSENSUS_WAL_CORRUPT`
   * @throws {LedgerMismatchError} `CONSENSUS_LEDGER_MISMATCH`
   */
  static async open(options: ValidatorOptions): Promise<Validator> {
    return new Validator(options, await recover(options))
  }

  /** Joins the network. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    const { network } = this.#options
    network.onMessage((from, _channel, bytes) => this.#receive(from, bytes))
    network.onPeer((peer, connected) => {
      if (!connected) return this.#peers.delete(peer)
      this.#operators.learn(this.#start.epoch)
      this.#send(peer, this.#statusMessage())
    })
    this.#own(this.#enqueue(() => this.#finality.signOwed(this.#head.header.height)))
    this.#beginEpoch()
    this.#tellStatus()
  }

  /** Leaves the network, which stays open, as the store does; resolves when all is written. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return
    this.#isRunning = false
    const { network } = this.#options
    network.onMessage(() => undefined)
    network.onPeer(() => undefined)
    for (const timer of [this.#wakeTimer, this.#statusTimer, this.#setTimer]) timer?.cancel()
    this.#follower.stop()
    await this.#finalizing.catch(() => undefined)
    await this.#log.sync()
    await this.#log.close()
  }

  /** Tells the node that transactions wait: a leader that paces an idle network builds sooner. */
  wake(): void {
    this.#feed({ kind: 'tick', isBusy: this.#options.application.hasPending?.() ?? false })
  }

  /** Sets a handler told of every final block, in order, once it is durable. */
  onFinalized(handler: FinalizedHandler): void {
    this.#finalizedHandlers.push(handler)
  }

  onEvidence(handler: EvidenceHandler): void {
    this.#evidenceHandlers.push(handler)
  }

  onFailure(handler: FailureHandler): void {
    this.#failureHandlers.push(handler)
  }

  status(): ValidatorStatus {
    const engine = this.#engine
    const own = engine?.config.self ?? -1
    const view = engine?.view ?? 0
    return {
      epoch: this.#start.epoch,
      view,
      leader: engine?.rounds.get(view)?.leader ?? 0,
      index: own < 0 ? undefined : own,
      finalHeight: this.#head.header.height,
      certifiedHeight: this.#ledger.certifiedHeight,
      peerHeight: this.#credibleHeight(),
      isSyncing: this.#follower.isRunning,
      peerCount: this.#options.network.peers().length,
      counters: this.counters(),
    }
  }

  counters(): ValidatorCounters {
    return { ...this.#counters }
  }

  /** The final header at a height. */
  header(height: bigint): ConsensusHeader | undefined {
    return height > this.#head.header.height ? undefined : this.#ledger.block(height)?.header
  }

  /** The finality certificate of a height, or the newest there is. */
  finalityCertificate(height: bigint | 'latest'): FinalityCertificate | undefined {
    const wanted = height === 'latest' ? this.#ledger.certifiedHeight : height
    return this.#ledger.finalityCertificate(wanted)
  }

  /** Round certificates of the current epoch, `fromView` to `toView` inclusive, rising. */
  certificates(
    fromView: number,
    toView: number,
    epoch = this.#start.epoch,
  ): readonly Certificate[] {
    return this.#ledger.certificates({ epoch, fromView, toView, limit: certificatesReturnedMax })
  }

  /** The 32 siblings that prove the header at `height` under the histRoot of height `under`. */
  historyProof(height: bigint, under: bigint): readonly Uint8Array[] {
    return this.#ledger.historyProof(height, under)
  }

  /** Begins the epoch of the head, unless its set is not known yet: then a little later. */
  #beginEpoch(): void {
    const { voteFromEpoch } = this.#log.checkpoint
    const engine = engineAt(this.#options, this.#ledger, this.#start, voteFromEpoch)
    if (engine === undefined) {
      this.#setTimer = this.#options.clock.setTimer(setRetryMs, () => {
        // A catch-up may have gone further meanwhile.
        this.#start = startOn(this.#options, this.#ledger, this.#head)
        this.#beginEpoch()
      })
      return
    }
    this.#engine = engine
    const { epoch } = this.#start
    this.#operators.learn(epoch)
    for (const event of restoredEvents(this.#ledger, this.#start, this.#restored)) this.#feed(event)
    this.#restored = { bodies: [], votes: [] }
    const { self } = engine.config
    this.#logger.info('epoch begun', { epoch, self, height: engine.base.header.height })
    this.#feed({ kind: 'start' })
  }

  /** One event through the engine; everything that follows from it is begun, nothing awaited. */
  #feed(event: EngineEvent): void {
    const engine = this.#engine
    if (engine === undefined || !this.#isRunning) return
    const effects = step(engine, event, this.#options.clock.nowMs())
    for (const effect of effects) this.#perform(engine, effect)
    this.#armWake(engine)
  }

  #armWake(engine: EngineState): void {
    const atMs = nextWakeMs(engine)
    if (atMs === this.#wakeAtMs && this.#wakeTimer !== undefined) return
    this.#wakeTimer?.cancel()
    this.#wakeTimer = undefined
    this.#wakeAtMs = atMs
    if (atMs === Infinity || !this.#isRunning) return
    const { clock } = this.#options
    this.#wakeTimer = clock.setTimer(atMs - clock.nowMs(), () => {
      this.#wakeTimer = undefined
      this.wake()
    })
  }

  #perform(engine: EngineState, effect: EngineEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#send(effect.to && this.#operators.connectionOf(effect.to), effect.message)
        return
      case 'vote':
        this.#own(this.#castVote(engine, effect))
        return
      case 'build':
        this.#own(
          this.#feedLater(engine, buildBlock(this.#options, this.#signerIn(engine), effect)),
        )
        return
      case 'validate':
        this.#own(this.#feedLater(engine, validateBlock(this.#options, effect)))
        return
      case 'forget':
        return this.#options.application.forget?.(effect.executionHash)
      case 'finalize': {
        for (const { key, block } of effect.nodes) {
          if (block !== undefined) this.#unsaved.set(key, block)
        }
        this.#own(this.#finalizeAll(ledgerBlocksOf(effect)))
        return
      }
      case 'certificate':
        this.#own(this.#ledger.addCertificate(effect.certificate))
        this.#finality.onCertificate(engine, effect.certificate)
        return
      case 'evidence':
        return this.#onEvidence(effect.evidence)
      case 'misbehaviour':
        return this.#report(effect.peer, effect.reason)
      case 'behind':
        return this.#follower.follow()
      case 'nullified':
        this.#counters.viewsNullified++
        this.#logger.debug('view nullified', { view: effect.view })
        return
    }
  }

  async #castVote(
    engine: EngineState,
    { vote, body }: Extract<EngineEffect, { kind: 'vote' }>,
  ): Promise<void> {
    try {
      const signature = await this.#caster.cast(this.#signerIn(engine), vote, body)
      this.#counters.votesSigned++
      if (this.#engine === engine) this.#feed({ kind: 'voted', vote, signature })
    } catch (error) {
      if (!(error instanceof VoteRefusedError)) throw error
      this.#onRefused(error)
    }
  }

  /** Feeds what the application answers, unless another epoch has begun meanwhile. */
  async #feedLater(engine: EngineState, work: Promise<EngineEvent>): Promise<void> {
    const event = await work
    if (this.#engine !== engine) return
    if (event.kind === 'built') this.#counters.blocksProposed++
    this.#feed(event)
  }

  /** Bodies of all blocks that are not in the ledger yet. */
  #bodies(): readonly Block[] {
    const nodes = [...(this.#engine?.nodes.values() ?? [])]
    return [...this.#unsaved.values(), ...nodes.flatMap(({ block }) => block ?? [])]
  }

  /** Puts final blocks through the queue: ledger, application, handlers, finality vote. */
  async #finalizeAll(blocks: readonly LedgerBlock[]): Promise<void> {
    await this.#enqueue(async () => {
      for (const block of blocks) await this.#finalizeOne(block)
    })
  }

  async #finalizeOne(block: LedgerBlock): Promise<void> {
    const { header } = block
    if (header.height !== this.#head.header.height + 1n) return
    const { l1View, application } = this.#options
    const next = nextEpochOf(header, l1View)
    if (header.height > this.#ledger.height) {
      const closing = next === 0n ? undefined : { epoch: header.epoch, mix: header.mix, next }
      await this.#ledger.append(block, { closing, voted: this.#caster.voted })
    }
    await application.finalize(header.executionHash)
    this.#head = block
    this.#unsaved.delete(keyOf(block.consensusRoot))
    this.#counters.blocksFinalized++
    for (const handler of this.#finalizedHandlers) {
      handler({ header, consensusRoot: block.consensusRoot })
    }
    if (next !== 0n) this.#start = startOn(this.#options, this.#ledger, block)
    await this.#finality.onFinal(block)
    if (next !== 0n && this.#isRunning) this.#beginEpoch()
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#finalizing = this.#finalizing.then(() => (this.#isRunning ? work() : undefined))
    return this.#finalizing
  }

  #receive(from: PeerId, bytes: Uint8Array): void {
    let message: Message
    try {
      message = decodeMessage(bytes)
    } catch {
      this.#counters.messagesMalformed++
      this.#options.network.reportMisbehaviour(from, 'a message that cannot be read')
      return
    }
    switch (message.kind) {
      case 'status':
        return this.#receiveStatus(from, message)
      case 'certificate-request':
      case 'block-request':
      case 'chain-request': {
        const answer = this.#budget.take(from) && answerRequest(this.#sources, message)
        if (answer) this.#send(from, answer)
        return
      }
      case 'chain':
        return this.#own(this.#follower.receive(from, message))
      case 'finality-vote':
        return this.#finality.receive(from, message)
      case 'proposal':
      case 'vote':
      case 'certificate':
      case 'certificates':
      case 'block': {
        const set = this.#engine?.config.set
        if (set === undefined) return
        return this.#feed({ kind: 'message', from: this.#operators.nameIn(set, from), message })
      }
    }
  }

  #receiveStatus(from: PeerId, status: Extract<Message, { kind: 'status' }>): void {
    const isNews = this.#peers.update(from, status.finalHeight)
    const { height } = this.#head.header
    // Whoever is in a later epoch repeats no certificate of ours: its chain is the way there.
    const isEpochBehind = status.epoch > this.#start.epoch && status.finalHeight > height
    if (isEpochBehind || status.finalHeight > height + 1n) this.#follower.follow()
    // Whoever is behind learns at once from whom to catch up.
    if (isNews || status.finalHeight + 1n < height) this.#send(from, this.#statusMessage())
    if (this.#budget.take(from)) this.#finality.helpStraggler(from, status.certifiedHeight)
  }

  #send(to: PeerId | undefined, message: Message): void {
    if (!this.#isRunning) return
    const { network } = this.#options
    const bytes = encodeMessage(message)
    if (to === undefined) network.broadcast(channelOf(message), bytes)
    else network.send(to, channelOf(message), bytes)
  }

  #statusMessage(): Message {
    return {
      kind: 'status',
      epoch: this.#start.epoch,
      view: this.#engine?.view ?? 0,
      finalHeight: this.#head.header.height,
      certifiedHeight: this.#ledger.certifiedHeight + 1n,
    }
  }

  #tellStatus(): void {
    if (!this.#isRunning) return
    this.#operators.learn(this.#start.epoch)
    this.#send(undefined, this.#statusMessage())
    if (this.#peers.greatest() > this.#head.header.height + 1n) this.#follower.follow()
    this.#statusTimer = this.#options.clock.setTimer(statusIntervalMs, () => this.#tellStatus())
  }

  /** The final height that more than a third of the stake reports: an honest peer is there. */
  #credibleHeight(): bigint {
    const set = this.#options.l1View.validatorSet(this.#start.epoch)
    if (set === undefined) return 0n
    return this.#peers.credible(set, (peer) => this.#operators.nameIn(set, peer))
  }

  /** The signer of an engine that votes or builds. */
  #signerIn({ config: { set } }: EngineState): Signer {
    return signerIn(set, this.#options.signers ?? [])
  }

  #report(peer: PeerId, reason: string): void {
    this.#options.network.reportMisbehaviour(this.#operators.connectionOf(peer), reason)
  }

  #onEvidence(evidence: Evidence): void {
    if (!this.#evidence.isNew(evidence)) return
    this.#counters.evidenceFound++
    this.#logger.warn('a validator is at fault', { evidence })
    for (const handler of this.#evidenceHandlers) handler(evidence)
  }

  #onRefused(error: VoteRefusedError): void {
    this.#counters.votesRefused++
    this.#logger.warn('the guard refused a vote', { error })
  }

  /** Owns work begun and not awaited: its failure stops the node. */
  #own(work: Promise<void>): void {
    work.catch((error: unknown) => this.#fail(error))
  }

  #fail(error: unknown): void {
    if (!this.#isRunning) return
    this.#logger.error('the node cannot go on', { error })
    this.#isRunning = false
    for (const timer of [this.#wakeTimer, this.#statusTimer, this.#setTimer]) timer?.cancel()
    this.#follower.stop()
    for (const handler of this.#failureHandlers) handler(error)
  }
}
