import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { bigintToBytes, bytesToBigint, concat, sha256 as sha256Of, toHex } from '@zg/primitives'

import { precompileAddresses, precompileAt } from './index.ts'

const word = (value: bigint): Uint8Array => bigintToBytes(value, 32)

suite('precompileAt', () => {
  test('knows the addresses of each fork', () => {
    const range = (last: number): bigint[] => Array.from({ length: last }, (_, i) => BigInt(i + 1))
    assert.deepEqual(precompileAddresses('cancun'), range(0x0a))
    assert.deepEqual(precompileAddresses('prague'), range(0x11))
    assert.deepEqual(precompileAddresses('osaka'), [...range(0x11), 0x100n])
    for (const fork of ['cancun', 'prague', 'osaka'] as const) {
      for (const address of [0n, 0x12n, 0xffn, 0x101n, (1n << 64n) + 1n, 1n << 160n]) {
        assert.equal(precompileAt(address, fork), undefined)
      }
      for (const address of precompileAddresses(fork)) assert.ok(precompileAt(address, fork))
    }
  })

  test('gives fresh memory that does not change with the input or the next call', () => {
    const identity = precompileAt(0x04n, 'osaka')!
    const input = Uint8Array.of(1, 2)
    const output = identity.run(input)!
    input[0] = 9
    assert.deepEqual(output, Uint8Array.of(1, 2))
  })
})

suite('gas of the hashes and the identity', () => {
  test('counts words of 32 bytes begun', () => {
    for (const [address, base, perWord] of [
      [0x02n, 60n, 12n],
      [0x03n, 600n, 120n],
      [0x04n, 15n, 3n],
    ] as const) {
      for (const [size, words] of [
        [0, 0n],
        [1, 1n],
        [32, 1n],
        [33, 2n],
      ] as const) {
        const gas = precompileAt(address, 'osaka')!.gas(new Uint8Array(size))
        assert.equal(gas, base + perWord * words)
      }
    }
  })
})

suite('ECREC', () => {
  test('returns nothing, and does not fail, when v is not 27 or 28 as a word', () => {
    const ecrecover = precompileAt(0x01n, 'osaka')!
    const [digest, r, s] = [word(1n), word(1n), word(1n)]
    assert.equal(ecrecover.run(concat(digest, word(27n), r, s))?.length, 32)
    for (const v of [0n, 1n, 26n, 29n, 27n + (1n << 8n), 27n + (1n << 255n)]) {
      assert.deepEqual(ecrecover.run(concat(digest, word(v), r, s)), new Uint8Array(0))
    }
    assert.deepEqual(ecrecover.run(new Uint8Array(0)), new Uint8Array(0))
  })
})

suite('MODEXP', () => {
  const cancun = precompileAt(0x05n, 'cancun')!
  const osaka = precompileAt(0x05n, 'osaka')!
  const call = (base: Uint8Array, exponent: Uint8Array, modulus: Uint8Array): Uint8Array =>
    concat(
      ...[base, exponent, modulus].map((part) => word(BigInt(part.length))),
      base,
      exponent,
      modulus,
    )

  /** base^exponent mod modulus by the schoolbook, bit by bit. */
  function powerByDefinition(base: bigint, exponent: bigint, modulus: bigint): bigint {
    let result = 1n % modulus
    for (const bit of exponent.toString(2)) {
      result = (result * result) % modulus
      if (bit === '1') result = (result * base) % modulus
    }
    return result
  }

  test('agrees with the definition for windows of every width', () => {
    for (const size of [1, 2, 3, 9, 10, 11, 32, 49, 50, 51, 64, 200]) {
      const bytes = (seed: number): Uint8Array =>
        Uint8Array.from(
          { length: size },
          (_, at) => sha256Of(Uint8Array.of(seed, size, at))[0] as number,
        )
      const [base, exponent, modulus] = [bytes(1), bytes(2), bytes(3)]
      for (const pattern of [
        exponent,
        exponent.map(() => 0xff),
        exponent.map(() => 0),
        exponent.map((_, at) => (at === 0 ? 0x80 : 0)),
      ]) {
        const [b, e, m] = [base, pattern, modulus].map(bytesToBigint) as [bigint, bigint, bigint]
        const expected = toHex(bigintToBytes(powerByDefinition(b, e, m), size))
        assert.equal(toHex(osaka.run(call(base, pattern, modulus))!), expected)
      }
    }
  })

  test('is zero for the moduli 0 and 1, one for the exponent 0, and pads what is missing', () => {
    const one = Uint8Array.of(1)
    const none = new Uint8Array(0)
    assert.deepEqual(osaka.run(call(one, one, Uint8Array.of(0, 0))), Uint8Array.of(0, 0))
    assert.deepEqual(osaka.run(call(one, none, Uint8Array.of(0, 1))), Uint8Array.of(0, 0))
    assert.deepEqual(osaka.run(call(none, none, Uint8Array.of(5))), one)
    assert.deepEqual(osaka.run(new Uint8Array(0)), none)
    // The modulus is cut off after 0x01: it reads 0x0100, and 3^1 mod 256 = 3.
    const cut = concat(word(1n), word(1n), word(2n), Uint8Array.of(3, 1, 1))
    assert.deepEqual(osaka.run(cut), Uint8Array.of(0, 3))
  })

  test('prices any lengths at once, without allocating by them', () => {
    const lengths = [0n, 1n, 1n << 30n, 1n << 64n, (1n << 256n) - 1n]
    for (const base of lengths) {
      for (const exponent of lengths) {
        for (const modulus of lengths) {
          const input = concat(word(base), word(exponent), word(modulus))
          assert.ok(cancun.gas(input) >= 200n)
          assert.ok(osaka.gas(input) >= 500n)
        }
      }
    }
  })

  test('costs the minimum for a giant exponent over nothing, and is then empty', () => {
    const input = concat(word(0n), word((1n << 256n) - 1n), word(0n))
    assert.equal(cancun.gas(input), 200n)
    assert.deepEqual(cancun.run(input), new Uint8Array(0))
  })

  test('fails from Osaka on when a length is above 1,024 (EIP-7823)', () => {
    for (let at = 0; at < 3; at++) {
      const lengths = (length: bigint): Uint8Array =>
        concat(...[0, 1, 2].map((each) => word(each === at ? length : 1n)), new Uint8Array(1_100))
      assert.ok(osaka.run(lengths(1_024n)))
      assert.equal(osaka.run(lengths(1_025n)), undefined)
      assert.equal(osaka.run(lengths(1n << 255n)), undefined)
      assert.ok(cancun.run(lengths(1_025n)))
    }
  })
})

suite('BLAKE2F', () => {
  test('costs as many gas as rounds, up to all 32 bits of them', () => {
    const blake2f = precompileAt(0x09n, 'osaka')!
    const input = new Uint8Array(213)
    input.fill(0xff, 0, 4)
    assert.equal(blake2f.gas(input), 0xffffffffn)
    assert.equal(blake2f.gas(new Uint8Array(212)), 0n)
  })
})

suite('KZG_POINT_EVALUATION', () => {
  test('fails for another versioned hash, version or size', () => {
    const pointEvaluation = precompileAt(0x0an, 'osaka')!
    // The zero polynomial: commitment and proof are infinity, and y = 0 anywhere.
    const infinity = new Uint8Array(48).with(0, 0xc0)
    const hash = sha256Of(infinity).with(0, 1)
    const rest = [word(7n), word(0n), infinity, infinity]
    assert.equal(pointEvaluation.run(concat(hash, ...rest))?.length, 64)
    assert.equal(pointEvaluation.run(concat(hash.with(0, 2), ...rest)), undefined)
    assert.equal(pointEvaluation.run(concat(hash.with(31, 0), ...rest)), undefined)
    assert.equal(pointEvaluation.run(concat(hash, ...rest, Uint8Array.of(0))), undefined)
    assert.equal(pointEvaluation.run(concat(hash, ...rest).subarray(1)), undefined)
  })
})
