/**
 * Keeps the blocks of a network nearly full, at little work: each transaction deploys 24,576 zero
 * bytes, which cost some 5 million gas. It names twice as much, so that a block whose limit is 57
 * million takes ten of them, 87 %, and its base fee rises by less than it might.
 *
 * A closed loop: as many wait as three blocks take, however slow blocks are.
 */

import { encodeTransaction, signTransaction } from '@zg/evm'
import { addressOfSecretKey, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { RpcClient } from './rpc-client.ts'

/** PUSH2 24576, PUSH0, RETURN: as much code as EIP-170 allows, all zero. */
const creationCode = fromHex('0x6160005ff3')

const gasLimit = 10_000_000n
const waitingMax = 32n
const tickMs = 100

/** Full blocks have the base fee rise by a tenth each: this lasts for a hundred, from 1 gwei. */
const fees = { maxFeePerGas: 10_000_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n }

export type BlockFillerOptions = {
  readonly rpc: string
  readonly chainId: number
  /** A funded account of which nobody else sends. */
  readonly privateKey: Hex
}

export class BlockFiller {
  readonly #client: RpcClient
  readonly #chainId: bigint
  readonly #key: Uint8Array
  readonly #address: Hex
  #next = 0n
  #timer: NodeJS.Timeout | undefined
  #isRunning = false
  #round: Promise<void> = Promise.resolve()

  constructor({ rpc, chainId, privateKey }: BlockFillerOptions) {
    this.#client = new RpcClient(rpc)
    this.#chainId = BigInt(chainId)
    this.#key = fromHex(privateKey)
    this.#address = toHex(addressOfSecretKey(this.#key))
  }

  start(): void {
    this.#isRunning = true
    this.#arm()
  }

  /** What waits in the pool by then is still taken into blocks. */
  async stop(): Promise<void> {
    this.#isRunning = false
    clearTimeout(this.#timer)
    await this.#round
    this.#client.close()
  }

  #arm(): void {
    this.#timer = setTimeout(() => {
      // A node that does not answer is asked again.
      this.#round = this.#fill()
        .catch(() => undefined)
        .then(() => (this.#isRunning ? this.#arm() : undefined))
    }, tickMs)
  }

  async #fill(): Promise<void> {
    const count = await this.#client.call('eth_getTransactionCount', this.#address, 'latest')
    const taken = BigInt(count as string)
    if (this.#next < taken) this.#next = taken
    const raws: Hex[] = []
    for (; this.#next < taken + waitingMax; this.#next++) raws.push(this.#signed(this.#next))
    if (raws.length === 0) return
    const calls = raws.map((raw) => ({ method: 'eth_sendRawTransaction', params: [raw] }))
    const replies = await this.#client.batch(calls)
    // Those that are known already are refused and cost nothing.
    if (replies.some(({ error }) => error !== undefined)) this.#next = taken
  }

  #signed(nonce: bigint): Hex {
    const fields = { type: 2, chainId: this.#chainId, nonce, gasLimit, ...fees } as const
    const rest = { to: undefined, value: 0n, data: creationCode, accessList: [] } as const
    return toHex(encodeTransaction(signTransaction({ ...fields, ...rest }, this.#key)))
  }
}
