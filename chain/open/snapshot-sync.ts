/**
 * Begins a chain with a state instead of its history: fetches the state of a checkpoint from
 * several peers at once, each piece proved before it is written.
 *
 *     checkpoint ─► bundle from any peer (start-bundle.ts) ─► pieces from all ─► tries ─► chain
 *                                                              │
 *              what is missing stands in the store, so a killed process goes on ◄─┘
 *
 * A piece is asked of the peer with the fewest questions under way. Who is slow or refuses is asked
 * less, who lies is banned, and the piece goes to another: what is missing is looked up anew each
 * time, so nothing is lost with a peer.
 */

import type { LedgerBlock, Ledger } from '@zg/consensus'
import { assert, ZgError } from '@zg/primitives'
import type { Clock, KeyValueStore, Logger } from '@zg/runtime'
import { firstKey, ProofInvalidError, SnapshotWriter } from '@zg/state'
import type { SlotGap } from '@zg/state'

import { startWrites } from '../block-store.ts'
import type { Genesis } from '../genesis.ts'
import type { SenderRecovery } from '../sender-recovery.ts'
import { TransactionResolver } from '../transaction-resolver.ts'
import {
  accountsPerQuestionMax,
  codesPerQuestionMax,
  decodeCodes,
  decodeRanges,
  encodeQuestion,
} from './open-messages.ts'
import type { OpenQuestion } from './open-messages.ts'
import { decodeStartBundle, proveStart } from './start-bundle.ts'
import type { Checkpoint, ProvedStart } from './start-bundle.ts'

/** Segments of the key space that are filled side by side. */
const segmentCount = 16

/** Questions under way at once, of all peers. */
const questionsMax = 8

/** Questions under way to one peer: fewer than it takes, as its status is asked too. */
const questionsPerPeerMax = 3

/** How long it sleeps when there is nobody to ask. */
const idleMs = 100

/** How long a peer rests that failed. */
const restMs = 1_000

/** Accounts with missing slots that are looked at for one question. */
const slotGapsSeenMax = 1_024

const table = 'open'
const bundleKey = new TextEncoder().encode('bundle')
const firstKeyName = new TextEncoder().encode('first')

/** Peers that hold the state of a height. */
export type SnapshotPeers = {
  /** Their names, those that hold it now. */
  holders(height: bigint): readonly string[]
  /** Rejects when the peer fails or refuses. */
  ask(peer: string, question: Uint8Array): Promise<Uint8Array>
  ban(peer: string, reason: string): void
}

export type SnapshotSyncOptions = {
  readonly store: KeyValueStore
  readonly genesis: Genesis
  readonly genesisBlock: LedgerBlock
  readonly archive: boolean
  readonly recovery: SenderRecovery
  readonly peers: SnapshotPeers
  readonly clock: Clock
  readonly logger: Logger
  /** How long it waits for peers that hold the state. */
  readonly patienceMs: number
}

/** What one question asks for; its names are what no other question may ask for meanwhile. */
type Piece = { readonly names: readonly string[] } & (
  | { readonly kind: 'accounts'; readonly from: string; readonly to: string }
  | { readonly kind: 'slots'; readonly gaps: readonly SlotGap[] }
  | { readonly kind: 'codes'; readonly hashes: readonly Uint8Array[] }
)

/** Whether a snapshot is being taken in, and the store has no chain yet. */
export function isSyncing(store: KeyValueStore): boolean {
  return new SnapshotWriter(store).stateRoot !== undefined
}

/** The lowest height whose block is in the store, the genesis left out. */
export function firstHeightOf(store: KeyValueStore): bigint {
  const height = store.get(table, firstKeyName)
  return height === undefined ? 1n : new DataView(height.slice().buffer).getBigUint64(0)
}

/**
 * Begins with a checkpoint, in a store without a chain.
 *
 * @throws {SnapshotUnavailableError} `CHAIN_SNAPSHOT_UNAVAILABLE` when nobody has it.
 */
export async function beginSnapshot(
  options: SnapshotSyncOptions,
  checkpoint: Checkpoint,
): Promise<void> {
  const { store, peers, clock, logger, patienceMs } = options
  const question = encodeQuestion({ kind: 'start', height: checkpoint.height })
  const untilMs = clock.nowMs() + patienceMs
  for (let turn = 0; clock.nowMs() < untilMs; turn++) {
    const holders = peers.holders(checkpoint.height)
    const peer = holders[turn % Math.max(1, holders.length)]
    if (peer === undefined) {
      await delay(clock, idleMs)
      continue
    }
    try {
      const bytes = await peers.ask(peer, question)
      const { body } = provedOrBan(peers, peer, () =>
        proveStart(checkpoint, decodeStartBundle(bytes)),
      )
      await store.write([{ table, key: bundleKey, value: bytes }])
      await new SnapshotWriter(store).begin(body.header.stateRoot, segmentCount)
      logger.info('A snapshot is taken in', { height: checkpoint.height })
      return
    } catch (error) {
      logger.debug('A peer gave no start', { peer, error })
      await delay(clock, idleMs)
    }
  }
  throw new SnapshotUnavailableError(checkpoint.height)
}

/**
 * Takes in the snapshot that was begun, up to its end: then the store holds a chain.
 *
 * @throws {SnapshotUnavailableError} `CHAIN_SNAPSHOT_UNAVAILABLE` when nobody holds it any more: it
 *   was given up, and another can be begun.
 */
export async function finishSnapshot(options: SnapshotSyncOptions, ledger: Ledger): Promise<void> {
  const { store, logger } = options
  const bytes = store.get(table, bundleKey)
  assert(bytes !== undefined, 'a snapshot was begun')
  const bundle = decodeStartBundle(bytes)
  const { header, consensusRoot } = bundle.block
  // It was proved when it was taken; what is read back is the same.
  const checkpoint = { height: header.height, consensusRoot, histRoot: header.histRoot }
  const start = proveStart(checkpoint, bundle)
  const sync = new PieceSync(options, header.height)
  try {
    await sync.run()
  } catch (error) {
    if (error instanceof SnapshotUnavailableError) await new SnapshotWriter(store).clear()
    throw error
  }
  logger.info('The snapshot is here, its tries are built', { height: header.height })
  await finish(options, ledger, start)
}

async function finish(
  options: SnapshotSyncOptions,
  ledger: Ledger,
  start: ProvedStart,
): Promise<void> {
  const { store, genesis, genesisBlock, archive, recovery } = options
  const { block, history, body } = start
  const resolver = new TransactionResolver({ get: () => undefined }, recovery)
  const transactions = await resolver.resolve(body.transactions)
  assert(typeof transactions !== 'string', 'a final block holds transactions')
  await ledger.adopt(genesisBlock, block, history)
  const hash = block.header.executionHash
  const first = new Uint8Array(8)
  new DataView(first.buffer).setBigUint64(0, block.header.height)
  const head = {
    blockHash: hash,
    height: body.header.number,
    stateRoot: body.header.stateRoot,
  }
  const { earlierHeaders } = start
  const extraWrites = [
    ...startWrites({ genesis, hash, body, transactions, earlierHeaders }),
    { table, key: bundleKey, value: undefined },
    { table, key: firstKeyName, value: first },
  ]
  await new SnapshotWriter(store).finish(head, { archive, extraWrites })
}

/** Fills what is missing, many questions at once. */
class PieceSync {
  readonly #options: SnapshotSyncOptions
  readonly #height: bigint
  readonly #writer: SnapshotWriter
  /** Names of what is asked for. */
  readonly #asked = new Set<string>()
  /** Questions under way by peer. */
  readonly #load = new Map<string, number>()
  readonly #restsUntilMs = new Map<string, number>()
  #lastGainMs: number
  #pieceCount = 0

  constructor(options: SnapshotSyncOptions, height: bigint) {
    this.#options = options
    this.#height = height
    this.#writer = new SnapshotWriter(options.store)
    this.#lastGainMs = options.clock.nowMs()
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: questionsMax }, () => this.#work()))
  }

  async #work(): Promise<void> {
    const { clock, patienceMs } = this.#options
    for (;;) {
      const piece = this.#nextPiece()
      if (piece === undefined && this.#asked.size === 0) return
      const peer = this.#nextPeer()
      if (piece === undefined || peer === undefined) {
        if (clock.nowMs() - this.#lastGainMs > patienceMs) {
          throw new SnapshotUnavailableError(this.#height)
        }
        await delay(clock, idleMs)
        continue
      }
      await this.#fetch(peer, piece)
    }
  }

  async #fetch(peer: string, piece: Piece): Promise<void> {
    const { peers, clock, logger } = this.#options
    for (const name of piece.names) this.#asked.add(name)
    this.#load.set(peer, (this.#load.get(peer) ?? 0) + 1)
    try {
      const answer = await peers.ask(peer, encodeQuestion(questionOf(piece, this.#height)))
      await this.#take(peer, piece, answer)
      this.#lastGainMs = clock.nowMs()
      logger.debug('A piece of the snapshot is here', { peer, pieces: ++this.#pieceCount })
    } catch (error) {
      logger.debug('A peer gave no piece', { peer, piece: piece.names[0], error })
      this.#restsUntilMs.set(peer, clock.nowMs() + restMs)
    } finally {
      for (const name of piece.names) this.#asked.delete(name)
      this.#load.set(peer, (this.#load.get(peer) ?? 1) - 1)
    }
  }

  async #take(peer: string, piece: Piece, answer: Uint8Array): Promise<void> {
    const { peers } = this.#options
    const writer = this.#writer
    switch (piece.kind) {
      case 'accounts': {
        const [range] = provedOrBan(peers, peer, () => decodeRanges(answer, [piece.from]))
        if (range === undefined) return
        return takenOrBan(peers, peer, writer.addAccounts(range))
      }
      case 'slots': {
        const froms = piece.gaps.map(({ from }) => from)
        const ranges = provedOrBan(peers, peer, () => decodeRanges(answer, froms))
        const pieces = ranges.map((range, index) => {
          return { account: (piece.gaps[index] as SlotGap).account, range }
        })
        return takenOrBan(peers, peer, writer.addSlots(pieces))
      }
      case 'codes': {
        const codes = provedOrBan(peers, peer, () => decodeCodes(answer))
        return takenOrBan(peers, peer, writer.addCodes(codes))
      }
    }
  }

  /** Something that is missing and not asked for. Accounts first: they tell what else there is. */
  #nextPiece(): Piece | undefined {
    const free = (name: string): boolean => !this.#asked.has(name)
    const gap = this.#writer.accountGaps().find(({ to }) => free(`to ${to}`))
    if (gap !== undefined) return { kind: 'accounts', names: [`to ${gap.to}`], ...gap }
    const [first, ...others] = this.#writer
      .slotGaps(slotGapsSeenMax)
      .filter(({ account }) => free(account))
    // Only the first of a question may go on in the midst of its slots.
    const fresh = others.filter(({ from }) => from === firstKey)
    const gaps = first === undefined ? [] : [first, ...fresh.slice(0, accountsPerQuestionMax - 1)]
    if (gaps.length > 0) return { kind: 'slots', names: gaps.map(({ account }) => account), gaps }
    // One question at a time: all code of a network is little beside its state.
    const hashes = free('codes') ? this.#writer.missingCodes(codesPerQuestionMax) : []
    return hashes.length === 0 ? undefined : { kind: 'codes', names: ['codes'], hashes }
  }

  #nextPeer(): string | undefined {
    const nowMs = this.#options.clock.nowMs()
    const ready = this.#options.peers
      .holders(this.#height)
      .filter((peer) => (this.#restsUntilMs.get(peer) ?? 0) <= nowMs)
    const loadOf = (peer: string): number => this.#load.get(peer) ?? 0
    const least = ready.toSorted((a, b) => loadOf(a) - loadOf(b))[0]
    return least === undefined || loadOf(least) >= questionsPerPeerMax ? undefined : least
  }
}

function questionOf(piece: Piece, height: bigint): OpenQuestion {
  switch (piece.kind) {
    case 'accounts':
      return { kind: 'accounts', height, from: piece.from, to: piece.to }
    case 'slots': {
      const from = piece.gaps[0]?.from ?? firstKey
      return { kind: 'slots', height, from, accounts: piece.gaps.map(({ account }) => account) }
    }
    case 'codes':
      return { kind: 'codes', height, hashes: piece.hashes }
  }
}

/** Reads or checks what a peer sent; bans it when that fails. */
function provedOrBan<result>(peers: SnapshotPeers, peer: string, read: () => result): result {
  try {
    return read()
  } catch (error) {
    if (error instanceof ZgError) peers.ban(peer, error.message)
    throw error
  }
}

/** Waits until a piece is written; bans its sender when it does not prove itself. */
async function takenOrBan(peers: SnapshotPeers, peer: string, taken: Promise<void>): Promise<void> {
  try {
    await taken
  } catch (error) {
    if (error instanceof ProofInvalidError) peers.ban(peer, error.message)
    throw error
  }
}

function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve)
  })
}

export class SnapshotUnavailableError extends ZgError<'CHAIN_SNAPSHOT_UNAVAILABLE'> {
  constructor(height: bigint) {
    const message = `Cannot take in the state of block ${height}: no peer holds it`
    super('CHAIN_SNAPSHOT_UNAVAILABLE', message, { height })
  }
}
