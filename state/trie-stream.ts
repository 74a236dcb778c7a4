/**
 * Builds the records of a whole trie from its sorted leaves, in memory for one path.
 *
 *     leaves   a  b     c            open branches, one a fork between neighbours, deepest last
 *               \/     /
 *             fork 5  /              when the next leaf forks higher up, all below is closed,
 *                 \  /               emitted once and hung into the branch above
 *                fork 2
 *
 * Two neighbours fork where their keys first differ; a node hangs one nibble below the next fork
 * above it. The records are those that `updateTrie` would leave, as shape follows from the keys.
 */

import { assert, keccak256 } from '@zg/primitives'

import { encodeLeaf, hashSizeBytes, nibbleAt, refOf, sharedLength } from './trie-encoding.ts'
import { innerRef } from './trie-node.ts'
import type { TrieNode } from './trie-node.ts'
import { emptyTrieRoot } from './trie-root.ts'
import { innerOf } from './trie-update.ts'
import type { Hanging } from './trie-update.ts'

/** A branch whose last child may still grow. */
type OpenBranch = { readonly fork: number; readonly children: (Hanging | undefined)[] }

/** What the last leaf hangs in so far: itself, or a branch that was closed above it. */
type Loose = { readonly value: Uint8Array } | OpenBranch

/** Takes the leaves of one trie; `emit` gets each record once, children before parents. */
export class TrieStream {
  readonly #emit: (path: string, node: TrieNode) => void
  readonly #open: OpenBranch[] = []
  #key = ''
  #loose: Loose | undefined

  constructor(emit: (path: string, node: TrieNode) => void) {
    this.#emit = emit
  }

  /** Adds the next leaf; keys are hex digits of one length, strictly rising. */
  add(key: string, value: Uint8Array): void {
    assert(key > this.#key, 'leaves come in the order of their keys')
    if (this.#loose !== undefined) this.#hangAbove(sharedLength(this.#key, key))
    this.#key = key
    this.#loose = { value }
  }

  /** Returns the root, 32 bytes. */
  finish(): Uint8Array {
    if (this.#loose === undefined) return emptyTrieRoot
    this.#closeBelow(-1)
    const { ref } = this.#hang(0)
    return ref.length === hashSizeBytes ? ref : keccak256(ref)
  }

  /** Closes what lies below the fork and hangs it there. */
  #hangAbove(fork: number): void {
    this.#closeBelow(fork)
    if (this.#open.at(-1)?.fork !== fork) this.#open.push({ fork, children: [] })
    const branch = this.#open.at(-1)
    assert(branch !== undefined, 'a branch is open')
    branch.children[nibbleAt(this.#key, fork)] = this.#hang(fork + 1)
  }

  #closeBelow(fork: number): void {
    for (let top = this.#open.at(-1); top !== undefined && top.fork > fork;) {
      top.children[nibbleAt(this.#key, top.fork)] = this.#hang(top.fork + 1)
      this.#loose = top
      this.#open.pop()
      top = this.#open.at(-1)
    }
  }

  /** Emits the loose node, which hangs at the first `depth` nibbles of the key. */
  #hang(depth: number): Hanging {
    const loose = this.#loose
    assert(loose !== undefined, 'a leaf was added')
    const path = this.#key.slice(0, depth)
    if ('value' in loose) {
      this.#emit(path, { kind: 'leaf', key: this.#key })
      return { ref: refOf(encodeLeaf(this.#key, depth, loose.value)), isLeaf: true }
    }
    const node = innerOf(this.#key.slice(depth, loose.fork), loose.children)
    this.#emit(path, node)
    return { ref: innerRef(node), isLeaf: false }
  }
}
