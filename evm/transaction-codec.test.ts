import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  addressOfSecretKey,
  bytesToBigint,
  concat,
  decodeRlp,
  encodeRlp,
  fromHex,
  keccak256,
  secp256k1Order,
  toHex,
} from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'

import {
  decodeTransaction,
  encodeTransaction,
  recoverAuthority,
  recoverSender,
  signAuthorization,
  signTransaction,
  transactionHash,
} from './transaction-codec.ts'
import type { Transaction, UnsignedTransaction } from './transaction.ts'

const secretKey = keccak256(Uint8Array.of(9))
const address = bytesToBigint(addressOfSecretKey(secretKey))
const common = { nonce: 3n, gasLimit: 50_000n, value: 7n, data: Uint8Array.of(1, 2, 3) }
const accessList = [{ address: 5n, storageKeys: [0n, (1n << 256n) - 1n] }]
const fees = { chainId: 1n, maxFeePerGas: 20n, maxPriorityFeePerGas: 2n, accessList }

const unsigned: readonly UnsignedTransaction[] = [
  { type: 0, ...common, chainId: undefined, gasPrice: 9n, to: 0x1234n },
  { type: 0, ...common, chainId: 1n, gasPrice: 9n, to: undefined },
  { type: 1, ...common, chainId: 1n, gasPrice: 9n, to: 0n, accessList },
  { type: 2, ...common, ...fees, to: undefined },
  { type: 3, ...common, ...fees, to: 1n, maxFeePerBlobGas: 4n, blobVersionedHashes: [1n << 248n] },
  {
    type: 4,
    ...common,
    ...fees,
    to: 1n,
    authorizationList: [signAuthorization({ chainId: 0n, address: 2n, nonce: 1n }, secretKey)],
  },
]

function signedOf(type: number): Transaction {
  const found = unsigned.find((transaction) => transaction.type === type)
  return signTransaction(found as UnsignedTransaction, secretKey)
}

/** The bytes of a typed transaction with its fields changed. */
function changed(type: number, change: (fields: RlpItem[]) => void): Uint8Array {
  const fields = [...(decodeRlp(encodeTransaction(signedOf(type)).subarray(1)) as RlpItem[])]
  change(fields)
  return concat(Uint8Array.of(type), encodeRlp(fields))
}

test('encodeTransaction and decodeTransaction: round trip for every type', () => {
  for (const transaction of unsigned) {
    const signed = signTransaction(transaction, secretKey)
    const decoded = decodeTransaction(encodeTransaction(signed))
    assert.deepEqual(decoded, signed)
    assert.equal(recoverSender(decoded), address)
  }
})

test('transactionHash: the example of EIP-155', () => {
  const key = fromHex(`0x${'46'.repeat(32)}`)
  const signed = signTransaction(
    {
      type: 0,
      chainId: 1n,
      nonce: 9n,
      gasPrice: 20n * 10n ** 9n,
      gasLimit: 21_000n,
      to: BigInt(`0x${'35'.repeat(20)}`),
      value: 10n ** 18n,
      data: new Uint8Array(0),
    },
    key,
  )
  assert.equal(
    toHex(encodeTransaction(signed)),
    '0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080' +
      '25a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb7' +
      '03304b3800ccf555c9f3dc64214b297fb1966a3b6d83',
  )
  assert.equal(toHex(transactionHash(signed)), toHex(keccak256(encodeTransaction(signed))))
})

test('decodeTransaction: refuses what is no transaction in a block', () => {
  const malformed = { code: 'EVM_TRANSACTION_MALFORMED' }
  const badRlp = { code: 'PRIMITIVES_RLP_MALFORMED' }
  const whole = encodeTransaction(signedOf(2))
  assert.throws(() => decodeTransaction(new Uint8Array(0)), malformed)
  assert.throws(() => decodeTransaction(Uint8Array.of(5, 0xc0)), malformed)
  assert.throws(() => decodeTransaction(Uint8Array.of(0, ...whole.subarray(1))), malformed)
  assert.throws(() => decodeTransaction(concat(whole, Uint8Array.of(0))), badRlp)
  assert.throws(() => decodeTransaction(whole.subarray(0, -1)), badRlp)
  const wrapped = decodeRlp(encodeTransaction(signedOf(3)).subarray(1))
  const network = concat(Uint8Array.of(3), encodeRlp([wrapped, [], [], []]))
  assert.throws(() => decodeTransaction(network), malformed)
})

test('decodeTransaction: refuses fields of wrong size or form', () => {
  const cases: readonly (readonly [type: number, index: number, field: RlpItem])[] = [
    [2, 1, Uint8Array.of(0, 1)],
    [2, 1, new Uint8Array(9).fill(1)],
    [2, 5, new Uint8Array(19)],
    [2, 5, new Uint8Array(21)],
    [2, 8, [[new Uint8Array(20)]]],
    [2, 8, [[new Uint8Array(20), [new Uint8Array(31)]]]],
    [2, 9, Uint8Array.of(2)],
    [3, 5, new Uint8Array(0)],
    [3, 10, [new Uint8Array(31)]],
    [4, 5, new Uint8Array(0)],
    [4, 9, [[Uint8Array.of(1)]]],
  ]
  for (const [type, index, field] of cases) {
    const bytes = changed(type, (fields) => (fields[index] = field))
    assert.throws(() => decodeTransaction(bytes), /Cannot decode/, `type ${type} field ${index}`)
  }
  const extra = changed(1, (fields) => fields.push(new Uint8Array(0)))
  assert.throws(() => decodeTransaction(extra), { code: 'PRIMITIVES_RLP_MALFORMED' })
})

test('recoverSender: refuses a high s and signatures out of range', () => {
  const signed = signedOf(2)
  const invalid = { code: 'EVM_TRANSACTION_SIGNATURE_INVALID' }
  const twin = { ...signed, s: secp256k1Order - signed.s, yParity: 1 - signed.yParity }
  assert.throws(() => recoverSender(twin), invalid)
  assert.throws(() => recoverSender({ ...signed, r: 0n }), invalid)
  assert.throws(() => recoverSender({ ...signed, r: secp256k1Order }), invalid)
})

test('recoverAuthority: the signer, or undefined', () => {
  const authorization = signAuthorization({ chainId: 1n, address: 2n, nonce: 3n }, secretKey)
  assert.equal(recoverAuthority(authorization), address)
  assert.notEqual(recoverAuthority({ ...authorization, nonce: 4n }), address)
  assert.equal(recoverAuthority({ ...authorization, yParity: 2 }), undefined)
  assert.equal(recoverAuthority({ ...authorization, s: secp256k1Order - 1n }), undefined)
})
