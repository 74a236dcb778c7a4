/**
 * The world state of a chain: final blocks on disk, un-final ones as a tree of layers above them.
 *
 *     prepare(parent, changes) -> root   the header is made of it, so the block hash comes after
 *     stage(hash, prepared)              the layer joins the tree
 *     finalize(hash, extra)              one batch: records, reverse entries, the chain's writes
 *
 * A batch is all or nothing and batches are in order, so a crash at any moment leaves the state of
 * one final block, whole, with what the chain wrote beside it. Staged blocks are in memory only:
 * the chain executes them again.
 *
 * The head moves when `finalize` is called, its durability is reported later; a store that refuses
 * a batch breaks the database, since memory is then ahead of the disk.
 */

import { assert, bytesEqual, toHex, ZgError } from '@zg/primitives'
import type { KeyValueStore, KeyValueWrite } from '@zg/runtime'

import type { StateChanges, StateReader } from './account.ts'
import { FinalState, nodeCacheSizeBytesDefault } from './final-state.ts'
import { HashedKeys } from './hashed-keys.ts'
import { ArchiveHistory, RecentHistory } from './history.ts'
import type { History } from './history.ts'
import { Layer } from './layer.ts'
import { writesOf } from './layer-writes.ts'
import type { NodeWrite, StorageNames } from './layer-writes.ts'
import { PastState } from './past-state.ts'
import { SnapshotReader } from './snapshot-reader.ts'
import type { StateProof } from './state-proof.ts'
import { StateRecords } from './state-records.ts'
import type { StateHead } from './state-records.ts'
import { proveIn, readerOf } from './state-view.ts'
import type { StateView } from './state-view.ts'
import { applyChanges } from './transition.ts'
import { emptyTrieRoot } from './trie-root.ts'

/** The parent of the genesis block: 32 zero bytes, standing for the empty state. */
export const genesisParentHash: Uint8Array = new Uint8Array(32)

/** Most slots proved at once. */
export const proofSlotsMax = 1024

/** The same of a state that is pinned: what each slot takes is looked for in every later block. */
export const pinnedProofSlotsMax = 16

/** Most heights whose history one `finalize` forgets, when a pin was lifted. */
const prunedHeightsMax = 16

export type StateDatabaseOptions = {
  readonly store: KeyValueStore
  /** How many final states stay readable, the newest included. @default 128 */
  readonly retainedStates?: number
  /** Keep all final states readable; fixed when the store is first written. @default false */
  readonly archive?: boolean
  /** Most un-final blocks at once. @default 1152 */
  readonly stagedBlocksMax?: number
  /** Most memory for the changes of un-final blocks, about. @default 512 MiB */
  readonly stagedSizeBytesMax?: number
  /** Memory for trie nodes of the head. @default 64 MiB */
  readonly nodeCacheSizeBytes?: number
  /** Height of the block whose parent is `genesisParentHash`. @default 0 */
  readonly firstHeight?: number
}

/** The state after a block whose hash is not known yet, as its header holds this root. */
export type PreparedState = {
  readonly parentHash: Uint8Array
  readonly height: number
  /** 32 bytes. */
  readonly stateRoot: Uint8Array
}

/** A block that readers hold; its status changes as the chain goes on. */
type KnownBlock = StateHead & {
  status: 'staged' | 'final' | 'dropped'
  readonly layer?: Layer
  past?: PastState
}

type StagedBlock = KnownBlock & {
  readonly layer: Layer
  readonly parent: StagedBlock | undefined
  readonly sizeBytes: number
}

/** What a block adds to a batch. */
type BlockWrites = {
  readonly block: StagedBlock
  readonly writes: readonly KeyValueWrite[]
  readonly nodes: readonly NodeWrite[]
}

/** Keeps the state after each block; see the module header. */
export class StateDatabase {
  readonly #options: Required<StateDatabaseOptions>
  readonly #records: StateRecords
  readonly #history: History
  readonly #final: FinalState
  readonly #keys = new HashedKeys()
  readonly #staged = new Map<string, StagedBlock>()
  readonly #layers = new WeakMap<PreparedState, Layer>()
  #stagedSizeBytes = 0
  #head: StateHead | undefined
  #oldestHeight: number
  #pinnedHeight = Infinity
  #failure: StateBrokenError | undefined

  private constructor(options: Required<StateDatabaseOptions>) {
    const { store, archive, nodeCacheSizeBytes } = options
    this.#options = options
    this.#records = new StateRecords(store, archive)
    this.#history = archive ? new ArchiveHistory(store) : new RecentHistory(store)
    this.#final = new FinalState(store, nodeCacheSizeBytes)
    this.#head = this.#records.head()
    this.#oldestHeight = this.#records.oldestHeight() ?? options.firstHeight
  }

  /**
   * Opens the state that stands in a store; an empty one has no head.
   *
   * @throws {StateFormatMismatchError} `STATE_FORMAT_MISMATCH` when the store was written with
   *   another `archive` or by another version.
   */
  static open(options: StateDatabaseOptions): StateDatabase {
    const full: Required<StateDatabaseOptions> = {
      retainedStates: 128,
      archive: false,
      stagedBlocksMax: 1_152,
      stagedSizeBytesMax: 512 * 1024 * 1024,
      nodeCacheSizeBytes: nodeCacheSizeBytesDefault,
      firstHeight: 0,
      ...options,
    }
    assert(full.retainedStates >= 1, 'at least the head is retained')
    return new StateDatabase(full)
  }

  /** The newest final block; undefined before genesis is final. */
  get head(): StateHead | undefined {
    return this.#head
  }

  /** What all accounts of the newest final state hold: one read of each of them. */
  sumOfBalances(): bigint {
    return this.#final.sumOfBalances()
  }

  /** The lowest height whose state is readable. */
  get oldestHeight(): number {
    return this.#oldestHeight
  }

  /** How many blocks are staged. */
  get stagedCount(): number {
    return this.#staged.size
  }

  /**
   * Applies `changes` to the state after `parentHash` (staged, or the final head; for the first
   * block `genesisParentHash`) and returns the new root. Nothing is kept until `stage`.
   *
   * @throws {StateParentUnknownError} `STATE_PARENT_UNKNOWN`
   */
  prepare(parentHash: Uint8Array, changes: StateChanges): PreparedState {
    const parent = this.#parentOf(parentHash)
    const layer = new Layer(this.#final, parent.layer)
    const parentRoot = parent.stateRoot
    const stateRoot = applyChanges(layer, changes, { keys: this.#keys, parentRoot })
    const prepared: PreparedState = { parentHash, height: parent.height + 1, stateRoot }
    this.#layers.set(prepared, layer)
    return prepared
  }

  /**
   * Keeps a prepared state in memory as that of block `blockHash`; each prepared state once. For a
   * block that is staged or the head already it does nothing.
   *
   * @throws {StateParentUnknownError} `STATE_PARENT_UNKNOWN` when the parent was dropped since.
   * @throws {StagedBlocksFullError} `STATE_STAGED_BLOCKS_FULL` at a limit of count or memory.
   */
  stage(blockHash: Uint8Array, prepared: PreparedState): void {
    const name = toHex(blockHash)
    if (this.#staged.has(name) || this.#isHead(blockHash)) return
    const layer = this.#layers.get(prepared)
    assert(layer !== undefined, 'a prepared state is staged once, where it was prepared')
    const parent = this.#parentOf(prepared.parentHash)
    const sizeBytes = layer.sizeBytes()
    const { stagedBlocksMax, stagedSizeBytesMax } = this.#options
    // A first block is taken whatever its size: genesis is one batch.
    const isTooLarge =
      this.#staged.size > 0 && this.#stagedSizeBytes + sizeBytes > stagedSizeBytesMax
    if (this.#staged.size >= stagedBlocksMax || isTooLarge) {
      throw new StagedBlocksFullError(this.#staged.size, this.#stagedSizeBytes)
    }
    const { height, stateRoot } = prepared
    const block: StagedBlock = {
      blockHash: blockHash.slice(),
      height,
      stateRoot,
      status: 'staged',
      layer,
      parent: parent.staged,
      sizeBytes,
    }
    this.#layers.delete(prepared)
    this.#staged.set(name, block)
    this.#stagedSizeBytes += sizeBytes
  }

  /** Forgets a staged block and all staged on it; nothing for any other block. */
  discard(blockHash: Uint8Array): void {
    const block = this.#staged.get(toHex(blockHash))
    if (block !== undefined) this.#dropWhere((other) => descendsFrom(other, block))
  }

  /** The block's height and root while its state is readable. */
  blockAt(blockHash: Uint8Array): StateHead | undefined {
    const block = this.#find(blockHash)
    return block && { blockHash: block.blockHash, height: block.height, stateRoot: block.stateRoot }
  }

  /** The final block of a height while its state is readable. */
  finalBlockAt(height: number): StateHead | undefined {
    if (this.#head === undefined || height < this.#oldestHeight) return undefined
    return height > this.#head.height ? undefined : this.#records.block(height)
  }

  /**
   * Reads the state after a block: staged, final head, or one of the retained final ones. The
   * reader follows its block as that becomes final and past.
   *
   * @throws {StateUnavailableError} `STATE_UNAVAILABLE` from a read after the block was dropped, or
   *   its state is no longer retained.
   */
  readerAt(blockHash: Uint8Array): StateReader | undefined {
    const block = this.#find(blockHash)
    return block && readerOf(() => this.#viewOf(block), this.#keys)
  }

  /**
   * Proves an account and slots after any block that `readerAt` reads.
   *
   * @throws {ProofTooLargeError} `STATE_PROOF_TOO_LARGE` for more than `proofSlotsMax` slots, or
   *   `pinnedProofSlotsMax` of a state older than those retained.
   */
  prove(blockHash: Uint8Array, address: bigint, slots: readonly bigint[]): StateProof | undefined {
    if (slots.length > proofSlotsMax) throw new ProofTooLargeError(slots.length, proofSlotsMax)
    const block = this.#find(blockHash)
    if (block !== undefined && this.#isPinned(block) && slots.length > pinnedProofSlotsMax) {
      throw new ProofTooLargeError(slots.length, pinnedProofSlotsMax)
    }
    return block && proveIn(this.#viewOf(block), this.#keys, address, slots)
  }

  /** Gives out the state after a final block in proved pieces; undefined when it is not kept. */
  snapshotAt(blockHash: Uint8Array): SnapshotReader | undefined {
    const block = this.#find(blockHash)
    return block?.status === 'final' ? new SnapshotReader(() => this.#viewOf(block)) : undefined
  }

  /** Keeps all states from `height` on readable, beyond those retained; undefined lifts it. */
  pin(height: number | undefined): void {
    this.#pinnedHeight = height ?? Infinity
  }

  /**
   * Makes a staged block, and the staged ones below it, final: their changes and `extraWrites` go
   * to the store in one batch; staged blocks that do not descend from it are dropped. Reads see the
   * new head at once; the promise resolves when the batch is durable. Tables named `state.*` are
   * ours.
   *
   * @throws {StateBlockNotStagedError} `STATE_BLOCK_NOT_STAGED`
   * @throws {StateBrokenError} `STATE_BROKEN` when the store refused the batch, now or earlier.
   */
  async finalize(blockHash: Uint8Array, extraWrites: readonly KeyValueWrite[] = []): Promise<void> {
    this.#assertWhole()
    const block = this.#staged.get(toHex(blockHash))
    if (block === undefined) throw new StateBlockNotStagedError(blockHash)
    const blocks = lineageOf(block)
    const oldestHeight = this.#nextOldestHeight(block.height)

    const parts = blocks.map((each) => this.#blockWrites(each, oldestHeight))
    // `concat` and `flatMap`, as spreading a large block into `push` would overflow the stack.
    const batch = parts
      .flatMap(({ writes }) => writes)
      .concat(this.#pruneWrites(oldestHeight))
      .concat(this.#records.headWrites(block, oldestHeight))
      .concat(extraWrites)
    const written = this.#options.store.write(batch)

    for (const { block: each, nodes } of parts) this.#makeFinal(each, nodes)
    this.#head = { blockHash: block.blockHash, height: block.height, stateRoot: block.stateRoot }
    this.#oldestHeight = oldestHeight
    this.#dropWhere((other) => !descendsFrom(other, block))
    try {
      await written
    } catch (cause) {
      this.#failure = new StateBrokenError(cause)
      throw this.#failure
    }
  }

  #blockWrites(block: StagedBlock, oldestHeight: number): BlockWrites {
    const { layer } = block
    const clearing = (account: string): StorageNames => this.#standingBelow(layer, account)
    const { writes, nodes, reverse } = writesOf(layer, this.#history.wholeNodes, clearing)
    const isReadable = block.height >= oldestHeight
    // Entries serve the readers of lower heights, and there are none below the oldest.
    const isTold = block.height > oldestHeight
    const head = isReadable ? this.#records.blockWrites(block) : []
    const history = isTold ? this.#history.record(block.height, reverse) : []
    return { block, nodes, writes: head.concat(writes, history) }
  }

  /** All that stood below an account before a layer: in the final state and the layers between. */
  #standingBelow(layer: Layer, account: string): StorageNames {
    const slots = new Set(this.#final.slotsOf(account))
    const nodes = new Set(this.#final.nodesOf(account))
    const { before } = layer
    if (before instanceof Layer) {
      for (const earlier of before.lineage()) {
        const storage = earlier.storage.get(account)
        for (const slot of storage?.slots.keys() ?? []) slots.add(slot)
        for (const path of storage?.nodes.keys() ?? []) nodes.add(path)
      }
    }
    return { slots, nodes }
  }

  /** Whether nothing but a pin, or the time that it takes to prune, keeps its state. */
  #isPinned({ height }: StateHead): boolean {
    const { archive, retainedStates } = this.#options
    return !archive && height <= (this.#head?.height ?? height) - retainedStates
  }

  #nextOldestHeight(headHeight: number): number {
    const oldest = this.#oldestHeight
    if (this.#options.archive || this.#head === undefined) return oldest
    const wanted = Math.min(headHeight - this.#options.retainedStates + 1, this.#pinnedHeight)
    return Math.max(oldest, Math.min(wanted, oldest + prunedHeightsMax))
  }

  #pruneWrites(oldestHeight: number): KeyValueWrite[] {
    const writes: KeyValueWrite[] = []
    for (let height = this.#oldestHeight; height < oldestHeight; height++) {
      writes.push(...this.#records.forgetWrites(height), ...this.#history.prune(height + 1))
    }
    return writes
  }

  #makeFinal(block: StagedBlock, nodes: readonly NodeWrite[]): void {
    this.#final.absorb(block.layer, nodes)
    block.layer.becomeFinal()
    block.status = 'final'
    this.#staged.delete(toHex(block.blockHash))
    this.#stagedSizeBytes -= block.sizeBytes
  }

  #dropWhere(isDropped: (block: StagedBlock) => boolean): void {
    for (const [name, block] of this.#staged) {
      if (!isDropped(block)) continue
      block.status = 'dropped'
      this.#staged.delete(name)
      this.#stagedSizeBytes -= block.sizeBytes
    }
  }

  #find(blockHash: Uint8Array): KnownBlock | undefined {
    this.#assertWhole()
    const staged = this.#staged.get(toHex(blockHash))
    if (staged !== undefined) return staged
    const height = this.#records.heightOf(blockHash)
    if (height === undefined || height < this.#oldestHeight) return undefined
    const block = this.#records.block(height)
    return block && { ...block, status: 'final' }
  }

  #viewOf(block: KnownBlock): StateView {
    this.#assertWhole()
    if (block.status === 'staged' && block.layer !== undefined) return block.layer
    const headHeight = this.#head?.height ?? -1
    if (block.status === 'final' && block.height === headHeight) return this.#final
    if (block.status !== 'final' || block.height < this.#oldestHeight) {
      throw new StateUnavailableError(block)
    }
    const head = (): number => this.#head?.height ?? block.height
    block.past ??= new PastState(this.#final, this.#history, { height: block.height, head })
    return block.past
  }

  #parentOf(parentHash: Uint8Array): {
    readonly height: number
    readonly stateRoot: Uint8Array
    readonly layer: Layer | undefined
    readonly staged: StagedBlock | undefined
  } {
    this.#assertWhole()
    const staged = this.#staged.get(toHex(parentHash))
    if (staged !== undefined) return { ...staged, staged }
    const none = { layer: undefined, staged: undefined }
    if (this.#head !== undefined && this.#isHead(parentHash)) return { ...this.#head, ...none }
    if (this.#head === undefined && bytesEqual(parentHash, genesisParentHash)) {
      return { height: this.#options.firstHeight - 1, stateRoot: emptyTrieRoot, ...none }
    }
    throw new StateParentUnknownError(parentHash)
  }

  #isHead(blockHash: Uint8Array): boolean {
    return this.#head !== undefined && bytesEqual(this.#head.blockHash, blockHash)
  }

  #assertWhole(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}

/** The staged blocks from the oldest up to `block`. */
function lineageOf(block: StagedBlock): StagedBlock[] {
  const blocks: StagedBlock[] = []
  let each: StagedBlock | undefined = block
  for (; each !== undefined && each.status === 'staged'; each = each.parent) blocks.unshift(each)
  return blocks
}

function descendsFrom(block: StagedBlock, ancestor: StagedBlock): boolean {
  let each: StagedBlock | undefined = block
  while (each !== undefined && each.height > ancestor.height) each = each.parent
  return each === ancestor
}

export class StateParentUnknownError extends ZgError<'STATE_PARENT_UNKNOWN'> {
  constructor(parentHash: Uint8Array) {
    const message = `Cannot build on block ${toHex(parentHash)}: it is neither staged nor the head`
    super('STATE_PARENT_UNKNOWN', message, { parentHash })
  }
}

export class StagedBlocksFullError extends ZgError<'STATE_STAGED_BLOCKS_FULL'> {
  constructor(count: number, sizeBytes: number) {
    const message = `Cannot stage a block: ${count} blocks of ${sizeBytes} bytes are not final yet`
    super('STATE_STAGED_BLOCKS_FULL', message, { count, sizeBytes })
  }
}

export class StateBlockNotStagedError extends ZgError<'STATE_BLOCK_NOT_STAGED'> {
  constructor(blockHash: Uint8Array) {
    const message = `Cannot make block ${toHex(blockHash)} final: it is not staged`
    super('STATE_BLOCK_NOT_STAGED', message, { blockHash })
  }
}

export class StateUnavailableError extends ZgError<'STATE_UNAVAILABLE'> {
  constructor({ blockHash, height }: StateHead) {
    const message = `Cannot read the state of block ${height}: it was dropped or is too old`
    super('STATE_UNAVAILABLE', message, { blockHash, height })
  }
}

export class ProofTooLargeError extends ZgError<'STATE_PROOF_TOO_LARGE'> {
  readonly slotsMax: number

  constructor(count: number, slotsMax: number) {
    const message = `Cannot prove ${count} slots of that state at once: at most ${slotsMax}`
    super('STATE_PROOF_TOO_LARGE', message, { count, slotsMax })
    this.slotsMax = slotsMax
  }
}

export class StateBrokenError extends ZgError<'STATE_BROKEN'> {
  constructor(cause: unknown) {
    const message = 'Cannot use the state: the store refused a block; reopen it to go on'
    super('STATE_BROKEN', message, {}, cause)
  }
}
