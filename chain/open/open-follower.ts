/**
 * Follows a network without a vote: takes final blocks from whoever has them, proves each batch by
 * one finality certificate, executes every block and makes them final here.
 *
 *     sources ──chain message──► proveChain ──► validatePayload, one by one ──► ledger ─► chain
 *
 * One batch at a time, sources in turn. A source that has nothing or fails rests for a moment, one
 * that lies is accused. A final block that does not execute here is not followed: then more than
 * two thirds of the stake, or this program, are wrong, and only people can tell which.
 *
 * Up to the block that L1 knew when the node began, who gives blocks proves that they are of its
 * history (known-block.ts): by certificates alone, old keys could lead a newcomer astray.
 *
 * As in a validator the ledger is written first and the chain after it, so a crash in between
 * leaves the ledger ahead, and those blocks are fetched again.
 */

import {
  EpochUnknownError,
  attributesFor,
  blocksPerMessageMax,
  consensusRoot,
  decodeMessage,
  genesisHeader,
  isClosing,
  nextEpochOf,
  proveChain,
  signatureSizeBytes,
} from '@zg/consensus'
import type {
  Application,
  ConsensusGenesis,
  FinalityCertificate,
  Ledger,
  LedgerBlock,
  ProvedBlock,
  SignatureScheme,
  L1View,
} from '@zg/consensus'
import { assert, ZgError } from '@zg/primitives'
import type { Clock, Logger, Timer } from '@zg/runtime'

import { judgeBlocks } from './known-block.ts'
import type { Verdict } from './known-block.ts'
import type { Checkpoint } from './start-bundle.ts'

/** How long the follower sleeps when nobody has more, unless it is woken. */
const idleMs = 250

/** How long a source rests that had nothing, or failed. */
const restMs = 1_000

/** Somebody who may have later blocks. */
export type BlockSource = {
  readonly name: string
  /** Whether it may hold blocks above a height. */
  isAhead(height: bigint): boolean
  /** A chain message; undefined when it has none. It may throw: then it rests. */
  blocks(fromHeight: bigint, count: number): Promise<Uint8Array | undefined>
  /** Siblings of a height in the history of a later one; else as `blocks`. */
  historyProof(height: bigint, under: bigint): Promise<readonly Uint8Array[] | undefined>
  /** Told that what it gave is wrong. */
  accuse(reason: string): void
}

export type OpenFollowerOptions = {
  readonly ledger: Ledger
  readonly application: Application
  readonly genesis: ConsensusGenesis
  readonly scheme: SignatureScheme
  readonly l1View: L1View
  readonly clock: Clock
  readonly logger: Logger
  readonly sources: () => readonly BlockSource[]
  /** Batches end at multiples of it, so that the certificates of those are held. */
  readonly boundaryBlocks: number
  /** The block that L1 knew; without it certificates decide alone. */
  readonly known?: Checkpoint | undefined
  /** Told after blocks are durable, with the certificate of the last. It must not throw. */
  readonly onFinal: (certificate: FinalityCertificate) => void
  /** Told when it cannot go on. */
  readonly onFailure: (error: unknown) => void
}

/** The genesis block as a ledger holds it. */
export function genesisLedgerBlock(genesis: ConsensusGenesis): LedgerBlock {
  const header = genesisHeader(genesis)
  const reveal = new Uint8Array(signatureSizeBytes)
  return { header, reveal, view: 0, consensusRoot: consensusRoot(header) }
}

export class OpenFollower {
  readonly #options: OpenFollowerOptions
  readonly #restsUntilMs = new Map<string, number>()
  #turn = 0
  #running: Promise<void> | undefined
  #isStopped = false
  #isWoken = false
  #sleep: { readonly timer: Timer; readonly resolve: () => void } | undefined

  constructor(options: OpenFollowerOptions) {
    this.#options = options
  }

  start(): void {
    this.#running ??= this.#run().catch((error: unknown) => this.#options.onFailure(error))
  }

  /** Somebody has news: look again. */
  wake(): void {
    this.#isWoken = true
    this.#restsUntilMs.clear()
    const sleep = this.#sleep
    this.#sleep = undefined
    sleep?.timer.cancel()
    sleep?.resolve()
  }

  /** Resolves once the batch under way is done. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.wake()
    await this.#running
  }

  async #run(): Promise<void> {
    const { ledger, genesis } = this.#options
    if (ledger.height < 0n) await ledger.append(genesisLedgerBlock(genesis))
    while (!this.#isStopped) {
      this.#isWoken = false
      const wentOn = await this.#step()
      if (!wentOn && !this.#isWoken) await this.#idle()
    }
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(idleMs, () => {
        this.#sleep = undefined
        resolve()
      })
      this.#sleep = { timer, resolve }
    })
  }

  /** Asks one source; whether it had something. */
  async #step(): Promise<boolean> {
    const head = this.#head()
    const source = this.#nextSource(head.header.height)
    if (source === undefined) return false
    const fromHeight = head.header.height + 1n
    let bytes: Uint8Array | undefined
    try {
      bytes = await source.blocks(fromHeight, this.#countFrom(fromHeight))
    } catch (error) {
      this.#options.logger.debug('A source of blocks failed', { source: source.name, error })
    }
    if (bytes === undefined) return this.#rest(source, head)
    if (this.#isStopped) return false
    const proved = this.#prove(source, head, bytes)
    if (proved === undefined) return false
    const verdict = await this.#judge(source, head, proved.blocks)
    if (verdict === 'unproved') return this.#rest(source, head)
    return verdict === 'holds' && !this.#isStopped ? this.#take(source, head, proved) : false
  }

  /** Asks a source no more for a moment; whether another may have it at once. */
  #rest(source: BlockSource, head: LedgerBlock): boolean {
    this.#restsUntilMs.set(source.name, this.#options.clock.nowMs() + restMs)
    return this.#nextSource(head.header.height) !== undefined
  }

  /** Whether blocks are of the history that L1 knows, as far as it reaches. */
  async #judge(
    source: BlockSource,
    head: LedgerBlock,
    blocks: readonly ProvedBlock[],
  ): Promise<Verdict> {
    const { known, logger } = this.#options
    if (known === undefined || head.header.height >= known.height) return 'holds'
    const fields = { source: source.name, height: known.height }
    let verdict: Verdict
    try {
      verdict = await judgeBlocks(known, blocks, (...place) => source.historyProof(...place))
    } catch (error) {
      logger.debug('A source of blocks proves no history', { ...fields, error })
      return 'unproved'
    }
    if (verdict === 'contradicts') {
      logger.warn('A source sent another history than L1 knows', fields)
      source.accuse('another history than L1 knows')
    }
    return verdict
  }

  #countFrom(fromHeight: bigint): number {
    const { boundaryBlocks } = this.#options
    const toBoundary = boundaryBlocks - (Number(fromHeight - 1n) % boundaryBlocks)
    return Math.min(blocksPerMessageMax, toBoundary)
  }

  #head(): LedgerBlock {
    const { ledger, application } = this.#options
    const block = ledger.block(application.finalHead().height)
    assert(block !== undefined, 'the ledger is never behind the chain')
    return block
  }

  #nextSource(height: bigint): BlockSource | undefined {
    const nowMs = this.#options.clock.nowMs()
    const ready = this.#options
      .sources()
      .filter(({ name }) => (this.#restsUntilMs.get(name) ?? 0) <= nowMs)
      .filter((source) => source.isAhead(height))
    return ready[this.#turn++ % Math.max(1, ready.length)]
  }

  #prove(
    source: BlockSource,
    head: LedgerBlock,
    bytes: Uint8Array,
  ): { blocks: readonly ProvedBlock[]; certificate: FinalityCertificate } | undefined {
    const { genesis, scheme, l1View, ledger, logger } = this.#options
    try {
      const message = decodeMessage(bytes)
      // Outside of the validators, only finality certificates count.
      if (message.kind !== 'chain' || message.proof.kind !== 'finality') {
        throw new ChainUnprovedError()
      }
      const context = { identity: genesis.identity, scheme, l1View }
      const history = ledger.historyAt(Number(head.header.height) + 1)
      const blocks = proveChain(context, { header: head.header, history }, message)
      return { blocks, certificate: message.proof.certificate }
    } catch (error) {
      if (!(error instanceof ZgError)) throw error
      // The set of its epoch is not known here yet: no verdict on who sent it.
      if (error instanceof EpochUnknownError) return undefined
      logger.warn('A source sent a chain that does not verify', { source: source.name, error })
      source.accuse(error.message)
      return undefined
    }
  }

  async #take(
    source: BlockSource,
    head: LedgerBlock,
    { blocks, certificate }: { blocks: readonly ProvedBlock[]; certificate: FinalityCertificate },
  ): Promise<boolean> {
    const { application, ledger, logger } = this.#options
    let parent: Pick<LedgerBlock, 'header' | 'consensusRoot'> = head
    for (const { block, consensusRoot: root } of blocks) {
      const { header, payload } = block
      const attributes = attributesFor(this.#options.l1View, header, parent)
      if (attributes === undefined) {
        logger.warn('A final block waits for its credits', { height: header.height })
        return false
      }
      const { executionHash } = header
      const status = await application.validatePayload(attributes, {
        executionHash,
        bytes: payload,
      })
      if (status === 'INVALID') throw new FinalBlockRefusedError(header.height)
      if (status === 'MISMATCH') source.accuse('a chain with bodies of other blocks')
      if (status !== 'VALID') {
        logger.warn('A final block was not taken', { height: header.height, status })
        return false
      }
      parent = { header, consensusRoot: root }
    }
    await Promise.all(blocks.map((proved) => this.#append(proved)))
    await application.finalize(parent.header.executionHash)
    await ledger.addFinalityCertificate(certificate)
    this.#options.onFinal(certificate)
    return true
  }

  #append({ block: { header, reveal }, consensusRoot: root }: ProvedBlock): Promise<void> {
    const { ledger, l1View } = this.#options
    if (header.height <= ledger.height) return Promise.resolve()
    const { epoch, mix } = header
    const next = nextEpochOf(header, l1View)
    const extras = isClosing(header, l1View) ? { closing: { epoch, mix, next } } : {}
    return ledger.append({ header, reveal, view: 0, consensusRoot: root }, extras)
  }
}

export class ChainUnprovedError extends ZgError<'CHAIN_OPEN_CHAIN_UNPROVED'> {
  constructor() {
    const message = 'Cannot accept blocks: no finality certificate comes with them'
    super('CHAIN_OPEN_CHAIN_UNPROVED', message)
  }
}

export class FinalBlockRefusedError extends ZgError<'CHAIN_FINAL_BLOCK_REFUSED'> {
  constructor(height: bigint) {
    const message = `Cannot follow the network: its final block ${height} does not execute here`
    super('CHAIN_FINAL_BLOCK_REFUSED', message, { height })
  }
}
