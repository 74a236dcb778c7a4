import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { createMerkleProof, createMPT } from '@ethereumjs/mpt'
import { encodeRlp, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'
import type { Rng } from '@zg/runtime'

import { ContractRevertError, ContractWorld } from '../testing/contract-world.ts'
import { refuses } from '../testing/refuses.ts'

const world = new ContractWorld()
const contract = world.deploy('ProofsTester')

/** `TrieAbsence.holds`; undefined when it reverts. */
function isAbsent(root: Uint8Array, key: Uint8Array, proof: readonly Hex[]): boolean | undefined {
  try {
    const args = [toHex(root), toHex(key), proof]
    return world.read({ contract, name: 'isAbsent', args }) as boolean
  } catch (error) {
    if (error instanceof ContractRevertError) return undefined
    throw error
  }
}

const proofOf = async (trie: Awaited<ReturnType<typeof createMPT>>, key: Uint8Array) =>
  (await createMerkleProof(trie, key)).map(toHex)

/** Keys of 32 bytes that share long beginnings and endings. */
function alikeKey(rng: Rng): Uint8Array {
  const key = new Uint8Array(32)
  for (const place of [0, 1, 15, 30, 31]) key[place] = rng.below(3) * 0x10 + rng.below(3)
  return key
}

describe('TrieAbsence', () => {
  test('proves what is absent of hashed keys, and nothing that is there', async () => {
    const trie = await createMPT({ useKeyHashing: true })
    assert.equal(isAbsent(trie.root(), keccak256(Uint8Array.of(0)), []), true)
    const one = toHex(Uint8Array.of(0xc0))
    assert.equal(isAbsent(trie.root(), keccak256(Uint8Array.of(0)), [one]), false)
    for (let size = 1; size <= 40; size++) {
      await trie.put(Uint8Array.of(size), encodeRlp(Uint8Array.of(size)))
      if (size > 4 && size % 12 !== 0) continue
      for (let index = 1; index <= 60; index++) {
        const key = Uint8Array.of(index)
        const proof = await proofOf(trie, key)
        assert.equal(isAbsent(trie.root(), keccak256(key), proof), index > size)
      }
    }
  })

  test('is not fooled by proofs that are cut, drawn out, bent or of another key or root', async () => {
    const trie = await createMPT({ useKeyHashing: true })
    for (let index = 0; index < 300; index++) {
      await trie.put(Uint8Array.of(index >> 8, index & 255), Uint8Array.of(7))
    }
    const [there, absent] = [Uint8Array.of(0, 5), Uint8Array.of(9, 9)]
    const proof = await proofOf(trie, absent)
    const key = keccak256(absent)
    const root = trie.root()
    assert.equal(isAbsent(root, key, proof), true)
    assert.ok(proof.length >= 3)
    const inclusion = await proofOf(trie, there)
    for (let length = 0; length < proof.length; length++) {
      assert.equal(isAbsent(root, key, proof.slice(0, length)), false)
    }
    assert.equal(isAbsent(root, key, [...proof, '0xc0']), false)
    assert.equal(isAbsent(root, key, [...proof, proof[0] as Hex]), false)
    assert.equal(isAbsent(keccak256(root), key, proof), false)
    for (let length = 0; length <= inclusion.length; length++) {
      assert.equal(isAbsent(root, keccak256(there), inclusion.slice(0, length)), false)
    }
    assert.equal(isAbsent(root, keccak256(there), proof), false)
    const bent = proof.map((node, at) => (at === 1 ? (`${node.slice(0, -1)}1` as Hex) : node))
    assert.equal(isAbsent(root, key, bent), false)
  })

  test('refuses by name a node of a trie that is none, whose path has no byte', () => {
    const node = encodeRlp([new Uint8Array(), Uint8Array.of(7)])
    const args = [toHex(keccak256(node)), toHex(keccak256(Uint8Array.of(1))), [toHex(node)]]
    refuses(() => world.read({ contract, name: 'isAbsent', args }), 'PathEmpty')
  })

  test('of keys that are alike, never calls one absent that is there', async () => {
    const rng = createSeededRng('zg/trie-absence')
    let provenCount = 0
    for (let round = 0; round < 12; round++) {
      const trie = await createMPT({ useKeyHashing: false })
      const kept = new Map<string, Uint8Array>()
      for (let count = 0; count < 1 + round * 3; count++) {
        const key = alikeKey(rng)
        kept.set(toHex(key), key)
        // Some of one byte, whose nodes stand inside their parents.
        await trie.put(key, new Uint8Array(rng.chance(0.5) ? 1 : 40).fill(9))
      }
      const strangers = Array.from({ length: 12 }, () => alikeKey(rng))
      const asked = [...kept.values(), ...strangers]
      const proofs = await Promise.all(asked.map((key) => proofOf(trie, key)))
      for (const key of kept.values()) {
        for (const proof of proofs) assert.notEqual(isAbsent(trie.root(), key, proof), true)
      }
      for (const [index, key] of asked.entries()) {
        if (kept.has(toHex(key))) continue
        if (isAbsent(trie.root(), key, proofs[index] ?? []) === true) provenCount++
      }
    }
    assert.ok(provenCount > 60, String(provenCount))
  })
})
