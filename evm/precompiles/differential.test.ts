/**
 * The curve precompiles against an independent implementation (@noble/curves), on random points and
 * on the points where implementations differ: infinity, equal and opposite points, points of the
 * curve outside the subgroup, numbers not below the prime, scalars beyond the order.
 */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bn254 } from '@noble/curves/bn254.js'
import { p256 } from '@noble/curves/nist.js'

import { bigintToBytes, bytesToBigint, concat, keccak256, toHex } from '@zg/primitives'

import { precompileAt } from './index.ts'

/** Runs of each kind. */
const runs = 8

type Affine<field> = { readonly x: field; readonly y: field }
type Pair = { readonly c0: bigint; readonly c1: bigint }

/** The numbers of a run, the same every time. */
function randomNumbers(seed: string): () => bigint {
  let state = new TextEncoder().encode(seed)
  return () => {
    state = Uint8Array.from(keccak256(state))
    return bytesToBigint(state)
  }
}

function run(address: bigint, ...parts: readonly Uint8Array[]): string | undefined {
  const output = precompileAt(address, 'osaka')!.run(concat(...parts))
  return output && toHex(output)
}

const word = (value: bigint): Uint8Array => bigintToBytes(value, 32)

suite('bn254', () => {
  const { G1, G2, fields } = bn254
  const prime = fields.Fp.ORDER
  const order = fields.Fr.ORDER
  const random = randomNumbers('bn254')
  const g1 = ({ x, y }: Affine<bigint>): Uint8Array => concat(word(x), word(y))
  const g2 = ({ x, y }: Affine<Pair>): Uint8Array => concat(...[x.c1, x.c0, y.c1, y.c0].map(word))
  const g1Of = (k: bigint) => G1.Point.BASE.multiplyUnsafe(k % order)
  const g2Of = (k: bigint) => G2.Point.BASE.multiplyUnsafe(k % order)
  const infinity = new Uint8Array(64)
  const encode = (point: ReturnType<typeof g1Of>): Uint8Array =>
    point.is0() ? infinity : g1(point.toAffine())

  test('BN254_ADD', () => {
    for (let index = 0; index < runs; index++) {
      const [a, b] = [g1Of(random()), g1Of(random())]
      for (const [left, right] of [
        [a, b],
        [a, a],
        [a, a.negate()],
        [a, G1.Point.ZERO],
        [G1.Point.ZERO, G1.Point.ZERO],
      ] as const) {
        const expected = toHex(encode(left.add(right)))
        assert.equal(run(0x06n, encode(left), encode(right)), expected)
      }
    }
  })

  test('BN254_MUL', () => {
    const scalars = [0n, 1n, order - 1n, order, order + 1n, (1n << 256n) - 1n]
    for (let index = 0; index < runs; index++) scalars.push(random())
    for (const scalar of scalars) {
      const point = g1Of(random())
      const expected = toHex(encode(point.multiplyUnsafe(scalar % order)))
      assert.equal(run(0x07n, encode(point), word(scalar)), expected)
      assert.equal(run(0x07n, infinity, word(scalar)), toHex(infinity))
    }
  })

  test('BN254_PAIRING is one for e(aP, bQ)·e(-abP, Q), and zero when any factor is another', () => {
    for (let index = 0; index < runs; index++) {
      const [a, b] = [random() % order, random() % order]
      const [left, q] = [g2Of(b), G2.Point.BASE]
      const right = g1Of(a * b).negate()
      const pairs = (first: bigint): Uint8Array[] => [
        encode(g1Of(first)),
        g2(left.toAffine()),
        encode(right),
        g2(q.toAffine()),
      ]
      assert.equal(run(0x08n, ...pairs(a)), toHex(word(1n)))
      assert.equal(run(0x08n, ...pairs(a + 1n)), toHex(word(0n)))
    }
  })

  test('BN254_PAIRING over more pairs than one round holds', () => {
    const parts: Uint8Array[] = []
    for (let index = 0; index < 17; index++) {
      const k = random()
      parts.push(encode(g1Of(k)), g2(G2.Point.BASE.toAffine()))
      parts.push(encode(G1.Point.BASE.negate()), g2(g2Of(k).toAffine()))
      parts.push(infinity, g2(g2Of(k).toAffine()), encode(g1Of(k)), new Uint8Array(128))
    }
    assert.equal(run(0x08n, ...parts), toHex(word(1n)))
    parts[0] = encode(g1Of(7n))
    assert.equal(run(0x08n, ...parts), toHex(word(0n)))
    assert.equal(run(0x08n), toHex(word(1n)), 'the empty product is one')
  })

  test('BN254_PAIRING refuses points of the twist outside the group', () => {
    const { Fp2 } = fields
    const twistB = G2.Point.CURVE().b
    let tried = 0
    for (let index = 1n; tried < runs; index++) {
      const x = Fp2.fromBigTuple([index, random() % prime])
      const square = Fp2.add(Fp2.mul(Fp2.sqr(x), x), twistB)
      const y = squareRoot(Fp2, square)
      if (y === undefined) continue
      // A random point of the twist is in the group with probability 1/cofactor, about 2^-254.
      assert.equal(run(0x08n, infinity, g2({ x, y })), undefined)
      tried++
    }
  })

  test('refuse coordinates not below the prime, and points off the curve', () => {
    const { x, y } = g1Of(5n).toAffine()
    for (const bad of [
      [x + prime, y],
      [x, y + prime],
      [prime, 0n],
      [x, y - 1n],
      [0n, 1n],
    ] as const) {
      const point = concat(word(bad[0]), word(bad[1]))
      assert.equal(run(0x06n, point, infinity), undefined)
      assert.equal(run(0x06n, infinity, point), undefined)
      assert.equal(run(0x07n, point, word(2n)), undefined)
      assert.equal(run(0x08n, point, g2(G2.Point.BASE.toAffine())), undefined)
    }
    const q = G2.Point.BASE.toAffine()
    const unreduced = concat(...[q.x.c1 + prime, q.x.c0, q.y.c1, q.y.c0].map(word))
    assert.equal(run(0x08n, infinity, unreduced), undefined)
    assert.equal(run(0x08n, new Uint8Array(191)), undefined)
  })
})

suite('BLS12-381', () => {
  const { G1, G2, fields } = bls12_381
  const { Fp, Fp2 } = fields
  const prime = Fp.ORDER
  const order = fields.Fr.ORDER
  const random = randomNumbers('bls12-381')
  const field = (value: bigint): Uint8Array => bigintToBytes(value, 64)
  const g1 = ({ x, y }: Affine<bigint>): Uint8Array => concat(field(x), field(y))
  const g2 = ({ x, y }: Affine<Pair>): Uint8Array => concat(...[x.c0, x.c1, y.c0, y.c1].map(field))
  const g1Of = (k: bigint) => G1.Point.BASE.multiplyUnsafe(k % order)
  const g2Of = (k: bigint) => G2.Point.BASE.multiplyUnsafe(k % order)
  type G1Point = ReturnType<typeof g1Of>
  type G2Point = ReturnType<typeof g2Of>
  const encode1 = (point: G1Point): Uint8Array =>
    point.is0() ? new Uint8Array(128) : g1(point.toAffine())
  const encode2 = (point: G2Point): Uint8Array =>
    point.is0() ? new Uint8Array(256) : g2(point.toAffine())

  /** A random point of the curve, outside the subgroup but for a chance of 2^-125. */
  function strayG1(): G1Point {
    for (;;) {
      const x = (random() * random()) % prime
      const y = squareRoot(Fp, Fp.create(x * x * x + 4n))
      if (y !== undefined) return G1.Point.fromAffine({ x, y })
    }
  }

  function strayG2(): G2Point {
    for (;;) {
      const x = Fp2.fromBigTuple([random(), random()])
      const y = squareRoot(Fp2, Fp2.add(Fp2.mul(Fp2.sqr(x), x), G2.Point.CURVE().b))
      if (y !== undefined) return G2.Point.fromAffine({ x, y })
    }
  }

  test('BLS12_G1ADD takes any points of the curve', () => {
    for (let index = 0; index < runs; index++) {
      const [a, b] = index % 2 === 0 ? [g1Of(random()), g1Of(random())] : [strayG1(), strayG1()]
      const zero = G1.Point.ZERO
      for (const [left, right] of [
        [a, b],
        [a, a],
        [a, a.negate()],
        [zero, b],
        [zero, zero],
      ] as const) {
        assert.equal(run(0x0bn, encode1(left), encode1(right)), toHex(encode1(left.add(right))))
      }
    }
  })

  test('BLS12_G2ADD takes any points of the curve', () => {
    for (let index = 0; index < runs; index++) {
      const [a, b] = index % 2 === 0 ? [g2Of(random()), g2Of(random())] : [strayG2(), strayG2()]
      const zero = G2.Point.ZERO
      for (const [left, right] of [
        [a, b],
        [a, a],
        [a, a.negate()],
        [zero, b],
        [zero, zero],
      ] as const) {
        assert.equal(run(0x0dn, encode2(left), encode2(right)), toHex(encode2(left.add(right))))
      }
    }
  })

  test('BLS12_G1MSM and BLS12_G2MSM of any length, with infinities among the terms', () => {
    const scalars = [0n, 1n, order - 1n, order, order + 1n, (1n << 256n) - 1n]
    // 128 terms are summed at once; 130 take two rounds.
    for (const count of [1, 2, 7, 130]) {
      const terms1: Uint8Array[] = []
      const terms2: Uint8Array[] = []
      let [sum1, sum2] = [G1.Point.ZERO, G2.Point.ZERO]
      for (let index = 0; index < count; index++) {
        const scalar = scalars[index + 2 * count] ?? random()
        const k = index % 5 === 4 ? 0n : random()
        terms1.push(encode1(g1Of(k)), word(scalar))
        terms2.push(encode2(g2Of(k)), word(scalar))
        sum1 = sum1.add(g1Of(k * scalar))
        sum2 = sum2.add(g2Of(k * scalar))
      }
      assert.equal(run(0x0cn, ...terms1), toHex(encode1(sum1)))
      assert.equal(run(0x0en, ...terms2), toHex(encode2(sum2)))
    }
  })

  test('BLS12_G1MSM and BLS12_G2MSM with each extreme scalar', () => {
    for (const scalar of [0n, 1n, 2n, order - 1n, order, order + 1n, (1n << 256n) - 1n]) {
      const k = random()
      assert.equal(run(0x0cn, encode1(g1Of(k)), word(scalar)), toHex(encode1(g1Of(k * scalar))))
      assert.equal(run(0x0en, encode2(g2Of(k)), word(scalar)), toHex(encode2(g2Of(k * scalar))))
    }
  })

  test('BLS12_PAIRING_CHECK is one for e(aP, bQ)·e(-abP, Q), over any number of pairs', () => {
    for (const count of [1, 3, 17]) {
      const parts: Uint8Array[] = []
      for (let index = 0; index < count; index++) {
        const [a, b] = [random() % order, random() % order]
        parts.push(encode1(g1Of(a)), encode2(g2Of(b)))
        parts.push(encode1(g1Of(a * b).negate()), encode2(G2.Point.BASE))
        parts.push(encode1(G1.Point.ZERO), encode2(g2Of(b)))
        parts.push(encode1(g1Of(a)), encode2(G2.Point.ZERO))
      }
      assert.equal(run(0x0fn, ...parts), toHex(word(1n)))
      parts[0] = encode1(g1Of(3n))
      assert.equal(run(0x0fn, ...parts), toHex(word(0n)))
    }
  })

  test('multiplication and pairing refuse points outside the subgroup', () => {
    for (let index = 0; index < runs; index++) {
      const [stray1, stray2] = [encode1(strayG1()), encode2(strayG2())]
      assert.equal(run(0x0cn, stray1, word(1n)), undefined)
      assert.equal(run(0x0en, stray2, word(1n)), undefined)
      assert.equal(run(0x0fn, stray1, encode2(G2.Point.BASE)), undefined)
      assert.equal(run(0x0fn, encode1(G1.Point.BASE), stray2), undefined)
      assert.equal(run(0x0fn, encode1(G1.Point.ZERO), stray2), undefined)
    }
    // The points of order 3, (0, ±2), which endomorphism checks get wrong when done carelessly.
    for (const y of [2n, prime - 2n]) {
      assert.equal(run(0x0cn, g1({ x: 0n, y }), word(3n)), undefined)
    }
  })

  test('all refuse numbers that are not canonical, and points off the curve', () => {
    const { x, y } = g1Of(5n).toAffine()
    const q = g2Of(5n).toAffine()
    const good2 = [q.x.c0, q.x.c1, q.y.c0, q.y.c1]
    const padded = field(x).with(15, 1)
    const bad1 = [
      concat(field(x + prime), field(y)),
      concat(field(x), field(y + prime)),
      concat(padded, field(y)),
      concat(field(prime), field(prime)),
      g1({ x, y: y ^ 1n }),
      g1({ x: 0n, y: 1n }),
    ]
    const bad2 = [
      ...good2.map((_, at) => concat(...good2.map((v, i) => field(i === at ? v + prime : v)))),
      ...good2.map((_, at) => concat(...good2.map((v, i) => field(i === at ? v ^ 1n : v)))),
    ]
    for (const point of bad1) {
      assert.equal(run(0x0bn, point, new Uint8Array(128)), undefined)
      assert.equal(run(0x0bn, new Uint8Array(128), point), undefined)
      assert.equal(run(0x0cn, point, word(1n)), undefined)
      assert.equal(run(0x0fn, point, encode2(G2.Point.BASE)), undefined)
    }
    for (const point of bad2) {
      assert.equal(run(0x0dn, point, new Uint8Array(256)), undefined)
      assert.equal(run(0x0en, point, word(1n)), undefined)
      assert.equal(run(0x0fn, encode1(G1.Point.BASE), point), undefined)
    }
    for (const value of [field(prime), padded]) {
      assert.equal(run(0x10n, value), undefined)
      assert.equal(run(0x11n, field(0n), value), undefined)
    }
  })

  test('all refuse inputs of another size', () => {
    for (let address = 0x0bn; address <= 0x11n; address++) {
      for (const size of [0, 1, 63, 65, 127, 129, 159, 161, 255, 257, 287, 289, 383, 385]) {
        assert.equal(run(address, new Uint8Array(size)), undefined)
      }
    }
  })

  test('BLS12_MAP_FP_TO_G1 and BLS12_MAP_FP2_TO_G2', () => {
    const values = [0n, 1n, prime - 1n]
    for (let index = 0; index < runs; index++) values.push((random() * random()) % prime)
    for (const [index, value] of values.entries()) {
      const other = values[values.length - 1 - index] as bigint
      // The oracle wants a bare number here, whatever its types say.
      const expected1 = G1.mapToCurve(value as unknown as bigint[])
      assert.equal(run(0x10n, field(value)), toHex(g1(expected1)))
      const expected2 = G2.mapToCurve([value, other])
      assert.equal(run(0x11n, field(value), field(other)), toHex(g2(expected2)))
    }
  })
})

suite('P256VERIFY', () => {
  const random = randomNumbers('p256')
  const order = p256.Point.Fn.ORDER
  const prime = p256.Point.Fp.ORDER
  const valid = toHex(word(1n))

  /** A signed digest in the precompile's order. */
  function signed() {
    const secretKey = word(1n + (random() % (order - 1n)))
    const digest = word(random())
    const signature = p256.sign(digest, secretKey, { prehash: false, lowS: false })
    const { x, y } = p256.Point.BASE.multiply(bytesToBigint(secretKey)).toAffine()
    return [digest, signature.slice(0, 32), signature.slice(32), word(x), word(y)] as const
  }

  test('accepts signatures, with s in either half', () => {
    for (let index = 0; index < runs; index++) {
      const [digest, r, s, x, y] = signed()
      assert.equal(run(0x100n, digest, r, s, x, y), valid)
      const other = word(order - bytesToBigint(s))
      assert.equal(run(0x100n, digest, r, other, x, y), valid)
    }
  })

  test('returns nothing for anything else', () => {
    const parts = signed()
    for (let at = 0; at < parts.length; at++) {
      for (const wrong of [0n, 1n, order, prime, bytesToBigint(parts[at]!) ^ 1n]) {
        const input = parts.map((part, index) => (index === at ? word(wrong) : part))
        assert.equal(run(0x100n, ...input), '0x', `part ${at} is ${wrong}`)
      }
    }
    assert.equal(run(0x100n, ...parts, Uint8Array.of(0)), '0x')
    assert.equal(run(0x100n, ...parts.slice(1)), '0x')
    assert.equal(run(0x100n), '0x')
  })

  test('accepts r that is x(R) - n: the point has x between n and p', () => {
    // Q = r⁻¹(s·R - z·G) makes (r, s) a signature of z for any R; R has x = n + 5 or the next
    // above.
    for (let offset = 5n; ; offset++) {
      const x = order + offset
      const { Fp, Fn } = p256.Point
      const y = squareRoot(Fp, Fp.create(x * x * x - 3n * x + p256.Point.CURVE().b))
      if (y === undefined) continue
      const [z, s] = [random() % order, 1n + (random() % (order - 1n))]
      const point = p256.Point.fromAffine({ x, y })
      const inverse = Fn.inv(offset)
      const key = point
        .multiplyUnsafe(Fn.mul(s, inverse))
        .add(p256.Point.BASE.multiplyUnsafe(Fn.mul(z, inverse)).negate())
        .toAffine()
      const input = [z, offset, s, key.x, key.y].map(word)
      assert.equal(run(0x100n, ...input), valid)
      return
    }
  })
})

/** A square root, or undefined when there is none. */
function squareRoot<element>(
  field: { readonly sqrt: (value: element) => element },
  value: element,
): element | undefined {
  try {
    return field.sqrt(value)
  } catch {
    return undefined
  }
}
