import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import {
  bigintToBytes,
  blsVerify,
  concat,
  fromHex,
  parseBlsPublicKey,
  sha256,
  toHex,
} from '@zg/primitives'

import type { NetworkIdentity } from './configuration.ts'
import { voteVectors } from './vectors/vectors.ts'
import { finalityVoteDigest, roundVoteDigest, tags, zeroDigest } from './votes.ts'

type Signed = { message: string; signature: string }
type VoteFile = {
  identity: {
    l1ChainId: string
    stakingContract: string
    networkId: number
    genesisHash: string
  }
  publicKey: string
  round: (Signed & { kind: string; epoch: string; view: string; digest: string })[]
  finality: (Signed & {
    epoch: string
    height: string
    blockHash: string
    consensusRoot: string
    histRoot: string
    nextEpoch: string
  })[]
  beacon: (Signed & { epoch: string; height: string })[]
  possession: (Signed & {
    l1ChainId: string
    registry: string
    operator: string
    publicKey: string
  })[]
}

const file = JSON.parse(
  readFileSync(new URL('./vectors/votes.json', import.meta.url), 'utf8'),
) as VoteFile

/** docs/specs/votes.md §2, written out: independent of votes.ts. */
function domain(tag: string, epoch: string): Uint8Array {
  const padded = new Uint8Array(16)
  padded.set(new TextEncoder().encode(tag))
  const { l1ChainId, stakingContract, networkId, genesisHash } = file.identity
  return concat(
    padded,
    bigintToBytes(BigInt(l1ChainId), 8),
    fromHex(stakingContract),
    bigintToBytes(BigInt(networkId), 4),
    fromHex(genesisHash),
    bigintToBytes(BigInt(epoch), 8),
  )
}

function checkSigned(
  preimage: Uint8Array,
  { message, signature }: Signed,
  publicKey: string,
): void {
  assert.equal(toHex(sha256(preimage)), message)
  assert.ok(blsVerify(parseBlsPublicKey(fromHex(publicKey)), fromHex(message), fromHex(signature)))
}

test('vectors/votes.json is what the code generates', () => {
  assert.deepEqual(voteVectors(), file)
})

test('roundVoteDigest hashes the 128 bytes of docs/specs/votes.md §3', () => {
  for (const vote of file.round) {
    const preimage = concat(
      domain(`zg/${vote.kind}`, vote.epoch),
      bigintToBytes(BigInt(vote.view), 8),
      fromHex(vote.digest),
    )
    assert.equal(preimage.length, 128)
    checkSigned(preimage, vote, file.publicKey)
  }
})

test('finalityVoteDigest hashes the 200 bytes of docs/specs/votes.md §4', () => {
  for (const vote of file.finality) {
    const preimage = concat(
      domain('zg/finality', vote.epoch),
      bigintToBytes(BigInt(vote.height), 8),
      fromHex(vote.blockHash),
      fromHex(vote.consensusRoot),
      fromHex(vote.histRoot),
      bigintToBytes(BigInt(vote.nextEpoch), 8),
    )
    assert.equal(preimage.length, 200)
    checkSigned(preimage, vote, file.publicKey)
  }
})

test('beaconDigest hashes the 96 bytes of docs/specs/blocks.md §5', () => {
  for (const reveal of file.beacon) {
    const height = bigintToBytes(BigInt(reveal.height), 8)
    checkSigned(concat(domain('zg/beacon', reveal.epoch), height), reveal, file.publicKey)
  }
})

test('possessionDigest hashes the 112 bytes of docs/specs/votes.md §7', () => {
  for (const proof of file.possession) {
    const preimage = concat(
      tags.pop,
      bigintToBytes(BigInt(proof.l1ChainId), 8),
      fromHex(proof.registry),
      fromHex(proof.operator),
      fromHex(proof.publicKey),
    )
    assert.equal(preimage.length, 112)
    checkSigned(preimage, proof, proof.publicKey)
  }
})

test('a vote is another in any other L1, contract, network, genesis or epoch', () => {
  const home: NetworkIdentity = {
    l1ChainId: 1n,
    stakingContract: new Uint8Array(20),
    networkId: 7,
    genesisHash: new Uint8Array(32),
  }
  const homes = [
    home,
    { ...home, l1ChainId: 2n },
    { ...home, stakingContract: new Uint8Array(20).fill(1) },
    { ...home, networkId: 8 },
    { ...home, genesisHash: new Uint8Array(32).fill(1) },
  ]
  const [digest, blockHash, consensusRoot, histRoot] = [1, 2, 3, 4].map((fill) =>
    new Uint8Array(32).fill(fill),
  ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  const digests = homes.flatMap((identity) =>
    [1n, 2n].flatMap((epoch) => [
      ...(['notarize', 'finalize'] as const).map((kind) =>
        roundVoteDigest(identity, { kind, epoch, view: 1, digest }),
      ),
      roundVoteDigest(identity, { kind: 'nullify', epoch, view: 1, digest: zeroDigest }),
      finalityVoteDigest(identity, {
        epoch,
        height: 1n,
        blockHash,
        consensusRoot,
        histRoot,
        nextEpoch: 0n,
      }),
    ]),
  )
  assert.equal(new Set(digests.map(toHex)).size, homes.length * 2 * 4)
})

test('tags are 16 bytes, and no two are the same', () => {
  const shown = Object.values(tags).map((tag) => toHex(tag))
  assert.equal(new Set(shown).size, shown.length)
  for (const tag of Object.values(tags)) assert.equal(tag.length, 16)
})
