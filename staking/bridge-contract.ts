/** RewardBridge as a relayer sees it: what it paid of a network's Outbox, and how it is asked. */

import { bigintToHex, toHex } from '@zg/primitives'

import type { L1Chain, L1Message } from './l1-chain.ts'
import { messageTo, readContract } from './l1-contracts.ts'
import type { L1Contract } from './l1-contracts.ts'
import type { L1Credit } from './l1-endpoint.ts'
import { layout, mappingSlot } from './l1-layout.ts'
import type { ProvedOutbox } from './network-prover.ts'
import { outboxEntryArgs } from './outbox-entry.ts'
import type { OutboxEntry } from './outbox-entry.ts'

/** Bits of a word of its map of what was claimed. */
const bitsPerWord = 256

/** What the bridge will do now for a network; amounts in wei, times in seconds since 1970. */
export type BridgeState = {
  readonly outstanding: bigint
  /** Of the rate: what may be paid out in small claims at once. */
  readonly available: bigint
  readonly pausedUntil: bigint
}

/** An entry, its place, and the proof of it under a root that the bridge knows. */
export type OutboxClaim = {
  readonly entry: OutboxEntry
  readonly index: number
  readonly root: Uint8Array
  readonly siblings: readonly Uint8Array[]
}

/** A credit, the proof of it, and that the last block of its network had not come to it. */
export type CreditRefund = {
  readonly credit: L1Credit
  readonly siblings: readonly Uint8Array[]
  readonly creditNext: bigint
  /** Of field 12 of the block. */
  readonly fieldSiblings: readonly Uint8Array[]
}

export class BridgeContract {
  readonly #chain: L1Chain
  readonly #contract: L1Contract
  readonly #networkId: number
  #largeAmount: bigint | undefined

  constructor(options: {
    readonly chain: L1Chain
    readonly address: bigint
    readonly networkId: number
  }) {
    this.#chain = options.chain
    this.#contract = { artifact: 'RewardBridge', address: options.address }
    this.#networkId = options.networkId
  }

  /** Claims above are announced first; it never changes. */
  async largeAmount(): Promise<bigint> {
    this.#largeAmount ??= await this.#number('largeAmount', [])
    return this.#largeAmount
  }

  /** Asks L1 again for it. */
  forget(): void {
    this.#largeAmount = undefined
  }

  async state(): Promise<BridgeState> {
    const id = this.#networkId
    return {
      outstanding: await this.#number('outstanding', [id]),
      available: await this.#number('availableOf', [id]),
      pausedUntil: await this.#number('pausedUntil', [id]),
    }
  }

  /** When an announced claim may be made; 0 before it is announced. */
  readyAt(index: number): Promise<bigint> {
    return this.#number('readyAt', [this.#networkId, index])
  }

  async isOutboxRoot(root: Uint8Array): Promise<boolean> {
    return (await this.#read('isOutboxRoot', [this.#networkId, toHex(root)])) === true
  }

  async isClaimed(index: number): Promise<boolean> {
    return (await this.#read('isClaimed', [this.#networkId, index])) === true
  }

  /** Which of `count` entries from `first` on were claimed. */
  claimedFrom(first: number, count: number): Promise<(index: number) => boolean> {
    return this.#marks(layout.RewardBridge._claimed, { first, count })
  }

  /** Which of `count` credits from `first` on were refunded. */
  refundedFrom(first: number, count: number): Promise<(index: number) => boolean> {
    return this.#marks(layout.RewardBridge._refunded, { first, count })
  }

  /** The message that proves the Outbox at the block that L1 knows. */
  sync(proved: ProvedOutbox): L1Message {
    const args = [this.#networkId, ...outboxProofArgs(proved)]
    return messageTo(this.#contract, { name: 'sync', args })
  }

  /** The message that claims an entry, or announces it. */
  claim({ entry, index, root, siblings }: OutboxClaim): L1Message {
    const words = [outboxEntryArgs(entry), index, toHex(root), siblings.map(toHex)]
    return messageTo(this.#contract, { name: 'claim', args: [this.#networkId, ...words] })
  }

  /** The message that pays back a credit which a dead network never paid out. */
  refund({ credit, siblings, creditNext, fieldSiblings }: CreditRefund): L1Message {
    const { index, address, amountGwei } = credit
    const words = [index, bigintToHex(address, 20), amountGwei, siblings.map(toHex)]
    const args = [this.#networkId, ...words, creditNext, fieldSiblings.map(toHex)]
    return messageTo(this.#contract, { name: 'refund', args })
  }

  /** The marks of a bitmap of the network. */
  async #marks(
    position: bigint,
    { first, count }: { readonly first: number; readonly count: number },
  ): Promise<(index: number) => boolean> {
    const map = mappingSlot(position, BigInt(this.#networkId))
    const firstWord = Math.floor(first / bitsPerWord)
    const words: bigint[] = []
    for (let word = firstWord; word * bitsPerWord < first + count; word++) {
      const slot = mappingSlot(map, BigInt(word))
      words.push(await this.#chain.storageAt(this.#contract.address, slot))
    }
    return (index) => {
      const word = words[Math.floor(index / bitsPerWord) - firstWord] ?? 0n
      return ((word >> BigInt(index % bitsPerWord)) & 1n) === 1n
    }
  }

  async #number(name: string, args: readonly unknown[]): Promise<bigint> {
    return (await this.#read(name, args)) as bigint
  }

  #read(name: string, args: readonly unknown[]): Promise<unknown> {
    return readContract(this.#chain, this.#contract, { name, args })
  }
}

/** The Outbox at the block that is known of a network, proved as contracts take it. */
export function outboxProofArgs({
  block,
  histRoot,
  executionHeader,
  siblings,
  proof,
}: ProvedOutbox): readonly [known: object, state: object, slot: object] {
  const { height, consensusRoot } = block
  return [
    // A certified block itself, as CertifiedBlocks has it.
    { height, consensusRoot: toHex(consensusRoot), siblings: [toHex(histRoot)] },
    { header: toHex(executionHeader), siblings: siblings.map(toHex) },
    { account: proof.account.map(toHex), slot: (proof.slots[0] ?? []).map(toHex) },
  ]
}
