/**
 * Transactions as bytes: the network form of EIP-2718, signing hashes, hashes and senders.
 *
 *     legacy   rlp([nonce, gasPrice, gasLimit, to, value, data, v, r, s])
 *     typed    type ‖ rlp([chainId, nonce, fees…, gasLimit, to, value, data, accessList, …, y, r,
 *     s])
 *
 * The decoder accepts one encoding a transaction. Blob transactions with their blobs around them
 * (the network wrapper of EIP-4844) are refused: this is the form that stands in blocks.
 */

import {
  bigintToBytes,
  bigintToMinimalBytes,
  bytesToBigint,
  concat,
  decodeRlp,
  emptyBytes,
  encodeRlp,
  keccak256,
  recoverAddress,
  rlpBigint,
  rlpBytes,
  rlpList,
  secp256k1Order,
  signDigest,
  ZgError,
} from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'

import type {
  AccessListEntry,
  Authorization,
  EcdsaFields,
  LegacyTransaction,
  Transaction,
  UnsignedTransaction,
} from './transaction.ts'

/** The most bytes of one encoded transaction that the decoder looks at. */
export const transactionSizeMax = 8 * 1024 * 1024

/** Half the group order: a greater s is refused (EIP-2). */
const lowSMax = secp256k1Order / 2n

/** The byte before an authorization's list when it is signed (EIP-7702 MAGIC). */
const authorizationMagic = Uint8Array.of(0x05)

/** Number of fields of a typed transaction, its signature included. */
const fieldCounts = { 1: 11, 2: 12, 3: 14, 4: 13 } as const

/**
 * Reads one transaction.
 *
 * @throws {TransactionMalformedError} `EVM_TRANSACTION_MALFORMED`; `PRIMITIVES_RLP_MALFORMED`.
 */
export function decodeTransaction(bytes: Uint8Array): Transaction {
  if (bytes.length === 0) throw new TransactionMalformedError('no bytes')
  if (bytes.length > transactionSizeMax) throw new TransactionMalformedError('it is too large')
  const first = bytes[0] as number
  // EIP-2718: 0x00-0x7f is a type, 0xc0-0xfe the start of a legacy list.
  if (first >= 0xc0) return decodeLegacy(rlpList(decodeRlp(bytes), 9))
  if (first !== 1 && first !== 2 && first !== 3 && first !== 4) {
    throw new TransactionMalformedError(`unknown type ${first}`)
  }
  const list = rlpList(decodeRlp(bytes.subarray(1)))
  if (first === 3 && !(list[0] instanceof Uint8Array)) {
    throw new TransactionMalformedError('blobs stand around it')
  }
  return decodeTyped(first, rlpList(list, fieldCounts[first]))
}

/** Returns the bytes of a transaction as they stand in a block's body. */
export function encodeTransaction(transaction: Transaction): Uint8Array {
  if (transaction.type === 0) {
    return encodeRlp([
      ...payloadItems(transaction),
      ...signatureItems(legacyV(transaction), transaction),
    ])
  }
  const items = [
    ...payloadItems(transaction),
    ...signatureItems(BigInt(transaction.yParity), transaction),
  ]
  return concat(Uint8Array.of(transaction.type), encodeRlp(items))
}

/** Returns the 32-byte name of a transaction: the hash of its bytes. */
export function transactionHash(transaction: Transaction): Uint8Array {
  return keccak256(encodeTransaction(transaction))
}

/** Returns the 32-byte digest that the sender signs. */
export function signingHash(transaction: UnsignedTransaction): Uint8Array {
  const items = payloadItems(transaction)
  if (transaction.type !== 0) {
    return keccak256(concat(Uint8Array.of(transaction.type), encodeRlp(items)))
  }
  // EIP-155: the chain stands where the signature will.
  if (transaction.chainId === undefined) return keccak256(encodeRlp(items))
  return keccak256(
    encodeRlp([...items, bigintToMinimalBytes(transaction.chainId), emptyBytes, emptyBytes]),
  )
}

/**
 * Returns the address whose key signed the transaction.
 *
 * @throws {TransactionSignatureInvalidError} `EVM_TRANSACTION_SIGNATURE_INVALID`
 */
export function recoverSender(transaction: Transaction): bigint {
  const sender = recover(signingHash(transaction), transaction)
  if (sender === undefined) throw new TransactionSignatureInvalidError()
  return sender
}

/** Returns the account that gave the authorization, or undefined when its signature is invalid. */
export function recoverAuthority(authorization: Authorization): bigint | undefined {
  return recover(authorizationHash(authorization), authorization)
}

/** What an authorization's signature signs (EIP-7702): 32 bytes. */
export function authorizationHash({
  chainId,
  address,
  nonce,
}: Pick<Authorization, 'chainId' | 'address' | 'nonce'>): Uint8Array {
  const items = [
    bigintToMinimalBytes(chainId),
    bigintToBytes(address, 20),
    bigintToMinimalBytes(nonce),
  ]
  return keccak256(concat(authorizationMagic, encodeRlp(items)))
}

/** Signs a transaction with a 32-byte secret key. */
export function signTransaction(
  transaction: UnsignedTransaction,
  secretKey: Uint8Array,
): Transaction {
  const { r, s, yParity } = signDigest(signingHash(transaction), secretKey)
  return { ...transaction, yParity, r: bytesToBigint(r), s: bytesToBigint(s) }
}

/** Signs an authorization with a 32-byte secret key. */
export function signAuthorization(
  unsigned: Pick<Authorization, 'chainId' | 'address' | 'nonce'>,
  secretKey: Uint8Array,
): Authorization {
  const { r, s, yParity } = signDigest(authorizationHash(unsigned), secretKey)
  return { ...unsigned, yParity, r: bytesToBigint(r), s: bytesToBigint(s) }
}

/** v of a legacy signature: 27 or 28, or 35 + 2 · chainId and above (EIP-155). */
export function legacyV(transaction: LegacyTransaction): bigint {
  const parity = BigInt(transaction.yParity)
  return transaction.chainId === undefined ? 27n + parity : 35n + 2n * transaction.chainId + parity
}

function recover(digest: Uint8Array, { yParity, r, s }: EcdsaFields): bigint | undefined {
  // MUST have a low s, or every transaction would have a twin with another hash (EIP-2).
  if (s > lowSMax || s === 0n || r === 0n || r >= secp256k1Order) return undefined
  const signature = { r: bigintToBytes(r, 32), s: bigintToBytes(s, 32), yParity }
  const address = recoverAddress(digest, signature)
  return address === undefined ? undefined : bytesToBigint(address)
}

function payloadItems(transaction: UnsignedTransaction): RlpItem[] {
  const { nonce, gasLimit, to, value, data } = transaction
  const target = [
    to === undefined ? emptyBytes : bigintToBytes(to, 20),
    bigintToMinimalBytes(value),
    data,
  ]
  const head = [bigintToMinimalBytes(nonce)]
  if (transaction.type === 0) {
    const gasPrice = bigintToMinimalBytes(transaction.gasPrice)
    return [...head, gasPrice, bigintToMinimalBytes(gasLimit), ...target]
  }
  const fees =
    transaction.type === 1
      ? [transaction.gasPrice]
      : [transaction.maxPriorityFeePerGas, transaction.maxFeePerGas]
  const items: RlpItem[] = [
    bigintToMinimalBytes(transaction.chainId),
    ...head,
    ...fees.map(bigintToMinimalBytes),
    bigintToMinimalBytes(gasLimit),
    ...target,
    transaction.accessList.map(accessListItem),
  ]
  if (transaction.type === 3) {
    const hashes = transaction.blobVersionedHashes.map((hash) => bigintToBytes(hash, 32))
    items.push(bigintToMinimalBytes(transaction.maxFeePerBlobGas), hashes)
  }
  if (transaction.type === 4) items.push(transaction.authorizationList.map(authorizationItem))
  return items
}

function signatureItems(v: bigint, { r, s }: EcdsaFields): RlpItem[] {
  return [bigintToMinimalBytes(v), bigintToMinimalBytes(r), bigintToMinimalBytes(s)]
}

function accessListItem({ address, storageKeys }: AccessListEntry): RlpItem {
  return [bigintToBytes(address, 20), storageKeys.map((key) => bigintToBytes(key, 32))]
}

function authorizationItem(authorization: Authorization): RlpItem {
  const { chainId, address, nonce, yParity } = authorization
  return [
    bigintToMinimalBytes(chainId),
    bigintToBytes(address, 20),
    bigintToMinimalBytes(nonce),
    ...signatureItems(BigInt(yParity), authorization),
  ]
}

function decodeLegacy(list: readonly RlpItem[]): Transaction {
  const v = rlpBigint(list[6])
  if (v !== 27n && v !== 28n && v < 35n) throw new TransactionMalformedError(`v is ${v}`)
  return {
    type: 0,
    chainId: v < 35n ? undefined : (v - 35n) / 2n,
    nonce: rlpBigint(list[0], 8),
    gasPrice: rlpBigint(list[1]),
    gasLimit: rlpBigint(list[2], 8),
    to: decodeTo(list[3]),
    value: rlpBigint(list[4]),
    data: rlpBytes(list[5]),
    yParity: Number(v < 35n ? v - 27n : (v - 35n) % 2n),
    r: rlpBigint(list[7]),
    s: rlpBigint(list[8]),
  }
}

function decodeTyped(type: 1 | 2 | 3 | 4, list: readonly RlpItem[]): Transaction {
  // Type 1 has one fee field, the others two.
  const at = type === 1 ? 3 : 4
  const tail = list.slice(-3)
  const common = {
    chainId: rlpBigint(list[0]),
    nonce: rlpBigint(list[1], 8),
    gasLimit: rlpBigint(list[at], 8),
    value: rlpBigint(list[at + 2]),
    data: rlpBytes(list[at + 3]),
    accessList: decodeAccessList(list[at + 4]),
    yParity: decodeParity(tail[0]),
    r: rlpBigint(tail[1]),
    s: rlpBigint(tail[2]),
  }
  const to = decodeTo(list[at + 1])
  if (type === 1) return { type, ...common, gasPrice: rlpBigint(list[2]), to }
  const fees = { maxPriorityFeePerGas: rlpBigint(list[2]), maxFeePerGas: rlpBigint(list[3]) }
  if (type === 2) return { type, ...common, ...fees, to }
  // MUST have a recipient (EIP-4844, EIP-7702).
  if (to === undefined) throw new TransactionMalformedError(`type ${type} creates no contract`)
  if (type === 4) {
    return { type, ...common, ...fees, to, authorizationList: decodeAuthorizations(list[9]) }
  }
  return {
    type,
    ...common,
    ...fees,
    to,
    maxFeePerBlobGas: rlpBigint(list[9]),
    blobVersionedHashes: rlpList(list[10]).map((hash) => bytesToBigint(rlpBytes(hash, 32))),
  }
}

function decodeTo(item: RlpItem | undefined): bigint | undefined {
  const bytes = rlpBytes(item)
  return bytes.length === 0 ? undefined : bytesToBigint(rlpBytes(bytes, 20))
}

function decodeParity(item: RlpItem | undefined): number {
  const parity = rlpBigint(item)
  if (parity > 1n) throw new TransactionMalformedError(`y parity is ${parity}`)
  return Number(parity)
}

function decodeAccessList(item: RlpItem | undefined): AccessListEntry[] {
  return rlpList(item).map((entry) => {
    const [address, keys] = rlpList(entry, 2)
    return {
      address: bytesToBigint(rlpBytes(address, 20)),
      storageKeys: rlpList(keys).map((key) => bytesToBigint(rlpBytes(key, 32))),
    }
  })
}

function decodeAuthorizations(item: RlpItem | undefined): Authorization[] {
  return rlpList(item).map((entry) => {
    const [chainId, address, nonce, yParity, r, s] = rlpList(entry, 6)
    return {
      chainId: rlpBigint(chainId),
      address: bytesToBigint(rlpBytes(address, 20)),
      nonce: rlpBigint(nonce, 8),
      yParity: Number(rlpBigint(yParity, 1)),
      r: rlpBigint(r),
      s: rlpBigint(s),
    }
  })
}

export class TransactionMalformedError extends ZgError<'EVM_TRANSACTION_MALFORMED'> {
  constructor(problem: string) {
    super('EVM_TRANSACTION_MALFORMED', `Cannot decode the transaction: ${problem}`, { problem })
  }
}

export class TransactionSignatureInvalidError extends ZgError<'EVM_TRANSACTION_SIGNATURE_INVALID'> {
  constructor() {
    const message = 'Cannot recover the sender: no key can have made the signature'
    super('EVM_TRANSACTION_SIGNATURE_INVALID', message)
  }
}
