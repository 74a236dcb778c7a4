/**
 * Where a node begins: from its ledger, its vote log and its application, which a crash may have
 * left at different heights.
 *
 * A final block is written to the ledger first, then made durable by the application, then voted
 * on. So the application is never ahead, and what it lacks lies in the vote log or with the peers.
 */

import { bytesEqual, keccak256, ZgError } from '@zg/primitives'

import type { BlockNode, EngineEffect, EngineEvent, EngineState } from './engine-state.ts'
import { newEngine, nodeOf } from './engine-state.ts'
import { VoteGuard } from './guard.ts'
import { consensusRoot, genesisHeader, isClosing, nextEpochOf } from './header.ts'
import { Ledger } from './ledger.ts'
import type { LedgerBlock, VotedMark } from './ledger.ts'
import type { Block } from './messages.ts'
import { seatIn } from './seat.ts'
import { signatureSizeBytes } from './signature-scheme.ts'
import type { ValidatorOptions } from './validator-options.ts'
import type { FinalityVote, RoundVote } from './votes.ts'
import { VoteLog, WalCorruptError } from './wal.ts'
import type { WalRecord } from './wal.ts'

/** Certificates read back from the ledger when a node starts. */
const certificatesRestoredMax = 4_096

/** Where an instance of the engine begins. */
export type EpochStart = {
  readonly epoch: bigint
  readonly base: BlockNode
  /** 0 where the epoch begins; undefined when no certificate tells. */
  readonly baseView: number | undefined
}

export type Recovery = {
  readonly ledger: Ledger
  readonly log: VoteLog
  readonly guard: VoteGuard
  readonly bodies: readonly Block[]
  readonly votes: readonly RoundVote[]
  /** The last block that is final and durable everywhere here. */
  readonly head: LedgerBlock
  /** Where the engine begins on it. */
  readonly start: EpochStart
}

/**
 * Reads everything back.
 *
 * @throws {WalCorruptError} `CONSENSUS_WAL_CORRUPT` when statements are lost and `voteFromEpoch`
 *   does not say from when on to vote again.
 * @throws {LedgerMismatchError} `CONSENSUS_LEDGER_MISMATCH` when the application's final head is
 *   not a block of this ledger.
 */
export async function recover(options: ValidatorOptions): Promise<Recovery> {
  const ledger = await openLedger(options)
  const head = headOf(options, ledger)
  const { log, records } = await openLog(options, ledger, head)
  const faults = options.faults ?? {}
  const kept = faults.noGuardOnRestart === true || faults.skipWal === true ? [] : records
  const guard = new VoteGuard(faults)
  const votes: RoundVote[] = []
  const bodies: Block[] = []
  const finalityVotes: FinalityVote[] = []
  for (const record of kept) {
    if (record.kind === 'vote') votes.push(record.vote)
    if (record.kind === 'finality-vote') finalityVotes.push(record.vote)
    if (record.kind === 'body') bodies.push(record.block)
  }
  for (const vote of votes) if (vote.epoch >= guard.newest.epoch) guard.admitRoundVote(vote)
  restoreFinalityVotes(guard, ledger, finalityVotes)
  const next = startOn(options, ledger, head)
  const start = faults.restartInClosedEpoch === true ? { ...next, epoch: head.header.epoch } : next
  return { ledger, log, guard, bodies, votes, head, start }
}

/** Where the engine begins after a block: in its epoch, or in the next when the block closes it. */
export function startOn(options: ValidatorOptions, ledger: Ledger, block: LedgerBlock): EpochStart {
  const { header } = block
  const closes = isClosing(header, options.l1View)
  const isFirst = closes || header.height === 0n
  const base = nodeOf({
    header,
    consensusRoot: block.consensusRoot,
    block: undefined,
    parent: undefined,
    history: ledger.historyAt(Number(header.height) + 1),
    // In the epoch that begins on it, it closes nothing.
    isClosing: false,
    status: 'valid',
  })
  const epoch = closes ? nextEpochOf(header, options.l1View) : header.epoch
  const knownView = block.view === 0 ? undefined : block.view
  return { epoch, base, baseView: isFirst ? 0 : knownView }
}

/** seed(e): mix at the close of the epoch before the previous one, or keccak256(genesis hash). */
function seedOf(options: ValidatorOptions, ledger: Ledger, epoch: bigint): Uint8Array {
  const previous = ledger.closingBefore(epoch)
  if (options.faults?.useRecentSeed === true && previous !== undefined) return previous.mix
  const earlier = previous === undefined ? undefined : ledger.closingBefore(previous.epoch)
  return earlier?.mix ?? keccak256(options.genesis.identity.genesisHash)
}

/**
 * An engine for the epoch that begins at `start`; undefined while its set is not known.
 *
 * @param voteFromEpoch - Before it this node only follows.
 */
export function engineAt(
  options: ValidatorOptions,
  ledger: Ledger,
  { epoch, base, baseView }: EpochStart,
  voteFromEpoch: bigint,
): EngineState | undefined {
  const { l1View, signers = [], genesis, parameters, scheme, faults = {} } = options
  const known = l1View.validatorSet(epoch)
  if (known === undefined) return undefined
  const former = faults.keepFormerSet === true ? l1View.validatorSet(base.header.epoch) : undefined
  const set = former === undefined ? known : { ...former, epoch }
  const seat = epoch < voteFromEpoch ? undefined : seatIn(set, signers)
  const self = seat?.index ?? -1
  const seed = seedOf(options, ledger, epoch)
  const { identity } = genesis
  const config = { identity, parameters, l1View, scheme, set, seed, self, faults }
  return newEngine(config, base, baseView)
}

/** What a node held when it stopped, for an engine that begins at `start`. */
export function restoredEvents(
  ledger: Ledger,
  { epoch, baseView }: EpochStart,
  { bodies, votes }: Pick<Recovery, 'bodies' | 'votes'>,
): readonly EngineEvent[] {
  const certificates = ledger.certificates({
    epoch,
    fromView: Math.max(1, baseView ?? 1),
    toView: Number.MAX_SAFE_INTEGER,
    limit: certificatesRestoredMax,
  })
  return [
    ...bodies.map((block) => ({ kind: 'restored-block', block }) as const),
    ...certificates.map((certificate) => ({ kind: 'restored-certificate', certificate }) as const),
    ...votes.map((vote) => ({ kind: 'restored-vote', vote }) as const),
  ]
}

/** The blocks that an engine makes final, as the ledger holds them. */
export function ledgerBlocksOf({
  nodes,
  views,
}: Extract<EngineEffect, { kind: 'finalize' }>): readonly LedgerBlock[] {
  return nodes.map(({ header, consensusRoot, block }, index) => ({
    header,
    consensusRoot,
    reveal: block?.reveal ?? new Uint8Array(0),
    view: views[index] ?? 0,
  }))
}

async function openLedger(options: ValidatorOptions): Promise<Ledger> {
  const ledger = new Ledger(options.store)
  if (ledger.height >= 0n) return ledger
  const header = genesisHeader(options.genesis)
  const reveal = new Uint8Array(signatureSizeBytes)
  await ledger.append({ header, reveal, view: 0, consensusRoot: consensusRoot(header) })
  return ledger
}

function headOf(options: ValidatorOptions, ledger: Ledger): LedgerBlock {
  const final = options.application.finalHead()
  const genesis = ledger.block(0n)
  const root = consensusRoot(genesisHeader(options.genesis))
  if (genesis === undefined || !bytesEqual(genesis.consensusRoot, root)) {
    throw new LedgerMismatchError('it grew from another genesis')
  }
  const head = ledger.block(final.height)
  if (head === undefined) {
    throw new LedgerMismatchError(`the application is at ${final.height}, it at ${ledger.height}`)
  }
  if (!bytesEqual(head.header.executionHash, final.executionHash)) {
    throw new LedgerMismatchError(`the application holds another block at ${final.height}`)
  }
  return head
}

async function openLog(
  options: ValidatorOptions,
  ledger: Ledger,
  head: LedgerBlock,
): Promise<{ readonly log: VoteLog; readonly records: readonly WalRecord[] }> {
  const { disk, rng, voteFromEpoch } = options
  try {
    const opened = await VoteLog.open({ disk, rng })
    const { logId, voteFromEpoch: begun } = opened.log.checkpoint
    const isNew = ledger.logId === undefined && opened.records.length === 0 && begun === 0n
    if (isNew && voteFromEpoch !== undefined) {
      await opened.log.close()
      // A disk that lost all looks like a new one's: the operator alone knows.
      throw new WalCorruptError('the operator says that statements are lost')
    }
    if (ledger.logId === undefined) await ledger.setLogId(logId)
    else if (!bytesEqual(ledger.logId, logId)) {
      await opened.log.close()
      throw new WalCorruptError('it is not the log this ledger grew beside')
    }
    if (!reaches(opened.records, ledger.voted) && options.faults?.skipWal !== true) {
      await opened.log.close()
      throw new WalCorruptError('it ends before the last vote the ledger knows of')
    }
    return opened
  } catch (error) {
    if (!(error instanceof WalCorruptError) || voteFromEpoch === undefined) throw error
    // MUST be an epoch of which nothing can have been signed before the loss. An empty ledger knows
    // of none, and the statement may be of an older loss: the clock decides as well.
    const seconds = BigInt(Math.floor(options.clock.nowMs() / 1_000))
    const begun = [startOn(options, ledger, head).epoch, options.l1View.epochAt(seconds)]
    if (begun.some((epoch) => voteFromEpoch <= epoch)) throw error
    const log = await VoteLog.restart({ disk, rng, voteFromEpoch })
    await ledger.setLogId(log.checkpoint.logId)
    return { log, records: [] }
  }
}

function reaches(records: readonly WalRecord[], { epoch, view }: VotedMark): boolean {
  if (view === 0) return true
  return records.some(
    (record) =>
      record.kind === 'vote' &&
      (record.vote.epoch > epoch || (record.vote.epoch === epoch && record.vote.view >= view)),
  )
}

function restoreFinalityVotes(
  guard: VoteGuard,
  ledger: Ledger,
  votes: readonly FinalityVote[],
): void {
  const last = votes.at(-1)
  if (last === undefined) return
  for (const vote of votes.slice(-64)) guard.rememberFinality(vote)
  // A vote is cast after its block is in the ledger, so the history under it is there.
  if (last.height > ledger.height) throw new LedgerMismatchError('a voted height is missing')
  guard.restoreFinality(last, ledger.historyAt(Number(last.height)))
}

export class LedgerMismatchError extends ZgError<'CONSENSUS_LEDGER_MISMATCH'> {
  constructor(problem: string) {
    super('CONSENSUS_LEDGER_MISMATCH', `Cannot use the ledger: ${problem}`, { problem })
  }
}
