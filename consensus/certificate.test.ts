import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { fromHex } from '@zg/primitives'

import {
  bitmapOf,
  indexesOf,
  readCertificate,
  readFinalityCertificate,
  verifyCertificate,
  verifyFinalityCertificate,
} from './certificate.ts'
import { ByteReader } from './codec.ts'
import { blsScheme } from './signature-scheme.ts'
import { isQuorum, validatorSet, ValidatorSetInvalidError } from './validator-set.ts'
import { certificateVectors } from './vectors/vectors.ts'

type CertificateFile = {
  identity: {
    l1ChainId: string
    stakingContract: string
    networkId: number
    genesisHash: string
  }
  set: { epoch: string; validators: { operator: string; publicKey: string; stake: string }[] }
  round: { encoded: string; valid: number }[]
  finality: { encoded: string; valid: number }[]
}

const file = JSON.parse(
  readFileSync(new URL('./vectors/certificates.json', import.meta.url), 'utf8'),
) as CertificateFile
const scheme = blsScheme()
const identity = {
  l1ChainId: BigInt(file.identity.l1ChainId),
  stakingContract: fromHex(file.identity.stakingContract),
  networkId: file.identity.networkId,
  genesisHash: fromHex(file.identity.genesisHash),
}
const set = validatorSet(
  BigInt(file.set.epoch),
  file.set.validators.map(({ operator, publicKey, stake }) => ({
    operator: fromHex(operator),
    publicKey: fromHex(publicKey),
    stake: BigInt(stake),
  })),
)

test('vectors/certificates.json is what the code generates', () => {
  assert.deepEqual(certificateVectors(), file)
})

test('verifyCertificate accepts exactly the quorums of the vectors', () => {
  for (const { encoded, valid } of file.round) {
    const certificate = readCertificate(new ByteReader(fromHex(encoded)))
    assert.equal(verifyCertificate(scheme, identity, set, certificate), valid === 1)
  }
})

test('verifyFinalityCertificate accepts exactly the quorums of the vectors', () => {
  for (const { encoded, valid } of file.finality) {
    const certificate = readFinalityCertificate(new ByteReader(fromHex(encoded)))
    assert.equal(verifyFinalityCertificate(scheme, identity, set, certificate), valid === 1)
  }
})

test('verifyCertificate refuses another epoch, network, bitmap or signature', () => {
  const good = readCertificate(new ByteReader(fromHex(file.round[0]!.encoded)))
  const others = [
    { ...good, vote: { ...good.vote, epoch: 4n } },
    { ...good, vote: { ...good.vote, view: good.vote.view + 1 } },
    { ...good, signers: Uint8Array.of(0b1_1110) },
    { ...good, signers: Uint8Array.of(0b11_1111) },
    { ...good, signers: Uint8Array.of(0b1_1111, 0) },
    { ...good, signature: good.signature.slice().reverse() },
  ]
  for (const other of others) assert.equal(verifyCertificate(scheme, identity, set, other), false)
  const elsewhere = { ...identity, networkId: 3 }
  assert.equal(verifyCertificate(scheme, elsewhere, set, good), false)
})

test('isQuorum is strict at two thirds and does not round', () => {
  const entry = { operator: new Uint8Array(20), publicKey: new Uint8Array(48) }
  const huge = validatorSet(0n, [{ ...entry, stake: 3n * 10n ** 27n }])
  assert.equal(isQuorum(2n * 10n ** 27n, huge), false)
  assert.equal(isQuorum(2n * 10n ** 27n + 1n, huge), true)
})

test('bitmapOf and indexesOf invert each other, and spare bits are refused', () => {
  assert.deepEqual(indexesOf(bitmapOf([0, 7, 8, 12], 13), 13), [0, 7, 8, 12])
  assert.equal(indexesOf(bitmapOf([13], 14), 13), undefined)
  assert.equal(indexesOf(new Uint8Array(1), 13), undefined)
})

test('validatorSet refuses an empty set, a key twice and stake zero', () => {
  const entry = { operator: new Uint8Array(20), publicKey: new Uint8Array(48), stake: 1n }
  for (const entries of [[], [entry, entry], [{ ...entry, stake: 0n }]]) {
    assert.throws(() => validatorSet(0n, entries), ValidatorSetInvalidError)
  }
})
