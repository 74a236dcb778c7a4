/**
 * The built-in execution engine: our EVM over the state database, in process.
 *
 *               newPayload: check, execute, compare
 *     final <---- staged a ---- staged b      getPayload: fill from the pool
 *     (disk)  \-- staged a'                   forkchoiceUpdated: final up to a, a' is dropped
 *
 * Blocks that are not final stand in memory, a tree over the final head. Executions run one at a
 * time, in slices; finality does not wait for them. A block that this engine built is VALID here:
 * it is kept when it is handed out, so it is never executed twice.
 */

import { headerHash, nextBaseFee, parentOf } from '@zg/evm'
import type { BlockContext, Header } from '@zg/evm'
import { assert, bytesEqual, ZgError } from '@zg/primitives'
import type { Clock } from '@zg/runtime'
import type { PreparedState, StateChanges } from '@zg/state'

import { blobsProblem, executeInSlices, formProblem } from './block-check.ts'
import { blockOfPayload, executionPayloadOf } from './block-codec.ts'
import type { BlockBody } from './block-codec.ts'
import { fillBlock, sealHeader } from './block-builder.ts'
import type { ExecutedBlock } from './block-store.ts'
import { BoundedCache } from './bounded-cache.ts'
import type { ChainDatabase } from './chain-database.ts'
import type { HeaderRecord, PendingBlock } from './chain-view.ts'
import type {
  BuiltPayload,
  EnginePayloadAttributes,
  EnginePayloadStatus,
  ExecutionEngine,
  ForkchoiceState,
  ForkchoiceUpdated,
  NewPayload,
  PayloadId,
} from './execution-engine.ts'
import { governedParametersOf, nextGasLimit } from './governed-parameters.ts'
import { hashKey } from './hash-key.ts'
import { feesOf, governedProblem, headerProblem, resultProblem } from './header-rules.ts'
import type { HeaderRules } from './header-rules.ts'
import type { Mempool } from './mempool.ts'
import type { SenderRecovery } from './sender-recovery.ts'
import { SerialTurn } from './serial-turn.ts'
import { supplyChangeOf } from './supply.ts'
import { TransactionResolver } from './transaction-resolver.ts'

/**
 * Un-final blocks at once; beyond, newcomers wait for finality as SYNCING. Those that lost are
 * discarded by who knows (consensus), so this many are in the way of each other only where nothing
 * became final for as many blocks.
 */
const stagedBlocksMax = 1_088

/** Builds that were begun and not fetched; the oldest is forgotten. */
const buildsMax = 16

/** Hashes of blocks found invalid. */
const invalidHashesMax = 256

/** Execution time of a build that names none. */
const buildBudgetMsDefault = 250

/** Execution time of a look at the pending block, and how long its result is good. */
const pendingBudgetMs = 50
const pendingReuseMs = 200

/** Looks ahead in a row, each from a new head; one takes a tenth of the time between two blocks. */
const lookAheadsMax = 4

const zeroHash = new Uint8Array(32)

const belowFinalHead = 'Its parent is not on the final branch'

export type BuiltInEngineOptions = {
  readonly chain: ChainDatabase
  readonly pool: Mempool
  readonly recovery: SenderRecovery
  readonly clock: Clock
  /** Whether timestamps may repeat: a parameter of the genesis. */
  readonly subSecond: boolean
  /** Development chains only: a base fee that does not follow from the parent. */
  readonly baseFeeOverride?: () => bigint | undefined
}

type StagedBlock = ExecutedBlock & { readonly changes: StateChanges }

type Pending = { readonly madeMs: number; readonly key: string; readonly block: PendingBlock }

export class BuiltInEngine implements ExecutionEngine {
  readonly #chain: ChainDatabase
  readonly #pool: Mempool
  readonly #clock: Clock
  readonly #rules: HeaderRules
  readonly #baseFeeOverride: () => bigint | undefined
  readonly #resolver: TransactionResolver
  readonly #staged = new Map<string, StagedBlock>()
  readonly #invalid = new BoundedCache<string, string>(invalidHashesMax)
  readonly #builds = new BoundedCache<PayloadId, Promise<BuiltPayload>>(buildsMax)
  readonly #executions = new SerialTurn()
  readonly #finalities = new SerialTurn()
  #buildCount = 0n
  #pending: Pending | undefined
  #pendingRun: Promise<PendingBlock> | undefined

  constructor(options: BuiltInEngineOptions) {
    const { chain, pool, recovery, clock, subSecond } = options
    this.#chain = chain
    this.#pool = pool
    this.#clock = clock
    this.#rules = { config: chain.config, subSecond }
    this.#baseFeeOverride = options.baseFeeOverride ?? (() => undefined)
    this.#resolver = new TransactionResolver(pool, recovery)
    // The first listener: when doors hear of a head, the pool knows it already.
    chain.onHead((block) => this.#tellPool(block))
    chain.servePending(() => this.#pendingBlock())
  }

  newPayload(payload: NewPayload): Promise<EnginePayloadStatus> {
    return this.#executions.run(() => this.#newPayload(payload))
  }

  async forkchoiceUpdated(
    state: ForkchoiceState,
    attributes?: EnginePayloadAttributes,
  ): Promise<ForkchoiceUpdated> {
    const { headBlockHash, finalizedBlockHash } = state
    const head = this.#known(headBlockHash)
    if (head === undefined) return { payloadStatus: { status: 'SYNCING' }, payloadId: undefined }
    const isFinalityKnown =
      bytesEqual(finalizedBlockHash, zeroHash) || this.#known(finalizedBlockHash) !== undefined
    if (!isFinalityKnown) return { payloadStatus: { status: 'SYNCING' }, payloadId: undefined }
    const payloadStatus = { status: 'VALID', latestValidHash: headBlockHash } as const
    if (!bytesEqual(finalizedBlockHash, zeroHash)) await this.#finalize(finalizedBlockHash)
    if (attributes === undefined) return { payloadStatus, payloadId: undefined }
    const payloadId = ++this.#buildCount
    const build = this.#executions.run(() => this.#build(headBlockHash, attributes))
    // Whoever fetches the payload hears of a failure.
    build.catch(() => undefined)
    this.#builds.set(payloadId, build)
    return { payloadStatus, payloadId }
  }

  getPayload(id: PayloadId): Promise<BuiltPayload> {
    return this.#builds.get(id) ?? Promise.reject(new PayloadUnknownError(id))
  }

  /** A block that is VALID here and not final yet. */
  stagedBlock(hash: Uint8Array): BlockBody | undefined {
    return this.#staged.get(hashKey(hash))?.body
  }

  /** Forgets a staged block that lost, and all on it; does nothing for any other block. */
  discard(hash: Uint8Array): void {
    if (!this.#staged.has(hashKey(hash))) return
    this.#chain.states.discard(hash)
    const gone = new Set([hashKey(hash)])
    // Parents were staged before their children, and a Map iterates in that order.
    for (const [key, block] of this.#staged) {
      if (gone.has(hashKey(block.body.header.parentHash))) gone.add(key)
      if (gone.has(key)) this.#staged.delete(key)
    }
  }

  async #newPayload(payload: NewPayload): Promise<EnginePayloadStatus> {
    const { blockHash, parentHash } = payload.executionPayload
    const block = blockOfPayload(payload)
    const malformed = formProblem(payload, block)
    if (malformed !== undefined) return invalid(undefined, malformed)
    if (!bytesEqual(headerHash(block.header), blockHash)) {
      return invalid(undefined, 'The block hash is not that of the header')
    }
    // Not remembered: the list of hashes is no part of the block.
    const blobs = blobsProblem(block, payload.expectedBlobVersionedHashes)
    if (blobs !== undefined) return invalid(undefined, blobs)
    if (this.#known(blockHash) !== undefined) return { status: 'VALID', latestValidHash: blockHash }
    const remembered = this.#invalid.get(hashKey(blockHash))
    if (remembered !== undefined) return invalid(parentHash, remembered)
    const parent = this.#known(parentHash)
    if (parent === undefined || this.#staged.size >= stagedBlocksMax) return { status: 'SYNCING' }
    const problem = await this.#check(block, blockHash, parent)
    if (problem === undefined) return { status: 'VALID', latestValidHash: blockHash }
    this.#invalid.set(hashKey(blockHash), problem)
    return invalid(parentHash, problem)
  }

  /** Executes a block on a known parent and keeps it; returns what is wrong with it. */
  async #check(
    block: BlockBody,
    hash: Uint8Array,
    parent: HeaderRecord,
  ): Promise<string | undefined> {
    const { header } = block
    const early = headerProblem(header, { parent: parent.header, rules: this.#rules })
    if (early !== undefined) return early
    const transactions = await this.#resolver.resolve(block.transactions)
    if (typeof transactions === 'string') return transactions
    const context = this.#context(parent, {
      coinbase: header.coinbase,
      timestamp: header.timestamp,
      gasLimit: header.gasLimit,
      prevRandao: header.prevRandao,
      parentBeaconBlockRoot: header.parentBeaconBlockRoot ?? zeroHash,
    })
    if (context === undefined) return belowFinalHead
    const unruly = governedProblem(
      { header, transactions: transactions.map(({ transaction }) => transaction) },
      { parent: parent.header, governed: governedParametersOf(context.state) },
    )
    if (unruly !== undefined) return unruly
    const result = await executeInSlices(context, { transactions, block, clock: this.#clock })
    if (typeof result === 'string') return result
    // The cheap comparisons first: a wrong block is not worth a rehash.
    const wrong = resultProblem(header, result)
    if (wrong !== undefined) return wrong
    if (!this.#isBuildable(parent.hash)) return belowFinalHead
    const prepared = this.#chain.states.prepare(this.#chain.stateKeyOf(parent.hash), result.changes)
    if (!bytesEqual(prepared.stateRoot, header.stateRoot)) return 'The state root is wrong'
    const { receipts, changes } = result
    const supply = supplyChangeOf(result)
    this.#stage({ hash, body: block, transactions, receipts, supply, changes }, prepared)
    return undefined
  }

  async #build(parentHash: Uint8Array, attributes: EnginePayloadAttributes): Promise<BuiltPayload> {
    const { timestamp, prevRandao, suggestedFeeRecipient, withdrawals } = attributes
    const parent = this.#known(parentHash)
    const context =
      parent === undefined
        ? undefined
        : this.#context(parent, {
            coinbase: suggestedFeeRecipient,
            timestamp,
            gasLimit: this.#gasLimitOn(parent),
            prevRandao,
            parentBeaconBlockRoot: attributes.parentBeaconBlockRoot,
          })
    if (parent === undefined || context === undefined) throw new PayloadParentGoneError(parentHash)
    const filled = await this.#fill(
      context,
      parent,
      attributes.buildBudgetMs ?? buildBudgetMsDefault,
    )
    for (const { hash } of filled.hopeless) this.#pool.drop(hash)
    if (!this.#isBuildable(parentHash)) throw new PayloadParentGoneError(parentHash)
    const result = filled.execution.finish(withdrawals)
    const prepared = this.#chain.states.prepare(this.#chain.stateKeyOf(parentHash), result.changes)
    const { transactions, valueWei } = filled
    const { stateRoot } = prepared
    const header = sealHeader(context, result, { transactions, withdrawals, stateRoot })
    const { receipts, changes, requests } = result
    const body = {
      header,
      transactions: transactions.map(({ bytes }) => bytes),
      withdrawals,
      requests,
    }
    const [hash, supply] = [headerHash(header), supplyChangeOf(result)]
    this.#stage({ hash, body, transactions, receipts, supply, changes }, prepared)
    const executionPayload = executionPayloadOf(body)
    return { executionPayload, blockValue: valueWei, executionRequests: requests }
  }

  #fill(context: BlockContext, parent: HeaderRecord, budgetMs: number) {
    const included = this.#includedUpTo(parent.hash)
    const selection = this.#pool.select(nextBaseFee(context.parent), ({ hash }) =>
      included.has(hashKey(hash)),
    )
    const { gasPriceMin } = governedParametersOf(context.state)
    return fillBlock(context, { selection, clock: this.#clock, budgetMs, gasPriceMin })
  }

  #stage(block: StagedBlock, prepared: PreparedState): void {
    this.#chain.states.stage(block.hash, prepared)
    this.#staged.set(hashKey(block.hash), block)
  }

  #finalize(hash: Uint8Array): Promise<void> {
    return this.#finalities.run(async () => {
      if (this.#chain.isFinal(hash)) return
      const branch: StagedBlock[] = []
      let block = this.#staged.get(hashKey(hash))
      while (block !== undefined) {
        branch.unshift(block)
        block = this.#staged.get(hashKey(block.body.header.parentHash))
      }
      assert(branch.length > 0, 'a known block is staged or final')
      await this.#chain.finalize(branch)
      this.#dropBranches()
    })
  }

  /** Forgets staged blocks that are final now, and those that can never be. */
  #dropBranches(): void {
    const { hash } = this.#chain.head()
    const kept = new Set([hashKey(hash)])
    // Parents were staged before their children, and a Map iterates in that order.
    for (const [key, block] of this.#staged) {
      if (kept.has(hashKey(block.body.header.parentHash))) kept.add(key)
      else this.#staged.delete(key)
    }
  }

  #tellPool({ header, hash }: HeaderRecord): void {
    const state = this.#chain.states.readerAt(hash)
    const changes = this.#staged.get(hashKey(hash))?.changes
    assert(state !== undefined && changes !== undefined, 'a new head was staged')
    this.#pool.setHead({ header, state, nextBaseFee: nextBaseFee(feesOf(header)) }, changes)
  }

  /** Header of a block that is staged or final here. */
  #known(hash: Uint8Array): HeaderRecord | undefined {
    const staged = this.#staged.get(hashKey(hash))
    return staged === undefined
      ? this.#chain.headerByHash(hash)
      : { hash: staged.hash, header: staged.body.header }
  }

  /** Undefined when nothing can be built on that parent any more. */
  #context(parent: HeaderRecord, attributes: BlockContext['attributes']): BlockContext | undefined {
    const state = this.#chain.states.readerAt(this.#chain.stateKeyOf(parent.hash))
    if (state === undefined || !this.#isBuildable(parent.hash)) return undefined
    return {
      config: this.#chain.config,
      parent: this.#parentOf(parent),
      attributes,
      state,
      blockHash: (number) => this.#ancestorHash(parent, number),
    }
  }

  /** The gas limit of a block on that parent. */
  #gasLimitOn({ header, hash }: HeaderRecord): bigint {
    const state = this.#chain.states.readerAt(this.#chain.stateKeyOf(hash))
    const wanted = state && governedParametersOf(state).gasLimit
    return wanted === undefined ? header.gasLimit : nextGasLimit(header.gasLimit, wanted)
  }

  #parentOf({ header, hash }: HeaderRecord): BlockContext['parent'] {
    const parent = parentOf(header, hash)
    const baseFeePerGas = this.#baseFeeOverride()
    // A parent that met its gas target passes its own base fee on (EIP-1559).
    return baseFeePerGas === undefined
      ? parent
      : { ...parent, baseFeePerGas, gasUsed: parent.gasLimit / 2n }
  }

  /** Whether the block is the final head, or above it in memory; finality may move at any await. */
  #isBuildable(hash: Uint8Array): boolean {
    const key = this.#chain.stateKeyOf(hash)
    const { head } = this.#chain.states
    const block = this.#chain.states.blockAt(key)
    if (head === undefined || block === undefined) return false
    return block.height > head.height || bytesEqual(key, head.blockHash)
  }

  /** Hash of `parent` or of the ancestor of it with that number. */
  #ancestorHash(parent: HeaderRecord, number: number): Uint8Array | undefined {
    if (number === parent.header.number) return parent.hash
    let header: Header | undefined = parent.header
    while (header !== undefined && header.number > number) {
      if (header.number === number + 1) return header.parentHash
      header = this.#staged.get(hashKey(header.parentHash))?.body.header
    }
    return this.#chain.hashOfNumber(number)
  }

  /** Keys of the transactions in the un-final branch that ends with a block. */
  #includedUpTo(hash: Uint8Array): Set<string> {
    const included = new Set<string>()
    let block = this.#staged.get(hashKey(hash))
    while (block !== undefined) {
      for (const transaction of block.transactions) included.add(hashKey(transaction.hash))
      block = this.#staged.get(hashKey(block.body.header.parentHash))
    }
    return included
  }

  #pendingBlock(): Promise<PendingBlock> {
    const head = this.#chain.head()
    const key = `${hashKey(head.hash)}${this.#pool.revision}`
    const made = this.#pending
    const isSameHead = made?.block.header.number === head.header.number + 1
    const isFresh = made !== undefined && this.#clock.nowMs() - made.madeMs < pendingReuseMs
    if (made !== undefined && isSameHead && (made.key === key || isFresh)) {
      return Promise.resolve(made.block)
    }
    this.#pendingRun ??= this.#executions
      .run(() => this.#lookAhead())
      .finally(() => (this.#pendingRun = undefined))
    return this.#pendingRun
  }

  /** Finality does not wait for it: when that moves meanwhile, it looks ahead from the new head. */
  async #lookAhead(): Promise<PendingBlock> {
    for (let attempt = 0; attempt < lookAheadsMax; attempt++) {
      // A block that is being made final is the head once it is durable.
      await this.#finalities.run(async () => undefined)
      const block = await this.#lookAheadFrom(this.#chain.head())
      if (block !== undefined) return block
    }
    throw new PendingUnsettledError()
  }

  /** Undefined when the block is the head no more. */
  async #lookAheadFrom(head: HeaderRecord): Promise<PendingBlock | undefined> {
    const key = `${hashKey(head.hash)}${this.#pool.revision}`
    const nowSeconds = Math.floor(this.#clock.nowMs() / 1000)
    const context = this.#context(head, {
      coinbase: 0n,
      timestamp: Math.max(nowSeconds, head.header.timestamp + (this.#rules.subSecond ? 0 : 1)),
      gasLimit: this.#gasLimitOn(head),
      prevRandao: head.header.prevRandao,
      parentBeaconBlockRoot: zeroHash,
    })
    if (context === undefined) return undefined
    const { execution, transactions } = await this.#fill(context, head, pendingBudgetMs)
    if (!this.#isBuildable(head.hash)) return undefined
    const result = execution.finish([])
    const prepared = this.#chain.states.prepare(this.#chain.stateKeyOf(head.hash), result.changes)
    const { stateRoot } = prepared
    const header = sealHeader(context, result, { transactions, withdrawals: [], stateRoot })
    const state = execution.stateReader
    const { receipts, changes } = result
    const block = { header, transactions, receipts, state, changes }
    this.#pending = { madeMs: this.#clock.nowMs(), key, block }
    return block
  }
}

function invalid(
  latestValidHash: Uint8Array | undefined,
  validationError: string,
): EnginePayloadStatus {
  return { status: 'INVALID', latestValidHash, validationError }
}

/** The head moved at each look ahead: the machine has too much else to do. */
export class PendingUnsettledError extends ZgError<'CHAIN_PENDING_UNSETTLED'> {
  constructor() {
    const message = 'Cannot execute the pending block: a new head came each time; ask again'
    super('CHAIN_PENDING_UNSETTLED', message)
  }
}

export class PayloadUnknownError extends ZgError<'CHAIN_PAYLOAD_UNKNOWN'> {
  constructor(id: PayloadId) {
    const message = `Cannot get payload ${id}: no such build is under way`
    super('CHAIN_PAYLOAD_UNKNOWN', message, { id })
  }
}

export class PayloadParentGoneError extends ZgError<'CHAIN_PAYLOAD_PARENT_GONE'> {
  constructor(parentHash: Uint8Array) {
    const message = 'Cannot build the block: its parent is unknown, or below the final head'
    super('CHAIN_PAYLOAD_PARENT_GONE', message, { parentHash })
  }
}
