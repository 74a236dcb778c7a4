/**
 * The last block of a network that L1 knows, as a node of the network serves it, held to what L1
 * keeps (docs/specs/stake.md §10, blocks.md §2).
 *
 *     zg_getHeader ─► sixteen leaves ─► consensusRoot: that of L1
 *                         ├─ 12 creditNext
 *                         └─ 15 executionHash ─► RLP of the execution header
 */

import {
  bigintToMinimalBytes,
  bytesEqual,
  bytesToBigint,
  concat,
  encodeRlp,
  fromHex,
  isHex,
  keccak256,
  merkleProof,
  merkleRoot,
  toHex,
  toQuantity,
  ZgError,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import type { PublicClient } from 'viem'

/** Bytes of each leaf of a header as it is encoded, in order; to the right of its 32. */
const leafSizes = [4, 8, 8, 8, 20, 8, 32, 8, 32, 32, 8, 32, 8, 32, 32, 32] as const
const headerSizeBytes = leafSizes.reduce((sum, size) => sum + size, 0)

/** Places of what is proved. */
const [creditNextLeaf, executionHashLeaf] = [12, 15]

/** Of an execution header, in order; numbers are written without leading zeros. */
const executionFields = [
  ['parentHash', 'bytes'],
  ['sha3Uncles', 'bytes'],
  ['miner', 'bytes'],
  ['stateRoot', 'bytes'],
  ['transactionsRoot', 'bytes'],
  ['receiptsRoot', 'bytes'],
  ['logsBloom', 'bytes'],
  ['difficulty', 'number'],
  ['number', 'number'],
  ['gasLimit', 'number'],
  ['gasUsed', 'number'],
  ['timestamp', 'number'],
  ['extraData', 'bytes'],
  ['mixHash', 'bytes'],
  ['nonce', 'bytes'],
  ['baseFeePerGas', 'number'],
  ['withdrawalsRoot', 'bytes'],
  ['blobGasUsed', 'number'],
  ['excessBlobGas', 'number'],
  ['parentBeaconBlockRoot', 'bytes'],
  ['requestsHash', 'bytes'],
] as const

/** A block that L1 knows, with what `refund` and `exit` of RewardBridge take to believe it. */
export type LastBlock = {
  readonly height: bigint
  /** The first credit that it had not paid out, and the siblings of that field. */
  readonly creditNext: bigint
  readonly creditSiblings: readonly Hex[]
  /** From its consensusRoot to its state root. */
  readonly state: { readonly header: Hex; readonly siblings: readonly Hex[] }
}

/**
 * Reads a block and holds it to its consensusRoot; undefined when the node does not hold it.
 *
 * @throws {LastBlockWrongError} `SDK_LAST_BLOCK_WRONG`
 */
export async function readLastBlock(
  network: PublicClient,
  { height, consensusRoot }: { readonly height: bigint; readonly consensusRoot: Hex },
): Promise<LastBlock | undefined> {
  const place = toQuantity(height)
  const header = await ask(network, 'zg_getHeader', [place])
  const block = await ask(network, 'eth_getBlockByNumber', [place, false])
  if (header === null || block === null) return undefined
  if (!isHex(header, headerSizeBytes)) throw new LastBlockWrongError(height, 'its header is none')
  const leaves = leavesOf(fromHex(header))
  if (!bytesEqual(merkleRoot(leaves), fromHex(consensusRoot))) {
    throw new LastBlockWrongError(height, 'L1 knows another one')
  }
  const execution = executionHeaderOf(block)
  const hash = leaves[executionHashLeaf]
  if (execution === undefined || hash === undefined || !bytesEqual(keccak256(execution), hash)) {
    throw new LastBlockWrongError(height, 'its execution header is another')
  }
  const siblingsOf = (leaf: number) => merkleProof(leaves, leaf).map((node) => toHex(node))
  return {
    height,
    creditNext: bytesToBigint(leaves[creditNextLeaf] ?? new Uint8Array(0)),
    creditSiblings: siblingsOf(creditNextLeaf),
    state: { header: toHex(execution), siblings: siblingsOf(executionHashLeaf) },
  }
}

/** A method that viem has no words for. */
export function ask(client: PublicClient, method: string, params: readonly unknown[]) {
  return client.request({ method, params } as never) as Promise<unknown>
}

function leavesOf(header: Uint8Array): readonly Uint8Array[] {
  let offset = 0
  return leafSizes.map((size) => {
    offset += size
    return concat(new Uint8Array(32 - size), header.subarray(offset - size, offset))
  })
}

/** The RLP of a header; undefined when it is none. */
function executionHeaderOf(block: unknown): Uint8Array | undefined {
  if (typeof block !== 'object') return undefined
  const fields = block as Readonly<Record<string, unknown>>
  const items: Uint8Array[] = []
  for (const [name, form] of executionFields) {
    const value = fields[name]
    // Later forks add fields at the end.
    if (value === undefined) break
    if (form === 'bytes' && isBytes(value)) items.push(fromHex(value))
    else if (form === 'number' && isQuantity(value)) items.push(bigintToMinimalBytes(BigInt(value)))
    else return undefined
  }
  return encodeRlp(items)
}

function isBytes(value: unknown): value is Hex {
  return isHex(value) && value.length % 2 === 0
}

function isQuantity(value: unknown): value is Hex {
  return typeof value === 'string' && /^0x[0-9a-f]{1,64}$/.test(value)
}

/** A node gives another block than the one that L1 knows. */
export class LastBlockWrongError extends ZgError<'SDK_LAST_BLOCK_WRONG'> {
  constructor(height: bigint, problem: string) {
    const message = `Cannot use block ${height} of the network's node: ${problem}`
    super('SDK_LAST_BLOCK_WRONG', message, { height, problem })
  }
}
