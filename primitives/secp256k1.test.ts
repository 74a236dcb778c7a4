import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { secp256k1 } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'

import { bigintToBytes, bytesToBigint, fromHex, toHex } from './bytes.ts'
import {
  addressOfPublicKey,
  addressOfSecretKey,
  checksumAddress,
  recoverAddress,
  secp256k1Order,
  SecretKeyInvalidError,
  signDigest,
} from './secp256k1.ts'

/** The first account of the mnemonic "test test … junk". */
const secretKey = fromHex('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')
const address = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'

const digest = new Uint8Array(32).fill(7)

const someKey = fc
  .bigInt({ min: 1n, max: secp256k1Order - 1n })
  .map((key) => bigintToBytes(key, 32))
const someDigest = fc.uint8Array({ minLength: 32, maxLength: 32 })

test('addressOfSecretKey gives the known address', () => {
  assert.equal(checksumAddress(addressOfSecretKey(secretKey)), address)
})

test('checksumAddress follows the examples of EIP-55', () => {
  for (const example of [
    '0x52908400098527886E0F7030069857D2E4169EE7',
    '0xde709f2102306220921060314715629080e2fb77',
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
    '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
    '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
    '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
  ]) {
    assert.equal(checksumAddress(fromHex(example)), example)
  }
})

suite('signDigest', () => {
  test('gives the signatures of an independent library, with low s', () => {
    fc.assert(
      fc.property(someDigest, someKey, (message, key) => {
        const { r, s, yParity } = signDigest(message, key)
        const format = { prehash: false, format: 'recovered' } as const
        const expected = secp256k1.sign(message, key, format)
        assert.equal(yParity, expected[0])
        assert.equal(toHex(r) + toHex(s).slice(2), toHex(expected.subarray(1)))
        assert.ok(bytesToBigint(s) <= secp256k1Order / 2n)
      }),
      { numRuns: 30 },
    )
  })

  test('refuses keys that are no number in [1, n-1]', () => {
    const order = bigintToBytes(secp256k1Order, 32)
    for (const key of [new Uint8Array(32), order, new Uint8Array(31).fill(1), new Uint8Array(0)]) {
      assert.throws(() => signDigest(digest, key), SecretKeyInvalidError)
      assert.throws(() => addressOfSecretKey(key), SecretKeyInvalidError)
    }
  })
})

suite('recoverAddress', () => {
  test('finds who signed', () => {
    fc.assert(
      fc.property(someDigest, someKey, (message, key) => {
        assert.deepEqual(recoverAddress(message, signDigest(message, key)), addressOfSecretKey(key))
      }),
      { numRuns: 30 },
    )
  })

  test('takes s in the upper half, with the other parity', () => {
    const { r, s, yParity } = signDigest(digest, secretKey)
    const upper = bigintToBytes(secp256k1Order - bytesToBigint(s), 32)
    const recovered = recoverAddress(digest, { r, s: upper, yParity: 1 - yParity })
    assert.equal(recovered && checksumAddress(recovered), address)
  })

  test('takes r and s without their leading zeros', () => {
    const { publicKey, signature } = signatureWithShortR()
    const r = signature.r.subarray(1)
    assert.equal(signature.r[0], 0)
    assert.deepEqual(recoverAddress(digest, { ...signature, r }), addressOfPublicKey(publicKey))
  })

  test('is undefined when no key can have signed', () => {
    const good = signDigest(digest, secretKey)
    const zero = new Uint8Array(32)
    const order = bigintToBytes(secp256k1Order, 32)
    // No point of the curve has x = 5: 5³ + 7 is no square.
    const noPoint = bigintToBytes(5n, 32)
    for (const r of [zero, order, noPoint, new Uint8Array(33).fill(1), new Uint8Array(0)]) {
      assert.equal(recoverAddress(digest, { ...good, r }), undefined)
    }
    for (const s of [zero, order, new Uint8Array(33).fill(1), new Uint8Array(0)]) {
      assert.equal(recoverAddress(digest, { ...good, s }), undefined)
    }
    for (const yParity of [2, 3, 27, -1, 0.5]) {
      assert.equal(recoverAddress(digest, { ...good, yParity }), undefined)
    }
  })
})

/** A signature whose r has a leading zero byte; about one key in 256 gives one. */
function signatureWithShortR() {
  for (let key = 1n; ; key++) {
    const secret = bigintToBytes(key, 32)
    const signature = signDigest(digest, secret)
    if (signature.r[0] === 0) return { signature, publicKey: secp256k1.getPublicKey(secret, false) }
  }
}
