import assert from 'node:assert/strict'
import { test } from 'node:test'

import { encryptKeystoreJsonSync, Wallet } from 'ethers'

import { fromHex, toHex } from '@zg/primitives'

import {
  decryptKey,
  encryptKey,
  KeystoreMalformedError,
  PasswordWrongError,
} from './keystore-v3.ts'

const cheap = { n: 1_024, r: 8, p: 1 }

/** The two examples of the Web3 Secret Storage Definition; both hold one key. The scrypt one has
 * a cost outside RFC 7914 and serves as a malformed file here. */
const definition = {
  password: 'testpassword',
  secretKey: '0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d',
  pbkdf2: {
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
      ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
      kdf: 'pbkdf2',
      kdfparams: {
        c: 262_144,
        dklen: 32,
        prf: 'hmac-sha256',
        salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
      },
      mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
    },
    version: 3,
  },
  scrypt: {
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
      ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
      kdf: 'scrypt',
      kdfparams: {
        dklen: 32,
        n: 262_144,
        r: 1,
        p: 8,
        salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19',
      },
      mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
    },
    version: 3,
  },
}

test('decryptKey opens the PBKDF2 example of the definition', () => {
  const secretKey = decryptKey(definition.pbkdf2, definition.password)
  assert.equal(toHex(secretKey), definition.secretKey)
})

test('decryptKey opens what ethers wrote', async () => {
  const wallet = new Wallet(definition.secretKey)
  const text = encryptKeystoreJsonSync(wallet, 'password', { scrypt: { N: 1_024, r: 8, p: 1 } })
  assert.equal(toHex(decryptKey(JSON.parse(text), 'password')), definition.secretKey)
})

test('encryptKey writes what decryptKey and ethers open', async () => {
  const keystore = encryptKey(fromHex(definition.secretKey), 'pässword', cheap)
  assert.equal(toHex(decryptKey(keystore, 'pässword')), definition.secretKey)
  const wallet = await Wallet.fromEncryptedJson(JSON.stringify(keystore), 'pässword')
  assert.equal(wallet.address.toLowerCase(), `0x${keystore.address}`)
})

test('decryptKey refuses a wrong password', () => {
  const keystore = encryptKey(fromHex(definition.secretKey), 'right', cheap)
  assert.throws(() => decryptKey(keystore, 'wrong'), PasswordWrongError)
})

test('decryptKey refuses costs beyond its limits without trying them', () => {
  const { crypto } = definition.scrypt
  const greedy = [
    crypto,
    { ...crypto, kdfparams: { ...crypto.kdfparams, n: 2 ** 30 } },
    { ...crypto, kdfparams: { ...crypto.kdfparams, n: 1_000 } },
    { ...definition.pbkdf2.crypto, kdfparams: { ...definition.pbkdf2.crypto.kdfparams, c: 2e9 } },
  ]
  for (const bad of greedy) {
    assert.throws(() => decryptKey({ crypto: bad }, 'x'), KeystoreMalformedError)
  }
})

test('decryptKey refuses what is no keystore', () => {
  const { crypto } = definition.scrypt
  const malformed: unknown[] = [
    null,
    {},
    { crypto: null },
    { crypto: { ...crypto, cipher: 'aes-256-gcm' } },
    { crypto: { ...crypto, mac: 'zz' } },
    { crypto: { ...crypto, ciphertext: '00' } },
    { crypto: { ...crypto, cipherparams: {} } },
    { crypto: { ...crypto, kdf: 'none' } },
  ]
  for (const bad of malformed) {
    assert.throws(() => decryptKey(bad, 'x'), KeystoreMalformedError)
  }
})
