/**
 * The vectors that TypeScript and Solidity share: every message, its hashed bytes, and signatures
 * over it. `node consensus/vectors/generate.ts` writes them; a test compares.
 */

import {
  appendLeaf,
  blsSecretKeyFromSeed,
  concat,
  emptyIncrementalTree,
  incrementalRoot,
  keccak256,
  sha256,
  toHex,
} from '@zg/primitives'

import { bitmapOf, writeCertificate, writeFinalityCertificate } from '../certificate.ts'
import { ByteWriter } from '../codec.ts'
import type { NetworkIdentity } from '../configuration.ts'
import {
  consensusRoot,
  headerLeafIndex,
  headerLeaves,
  headerProof,
  writeHeader,
} from '../header.ts'
import type { ConsensusHeader } from '../header.ts'
import { leaderOf } from '../leader.ts'
import { zeroL1Reference } from '../l1-reference.ts'
import { blsScheme } from '../signature-scheme.ts'
import { validatorSet } from '../validator-set.ts'
import type { FinalityVote, RoundVote } from '../votes.ts'
import {
  beaconDigest,
  finalityVoteDigest,
  possessionDigest,
  roundVoteDigest,
  zeroDigest,
} from '../votes.ts'

type Json = string | number | readonly Json[] | { readonly [name: string]: Json }

const scheme = blsScheme()
const keySeeds = [0, 1, 2, 3, 4].map((index) => label(`key ${index}`))
const secretKeys = keySeeds.map(blsSecretKeyFromSeed)
const publicKeys = secretKeys.map((secretKey) => scheme.publicKeyOf(secretKey))
const stakes = [40n, 25n, 20n, 10n, 5n]
const set = validatorSet(
  3n,
  stakes.map((stake, index) => ({
    operator: label(`operator ${index}`).slice(0, 20),
    publicKey: publicKeys[index] as Uint8Array,
    stake,
  })),
)

const identity: NetworkIdentity = {
  l1ChainId: 1337n,
  stakingContract: label('staking').slice(0, 20),
  networkId: 2,
  genesisHash: label('genesis'),
}

/** Votes, reveals and proofs of possession. */
export function voteVectors(): Json {
  const roundVotes: readonly RoundVote[] = [
    { kind: 'notarize', epoch: 0n, view: 1, digest: label('block a') },
    { kind: 'notarize', epoch: 3n, view: 77, digest: label('block b') },
    { kind: 'nullify', epoch: 3n, view: 78, digest: zeroDigest },
    { kind: 'finalize', epoch: 3n, view: 77, digest: label('block b') },
    { kind: 'finalize', epoch: 2n ** 64n - 1n, view: Number.MAX_SAFE_INTEGER, digest: label('c') },
  ]
  return {
    identity: identityJson(),
    secretKey: toHex(secretKeys[0] as Uint8Array),
    publicKey: toHex(publicKeys[0] as Uint8Array),
    round: roundVotes.map((vote) => ({
      kind: vote.kind,
      epoch: vote.epoch.toString(),
      view: vote.view.toString(),
      digest: toHex(vote.digest),
      ...signed(roundVoteDigest(identity, vote)),
    })),
    finality: [0n, 4n].map((nextEpoch, index) => {
      const vote = finalityVoteOf(BigInt(1_000 + index), nextEpoch)
      return { ...finalityJson(vote), ...signed(finalityVoteDigest(identity, vote)) }
    }),
    beacon: [
      { epoch: 0n, height: 1n },
      { epoch: 3n, height: 123_456n },
    ].map(({ epoch, height }) => ({
      epoch: epoch.toString(),
      height: height.toString(),
      ...signed(beaconDigest(identity, epoch, height)),
    })),
    possession: [0, 1].map((index) => {
      const proof = {
        l1ChainId: 1337n,
        registry: label('registry').slice(0, 20),
        operator: label(`operator ${index}`).slice(0, 20),
        publicKey: publicKeys[index] as Uint8Array,
      }
      return {
        l1ChainId: '1337',
        registry: toHex(proof.registry),
        operator: toHex(proof.operator),
        publicKey: toHex(proof.publicKey),
        ...signed(possessionDigest(proof), index),
      }
    }),
  }
}

/** Certificates of a stake-weighted set: quorums, and signer sets just short of one. */
export function certificateVectors(): Json {
  const vote: RoundVote = { kind: 'finalize', epoch: 3n, view: 9, digest: label('block d') }
  const finality = finalityVoteOf(2_000n, 0n)
  const sides = [[0, 1, 2, 3, 4], [0, 1, 3], [0, 1], [1, 2, 3, 4], [0, 2, 4], []]
  return {
    identity: identityJson(),
    set: {
      epoch: set.epoch.toString(),
      validators: set.validators.map(({ operator, publicKey, stake }) => ({
        operator: toHex(operator),
        publicKey: toHex(publicKey),
        stake: stake.toString(),
      })),
    },
    round: sides.map((side) => {
      const writer = new ByteWriter()
      const digest = roundVoteDigest(identity, vote)
      const certificate = { vote, ...quorumOf(side, digest) }
      writeCertificate(writer, certificate)
      return {
        signerIndexes: side,
        valid: isQuorumSide(side) ? 1 : 0,
        message: toHex(digest),
        encoded: toHex(writer.finish()),
      }
    }),
    finality: sides.map((side) => {
      const writer = new ByteWriter()
      const digest = finalityVoteDigest(identity, finality)
      writeFinalityCertificate(writer, { vote: finality, ...quorumOf(side, digest) })
      return {
        ...finalityJson(finality),
        signerIndexes: side,
        valid: isQuorumSide(side) ? 1 : 0,
        message: toHex(digest),
        encoded: toHex(writer.finish()),
      }
    }),
  }
}

/** Headers with their leaves, roots and proofs; a chain of them with its history. */
export function headerVectors(): Json {
  let history = emptyIncrementalTree
  const headers: Json[] = []
  for (let height = 0; height < 5; height++) {
    const header = headerOf(height, incrementalRoot(history))
    const root = consensusRoot(header)
    const writer = new ByteWriter()
    writeHeader(writer, header)
    headers.push({
      encoded: toHex(writer.finish()),
      leaves: headerLeaves(header).map(toHex),
      consensusRoot: toHex(root),
      histRoot: toHex(header.histRoot),
      proofs: (['executionHash', 'histRoot', 'l1StateRoot'] as const).map((field) => ({
        field,
        index: headerLeafIndex[field],
        proof: headerProof(header, field).map(toHex),
      })),
    })
    history = appendLeaf(history, root)
  }
  return { headers }
}

/** Leaders of the first views of an epoch. */
export function leaderVectors(): Json {
  const seed = label('seed')
  return {
    seed: toHex(seed),
    stakes: stakes.map((stake) => stake.toString()),
    leaders: Array.from({ length: 32 }, (_, index) => leaderOf(set, seed, index + 1)),
  }
}

function headerOf(height: number, histRoot: Uint8Array): ConsensusHeader {
  const isEarly = height < 2
  return {
    networkId: identity.networkId,
    epoch: BigInt(height >> 1),
    height: BigInt(height),
    timestampMs: 1_767_225_600_000 + 500 * height,
    proposer: label(`operator ${height}`).slice(0, 20),
    l1: isEarly
      ? zeroL1Reference
      : {
          number: BigInt(100 + height),
          hash: label(`l1 ${height}`),
          timestamp: 1_767_225_000n + 12n * BigInt(height),
          stateRoot: label(`state ${height}`),
          creditRoot: label(`credits ${height}`),
          creditCount: BigInt(20 * height),
          messageRoot: label(`messages ${height}`),
        },
    creditNext: isEarly ? 0n : BigInt(16 * (height - 1)),
    histRoot,
    mix: keccak256(label(`mix ${height}`)),
    executionHash: label(`execution ${height}`),
  }
}

function finalityVoteOf(height: bigint, nextEpoch: bigint): FinalityVote {
  return {
    epoch: 3n,
    height,
    blockHash: label(`execution of ${height}`),
    consensusRoot: label(`consensus root of ${height}`),
    histRoot: label(`history of ${height}`),
    nextEpoch,
  }
}

function quorumOf(
  side: readonly number[],
  digest: Uint8Array,
): { readonly signers: Uint8Array; readonly signature: Uint8Array } {
  const signatures = side.map((index) => scheme.sign(secretKeys[index] as Uint8Array, digest))
  const infinity = concat(Uint8Array.of(0xc0), new Uint8Array(95))
  const signature = side.length === 0 ? infinity : scheme.aggregate(signatures)
  return {
    signers: bitmapOf(side, set.validators.length),
    signature: signature ?? infinity,
  }
}

function isQuorumSide(side: readonly number[]): boolean {
  const stake = side.reduce((sum, index) => sum + (stakes[index] ?? 0n), 0n)
  return 3n * stake > 200n
}

function signed(digest: Uint8Array, key = 0): { readonly message: Json; readonly signature: Json } {
  const signature = scheme.sign(secretKeys[key] as Uint8Array, digest)
  return { message: toHex(digest), signature: toHex(signature) }
}

function finalityJson(vote: FinalityVote): Record<string, Json> {
  return {
    epoch: vote.epoch.toString(),
    height: vote.height.toString(),
    blockHash: toHex(vote.blockHash),
    consensusRoot: toHex(vote.consensusRoot),
    histRoot: toHex(vote.histRoot),
    nextEpoch: vote.nextEpoch.toString(),
  }
}

function identityJson(): Json {
  return {
    l1ChainId: identity.l1ChainId.toString(),
    stakingContract: toHex(identity.stakingContract),
    networkId: identity.networkId,
    genesisHash: toHex(identity.genesisHash),
  }
}

function label(text: string): Uint8Array {
  const words = new TextEncoder().encode(`zg vector: ${text}`)
  return sha256(concat(words, Uint8Array.of(0)))
}
