/** A sample of `npm run test:full -- accountability`: who forks a network pays, and nobody else. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { blsScheme } from '@zg/consensus'
import { blsAggregate, blsPublicKeyOf, sha256 } from '@zg/primitives'

import { knownKeysScheme } from './known-keys-scheme.ts'
import { judgeSeed } from './testing/accountability.ts'
import type { Verdict } from './testing/accountability.ts'

/** Seeds that fork in several epochs, and are quick. */
const forked = [2, 5, 6, 7, 21, 31, 33]
const whole = [8, 9, 10]

test('more than a third of stake of two minds: every fork is paid for by a third', async () => {
  const verdicts: Verdict[] = []
  for (const seed of forked) verdicts.push(await judgeSeed(seed, 'more than a third'))
  const forks = verdicts.filter(({ fork }) => fork !== undefined)
  assert.equal(forks.length, forked.length)
  assert.equal(new Set(forks.map(({ means }) => means)).size, 3)
  assert.ok(new Set(forks.map(({ fork }) => fork?.epoch)).size >= 3, 'forks in several epochs')
  assert.ok(
    forks.some(({ rotatedCount }) => rotatedCount > 0),
    'under keys that were rotated in',
  )
  for (const { punishedBps } of forks) assert.ok(punishedBps >= 3_333)
  assert.ok(verdicts.every(({ acquittals }) => acquittals > 0))
})

test('at most a third of stake of two minds: one chain, and nobody honest at fault', async () => {
  for (const seed of whole) {
    const { fork, height, acquittals } = await judgeSeed(seed, 'at most a third')
    assert.equal(fork, undefined)
    assert.ok(height > 0n && acquittals > 0)
  }
})

test('a bug by which honest operators sign a fault does not pass for honest', async () => {
  const planted = { doubleNotarize: true }
  await assert.rejects(judgeSeed(8, 'at most a third', planted), /seed 8, at most a third/)
})

test('knownKeysScheme finds right what BLS finds right, and nothing else', () => {
  const keys = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill))
  const [known, bls] = [knownKeysScheme(keys.slice(0, 2)), blsScheme()]
  const [own, other] = [1, 2].map((fill) => sha256(Uint8Array.of(fill)))
  const [a, b, stranger] = keys.map((key) => bls.sign(key, own!))
  const both = blsAggregate([a!, b!])
  const publicKeys = keys.map(blsPublicKeyOf)
  const table = [
    { signers: [0], message: own!, signature: a!, isRight: true },
    { signers: [0, 1], message: own!, signature: both, isRight: true },
    { signers: [1, 0], message: own!, signature: both, isRight: true },
    { signers: [0], message: own!, signature: both, isRight: false },
    { signers: [0], message: own!, signature: b!, isRight: false },
    { signers: [0], message: other!, signature: a!, isRight: false },
    { signers: [], message: own!, signature: a!, isRight: false },
  ]
  for (const { signers, message, signature, isRight } of table) {
    const by = signers.map((index) => publicKeys[index]!)
    assert.equal(known.verifyAggregate(by, message, signature), isRight)
    assert.equal(bls.verifyAggregate(by, message, signature), isRight)
  }
  assert.deepEqual(known.sign(keys[0]!, own!), a)
  assert.equal(known.verify(publicKeys[2]!, own!, stranger!), false)
})
