/** Nodes and dispersers that do not keep to the protocol, each in one way. */

import { commitmentOf, RowCommitter } from '@zg/coding'
import type { RowsHeader } from '@zg/coding'

import { batchRequestDigest } from '../batch/batch.ts'
import { localBatchCoder } from '../disperser/batch-coder.ts'
import type { BatchCoder, CodedBatch } from '../disperser/batch-coder.ts'
import { batchDigest } from '../batch/certificate.ts'
import type { DataShape } from '../chain/data-chain.ts'
import type { DataNodeApi } from '../node/data-node.ts'
import { UnavailableError } from '../doors/dispersal.ts'
import type { NodeClient } from '../node/node-client.ts'
import { rowSizeFor, writePayload } from '../batch/payload.ts'
import { signPersonal } from '../batch/personal-signature.ts'
import {
  decodeHeader,
  decodeRows,
  decodeStore,
  encodeHeader,
  encodeRows,
  encodeStore,
} from '../batch/wire.ts'
import type { DataWorld } from './data-world.ts'

export type BadNodeKind =
  | 'silent'
  /** Signs at once and keeps nothing. */
  | 'amnesiac'
  /** Keeps rows and gives them away with a flipped bit. */
  | 'corrupt'
  /** Gives a header of its own. */
  | 'forger'
  /** Signs with bytes that are no signature. */
  | 'scribbler'
  /** Signs whatever it is asked to, two commitments too. */
  | 'equivocator'
  /** Answers when nobody waits any more. */
  | 'late'
  /** Answers just before nobody waits any more. */
  | 'slow'
  /** Gives half of the rows that it is asked for. */
  | 'miser'

const lateMs = 20_000
const slowMs = 3_500

/** `inner` with a fault; its key is that of node `index`. */
export function badNode(
  kind: BadNodeKind,
  world: DataWorld,
  index: number,
  inner: DataNodeApi,
): DataNodeApi {
  const { chain, clock } = world
  const { shape } = chain
  const sign = (request: Uint8Array): Uint8Array => {
    const { batch, header } = decodeStore(request, shape)
    return world.sign(index, batchDigest(chain.identity, batch, commitmentOf(header)))
  }
  switch (kind) {
    case 'silent': {
      const never = (): Promise<never> => new Promise(() => undefined)
      return { store: never, header: never, rows: never }
    }
    case 'amnesiac':
      return {
        store: async (request) => sign(request),
        header: async () => undefined,
        rows: async () => encodeRows([]),
      }
    case 'corrupt':
      return {
        ...bound(inner),
        rows: async (batch, indexes) => {
          const header = await inner.header(batch)
          if (header === undefined) return encodeRows([])
          const { rowSize } = decodeHeader(header, shape)
          const rows = decodeRows(await inner.rows(batch, indexes), rowSize, shape)
          return encodeRows(rows.map((row, at) => ({ ...row, row: flipped(row.row, at) })))
        },
      }
    case 'forger':
      return {
        ...bound(inner),
        header: async (batch) => {
          const bytes = await inner.header(batch)
          if (bytes === undefined) return undefined
          const header = decodeHeader(bytes, shape)
          return encodeHeader({ ...header, combination: flipped(header.combination, 3) })
        },
      }
    case 'scribbler':
      return { ...bound(inner), store: async () => new Uint8Array(96).fill(index + 1) }
    case 'equivocator':
      return {
        ...bound(inner),
        store: async (request) => {
          await inner.store(request).catch(() => undefined)
          return sign(request)
        },
      }
    case 'miser':
      return {
        ...bound(inner),
        rows: (batch, indexes) => inner.rows(batch, indexes.slice(0, indexes.length >> 1)),
      }
    case 'late':
    case 'slow': {
      const wait = (): Promise<void> => clock.delay(kind === 'late' ? lateMs : slowMs)
      return {
        store: async (request) => wait().then(() => inner.store(request)),
        header: async (batch) => wait().then(() => inner.header(batch)),
        rows: async (batch, indexes) => wait().then(() => inner.rows(batch, indexes)),
      }
    }
  }
}

export type Lie =
  /** These rows are changed after all are coded. */
  | { readonly kind: 'no-code'; readonly rows: readonly number[] }
  /** Good rows under a z that is not theirs. */
  | { readonly kind: 'other-z' }
  /** A code of bytes that are no batch. */
  | { readonly kind: 'no-batch' }

/** What a disperser that lies commits to. */
export function lyingCoder(shape: DataShape, lie: Lie): BatchCoder {
  return {
    async code(blobs): Promise<CodedBatch> {
      const sizes = blobs.map(({ length }) => length)
      const rowSize = rowSizeFor(sizes, shape.dataRows)
      const committer = new RowCommitter({ ...shape, rowSizeMax: rowSize })
      const { coder } = committer
      writePayload(coder.data, blobs)
      if (lie.kind === 'no-batch') coder.data[0]! ^= 1
      if (lie.kind === 'no-code') {
        // Between coding and hashing: what is committed to are the rows as they are then.
        const encode = coder.encode.bind(coder)
        coder.encode = () => {
          encode()
          for (const row of lie.rows) coder.row(row)[row % rowSize]! ^= 1
        }
      }
      const honest = committer.commit()
      const header: RowsHeader =
        lie.kind === 'other-z' ? { ...honest, combination: flipped(honest.combination, 5) } : honest
      return {
        header,
        commitment: commitmentOf(header),
        range: (from, count) => committer.proveRange(from, count),
        release: () => undefined,
      }
    },
    close: async () => undefined,
  }
}

/**
 * Sends every node two batches under one name, and takes the signature on either by turns. One that
 * is patient sends the second one when it is told to, and takes the signature on the first.
 */
export function twoFacedClient(
  inner: NodeClient,
  shape: DataShape,
  secretKey: Uint8Array,
  patience?: () => Promise<void>,
): NodeClient {
  const coder = localBatchCoder(shape)
  let count = 0
  return {
    ...bound(inner),
    async store(url, request, signal) {
      const isFirst = count++ % 2 === 0
      const { batch, ranges } = decodeStore(request, shape)
      const coded = await coder.code([new Uint8Array(50).fill(1)])
      const other = encodeStore({
        batch,
        header: coded.header,
        signature: signPersonal(batchRequestDigest(batch, coded.commitment), secretKey),
        ranges: ranges.map(({ from, rows }) => coded.range(from, rows.length)),
      })
      coded.release()
      if (patience !== undefined) {
        const never = new AbortController().signal
        const later = patience().then(() => inner.store(url, other, never))
        later.catch(() => undefined)
        return inner.store(url, request, signal)
      }
      const given = isFirst ? [request, other] : [other, request]
      const [one] = await Promise.allSettled(given.map((each) => inner.store(url, each, signal)))
      if (one?.status === 'fulfilled') return one.value
      throw new Error('it did not sign')
    },
  }
}

/** Sends nothing to some. */
export function withholdingClient(
  inner: NodeClient,
  isServed: (url: string) => boolean,
): NodeClient {
  return {
    ...bound(inner),
    store: async (url, request, signal) => {
      if (!isServed(url)) throw new UnavailableError('it was sent nothing')
      return inner.store(url, request, signal)
    },
  }
}

/** Sends some others rows than it commits to. */
export function bendingClient(
  inner: NodeClient,
  shape: DataShape,
  isBent: (url: string) => boolean,
): NodeClient {
  return {
    ...bound(inner),
    store: (url, request, signal) => {
      if (!isBent(url)) return inner.store(url, request, signal)
      const { ranges, ...rest } = decodeStore(request, shape)
      const bent = ranges.map(({ rows, ...range }, at) => {
        return { ...range, rows: at > 0 ? rows : rows.with(-1, flipped(rows.at(-1)!, 7)) }
      })
      return inner.store(url, encodeStore({ ...rest, ranges: bent }), signal)
    },
  }
}

/** The methods of an object of a class, to be changed one by one. */
function bound<T extends DataNodeApi | NodeClient>(inner: T): T {
  return {
    store: inner.store.bind(inner),
    header: inner.header.bind(inner),
    rows: inner.rows.bind(inner),
  } as T
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice()
  copy[at % copy.length]! ^= 1
  return copy
}
