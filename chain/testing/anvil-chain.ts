/**
 * A third opinion on blocks: anvil (revm) makes the valid block vectors again, transaction by
 * transaction.
 *
 * anvil takes no foreign block, and of the system contracts it calls that of EIP-2935 alone. So for
 * each block
 *
 *   1. the beacon root of EIP-4788 is put into its slots by hand;
 *   2. anvil mines the transactions at the block's number, time, base fee and recipient;
 *   3. status, gas and logs of each are compared with our receipts;
 *   4. what the protocol writes after them is put there by hand: withdrawals, and the first four
 *      slots of the queues of EIP-7002 and EIP-7251;
 *   5. every account and slot that the vectors touch is compared with our state; a hash of anvil's
 *      blocks counts as the hash of ours at that number.
 *
 * A vector that is wrong in a field of the header cannot be put to anvil: those are skipped.
 */

import { receiptsRoot } from '@zg/evm'
import type { Receipt } from '@zg/evm'
import { startAnvil } from '@zg/evm/testing'
import type { AnvilProcess, RpcCall } from '@zg/evm/testing'
import { bigintToHex, bytesToBigint, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { StateReader } from '@zg/state'

import type { BlockBody } from '../block-codec.ts'
import {
  beaconRootsContract,
  consolidationRequestsContract,
  withdrawalRequestsContract,
} from '../system-contracts.ts'

/** Length of the ring buffer of EIP-4788. */
const ringSize = 8_191n

const weiPerGwei = 10n ** 9n

/** Slots of a queue that its system call writes: excess, count, head and tail. */
const queueSlots = [0n, 1n, 2n, 3n]

type GenesisAlloc = Readonly<
  Record<string, { balance?: Hex; nonce?: Hex; code?: Hex; storage?: Readonly<Record<Hex, Hex>> }>
>

type RpcReceipt = {
  readonly type: Hex
  readonly status: Hex
  readonly cumulativeGasUsed: Hex
  readonly logsBloom: Hex
  readonly logs: readonly { address: Hex; topics: readonly Hex[]; data: Hex }[]
}

/** What anvil is asked, and our answer. */
type Question = { readonly call: RpcCall; readonly ours: bigint }

/** A block and what our engine made of it. */
export type JudgedBlock = {
  readonly body: BlockBody
  readonly receipts: readonly Receipt[]
  /** After the block. */
  readonly state: StateReader
}

/** Accounts to compare, with the slots to compare in each. */
export type Watched = ReadonlyMap<bigint, readonly bigint[]>

export class AnvilChain {
  readonly #anvil: AnvilProcess
  /** Our block's hash by anvil's. */
  readonly #hashes = new Map<bigint, bigint>()

  private constructor(anvil: AnvilProcess) {
    this.#anvil = anvil
  }

  /** Begins at a genesis in geth's format; undefined when anvil does not run here. */
  static async open(
    genesis: Readonly<Record<string, unknown>>,
    fork: 'prague' | 'osaka',
  ): Promise<AnvilChain | undefined> {
    const { config, alloc, gasLimit, timestamp } = genesis as {
      config: { chainId: number }
      alloc: GenesisAlloc
      gasLimit: Hex
      timestamp: Hex
    }
    const pool = ['--accounts', '0', '--no-mining', '--order', 'fifo', '--disable-min-priority-fee']
    const rules = ['--hardfork', fork, '--chain-id', `${config.chainId}`]
    const first = ['--gas-limit', `${Number(gasLimit)}`, '--timestamp', `${Number(timestamp)}`]
    const anvil = await startAnvil([...rules, ...pool, ...first])
    if (anvil === undefined) return undefined
    const chain = new AnvilChain(anvil)
    await chain.#all(
      Object.entries(alloc).flatMap(([address, account]) => writesOf(address, account)),
    )
    return chain
  }

  /** Makes a valid block again; what differs, or undefined. */
  async replay(
    { body, receipts, state }: JudgedBlock,
    watched: Watched,
  ): Promise<string | undefined> {
    await this.#all([...writesBefore(body), ...minesOf(body)])
    const [block, mined] = (await this.#anvil.batch([
      ['eth_getBlockByNumber', ['latest', false]],
      ['eth_getBlockReceipts', ['latest']],
    ])) as [{ number: Hex; parentHash: Hex }, readonly RpcReceipt[]]
    const { header } = body
    if (Number(block.number) !== header.number) return `anvil is at block ${Number(block.number)}`
    this.#hashes.set(BigInt(block.parentHash), bytesToBigint(header.parentHash))
    const root = toHex(receiptsRoot(mined.map(receiptOf)))
    if (root !== toHex(header.receiptsRoot)) return describeReceipts(receipts, mined)
    await this.#all(await this.#writesAfter(body, state))
    return this.#compare(state, watched)
  }

  close(): Promise<void> {
    return this.#anvil.close()
  }

  async #writesAfter(body: BlockBody, state: StateReader): Promise<RpcCall[]> {
    const queues = [withdrawalRequestsContract, consolidationRequestsContract]
    const writes = queues.flatMap(({ address }) =>
      queueSlots.map((slot) => setSlot(address, slot, state.storage(address, slot))),
    )
    const earned = new Map<bigint, bigint>()
    for (const { address, amountGwei } of body.withdrawals) {
      earned.set(address, (earned.get(address) ?? 0n) + amountGwei * weiPerGwei)
    }
    for (const [address, amount] of earned) {
      const at = bigintToHex(address, 20)
      const balance = BigInt((await this.#anvil.rpc('eth_getBalance', [at, 'latest'])) as Hex)
      writes.push(['anvil_setBalance', [at, quantity(balance + amount)]])
    }
    return writes
  }

  async #compare(state: StateReader, watched: Watched): Promise<string | undefined> {
    const questions = [...watched].flatMap(([address, slots]): Question[] => {
      const at = bigintToHex(address, 20)
      const { balance = 0n, nonce = 0n } = state.account(address) ?? {}
      const ofSlots = slots.map((slot): Question => ({
        call: ['eth_getStorageAt', [at, bigintToHex(slot, 32), 'latest']],
        ours: state.storage(address, slot),
      }))
      return [
        { call: ['eth_getBalance', [at, 'latest']], ours: balance },
        { call: ['eth_getTransactionCount', [at, 'latest']], ours: nonce },
        ...ofSlots,
      ]
    })
    const answers = await this.#anvil.batch(questions.map(({ call }) => call))
    for (const [at, { call, ours }] of questions.entries()) {
      const theirs = BigInt(answers[at] as Hex)
      if (theirs === ours || this.#hashes.get(theirs) === ours) continue
      return `${call[0]} ${JSON.stringify(call[1])}: anvil ${theirs}, ours ${ours}`
    }
    return undefined
  }

  /** @throws {Error} When anvil refuses one of them. */
  async #all(calls: readonly RpcCall[]): Promise<void> {
    const answers = await this.#anvil.batch(calls)
    const refused = answers.find((answer) => answer instanceof Error)
    if (refused !== undefined) throw refused
  }
}

/** Receipts differ: where, in words. */
function describeReceipts(ours: readonly Receipt[], theirs: readonly RpcReceipt[]): string {
  if (ours.length !== theirs.length) return `${theirs.length} receipts, ours ${ours.length}`
  const at = ours.findIndex(({ succeeded, cumulativeGasUsed }, index) => {
    const their = theirs[index] as RpcReceipt
    return (
      succeeded !== (their.status === '0x1') ||
      cumulativeGasUsed !== BigInt(their.cumulativeGasUsed)
    )
  })
  if (at === -1) return 'the logs differ'
  const [our, their] = [ours[at] as Receipt, theirs[at] as RpcReceipt]
  return (
    `receipt ${at}: status ${their.status}, ours ${our.succeeded}; cumulative gas ` +
    `${Number(their.cumulativeGasUsed)}, ours ${our.cumulativeGasUsed}`
  )
}

function writesBefore({ header }: BlockBody): RpcCall[] {
  const { timestamp, parentBeaconBlockRoot = new Uint8Array(32) } = header
  const time = BigInt(timestamp)
  const roots = beaconRootsContract.address
  const root = bytesToBigint(parentBeaconBlockRoot)
  return [setSlot(roots, time % ringSize, time), setSlot(roots, ringSize + (time % ringSize), root)]
}

function minesOf({ header, transactions }: BlockBody): RpcCall[] {
  return [
    ['anvil_setCoinbase', [bigintToHex(header.coinbase, 20)]],
    ['anvil_setNextBlockBaseFeePerGas', [quantity(header.baseFeePerGas ?? 0n)]],
    ['evm_setNextBlockTimestamp', [quantity(BigInt(header.timestamp))]],
    ...transactions.map((bytes): RpcCall => ['eth_sendRawTransaction', [toHex(bytes)]]),
    ['evm_mine', []],
  ]
}

function writesOf(address: string, account: GenesisAlloc[string]): RpcCall[] {
  const { balance = '0x0', nonce = '0x0', code, storage = {} } = account
  const at = `0x${address.replace(/^0x/, '')}`
  return [
    ['anvil_setBalance', [at, quantity(BigInt(balance))]],
    ['anvil_setNonce', [at, quantity(BigInt(nonce))]],
    ...(code === undefined ? [] : [['anvil_setCode', [at, code]] as RpcCall]),
    ...Object.entries(storage).map(([slot, value]) =>
      setSlot(BigInt(at), BigInt(slot), BigInt(value)),
    ),
  ]
}

function setSlot(address: bigint, slot: bigint, value: bigint): RpcCall {
  const words = [bigintToHex(slot, 32), bigintToHex(value, 32)]
  return ['anvil_setStorageAt', [bigintToHex(address, 20), ...words]]
}

function receiptOf({ type, status, cumulativeGasUsed, logsBloom, logs }: RpcReceipt): Receipt {
  return {
    type: Number(type) as Receipt['type'],
    succeeded: status === '0x1',
    cumulativeGasUsed: BigInt(cumulativeGasUsed),
    logsBloom: fromHex(logsBloom),
    logs: logs.map(({ address, topics, data }) => ({
      address: BigInt(address),
      topics: topics.map(BigInt),
      data: fromHex(data),
    })),
  }
}

function quantity(value: bigint): string {
  return `0x${value.toString(16)}`
}
