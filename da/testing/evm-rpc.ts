/**
 * Our EVM behind JSON-RPC, in this process: a block for each transaction, gas for nothing, and time
 * that stands still until it is moved. Whatever block is named, the newest state answers.
 */

import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { decodeTransaction, MessageRun, recoverSender, transactionHash } from '@zg/evm'
import type { Log, RunMessage, RunOutcome, Transaction } from '@zg/evm'
import { bigintToHex, fromHex, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

const chainId = 1_337n
const zeroHash = toHex(new Uint8Array(32))
/** Who makes the blocks that hold nothing else. */
const miner = 0xb10cn

type Block = { readonly number: number; readonly timestamp: number }
type KeptLog = Log & { readonly block: number; readonly hash: Hex }
type Mined = { readonly block: number; readonly outcome: RunOutcome }
type Fields = Readonly<Record<string, unknown>>

export class EvmRpc {
  readonly #run: MessageRun
  readonly #server: Server
  readonly #blocks = new Map<number, Block>()
  readonly #logs: KeptLog[] = []
  readonly #mined = new Map<Hex, Mined>()
  /** By sender and nonce: transactions whose turn has not come. */
  readonly #waiting = new Map<string, { readonly transaction: Transaction; readonly hash: Hex }>()
  url = ''

  private constructor(run: MessageRun) {
    this.#run = run
    this.#server = createServer((request, response) => {
      const pieces: Buffer[] = []
      request.on('data', (piece: Buffer) => pieces.push(piece))
      request.on('end', () => {
        const asked = JSON.parse(Buffer.concat(pieces).toString()) as Asked | readonly Asked[]
        const answer = Array.isArray(asked)
          ? asked.map((one: Asked) => this.#answer(one))
          : this.#answer(asked as Asked)
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify(answer))
      })
    })
  }

  /** `rich` owns a billion ether. */
  static async start(rich: Hex): Promise<EvmRpc> {
    const timestamp = 1_800_000_000
    const accounts = [BigInt(rich), miner].map((address) => {
      return { address, nonce: 0n, balance: 10n ** 27n, code: new Uint8Array(0), storage: [] }
    })
    const rpc = new EvmRpc(new MessageRun({ fork: 'osaka', chainId, timestamp, accounts }))
    rpc.mine()
    await new Promise<void>((resolve) => rpc.#server.listen(0, '127.0.0.1', resolve))
    rpc.url = `http://127.0.0.1:${(rpc.#server.address() as AddressInfo).port}`
    return rpc
  }

  get height(): number {
    return this.#run.number
  }

  /** Has so many seconds pass, and makes a block. */
  advance(seconds: number): void {
    this.#run.advance(seconds)
    this.mine()
  }

  /** Makes a block that holds nothing of anybody's. */
  mine(): void {
    this.#send({ from: miner, to: miner, value: 0n, data: new Uint8Array(0) }, zeroHash)
  }

  /** The hash of a block, also of one that is not there yet. */
  hashOf(number: number): Uint8Array {
    return keccak256(new TextEncoder().encode(String(number)))
  }

  /** Events, by their topics. */
  logsOf(topic: Hex): readonly Log[] {
    return this.#logs.filter(({ topics }) => topics[0] === BigInt(topic))
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #answer({ id, method, params }: Asked): Fields {
    try {
      return { jsonrpc: '2.0', id, result: this.#ask(method, params) }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      const data = error instanceof Reverted ? { code: 3, data: error.data } : { code: -32_000 }
      return { jsonrpc: '2.0', id, error: { message, ...data } }
    }
  }

  #ask(method: string, params: readonly unknown[] = []): unknown {
    switch (method) {
      case 'eth_chainId':
        return quantity(chainId)
      case 'eth_blockNumber':
        return quantity(this.#run.number)
      case 'eth_gasPrice':
      case 'eth_maxPriorityFeePerGas':
        return '0x0'
      case 'eth_getBalance':
        return quantity(this.#run.state.account(BigInt(params[0] as Hex))?.balance ?? 0n)
      case 'eth_getTransactionCount':
        return quantity(this.#run.state.account(BigInt(params[0] as Hex))?.nonce ?? 0n)
      case 'eth_getCode': {
        const account = this.#run.state.account(BigInt(params[0] as Hex))
        return account === undefined ? '0x' : toHex(this.#run.state.code(account.codeHash))
      }
      case 'eth_getBlockByNumber':
        return this.#block(params[0] as string)
      case 'eth_call':
        return toHex(this.#call(params[0] as CallFields).output)
      case 'eth_estimateGas':
        return quantity(2n * this.#call(params[0] as CallFields).gasUsed)
      case 'eth_sendRawTransaction':
        return this.#take(fromHex(params[0] as Hex))
      case 'eth_getTransactionReceipt':
        return this.#receipt(params[0] as Hex)
      case 'eth_getLogs':
        return this.#find(params[0] as LogFilter)
      default:
        throw new Error(`there is no ${method} here`)
    }
  }

  #call({ from = '0x0', to, value = '0x0', data = '0x' }: CallFields) {
    const target = to === undefined ? undefined : BigInt(to)
    const message = { from: BigInt(from), to: target, value: BigInt(value), data: fromHex(data) }
    const result = this.#run.call(message)
    if (!('output' in result)) throw new Error(`the call was ${result.status}`)
    if (result.status !== 'success') throw new Reverted(toHex(result.output))
    return result
  }

  /** Those of one sender go in the order of their nonces. */
  #take(bytes: Uint8Array): Hex {
    const transaction = decodeTransaction(bytes)
    const sender = recoverSender(transaction)
    const hash = toHex(transactionHash(transaction))
    this.#waiting.set(`${sender}/${transaction.nonce}`, { transaction, hash })
    for (;;) {
      const key = `${sender}/${this.#run.state.account(sender)?.nonce ?? 0n}`
      const next = this.#waiting.get(key)
      if (next === undefined) return hash
      this.#waiting.delete(key)
      const { to, value, data, gasLimit: gas } = next.transaction
      this.#send({ from: sender, to, value, data, gas }, next.hash)
    }
  }

  #send(message: RunMessage, hash: Hex): void {
    const outcome = this.#run.send(message)
    const block = this.#run.number
    this.#blocks.set(block, { number: block, timestamp: this.#run.timestamp })
    this.#mined.set(hash, { block, outcome })
    this.#logs.push(...outcome.logs.map((log) => ({ ...log, block, hash })))
  }

  #block(tag: string): Fields | null {
    const number = tag.startsWith('0x') ? Number(tag) : this.#run.number
    const block = this.#blocks.get(number)
    if (block === undefined) return null
    return {
      number: quantity(number),
      hash: toHex(this.hashOf(number)),
      parentHash: toHex(this.hashOf(number - 1)),
      timestamp: quantity(block.timestamp),
      gasLimit: quantity(60_000_000),
      gasUsed: '0x0',
      baseFeePerGas: '0x0',
      transactions: [],
    }
  }

  #receipt(hash: Hex): Fields | null {
    const mined = this.#mined.get(hash)
    if (mined === undefined) return null
    const { block, outcome } = mined
    const { contractAddress, succeeded, gasUsed } = outcome
    return {
      transactionHash: hash,
      blockNumber: quantity(block),
      blockHash: toHex(this.hashOf(block)),
      status: succeeded ? '0x1' : '0x0',
      gasUsed: quantity(gasUsed),
      contractAddress: contractAddress === undefined ? null : bigintToHex(contractAddress, 20),
      logs: [],
    }
  }

  #find({ address, topics = [], fromBlock, toBlock }: LogFilter): readonly Fields[] {
    const at = (tag: string | undefined): number =>
      tag?.startsWith('0x') === true ? Number(tag) : this.#run.number
    return this.#logs
      .filter(({ block }) => block >= at(fromBlock) && block <= at(toBlock))
      .filter((log) => address === undefined || log.address === BigInt(address))
      .filter((log) =>
        topics.every((topic, at) => topic === null || log.topics[at] === BigInt(topic)),
      )
      .map((log) => ({
        address: bigintToHex(log.address, 20),
        topics: log.topics.map((topic) => bigintToHex(topic, 32)),
        data: toHex(log.data),
        blockNumber: quantity(log.block),
        blockHash: toHex(this.hashOf(log.block)),
        transactionHash: log.hash,
        transactionIndex: '0x0',
        logIndex: '0x0',
        removed: false,
      }))
  }
}

type Asked = {
  readonly id: number
  readonly method: string
  readonly params?: readonly unknown[]
}
type CallFields = {
  readonly from?: Hex
  readonly to?: Hex
  readonly value?: Hex
  readonly data?: Hex
}
type LogFilter = {
  readonly address?: Hex
  readonly topics?: readonly (Hex | null)[]
  readonly fromBlock?: string
  readonly toBlock?: string
}

function quantity(number: number | bigint): Hex {
  return `0x${number.toString(16)}`
}

class Reverted extends Error {
  readonly data: Hex

  constructor(data: Hex) {
    super('execution reverted')
    this.data = data
  }
}
