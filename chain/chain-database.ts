/**
 * The final chain of this node: blocks and state in one store, and who wants to hear of new heads.
 *
 * `finalize` writes blocks, receipts, indexes and state in one batch; only after that batch is
 * durable does `head()` move and are listeners told. What a crash leaves is a whole chain up to
 * some block.
 */

import type { ChainConfig, Receipt } from '@zg/evm'
import {
  assert,
  bigintToBytes,
  bytesEqual,
  concat,
  keccak256,
  toHex,
  ZgError,
} from '@zg/primitives'
import type { KeyValueStore } from '@zg/runtime'
import { genesisParentHash, StateDatabase } from '@zg/state'
import type { StateChanges, StateProof, StateReader } from '@zg/state'

import {
  blockOfExecuted,
  BlockStore,
  blockWrites,
  genesisExecuted,
  headWrite,
  supplyWrite,
} from './block-store.ts'
import type { ExecutedBlock } from './block-store.ts'
import { BoundedCache } from './bounded-cache.ts'
import type {
  Block,
  ChainReader,
  HeaderRecord,
  HeadListener,
  LogQuery,
  LogRecord,
  PendingBlock,
  TransactionLocation,
} from './chain-view.ts'
import type { Genesis } from './genesis.ts'
import { hashKey } from './hash-key.ts'
import { searchLogs } from './log-search.ts'
import { outboxAddress, supplyAfter, supplyFrom } from './supply.ts'
import type { Supply } from './supply.ts'

/** Decoded blocks and lists of receipts kept in memory, each. */
const cachedBlocksMax = 64

/** Headers and hashes kept in memory. */
const cachedHeadersMax = 1_024

export type ChainDatabaseOptions = {
  readonly genesis: Genesis
  readonly store: KeyValueStore
  /** Keep all states readable. @default false */
  readonly archive?: boolean
  /** How many final states stay readable. @default 128 */
  readonly retainedStates?: number
  /** What `overrides` of the chain said whose store this is a copy of. */
  readonly overrides?: ReadonlyMap<string, Uint8Array>
}

export class ChainDatabase implements ChainReader {
  readonly config: ChainConfig
  readonly genesisHash: Uint8Array
  /** Un-final states too: for who builds and checks blocks. */
  readonly states: StateDatabase
  readonly #blocks: BlockStore
  readonly #headerCache = new BoundedCache<number, HeaderRecord>(cachedHeadersMax)
  readonly #blockCache = new BoundedCache<number, Block>(cachedBlocksMax)
  readonly #receiptCache = new BoundedCache<number, readonly Receipt[]>(cachedBlocksMax)
  readonly #listeners = new Set<HeadListener>()
  /** States that cheats put over that of a block: block hash -> key of the state. */
  readonly #overridden = new Map<string, Uint8Array>()
  #overrideCount = 0
  #head: Block
  /** After the head. */
  #supply: Supply
  /** The lowest block whose logs are held, the genesis, which has none, left out. */
  readonly #firstLogs: number
  #pending: (() => Promise<PendingBlock>) | undefined

  private constructor(
    genesis: Genesis,
    parts: {
      readonly states: StateDatabase
      readonly blocks: BlockStore
      readonly supply: Supply
    },
  ) {
    const { states, blocks, supply } = parts
    this.config = genesis.config
    this.genesisHash = genesis.hash
    this.states = states
    this.#blocks = blocks
    this.#supply = supply
    const head = blocks.head()
    const header = head === undefined ? undefined : blocks.header(head.number)
    const block =
      head === undefined || header === undefined
        ? undefined
        : blocks.block({ header, hash: head.hash })
    assert(block !== undefined, 'the head block stands beside its state')
    this.#head = block
    this.#firstLogs = blocks.firstReceipts() ?? block.header.number + 1
  }

  /**
   * Opens the chain in `store`, which gets the genesis block when it is empty.
   *
   * @throws {GenesisMismatchError} `CHAIN_GENESIS_MISMATCH`
   */
  static async open(options: ChainDatabaseOptions): Promise<ChainDatabase> {
    const { genesis, store, archive = false, retainedStates = 128 } = options
    const states = StateDatabase.open({ store, archive, retainedStates })
    const blocks = new BlockStore(store)
    if (states.head === undefined) {
      const prepared = states.prepare(genesisParentHash, genesis.changes)
      assert(
        bytesEqual(prepared.stateRoot, genesis.header.stateRoot),
        'both roots of genesis agree',
      )
      states.stage(genesis.hash, prepared)
      const executed = genesisExecuted(genesis)
      await states.finalize(genesis.hash, [...blockWrites(executed), headWrite(executed)])
    } else if (blocks.numberOf(genesis.hash) !== 0) {
      const header = blocks.header(0)
      throw new GenesisMismatchError(genesis.hash, header?.stateRoot)
    }
    const head = blocks.head()
    assert(head !== undefined, 'the head block stands beside its state')
    let supply = blocks.supply(head.number)
    if (supply === undefined) {
      supply = recount(states, head)
      await store.write([supplyWrite(head.number, supply)])
    }
    const chain = new ChainDatabase(genesis, { states, blocks, supply })
    for (const [key, state] of options.overrides ?? []) chain.#overridden.set(key, state)
    return chain
  }

  head(): Block {
    return this.#head
  }

  headNumber(): number {
    return this.#head.header.number
  }

  headerByNumber(number: number): HeaderRecord | undefined {
    if (!Number.isSafeInteger(number) || number < 0 || number > this.headNumber()) return undefined
    const cached = this.#headerCache.get(number)
    if (cached !== undefined) return cached
    const header = this.#blocks.header(number)
    if (header === undefined) return undefined
    // The child's header holds the hash; the head's is known.
    const record = { header, hash: this.#hashOf(number) }
    this.#headerCache.set(number, record)
    return record
  }

  headerByHash(hash: Uint8Array): HeaderRecord | undefined {
    const number = this.#numberOf(hash)
    return number === undefined ? undefined : this.headerByNumber(number)
  }

  blockByNumber(number: number): Block | undefined {
    const cached = this.#blockCache.get(number)
    if (cached !== undefined) return cached
    const record = this.headerByNumber(number)
    const block = record === undefined ? undefined : this.#blocks.block(record)
    if (block !== undefined) this.#blockCache.set(number, block)
    return block
  }

  blockByHash(hash: Uint8Array): Block | undefined {
    const number = this.#numberOf(hash)
    return number === undefined ? undefined : this.blockByNumber(number)
  }

  hashOfNumber(number: number): Uint8Array | undefined {
    return this.headerByNumber(number)?.hash
  }

  receiptsByHash(blockHash: Uint8Array): readonly Receipt[] | undefined {
    const number = this.#numberOf(blockHash)
    if (number === undefined) return undefined
    const cached = this.#receiptCache.get(number)
    if (cached !== undefined) return cached
    const receipts = this.#blocks.receipts(number)
    if (receipts !== undefined) this.#receiptCache.set(number, receipts)
    return receipts
  }

  transactionLocation(hash: Uint8Array): TransactionLocation | undefined {
    const place = this.#blocks.transactionPlace(hash)
    const blockHash = place === undefined ? undefined : this.hashOfNumber(place.blockNumber)
    return place === undefined || blockHash === undefined ? undefined : { ...place, blockHash }
  }

  stateAt(blockHash: Uint8Array): StateReader | undefined {
    if (this.#numberOf(blockHash) === undefined) return undefined
    return this.states.readerAt(this.stateKeyOf(blockHash))
  }

  prove(blockHash: Uint8Array, address: bigint, slots: readonly bigint[]): StateProof | undefined {
    if (this.#numberOf(blockHash) === undefined) return undefined
    return this.states.prove(this.stateKeyOf(blockHash), address, slots)
  }

  supplyAt(number: number): Supply | undefined {
    if (number === this.headNumber()) return this.#supply
    return number > this.headNumber() ? undefined : this.#blocks.supply(number)
  }

  pending(): Promise<PendingBlock> {
    assert(this.#pending !== undefined, 'an engine builds on the chain')
    return this.#pending()
  }

  logs(query: LogQuery): readonly LogRecord[] {
    const isHeld = query.toNumber < 1 || Math.max(1, query.fromNumber) >= this.#firstLogs
    if (!isHeld) throw new LogsNotHeldError(this.#firstLogs)
    return searchLogs(query, this.#blocks, (number) => this.headerByNumber(number))
  }

  onHead(listener: HeadListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Sets who answers `pending`. */
  servePending(pending: () => Promise<PendingBlock>): void {
    this.#pending = pending
  }

  /** The payload of a final block; undefined when it is none. */
  payloadOf(blockHash: Uint8Array): Uint8Array | undefined {
    const number = this.#numberOf(blockHash)
    return number === undefined ? undefined : this.#blocks.payload(number)
  }

  /** What the state database calls the state after a block: its hash, but for cheats. */
  stateKeyOf(blockHash: Uint8Array): Uint8Array {
    return this.#overridden.get(hashKey(blockHash)) ?? blockHash
  }

  /**
   * Changes the state after the head, without a block: development chains only. The head's header
   * keeps its root, so no proof holds against it until the next block.
   */
  async overrideState(changes: StateChanges): Promise<void> {
    const { hash, header } = this.#head
    const before = this.states.readerAt(this.stateKeyOf(hash))
    const given = changes.accounts.reduce((sum, { address, account }) => {
      return sum + (account?.balance ?? 0n) - (before?.account(address)?.balance ?? 0n)
    }, 0n)
    const outbox = changes.accounts.find(({ address }) => address === outboxAddress)
    const supply: Supply = {
      ...this.#supply,
      fromHeldWei: this.#supply.fromHeldWei + given,
      ...(outbox && { outboxWei: outbox.account?.balance ?? 0n }),
    }
    const count = bigintToBytes(BigInt(++this.#overrideCount), 8)
    const key = keccak256(concat(hash, count))
    this.states.stage(key, this.states.prepare(this.stateKeyOf(hash), changes))
    await this.states.finalize(key, [supplyWrite(header.number, supply)])
    this.#supply = supply
    this.#overridden.set(hashKey(hash), key)
  }

  /** Overridden states by block, for a copy of this chain over a copy of its store. */
  overrides(): ReadonlyMap<string, Uint8Array> {
    return new Map(this.#overridden)
  }

  /** Whether the block is final and durable here. */
  isFinal(blockHash: Uint8Array): boolean {
    return this.#numberOf(blockHash) !== undefined
  }

  /**
   * Makes staged blocks final: `blocks` lead from the child of the head to the new head. One call
   * at a time.
   */
  async finalize(blocks: readonly ExecutedBlock[]): Promise<void> {
    const newest = blocks.at(-1)
    assert(newest !== undefined, 'there is a block to make final')
    const [first] = blocks
    const follows = first !== undefined && bytesEqual(first.body.header.parentHash, this.#head.hash)
    assert(follows, 'finality extends the head')
    const supplies: Supply[] = []
    for (const { body, supply } of blocks) {
      const former = supplies.at(-1) ?? this.#supply
      supplies.push(supplyAfter(former, { body, change: supply, config: this.config }))
    }
    const supplyWrites = supplies.map((supply, place) => {
      return supplyWrite(this.headNumber() + 1 + place, supply)
    })
    const writes = [...blocks.flatMap(blockWrites), ...supplyWrites, headWrite(newest)]
    await this.states.finalize(newest.hash, writes)
    for (const [place, executed] of blocks.entries()) {
      const block = blockOfExecuted(executed)
      const { number } = block.header
      this.#headerCache.set(number, { header: block.header, hash: block.hash })
      this.#blockCache.set(number, block)
      this.#receiptCache.set(number, executed.receipts)
      this.#head = block
      this.#supply = supplies[place] ?? this.#supply
      for (const listener of this.#listeners) listener(block, executed.receipts)
    }
  }

  /** The number of a final block up to the durable head. */
  #numberOf(hash: Uint8Array): number | undefined {
    if (bytesEqual(hash, this.#head.hash)) return this.#head.header.number
    const number = this.#blocks.numberOf(hash)
    return number !== undefined && number <= this.headNumber() ? number : undefined
  }

  #hashOf(number: number): Uint8Array {
    if (number === this.headNumber()) return this.#head.hash
    // A chain that began with a snapshot has no child of it.
    if (number === 0) return this.genesisHash
    const child = this.#blocks.header(number + 1)
    assert(child !== undefined, 'every block below the head has a child')
    return child.parentHash
  }
}

/** Counts a chain whose earlier blocks this node did not execute. */
function recount(
  states: StateDatabase,
  head: { readonly number: number; readonly hash: Uint8Array },
): Supply {
  const state = states.readerAt(head.hash)
  assert(state !== undefined, 'the state of the head is readable')
  return supplyFrom({
    number: head.number,
    heldWei: states.sumOfBalances(),
    outboxWei: state.account(outboxAddress)?.balance ?? 0n,
  })
}

export class LogsNotHeldError extends ZgError<'CHAIN_LOGS_NOT_HELD'> {
  constructor(fromNumber: number) {
    const message = `Cannot search logs: this node holds none below block ${fromNumber}`
    super('CHAIN_LOGS_NOT_HELD', message, { fromNumber })
  }
}

export class GenesisMismatchError extends ZgError<'CHAIN_GENESIS_MISMATCH'> {
  constructor(expected: Uint8Array, storedStateRoot: Uint8Array | undefined) {
    const message = 'Cannot open the chain: its store began with another genesis block'
    super('CHAIN_GENESIS_MISMATCH', message, { expected: toHex(expected), storedStateRoot })
  }
}
