/**
 * What a node keeps of consensus for ever (or for the evidence window): final headers and the
 * history over them, round certificates by view, finality certificates by height.
 *
 * All of it lies in tables of the given store; a block's rows are written in one batch.
 */

import {
  appendLeaf,
  assert,
  bigintToBytes,
  bytesToBigint,
  concat,
  decodeIncrementalTree,
  encodeIncrementalTree,
  incrementalProof,
} from '@zg/primitives'
import type { IncrementalTree } from '@zg/primitives'
import type { KeyValueStore, KeyValueWrite } from '@zg/runtime'

import {
  readCertificate,
  readFinalityCertificate,
  writeCertificate,
  writeFinalityCertificate,
} from './certificate.ts'
import type { Certificate, FinalityCertificate } from './certificate.ts'
import { ByteReader, ByteWriter } from './codec.ts'
import type { ConsensusHeader } from './header.ts'
import { consensusRoot, readHeader, writeHeader } from './header.ts'
import { signatureSizeBytes } from './signature-scheme.ts'

const tables = {
  header: 'consensus-header',
  root: 'consensus-root',
  node: 'consensus-history-node',
  certificate: 'consensus-certificate',
  finality: 'consensus-finality',
  closing: 'consensus-closing',
  state: 'consensus-state',
} as const

const historyKey = new TextEncoder().encode('history')
const votedKey = new TextEncoder().encode('voted')
const logIdKey = new TextEncoder().encode('log-id')

/** A final block as the ledger holds it; its payload is the application's. */
export type LedgerBlock = {
  readonly header: ConsensusHeader
  readonly consensusRoot: Uint8Array
  readonly reveal: Uint8Array
  /** A view it was notarised in; 0 when it is not known (caught up by finality certificates). */
  readonly view: number
}

/** The epochs that closed, for seeds: a block that closed `epoch`. */
export type Closing = { readonly epoch: bigint; readonly mix: Uint8Array; readonly next: bigint }

/** The newest view voted in when a block was written: the vote log must reach at least there. */
export type VotedMark = { readonly epoch: bigint; readonly view: number }

export class Ledger {
  readonly #store: KeyValueStore
  #history: IncrementalTree
  #certifiedHeight: bigint

  constructor(store: KeyValueStore) {
    this.#store = store
    const history = store.get(tables.state, historyKey)
    this.#history =
      history === undefined ? { count: 0, frontier: [] } : decodeIncrementalTree(history)
    const [newest] = store.range(tables.finality, { reverse: true, limit: 1 })
    this.#certifiedHeight = newest === undefined ? -1n : bytesToBigint(newest[0])
  }

  /** Height of the last block; -1 for an empty ledger. */
  get height(): bigint {
    return BigInt(this.#history.count) - 1n
  }

  /** Leaves 0 .. height. */
  get history(): IncrementalTree {
    return this.#history
  }

  /** The history of the first `count` leaves, at most as many as there are. */
  historyAt(count: number): IncrementalTree {
    const frontier: Uint8Array[] = []
    for (let level = 0, rest = count; rest > 0; level++, rest = Math.floor(rest / 2)) {
      // A set bit is a full subtree: the last complete node of its level.
      if (rest % 2 === 0) continue
      const node = this.#store.get(tables.node, nodeKey(level, rest - 1))
      assert(node !== undefined, 'the ledger holds the nodes of its history')
      frontier.push(node)
    }
    return { count, frontier }
  }

  /** Greatest height with a finality certificate; -1 when there is none. */
  get certifiedHeight(): bigint {
    return this.#certifiedHeight
  }

  /**
   * Begins at a final block instead of the genesis: for a node that trusts a certificate and takes
   * its state as a snapshot. Below `block` only the genesis is held, and only headers from it on
   * can be proved.
   *
   * @param below - Leaves 0 .. the block's height - 1.
   */
  async adopt(genesis: LedgerBlock, block: LedgerBlock, below: IncrementalTree): Promise<void> {
    assert(BigInt(below.count) === block.header.height, 'the history ends below the block')
    const frontier = [...below.frontier]
    const batch: KeyValueWrite[] = [genesis, block].flatMap((each) => blockWrites(each))
    const put = (level: number, index: number, node: Uint8Array): void => {
      batch.push({ table: tables.node, key: nodeKey(level, index), value: node })
    }
    for (let level = 0, rest = below.count; rest > 0; level++, rest = Math.floor(rest / 2)) {
      // As in `historyAt`: a set bit is a full subtree.
      const node = rest % 2 === 0 ? undefined : frontier.shift()
      if (node !== undefined) put(level, rest - 1, node)
    }
    this.#history = appendLeaf(below, block.consensusRoot, put)
    const value = encodeIncrementalTree(this.#history)
    await this.#store.write([...batch, { table: tables.state, key: historyKey, value }])
  }

  /** Adds the block after the last one; resolves when it is durable. */
  async append(
    block: LedgerBlock,
    extras: { readonly closing?: Closing | undefined; readonly voted?: VotedMark } = {},
  ): Promise<void> {
    const batch: KeyValueWrite[] = blockWrites(block)
    this.#history = appendLeaf(this.#history, block.consensusRoot, (level, index, node) => {
      batch.push({ table: tables.node, key: nodeKey(level, index), value: node })
    })
    const value = encodeIncrementalTree(this.#history)
    batch.push({ table: tables.state, key: historyKey, value })
    const { closing, voted } = extras
    if (voted !== undefined) {
      const value = concat(bigintToBytes(voted.epoch, 8), bigintToBytes(BigInt(voted.view), 8))
      batch.push({ table: tables.state, key: votedKey, value })
    }
    if (closing !== undefined) {
      const value = concat(closing.mix, bigintToBytes(closing.next, 8))
      batch.push({ table: tables.closing, key: heightKey(closing.epoch), value })
    }
    await this.#store.write(batch)
  }

  block(height: bigint): LedgerBlock | undefined {
    const bytes = this.#store.get(tables.header, heightKey(height))
    if (bytes === undefined) return undefined
    const reader = new ByteReader(bytes)
    const header = readHeader(reader)
    const reveal = reader.fixed(signatureSizeBytes)
    const view = reader.safeInteger()
    reader.end()
    return { header, reveal, view, consensusRoot: consensusRoot(header) }
  }

  /** Height of the final block with this consensusRoot. */
  heightOf(root: Uint8Array): bigint | undefined {
    const key = this.#store.get(tables.root, root)
    return key === undefined ? undefined : bytesToBigint(key)
  }

  /** The consensusRoots of heights `from` to `to` - 1. */
  roots(from: bigint, to: bigint): readonly Uint8Array[] {
    const roots: Uint8Array[] = []
    for (let height = from; height < to; height++) {
      const node = this.#store.get(tables.node, nodeKey(0, Number(height)))
      if (node === undefined) break
      roots.push(node)
    }
    return roots
  }

  /** The 32 siblings that prove the header at `height` under the histRoot of `under` > height. */
  historyProof(height: bigint, under: bigint): readonly Uint8Array[] {
    return incrementalProof({
      index: Number(height),
      count: Number(under),
      nodeAt: (level, index) =>
        this.#store.get(tables.node, nodeKey(level, index)) ?? new Uint8Array(32),
    })
  }

  /** Keeps a round certificate. */
  async addCertificate(certificate: Certificate): Promise<void> {
    const writer = new ByteWriter()
    writeCertificate(writer, certificate)
    const key = certificateKey(certificate)
    await this.#store.write([{ table: tables.certificate, key, value: writer.finish() }])
  }

  /** Round certificates of an epoch between two views, inclusive, rising, at most `limit`. */
  certificates(options: {
    readonly epoch: bigint
    readonly fromView: number
    readonly toView: number
    readonly limit: number
  }): readonly Certificate[] {
    const { epoch, fromView, toView, limit } = options
    if (toView < fromView) return []
    const from = concat(bigintToBytes(epoch, 8), bigintToBytes(BigInt(fromView), 8))
    const to = concat(bigintToBytes(epoch, 8), bigintToBytes(BigInt(toView), 8), Uint8Array.of(255))
    return [...this.#store.range(tables.certificate, { from, to, limit })].map(([, bytes]) =>
      readCertificate(new ByteReader(bytes)),
    )
  }

  async addFinalityCertificate(certificate: FinalityCertificate): Promise<void> {
    const writer = new ByteWriter()
    writeFinalityCertificate(writer, certificate)
    const { height } = certificate.vote
    if (height > this.#certifiedHeight) this.#certifiedHeight = height
    const key = heightKey(height)
    await this.#store.write([{ table: tables.finality, key, value: writer.finish() }])
  }

  finalityCertificate(height: bigint): FinalityCertificate | undefined {
    if (height < 0n) return undefined
    const bytes = this.#store.get(tables.finality, heightKey(height))
    return bytes === undefined ? undefined : readFinalityCertificate(new ByteReader(bytes))
  }

  /** The block that closed `epoch`, or the last epoch before it that closed. */
  closingBefore(epoch: bigint): Closing | undefined {
    const [found] = this.#store.range(tables.closing, {
      to: heightKey(epoch),
      reverse: true,
      limit: 1,
    })
    if (found === undefined) return undefined
    const [key, value] = found
    return {
      epoch: bytesToBigint(key),
      mix: value.slice(0, 32),
      next: bytesToBigint(value.subarray(32)),
    }
  }

  /** What the vote log must reach, or statements are lost. */
  get voted(): VotedMark {
    const value = this.#store.get(tables.state, votedKey)
    if (value === undefined) return { epoch: 0n, view: 0 }
    const reader = new ByteReader(value)
    return { epoch: reader.u64(), view: reader.safeInteger() }
  }

  /** The id of the vote log this ledger grew beside. */
  get logId(): Uint8Array | undefined {
    return this.#store.get(tables.state, logIdKey)
  }

  /** Notes the log that begins beside this ledger; what an earlier one reached no longer counts. */
  async setLogId(logId: Uint8Array): Promise<void> {
    await this.#store.write([
      { table: tables.state, key: logIdKey, value: logId },
      { table: tables.state, key: votedKey, value: undefined },
    ])
  }
}

function blockWrites(block: LedgerBlock): KeyValueWrite[] {
  const key = heightKey(block.header.height)
  const writer = new ByteWriter()
  writeHeader(writer, block.header)
  writer.fixed(block.reveal, signatureSizeBytes)
  writer.u64(BigInt(block.view))
  return [
    { table: tables.header, key, value: writer.finish() },
    { table: tables.root, key: block.consensusRoot, value: key },
  ]
}

function heightKey(height: bigint): Uint8Array {
  return bigintToBytes(height, 8)
}

function nodeKey(level: number, index: number): Uint8Array {
  return concat(Uint8Array.of(level), bigintToBytes(BigInt(index), 8))
}

function certificateKey({ vote }: Certificate): Uint8Array {
  const kind = { notarize: 0, nullify: 1, finalize: 2 }[vote.kind]
  return concat(
    bigintToBytes(vote.epoch, 8),
    bigintToBytes(BigInt(vote.view), 8),
    Uint8Array.of(kind),
  )
}
