/**
 * A chain of one maker, all in memory, for development: no consensus, no peers, and cheats.
 *
 * A block is made as soon as a transaction waits (automine), on demand, or at an interval. A
 * genesis whose two paces are equal (`zg devnet --minimal --block-time`) begins with that interval.
 * Timestamps follow the clock, moved by cheats, and grow by at least a second a block, as
 * development chains do.
 *
 * A snapshot is a copy of the store. Going back puts a chain over that copy in the place of the
 * present one, so doors hold a `ChainProxy`, which stays.
 */

import type { Transaction } from '@zg/evm'
import { encodeTransaction } from '@zg/evm'
import { assert, bigintToBytes, concat, keccak256, ZgError } from '@zg/primitives'
import { MemoryStore } from '@zg/runtime'
import type { Clock, Timer } from '@zg/runtime'
import type { AccountChange, StateChanges } from '@zg/state'

import { BuiltInEngine } from './built-in-engine.ts'
import { ChainDatabase } from './chain-database.ts'
import { ChainProxy } from './chain-proxy.ts'
import type { DevControl, NodeView } from './chain-view.ts'
import { DevAccounts } from './dev-accounts.ts'
import type { Genesis } from './genesis.ts'
import type { Mempool } from './mempool.ts'
import type { SenderRecovery } from './sender-recovery.ts'
import { SerialTurn } from './serial-turn.ts'
import { openPool, poolHeadOf } from './validator-node.ts'

/** Snapshots kept; the oldest is forgotten. */
const snapshotsMax = 256

const zeroHash = new Uint8Array(32)

export type MinimalNodeOptions = {
  readonly genesis: Genesis
  readonly recovery: SenderRecovery
  readonly clock: Clock
  /** Keys the chain signs with for its clients, 32 bytes each. */
  readonly secretKeys?: readonly Uint8Array[]
}

export type MinimalNode = { readonly view: NodeView; stop(): Promise<void> }

/** A chain and what makes its blocks; a revert puts another in its place. */
type World = {
  readonly store: MemoryStore
  readonly chain: ChainDatabase
  readonly engine: BuiltInEngine
}

type Snapshot = {
  readonly store: MemoryStore
  readonly overrides: ReadonlyMap<string, Uint8Array>
  readonly offsetSeconds: number
}

/** Opens the chain and makes its first block. */
export async function openMinimalNode(options: MinimalNodeOptions): Promise<MinimalNode> {
  const store = new MemoryStore()
  const chain = await ChainDatabase.open({ genesis: options.genesis, store })
  const maker = new MinimalMaker(options, { store, chain, pool: openPool(chain, options) })
  await maker.mine(1)
  return { view: maker.view, stop: () => maker.stop() }
}

class MinimalMaker implements DevControl {
  readonly view: NodeView
  readonly #options: MinimalNodeOptions
  readonly #pool: Mempool
  readonly #proxy: ChainProxy
  readonly #accounts: DevAccounts
  readonly #turn = new SerialTurn()
  readonly #snapshots = new Map<number, Snapshot>()
  #world: World
  #snapshotCount = 0
  #isAutomine = true
  #isMineArmed = false
  #isStopped = false
  #intervalTimer: Timer | undefined
  #offsetSeconds = 0
  #nextTimestamp: number | undefined
  #nextBaseFee: bigint | undefined
  #nextPrevRandao: Uint8Array | undefined
  #coinbase = 0n

  constructor(
    options: MinimalNodeOptions,
    { store, chain, pool }: { store: MemoryStore; chain: ChainDatabase; pool: Mempool },
  ) {
    this.#options = options
    this.#accounts = new DevAccounts(options.secretKeys ?? [])
    this.#pool = pool
    this.#world = this.#worldOver(store, chain)
    this.#proxy = new ChainProxy(chain)
    const { network } = options.genesis
    this.view = {
      chain: this.#proxy,
      pool,
      networkId: network?.networkId,
      peerCount: () => 0,
      finality: undefined,
      dev: this,
    }
    pool.onPending(() => this.#armMine())
    if (network !== undefined && network.blockTimeBusyMs === network.blockTimeIdleMs) {
      this.setIntervalMining(network.blockTimeIdleMs)
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#intervalTimer?.cancel()
    await this.#turn.run(() => Promise.resolve())
  }

  accounts(): readonly bigint[] {
    return this.#accounts.owned()
  }

  secretKeyOf(address: bigint): Uint8Array | undefined {
    return this.#accounts.secretKeyOf(address)
  }

  setBalance(address: bigint, balance: bigint): Promise<void> {
    return this.#changeAccount(address, (account) => ({ ...account, balance }))
  }

  setNonce(address: bigint, nonce: bigint): Promise<void> {
    return this.#changeAccount(address, (account) => ({ ...account, nonce }))
  }

  setCode(address: bigint, code: Uint8Array): Promise<void> {
    const codeHash = this.#accounts.hashOf(code)
    const codes = code.length === 0 ? [] : [{ codeHash, code }]
    return this.#changeAccount(address, (account) => ({ ...account, codeHash }), { codes })
  }

  setStorageAt(address: bigint, slot: bigint, value: bigint): Promise<void> {
    return this.#changeAccount(address, (account) => account, { storage: [[slot, value]] })
  }

  mine(count: number, intervalSeconds?: number): Promise<void> {
    return this.#turn.run(async () => {
      for (let made = 0; made < count && !this.#isStopped; made++) {
        if (made > 0 && intervalSeconds !== undefined) {
          const { timestamp } = this.#world.chain.head().header
          this.#nextTimestamp = timestamp + Math.max(1, intervalSeconds)
        }
        await this.#makeBlock()
      }
    })
  }

  automine(): boolean {
    return this.#isAutomine
  }

  setAutomine(on: boolean): void {
    this.#isAutomine = on
    if (on && this.#pool.hasPending()) this.#armMine()
  }

  setIntervalMining(intervalMs: number): void {
    this.#intervalTimer?.cancel()
    this.#intervalTimer = undefined
    if (intervalMs <= 0 || this.#isStopped) return
    this.#intervalTimer = this.#options.clock.setTimer(intervalMs, () => {
      void this.mine(1).finally(() => {
        if (this.#intervalTimer !== undefined) this.setIntervalMining(intervalMs)
      })
    })
  }

  increaseTime(seconds: number): number {
    this.#offsetSeconds += seconds
    return this.#offsetSeconds
  }

  setNextBlockTimestamp(timestamp: number): void {
    const { header } = this.#world.chain.head()
    if (timestamp <= header.timestamp) {
      throw new DevRequestInvalidError(`${timestamp} is not after the head's ${header.timestamp}`)
    }
    this.#nextTimestamp = timestamp
  }

  setNextBlockBaseFee(baseFeePerGas: bigint): void {
    this.#nextBaseFee = baseFeePerGas
  }

  setNextBlockPrevRandao(prevRandao: Uint8Array): void {
    this.#nextPrevRandao = prevRandao
  }

  setCoinbase(address: bigint): void {
    this.#coinbase = address
  }

  snapshot(): Promise<number> {
    return this.#turn.run(() => {
      const id = ++this.#snapshotCount
      this.#snapshots.set(id, this.#snapshotNow())
      const [oldest] = this.#snapshots.keys()
      if (this.#snapshots.size > snapshotsMax && oldest !== undefined) {
        this.#snapshots.delete(oldest)
      }
      return Promise.resolve(id)
    })
  }

  revert(id: number): Promise<boolean> {
    return this.#turn.run(async () => {
      const snapshot = this.#snapshots.get(id)
      if (snapshot === undefined) return false
      for (const later of this.#snapshots.keys()) {
        if (later >= id) this.#snapshots.delete(later)
      }
      await this.#goTo(snapshot)
      return true
    })
  }

  reset(): Promise<void> {
    return this.#turn.run(async () => {
      this.#snapshots.clear()
      await this.#goTo({ store: new MemoryStore(), overrides: new Map(), offsetSeconds: 0 })
    })
  }

  impersonate(address: bigint): void {
    this.#accounts.impersonate(address)
  }

  stopImpersonating(address: bigint): void {
    this.#accounts.stopImpersonating(address)
  }

  setAutoImpersonate(on: boolean): void {
    this.#accounts.isAuto = on
  }

  isImpersonated(address: bigint): boolean {
    return this.#accounts.isImpersonated(address)
  }

  async sendImpersonated(sender: bigint, transaction: Transaction): Promise<Uint8Array> {
    if (!this.isImpersonated(sender)) {
      throw new DevRequestInvalidError('the sender is not impersonated')
    }
    // No key made this signature; it names the sender, so that no two senders share a hash.
    const marked: Transaction = { ...transaction, yParity: 0, r: sender, s: 1n }
    const bytes = encodeTransaction(marked)
    const hash = keccak256(bytes)
    return this.#pool.addTrusted({ transaction: marked, hash, sender, bytes, isUnsigned: true })
  }

  dropTransaction(hash: Uint8Array): boolean {
    return this.#pool.drop(hash)
  }

  dropAllTransactions(): void {
    this.#pool.dropAll()
  }

  #worldOver(store: MemoryStore, chain: ChainDatabase): World {
    const { recovery, clock } = this.#options
    const engine = new BuiltInEngine({
      chain,
      pool: this.#pool,
      recovery,
      clock,
      subSecond: true,
      baseFeeOverride: () => this.#nextBaseFee,
    })
    return { store, chain, engine }
  }

  #snapshotNow(): Snapshot {
    const { store, chain } = this.#world
    const offsetSeconds = this.#offsetSeconds
    return { store: store.copy(), overrides: chain.overrides(), offsetSeconds }
  }

  async #goTo({ store, overrides, offsetSeconds }: Snapshot): Promise<void> {
    const { genesis } = this.#options
    const chain = await ChainDatabase.open({ genesis, store, overrides })
    this.#world = this.#worldOver(store, chain)
    this.#proxy.replace(chain)
    this.#offsetSeconds = offsetSeconds
    this.#nextTimestamp = undefined
    this.#nextBaseFee = undefined
    this.#pool.dropAll()
    this.#pool.resetHead(poolHeadOf(chain))
  }

  /** Transactions of one turn of the event loop share a block. */
  #armMine(): void {
    if (!this.#isAutomine || this.#isMineArmed) return
    this.#isMineArmed = true
    this.#options.clock.setTimer(0, () => {
      this.#isMineArmed = false
      if (this.#isStopped || !this.#isAutomine || !this.#pool.hasPending()) return
      void this.mine(1).then(() => {
        if (this.#pool.hasPending()) this.#armMine()
      })
    })
  }

  async #makeBlock(): Promise<void> {
    const { chain, engine } = this.#world
    const { hash, header } = chain.head()
    const number = bigintToBytes(BigInt(header.number + 1), 8)
    const { payloadId } = await engine.forkchoiceUpdated(
      { headBlockHash: hash, safeBlockHash: hash, finalizedBlockHash: zeroHash },
      {
        timestamp: this.#timestampAfter(header.timestamp),
        prevRandao: this.#nextPrevRandao ?? keccak256(concat(header.prevRandao, number)),
        suggestedFeeRecipient: this.#coinbase,
        withdrawals: [],
        parentBeaconBlockRoot: zeroHash,
      },
    )
    assert(payloadId !== undefined, 'the head is known to its engine')
    const { executionPayload } = await engine.getPayload(payloadId)
    this.#nextTimestamp = undefined
    this.#nextBaseFee = undefined
    this.#nextPrevRandao = undefined
    const { blockHash } = executionPayload
    await engine.forkchoiceUpdated({
      headBlockHash: blockHash,
      safeBlockHash: blockHash,
      finalizedBlockHash: blockHash,
    })
  }

  #timestampAfter(parentTimestamp: number): number {
    if (this.#nextTimestamp !== undefined && this.#nextTimestamp > parentTimestamp) {
      // The clock goes on from there, as in anvil.
      this.#offsetSeconds = this.#nextTimestamp - this.#nowSeconds()
      return this.#nextTimestamp
    }
    return Math.max(this.#nowSeconds() + this.#offsetSeconds, parentTimestamp + 1)
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.clock.nowMs() / 1_000)
  }

  #changeAccount(
    address: bigint,
    change: Parameters<DevAccounts['change']>[2],
    more: { storage?: AccountChange['storage']; codes?: StateChanges['codes'] } = {},
  ): Promise<void> {
    return this.#turn.run(async () => {
      const { chain } = this.#world
      const state = chain.stateAt(chain.head().hash)
      assert(state !== undefined, 'the state of the head is readable')
      await chain.overrideState(this.#accounts.change(state, address, change, more))
      this.#pool.resetHead(poolHeadOf(chain))
    })
  }
}

export class DevRequestInvalidError extends ZgError<'CHAIN_DEV_REQUEST_INVALID'> {
  constructor(problem: string) {
    super('CHAIN_DEV_REQUEST_INVALID', `Cannot change the development chain: ${problem}`, {
      problem,
    })
  }
}
