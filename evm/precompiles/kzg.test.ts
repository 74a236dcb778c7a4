import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'

import { concat, fromHex, sha256 } from '@zg/primitives'
import { fixtureAbsent, parseFixtureJson, readFixture } from '@zg/primitives/testing'
import { createSeededRng } from '@zg/runtime'

import { KzgThread } from './kzg-thread.ts'
import { kzgPointEvaluation, verifyHere } from './kzg.ts'

type ProofVector = {
  readonly input: Readonly<Record<'commitment' | 'z' | 'y' | 'proof', `0x${string}`>>
  readonly output: boolean | null
}

const fixture = readFixture('precompiles')

/** Inputs of 192 bytes whose lengths are right, with the answer of the consensus vectors. */
function vectors(): readonly { readonly input: Uint8Array; readonly isProof: boolean }[] {
  const files = [...(fixture ?? [])].filter(([path]) => path.startsWith('kzg/'))
  return files.flatMap(([, bytes]) => {
    const { input, output } = parseFixtureJson(bytes) as ProofVector
    const commitment = fromHex(input.commitment)
    const hash = sha256(commitment).with(0, 0x01)
    const parts = [hash, input.z, input.y, commitment, input.proof]
    const whole = concat(...parts.map((part) => (typeof part === 'string' ? fromHex(part) : part)))
    return whole.length === 192 ? [{ input: whole, isProof: output === true }] : []
  })
}

/** The order of the group: z and y below it reach the thread. */
const order = '73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001'

function isCanonical(input: Uint8Array): boolean {
  const hex = Buffer.from(input.subarray(32, 96)).toString('hex')
  return hex.slice(0, 64) < order && hex.slice(64) < order
}

test(
  'KZG proofs are checked alike here and on the thread, and on it once it is ready',
  { skip: fixture === undefined && fixtureAbsent },
  async () => {
    const thread = new KzgThread()
    const all = vectors().filter(({ input }) => isCanonical(input))
    const [first] = all
    assert.ok(first !== undefined && all.length > 50)
    assert.equal(thread.verify(first.input.subarray(32)), undefined, 'it has only begun')
    while (!thread.isReady) await wait(20)
    const rng = createSeededRng('kzg')
    for (const { input, isProof } of all) {
      assert.equal(thread.verify(input.subarray(32)), isProof)
      assert.equal(verifyHere(input), isProof)
      const damaged = input.slice()
      const at = 96 + rng.below(96)
      damaged[at] = (damaged[at] as number) ^ (1 << rng.below(8))
      assert.equal(thread.verify(damaged.subarray(32)), verifyHere(damaged), `byte ${at}`)
    }
    // The precompile itself, on a thread of its own by now or not.
    for (const { input, isProof } of all) {
      assert.equal(kzgPointEvaluation.run(input) !== undefined, isProof)
    }
  },
)
