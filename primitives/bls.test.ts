import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { bls12_381 } from '@noble/curves/bls12-381.js'

import {
  blsAggregate,
  BlsKeyInvalidError,
  blsPublicKeyOf,
  blsSecretKeyFromSeed,
  blsSign,
  BlsSignatureInvalidError,
  blsVerify,
  blsVerifyAggregate,
  decompressBlsG1Point,
  decompressBlsG2Point,
  isBlsG1Point,
  isBlsG2Point,
  parseBlsPublicKey,
} from './bls.ts'
import { bigintToBytes, bytesToBigint, concat, fromHex, toHex } from './bytes.ts'
import { fixtureAbsent, parseFixtureJson, readFixture } from './testing/fixture-archive.ts'

const { G1, G2 } = bls12_381
const prime = bls12_381.fields.Fp.ORDER
const groupOrder = bls12_381.fields.Fr.ORDER

/** The one domain-separation tag of the native library. */
const proofOfPossessionTag = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'

const secretKeys = [1, 2, 3].map((seed) => blsSecretKeyFromSeed(new Uint8Array(32).fill(seed)))
const publicKeys = secretKeys.map((key) => parseBlsPublicKey(blsPublicKeyOf(key)))
const message = new Uint8Array(32).fill(9)

type HashVector = { readonly msg: string; readonly P: { readonly x: string; readonly y: string } }

const fixture = readFixture('crypto')

suite('RFC 9380', { skip: fixture === undefined && fixtureAbsent }, () => {
  // blst hashes to the curve only inside a signature and under its own tag. So the independent
  // library is held to the vectors here, and blst to that library below.
  test('BLS12381G2_XMD:SHA-256_SSWU_RO_: the oracle of these tests hashes as the RFC says', () => {
    const file = fixture?.get('rfc9380/BLS12381G2_XMD-SHA-256_SSWU_RO_.json')
    const { dst, vectors } = parseFixtureJson(file) as {
      readonly dst: string
      readonly vectors: readonly HashVector[]
    }
    assert.equal(vectors.length, 5)
    for (const { msg, P } of vectors) {
      const { x, y } = G2.hashToCurve(new TextEncoder().encode(msg), { DST: dst }).toAffine()
      const coordinate = (value: { c0: bigint; c1: bigint }): string =>
        [value.c0, value.c1].map((part) => toHex(bigintToBytes(part, 48))).join(',')
      assert.equal(coordinate(x), P.x)
      assert.equal(coordinate(y), P.y)
    }
  })
})

suite('blsSign', () => {
  test('is the secret key times the hash of the message, for any length of it', () => {
    for (const size of [0, 1, 32, 55, 56, 64, 1_000]) {
      const bytes = Uint8Array.from({ length: size }, (_, index) => index & 0xff)
      const [secretKey] = secretKeys as [Uint8Array]
      const expected = G2.hashToCurve(bytes, { DST: proofOfPossessionTag })
        .multiply(bytesToBigint(secretKey))
        .toHex()
      assert.equal(toHex(blsSign(secretKey, bytes)), `0x${expected}`)
    }
  })

  test('is the same every time', () => {
    const [secretKey] = secretKeys as [Uint8Array]
    assert.deepEqual(blsSign(secretKey, message), blsSign(secretKey, message))
  })
})

suite('keys', () => {
  test('public keys are the secret key times the generator', () => {
    for (const secretKey of secretKeys) {
      const expected = G1.Point.BASE.multiply(bytesToBigint(secretKey)).toHex()
      assert.equal(toHex(blsPublicKeyOf(secretKey)), `0x${expected}`)
    }
  })

  test('seeds of less than 32 bytes are refused', () => {
    assert.throws(() => blsSecretKeyFromSeed(new Uint8Array(31)), BlsKeyInvalidError)
  })

  test('secret keys that are no number in [1, r-1] are refused', () => {
    const order = bigintToBytes(groupOrder, 32)
    for (const key of [new Uint8Array(32), order, new Uint8Array(31).fill(1), new Uint8Array(0)]) {
      assert.throws(() => blsPublicKeyOf(key), BlsKeyInvalidError)
      assert.throws(() => blsSign(key, message), BlsKeyInvalidError)
    }
  })

  test('malformed public keys are refused', () => {
    const good = G1.Point.BASE.toBytes()
    for (const [problem, bytes] of [
      ['short', good.subarray(1)],
      ['empty', new Uint8Array(0)],
      ['uncompressed', G1.Point.BASE.toBytes(false)],
      ['without the compression flag', good.with(0, (good[0] as number) & 0x7f)],
      ['infinity', G1.Point.ZERO.toBytes()],
      ['infinity with other bits set', G1.Point.ZERO.toBytes().with(47, 1)],
      ['x not below p', bigintToBytes(prime + (0x80n << 376n), 48)],
      ['no point of the curve', concat(Uint8Array.of(0x80), new Uint8Array(46), Uint8Array.of(1))],
      ['outside the subgroup', compressedOutsideG1()],
      ['all ones', new Uint8Array(48).fill(0xff)],
    ] as const) {
      assert.throws(() => parseBlsPublicKey(bytes), BlsKeyInvalidError, problem)
    }
  })
})

suite('blsVerify', () => {
  const [secretKey] = secretKeys as [Uint8Array]
  const publicKey = publicKeys[0]!
  const signature = blsSign(secretKey, message)

  test('accepts the signature and no other message, key or signature', () => {
    assert.equal(blsVerify(publicKey, message, signature), true)
    assert.equal(blsVerify(publicKey, message.with(0, 1), signature), false)
    assert.equal(blsVerify(publicKeys[1]!, message, signature), false)
    assert.equal(blsVerify(publicKey, message, blsSign(secretKeys[1]!, message)), false)
  })

  test('is false for malformed signatures', () => {
    const infinity = G2.Point.ZERO.toBytes()
    for (const bytes of [
      new Uint8Array(0),
      signature.subarray(1),
      concat(signature, Uint8Array.of(0)),
      signature.with(0, (signature[0] as number) ^ 0x20),
      signature.with(0, (signature[0] as number) & 0x7f),
      infinity,
      infinity.with(95, 1),
      new Uint8Array(96).fill(0xff),
      compressedOutsideG2(),
    ]) {
      assert.equal(blsVerify(publicKey, message, bytes), false, toHex(bytes))
      assert.equal(blsVerifyAggregate([publicKey], message, bytes), false, toHex(bytes))
    }
  })
})

suite('aggregates', () => {
  const signatures = secretKeys.map((key) => blsSign(key, message))

  test('verify for exactly the keys that signed', () => {
    const aggregate = blsAggregate(signatures)
    assert.equal(blsVerifyAggregate(publicKeys, message, aggregate), true)
    assert.equal(blsVerifyAggregate(publicKeys.slice(1), message, aggregate), false)
    assert.equal(blsVerifyAggregate([...publicKeys, publicKeys[0]!], message, aggregate), false)
    assert.equal(blsVerifyAggregate([], message, aggregate), false)
  })

  test('are the sum of the points', () => {
    const [first, second] = signatures.map((bytes) => G2.Point.fromBytes(bytes))
    const sum = first!.add(second!).toHex()
    assert.equal(toHex(blsAggregate(signatures.slice(0, 2))), `0x${sum}`)
  })

  test('refuse a signature that is no point of the group', () => {
    for (const bad of [new Uint8Array(96), new Uint8Array(0), compressedOutsideG2()]) {
      assert.throws(() => blsAggregate([signatures[0]!, bad]), BlsSignatureInvalidError)
    }
    assert.throws(() => blsAggregate([]), BlsSignatureInvalidError)
  })
})

suite('membership of the groups', () => {
  test('isBlsG1Point takes points of the subgroup in plain form, and nothing else', () => {
    const point = G1.Point.BASE.multiply(5n).toBytes(false)
    assert.equal(isBlsG1Point(point), true)
    assert.equal(isBlsG1Point(new Uint8Array(96).with(95, 2)), false)
    assert.equal(isBlsG1Point(G1.Point.ZERO.toBytes(false)), false)
    assert.equal(isBlsG1Point(new Uint8Array(96)), false)
    assert.equal(isBlsG1Point(point.with(95, (point[95] as number) ^ 1)), false)
    assert.equal(isBlsG1Point(point.with(0, (point[0] as number) | 0x80)), false)
    assert.equal(isBlsG1Point(point.subarray(1)), false)
  })

  test('isBlsG2Point takes points of the subgroup in plain form, and nothing else', () => {
    const point = G2.Point.BASE.multiply(5n).toBytes(false)
    assert.equal(isBlsG2Point(point), true)
    assert.equal(isBlsG2Point(plainOutsideG2()), false)
    assert.equal(isBlsG2Point(G2.Point.ZERO.toBytes(false)), false)
    assert.equal(isBlsG2Point(new Uint8Array(192)), false)
    assert.equal(isBlsG2Point(point.with(191, (point[191] as number) ^ 1)), false)
    assert.equal(isBlsG2Point(point.subarray(1)), false)
  })

  test('decompressBlsG1Point gives x and y', () => {
    const point = G1.Point.BASE.multiply(6n)
    assert.deepEqual(decompressBlsG1Point(point.toBytes()), point.toBytes(false))
    for (const bad of [G1.Point.ZERO.toBytes(), compressedOutsideG1(), point.toBytes(false)]) {
      assert.equal(decompressBlsG1Point(bad), undefined)
    }
  })

  test('decompressBlsG2Point gives x and y', () => {
    const point = G2.Point.BASE.multiply(6n)
    assert.deepEqual(decompressBlsG2Point(point.toBytes()), point.toBytes(false))
    for (const bad of [G2.Point.ZERO.toBytes(), compressedOutsideG2(), point.toBytes(false)]) {
      assert.equal(decompressBlsG2Point(bad), undefined)
    }
  })
})

/** (0, 2) lies on y² = x³ + 4 and has order 3. */
function compressedOutsideG1(): Uint8Array {
  return new Uint8Array(48).with(0, 0x80)
}

/** The point of y² = x³ + 4(1 + u) with x = 2: its order is not r. */
function compressedOutsideG2(): Uint8Array {
  return new Uint8Array(96).with(0, 0x80).with(95, 2)
}

/** The same point in plain form: x.c1 ‖ x.c0 ‖ y.c1 ‖ y.c0. */
function plainOutsideG2(): Uint8Array {
  const yC1 = fromHex(
    '0x172e93db764a8400a7d5071b6b6f5de0da2f0f4a063119ab' +
      'ca014006b7c40a2cfe291a1924e65db0d6d0fcfbf3bf3d5c',
  )
  const yC0 = fromHex(
    '0x18c6b864ae17dc9da64203ffefb966306425a7bc6aeb7c75' +
      '247438372716284a4173830420cd476ba1a365b95bfcec38',
  )
  const { Fp2 } = bls12_381.fields
  const y = Fp2.fromBigTuple([bytesToBigint(yC0), bytesToBigint(yC1)])
  // 2³ + 4(1 + u) = 12 + 4u
  assert.ok(Fp2.eql(Fp2.sqr(y), Fp2.fromBigTuple([12n, 4n])), 'it is on the curve')
  return concat(new Uint8Array(48), new Uint8Array(48).with(47, 2), yC1, yC0)
}
