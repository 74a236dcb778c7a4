/**
 * The contracts of a test as an L1, or a network, that takes signed transactions: a pool, blocks
 * when they are made, receipts. It makes a block of each transaction at once unless it is told not
 * to.
 */

import { decodeTransaction, maxFeePerGasOf, recoverSender, transactionHash } from '@zg/evm'
import type { Transaction } from '@zg/evm'
import type { ContractWorld } from '@zg/contracts/testing'
import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { L1EndpointError } from '../json-rpc-endpoint.ts'
import type { KeeperChain } from '../keeper-ports.ts'
import type {
  L1Answer,
  L1GasAnswer,
  L1Head,
  L1Message,
  L1Receipt,
  L1Submission,
} from '../l1-chain.ts'

/** What a replacement pays more, at least. */
const replacementPercent = 110n

export class SimulatedL1Chain implements KeeperChain {
  readonly #l1: { readonly world: ContractWorld }
  #number = 100n
  /** One for each sender and nonce. */
  readonly #pool = new Map<string, { readonly transaction: Transaction; readonly from: bigint }>()
  readonly #receipts = new Map<Hex, L1Receipt>()
  /** Whether each transaction makes a block. */
  isAutomatic = true
  baseFeePerGas = 7n
  /** Told of each question before it is answered: may throw, or wait. */
  onAsk: (method: keyof KeeperChain) => void | Promise<void> = () => {}
  /** Transactions that came, the replaced ones too. */
  readonly submitted: Transaction[] = []

  /** @param l1 - L1, or a network. */
  constructor(l1: { readonly world: ContractWorld }) {
    this.#l1 = l1
  }

  /** Makes a block of each transaction that waits and pays the base fee; then one more. */
  mine(): void {
    for (const [key, { transaction, from }] of this.#pool) {
      if (maxFeePerGasOf(transaction) < this.baseFeePerGas) continue
      if (transaction.nonce !== this.#l1.world.nonceOf(from)) continue
      const { to, data, value } = transaction
      const outcome = this.#l1.world.executed({ from, to: to ?? 0n, data, value })
      this.#number++
      this.#pool.delete(key)
      const hash = toHex(transactionHash(transaction))
      this.#receipts.set(hash, { blockNumber: this.#number, ...outcome })
    }
    this.#number++
  }

  async head(): Promise<L1Head> {
    await this.onAsk('head')
    const timestamp = BigInt(this.#l1.world.timestamp)
    return { number: this.#number, timestamp, baseFeePerGas: this.baseFeePerGas }
  }

  async call({ to, data, value = 0n }: L1Message): Promise<L1Answer> {
    await this.onAsk('call')
    const { succeeded, output } = this.#l1.world.call({ to, data, value })
    return { kind: succeeded ? 'returned' : 'reverted', data: output }
  }

  async storageAt(address: bigint, slot: bigint): Promise<bigint> {
    await this.onAsk('storageAt')
    return this.#l1.world.slotOf(address, slot)
  }

  async hasCode(address: bigint): Promise<boolean> {
    await this.onAsk('hasCode')
    return this.#l1.world.codeOf(address).length > 0
  }

  async nonceOf(address: bigint): Promise<bigint> {
    await this.onAsk('nonceOf')
    return this.#l1.world.nonceOf(address)
  }

  async estimateGas(message: L1Message & { from: bigint }): Promise<L1GasAnswer> {
    await this.onAsk('estimateGas')
    const { value = 0n, ...rest } = message
    const { succeeded, output, gasUsed } = this.#l1.world.call({ ...rest, value })
    return succeeded ? { kind: 'estimated', gas: gasUsed } : { kind: 'reverted', data: output }
  }

  async tipPerGas(): Promise<bigint> {
    await this.onAsk('tipPerGas')
    return 1n
  }

  async submit(bytes: Uint8Array): Promise<L1Submission> {
    await this.onAsk('submit')
    const transaction = decodeTransaction(bytes)
    if (transaction.type !== 2 || transaction.chainId !== this.#l1.world.chainId) {
      throw new L1EndpointError('it refuses: a transaction for another chain')
    }
    const from = recoverSender(transaction)
    if (transaction.nonce < this.#l1.world.nonceOf(from)) return 'stale'
    const key = `${from}/${transaction.nonce}`
    const waiting = this.#pool.get(key)
    const least = waiting && (maxFeePerGasOf(waiting.transaction) * replacementPercent) / 100n
    if (least !== undefined && maxFeePerGasOf(transaction) < least) return 'underpriced'
    this.#pool.set(key, { transaction, from })
    this.submitted.push(transaction)
    if (this.isAutomatic) this.mine()
    return 'taken'
  }

  async receipt(hash: Uint8Array): Promise<L1Receipt | undefined> {
    await this.onAsk('receipt')
    return this.#receipts.get(toHex(hash))
  }
}
