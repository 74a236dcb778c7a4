/**
 * Which block a parameter means: a tag, a number, a hash, or an object holding either (EIP-1898).
 *
 * `latest`, `safe` and `finalized` are the last final block, as nothing else is shown; `earliest`
 * is the genesis block; `pending` is what this node would build next.
 */

import { fromHex, isHex, toHex } from '@zg/primitives'
import type { Header } from '@zg/evm'
import type { StateReader } from '@zg/state'

import type { Block, ChainReader, HeaderRecord } from '../chain-view.ts'
import {
  isAbsent,
  readBoolean,
  readHash,
  readObject,
  readOptional,
  readQuantity,
} from './params.ts'
import { ParamsInvalidError, ResourceUnknownError } from './rpc-error.ts'

export type BlockId =
  | { readonly kind: 'latest' }
  | { readonly kind: 'pending' }
  | { readonly kind: 'number'; readonly number: bigint }
  | { readonly kind: 'hash'; readonly hash: Uint8Array }

/** A state and the header of the block it is of; a pending block has no hash. */
export type StateAtBlock = {
  readonly header: Header
  readonly hash: Uint8Array | undefined
  readonly state: StateReader
}

const latest: BlockId = { kind: 'latest' }
const idOfTag: ReadonlyMap<string, BlockId> = new Map<string, BlockId>([
  ['latest', latest],
  ['safe', latest],
  ['finalized', latest],
  ['earliest', { kind: 'number', number: 0n }],
  ['pending', { kind: 'pending' }],
])

/** Reads a block parameter; the latest block when absent. @throws `CHAIN_PARAMS_INVALID` */
export function readBlockId(value: unknown, name = 'block'): BlockId {
  if (isAbsent(value)) return latest
  if (typeof value === 'object') return readBlockObject(value, name)
  if (isHex(value, 32)) return { kind: 'hash', hash: fromHex(value) }
  return readBlockNumberOrTag(value, name)
}

/** Reads a number or tag; the latest block when absent. @throws `CHAIN_PARAMS_INVALID` */
export function readBlockNumberOrTag(value: unknown, name = 'block'): BlockId {
  if (isAbsent(value)) return latest
  const tagged = typeof value === 'string' ? idOfTag.get(value) : undefined
  return tagged ?? { kind: 'number', number: readQuantity(value, name, 64) }
}

/** The final block an id means; undefined when there is none (yet). `pending` is the head. */
export function blockOf(chain: ChainReader, id: BlockId): Block | undefined {
  switch (id.kind) {
    case 'latest':
    case 'pending':
      return chain.head()
    case 'number':
      return chain.blockByNumber(Number(id.number))
    case 'hash':
      return chain.blockByHash(id.hash)
  }
}

/** As `blockOf`, for the header alone. */
export function headerOf(chain: ChainReader, id: BlockId): HeaderRecord | undefined {
  switch (id.kind) {
    case 'latest':
    case 'pending':
      return chain.head()
    case 'number':
      return chain.headerByNumber(Number(id.number))
    case 'hash':
      return chain.headerByHash(id.hash)
  }
}

/**
 * The state after the block an id means.
 *
 * @throws {ResourceUnknownError} `CHAIN_RESOURCE_UNKNOWN` when the block is unknown or its state
 *   was pruned.
 */
export async function stateOf(chain: ChainReader, id: BlockId): Promise<StateAtBlock> {
  if (id.kind === 'pending') {
    const { header, state } = await chain.pending()
    return { header, state, hash: undefined }
  }
  const record = requireHeader(chain, id)
  const state = chain.stateAt(record.hash)
  if (state === undefined) {
    throw new ResourceUnknownError('the state', `that of block ${record.header.number} was pruned`)
  }
  return { header: record.header, hash: record.hash, state }
}

/** As `headerOf`. @throws {ResourceUnknownError} `CHAIN_RESOURCE_UNKNOWN` when there is none. */
export function requireHeader(chain: ChainReader, id: BlockId): HeaderRecord {
  const record = headerOf(chain, id)
  if (record === undefined) throw new ResourceUnknownError('the block', nameOf(id))
  return record
}

function nameOf(id: BlockId): string {
  if (id.kind === 'number') return `number ${id.number}`
  return id.kind === 'hash' ? `hash ${toHex(id.hash)}` : id.kind
}

function readBlockObject(value: unknown, name: string): BlockId {
  const known = ['blockNumber', 'blockHash', 'requireCanonical']
  const object = readObject(value, name, known)
  const number = readOptional(object, 'blockNumber', readBlockNumberOrTag)
  const hash = readOptional(object, 'blockHash', readHash)
  // Every block we show is canonical, so the answer is the same for true and false.
  readOptional(object, 'requireCanonical', readBoolean)
  if (number !== undefined && hash !== undefined) {
    throw new ParamsInvalidError(name, 'it has both "blockNumber" and "blockHash"')
  }
  if (hash !== undefined) return { kind: 'hash', hash }
  if (number === undefined) {
    throw new ParamsInvalidError(name, 'it has neither "blockNumber" nor "blockHash"')
  }
  return number
}
