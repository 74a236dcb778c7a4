/** A `ChainReader` whose chain can be replaced under its readers: for development chains. */

import type { ChainConfig, Receipt } from '@zg/evm'
import type { StateProof, StateReader } from '@zg/state'

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
import type { Supply } from './supply.ts'

export class ChainProxy implements ChainReader {
  readonly #listeners = new Set<HeadListener>()
  #chain: ChainReader

  constructor(chain: ChainReader) {
    this.#chain = chain
    this.#listen(chain)
  }

  /** Puts another chain in the place of the present one. Its head is no news to listeners. */
  replace(chain: ChainReader): void {
    this.#chain = chain
    this.#listen(chain)
  }

  get config(): ChainConfig {
    return this.#chain.config
  }

  get genesisHash(): Uint8Array {
    return this.#chain.genesisHash
  }

  head(): Block {
    return this.#chain.head()
  }

  headNumber(): number {
    return this.#chain.headNumber()
  }

  headerByNumber(number: number): HeaderRecord | undefined {
    return this.#chain.headerByNumber(number)
  }

  headerByHash(hash: Uint8Array): HeaderRecord | undefined {
    return this.#chain.headerByHash(hash)
  }

  blockByNumber(number: number): Block | undefined {
    return this.#chain.blockByNumber(number)
  }

  blockByHash(hash: Uint8Array): Block | undefined {
    return this.#chain.blockByHash(hash)
  }

  hashOfNumber(number: number): Uint8Array | undefined {
    return this.#chain.hashOfNumber(number)
  }

  receiptsByHash(blockHash: Uint8Array): readonly Receipt[] | undefined {
    return this.#chain.receiptsByHash(blockHash)
  }

  transactionLocation(hash: Uint8Array): TransactionLocation | undefined {
    return this.#chain.transactionLocation(hash)
  }

  stateAt(blockHash: Uint8Array): StateReader | undefined {
    return this.#chain.stateAt(blockHash)
  }

  prove(blockHash: Uint8Array, address: bigint, slots: readonly bigint[]): StateProof | undefined {
    return this.#chain.prove(blockHash, address, slots)
  }

  supplyAt(number: number): Supply | undefined {
    return this.#chain.supplyAt(number)
  }

  pending(): Promise<PendingBlock> {
    return this.#chain.pending()
  }

  logs(query: LogQuery): readonly LogRecord[] {
    return this.#chain.logs(query)
  }

  onHead(listener: HeadListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #listen(chain: ChainReader): void {
    chain.onHead((block, receipts) => {
      if (chain !== this.#chain) return
      for (const listener of this.#listeners) listener(block, receipts)
    })
  }
}
