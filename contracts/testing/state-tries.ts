/**
 * The tries of a state, and `eth_getProof` over them: by @ethereumjs/mpt, so the proofs come from
 * other hands than the contracts' rules.
 *
 * Tries are made of earlier ones: of what an account's storage was made of before, in any world of
 * this process, the nearest is taken, and what differs is put there. Nodes go by their hash and are
 * never removed, so tries share them and none changes another.
 */

import { createMerkleProof, MerklePatriciaTrie } from '@ethereumjs/mpt'
import { MapDB, ValueEncoding } from '@ethereumjs/util'
import {
  bigintToBytes,
  bigintToMinimalBytes,
  emptyBytes,
  encodeRlp,
  fromHex,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { ContractWorld } from './contract-world.ts'

export type StateTries = {
  readonly root: Uint8Array
  /** The word in a slot, 0 of one that is not there. */
  readonly word: (address: Hex, slot: bigint) => bigint
  readonly accountProof: (address: Hex) => Promise<readonly Hex[]>
  /** Of an account that is not there, that its storage is empty. */
  readonly slotProof: (address: Hex, slot: bigint) => Promise<readonly Hex[]>
}

type Words = ReadonlyMap<bigint, bigint>
type Storage = { readonly trie: MerklePatriciaTrie; readonly words: Words }

/** Newest storages of an account that are kept to begin from. */
const keptMax = 16

/** Nodes that storages of an account share before they begin anew. */
const nodesMax = 10_000

const empty: Storage = { trie: newTrie(new Map()), words: new Map() }

const kept = new Map<bigint, { nodes: Map<string, Uint8Array>; storages: Storage[] }>()

/**
 * Builds the tries of all accounts as they are now.
 *
 * @param only - Leaves all others out of the state.
 */
export async function stateTriesOf(
  world: ContractWorld,
  only?: readonly bigint[],
): Promise<StateTries> {
  const accounts = newTrie(new Map())
  const storages = new Map<bigint, Storage>()
  for (const { address, nonce, balance, codeHash, slots } of world.accounts()) {
    if (only !== undefined && !only.includes(address)) continue
    const storage = await storageOf(address, new Map(slots))
    storages.set(address, storage)
    const fields = [
      bigintToMinimalBytes(nonce),
      bigintToMinimalBytes(balance),
      storage.trie.root(),
      bigintToBytes(codeHash, 32),
    ]
    await accounts.put(bigintToBytes(address, 20), encodeRlp(fields))
  }
  const at = (address: Hex): Storage => storages.get(BigInt(address)) ?? empty
  return {
    root: accounts.root(),
    word: (address, slot) => at(address).words.get(slot) ?? 0n,
    accountProof: async (address) =>
      (await createMerkleProof(accounts, fromHex(address))).map(toHex),
    slotProof: async (address, slot) =>
      (await createMerkleProof(at(address).trie, bigintToBytes(slot, 32))).map(toHex),
  }
}

async function storageOf(address: bigint, words: Words): Promise<Storage> {
  if (words.size === 0) return empty
  let found = kept.get(address)
  if (found === undefined || found.nodes.size > nodesMax) {
    found = { nodes: new Map(), storages: [] }
    kept.set(address, found)
  }
  const { nodes, storages } = found
  let [base, changes] = [undefined as Storage | undefined, changesOf(empty.words, words)]
  for (const each of storages.toReversed()) {
    const fewer = changesOf(each.words, words)
    if (fewer.length >= changes.length) continue
    base = each
    changes = fewer
    if (changes.length === 0) return each
  }
  const trie = newTrie(nodes, base?.trie.root())
  for (const [slot, value] of changes) {
    const encoding = value === 0n ? emptyBytes : encodeRlp(bigintToMinimalBytes(value))
    await trie.put(bigintToBytes(slot, 32), encoding)
  }
  const storage = { trie, words }
  storages.push(storage)
  if (storages.length > keptMax) storages.shift()
  return storage
}

/** Slots whose words differ, with what they hold after; 0 of those that are gone. */
function changesOf(before: Words, after: Words): readonly (readonly [bigint, bigint])[] {
  const changed = [...after].filter(([slot, word]) => before.get(slot) !== word)
  const gone = [...before.keys()].filter((slot) => !after.has(slot))
  return [...changed, ...gone.map((slot) => [slot, 0n] as const)]
}

function newTrie(nodes: Map<string, Uint8Array>, root?: Uint8Array): MerklePatriciaTrie {
  return new MerklePatriciaTrie({
    useKeyHashing: true,
    db: new MapDB(nodes),
    valueEncoding: ValueEncoding.Bytes,
    ...(root && { root }),
  })
}
