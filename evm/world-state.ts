/**
 * The world state while transactions change it: what was read of the parent's state, what became of
 * it, and a journal to undo.
 *
 * Accounts and slots are objects found once by a map and then held by reference. Facts that last
 * one transaction (warm, created, touched) are the number of that transaction in a field, so
 * nothing is reset between transactions. A change pushes what it replaced on the journal; going
 * back to a checkpoint pops. No state is ever copied.
 *
 * An account is dead when it has no nonce, balance or code (EIP-161): dead and absent are one here,
 * except that a dead account of the parent's state goes away only when touched.
 */

import { emptyKeccakWord, keccakWord, WordMap } from '@zg/primitives'
import type { Account, AccountChange, StateChanges, StateReader } from '@zg/state'

import { Code, codeOfHash, noCode } from './code.ts'
import type { Fork } from './fork.ts'
import { precompileAt } from './precompiles/index.ts'
import type { Log } from './receipt.ts'

/** A slot of an account. */
export class Slot {
  readonly word: bigint
  /** In the parent's state, or 0 since the storage was cleared. */
  base: bigint
  /** When the transaction began (EIP-2200). */
  original: bigint
  value: bigint
  transactionSeen = 0
  warmIn = 0

  constructor(word: bigint, value: bigint) {
    this.word = word
    this.base = value
    this.original = value
    this.value = value
  }
}

/** A slot that lasts one transaction (EIP-1153). */
type TransientSlot = { value: bigint }

/** An account. Change it by the methods of `WorldState` only. */
export class AccountEntry {
  readonly address: bigint
  /** In the parent's state. */
  readonly base: Account | undefined
  nonce: bigint
  balance: bigint
  codeHash: bigint
  code: Code | undefined
  /** Whether the parent's slots are gone. */
  isStorageCleared = false
  slots = new WordMap<Slot>()
  /** The slots used last: most instructions come in pairs on one slot. */
  recentSlot: Slot | undefined
  olderSlot: Slot | undefined
  transientSlots: WordMap<TransientSlot> | undefined
  transientIn = 0
  warmIn = 0
  createdIn = 0
  destroyedIn = 0
  touchedIn = 0
  /** Whether any transaction touched it. */
  isTouched = false
  /** Precompiles are never cold (EIP-2929). */
  readonly isAlwaysWarm: boolean

  constructor(address: bigint, base: Account | undefined, isAlwaysWarm: boolean) {
    this.address = address
    this.isAlwaysWarm = isAlwaysWarm
    this.base = base
    this.nonce = base?.nonce ?? 0n
    this.balance = base?.balance ?? 0n
    this.codeHash = base?.codeHash ?? emptyKeccakWord
  }

  /** Whether it counts as absent (EIP-161). */
  get isDead(): boolean {
    return this.nonce === 0n && this.balance === 0n && this.codeHash === emptyKeccakWord
  }
}

/** A point to go back to. */
export type Checkpoint = {
  readonly journalSize: number
  readonly logCount: number
  readonly refund: number
}

const undoBalance = 0
const undoNonce = 1
const undoCode = 2
const undoSlot = 3
const undoWarmAccount = 4
const undoWarmSlot = 5
const undoTouched = 6
const undoCreated = 7
const undoDestroyed = 8
const undoTransient = 9
const undoBurnt = 10

/** The state of a block under execution. */
export class WorldState {
  readonly #reader: StateReader
  readonly #fork: Fork
  readonly #accounts = new WordMap<AccountEntry>()
  readonly #kinds: number[] = []
  readonly #targets: unknown[] = []
  readonly #values: unknown[] = []
  readonly #destroyed: AccountEntry[] = []
  readonly #touched: AccountEntry[] = []
  #recent: AccountEntry | undefined
  /** Entries of the journal in use. */
  #size = 0
  /** Number of the transaction, from 1. */
  #transaction = 1
  /** Logs of the transaction so far. */
  logs: Log[] = []
  /** Gas to give back for cleared slots (EIP-3529), before the cap. */
  refund = 0
  /** Wei that went out of existence by SELFDESTRUCT, over the block. */
  burntWei = 0n

  constructor(reader: StateReader, fork: Fork) {
    this.#reader = reader
    this.#fork = fork
  }

  account(address: bigint): AccountEntry {
    if (this.#recent?.address === address) return this.#recent
    let entry = this.#accounts.get(address)
    if (entry === undefined) {
      const isPrecompile = precompileAt(address, this.#fork) !== undefined
      entry = new AccountEntry(address, this.#reader.account(address), isPrecompile)
      this.#accounts.set(address, entry)
    }
    this.#recent = entry
    return entry
  }

  slot(account: AccountEntry, word: bigint): Slot {
    const recent = account.recentSlot
    let slot = recent
    if (recent === undefined || recent.word !== word) {
      slot = account.olderSlot
      if (slot === undefined || slot.word !== word) slot = this.#findSlot(account, word)
      account.olderSlot = recent
      account.recentSlot = slot
    }
    slot = slot as Slot
    if (slot.transactionSeen !== this.#transaction) {
      slot.transactionSeen = this.#transaction
      slot.original = slot.value
    }
    return slot
  }

  code(account: AccountEntry): Code {
    return (account.code ??= codeOfHash(account.codeHash, (hash) => this.#reader.code(hash)))
  }

  /** Whether any slot is not 0 (EIP-7610 asks before a creation). */
  hasStorage(account: AccountEntry): boolean {
    for (const slot of account.slots.values()) if (slot.value !== 0n) return true
    return !account.isStorageCleared && this.#reader.hasStorage(account.address)
  }

  transientValue(account: AccountEntry, word: bigint): bigint {
    if (account.transientIn !== this.#transaction) return 0n
    return account.transientSlots?.get(word)?.value ?? 0n
  }

  /** Warms an account; returns whether it was cold (EIP-2929). */
  warmAccount(account: AccountEntry): boolean {
    if (account.warmIn === this.#transaction || account.isAlwaysWarm) return false
    account.warmIn = this.#transaction
    this.#push(undoWarmAccount, account, undefined)
    return true
  }

  /** Warms a slot; returns whether it was cold (EIP-2929). */
  warmSlot(slot: Slot): boolean {
    if (slot.warmIn === this.#transaction) return false
    slot.warmIn = this.#transaction
    this.#push(undoWarmSlot, slot, undefined)
    return true
  }

  setBalance(account: AccountEntry, balance: bigint): void {
    this.touch(account)
    this.#push(undoBalance, account, account.balance)
    account.balance = balance
  }

  setNonce(account: AccountEntry, nonce: bigint): void {
    this.touch(account)
    this.#push(undoNonce, account, account.nonce)
    account.nonce = nonce
  }

  setCode(account: AccountEntry, bytes: Uint8Array): void {
    this.touch(account)
    this.#push(undoCode, account, { code: account.code, codeHash: account.codeHash })
    account.code = bytes.length === 0 ? noCode : new Code(bytes)
    account.codeHash = keccakWord(bytes)
  }

  setSlot(slot: Slot, value: bigint): void {
    this.#push(undoSlot, slot, slot.value)
    slot.value = value
  }

  setTransient(account: AccountEntry, word: bigint, value: bigint): void {
    if (account.transientIn !== this.#transaction) {
      account.transientIn = this.#transaction
      account.transientSlots = undefined
    }
    const slots = (account.transientSlots ??= new WordMap())
    let slot = slots.get(word)
    if (slot === undefined) slots.set(word, (slot = { value: 0n }))
    this.#push(undoTransient, slot, slot.value)
    slot.value = value
  }

  transfer(from: AccountEntry, to: AccountEntry, wei: bigint): void {
    if (wei === 0n) {
      this.touch(to)
      return
    }
    this.setBalance(from, from.balance - wei)
    this.setBalance(to, to.balance + wei)
  }

  /** A touched account goes away at the end of the transaction if it is dead (EIP-161). */
  touch(account: AccountEntry): void {
    if (account.touchedIn === this.#transaction) return
    this.#push(undoTouched, account, account.touchedIn)
    account.touchedIn = this.#transaction
    this.#touched.push(account)
  }

  markCreated(account: AccountEntry): void {
    this.#push(undoCreated, account, account.createdIn)
    account.createdIn = this.#transaction
  }

  isCreatedNow(account: AccountEntry): boolean {
    return account.createdIn === this.#transaction
  }

  /** The account goes away at the end of the transaction. */
  markDestroyed(account: AccountEntry): void {
    if (account.destroyedIn === this.#transaction) return
    this.#push(undoDestroyed, account, account.destroyedIn)
    account.destroyedIn = this.#transaction
    this.#destroyed.push(account)
  }

  burn(wei: bigint): void {
    this.#push(undoBurnt, undefined, this.burntWei)
    this.burntWei += wei
  }

  get journalSize(): number {
    return this.#size
  }

  checkpoint(): Checkpoint {
    return { journalSize: this.#size, logCount: this.logs.length, refund: this.refund }
  }

  /** Undoes everything since the checkpoint. */
  revert({ journalSize, logCount, refund }: Checkpoint): void {
    while (this.#size > journalSize) this.#undo(--this.#size)
    this.logs.length = logCount
    this.refund = refund
  }

  /** Ends the transaction: what it did stands. */
  endTransaction(): void {
    for (const account of this.#destroyed) {
      this.burntWei += account.balance
      this.#erase(account)
    }
    for (const account of this.#touched) {
      account.isTouched = true
      if (account.isDead) this.#erase(account)
    }
    this.#destroyed.length = 0
    this.#touched.length = 0
    this.#size = 0
    this.#transaction++
    this.logs = []
    this.refund = 0
  }

  /** The state as it now is. */
  reader(): StateReader {
    return {
      account: (address) => accountOf(this.account(address)),
      storage: (address, word) => this.slot(this.account(address), word).value,
      hasStorage: (address) => this.hasStorage(this.account(address)),
      code: (codeHash) => this.#codeBytes(codeHash),
    }
  }

  /** The net changes since the parent's state. */
  changes(): StateChanges {
    const accounts: AccountChange[] = []
    const codes = new WordMap<Uint8Array>()
    for (const account of this.#accounts.values()) {
      const change = changeOf(account)
      if (change === undefined) continue
      accounts.push(change)
      if (change.account !== undefined && account.codeHash !== account.base?.codeHash) {
        if (account.codeHash !== emptyKeccakWord) {
          codes.set(account.codeHash, this.code(account).bytes)
        }
      }
    }
    return { accounts, codes: Array.from(codes, ([codeHash, code]) => ({ codeHash, code })) }
  }

  #findSlot(account: AccountEntry, word: bigint): Slot {
    let slot = account.slots.get(word)
    if (slot === undefined) {
      const isBare = account.isStorageCleared || account.base === undefined
      slot = new Slot(word, isBare ? 0n : this.#reader.storage(account.address, word))
      account.slots.set(word, slot)
    }
    return slot
  }

  #codeBytes(codeHash: bigint): Uint8Array {
    for (const account of this.#accounts.values()) {
      if (account.codeHash === codeHash && account.code !== undefined) return account.code.bytes
    }
    return this.#reader.code(codeHash)
  }

  #erase(account: AccountEntry): void {
    account.nonce = 0n
    account.balance = 0n
    account.codeHash = emptyKeccakWord
    account.code = noCode
    account.isStorageCleared = true
    account.slots = new WordMap()
    account.recentSlot = undefined
    account.olderSlot = undefined
    account.isTouched = true
  }

  #push(kind: number, target: unknown, value: unknown): void {
    const at = this.#size++
    this.#kinds[at] = kind
    this.#targets[at] = target
    this.#values[at] = value
  }

  #undo(at: number): void {
    const target = this.#targets[at]
    const value = this.#values[at]
    switch (this.#kinds[at] as number) {
      case undoBalance:
        ;(target as AccountEntry).balance = value as bigint
        break
      case undoNonce:
        ;(target as AccountEntry).nonce = value as bigint
        break
      case undoCode:
        Object.assign(target as AccountEntry, value)
        break
      case undoSlot:
        ;(target as Slot).value = value as bigint
        break
      case undoWarmAccount:
        ;(target as AccountEntry).warmIn = 0
        break
      case undoWarmSlot:
        ;(target as Slot).warmIn = 0
        break
      case undoTouched:
        ;(target as AccountEntry).touchedIn = value as number
        this.#touched.pop()
        break
      case undoCreated:
        ;(target as AccountEntry).createdIn = value as number
        break
      case undoDestroyed:
        ;(target as AccountEntry).destroyedIn = value as number
        this.#destroyed.pop()
        break
      case undoTransient:
        ;(target as TransientSlot).value = value as bigint
        break
      case undoBurnt:
        this.burntWei = value as bigint
        break
    }
  }
}

function accountOf(entry: AccountEntry): Account | undefined {
  if (entry.isDead) return entry.isTouched ? undefined : entry.base
  const { nonce, balance, codeHash } = entry
  return { nonce, balance, codeHash }
}

function changeOf(entry: AccountEntry): AccountChange | undefined {
  const { address, base } = entry
  const account = accountOf(entry)
  const storage: (readonly [bigint, bigint])[] = []
  for (const slot of entry.slots.values()) {
    if (slot.value !== slot.base) storage.push([slot.word, slot.value])
  }
  const isSame =
    account?.nonce === base?.nonce &&
    account?.balance === base?.balance &&
    account?.codeHash === base?.codeHash
  if (isSame && storage.length === 0 && !entry.isStorageCleared) return undefined
  // What came and went within the block is no change.
  if (account === undefined && base === undefined) return undefined
  const storageCleared = entry.isStorageCleared && base !== undefined
  return { address, account, storageCleared, storage: account === undefined ? [] : storage }
}
