import assert from 'node:assert/strict'
import { test } from 'node:test'

import { blsPublicKeyOf, blsSecretKeyFromSeed, blsSign } from '@zg/primitives'

import { checkHello, decodeHello, digestOfStatement, encodeHello, helloSizeBytes } from './hello.ts'
import type { Hello, Statement } from './hello.ts'

const secretKeys = [1, 2].map((seed) => blsSecretKeyFromSeed(new Uint8Array(32).fill(seed)))
const [dialerKey, listenerKey] = secretKeys.map(blsPublicKeyOf) as [Uint8Array, Uint8Array]

const statement: Statement = {
  context: new Uint8Array(32).fill(3),
  keyingMaterial: new Uint8Array(32).fill(4),
  role: 'dialer',
  lane: 'vote',
  dialerKey,
  listenerKey,
}
const hello: Hello = {
  lane: 'vote',
  context: statement.context,
  publicKey: dialerKey,
  signature: blsSign(secretKeys[0]!, digestOfStatement(statement)),
}
const code = { code: 'P2P_HELLO_INVALID' }

test('encodeHello and decodeHello are inverse', () => {
  const bytes = encodeHello(hello)
  assert.equal(bytes.length, helloSizeBytes)
  assert.deepEqual(decodeHello(bytes), hello)
  assert.deepEqual(decodeHello(encodeHello({ ...hello, lane: 'bulk' })).lane, 'bulk')
})

test('decodeHello refuses another size, version or lane', () => {
  const bytes = encodeHello(hello)
  assert.throws(() => decodeHello(bytes.subarray(1)), code)
  assert.throws(() => decodeHello(new Uint8Array(0)), code)
  assert.throws(() => decodeHello(bytes.with(0, 2)), code)
  assert.throws(() => decodeHello(bytes.with(1, 3)), code)
})

test('checkHello accepts the signature of this very connection', () => {
  checkHello(hello, statement)
})

test('checkHello refuses a signature of any other statement', () => {
  const other = new Uint8Array(32).fill(9)
  // Each differs in one field from what was signed.
  assert.throws(() => checkHello(hello, { ...statement, keyingMaterial: other }), code)
  assert.throws(() => checkHello({ ...hello, lane: 'bulk' }, { ...statement, lane: 'bulk' }), code)
  const elsewhere = { ...statement, context: other }
  assert.throws(() => checkHello({ ...hello, context: other }, elsewhere), code)
  assert.throws(() => checkHello(hello, { ...statement, listenerKey: other }), code)
  // Sent back to its maker, as if the listener had signed it.
  const back = { ...statement, role: 'listener', dialerKey: listenerKey, listenerKey: dialerKey }
  assert.throws(() => checkHello(hello, back as Statement), code)
})

test('checkHello refuses another key, network or lane than expected, and our own key', () => {
  assert.throws(() => checkHello({ ...hello, publicKey: listenerKey }, statement), code)
  assert.throws(() => checkHello({ ...hello, context: new Uint8Array(32) }, statement), code)
  assert.throws(() => checkHello({ ...hello, lane: 'bulk' }, statement), code)
  assert.throws(() => checkHello(hello, { ...statement, listenerKey: dialerKey }), code)
})

test('checkHello refuses a key that is no point', () => {
  const publicKey = new Uint8Array(48).fill(0xff)
  const claimed = { ...statement, dialerKey: publicKey }
  assert.throws(() => checkHello({ ...hello, publicKey }, claimed), {
    code: 'PRIMITIVES_BLS_KEY_INVALID',
  })
})
