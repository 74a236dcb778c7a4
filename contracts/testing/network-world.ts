/**
 * A network as L1 sees it: an execution state with an Outbox, headers over it, certificates by
 * operators whose keys a test holds, and the proofs that relayers send.
 *
 * Tries are those of @ethereumjs/mpt: the proofs come from other hands than the contracts' rules.
 */

import { createMerkleProof, createMPT } from '@ethereumjs/mpt'
import { consensusRoot, finalityVoteDigest, headerProof, zeroL1Reference } from '@zg/consensus'
import type { ConsensusHeader, FinalityVote } from '@zg/consensus'
import {
  bigintToBytes,
  bigintToHex,
  bigintToMinimalBytes,
  encodeRlp,
  fromHex,
  keccak256,
  sha256,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { ContractWorld, somebody } from './contract-world.ts'
import type { Deployed } from './contract-world.ts'
import { rootOf, siblingsOf } from './history.ts'
import { sumOfSignatures } from './l1-world.ts'
import type { L1World } from './l1-world.ts'
import type { TestOperator } from './stake-world.ts'

/** 0x…2002 */
export const outboxAddress = bigintToHex(0x2002n, 20)

/** What an Outbox told of an entry. */
export type OutboxEntry = {
  readonly kind: number
  readonly network: number
  readonly sender: Hex
  readonly to: Hex
  readonly amount: bigint
  readonly expiry: bigint
  readonly dataHash: Hex
}

/** A sealed block, with the tries under it. */
type Sealed = {
  readonly header: ConsensusHeader
  readonly executionHeader: Uint8Array
  readonly accounts: Trie
  readonly outbox: Trie
}

type Trie = Awaited<ReturnType<typeof createMPT>>

export class NetworkWorld {
  readonly world: ContractWorld
  readonly outbox: Deployed
  readonly #id: number
  readonly #l1: L1World
  readonly #members: readonly TestOperator[]
  readonly #entries: OutboxEntry[] = []
  readonly #leaves: Uint8Array[] = []
  /** By height; the genesis is L1's word for it. */
  readonly #blocks: Sealed[] = []
  readonly #roots: Uint8Array[]

  constructor(l1: L1World, id: number, members: readonly TestOperator[]) {
    this.#l1 = l1
    this.#id = id
    this.#members = members
    this.world = new ContractWorld({ fork: 'osaka', chainId: BigInt(1_660_200 + id) })
    this.outbox = this.world.predeploy('Outbox', outboxAddress)
    const { genesisRoot } = l1.read(l1.networks, 'networkOf', id) as { genesisRoot: Hex }
    this.#roots = [fromHex(genesisRoot)]
  }

  get height(): number {
    return this.#roots.length - 1
  }

  /** Calls the Outbox; returns the index of the new entry. */
  send(
    name: 'withdraw' | 'reward' | 'transfer' | 'send',
    args: readonly unknown[],
    { from = somebody, value = 0n }: { from?: Hex; value?: bigint } = {},
  ): number {
    const { events } = this.world.send({ contract: this.outbox, name, args, from, value })
    const entry = events[0]?.args['entry'] as OutboxEntry
    this.#entries.push(entry)
    // abi.encode of seven static fields is seven words.
    const words = [
      BigInt(entry.kind),
      BigInt(entry.network),
      BigInt(entry.sender),
      BigInt(entry.to),
      entry.amount,
      entry.expiry,
      BigInt(entry.dataHash),
    ].map((word) => bigintToBytes(word, 32))
    this.#leaves.push(sha256(Uint8Array.from(words.flatMap((word) => [...word]))))
    return this.#leaves.length - 1
  }

  /** Makes a block of the state as it is; returns its height. */
  async seal({ creditNext = 0n, epoch = BigInt(this.#l1.epoch) } = {}): Promise<number> {
    const accounts = await createMPT({ useKeyHashing: true })
    let outbox = await createMPT({ useKeyHashing: true })
    for (const { address, nonce, balance, codeHash, slots } of this.world.accounts()) {
      const storage = await createMPT({ useKeyHashing: true })
      for (const [slot, value] of slots) {
        await storage.put(bigintToBytes(slot, 32), encodeRlp(bigintToMinimalBytes(value)))
      }
      if (address === BigInt(outboxAddress)) outbox = storage
      const fields = [
        bigintToMinimalBytes(nonce),
        bigintToMinimalBytes(balance),
        storage.root(),
        bigintToBytes(codeHash, 32),
      ]
      await accounts.put(bigintToBytes(address, 20), encodeRlp(fields))
    }
    const executionHeader = encodeRlp([
      ...[1, 2].map((fill) => new Uint8Array(32).fill(fill)),
      new Uint8Array(20),
      accounts.root(),
      bigintToMinimalBytes(BigInt(this.#roots.length)),
    ])
    const header: ConsensusHeader = {
      networkId: this.#id,
      epoch,
      height: BigInt(this.#roots.length),
      timestampMs: this.#l1.world.timestamp * 1_000,
      proposer: new Uint8Array(20),
      l1: zeroL1Reference,
      creditNext,
      histRoot: rootOf(this.#roots),
      mix: new Uint8Array(32),
      executionHash: keccak256(executionHeader),
    }
    this.#blocks[this.#roots.length] = { header, executionHeader, accounts, outbox }
    this.#roots.push(consensusRoot(header))
    return this.height
  }

  /**
   * Brings the newest block to L1, signed by all or some; proved against what L1 knows. Returns the
   * gas of it.
   */
  certify({
    signers = this.#members,
    nextEpoch = 0n,
  }: { signers?: readonly TestOperator[]; nextEpoch?: bigint } = {}): bigint {
    const { header } = this.#block(this.height)
    const { epoch, height, executionHash, histRoot } = header
    const root = this.#roots[this.height] as Uint8Array
    const fields = { epoch, height, blockHash: executionHash, consensusRoot: root, histRoot }
    const vote: FinalityVote = { ...fields, nextEpoch }
    const digest = finalityVoteDigest(this.#l1.identityOf(this.#id), vote)
    const absent = this.#members
      .filter((operator) => !signers.includes(operator))
      .map(({ address }) => address)
      .sort()
    const signature = sumOfSignatures([digest], signers)
    const certificate = { vote: this.#l1.finalityArgs(vote), absent, signature }
    const known = this.#l1.read(this.#l1.oracle, 'finalOf', this.#id) as { height: bigint }
    const below = this.#roots.slice(0, this.height)
    const siblings = siblingsOf(below, Number(known.height)).map(toHex)
    return this.#l1.send(this.#l1.oracle, 'submit', [this.#id, certificate, siblings]).gasUsed
  }

  /** That L1 knows of a block, under the one of height `known`. */
  blockProof(height: number, known = this.height) {
    const siblings = height === known ? [] : siblingsOf(this.#roots.slice(0, known), height)
    const root = toHex(this.#roots[height] as Uint8Array)
    return { height, consensusRoot: root, siblings: siblings.map(toHex) }
  }

  /** From a block's consensusRoot to its state root. */
  stateProof(height: number) {
    const { header, executionHeader } = this.#block(height)
    const siblings = headerProof(header, 'executionHash').map(toHex)
    return { header: toHex(executionHeader), siblings }
  }

  /** That a block pays out credits up to `creditNext`. */
  creditNextProof(height: number): readonly Hex[] {
    return headerProof(this.#block(height).header, 'creditNext').map(toHex)
  }

  async accountProof(height: number, address: Hex): Promise<readonly Hex[]> {
    const { accounts } = this.#block(height)
    return (await createMerkleProof(accounts, fromHex(address))).map(toHex)
  }

  /** Arguments of `RewardBridge.sync` for a block under the newest one. */
  async syncArgs(height = this.height, known = this.height): Promise<readonly unknown[]> {
    const { outbox } = this.#block(height)
    const slot = (await createMerkleProof(outbox, new Uint8Array(32))).map(toHex)
    const account = await this.accountProof(height, outboxAddress)
    const state = this.stateProof(height)
    return [this.#id, this.blockProof(height, known), state, { account, slot }]
  }

  /** Arguments of `RewardBridge.claim` for an entry, under a root of so many entries. */
  claimArgs(index: number, count = this.#leaves.length): readonly unknown[] {
    const leaves = this.#leaves.slice(0, count)
    const siblings = siblingsOf(leaves, index).map(toHex)
    return [this.#id, this.#entries[index], index, toHex(rootOf(leaves)), siblings]
  }

  #block(height: number): Sealed {
    const found = this.#blocks[height]
    if (found === undefined) throw new Error(`no block of height ${height} was sealed`)
    return found
  }
}
