/**
 * The maps of BLS12-381 against the vectors of RFC 9380, appendix J.9 and J.10. The RFC's suites
 * end in clear_cofactor(Q) for one field element and clear_cofactor(Q0 + Q1) for two; the
 * precompiles clear the cofactor of each, which is a homomorphism, so the sum of two outputs must
 * be P.
 */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { concat, fromHex, toHex } from '@zg/primitives'
import { fixtureAbsent, parseFixtureJson, readFixture } from '@zg/primitives/testing'

import { precompileAt } from './index.ts'

type Vector = {
  readonly P: { readonly x: string; readonly y: string }
  readonly u: readonly string[]
}

const fixture = readFixture('crypto')

/** A coordinate of the vectors, one number or "c0,c1", as EIP-2537 writes it. */
const fields = (coordinate: string): Uint8Array =>
  concat(...coordinate.split(',').flatMap((part) => [new Uint8Array(16), fromHex(part)]))

suite('RFC 9380', { skip: fixture === undefined && fixtureAbsent }, () => {
  for (const [group, mapAddress, addAddress] of [
    ['G1', 0x10n, 0x0bn],
    ['G2', 0x11n, 0x0dn],
  ] as const) {
    for (const encoding of ['NU', 'RO']) {
      test(`BLS12381${group}_XMD:SHA-256_SSWU_${encoding}_`, () => {
        const path = `rfc9380/BLS12381${group}_XMD-SHA-256_SSWU_${encoding}_.json`
        const { vectors } = parseFixtureJson(fixture?.get(path)) as { vectors: Vector[] }
        assert.equal(vectors.length, 5)
        for (const { P, u } of vectors) {
          const points = u.map((each) => precompileAt(mapAddress, 'prague')!.run(fields(each))!)
          const [first] = points as [Uint8Array]
          const sum =
            encoding === 'NU' ? first : precompileAt(addAddress, 'prague')!.run(concat(...points))!
          assert.equal(toHex(sum), toHex(concat(fields(P.x), fields(P.y))))
        }
      })
    }
  }
})
