/**
 * What the doors (JSON-RPC, the explorer, tests) see of a running node.
 *
 * Only final blocks are shown, each once its commit is durable: the newest of them is `latest`,
 * `safe` and `finalized` at once. `pending` is what this node would build next. Block and
 * transaction hashes are 32 bytes; addresses, slots and topics are words.
 *
 * Every list a caller can ask for is bounded; where a bound is the caller's choice it is an
 * argument.
 */

import type { ChainConfig, Header, Log, Receipt, Transaction, Withdrawal } from '@zg/evm'
import type { StateChanges, StateProof, StateReader } from '@zg/state'

import type { Supply } from './supply.ts'

/** A transaction decoded and checked once: its bytes, hash and sender travel with it. */
export type SignedTransaction = {
  readonly transaction: Transaction
  /** 32 bytes. */
  readonly hash: Uint8Array
  readonly sender: bigint
  /** The EIP-2718 bytes. */
  readonly bytes: Uint8Array
  /** Whether nobody signed it: a development chain sends it for an impersonated account. */
  readonly isUnsigned?: boolean
}

export type HeaderRecord = {
  readonly header: Header
  /** 32 bytes. */
  readonly hash: Uint8Array
}

export type Block = HeaderRecord & {
  readonly transactions: readonly SignedTransaction[]
  readonly withdrawals: readonly Withdrawal[]
  /** Size of the block's RLP. */
  readonly sizeBytes: number
}

export type TransactionLocation = {
  readonly blockHash: Uint8Array
  readonly blockNumber: number
  /** In the block, 0-based. */
  readonly index: number
}

/** The block this node would build next, executed on the head; it has no seal and no final hash. */
export type PendingBlock = {
  readonly header: Header
  readonly transactions: readonly SignedTransaction[]
  readonly receipts: readonly Receipt[]
  readonly state: StateReader
  /** What the block does to the state after its parent, the head. */
  readonly changes: StateChanges
}

/** A log with its place. */
export type LogRecord = {
  readonly log: Log
  readonly blockNumber: number
  readonly blockHash: Uint8Array
  /** Of the block, in seconds. */
  readonly timestamp: number
  readonly transactionHash: Uint8Array
  readonly transactionIndex: number
  /** In the block, 0-based. */
  readonly logIndex: number
}

export type LogQuery = {
  /** First and last block, inclusive; both final. */
  readonly fromNumber: number
  readonly toNumber: number
  /** Any of these; every address when empty. */
  readonly addresses: readonly bigint[]
  /** By position: any of these words; every topic where empty. At most four positions. */
  readonly topics: readonly (readonly bigint[])[]
  /** @throws {LogResultsTooManyError} `CHAIN_LOG_RESULTS_TOO_MANY` above it. */
  readonly resultsMax: number
}

/** Told of a head after its commit is durable, in order, none left out. It must not throw. */
export type HeadListener = (block: Block, receipts: readonly Receipt[]) => void

/** The chain as this node has it. Reads are synchronous and never see an un-final block. */
export interface ChainReader {
  readonly config: ChainConfig
  /** 32 bytes. */
  readonly genesisHash: Uint8Array
  /** The newest final block; the genesis block at first. */
  head(): Block
  headNumber(): number
  headerByNumber(number: number): HeaderRecord | undefined
  headerByHash(hash: Uint8Array): HeaderRecord | undefined
  blockByNumber(number: number): Block | undefined
  blockByHash(hash: Uint8Array): Block | undefined
  /** Hash of the final block of that number: 32 bytes. */
  hashOfNumber(number: number): Uint8Array | undefined
  /** Receipts of a final block, one a transaction. */
  receiptsByHash(blockHash: Uint8Array): readonly Receipt[] | undefined
  /** Where a transaction stands in the chain; undefined while it is only pooled, or unknown. */
  transactionLocation(hash: Uint8Array): TransactionLocation | undefined
  /** The state after a final block; undefined when it was pruned, or the block is unknown. */
  stateAt(blockHash: Uint8Array): StateReader | undefined
  /** Proves an account and slots after a final block (EIP-1186); undefined as `stateAt`. */
  prove(blockHash: Uint8Array, address: bigint, slots: readonly bigint[]): StateProof | undefined
  /** What all accounts hold after a final block; undefined when this node did not count so far. */
  supplyAt(number: number): Supply | undefined
  /** Executes what the pool would put next; at most one run a head and change of the pool. */
  pending(): Promise<PendingBlock>
  /**
   * Logs in chain order, by the blocks' bloom filters.
   *
   * @throws {LogsNotHeldError} `CHAIN_LOGS_NOT_HELD` for blocks below those this node holds.
   */
  logs(query: LogQuery): readonly LogRecord[]
  /** Returns the function that ends the subscription. */
  onHead(listener: HeadListener): () => void
}

/** Pooled transactions of one sender, by nonce. */
export type SenderTransactions = {
  readonly sender: bigint
  /** Nonces without a gap from the account's own: ready to be included. */
  readonly pending: readonly SignedTransaction[]
  /** Behind a gap. */
  readonly queued: readonly SignedTransaction[]
}

/** The transactions that wait. */
export interface TransactionPool {
  /**
   * Takes a signed transaction in, and passes it on to the other validators.
   *
   * @returns Its hash, 32 bytes.
   * @throws {TransactionRefusedError} `CHAIN_TRANSACTION_REFUSED`, with its `reason`.
   */
  add(bytes: Uint8Array): Promise<Uint8Array>
  get(hash: Uint8Array): SignedTransaction | undefined
  /** The nonce that the sender's next transaction needs, pooled ones counted. */
  nextNonce(sender: bigint): bigint
  counts(): { readonly pending: number; readonly queued: number }
  content(): readonly SenderTransactions[]
  contentFrom(sender: bigint): SenderTransactions
  /**
   * Told of each transaction that became ready to be included. Returns the unsubscribe function.
   */
  onPending(listener: (transaction: SignedTransaction) => void): () => void
}

/** A certificate in the form that doors print: bytes, nothing to verify left out. */
export type FinalityCertificateView = {
  readonly networkId: number
  readonly epoch: bigint
  readonly height: bigint
  readonly blockHash: Uint8Array
  readonly consensusRoot: Uint8Array
  readonly histRoot: Uint8Array
  readonly nextEpoch: bigint
  /** Bitmap over the epoch's validators: bit i of byte floor(i / 8), least significant first. */
  readonly signers: Uint8Array
  /** 96 bytes. */
  readonly signature: Uint8Array
}

/** A certificate of one view. `kind` names what was voted. */
export type ViewCertificateView = {
  readonly kind: 'notarization' | 'nullification' | 'finalization'
  readonly networkId: number
  readonly epoch: bigint
  readonly view: bigint
  /** Absent in a nullification. */
  readonly digest: Uint8Array | undefined
  readonly signers: Uint8Array
  readonly signature: Uint8Array
}

/**
 * What consensus can prove of the chain. Absent on a chain of one maker (`zg devnet --minimal`).
 */
export interface FinalityReader {
  /** The certificate of a height, or of the newest one that has any. */
  finalityCertificate(height: bigint | 'latest'): FinalityCertificateView | undefined
  /** Certificates of the views from..to of an epoch, inclusive; of the current one by default. */
  certificates(
    fromView: bigint,
    toView: bigint,
    epoch: bigint | undefined,
  ): readonly ViewCertificateView[]
  /**
   * Final blocks from a height on, as the chain message of docs/specs/blocks.md §7: proved by the
   * finality certificate of the last; undefined when none is in reach.
   */
  chain(fromHeight: bigint, count: number): Uint8Array | undefined
  /** The consensus header of a final height, 304 bytes (docs/specs/blocks.md §2). */
  header(height: bigint): Uint8Array | undefined
  /**
   * The 32 siblings that prove a header in the histRoot of a later final height; undefined when
   * this node does not hold both, or not the history between them.
   */
  historyProof(place: HistoryPlace): readonly Uint8Array[] | undefined
  /** Evidence that this node came upon, newest first; of each piece the bytes (evidence-codec). */
  evidence(): readonly Uint8Array[]
}

/** A height, and a later one in whose histRoot it is proved. */
export type HistoryPlace = { readonly height: bigint; readonly under: bigint }

/** A network that a stream is at home in, and how its transactions name it. */
export type StreamHomeView = { readonly network: number; readonly chainId: bigint }

/** Where a stream belongs, at the newest final block of L1 that this node knows. */
export type StreamHomeAnswer =
  | {
      readonly kind: 'opened'
      readonly openedEpoch: bigint
      readonly home: StreamHomeView | undefined
      /** The home to come. */
      readonly next: (StreamHomeView & { readonly fromEpoch: bigint }) | undefined
      readonly epoch: bigint
      readonly l1Block: bigint
    }
  | { readonly kind: 'unopened' }
  /** So many questions are asked of L1 already. */
  | { readonly kind: 'busy'; readonly limit: number }
  /** L1 is not in reach. */
  | { readonly kind: 'unavailable' }

/** What L1 says of other networks (docs/specs/routing.md). */
export interface RouteReader {
  /** The one other network that lives and has this chain id. */
  networkOf(chainId: bigint): number | undefined
  /** Where a stream (32 bytes) is at home; never rejects. */
  streamHome(id: Uint8Array): Promise<StreamHomeAnswer>
}

/** How well a node sees the L1 that holds its network's stake. */
export type L1Status = {
  /** Its newest final block that is believed, and its time in seconds; undefined before one is. */
  readonly final: { readonly number: bigint; readonly timestamp: bigint } | undefined
  /** How far L1 is behind what was kept of it: nothing is believed until it is 0. */
  readonly blocksBehind: bigint
  /** The code of what the last look at L1 failed with; undefined when it did not. */
  readonly problem: string | undefined
}

/** Cheats of a development chain (`evm_*`, `anvil_*`, `hardhat_*`): minimal mode only. */
export interface DevControl {
  /** The accounts whose keys this chain made and may use for its clients. */
  accounts(): readonly bigint[]
  /** The key of one of `accounts()`, 32 bytes; undefined for any other. */
  secretKeyOf(address: bigint): Uint8Array | undefined
  setBalance(address: bigint, balance: bigint): Promise<void>
  setNonce(address: bigint, nonce: bigint): Promise<void>
  setCode(address: bigint, code: Uint8Array): Promise<void>
  setStorageAt(address: bigint, slot: bigint, value: bigint): Promise<void>
  /** Makes `count` blocks, `intervalSeconds` apart when given. */
  mine(count: number, intervalSeconds?: number): Promise<void>
  automine(): boolean
  setAutomine(on: boolean): void
  /** 0 ends interval mining. */
  setIntervalMining(intervalMs: number): void
  /** Moves the clock of future blocks; returns the sum of all moves, in seconds. */
  increaseTime(seconds: number): number
  /** @throws {DevRequestInvalidError} `CHAIN_DEV_REQUEST_INVALID` when not after the head's. */
  setNextBlockTimestamp(timestamp: number): void
  setNextBlockBaseFee(baseFeePerGas: bigint): void
  setNextBlockPrevRandao(prevRandao: Uint8Array): void
  setCoinbase(address: bigint): void
  /** Returns the snapshot's id. */
  snapshot(): Promise<number>
  /** Goes back to the snapshot, which is used up with all later ones; false when unknown. */
  revert(id: number): Promise<boolean>
  impersonate(address: bigint): void
  stopImpersonating(address: bigint): void
  setAutoImpersonate(on: boolean): void
  isImpersonated(address: bigint): boolean
  /**
   * Pools a transaction of an impersonated sender; returns its hash. Signature fields are ignored.
   */
  sendImpersonated(sender: bigint, transaction: Transaction): Promise<Uint8Array>
  /** Whether it was pooled. */
  dropTransaction(hash: Uint8Array): boolean
  dropAllTransactions(): void
  /** Back to the genesis block. */
  reset(): Promise<void>
}

/** Everything a door needs of one node. */
export type NodeView = {
  readonly chain: ChainReader
  readonly pool: TransactionPool
  /** Number of the network; undefined on an L1. */
  readonly networkId: number | undefined
  /** Validators connected now, this one left out. */
  peerCount(): number
  readonly finality: FinalityReader | undefined
  /** Absent where no L1 is followed. */
  readonly routes?: RouteReader | undefined
  /** Absent where no L1 is followed. */
  readonly l1Status?: (() => L1Status) | undefined
  readonly dev: DevControl | undefined
}
