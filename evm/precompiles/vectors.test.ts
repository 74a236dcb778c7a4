/** Geth's vectors for the precompiles and the consensus vectors of point evaluation. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { concat, fromHex, sha256, toHex } from '@zg/primitives'
import { fixtureAbsent, parseFixtureJson, readFixture } from '@zg/primitives/testing'

import type { Fork } from '../fork.ts'
import { precompileAt } from './index.ts'

type Vector = {
  readonly Name: string
  readonly Input: string
  readonly Expected?: string
  readonly ExpectedError?: string
  readonly Gas?: number
}

type ProofVector = {
  readonly input: {
    readonly commitment: string
    readonly z: string
    readonly y: string
    readonly proof: string
  }
  readonly output: boolean | null
}

/** Files of the archive: the address they are for and the rules they were made under. */
const files: readonly [file: string, address: bigint, fork: Fork, cases: number][] = [
  ['ecRecover', 0x01n, 'osaka', 5],
  ['modexp_eip2565', 0x05n, 'prague', 24],
  ['modexp_eip7883', 0x05n, 'osaka', 23],
  ['bn256Add', 0x06n, 'osaka', 8],
  ['bn256ScalarMul', 0x07n, 'osaka', 19],
  ['bn256Pairing', 0x08n, 'osaka', 14],
  ['blake2F', 0x09n, 'osaka', 5],
  ['fail-blake2f', 0x09n, 'osaka', 4],
  ['pointEvaluation', 0x0an, 'osaka', 1],
  ['blsG1Add', 0x0bn, 'osaka', 112],
  ['fail-blsG1Add', 0x0bn, 'osaka', 6],
  ['blsG1Mul', 0x0cn, 'osaka', 11],
  ['fail-blsG1Mul', 0x0cn, 'osaka', 7],
  ['blsG1MultiExp', 0x0cn, 'osaka', 154],
  ['fail-blsG1MultiExp', 0x0cn, 'osaka', 7],
  ['blsG2Add', 0x0dn, 'osaka', 56],
  ['fail-blsG2Add', 0x0dn, 'osaka', 3],
  ['blsG2Mul', 0x0en, 'osaka', 11],
  ['fail-blsG2Mul', 0x0en, 'osaka', 4],
  ['blsG2MultiExp', 0x0en, 'osaka', 77],
  ['fail-blsG2MultiExp', 0x0en, 'osaka', 4],
  ['blsPairing', 0x0fn, 'osaka', 106],
  ['fail-blsPairing', 0x0fn, 'osaka', 5],
  ['blsMapG1', 0x10n, 'osaka', 105],
  ['fail-blsMapG1', 0x10n, 'osaka', 3],
  ['blsMapG2', 0x11n, 'osaka', 105],
  ['fail-blsMapG2', 0x11n, 'osaka', 5],
  ['p256Verify', 0x100n, 'osaka', 391],
]

const fixture = readFixture('precompiles')

suite('geth vectors', { skip: fixture === undefined && fixtureAbsent }, () => {
  for (const [file, address, fork, cases] of files) {
    test(`${file}: output and gas`, () => {
      const vectors = parseFixtureJson(fixture?.get(`geth/${file}.json`)) as Vector[]
      assert.equal(vectors.length, cases)
      for (const { Name, Input, Expected, Gas } of vectors) {
        const precompile = precompileAt(address, fork)!
        const input = fromHex(`0x${Input}`)
        const output = precompile.run(input)
        assert.equal(
          output && toHex(output),
          Expected === undefined ? undefined : `0x${Expected}`,
          Name,
        )
        if (Gas !== undefined) assert.equal(precompile.gas(input), BigInt(Gas), Name)
      }
    })
  }

  test('modexp: output under all rules (its gas is that of EIP-198)', () => {
    const vectors = parseFixtureJson(fixture?.get('geth/modexp.json')) as Vector[]
    assert.equal(vectors.length, 9)
    for (const { Name, Input, Expected } of vectors) {
      for (const fork of ['cancun', 'prague', 'osaka'] as const) {
        const output = precompileAt(0x05n, fork)!.run(fromHex(`0x${Input}`))
        assert.equal(output && toHex(output), `0x${Expected}`, Name)
      }
    }
  })
})

suite('consensus vectors', { skip: fixture === undefined && fixtureAbsent }, () => {
  test('verify_kzg_proof: succeeds exactly for right proofs', () => {
    const pointEvaluation = precompileAt(0x0an, 'cancun')!
    const success = `${'0'.repeat(60)}100073eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001`
    let cases = 0
    for (const [path, file] of fixture ?? []) {
      if (!path.startsWith('kzg/')) continue
      const { input, output } = parseFixtureJson(file) as ProofVector
      const commitment = fromHex(input.commitment)
      const versionedHash = sha256(commitment).with(0, 1)
      const parts = [input.z, input.y, input.commitment, input.proof].map(fromHex)
      const result = pointEvaluation.run(concat(versionedHash, ...parts))
      assert.equal(result && toHex(result), output === true ? `0x${success}` : undefined, path)
      cases++
    }
    assert.equal(cases, 64)
  })
})
