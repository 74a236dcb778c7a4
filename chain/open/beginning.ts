/**
 * Where an open node begins: what an empty store is filled with before anything is followed.
 *
 *     start        L1 is followed                            no L1
 *     genesis      the genesis; up to the block that L1      the genesis
 *                  knows, its history is the only one
 *     snapshot     a state that peers offer and whose        the state most peers offer
 *                  history has that block (known-block.ts)
 *     checkpoint   what is given by hand, as it is           as it is
 *
 * A network that is too young to have set a state aside is begun at its genesis. A store that holds
 * a chain goes on with that; with an old one it is held against L1 as one that begins.
 */

import { Ledger } from '@zg/consensus'
import type { FinalityCertificate } from '@zg/consensus'
import { bytesEqual, ZgError } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import { BlockStore } from '../block-store.ts'
import {
  hearKnownBlock,
  keepKnownBlock,
  judgeVote,
  KnownBlockUnprovedError,
  NetworkEndedError,
} from './known-block.ts'
import type { KnownBlock } from './known-block.ts'
import type { OpenPeers, SnapshotOffer } from './open-peers.ts'
import {
  beginSnapshot,
  finishSnapshot,
  isSyncing,
  SnapshotUnavailableError,
} from './snapshot-sync.ts'
import type { SnapshotSyncOptions } from './snapshot-sync.ts'
import { checkpointOf } from './start-bundle.ts'
import type { Checkpoint } from './start-bundle.ts'

/** How often the offers of peers are looked at, and when none of them stood to L1. */
const pollMs = 100
const refusedPollMs = 1_000

/** Snapshots that are begun, as long as nobody holds them to their end. */
const snapshotTriesMax = 5

/** A node whose newest block is older was away. Stake takes longer to unbond. */
const awayMsMax = 300_000

export type Start = 'genesis' | 'snapshot' | Checkpoint

export type BeginningOptions = Omit<SnapshotSyncOptions, 'peers'> & {
  readonly start: Start
  /** What L1 knows; undefined while no block of it is believed. Absent where no L1 is followed. */
  readonly knownBlock?: (() => Promise<KnownBlock | undefined>) | undefined
  /** How long peers may offer a state, from the first status on, before one is chosen. */
  readonly offerWaitMs: number
}

/**
 * Takes a state in, when the store is to begin with one or has begun.
 *
 * @throws `CHAIN_SNAPSHOT_UNAVAILABLE` · `CHAIN_OPEN_NO_PEERS` · `CHAIN_KNOWN_BLOCK_UNPROVED` ·
 *   `CHAIN_L1_UNHEARD` · `CHAIN_NETWORK_ENDED` · `CHAIN_HISTORY_FOREIGN`
 */
export async function takeState(given: BeginningOptions, peers: OpenPeers): Promise<void> {
  const { store, logger } = given
  const options = { ...given, peers }
  for (let tries = 1; ; tries++) {
    if (!isSyncing(store)) {
      if (new BlockStore(store).head() !== undefined) return returnFromAway(given)
      const checkpoint = await chooseCheckpoint(peers, given)
      if (checkpoint === undefined) return
      await beginSnapshot(options, checkpoint)
    }
    try {
      await finishSnapshot(options, new Ledger(store))
      return
    } catch (error) {
      if (!(error instanceof SnapshotUnavailableError) || tries >= snapshotTriesMax) throw error
      logger.warn('A snapshot is given up for another', { error })
    }
  }
}

/** Holds a chain that was not followed for long against L1, up to the block that it knows now. */
async function returnFromAway(options: BeginningOptions): Promise<void> {
  const { store, clock, logger, knownBlock } = options
  const ledger = new Ledger(store)
  const newestMs = ledger.block(ledger.height)?.header.timestampMs ?? 0
  if (knownBlock === undefined || clock.nowMs() - newestMs <= awayMsMax) return
  try {
    const known = await hearOfL1(options)
    if (known === undefined) return
    const { height, consensusRoot } = known
    const own = ledger.block(height)
    if (own === undefined || bytesEqual(own.consensusRoot, consensusRoot)) return
    throw new HistoryForeignError(height)
  } catch (error) {
    if (!(error instanceof NetworkEndedError)) throw error
    // What it holds may be all that is left to prove balances by.
    logger.warn('The network has ended; what is held of it stays in reach', { error })
  }
}

/** What to begin with; undefined for the genesis. */
async function chooseCheckpoint(
  peers: OpenPeers,
  options: BeginningOptions,
): Promise<Checkpoint | undefined> {
  const { start } = options
  if (typeof start !== 'string') return start
  const known = await hearOfL1(options)
  return start === 'genesis' ? undefined : offeredCheckpoint(peers, options, known)
}

/** The block that everything is held against; undefined when nothing is. */
async function hearOfL1(options: BeginningOptions): Promise<KnownBlock | undefined> {
  const { knownBlock, store, logger } = options
  if (knownBlock === undefined) {
    logger.warn('No L1 is followed: whoever has the keys of the genesis may write its history')
    return undefined
  }
  const known = await hearKnownBlock(knownBlock, options)
  const { height } = known
  if (height === 0n) {
    logger.info('L1 knows the genesis alone: what its sets signed is believed')
    return undefined
  }
  logger.info('A block that L1 knows is held against all history', { height })
  await keepKnownBlock(store, known)
  return known
}

/** A state that peers offer; undefined when the network is too young to have one. */
async function offeredCheckpoint(
  peers: OpenPeers,
  options: BeginningOptions,
  known: KnownBlock | undefined,
): Promise<Checkpoint | undefined> {
  const { clock, offerWaitMs, patienceMs } = options
  const untilMs = clock.nowMs() + patienceMs
  let toldMs: number | undefined
  let isRefused = false
  while (clock.nowMs() < untilMs) {
    if (peers.statusCount > 0) toldMs ??= clock.nowMs()
    if (toldMs !== undefined && clock.nowMs() - toldMs >= offerWaitMs) {
      const offers = peers.snapshotOffers()
      if (offers.length === 0 && !isRefused) return undefined
      const taken = await firstThatHolds(peers, offers, { ...options, known })
      if (taken !== undefined) return checkpointOf(taken)
      isRefused = true
    }
    await delay(clock, isRefused ? refusedPollMs : pollMs)
  }
  if (toldMs === undefined || known === undefined) throw new NoPeersError()
  throw new KnownBlockUnprovedError(known.height)
}

/** The first offer of the history that L1 knows; who offers another one is banned. */
async function firstThatHolds(
  peers: OpenPeers,
  offers: readonly SnapshotOffer[],
  { known, logger }: BeginningOptions & { readonly known: KnownBlock | undefined },
): Promise<FinalityCertificate | undefined> {
  if (known === undefined) return offers[0]?.certificate
  // Its own peer is asked: another one that tells the truth cannot prove a lie.
  const verdicts = await Promise.all(
    offers.map(({ peer, certificate: { vote } }) =>
      judgeVote(known, vote, (claim, under) => peers.headerFrom(peer, claim, under)),
    ),
  )
  for (const [place, { peer, certificate }] of offers.entries()) {
    if (verdicts[place] !== 'contradicts') continue
    const { height } = certificate.vote
    logger.warn('A peer offers another history than L1 knows', { peer, height })
    peers.ban(peer, 'another history than L1 knows')
  }
  return offers[verdicts.indexOf('holds')]?.certificate
}

function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve)
  })
}

export class NoPeersError extends ZgError<'CHAIN_OPEN_NO_PEERS'> {
  constructor() {
    const message = 'Cannot take in a state: no peer of the network was found'
    super('CHAIN_OPEN_NO_PEERS', message)
  }
}

/** The chain of this node left the history that L1 knows: old keys led it astray. */
export class HistoryForeignError extends ZgError<'CHAIN_HISTORY_FOREIGN'> {
  constructor(height: bigint) {
    const message = `Cannot go on: block ${height} of this node is another than L1 knows`
    super('CHAIN_HISTORY_FOREIGN', message, { height })
  }
}
