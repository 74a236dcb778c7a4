/**
 * A network as L1 sees it: an execution state with an Outbox, headers over it, certificates by
 * operators whose keys a test holds, and the proofs that relayers send.
 *
 * Tries are those of @ethereumjs/mpt: the proofs come from other hands than the contracts' rules.
 */

import { createMerkleProof, createMPT } from '@ethereumjs/mpt'
import {
  bitmapOf,
  consensusRoot,
  finalityVoteDigest,
  headerProof,
  zeroL1Reference,
} from '@zg/consensus'
import type { ConsensusHeader, FinalityCertificate, FinalityVote } from '@zg/consensus'
import {
  bigintToBytes,
  bigintToHex,
  bigintToMinimalBytes,
  blsAggregate,
  blsSign,
  encodeRlp,
  fromHex,
  keccak256,
  sha256,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { signatureWords } from '../bls-words.ts'
import { ContractWorld, somebody } from './contract-world.ts'
import type { Deployed } from './contract-world.ts'
import { rootOf, siblingsOf } from './history.ts'
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
  /** Of the Outbox, so far. */
  readonly entryCount: number
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
    const entryCount = this.#entries.length
    this.#blocks[this.#roots.length] = { header, executionHeader, accounts, outbox, entryCount }
    this.#roots.push(consensusRoot(header))
    return this.height
  }

  /** The certificate of a block, by all members or some; who they are L1's registry says. */
  certificate({
    signers = this.#members,
    nextEpoch = 0n,
    height: at = this.height,
  }: {
    signers?: readonly TestOperator[]
    nextEpoch?: bigint
    height?: number
  } = {}): FinalityCertificate {
    const { epoch, height, executionHash, histRoot } = this.header(at)
    const root = this.#roots[at] as Uint8Array
    const fields = { epoch, height, blockHash: executionHash, consensusRoot: root, histRoot }
    const vote: FinalityVote = { ...fields, nextEpoch }
    const digest = finalityVoteDigest(this.#l1.identityOf(this.#id), vote)
    const order = this.#setOf(epoch)
    const indexes = signers.map(({ address }) => order.indexOf(address))
    const signature = blsAggregate(signers.map(({ secretKey }) => blsSign(secretKey, digest)))
    return { vote, signers: bitmapOf(indexes, order.length), signature }
  }

  /**
   * Brings the newest block to L1, signed by all or some; proved against what L1 knows. Returns the
   * gas of it.
   */
  certify({
    signers = this.#members,
    nextEpoch = 0n,
  }: { signers?: readonly TestOperator[]; nextEpoch?: bigint } = {}): bigint {
    const { vote, signature } = this.certificate({ signers, nextEpoch })
    const absent = this.#members
      .filter((operator) => !signers.includes(operator))
      .map(({ address }) => address)
      .sort()
    const words = signatureWords(signature)
    const certificate = { vote: this.#l1.finalityArgs(vote), absent, signature: words }
    const known = this.#l1.read(this.#l1.oracle, 'finalOf', this.#id) as { height: bigint }
    const siblings = this.historySiblings(Number(known.height), this.height).map(toHex)
    return this.#l1.send(this.#l1.oracle, 'submit', [this.#id, certificate, siblings]).gasUsed
  }

  /** The consensus header of a block, the genesis aside: that is L1's word. */
  header(height: number): ConsensusHeader {
    return this.#block(height).header
  }

  /** The RLP of the execution header of a block. */
  executionHeader(height: number): Uint8Array {
    return this.#block(height).executionHeader
  }

  /** The siblings of a height's consensusRoot in the history of a later one. */
  historySiblings(height: number, under: number): readonly Uint8Array[] {
    return siblingsOf(this.#roots.slice(0, under), height)
  }

  /** What the Outbox was told in a block, and the index of the first. */
  entriesIn(height: number): { readonly first: number; readonly entries: readonly OutboxEntry[] } {
    const first = height <= 1 ? 0 : this.#block(height - 1).entryCount
    return { first, entries: this.#entries.slice(first, this.#block(height).entryCount) }
  }

  /** `eth_getProof` of slots of the Outbox at a block. */
  async outboxProof(height: number, slots: readonly bigint[]) {
    const { accounts, outbox } = this.#block(height)
    const account = await createMerkleProof(accounts, fromHex(outboxAddress))
    const proofs = slots.map((slot) => createMerkleProof(outbox, bigintToBytes(slot, 32)))
    return { account, slots: await Promise.all(proofs) }
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

  /** Who has weight in an epoch, in the order in which bitmaps count. */
  #setOf(epoch: bigint): readonly Hex[] {
    const { networks, operators } = this.#l1
    const members = this.#l1.read(networks, 'membersOf', this.#id) as readonly Hex[]
    return members
      .filter((member) => this.#l1.read(networks, 'isMember', this.#id, member, epoch) === true)
      .filter((member) => this.#l1.read(operators, 'weightAt', member, epoch) !== 0n)
      .map((member) => member.toLowerCase() as Hex)
  }

  #block(height: number): Sealed {
    const found = this.#blocks[height]
    if (found === undefined) throw new Error(`no block of height ${height} was sealed`)
    return found
  }
}
