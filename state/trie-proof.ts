/**
 * Merkle-Patricia proofs: made from a kept trie's records, and checked against a root.
 *
 * A proof lists the encodings of the nodes from the root towards the key. Nodes under 32 bytes
 * stand inside their parents and are not listed, but the root always is. The last node shows the
 * value, or why there is none: another leaf's path, an extension that leads elsewhere, an empty
 * child.
 */

import { bytesEqual, decodeRlp, encodeRlp, keccak256, rlpBytes, ZgError } from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'

import {
  branchWidth,
  encodeExtension,
  encodeLeaf,
  hashSizeBytes,
  hexDigits,
  nibbleAt,
  nibblesOf,
  refOf,
} from './trie-encoding.ts'
import { branchEncoding } from './trie-node.ts'
import { emptyTrieRoot } from './trie-root.ts'
import type { TrieRecords } from './trie-update.ts'

/** Most nodes in a proof: an extension and a branch at each of 64 depths would be more than any. */
const proofNodesMax = 130

/** What the root of an empty trie is the hash of: RLP of no bytes. */
const emptyNode = Uint8Array.of(0x80)

/** Returns the proof of `key` (hex digits), present or absent, in a trie. */
export function proveKey(records: Pick<TrieRecords, 'get' | 'valueOf'>, key: string): Uint8Array[] {
  const proof: Uint8Array[] = []
  const list = (node: Uint8Array): void => {
    if (proof.length === 0 || node.length >= hashSizeBytes) proof.push(node.slice())
  }
  let path = ''
  for (;;) {
    const node = records.get(path)
    if (node === undefined) return proof
    if (node.kind === 'leaf') {
      list(encodeLeaf(node.key, path.length, records.valueOf(node.key)))
      return proof
    }
    const branch = branchEncoding(node).slice()
    if (node.extension !== '') {
      list(encodeExtension(node.extension, refOf(branch)))
      path += node.extension
      if (!key.startsWith(path)) return proof
    }
    list(branch)
    const nibble = nibbleAt(key, path.length)
    if ((node.children & (1 << nibble)) === 0) return proof
    path += hexDigits[nibble] as string
  }
}

/**
 * Returns the value that `proof` shows under `key` in the trie of `root`, or undefined when it
 * shows that there is none.
 *
 * @param key - The key as the trie holds it: for state and storage keccak256(address or slot).
 * @throws {ProofInvalidError} `STATE_PROOF_INVALID` when it shows neither: a node that does not
 *   hash to what its parent or the root says, is malformed, missing, or left over.
 */
export function verifyProof(
  root: Uint8Array,
  key: Uint8Array,
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  if (proof.length > proofNodesMax) throw new ProofInvalidError('it has too many nodes')
  if (bytesEqual(root, emptyTrieRoot) && isProofOfNothing(proof)) return undefined
  if (proof.length === 0) throw new ProofInvalidError('it has no nodes')
  const path = nibblesOf(key)
  const unread = [...proof]
  let position = 0
  let node: readonly RlpItem[] | undefined = openNode(root, unread)
  while (node !== undefined) {
    if (node.length === branchWidth + 1) {
      if (position === path.length) return finish(valueOf(node[branchWidth]), unread)
      node = openChild(node[nibbleAt(path, position++)], unread)
      continue
    }
    const { nibbles, isLeaf } = readPath(node[0])
    if (isLeaf) {
      return finish(path.slice(position) === nibbles ? valueOf(node[1]) : undefined, unread)
    }
    if (!path.startsWith(nibbles, position)) return finish(undefined, unread)
    position += nibbles.length
    node = openChild(node[1], unread)
    if (node === undefined) throw new ProofInvalidError('an extension leads nowhere')
  }
  return finish(undefined, unread)
}

/** An empty trie has no nodes (geth, ours), or one that holds nothing (anvil). */
function isProofOfNothing(proof: readonly Uint8Array[]): boolean {
  const [first = emptyNode] = proof
  return proof.length <= 1 && bytesEqual(first, emptyNode)
}

/** Opens the next node of the proof, which must hash to `hash`, and takes it off the list. */
export function openNode(hash: Uint8Array, unread: Uint8Array[]): readonly RlpItem[] {
  const encoding = unread.shift()
  if (encoding === undefined) throw new ProofInvalidError('a node is missing')
  if (!bytesEqual(keccak256(encoding), hash)) throw new ProofInvalidError('a node has another hash')
  return nodeItems(decodeRlpOrRefuse(encoding))
}

/** Opens what a reference in a parent points to; undefined for an empty one. */
export function openChild(
  ref: RlpItem | undefined,
  unread: Uint8Array[],
): readonly RlpItem[] | undefined {
  if (ref instanceof Uint8Array) {
    if (ref.length === 0) return undefined
    if (ref.length !== hashSizeBytes) throw new ProofInvalidError('a reference is no hash')
    return openNode(ref, unread)
  }
  // MUST be under 32 bytes: a greater node is referred to by its hash.
  if (ref === undefined || encodeRlp(ref).length >= hashSizeBytes) {
    throw new ProofInvalidError('a node inside its parent is too large')
  }
  return nodeItems(ref)
}

function nodeItems(item: RlpItem): readonly RlpItem[] {
  if (item instanceof Uint8Array || (item.length !== 2 && item.length !== branchWidth + 1)) {
    throw new ProofInvalidError('a node is neither a pair nor a branch')
  }
  return item
}

function decodeRlpOrRefuse(encoding: Uint8Array): RlpItem {
  try {
    return decodeRlp(encoding)
  } catch (cause) {
    throw new ProofInvalidError('a node is no RLP', cause)
  }
}

function valueOf(item: RlpItem | undefined): Uint8Array | undefined {
  if (!(item instanceof Uint8Array)) throw new ProofInvalidError('a value is a list')
  return item.length === 0 ? undefined : item
}

/** Reads the hex-prefix path of a pair. */
export function readPath(item: RlpItem | undefined): { nibbles: string; isLeaf: boolean } {
  const nibbles = item instanceof Uint8Array ? nibblesOf(rlpBytes(item)) : ''
  const flag = nibbles === '' ? 4 : nibbleAt(nibbles, 0)
  // MUST be 0 to 3, and an even count is padded with a zero nibble.
  if (flag > 3 || (flag % 2 === 0 && nibbleAt(nibbles, 1) !== 0)) {
    throw new ProofInvalidError('a path is not hex-prefix encoded')
  }
  const isLeaf = flag >= 2
  const path = nibbles.slice(flag % 2 === 1 ? 1 : 2)
  if (!isLeaf && path === '') throw new ProofInvalidError('an extension is empty')
  return { nibbles: path, isLeaf }
}

function finish(
  value: Uint8Array | undefined,
  unread: readonly Uint8Array[],
): Uint8Array | undefined {
  // MUST NOT hold more: one state of a key has one proof.
  if (unread.length > 0) throw new ProofInvalidError('nodes are left over')
  return value
}

export class ProofInvalidError extends ZgError<'STATE_PROOF_INVALID'> {
  constructor(problem: string, cause?: unknown) {
    super('STATE_PROOF_INVALID', `Cannot accept the proof: ${problem}`, { problem }, cause)
  }
}
