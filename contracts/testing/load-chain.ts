/**
 * A network's chain of which only headers matter: who is to prove how full its blocks were. It is
 * certified on L1 by operators whose keys a test holds.
 */

import { consensusRoot, finalityVoteDigest, headerProof, zeroL1Reference } from '@zg/consensus'
import type { ConsensusHeader } from '@zg/consensus'
import { encodeHeader } from '@zg/evm'
import {
  bigintToBytes,
  bytesToBigint,
  concat,
  fromHex,
  keccak256,
  sha256,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { rootOf, siblingsOf } from './history.ts'
import { sumOfSignatures } from './l1-world.ts'
import type { L1World } from './l1-world.ts'
import { genesisOf } from './stake-world.ts'
import type { TestOperator } from './stake-world.ts'

/** SAMPLES of NetworkLoad. */
const sampleCount = 8
const blockGasLimit = 60_000_000n

type Block = { readonly header: ConsensusHeader; readonly executionHeader: Uint8Array }

export class LoadChain {
  readonly #l1: L1World
  readonly #id: number
  readonly #members: readonly TestOperator[]
  /** From height 1 on. */
  readonly #blocks: Block[] = []
  readonly #roots: Uint8Array[]

  constructor(l1: L1World, id: number, members: readonly TestOperator[]) {
    this.#l1 = l1
    this.#id = id
    this.#members = members
    const { genesisRoot } = l1.read(l1.networks, 'networkOf', id) as { genesisRoot: Hex }
    this.#roots = [fromHex(genesisRoot)]
  }

  get height(): number {
    return this.#roots.length - 1
  }

  /** Adds a block of an epoch that used so much of its gas, in hundredths of a percent. */
  add(epoch: number, usedBps: number): void {
    const height = this.#roots.length
    const words = (label: number) => sha256(Uint8Array.of(label, height >> 8, height & 255))
    const executionHeader = encodeHeader({
      parentHash: words(1),
      ommersHash: words(2),
      coinbase: 0n,
      stateRoot: words(3),
      transactionsRoot: words(4),
      receiptsRoot: words(5),
      logsBloom: new Uint8Array(256),
      difficulty: 0n,
      number: height,
      gasLimit: blockGasLimit,
      gasUsed: (blockGasLimit * BigInt(usedBps)) / 10_000n,
      timestamp: this.#l1.world.timestamp,
      extraData: new Uint8Array(0),
      prevRandao: words(6),
      nonce: new Uint8Array(8),
      baseFeePerGas: 7n,
      withdrawalsRoot: words(7),
      blobGasUsed: 0n,
      excessBlobGas: 0n,
      parentBeaconBlockRoot: words(8),
      requestsHash: words(9),
    })
    const header: ConsensusHeader = {
      networkId: this.#id,
      epoch: BigInt(epoch),
      height: BigInt(height),
      timestampMs: this.#l1.world.timestamp * 1_000 + height,
      proposer: new Uint8Array(20),
      l1: zeroL1Reference,
      creditNext: 0n,
      histRoot: rootOf(this.#roots),
      mix: words(10),
      executionHash: keccak256(executionHeader),
    }
    this.#blocks.push({ header, executionHeader })
    this.#roots.push(consensusRoot(header))
  }

  /** Brings the newest block to L1, closing its epoch if there is a next one. */
  certify(nextEpoch = 0): void {
    const l1 = this.#l1
    const { header } = this.#block(this.height)
    const { epoch, height, executionHash, histRoot } = header
    const root = this.#roots[this.height] as Uint8Array
    const hashes = { blockHash: executionHash, consensusRoot: root, histRoot }
    const vote = { epoch, height, ...hashes, nextEpoch: BigInt(nextEpoch) }
    const digest = finalityVoteDigest(l1.identityOf(this.#id), vote)
    const signature = sumOfSignatures([digest], this.#members)
    const certificate = { vote: l1.finalityArgs(vote), absent: [], signature }
    const known = l1.read(l1.oracle, 'finalOf', this.#id) as { height: bigint }
    const siblings = this.#siblings(Number(known.height))
    l1.send(l1.oracle, 'submit', [this.#id, certificate, siblings])
  }

  /** Arguments of `NetworkLoad.prove` for an epoch, under the newest block. */
  loadArgs(epoch: number) {
    const span = this.spanOf(epoch)
    const { first, last, mix } = span
    const ends = { first: first.height, last: last.height, mix: fromHex(mix) }
    const samples = drawn(ends).map((height) => this.sample(height))
    return [this.#id, epoch, span, samples] as const
  }

  /** Where an epoch begins and ends. */
  spanOf(epoch: number) {
    const own = this.#blocks.filter(({ header }) => header.epoch === BigInt(epoch))
    const first = Number(own[0]?.header.height)
    const last = Number(own.at(-1)?.header.height)
    const following = this.#block(last + 1).header
    return {
      before: this.bound(first - 1),
      first: this.bound(first),
      last: this.bound(last),
      following: this.bound(last + 1),
      mix: toHex(following.mix),
      mixSiblings: headerProof(following, 'mix').map(toHex),
    }
  }

  /** A block and its epoch; the genesis is of the first one's. */
  bound(height: number) {
    const header = height === 0 ? undefined : this.#block(height).header
    const epochSiblings = header === undefined ? this.#genesisProof() : headerProof(header, 'epoch')
    const epoch = header?.epoch ?? this.#firstEpoch()
    const place = { height, epoch, consensusRoot: toHex(this.#roots[height] as Uint8Array) }
    return { ...place, siblings: this.#siblings(height), epochSiblings: epochSiblings.map(toHex) }
  }

  sample(height: number) {
    const { header, executionHeader } = this.#block(height)
    return {
      consensusRoot: toHex(this.#roots[height] as Uint8Array),
      siblings: this.#siblings(height),
      header: toHex(executionHeader),
      headerSiblings: headerProof(header, 'executionHash').map(toHex),
    }
  }

  #siblings(height: number): readonly Hex[] {
    const history = this.#roots.slice(0, this.height)
    const isTip = height === this.height
    return (isTip ? [rootOf(history)] : siblingsOf(history, height)).map(toHex)
  }

  #firstEpoch(): bigint {
    const { networks } = this.#l1
    const network = this.#l1.read(networks, 'networkOf', this.#id) as { firstEpoch: bigint }
    return network.firstEpoch
  }

  #genesisProof(): readonly Uint8Array[] {
    const identity = this.#l1.identityOf(this.#id)
    return headerProof(genesisOf(identity, Number(this.#firstEpoch())), 'epoch')
  }

  #block(height: number): Block {
    const found = this.#blocks[height - 1]
    if (found === undefined) throw new Error(`there is no block of height ${height}`)
    return found
  }
}

/** The heights that NetworkLoad asks for, by its rule. */
function drawn(span: {
  readonly first: number
  readonly last: number
  readonly mix: Uint8Array
}): readonly number[] {
  const count = span.last - span.first + 1
  return Array.from({ length: sampleCount }, (_, index) => {
    const begin = Math.floor((count * index) / sampleCount)
    const size = Math.floor((count * (index + 1)) / sampleCount) - begin
    const seed = bytesToBigint(keccak256(concat(span.mix, bigintToBytes(BigInt(index), 32))))
    return span.first + begin + Number(seed % BigInt(size))
  })
}
