/**
 * The messages from L1 to a network, as Inbox's logs tell them, held to the root that a header of
 * the network names; from it the 32 siblings of each (docs/specs/stake.md §8).
 *
 *     leaf = sha256( sender ‖ to ‖ keccak(data) )                      72 bytes
 *
 * Nodes of the tree are kept, and of each message the block it is told in; what it says is read
 * again when it is delivered, and held to its leaf.
 */

import {
  appendLeaf,
  bigintToBytes,
  bytesEqual,
  concat,
  emptyIncrementalTree,
  incrementalProof,
  incrementalRoot,
  keccak256,
  sha256,
  ZgError,
} from '@zg/primitives'
import type { IncrementalTree } from '@zg/primitives'

import type { Failover } from './failover.ts'
import type { KeeperL1, L1MessageLog } from './keeper-ports.ts'

/** Messages of a network that are followed: some hundred megabytes. */
const messagesMax = 1_048_576

/** Blocks whose logs are asked for at once. What an answer cannot hold is asked for by halves. */
const blocksPerAnswerMax = 10_000n

/** Who tells messages. */
type Source = Pick<KeeperL1, 'messages'>

/** What a header says of the messages, and a proof of Inbox. */
export type MessageRoot = {
  /** Of L1. */
  readonly blockNumber: bigint
  readonly count: bigint
  /** 32 bytes; zero when there are none. */
  readonly root: Uint8Array
}

export class MessageTree {
  readonly #l1: Failover<Source>
  readonly #networkId: number
  #tree: IncrementalTree = emptyIncrementalTree
  /** Complete nodes by level and index. */
  #nodes: Uint8Array[][] = []
  /** Of each message, the block of L1 it is told in, and who sent it. */
  #blocks: bigint[] = []
  #senders: bigint[] = []
  #nextBlock: bigint
  #blocksPerAnswer = blocksPerAnswerMax

  constructor(options: {
    readonly l1: Failover<Source>
    readonly networkId: number
    /** The block that Inbox was deployed in, or one before. */
    readonly fromBlock: bigint
  }) {
    this.#l1 = options.l1
    this.#networkId = options.networkId
    this.#nextBlock = options.fromBlock
  }

  /** Messages that are in the tree; all of them under a proved root. */
  get count(): number {
    return this.#tree.count
  }

  /**
   * Takes in what Inbox held at a block, at or above the last one.
   *
   * @throws {MessagesUnprovedError} `STAKING_MESSAGES_UNPROVED`: the tree stays as it was; and
   *   whatever the endpoints throw.
   */
  async extend(found: MessageRoot): Promise<void> {
    const { blockNumber, count } = found
    if (blockNumber < this.#nextBlock) return
    if (count > messagesMax) throw new MessagesUnprovedError(blockNumber, 'they are too many')
    await this.#l1.ask((endpoint) => this.#extendBy(endpoint, found))
  }

  async #extendBy(endpoint: Source, { blockNumber, count, root }: MessageRoot): Promise<void> {
    const tree = this.#tree
    try {
      if (count > tree.count) await this.#append(endpoint, blockNumber, count)
      const isProved = count === 0n || bytesEqual(incrementalRoot(this.#tree), root)
      if (BigInt(this.#tree.count) !== count || !isProved) {
        throw new MessagesUnprovedError(blockNumber, 'their root is another')
      }
      this.#nextBlock = blockNumber + 1n
      this.#blocksPerAnswer = blocksPerAnswerMax
    } catch (error) {
      this.#cutBack(tree)
      throw error
    }
  }

  /**
   * A message of the tree, read again.
   *
   * @throws {MessagesUnprovedError} `STAKING_MESSAGES_UNPROVED`; and whatever the endpoints throw.
   */
  message(index: number): Promise<L1MessageLog> {
    return this.#l1.ask((endpoint) => this.#messageBy(endpoint, index))
  }

  async #messageBy(endpoint: Source, index: number): Promise<L1MessageLog> {
    const block = this.#blocks[index] ?? 0n
    const query = { networkId: this.#networkId, fromBlock: block, toBlock: block }
    const logs = await endpoint.messages(query)
    const found = logs.find((log) => log.index === BigInt(index))
    const leaf = this.#nodes[0]?.[index]
    if (found === undefined || leaf === undefined || !bytesEqual(messageLeaf(found), leaf)) {
      throw new MessagesUnprovedError(block, 'a message is another than before')
    }
    return found
  }

  /** Who sent a message of the tree, on L1. */
  senderOf(index: number): bigint | undefined {
    return this.#senders[index]
  }

  /** The 32 siblings of a message under the root of all in the tree. */
  siblings(index: number): readonly Uint8Array[] {
    const nodeAt = (level: number, at: number) => this.#nodes[level]?.[at] as Uint8Array
    return incrementalProof({ index, count: this.#tree.count, nodeAt })
  }

  async #append(endpoint: Source, toBlock: bigint, count: bigint): Promise<void> {
    for (let fromBlock = this.#nextBlock; fromBlock <= toBlock;) {
      const last = fromBlock + this.#blocksPerAnswer - 1n
      const until = last < toBlock ? last : toBlock
      for (const log of await this.#logs(endpoint, fromBlock, until)) {
        const isNext = log.index === BigInt(this.#tree.count) && BigInt(this.#tree.count) < count
        const isWithin = log.blockNumber >= fromBlock && log.blockNumber <= until
        if (!isNext || !isWithin) throw new MessagesUnprovedError(toBlock, 'they are out of order')
        this.#push(log)
      }
      fromBlock = until + 1n
    }
  }

  async #logs(
    endpoint: Source,
    fromBlock: bigint,
    toBlock: bigint,
  ): Promise<readonly L1MessageLog[]> {
    try {
      return await endpoint.messages({ networkId: this.#networkId, fromBlock, toBlock })
    } catch (error) {
      // It may be that an answer holds too much: the next step asks for less.
      this.#blocksPerAnswer = this.#blocksPerAnswer / 2n || 1n
      throw error
    }
  }

  #push(log: L1MessageLog): void {
    this.#blocks.push(log.blockNumber)
    this.#senders.push(log.sender)
    this.#tree = appendLeaf(this.#tree, messageLeaf(log), (level, _index, node) => {
      ;(this.#nodes[level] ??= []).push(node)
    })
  }

  /** Forgets what came after a state of the tree. */
  #cutBack(tree: IncrementalTree): void {
    this.#tree = tree
    this.#blocks = this.#blocks.slice(0, tree.count)
    this.#senders = this.#senders.slice(0, tree.count)
    this.#nodes = this.#nodes.map((nodes, level) =>
      nodes.slice(0, Math.floor(tree.count / 2 ** level)),
    )
  }
}

/** The leaf of a message in its tree. */
export function messageLeaf({
  sender,
  to,
  data,
}: Pick<L1MessageLog, 'sender' | 'to' | 'data'>): Uint8Array {
  return sha256(concat(bigintToBytes(sender, 20), bigintToBytes(to, 20), keccak256(data)))
}

/** An endpoint tells other messages than the proved root holds, or not all of them. */
export class MessagesUnprovedError extends ZgError<'STAKING_MESSAGES_UNPROVED'> {
  constructor(blockNumber: bigint, problem: string) {
    const message = `Cannot take the messages up to block ${blockNumber} of L1: ${problem}`
    super('STAKING_MESSAGES_UNPROVED', message, { blockNumber, problem })
  }
}
