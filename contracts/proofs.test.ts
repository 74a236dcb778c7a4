import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'

import { bls12_381 } from '@noble/curves/bls12-381.js'
import { createMPT, createMerkleProof } from '@ethereumjs/mpt'
import { finalityFaultOf, roundFaultOf } from '@zg/consensus'
import type { FinalityVote, RoundVote } from '@zg/consensus'
import {
  bigintToBytes,
  blsAggregate,
  blsPublicKeyOf,
  blsSecretKeyFromSeed,
  blsSign,
  encodeRlp,
  fromHex,
  keccak256,
  sha256,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { keyWords, signatureWords } from './bls-words.ts'
import type { KeyWords } from './bls-words.ts'
import { ContractRevertError, ContractWorld } from './testing/contract-world.ts'
import { rootOf, siblingsOf } from './testing/history.ts'

const require = createRequire(import.meta.url)

function readVectors<shape>(name: string): shape {
  const path = require.resolve(`@zg/consensus/vectors/${name}.json`)
  return JSON.parse(readFileSync(path, 'utf8')) as shape
}

type Identity = {
  readonly l1ChainId: string
  readonly stakingContract: Hex
  readonly networkId: number
  readonly genesisHash: Hex
}

type VoteVectors = {
  readonly identity: Identity
  readonly publicKey: Hex
  readonly round: readonly {
    readonly kind: 'notarize' | 'nullify' | 'finalize'
    readonly epoch: string
    readonly view: string
    readonly digest: Hex
    readonly message: Hex
    readonly signature: Hex
  }[]
  readonly finality: readonly Readonly<
    Record<'epoch' | 'height' | 'nextEpoch', string> &
      Record<'blockHash' | 'consensusRoot' | 'histRoot' | 'message' | 'signature', Hex>
  >[]
  readonly possession: readonly Readonly<
    Record<'registry' | 'operator' | 'publicKey' | 'message' | 'signature', Hex> & {
      l1ChainId: string
    }
  >[]
}

type HeaderVectors = {
  readonly headers: readonly {
    readonly leaves: readonly Hex[]
    readonly consensusRoot: Hex
    readonly histRoot: Hex
    readonly proofs: readonly { readonly index: number; readonly proof: readonly Hex[] }[]
  }[]
}

const roundKinds = ['notarize', 'nullify', 'finalize'] as const
const votes = readVectors<VoteVectors>('votes')
const world = new ContractWorld()
const contract = world.deploy('ProofsTester')
const read = (name: string, ...args: unknown[]) => world.read({ contract, name, args })

const domain = {
  l1ChainId: BigInt(votes.identity.l1ChainId),
  staking: votes.identity.stakingContract,
  networkId: votes.identity.networkId,
  genesisHash: votes.identity.genesisHash,
}

function wordsOf(publicKey: Hex): KeyWords {
  return keyWords(fromHex(publicKey))
}

function verify(key: KeyWords, digest: Hex, signature: Hex): boolean {
  return read('verify', key, digest, signature) as boolean
}

describe('Votes', () => {
  const key = wordsOf(votes.publicKey)

  test('digests and signatures of round votes are those of the vectors', () => {
    for (const { kind, epoch, view, digest, message, signature } of votes.round) {
      const vote = { kind: roundKinds.indexOf(kind), epoch, viewNumber: view, digest }
      assert.equal(read('roundDigest', domain, vote), message)
      assert.ok(verify(key, message, signatureWords(fromHex(signature))))
    }
  })

  test('digests and signatures of finality votes are those of the vectors', () => {
    for (const { message, signature, ...vote } of votes.finality) {
      assert.equal(read('finalityDigest', domain, vote), message)
      assert.ok(verify(key, message, signatureWords(fromHex(signature))))
    }
  })

  test('proofs of possession are those of the vectors, over the compressed key', () => {
    for (const {
      l1ChainId,
      registry,
      operator,
      publicKey,
      message,
      signature,
    } of votes.possession) {
      const words = wordsOf(publicKey)
      assert.equal(read('compress', words), publicKey)
      assert.equal(read('possessionDigest', l1ChainId, registry, operator, publicKey), message)
      assert.ok(verify(words, message, signatureWords(fromHex(signature))))
    }
  })

  test('any two round votes are the fault that consensus calls them', () => {
    const all = roundKinds.flatMap((kind) =>
      [1n, 2n].flatMap((epoch) =>
        [1, 2].flatMap((view) =>
          (kind === 'nullify' ? [0] : [1, 2]).map((fill): RoundVote => ({
            kind,
            epoch,
            view,
            digest: new Uint8Array(32).fill(fill),
          })),
        ),
      ),
    )
    let faults = 0
    for (const first of all) {
      for (const second of all) {
        const expected = roundFaultOf(first, second)
        if (expected !== undefined) faults++
        const fault = read('roundFault', roundArgs(first), roundArgs(second))
        assert.equal(fault, Number(expected?.slice(1) ?? 0))
      }
    }
    assert.ok(faults > 20)
  })

  test('any two finality votes are the fault that consensus calls them', () => {
    const all = [1n, 2n].flatMap((epoch) =>
      [5n, 6n].flatMap((height) =>
        [0n, epoch + 1n].flatMap((nextEpoch) =>
          [1, 2].map((fill): FinalityVote => ({
            epoch,
            height,
            nextEpoch,
            blockHash: new Uint8Array(32).fill(fill),
            consensusRoot: new Uint8Array(32).fill(3),
            histRoot: new Uint8Array(32).fill(4),
          })),
        ),
      ),
    )
    const seen = new Set<number>()
    for (const first of all) {
      for (const second of all) {
        const expected = Number(finalityFaultOf(first, second)?.slice(1) ?? 0)
        seen.add(expected)
        assert.equal(read('finalityFault', finalityArgs(first), finalityArgs(second)), expected)
      }
    }
    assert.deepEqual(seen, new Set([0, 5, 7]))
  })
})

describe('Bls', () => {
  const secretKeys = [1, 2, 3, 4].map((fill) => blsSecretKeyFromSeed(new Uint8Array(32).fill(fill)))
  const keys = secretKeys.map((secretKey) => keyWords(blsPublicKeyOf(secretKey)))
  const [first, second, third, fourth] = keys as [KeyWords, KeyWords, KeyWords, KeyWords]
  const digest = sha256(Uint8Array.of(7))
  const digestHex = toHex(digest)
  const signed = secretKeys.map((secretKey) => blsSign(secretKey, digest))
  const aggregate = signatureWords(blsAggregate(signed.slice(0, 3)))
  const [signature] = signed.map(signatureWords) as [Hex]

  test('an aggregate verifies against the sum of the keys, and against all less the absent', () => {
    const three = read('add', read('add', first, second), third)
    assert.ok(verify(three as KeyWords, digestHex, aggregate))
    const all = read('add', three, fourth)
    assert.ok(!verify(all as KeyWords, digestHex, aggregate))
    const less = read('add', all, read('negate', fourth))
    assert.deepEqual(less, three)
  })

  test('a key and its negative add up to the identity, which verifies nothing', () => {
    const identity = read('add', first, read('negate', first)) as KeyWords
    assert.deepEqual(identity, { a: zeroWord, b: zeroWord, c: zeroWord })
    assert.deepEqual(read('negate', identity), identity)
    assert.ok(!verify(identity, digestHex, toHex(new Uint8Array(256))))
    assert.ok(!verify(identity, digestHex, signature))
    assert.ok(!verify(first, digestHex, toHex(new Uint8Array(256))))
  })

  test('adding a key to itself doubles it', () => {
    const twice = blsPublicKeyOf(bigintToBytes(2n * scalarOf(secretKeys[0] as Uint8Array), 32))
    assert.deepEqual(read('add', first, first), keyWords(twice))
  })

  test('what is malformed or of another is false, never an error', () => {
    const bytes = fromHex(signature)
    const changed = (at: number): Hex => toHex(bytes.with(at, (bytes[at] as number) ^ 1))
    const table: readonly [string, KeyWords, Hex, Hex][] = [
      ['another key', second, digestHex, signature],
      ['another digest', first, toHex(sha256(digest)), signature],
      ['a bit of x', first, digestHex, changed(63)],
      ['a bit of y', first, digestHex, changed(255)],
      ['the padding of x', first, digestHex, changed(0)],
      ['the padding of y', first, digestHex, changed(192)],
      ['a byte short', first, digestHex, toHex(bytes.slice(1))],
      ['a byte long', first, digestHex, `${signature}00`],
      ['nothing', first, digestHex, '0x'],
      ['not canonical', first, digestHex, notCanonical(bytes)],
      ['out of the subgroup', first, digestHex, outsideG2()],
      ['a key off the curve', { ...first, c: zeroWord }, digestHex, signature],
    ]
    for (const [what, key, message, given] of table) {
      assert.equal(verify(key, message, given), false, what)
    }
    assert.ok(verify(first, digestHex, signature))
  })

  test('keys off the curve cannot be added', () => {
    assert.throws(
      () => read('add', first, { ...second, c: zeroWord }),
      (error) => error instanceof ContractRevertError && error.errorName === 'NotAPoint',
    )
  })
})

describe('History', () => {
  const { headers } = readVectors<HeaderVectors>('headers')

  test('every field of a header is proved under its consensusRoot, and no other value', () => {
    for (const { leaves, consensusRoot, proofs } of headers) {
      for (const { index, proof } of proofs) {
        assert.equal(read('hasField', consensusRoot, index, leaves[index], proof), true)
      }
      leaves.forEach((leaf, index) => {
        const siblings = siblingsOf(leaves.map(fromHex), index, 4).map(toHex)
        assert.equal(read('hasField', consensusRoot, index, leaf, siblings), true)
        assert.equal(read('hasField', consensusRoot, index, digestOf(leaf), siblings), false)
        assert.equal(read('hasField', consensusRoot, index, leaf, siblings.slice(1)), false)
        if (leaves[index ^ 1] === leaf) return
        assert.equal(read('hasField', consensusRoot, index ^ 1, leaf, siblings), false)
      })
    }
  })

  test('every earlier consensusRoot is proved under a histRoot, at its height alone', () => {
    const leaves = Array.from({ length: 9 }, (_, index) => sha256(Uint8Array.of(index)))
    const histRoot = toHex(rootOf(leaves))
    leaves.forEach((leaf, height) => {
      const siblings = siblingsOf(leaves, height).map(toHex)
      assert.equal(read('holds', histRoot, height, toHex(leaf), siblings), true)
      assert.equal(read('holds', histRoot, height + 1, toHex(leaf), siblings), false)
      assert.equal(
        read('holds', histRoot, 2n ** 32n + BigInt(height), toHex(leaf), siblings),
        false,
      )
      assert.equal(read('holds', histRoot, height, toHex(leaf), siblings.slice(1)), false)
    })
  })
})

describe('ExecutionProof', () => {
  test('a slot is proved from a consensusRoot down', async () => {
    const account = toHex(bigintToBytes(0x2002n, 20))
    const slot = bigintToBytes(1n, 32)
    const value = sha256(Uint8Array.of(9))
    const storage = await trieOf([[slot, encodeRlp(value)], ...filler(20)])
    const record = encodeRlp([
      Uint8Array.of(1),
      Uint8Array.of(5),
      storage.root(),
      keccak256(new Uint8Array(0)),
    ])
    const accounts = await trieOf([[fromHex(account), record], ...filler(200)])
    const proof = {
      account: (await createMerkleProof(accounts, fromHex(account))).map(toHex),
      slot: (await createMerkleProof(storage, slot)).map(toHex),
    }
    const root = toHex(accounts.root())
    assert.equal(read('slotOf', root, account, toHex(slot), proof), toHex(value))
    const wrong: readonly (readonly unknown[])[] = [
      [toHex(value), account, toHex(slot), proof],
      [root, toHex(bigintToBytes(0x2003n, 20)), toHex(slot), proof],
      [root, account, toHex(bigintToBytes(2n, 32)), proof],
      [root, account, toHex(slot), { ...proof, slot: proof.slot.slice(1) }],
      [root, account, toHex(slot), { ...proof, account: [...proof.account, '0x80'] }],
      [root, account, toHex(slot), { account: [], slot: [] }],
    ]
    for (const args of wrong) assert.throws(() => read('slotOf', ...args), ContractRevertError)
  })

  test('a state root is that of the header whose hash the consensusRoot holds', () => {
    const stateRoot = sha256(Uint8Array.of(1))
    const header = encodeRlp([
      ...[1, 2].map((fill) => new Uint8Array(32).fill(fill)),
      new Uint8Array(20),
      stateRoot,
      new Uint8Array(32).fill(3),
    ])
    const fields = Array.from({ length: 16 }, (_, index) => sha256(Uint8Array.of(100 + index)))
    fields[15] = keccak256(header)
    const root = toHex(rootOf(fields, 4))
    const siblings = siblingsOf(fields, 15, 4).map(toHex)
    const proof = { header: toHex(header), siblings }
    assert.equal(read('stateRoot', root, proof), toHex(stateRoot))
    assert.throws(
      () => read('stateRoot', root, { ...proof, header: toHex(encodeRlp([header])) }),
      (error) => error instanceof ContractRevertError && error.errorName === 'HeaderUnproven',
    )
  })
})

const zeroWord = toHex(new Uint8Array(32))

function digestOf(word: Hex): Hex {
  return toHex(sha256(fromHex(word)))
}

function roundArgs({ kind, epoch, view, digest }: RoundVote) {
  return { kind: roundKinds.indexOf(kind), epoch, viewNumber: view, digest: toHex(digest) }
}

function finalityArgs({ epoch, height, nextEpoch, ...roots }: FinalityVote) {
  const { blockHash, consensusRoot, histRoot } = roots
  const words = { blockHash, consensusRoot, histRoot }
  const hex = Object.fromEntries(Object.entries(words).map(([name, word]) => [name, toHex(word)]))
  return { epoch, height, nextEpoch, ...hex }
}

function scalarOf(secretKey: Uint8Array): bigint {
  return BigInt(toHex(secretKey))
}

/** The same point with p added to its first number. */
function notCanonical(signature: Uint8Array): Hex {
  const { ORDER } = bls12_381.fields.Fp
  const number = BigInt(toHex(signature.subarray(0, 64))) + ORDER
  const raised = signature.slice()
  raised.set(bigintToBytes(number, 64))
  return toHex(raised)
}

/** A point of the curve of G2 with x = 2, whose order is not the group's. */
function outsideG2(): Hex {
  const { Fp2 } = bls12_381.fields
  const x = Fp2.fromBigTuple([2n, 0n])
  const y = Fp2.sqrt(Fp2.add(Fp2.mul(Fp2.sqr(x), x), Fp2.fromBigTuple([4n, 4n])))
  return toHex(
    Uint8Array.from([x.c0, x.c1, y.c0, y.c1].flatMap((number) => [...bigintToBytes(number, 64)])),
  )
}

function filler(count: number): [Uint8Array, Uint8Array][] {
  return Array.from({ length: count }, (_, index) => [
    bigintToBytes(BigInt(0x10_000 + index), 32),
    encodeRlp(sha256(Uint8Array.of(index & 0xff))),
  ])
}

async function trieOf(entries: readonly (readonly [Uint8Array, Uint8Array])[]) {
  const trie = await createMPT({ useKeyHashing: true })
  for (const [key, value] of entries) await trie.put(key, value)
  return trie
}
