/**
 * The transactions that wait, checked against the state after the newest final block.
 *
 *     bytes --> admission --> recovery --> account rules --> queue of the sender
 *               (no state)    (worker)     (head state)      pending | queued behind a gap
 *
 * Rules:
 * - One transaction a nonce; a replacement raises both prices by a tenth.
 * - All pooled transactions of a sender together never cost more than it has.
 * - EIP-7702, as geth: an account with a delegation, or whose authorization waits in the pool, has
 *   at most one transaction in flight, at its next nonce; an authority with more than one in flight
 *   may not be named. Else one inclusion could invalidate any number of pooled transactions for
 *   free.
 * - When the pool is full, the twentieth part of it that earns least at the current base fee makes
 *   room, the tails of senders first, so that no gap is torn; a newcomer that earns less is
 *   refused.
 *
 * Blocks not yet final are not seen: a transaction leaves when its block is final. A builder on an
 * un-final parent says which transactions that branch holds already.
 */

import { authorizationHash, recoverAuthority, signingHash } from '@zg/evm'
import type { ChainConfig, Header, Transaction } from '@zg/evm'
import { bytesToBigint, emptyKeccakWord, keccak256, WordMap } from '@zg/primitives'
import type { Clock } from '@zg/runtime'
import type { Account, StateChanges, StateReader } from '@zg/state'

import type { SenderTransactions, SignedTransaction, TransactionPool } from './chain-view.ts'
import { governedParametersOf } from './governed-parameters.ts'
import { hashKey } from './hash-key.ts'
import { mempoolLimitsDefault } from './mempool-limits.ts'
import type { MempoolLimits } from './mempool-limits.ts'
import { isPricedToReplace, pricesOf, SenderQueue, tipOf } from './sender-queue.ts'
import type { PoolEntry, PricedTransaction } from './sender-queue.ts'
import type { SenderRecovery } from './sender-recovery.ts'
import { admitTransaction, refuse, TransactionRefusedError } from './transaction-admission.ts'
import { TransactionSelection } from './transaction-selection.ts'

/** Part of a full pool that makes room at once: sorting all of it is paid by many newcomers. */
const evictedShare = 1 / 20

/** The code of a delegated account: 0xef0100 and an address (EIP-7702). */
const delegationSizeBytes = 23

/** The final head as the pool needs it. */
export type MempoolHead = {
  readonly header: Header
  /** The state after it. */
  readonly state: StateReader
  /** Base fee of the block after it, in wei. */
  readonly nextBaseFee: bigint
}

export type MempoolOptions = {
  readonly config: ChainConfig
  readonly recovery: SenderRecovery
  readonly clock: Clock
  readonly head: MempoolHead
  readonly limits?: MempoolLimits
}

type PoolListener = (transaction: SignedTransaction) => void

export class Mempool implements TransactionPool {
  readonly #config: ChainConfig
  readonly #recovery: SenderRecovery
  readonly #clock: Clock
  readonly #limits: MempoolLimits
  #head: MempoolHead
  /** What the next block has a unit of gas cost at least, in wei. */
  #gasPriceMin: bigint
  readonly #entries = new Map<string, PoolEntry>()
  readonly #senders = new WordMap<SenderQueue>()
  readonly #arriving = new Map<string, Promise<Uint8Array>>()
  /** How many pooled transactions carry an authorization of an account. */
  readonly #authorities = new WordMap<number>()
  readonly #pendingListeners = new Set<PoolListener>()
  readonly #localListeners = new Set<PoolListener>()
  readonly #headListeners = new Set<() => void>()
  #authoritiesArriving = 0
  #sizeBytes = 0
  /** The best tip that was evicted since the pool was last full: the price of entry. */
  #tipFloor: bigint | undefined
  /** Grows with every change: names a content of the pool. */
  #revision = 0

  constructor(options: MempoolOptions) {
    this.#config = options.config
    this.#recovery = options.recovery
    this.#clock = options.clock
    this.#limits = options.limits ?? mempoolLimitsDefault
    this.#head = options.head
    this.#gasPriceMin = governedParametersOf(options.head.state).gasPriceMin
  }

  get revision(): number {
    return this.#revision
  }

  get size(): number {
    return this.#entries.size
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  add(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#add(bytes, true)
  }

  /** Takes in what another validator sent; throws as `add`. */
  addRemote(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#add(bytes, false)
  }

  /**
   * Takes in a transaction whose sender is known without a signature: development chains only.
   *
   * @throws {TransactionRefusedError} `CHAIN_TRANSACTION_REFUSED`
   */
  addTrusted(signed: SignedTransaction): Uint8Array {
    this.#insert(signed, { isLocal: true, authorities: authoritiesOf(signed.transaction) })
    return signed.hash
  }

  get(hash: Uint8Array): SignedTransaction | undefined {
    return this.#entries.get(hashKey(hash))?.signed
  }

  nextNonce(sender: bigint): bigint {
    return this.#senders.get(sender)?.nextNonce ?? this.#head.state.account(sender)?.nonce ?? 0n
  }

  counts(): { readonly pending: number; readonly queued: number } {
    let pending = 0
    for (const queue of this.#senders.values()) pending += queue.pendingCount
    return { pending, queued: this.#entries.size - pending }
  }

  /** Whether any transaction could go into the next block. */
  hasPending(): boolean {
    const { nextBaseFee } = this.#head
    for (const queue of this.#senders.values()) {
      const first = queue.get(queue.accountNonce)
      if (first === undefined || first.maxFee < nextBaseFee) continue
      if (nextBaseFee + tipOf(first, nextBaseFee) >= this.#gasPriceMin) return true
    }
    return false
  }

  content(): readonly SenderTransactions[] {
    return [...this.#senders.values()].map(contentOf)
  }

  contentFrom(sender: bigint): SenderTransactions {
    const queue = this.#senders.get(sender)
    return queue === undefined ? { sender, pending: [], queued: [] } : contentOf(queue)
  }

  onPending(listener: PoolListener): () => void {
    this.#pendingListeners.add(listener)
    return () => this.#pendingListeners.delete(listener)
  }

  /** Told when the pool stands on a new head. Returns the unsubscribe function. */
  onHead(listener: () => void): () => void {
    this.#headListeners.add(listener)
    return () => this.#headListeners.delete(listener)
  }

  /** Told of each transaction that a user of this node gave. Returns the unsubscribe function. */
  onLocal(listener: PoolListener): () => void {
    this.#localListeners.add(listener)
    return () => this.#localListeners.delete(listener)
  }

  /** Transactions of this node's users that came before that time, for another try at gossip. */
  *localBefore(timeMs: number): IterableIterator<PoolEntry> {
    for (const entry of this.#entries.values()) {
      if (entry.isLocal && entry.arrivedMs < timeMs) yield entry
    }
  }

  /**
   * Pending transactions, the best tip first, each sender's in order.
   *
   * @param isIncluded - Whether the branch under construction holds a transaction already.
   */
  select(
    baseFeePerGas: bigint,
    isIncluded: (transaction: SignedTransaction) => boolean,
  ): TransactionSelection {
    return new TransactionSelection(this.#senders.values(), { baseFeePerGas, isIncluded })
  }

  drop(hash: Uint8Array): boolean {
    const entry = this.#entries.get(hashKey(hash))
    if (entry === undefined) return false
    const { sender, transaction } = entry.signed
    this.#senders.get(sender)?.remove(transaction.nonce)
    this.#forget(entry)
    return true
  }

  dropAll(): void {
    for (const entry of this.#entries.values()) this.drop(entry.signed.hash)
  }

  /** Takes in a new final head: what it holds leaves, accounts it changed are looked at again. */
  setHead(head: MempoolHead, changes: StateChanges): void {
    this.#head = head
    this.#gasPriceMin = governedParametersOf(head.state).gasPriceMin
    this.#revision++
    for (const { address } of changes.accounts) {
      const queue = this.#senders.get(address)
      if (queue === undefined) continue
      const before = queue.nextNonce
      for (const entry of queue.refresh(this.#accountOf(address))) this.#forget(entry)
      if (queue.size === 0) this.#senders.delete(address)
      else this.#announceFrom(queue, before)
    }
    for (const listener of this.#headListeners) listener()
  }

  /** Looks at every sender again: after the head was replaced rather than extended. */
  resetHead(head: MempoolHead): void {
    const accounts = [...this.#senders].map(([address]) => ({
      address,
      account: undefined,
      storageCleared: false,
      storage: [],
    }))
    this.setHead(head, { accounts, codes: [] })
  }

  #add(bytes: Uint8Array, isLocal: boolean): Promise<Uint8Array> {
    const hash = keccak256(bytes)
    const key = hashKey(hash)
    if (this.#entries.has(key)) {
      return Promise.reject(new TransactionRefusedError('already-known', 'it is in the pool'))
    }
    const arriving = this.#arriving.get(key)
    if (arriving !== undefined) return arriving
    const promise = this.#arrive(bytes, hash, isLocal).finally(() => this.#arriving.delete(key))
    this.#arriving.set(key, promise)
    return promise
  }

  async #arrive(bytes: Uint8Array, hash: Uint8Array, isLocal: boolean): Promise<Uint8Array> {
    if (this.#arriving.size >= this.#limits.arrivingMax) {
      refuse('pool-busy', 'too many arrive at once; send it again')
    }
    const { header } = this.#head
    const transaction = admitTransaction(bytes, {
      config: this.#config,
      timestamp: header.timestamp,
      gasLimit: header.gasLimit,
      priorityFeeMin: this.#limits.priorityFeeMin,
      nextBaseFee: this.#head.nextBaseFee,
      gasPriceMin: this.#gasPriceMin,
    })
    const { r, s, yParity } = transaction
    const item = { digest: signingHash(transaction), r, s, yParity }
    const [sender] = await this.#recovery.recover([item])
    if (sender === undefined) refuse('signature-invalid', 'no key can have signed it')
    // A copy: the bytes may be a view of a whole message.
    const signed = { transaction, hash, sender, bytes: bytes.slice() }
    this.#insert(signed, { isLocal, authorities: await this.#recoverAuthorities(signed) })
    return hash
  }

  /** A transaction may name many authorities: only one that its sender can pay for is worth it. */
  async #recoverAuthorities(signed: SignedTransaction): Promise<readonly bigint[]> {
    const { transaction, sender } = signed
    if (transaction.type !== 4) return []
    this.#checkAccount(this.#queueOf(sender), { signed, ...pricesOf(signed) })
    const { authorizationList } = transaction
    if (this.#authoritiesArriving >= this.#limits.authoritiesArrivingMax) {
      refuse('pool-busy', 'too many authorizations arrive at once; send it again')
    }
    this.#authoritiesArriving += authorizationList.length
    try {
      const items = authorizationList.map((authorization) => {
        const { r, s, yParity } = authorization
        return { digest: authorizationHash(authorization), r, s, yParity }
      })
      const authorities = await this.#recovery.recover(items)
      return authorities.filter((authority) => authority !== undefined)
    } finally {
      this.#authoritiesArriving -= authorizationList.length
    }
  }

  #queueOf(sender: bigint): SenderQueue {
    return this.#senders.get(sender) ?? new SenderQueue(sender, this.#accountOf(sender))
  }

  /** From here on nothing waits: the checks hold when the entry goes in. */
  #insert(
    signed: SignedTransaction,
    origin: { readonly isLocal: boolean; readonly authorities: readonly bigint[] },
  ): void {
    const { sender, transaction } = signed
    const queue = this.#queueOf(sender)
    const old = queue.get(transaction.nonce)
    const { isLocal } = origin
    const entry: PoolEntry = {
      signed,
      ...pricesOf(signed),
      ...origin,
      arrivedMs: this.#clock.nowMs(),
    }
    this.#checkAccount(queue, entry)
    this.#checkDelegations(queue, entry)
    if (old === undefined) this.#makeRoom(entry)

    const before = queue.nextNonce
    // Making room may have emptied the queue and taken it out.
    this.#senders.set(sender, queue)
    const replaced = queue.put(entry)
    if (replaced !== undefined) this.#forget(replaced)
    this.#remember(entry)
    if (isLocal) for (const listener of this.#localListeners) listener(signed)
    if (replaced !== undefined && transaction.nonce < before) this.#announce(entry)
    else this.#announceFrom(queue, before)
  }

  #checkAccount(queue: SenderQueue, entry: PricedTransaction): void {
    const { transaction, hash } = entry.signed
    const { nonce } = transaction
    if (this.#entries.has(hashKey(hash))) refuse('already-known', 'it is in the pool')
    if (nonce < queue.accountNonce) {
      refuse('nonce-too-low', `its nonce is ${nonce}, the account's next is ${queue.accountNonce}`)
    }
    if (nonce > queue.accountNonce + this.#limits.nonceGapMax) {
      refuse('nonce-gap-too-large', `nonce ${nonce} is too far ahead of ${queue.accountNonce}`)
    }
    const old = queue.get(nonce)
    if (old !== undefined && !isPricedToReplace(old, entry)) {
      refuse('replacement-underpriced', `one of nonce ${nonce} waits; pay a tenth more than it`)
    }
    if (old === undefined && queue.size >= this.#limits.perSenderMax) {
      refuse('sender-full', `the sender has ${queue.size} transactions waiting`)
    }
    const cost = queue.cost + entry.cost - (old?.cost ?? 0n)
    if (cost > queue.balance) {
      refuse(
        'funds-insufficient',
        `the account has ${queue.balance} wei, ${cost} are needed with all that waits`,
      )
    }
    const account = this.#head.state.account(queue.sender)
    const hasCode = account !== undefined && account.codeHash !== emptyKeccakWord
    const isContract = hasCode && !queue.isDelegated
    if (isContract && entry.signed.isUnsigned !== true)
      refuse('sender-has-code', 'its sender is a contract')
  }

  #checkDelegations(queue: SenderQueue, entry: PoolEntry): void {
    const { nonce } = entry.signed.transaction
    const isBound = queue.isDelegated || (this.#authorities.get(queue.sender) ?? 0) > 0
    const isReplacement = queue.get(nonce) !== undefined
    if (isBound && !isReplacement && (queue.size > 0 || nonce !== queue.accountNonce)) {
      refuse('delegated-in-flight', 'a delegated account has one transaction in flight at most')
    }
    for (const authority of entry.authorities) {
      const ownCount = this.#senders.get(authority)?.size ?? 0
      const allowed = authority === queue.sender && isReplacement ? 1 : 0
      if (authority === queue.sender ? ownCount > allowed : ownCount > 1) {
        refuse('authority-in-flight', 'an authority has more than one transaction in flight')
      }
    }
  }

  #makeRoom(entry: PoolEntry): void {
    const { transactionsMax, sizeBytesMax } = this.#limits
    const isFull = (): boolean =>
      this.#entries.size >= transactionsMax ||
      this.#sizeBytes + entry.signed.bytes.length > sizeBytesMax
    if (!isFull()) return
    const { nextBaseFee } = this.#head
    const tip = tipOf(entry, nextBaseFee)
    if (this.#tipFloor !== undefined && tip <= this.#tipFloor) {
      refuse('pool-full', `the pool is full of transactions that pay more than ${tip}`)
    }
    const ranked = this.#ranked(nextBaseFee)
    const countMin = Math.ceil(this.#entries.size * evictedShare)
    let count = 0
    for (const { entry: evicted, rank } of ranked) {
      if (count >= countMin && !isFull()) break
      // MUST not push out what pays as much as the newcomer: that would be free churn.
      if (rank !== undefined && rank >= tip) break
      this.drop(evicted.signed.hash)
      if (rank !== undefined) this.#tipFloor = rank
      count++
    }
    if (isFull()) refuse('pool-full', `the pool is full of transactions that pay more than ${tip}`)
  }

  /**
   * All entries, the least useful first: those behind a gap, then by the least tip on the way to
   * them (they cannot be included before their forerunners), the tail of a sender before its head.
   */
  #ranked(baseFeePerGas: bigint): { entry: PoolEntry; rank: bigint | undefined }[] {
    const ranked: { entry: PoolEntry; rank: bigint | undefined }[] = []
    for (const queue of this.#senders.values()) {
      const pendingCount = queue.pendingCount
      let least: bigint | undefined
      queue.entries.forEach((entry, index) => {
        const tip = tipOf(entry, baseFeePerGas)
        if (least === undefined || tip < least) least = tip
        ranked.push({ entry, rank: index < pendingCount ? least : undefined })
      })
    }
    return ranked.sort((a, b) => {
      if (a.rank === b.rank) return nonceOf(b.entry) > nonceOf(a.entry) ? 1 : -1
      if (a.rank === undefined || b.rank === undefined) return a.rank === undefined ? -1 : 1
      return a.rank < b.rank ? -1 : 1
    })
  }

  #accountOf(address: bigint): { nonce: bigint; balance: bigint; isDelegated: boolean } {
    const account: Account | undefined = this.#head.state.account(address)
    if (account === undefined) return { nonce: 0n, balance: 0n, isDelegated: false }
    const { nonce, balance, codeHash } = account
    const isDelegated = codeHash !== emptyKeccakWord && this.#isDelegation(codeHash)
    return { nonce, balance, isDelegated }
  }

  #isDelegation(codeHash: bigint): boolean {
    const code = this.#head.state.code(codeHash)
    return code.length === delegationSizeBytes && bytesToBigint(code.subarray(0, 3)) === 0xef0100n
  }

  #remember(entry: PoolEntry): void {
    this.#entries.set(hashKey(entry.signed.hash), entry)
    this.#sizeBytes += entry.signed.bytes.length
    for (const authority of entry.authorities) {
      this.#authorities.set(authority, (this.#authorities.get(authority) ?? 0) + 1)
    }
    this.#revision++
  }

  /** The entry must have left its queue already. */
  #forget(entry: PoolEntry): void {
    const { hash, bytes, sender } = entry.signed
    this.#entries.delete(hashKey(hash))
    this.#sizeBytes -= bytes.length
    for (const authority of entry.authorities) {
      const count = (this.#authorities.get(authority) ?? 1) - 1
      if (count === 0) this.#authorities.delete(authority)
      else this.#authorities.set(authority, count)
    }
    if (this.#senders.get(sender)?.size === 0) this.#senders.delete(sender)
    if (this.#entries.size < this.#limits.transactionsMax / 2) this.#tipFloor = undefined
    this.#revision++
  }

  #announceFrom(queue: SenderQueue, nonce: bigint): void {
    for (let next = nonce; next < queue.nextNonce; next++) {
      const entry = queue.get(next)
      if (entry !== undefined) this.#announce(entry)
    }
  }

  #announce(entry: PoolEntry): void {
    for (const listener of this.#pendingListeners) listener(entry.signed)
  }
}

function contentOf(queue: SenderQueue): SenderTransactions {
  const count = queue.pendingCount
  const entries = queue.entries.map(({ signed }) => signed)
  return {
    sender: queue.sender,
    pending: entries.slice(0, count),
    queued: entries.slice(count),
  }
}

function nonceOf(entry: PoolEntry): bigint {
  return entry.signed.transaction.nonce
}

function authoritiesOf(transaction: Transaction): bigint[] {
  if (transaction.type !== 4) return []
  const authorities: bigint[] = []
  for (const authorization of transaction.authorizationList) {
    const authority = recoverAuthority(authorization)
    if (authority !== undefined) authorities.push(authority)
  }
  return authorities
}
