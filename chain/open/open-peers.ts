/**
 * What the peers of an open node have: their answers to "status", asked when they come and now and
 * then, and the newest certificates, which travel as a flood.
 *
 * A height counts once a certificate of it verified here, so a peer cannot make itself look ahead
 * of the network. A certificate is passed on once, by the height: the first of a height is news.
 */

import { MessageMalformedError, verifyFinalityCertificate } from '@zg/consensus'
import type {
  ConsensusGenesis,
  ConsensusHeader,
  FinalityCertificate,
  FinalityVote,
  SignatureScheme,
  L1View,
} from '@zg/consensus'
import type { OpenNetwork, OpenPeerId } from '@zg/p2p/open'
import { bytesEqual, ZgError } from '@zg/primitives'
import type { Clock, Logger, Timer } from '@zg/runtime'

import { decodeHeaderProof, HeaderUnprovedError, siblingsOf } from './header-proof.ts'
import type { HistoryClaim } from './header-proof.ts'
import type { BlockSource } from './open-follower.ts'
import { decodeNews, decodeStatus, encodeNews, encodeQuestion } from './open-messages.ts'
import type { OpenStatus } from './open-messages.ts'
import type { SnapshotPeers } from './snapshot-sync.ts'

export type OpenPeersOptions = {
  readonly network: OpenNetwork
  readonly genesis: ConsensusGenesis
  readonly scheme: SignatureScheme
  readonly l1View: L1View
  readonly clock: Clock
  readonly logger: Logger
  /** How often each peer is asked for its status. */
  readonly statusMs: number
}

/** A state that a peer offers, with the certificate of its block. */
export type SnapshotOffer = { readonly peer: OpenPeerId; readonly certificate: FinalityCertificate }

type Known = { status: OpenStatus | undefined; provedHeight: bigint }

export class OpenPeers implements SnapshotPeers {
  readonly #options: OpenPeersOptions
  readonly #known = new Map<OpenPeerId, Known>()
  /** The newest vote that was proved here, or made final here. */
  #newest: FinalityVote | undefined
  #timer: Timer | undefined
  #onNews: () => void = () => undefined
  #onTransactions: (from: OpenPeerId, transactions: readonly Uint8Array[]) => void = () => undefined

  constructor(options: OpenPeersOptions) {
    const { network } = options
    this.#options = options
    network.onGossip((from, message) => this.#receive(from, message))
    network.onPeer((peer, connected) => {
      this.#known.delete(peer)
      if (connected) this.#askStatus(peer)
    })
    for (const peer of network.peers()) this.#askStatus(peer)
    this.#poll()
  }

  /** Sets who is told that a peer has more than it had. */
  onNews(handler: () => void): void {
    this.#onNews = handler
  }

  onTransactions(handler: (from: OpenPeerId, transactions: readonly Uint8Array[]) => void): void {
    this.#onTransactions = handler
  }

  /** Tells peers of a block that became final here. */
  announce(certificate: FinalityCertificate): void {
    if (certificate.vote.height <= this.#newestHeight) return
    this.#newest = certificate.vote
    this.#options.network.gossip(encodeNews({ kind: 'certificate', certificate }))
  }

  /** Peers as sources of blocks. */
  sources(): readonly BlockSource[] {
    const { network } = this.#options
    return [...this.#known].map(([peer, known]) => ({
      name: peer,
      isAhead: (height) =>
        known.provedHeight > height && (known.status?.firstHeight ?? 1n) <= height + 1n,
      blocks: (fromHeight, count) =>
        network.request(peer, encodeQuestion({ kind: 'blocks', fromHeight, count })),
      historyProof: async (height, under) =>
        siblingsOf(await network.request(peer, encodeQuestion({ kind: 'header', height, under }))),
      accuse: (reason) => network.ban(peer, reason),
    }))
  }

  holders(height: bigint): readonly OpenPeerId[] {
    return [...this.#known]
      .filter(([, { status }]) => {
        return status !== undefined && status.oldestState <= height && height <= status.finalHeight
      })
      .map(([peer]) => peer)
  }

  ask(peer: OpenPeerId, question: Uint8Array): Promise<Uint8Array> {
    return this.#options.network.request(peer, question)
  }

  ban(peer: OpenPeerId, reason: string): void {
    this.#options.network.ban(peer, reason)
  }

  /** A header below a later final one, of any peer that has it; undefined when none does. */
  async provedHeader(claim: HistoryClaim, under: bigint): Promise<ConsensusHeader | undefined> {
    for (const [peer, { status }] of this.#known) {
      if (status === undefined || status.firstHeight > claim.height) continue
      const found = await this.headerFrom(peer, claim, under)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** A header below a later one by a peer that holds both; who does not prove it is banned. */
  async headerFrom(
    peer: OpenPeerId,
    claim: HistoryClaim,
    under: bigint,
  ): Promise<ConsensusHeader | undefined> {
    const question = encodeQuestion({ kind: 'header', height: claim.height, under })
    try {
      return decodeHeaderProof(await this.ask(peer, question), claim).header
    } catch (error) {
      const isLie = error instanceof HeaderUnprovedError || error instanceof MessageMalformedError
      if (isLie) this.ban(peer, error.message)
      return undefined
    }
  }

  /** How many peers told their status. */
  get statusCount(): number {
    return [...this.#known.values()].filter(({ status }) => status !== undefined).length
  }

  /** States to begin with: first those that most peers hold, of those the newest. */
  snapshotOffers(): readonly SnapshotOffer[] {
    const offers = [...this.#known].flatMap(([peer, { status }]) => {
      const certificate = status?.snapshot
      return certificate === undefined ? [] : [{ peer, certificate }]
    })
    const heightOf = ({ certificate }: SnapshotOffer): bigint => certificate.vote.height
    const holdersOf = (offer: SnapshotOffer): number => this.holders(heightOf(offer)).length
    return offers.toSorted(
      (a, b) => holdersOf(b) - holdersOf(a) || Number(heightOf(b) - heightOf(a)),
    )
  }

  close(): void {
    this.#timer?.cancel()
  }

  #poll(): void {
    this.#timer = this.#options.clock.setTimer(this.#options.statusMs, () => {
      for (const peer of this.#options.network.peers()) this.#askStatus(peer)
      this.#poll()
    })
  }

  #askStatus(peer: OpenPeerId): void {
    const { network, logger } = this.#options
    network.request(peer, encodeQuestion({ kind: 'status' })).then(
      (bytes) => this.#takeStatus(peer, bytes),
      (error: unknown) => logger.debug('A peer told no status', { peer, error }),
    )
  }

  #takeStatus(peer: OpenPeerId, bytes: Uint8Array): void {
    const known = this.#knownOf(peer)
    let status: OpenStatus
    try {
      status = decodeStatus(bytes)
    } catch (error) {
      if (!(error instanceof ZgError)) throw error
      return this.ban(peer, error.message)
    }
    const snapshot = known.status?.snapshot
    const isSame = snapshot?.vote.height === status.snapshot?.vote.height
    const certificates = [
      ...(status.newest === undefined || status.newest.vote.height <= known.provedHeight
        ? []
        : [status.newest]),
      ...(status.snapshot === undefined || isSame ? [] : [status.snapshot]),
    ]
    if (!certificates.every((certificate) => this.#isProved(peer, certificate))) return
    known.status = isSame ? { ...status, snapshot } : status
    this.#learn(known, status.newest)
  }

  #receive(from: OpenPeerId, message: Uint8Array): void {
    let news: ReturnType<typeof decodeNews>
    try {
      news = decodeNews(message)
    } catch (error) {
      if (!(error instanceof ZgError)) throw error
      return this.ban(from, error.message)
    }
    if (news.kind === 'transactions') return this.#onTransactions(from, news.transactions)
    const { certificate } = news
    const { height } = certificate.vote
    const known = this.#knownOf(from)
    if (height <= known.provedHeight || height < this.#newestHeight) return
    if (height > this.#newestHeight) {
      if (!this.#isProved(from, certificate)) return
      this.#newest = certificate.vote
      this.#options.network.gossip(message, from)
    } else if (!this.#isNewest(certificate)) return
    this.#learn(known, certificate)
  }

  get #newestHeight(): bigint {
    return this.#newest?.height ?? 0n
  }

  /** Whether it tells what was proved already: then it need not be proved again. */
  #isNewest({ vote }: FinalityCertificate): boolean {
    return this.#newest !== undefined && bytesEqual(vote.consensusRoot, this.#newest.consensusRoot)
  }

  #learn(known: Known, newest: FinalityCertificate | undefined): void {
    if (newest === undefined || newest.vote.height <= known.provedHeight) return
    known.provedHeight = newest.vote.height
    this.#onNews()
  }

  /** Whether a certificate is by the set of its epoch; false while that set is not known here. */
  #isProved(from: OpenPeerId, certificate: FinalityCertificate): boolean {
    const { genesis, scheme, l1View } = this.#options
    const set = l1View.validatorSet(certificate.vote.epoch)
    if (set === undefined) return false
    if (verifyFinalityCertificate(scheme, genesis.identity, set, certificate)) return true
    this.ban(from, 'a finality certificate that does not verify')
    return false
  }

  #knownOf(peer: OpenPeerId): Known {
    let known = this.#known.get(peer)
    if (known === undefined) {
      known = { status: undefined, provedHeight: 0n }
      this.#known.set(peer, known)
    }
    return known
  }
}
