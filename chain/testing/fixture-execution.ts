/**
 * Executes the chain of the rpc-compat fixture with `@ethereumjs/vm`, which knows every fork from
 * Frontier on, and takes down what each block did to the state and which receipts it left.
 *
 * The product's machine begins at Cancun, so only another one can run this chain's first blocks.
 * Each block's gas, receipts root, bloom and state root are checked against its header, so what
 * comes out is the chain's, not an opinion. Seals of the proof-of-work part are not checked.
 */

import { createBlockFromRLP } from '@ethereumjs/block'
import { createCommonFromGethGenesis, Hardfork, parseGethGenesisState } from '@ethereumjs/common'
import type { Common, GethGenesis } from '@ethereumjs/common'
import { RLP } from '@ethereumjs/rlp'
import { MerkleStateManager } from '@ethereumjs/statemanager'
import { Account as ForeignAccount, createAddressFromBigInt } from '@ethereumjs/util'
import type { Address, KZG } from '@ethereumjs/util'
import { createVM, runBlock } from '@ethereumjs/vm'
import type { TxReceipt, VM } from '@ethereumjs/vm'
import { bloomOfLogs } from '@zg/evm'
import type { Log, Receipt } from '@zg/evm'
import { bigintToBytes, bytesToBigint, emptyKeccakWord, WordMap, WordSet } from '@zg/primitives'
import type { Account, AccountChange, StateChanges } from '@zg/state'

export type ExecutedFixtureBlock = {
  readonly rlp: Uint8Array
  readonly receipts: readonly Receipt[]
  readonly changes: StateChanges
}

export type ExecutedFixture = {
  readonly genesisChanges: StateChanges
  readonly blocks: readonly ExecutedFixtureBlock[]
}

/**
 * Executes all blocks on the genesis state.
 *
 * @param genesisJson - geth's genesis format.
 * @param chainRlp - Blocks back to back.
 */
export async function executeFixture(
  genesisJson: unknown,
  chainRlp: Uint8Array,
): Promise<ExecutedFixture> {
  const genesis = genesisJson as GethGenesis
  const common = createCommonFromGethGenesis(genesis, {
    hardfork: Hardfork.Chainstart,
    customCrypto: { kzg: noKzg },
  })
  const state = new RecordingState({ common })
  await state.generateCanonicalGenesis(parseGethGenesisState(genesis))
  for (const [key, account] of Object.entries(genesis.alloc)) {
    const address = BigInt(key.startsWith('0x') ? key : `0x${key}`)
    state.see(address)
    const { storage } = account as { storage?: Record<string, string> }
    for (const slot of Object.keys(storage ?? {})) state.see(address, BigInt(slot))
  }
  const genesisChanges = await state.takeChanges()
  const hashes = new Map<number, Uint8Array>()
  const blockchain = {
    getBlock: (number: number) => {
      const hash = hashes.get(number) ?? new Uint8Array(32)
      return Promise.resolve({ hash: () => hash })
    },
    putBlock: () => Promise.resolve(),
    shallowCopy: () => blockchain,
  }
  const vm = await createVM({ common, stateManager: state, blockchain })
  const blocks: ExecutedFixtureBlock[] = []
  for (const rlp of splitRlp(chainRlp)) {
    blocks.push(await executeBlock({ vm, state, common, hashes }, rlp))
  }
  return { genesisChanges, blocks }
}

const unused = (): never => {
  throw new Error('The chain checks no KZG proof')
}

/** Blob transactions are not read without one; blocks hold no blobs, and no call here needs it. */
const noKzg: KZG = {
  blobToKzgCommitment: unused,
  computeBlobProof: unused,
  verifyProof: unused,
  verifyBlobProofBatch: unused,
  computeCells: unused,
  computeCellsAndProofs: unused,
  recoverCellsAndProofs: unused,
  verifyCellKzgProofBatch: unused,
}

type Execution = {
  readonly vm: VM
  readonly state: RecordingState
  readonly common: Common
  readonly hashes: Map<number, Uint8Array>
}

async function executeBlock(
  { vm, state, common, hashes }: Execution,
  rlp: Uint8Array,
): Promise<ExecutedFixtureBlock> {
  const block = createBlockFromRLP(rlp, { common, setHardfork: true })
  hashes.set(Number(block.header.number) - 1, block.header.parentHash)
  hashes.set(Number(block.header.number), block.hash())
  const result = await runBlock(vm, {
    block,
    setHardfork: true,
    skipHeaderValidation: true,
    skipBlockValidation: true,
  })
  const types = block.transactions.map(({ type }) => type as Receipt['type'])
  const receipts = result.receipts.map((receipt, index) => receiptOf(receipt, types[index] ?? 0))
  return { rlp, receipts, changes: await state.takeChanges() }
}

function receiptOf(receipt: TxReceipt, type: Receipt['type']): Receipt {
  const logs: Log[] = receipt.logs.map(([address, topics, data]) => ({
    address: bytesToBigint(address),
    topics: topics.map(bytesToBigint),
    data,
  }))
  return {
    type,
    // Before Byzantium a receipt has a root instead of a status; our chains begin long after.
    succeeded: 'status' in receipt ? receipt.status === 1 : true,
    cumulativeGasUsed: receipt.cumulativeBlockGasUsed,
    logsBloom: bloomOfLogs(logs),
    logs,
  }
}

/** RLP items back to back, each with its prefix. */
function splitRlp(stream: Uint8Array): Uint8Array[] {
  const items: Uint8Array[] = []
  for (let rest = stream; rest.length > 0;) {
    const { remainder } = RLP.decode(rest, true)
    items.push(rest.subarray(0, rest.length - remainder.length))
    rest = remainder
  }
  return items
}

/** A state that remembers every account and slot that was ever written. */
class RecordingState extends MerkleStateManager {
  readonly #slots = new WordMap<WordSet>()
  readonly #accounts = new WordMap<Account>()
  readonly #values = new WordMap<WordMap<bigint>>()
  readonly #codes = new WordSet()

  see(address: bigint, slot?: bigint): void {
    let slots = this.#slots.get(address)
    if (slots === undefined) this.#slots.set(address, (slots = new WordSet()))
    if (slot !== undefined) slots.add(slot)
  }

  override putAccount(address: Address, account: ForeignAccount | undefined): Promise<void> {
    this.see(bytesToBigint(address.bytes))
    return super.putAccount(address, account)
  }

  override deleteAccount(address: Address): Promise<void> {
    this.see(bytesToBigint(address.bytes))
    return super.deleteAccount(address)
  }

  override putStorage(address: Address, key: Uint8Array, value: Uint8Array): Promise<void> {
    this.see(bytesToBigint(address.bytes), bytesToBigint(key))
    return super.putStorage(address, key, value)
  }

  /** The difference between now and the last call, as our state takes it. */
  async takeChanges(): Promise<StateChanges> {
    const accounts: AccountChange[] = []
    const codes: { codeHash: bigint; code: Uint8Array }[] = []
    for (const [address, slots] of this.#slots) {
      const change = await this.#changeOf(address, slots)
      if (change === undefined) continue
      accounts.push(change)
      const codeHash = change.account?.codeHash ?? emptyKeccakWord
      if (codeHash !== emptyKeccakWord && this.#codes.add(codeHash)) {
        codes.push({ codeHash, code: await this.getCode(createAddressFromBigInt(address)) })
      }
    }
    return { accounts, codes }
  }

  async #changeOf(address: bigint, slots: WordSet): Promise<AccountChange | undefined> {
    const foreign = await this.getAccount(createAddressFromBigInt(address))
    // Before EIP-161 (block 6) the chain keeps touched accounts that are empty.
    const account = foreign === undefined ? undefined : accountOf(foreign)
    const before = this.#accounts.get(address)
    const known = this.#values.get(address) ?? new WordMap<bigint>()
    const storage: (readonly [bigint, bigint])[] = []
    for (const slot of account === undefined ? [] : slots) {
      const key = bigintToBytes(slot, 32)
      const value = bytesToBigint(await this.getStorage(createAddressFromBigInt(address), key))
      if (value === (known.get(slot) ?? 0n)) continue
      storage.push([slot, value])
      known.set(slot, value)
    }
    this.#values.set(address, account === undefined ? new WordMap() : known)
    if (account === undefined) this.#accounts.delete(address)
    else this.#accounts.set(address, account)
    if (storage.length === 0 && isSameAccount(before, account)) return undefined
    return { address, account, storageCleared: account === undefined, storage }
  }
}

function accountOf({ nonce, balance, codeHash }: ForeignAccount): Account {
  return { nonce, balance, codeHash: bytesToBigint(codeHash) }
}

function isSameAccount(a: Account | undefined, b: Account | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.nonce === b.nonce && a.balance === b.balance && a.codeHash === b.codeHash
}
