/**
 * An L1 endpoint over contracts in a test: each `mine` makes a block of the state as it is, with
 * its tries; all blocks are final at once. What it answers can be bent, as a lying endpoint's is.
 *
 * Tries are those of @ethereumjs/mpt, so the proofs come from other hands than what checks them.
 */

import { stateTriesOf } from '@zg/contracts/testing'
import type { L1World, StateTries } from '@zg/contracts/testing'
import { headerHash } from '@zg/evm'
import type { Header } from '@zg/evm'
import { bigintToBytes, bigintToHex, encodeRlp, fromHex, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { KeeperL1, L1MessageLog } from '../keeper-ports.ts'
import type { L1Credit, L1Endpoint, L1Header, L1Proof } from '../l1-endpoint.ts'

type Block = L1Header & {
  readonly tries: StateTries
  readonly credits: readonly (L1Credit & { readonly networkId: number })[]
}

const zeros = new Uint8Array(32)

export class SimulatedL1Endpoint implements L1Endpoint, KeeperL1 {
  readonly #l1: L1World
  readonly #watched: readonly bigint[]
  readonly #blocks: Block[] = []
  readonly #credits: (L1Credit & { readonly networkId: number })[] = []
  /** Bends answers; a test sets what it wants of them. */
  bend: {
    final?: (found: L1Header) => L1Header
    header?: (found: L1Header | undefined) => L1Header | undefined
    proof?: (found: L1Proof) => L1Proof
    credits?: (found: readonly L1Credit[]) => readonly L1Credit[]
    messages?: (found: readonly L1MessageLog[]) => readonly L1MessageLog[]
  } = {}
  readonly #messages: (L1MessageLog & { readonly networkId: number })[] = []

  /** @param watched - Contracts whose slots are proved. */
  constructor(l1: L1World, watched: readonly bigint[]) {
    this.#l1 = l1
    this.#watched = watched
    l1.world.watch(l1.inbox, ({ name, args }) => {
      if (name !== 'Credited') return
      const {
        id: networkId,
        index,
        to,
        amountGwei,
      } = args as {
        id: number
        index: bigint
        to: Hex
        amountGwei: bigint
      }
      this.#credits.push({ networkId, index, address: BigInt(to), amountGwei })
    })
  }

  get height(): bigint {
    return BigInt(this.#blocks.length - 1)
  }

  /** Gives tokens to a network's account through the bridge. */
  credit(networkId: number, address: bigint, amountGwei: bigint): void {
    const l1 = this.#l1
    const to = toHex(bigintToBytes(address, 20))
    l1.send(l1.bridge, 'deposit', [networkId, to, amountGwei * 10n ** 9n])
  }

  /** Sends a message to a network through the Inbox; it stands in the next block. */
  message(networkId: number, call: { sender: Hex; to: Hex; data: Hex }): void {
    const { sender, to, data } = call
    this.#l1.send(this.#l1.inbox, 'send', [networkId, to, data], sender)
    const index = BigInt(this.#messages.filter((each) => each.networkId === networkId).length)
    const words = { sender: BigInt(sender), to: BigInt(to), data: fromHex(data) }
    this.#messages.push({ networkId, index, ...words, blockNumber: this.height + 1n })
  }

  /** Makes a block. */
  async mine(): Promise<void> {
    const tries = await stateTriesOf(this.#l1.world, this.#watched)
    const header: Header = {
      parentHash: this.#blocks.at(-1)?.hash ?? zeros,
      ommersHash: keccak256(encodeRlp([])),
      coinbase: 0n,
      stateRoot: tries.root,
      transactionsRoot: zeros,
      receiptsRoot: zeros,
      logsBloom: new Uint8Array(256),
      difficulty: 0n,
      number: this.#blocks.length,
      gasLimit: 30_000_000n,
      gasUsed: 0n,
      timestamp: this.#l1.world.timestamp,
      extraData: new Uint8Array(0),
      prevRandao: zeros,
      nonce: new Uint8Array(8),
      baseFeePerGas: 7n,
    }
    const hash = headerHash(header)
    this.#blocks.push({ header, hash, tries, credits: [...this.#credits] })
  }

  async finalHeader(): Promise<L1Header> {
    const found = this.#block(this.height)
    return this.bend.final?.(found) ?? found
  }

  async header(number: bigint): Promise<L1Header | undefined> {
    const found = this.#blocks[Number(number)]
    return this.bend.header === undefined ? found : this.bend.header(found)
  }

  async proof(address: bigint, slots: readonly bigint[], number: bigint): Promise<L1Proof> {
    const { tries } = this.#block(number)
    const where = bigintToHex(address, 20)
    const proofs = slots.map(async (slot) => (await tries.slotProof(where, slot)).map(fromHex))
    const found: L1Proof = {
      account: (await tries.accountProof(where)).map(fromHex),
      slots: await Promise.all(proofs),
    }
    return this.bend.proof?.(found) ?? found
  }

  async credits({
    networkId,
    fromBlock,
    toBlock,
  }: Parameters<L1Endpoint['credits']>[0]): Promise<readonly L1Credit[]> {
    const before = this.#blocks[Number(fromBlock) - 1]?.credits ?? []
    const found = this.#block(toBlock)
      .credits.slice(before.length)
      .filter((credit) => credit.networkId === networkId)
      .map(({ index, address, amountGwei }) => ({ index, address, amountGwei }))
    return this.bend.credits?.(found) ?? found
  }

  async messages({
    networkId,
    fromBlock,
    toBlock,
  }: Parameters<KeeperL1['messages']>[0]): Promise<readonly L1MessageLog[]> {
    const found = this.#messages
      .filter((each) => each.networkId === networkId)
      .filter(({ blockNumber }) => blockNumber >= fromBlock && blockNumber <= toBlock)
    return this.bend.messages?.(found) ?? found
  }

  #block(number: bigint): Block {
    const found = this.#blocks[Number(number)]
    if (found === undefined) throw new Error(`no block ${number} was mined`)
    return found
  }
}
