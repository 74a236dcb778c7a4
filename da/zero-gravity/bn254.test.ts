import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { bn254 } from '@noble/curves/bn254.js'
import { ContractWorld } from '@zg/contracts/testing'
import { bigintToBytes, bytesToBigint, concat, keccak256, toHex } from '@zg/primitives'

import {
  bn254KeyOf,
  bn254Sign,
  bn254Verify,
  decodeG1,
  encodeG1,
  hashToG1,
  sumOfG1,
  sumOfG2,
} from './bn254.ts'
import type { G1Point, G2Point } from './bn254.ts'
import { rootDigest } from './messages.ts'

const prime = bn254.fields.Fp.ORDER
const [seed, other] = [7, 8].map((fill) => new Uint8Array(32).fill(fill)) as [
  Uint8Array,
  Uint8Array,
]
const digest = keccak256(Uint8Array.of(1))
const [one, two] = [bn254KeyOf(seed, 1337n), bn254KeyOf(other, 1337n)]
const zero = { X: 0n, Y: 0n }

test('rootDigest and hashToG1 give the point that 0G tests its nodes with', () => {
  const dataRoot = new Uint8Array(32).fill(0x11)
  const name = { dataRoot, epoch: 1n, quorumId: 2n }
  const { X, Y } = hashToG1(rootDigest(name, { X: 1n, Y: 2n }))
  const expected = 3104132272622526655068902279970515367044771064982988265068273751564440697689n
  assert.equal(X, expected)
  assert.equal((Y * Y) % prime, (X ** 3n + 3n) % prime)
})

describe('bn254', () => {
  const { world, call } = precompiles()

  test('keys, sums and products are those of the precompiles', () => {
    const generator = encodeG1({ X: 1n, Y: 2n })
    const product = call(7n, concat(generator, bigintToBytes(one.secret, 32)))
    assert.deepEqual(product, encodeG1(one.pkG1))
    const sum = call(6n, concat(encodeG1(one.pkG1), encodeG1(two.pkG1)))
    assert.deepEqual(sum, encodeG1(sumOfG1([one.pkG1, two.pkG1])))
    assert.deepEqual(world.chainId, 1337n)
  })

  test('what is signed here verifies by the pairing precompile, and here', () => {
    const signature = bn254Sign(one.secret, digest)
    const minus = bn254.G2.Point.BASE.negate().toAffine()
    const generator: G2Point = { X: [minus.x.c1, minus.x.c0], Y: [minus.y.c1, minus.y.c0] }
    const pairs = (key: G2Point) => concat(pair(signature, generator), pair(hashToG1(digest), key))
    assert.equal(bytesToBigint(call(8n, pairs(one.pkG2))), 1n)
    assert.equal(bytesToBigint(call(8n, pairs(two.pkG2))), 0n)
    assert.ok(bn254Verify(one.pkG2, digest, signature))
    assert.ok(!bn254Verify(two.pkG2, digest, signature))
    assert.ok(!bn254Verify(one.pkG2, keccak256(Uint8Array.of(2)), signature))
  })

  test('sums of signatures are of sums of keys', () => {
    const signatures = [one, two].map(({ secret }) => bn254Sign(secret, digest))
    const key = sumOfG2([one.pkG2, two.pkG2])
    assert.ok(bn254Verify(key, digest, sumOfG1(signatures)))
    assert.ok(!bn254Verify(key, digest, signatures[0]!))
  })

  test('a seed gives another key on each chain', () => {
    assert.deepEqual(bn254KeyOf(seed, 1337n), one)
    assert.notEqual(bn254KeyOf(seed, 1338n).secret, one.secret)
    assert.notEqual(two.secret, one.secret)
  })

  test('nothing that is no point is taken, and infinity is no signature', () => {
    const signature = bn254Sign(one.secret, digest)
    const bad = [
      { X: 1n, Y: 1n },
      { X: signature.X + prime, Y: signature.Y },
      { X: signature.X, Y: signature.Y + prime },
      { X: 0n, Y: 1n },
    ]
    for (const point of bad) {
      assert.ok(!bn254Verify(one.pkG2, digest, point))
      assert.throws(() => sumOfG1([point]), { code: 'DA_BN254_POINT' })
    }
    const numbers = concat(...[1n, 1n].map((number) => bigintToBytes(number, 32)))
    assert.throws(() => decodeG1(numbers), { code: 'DA_BN254_POINT' })
    assert.throws(() => decodeG1(encodeG1(signature).subarray(1)), { code: 'DA_BN254_POINT' })
    assert.deepEqual(decodeG1(encodeG1(signature)), signature)
    assert.ok(!bn254Verify(one.pkG2, digest, zero))
    assert.ok(!bn254Verify({ X: [0n, 0n], Y: [0n, 0n] }, digest, zero))
    const [imaginary, real] = one.pkG2.X
    const turned: G2Point = { X: [real, imaginary], Y: one.pkG2.Y }
    assert.ok(!bn254Verify(turned, digest, signature))
    assert.throws(() => sumOfG2([turned]), { code: 'DA_BN254_POINT' })
  })

  test('a point of the twist that is not in the group is none', () => {
    // The first of small x that has a root: the cofactor is large, so it is not in the group.
    const { Fp2 } = bn254.fields
    const b = bn254.G2.Point.CURVE().b
    const outside = [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n].flatMap((c0): G2Point[] => {
      const x = Fp2.create({ c0, c1: 0n })
      try {
        const y = Fp2.sqrt(Fp2.add(Fp2.mul(Fp2.sqr(x), x), b))
        return [{ X: [x.c1, x.c0], Y: [y.c1, y.c0] }]
      } catch {
        return []
      }
    })
    assert.ok(outside.length > 0)
    for (const point of outside) assert.throws(() => sumOfG2([point]), { code: 'DA_BN254_POINT' })
  })
})

function precompiles() {
  const world = new ContractWorld()
  const call = (to: bigint, data: Uint8Array): Uint8Array => {
    const { succeeded, output } = world.call({ to, data })
    assert.ok(succeeded, toHex(data))
    return output
  }
  return { world, call }
}

function pair(one: G1Point, { X, Y }: G2Point): Uint8Array {
  return concat(encodeG1(one), ...[...X, ...Y].map((number) => bigintToBytes(number, 32)))
}
