import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { concat, fromHex, sha256, toHex, verifyMerkleProof } from '@zg/primitives'

import { ByteReader } from './codec.ts'
import {
  checkHeader,
  consensusRoot,
  genesisHeader,
  HeaderInvalidError,
  headerSizeBytes,
  nextCredit,
  readHeader,
} from './header.ts'
import type { ConsensusHeader } from './header.ts'
import { leaderOf } from './leader.ts'
import { validatorSet } from './validator-set.ts'
import { headerVectors, leaderVectors } from './vectors/vectors.ts'

type HeaderFile = {
  headers: {
    encoded: string
    leaves: string[]
    consensusRoot: string
    histRoot: string
    proofs: { field: string; index: number; proof: string[] }[]
  }[]
}

const file = JSON.parse(
  readFileSync(new URL('./vectors/headers.json', import.meta.url), 'utf8'),
) as HeaderFile

/** The tree of docs/specs/blocks.md §2, folded by hand. */
function foldLeaves(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0]!
  const middle = leaves.length / 2
  return sha256(concat(foldLeaves(leaves.slice(0, middle)), foldLeaves(leaves.slice(middle))))
}

test('vectors/headers.json and leaders.json are what the code generates', () => {
  assert.deepEqual(headerVectors(), file)
  const leaders: unknown = JSON.parse(
    readFileSync(new URL('./vectors/leaders.json', import.meta.url), 'utf8'),
  )
  assert.deepEqual(leaderVectors(), leaders)
})

test('consensusRoot is the root of sixteen leaves, and every proof folds to it', () => {
  for (const { encoded, leaves, consensusRoot: root, proofs } of file.headers) {
    const header = readHeader(new ByteReader(fromHex(encoded)))
    assert.equal(fromHex(encoded).length, headerSizeBytes)
    assert.equal(leaves.length, 16)
    assert.equal(toHex(foldLeaves(leaves.map(fromHex))), root)
    assert.equal(toHex(consensusRoot(header)), root)
    for (const { index, proof } of proofs) {
      const leaf = fromHex(leaves[index]!)
      const claim = { root: fromHex(root), leaf, index, depth: 4, proof: proof.map(fromHex) }
      assert.ok(verifyMerkleProof(claim))
    }
  }
})

test('consensusRoot changes with every field', () => {
  const header = readHeader(new ByteReader(fromHex(file.headers[4]!.encoded)))
  const roots = new Set<string>([toHex(consensusRoot(header))])
  const bytes = fromHex(file.headers[4]!.encoded)
  for (let offset = 0; offset < bytes.length; offset++) {
    // A time above 2^53 - 1 is no header.
    if (offset >= 20 && offset < 22) continue
    const changed = bytes.slice()
    changed[offset] = changed[offset]! ^ 1
    roots.add(toHex(consensusRoot(readHeader(new ByteReader(changed)))))
  }
  assert.equal(roots.size, headerSizeBytes - 2 + 1)
})

test('checkHeader accepts a child and refuses every wrong field', () => {
  const parent = genesisHeader({
    identity: {
      l1ChainId: 1n,
      stakingContract: new Uint8Array(20),
      networkId: 7,
      genesisHash: new Uint8Array(32),
    },
    epoch: 2n,
    timestampMs: 1_000,
  })
  const child: ConsensusHeader = { ...parent, height: 1n, timestampMs: 1_001 }
  checkHeader(child, parent)
  const l1 = { ...parent.l1, number: 5n, timestamp: 9n, creditCount: 40n }
  checkHeader({ ...child, l1, creditNext: 16n }, parent)
  const wrong: readonly ConsensusHeader[] = [
    { ...child, networkId: 8 },
    { ...child, height: 2n },
    { ...child, epoch: 1n },
    { ...child, timestampMs: 1_000 },
    { ...child, creditNext: 1n },
    { ...child, l1: { ...parent.l1, creditCount: 1n }, creditNext: 1n },
    { ...child, l1, creditNext: 15n },
    { ...child, l1, creditNext: 17n },
  ]
  for (const header of wrong) assert.throws(() => checkHeader(header, parent), HeaderInvalidError)
  const later = { ...child, l1, creditNext: 16n }
  assert.throws(() =>
    checkHeader({ ...later, height: 2n, timestampMs: 1_002, l1: parent.l1 }, later),
  )
})

test('nextCredit takes sixteen credits, or all when fewer wait', () => {
  assert.equal(nextCredit(3n, 3n), 3n)
  assert.equal(nextCredit(3n, 10n), 10n)
  assert.equal(nextCredit(3n, 19n), 19n)
  assert.equal(nextCredit(3n, 20n), 19n)
})

test('leaderOf draws by stake', () => {
  const entry = (index: number, stake: bigint) => ({
    operator: new Uint8Array(20),
    publicKey: new Uint8Array(48).fill(index),
    stake,
  })
  const set = validatorSet(0n, [entry(1, 70n), entry(2, 25n), entry(3, 5n)])
  const counts = [0, 0, 0]
  for (let view = 1; view <= 2_000; view++) {
    const leader = leaderOf(set, new Uint8Array(32), view)
    counts[leader] = counts[leader]! + 1
  }
  // Ten standard deviations around the mean of a binomial draw.
  assert.ok(Math.abs(counts[0]! - 1_400) < 205)
  assert.ok(Math.abs(counts[1]! - 500) < 194)
  assert.ok(Math.abs(counts[2]! - 100) < 98)
})
