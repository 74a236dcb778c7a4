/**
 * Geth's vectors for the precompiles and the consensus vectors of point evaluation
 * (`../shared/fixtures/precompiles.tar.gz`), for tests and for the conformance score.
 */

import { concat, fromHex, sha256, toHex } from '@zg/primitives'
import { parseFixtureJson, readFixture } from '@zg/primitives/testing'

import type { Fork } from '../fork.ts'
import { precompileAt } from './index.ts'

/** How many cases of one file or folder did what they must. */
export type PrecompileScore = { passed: number; failed: number; skipped: number }

/** Told of each case that did not. */
export type PrecompileFailureHandler = (caseName: string, problem: string) => void

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

/** Files of the archive: the address they are for and the rules whose gas they state. */
const files: readonly [file: string, address: bigint, fork: Fork][] = [
  ['ecRecover', 0x01n, 'osaka'],
  // The gas in this file is that of EIP-198, which no rule set here has, so it is not compared.
  ['modexp', 0x05n, 'prague'],
  ['modexp_eip2565', 0x05n, 'prague'],
  ['modexp_eip7883', 0x05n, 'osaka'],
  ['bn256Add', 0x06n, 'osaka'],
  ['bn256ScalarMul', 0x07n, 'osaka'],
  ['bn256Pairing', 0x08n, 'osaka'],
  ['blake2F', 0x09n, 'osaka'],
  ['fail-blake2f', 0x09n, 'osaka'],
  ['pointEvaluation', 0x0an, 'osaka'],
  ['blsG1Add', 0x0bn, 'osaka'],
  ['fail-blsG1Add', 0x0bn, 'osaka'],
  ['blsG1Mul', 0x0cn, 'osaka'],
  ['fail-blsG1Mul', 0x0cn, 'osaka'],
  ['blsG1MultiExp', 0x0cn, 'osaka'],
  ['fail-blsG1MultiExp', 0x0cn, 'osaka'],
  ['blsG2Add', 0x0dn, 'osaka'],
  ['fail-blsG2Add', 0x0dn, 'osaka'],
  ['blsG2Mul', 0x0en, 'osaka'],
  ['fail-blsG2Mul', 0x0en, 'osaka'],
  ['blsG2MultiExp', 0x0en, 'osaka'],
  ['fail-blsG2MultiExp', 0x0en, 'osaka'],
  ['blsPairing', 0x0fn, 'osaka'],
  ['fail-blsPairing', 0x0fn, 'osaka'],
  ['blsMapG1', 0x10n, 'osaka'],
  ['fail-blsMapG1', 0x10n, 'osaka'],
  ['blsMapG2', 0x11n, 'osaka'],
  ['fail-blsMapG2', 0x11n, 'osaka'],
  ['p256Verify', 0x100n, 'osaka'],
]

const pointEvaluationSuccess =
  '0x0000000000000000000000000000000000000000000000000000000000001000' +
  '73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001'

/**
 * Runs all vectors; undefined where the fixtures are absent.
 *
 * @returns A score for each file of geth's, and `verify_kzg_proof`.
 */
export function runPrecompileSuite(
  onFailure: PrecompileFailureHandler,
): Record<string, PrecompileScore> | undefined {
  const fixture = readFixture('precompiles')
  if (fixture === undefined) return undefined
  const scores: Record<string, PrecompileScore> = {}
  for (const [file, address, fork] of files) {
    const vectors = parseFixtureJson(fixture.get(`geth/${file}.json`)) as Vector[]
    scores[file] = scoreOf(vectors, onFailure, (vector) => [
      `${file} ${vector.Name}`,
      problemOf(vector, address, fork, file !== 'modexp'),
    ])
  }
  const proofs = [...fixture].filter(([path]) => path.startsWith('kzg/'))
  scores.verify_kzg_proof = scoreOf(proofs, onFailure, ([path, bytes]) => [
    path,
    proofProblemOf(parseFixtureJson(bytes) as ProofVector),
  ])
  return scores
}

function scoreOf<item>(
  items: readonly item[],
  onFailure: PrecompileFailureHandler,
  check: (item: item) => [caseName: string, problem: string | undefined],
): PrecompileScore {
  const score: PrecompileScore = { passed: 0, failed: 0, skipped: 0 }
  for (const item of items) {
    const [caseName, problem] = check(item)
    if (problem === undefined) score.passed++
    else {
      score.failed++
      onFailure(caseName, problem)
    }
  }
  return score
}

function problemOf(
  { Input, Expected, Gas }: Vector,
  address: bigint,
  fork: Fork,
  comparesGas: boolean,
): string | undefined {
  const precompile = precompileAt(address, fork)
  if (precompile === undefined) return 'there is no such precompile'
  const input = fromHex(`0x${Input}`)
  const output = precompile.run(input)
  const shown = output === undefined ? 'failure' : toHex(output)
  const expected = Expected === undefined ? 'failure' : `0x${Expected}`
  if (shown !== expected) return `${shown} instead of ${expected}`
  const gas = precompile.gas(input)
  if (!comparesGas || Gas === undefined || gas === BigInt(Gas)) return undefined
  return `${gas} gas instead of ${Gas}`
}

function proofProblemOf({ input, output }: ProofVector): string | undefined {
  const versionedHash = sha256(fromHex(input.commitment)).with(0, 0x01)
  const parts = [input.z, input.y, input.commitment, input.proof].map(fromHex)
  const result = precompileAt(0x0an, 'cancun')?.run(concat(versionedHash, ...parts))
  const shown = result === undefined ? 'failure' : toHex(result)
  const expected = output === true ? pointEvaluationSuccess : 'failure'
  return shown === expected ? undefined : `${shown} instead of ${expected}`
}
