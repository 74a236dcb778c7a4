/**
 * The tree of an Outbox, built from entries that a node tells and held to a root that is proved;
 * from it the 32 siblings of any entry under any proved count.
 *
 * Memory is bounded: leaves stand in pages of 1,024. Of a full page its root stays, and the height
 * from which it can be read again; the entries of the newest pages stay, and of others for a while.
 *
 *     levels 32..10    nodes over full pages                 kept
 *     levels  9..0     leaves of one page                    kept for the last, and for a few more
 */

import {
  appendLeaf,
  assert,
  bytesEqual,
  emptyIncrementalTree,
  incrementalProof,
  incrementalRoot,
  merkleParent,
  ZgError,
} from '@zg/primitives'
import type { IncrementalTree } from '@zg/primitives'

import type { NetworkEndpoint, OutboxLog } from './network-endpoint.ts'
import { outboxLeaf } from './outbox-entry.ts'
import type { OutboxEntry } from './outbox-entry.ts'

/** Entries of a page, and the level of the node over it. */
export const outboxPageSize = 1_024
const pageLevel = 10

/** Pages a tree has at most: 67 million entries, some ten megabytes of nodes. */
const pagesMax = 65_536

/** Pages whose entries are kept, besides the last one. */
const pagesKeptMax = 16

/** Entries of one page, from its first on. */
export type OutboxPage = readonly OutboxEntry[]

/** A proved state of the Outbox. */
export type OutboxRoot = {
  readonly height: bigint
  readonly count: number
  /** 32 bytes; zero when there are no entries. */
  readonly root: Uint8Array
}

export class OutboxTree {
  readonly #endpoint: Pick<NetworkEndpoint, 'outboxLogs'>
  #tree: IncrementalTree = emptyIncrementalTree
  /** Complete nodes from `pageLevel` on, by level and index. */
  #nodes: Uint8Array[][] = []
  /** For each page that was begun, the height of its first entry. */
  #pageHeights: bigint[] = []
  readonly #pages = new Map<number, OutboxEntry[]>()
  /** Entries up to this height are in the tree. */
  #height = -1n

  constructor(endpoint: Pick<NetworkEndpoint, 'outboxLogs'>) {
    this.#endpoint = endpoint
  }

  /** Entries that are in the tree; all of them under a proved root. */
  get count(): number {
    return this.#tree.count
  }

  /**
   * Takes in what the Outbox held at a height, at or above the last one.
   *
   * @throws {OutboxUnprovedError} `STAKING_OUTBOX_UNPROVED`: the tree stays as it was.
   */
  async extend({ height, count, root }: OutboxRoot): Promise<void> {
    if (height <= this.#height) return
    assert(count <= pagesMax * outboxPageSize, 'an Outbox has as many pages as are kept')
    const tree = this.#tree
    const lastPage = pageOf(Math.max(0, tree.count - 1))
    const last = [...(this.#pages.get(lastPage) ?? [])]
    try {
      await this.#append(height, count)
      const isProved = count === 0 || bytesEqual(incrementalRoot(this.#tree), root)
      if (this.#tree.count !== count || !isProved) throw new OutboxUnprovedError(height)
      this.#height = height
    } catch (error) {
      this.#cutBack(tree)
      if (tree.count > 0) this.#pages.set(lastPage, last)
      throw error
    }
  }

  /** The entries of a page of those in the tree, read again if they are gone. */
  async page(page: number): Promise<OutboxPage> {
    const known = this.#pages.get(page)
    if (known !== undefined) return known
    const [fromHeight, next] = [this.#pageHeights[page], this.#pageHeights[page + 1]]
    assert(fromHeight !== undefined, 'the page is one of the tree')
    const entries: OutboxEntry[] = []
    const first = BigInt(page * outboxPageSize)
    for await (const { index, entry } of this.#logs(fromHeight, next ?? this.#height)) {
      if (index < first || entries.length >= outboxPageSize) continue
      if (index !== first + BigInt(entries.length)) throw new OutboxUnprovedError(fromHeight)
      entries.push(entry)
    }
    const [leaves, proved] = [entries.map(outboxLeaf), this.#nodes[0]?.[page]]
    const isProved = proved !== undefined && bytesEqual(nodeOver(leaves, pageLevel, 0), proved)
    if (entries.length !== outboxPageSize || !isProved) throw new OutboxUnprovedError(fromHeight)
    this.#keep(page, entries)
    return entries
  }

  /** The 32 siblings of an entry under the root of the first `count` ones. */
  async siblings(index: number, count: number): Promise<readonly Uint8Array[]> {
    // Two pages alone are looked into: that of the entry, and the one that ends at `count`.
    const wanted = [pageOf(index), pageOf(count - 1)]
    const leaves = new Map<number, readonly Uint8Array[]>()
    for (const page of wanted) leaves.set(page, (await this.page(page)).map(outboxLeaf))
    return incrementalProof({
      index,
      count,
      nodeAt: (level, position) => {
        if (level >= pageLevel) return this.#nodes[level - pageLevel]?.[position] as Uint8Array
        const width = 2 ** (pageLevel - level)
        const found = leaves.get(Math.floor(position / width))
        assert(found !== undefined, 'a proof looks into two pages alone')
        return nodeOver(found, level, position % width)
      },
    })
  }

  /** The root of the first `count` entries, 32 bytes; at least one. */
  async rootOf(count: number): Promise<Uint8Array> {
    const last = count - 1
    const entry = (await this.page(pageOf(last)))[last % outboxPageSize]
    assert(entry !== undefined, 'the entry is one of the tree')
    let [node, position] = [outboxLeaf(entry), last]
    for (const sibling of await this.siblings(last, count)) {
      node = position % 2 === 0 ? merkleParent(node, sibling) : merkleParent(sibling, node)
      position = Math.floor(position / 2)
    }
    return node
  }

  async #append(height: bigint, count: number): Promise<void> {
    for await (const { index, entry, height: at } of this.#logs(this.#height + 1n, height)) {
      // MUST be the next one, and no more than are proved.
      if (index !== BigInt(this.#tree.count) || this.#tree.count >= count) {
        throw new OutboxUnprovedError(height)
      }
      this.#push(entry, at)
    }
  }

  #push(entry: OutboxEntry, height: bigint): void {
    const page = pageOf(this.#tree.count)
    if (this.#tree.count % outboxPageSize === 0) {
      this.#pageHeights.push(height)
      this.#keep(page, [])
    }
    this.#pages.get(page)?.push(entry)
    this.#tree = appendLeaf(this.#tree, outboxLeaf(entry), (level, _index, node) => {
      if (level >= pageLevel) (this.#nodes[level - pageLevel] ??= []).push(node)
    })
  }

  /** Forgets what came after a state of the tree. */
  #cutBack(tree: IncrementalTree): void {
    this.#tree = tree
    const pageCount = Math.ceil(tree.count / outboxPageSize)
    this.#pageHeights = this.#pageHeights.slice(0, pageCount)
    this.#nodes = this.#nodes.map((nodes, above) =>
      nodes.slice(0, Math.floor(tree.count / 2 ** (pageLevel + above))),
    )
    for (const page of this.#pages.keys()) if (page >= pageCount) this.#pages.delete(page)
  }

  #keep(page: number, entries: OutboxEntry[]): void {
    this.#pages.set(page, entries)
    const last = pageOf(Math.max(0, this.#tree.count - 1))
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= pagesKeptMax + 1) return
      // The last page is not full, and has no root yet by which it could be read again.
      if (oldest !== page && oldest !== last) this.#pages.delete(oldest)
    }
  }

  async *#logs(fromHeight: bigint, toHeight: bigint): AsyncGenerator<OutboxLog> {
    for (let from = fromHeight; from <= toHeight;) {
      const { logs, toHeight: until } = await this.#endpoint.outboxLogs({
        fromHeight: from,
        toHeight,
      })
      // MUST come on, or an endpoint holds us here for ever.
      if (until < from || until > toHeight) throw new OutboxUnprovedError(toHeight)
      for (const log of logs) {
        if (log.height < from || log.height > until) throw new OutboxUnprovedError(toHeight)
        yield log
      }
      from = until + 1n
    }
  }
}

/** Which page an entry stands in. */
export function pageOf(index: number): number {
  return Math.floor(index / outboxPageSize)
}

/** Node (level, position) of a page whose leaves it needs are all there. */
function nodeOver(leaves: readonly Uint8Array[], level: number, position: number): Uint8Array {
  let nodes = leaves.slice(position * 2 ** level, (position + 1) * 2 ** level)
  while (nodes.length > 1) {
    nodes = Array.from({ length: nodes.length >> 1 }, (_, at) =>
      merkleParent(nodes[2 * at] as Uint8Array, nodes[2 * at + 1] as Uint8Array),
    )
  }
  return nodes[0] ?? new Uint8Array(32)
}

/** A node tells other entries of an Outbox than its proved root holds, or not all of them. */
export class OutboxUnprovedError extends ZgError<'STAKING_OUTBOX_UNPROVED'> {
  constructor(height: bigint) {
    const message = `Cannot take the Outbox entries up to height ${height}: its root is another`
    super('STAKING_OUTBOX_UNPROVED', message, { height })
  }
}
