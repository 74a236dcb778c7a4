/**
 * Strict readers of JSON-RPC parameters: hex to words and bytes, and objects with known keys.
 *
 * Encodings are those of the execution API specification: a QUANTITY is `0x` and the fewest
 * digits, DATA is `0x` and two digits a byte. Everything here fails with `CHAIN_PARAMS_INVALID`
 * (-32602) and the name of the parameter. Objects are read by own keys only, so `__proto__` and
 * the like are nothing but unknown keys.
 */

import { fromHex, isHex } from '@zg/primitives'

import type { RpcParams } from './json-rpc.ts'
import { ParamsInvalidError } from './rpc-error.ts'

const wordDigitsMax = 64
const quantityPattern = /^0x(?:0|[1-9a-fA-F][0-9a-fA-F]*)$/
const slotPattern = /^0x[0-9a-fA-F]{1,64}$/

/** An object as `JSON.parse` made it. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * Checks that there are `min` to `max` parameters, by position.
 *
 * @throws {ParamsInvalidError} `CHAIN_PARAMS_INVALID`, as all readers here.
 */
export function checkCount(params: RpcParams, min: number, max: number): void {
  if (params.length === 1 && typeof params[0] === 'symbol') {
    throw new ParamsInvalidError('params', 'give them by position, in an array')
  }
  if (params.length < min || params.length > max) {
    const wanted = min === max ? `${min}` : `${min} to ${max}`
    throw new ParamsInvalidError('params', `${params.length} of them, not ${wanted}`)
  }
}

/** Whether an optional parameter was left out: absent or null. */
export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null
}

/** Reads a QUANTITY of at most `bits` bits. */
export function readQuantity(value: unknown, name: string, bits = 256): bigint {
  if (typeof value !== 'string' || value.length > 2 + wordDigitsMax) {
    throw new ParamsInvalidError(name, 'it is no quantity: "0x" and 1 to 64 hex digits')
  }
  if (!quantityPattern.test(value)) {
    throw new ParamsInvalidError(name, 'it is no quantity: "0x" and hex digits, no leading zeros')
  }
  const quantity = BigInt(value)
  if (quantity >> BigInt(bits) !== 0n) {
    throw new ParamsInvalidError(name, `it does not fit in ${bits} bits`)
  }
  return quantity
}

/** Reads a QUANTITY that some clients send as a JSON number: block counts and the like. */
export function readCount(value: unknown, name: string): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  return readQuantity(value, name, 64)
}

/** Reads DATA of at most `sizeBytesMax` bytes. */
export function readData(value: unknown, name: string, sizeBytesMax?: number): Uint8Array {
  const bytes = typeof value === 'string' ? bytesOfHex(value) : undefined
  if (bytes === undefined) {
    throw new ParamsInvalidError(name, 'it is no data: "0x" and two hex digits a byte')
  }
  if (sizeBytesMax !== undefined && bytes.length > sizeBytesMax) {
    throw new ParamsInvalidError(name, `it is longer than ${sizeBytesMax} bytes`)
  }
  return bytes
}

/** Reads a hash, 32 bytes. */
export function readHash(value: unknown, name: string): Uint8Array {
  if (!isHex(value, 32)) throw new ParamsInvalidError(name, 'it is no hash: 32 bytes in hex')
  return fromHex(value)
}

/** Reads 32 bytes of DATA as a word. */
export function readWord(value: unknown, name: string): bigint {
  if (!isHex(value, 32)) throw new ParamsInvalidError(name, 'it is no word: 32 bytes in hex')
  return BigInt(value)
}

/** Reads an address, 20 bytes; a checksum in its letters is not looked at. */
export function readAddress(value: unknown, name: string): bigint {
  if (!isHex(value, 20)) throw new ParamsInvalidError(name, 'it is no address: 20 bytes in hex')
  return BigInt(value)
}

/** Reads a storage slot: at most 32 bytes, with or without leading zeros. */
export function readSlot(value: unknown, name: string): bigint {
  if (typeof value !== 'string' || !slotPattern.test(value)) {
    throw new ParamsInvalidError(name, 'it is no slot: 1 to 64 hex digits')
  }
  return BigInt(value)
}

export function readBoolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw new ParamsInvalidError(name, 'it is not true or false')
  return value
}

export function readString(value: unknown, name: string, lengthMax: number): string {
  if (typeof value !== 'string') throw new ParamsInvalidError(name, 'it is no string')
  if (value.length > lengthMax) {
    throw new ParamsInvalidError(name, `it is longer than ${lengthMax} characters`)
  }
  return value
}

/** Reads an array of at most `lengthMax` items. */
export function readArray(value: unknown, name: string, lengthMax: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new ParamsInvalidError(name, 'it is no array')
  if (value.length > lengthMax) {
    throw new ParamsInvalidError(name, `${value.length} items, of at most ${lengthMax}`)
  }
  return value as readonly unknown[]
}

/** Reads an object; with `known`, one that has no other keys. */
export function readObject(value: unknown, name: string, known?: readonly string[]): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ParamsInvalidError(name, 'it is no object')
  }
  // A copy without a prototype: reading a key never reaches Object.prototype.
  const object: JsonObject = Object.assign(Object.create(null) as Record<string, unknown>, value)
  for (const key of Object.keys(value)) {
    if (key === '__proto__' || (known !== undefined && !known.includes(key))) {
      throw new ParamsInvalidError(name, `it has an unknown key "${key.slice(0, 32)}"`)
    }
  }
  return object
}

/** Applies `read` to `object[key]`, or returns undefined when it is absent or null. */
export function readOptional<value>(
  object: JsonObject,
  key: string,
  read: (value: unknown, name: string) => value,
): value | undefined {
  const value = object[key]
  return isAbsent(value) ? undefined : read(value, key)
}

/**
 * The bytes of a hex string, undefined for any other string. Raw transactions come by the hundred
 * in a batch, and Node's decoder is four times as fast as one in JavaScript.
 */
function bytesOfHex(hex: string): Uint8Array | undefined {
  if (!hex.startsWith('0x') || hex.length % 2 !== 0) return undefined
  // It stops at the first character that is no digit, which shows in the length.
  const decoded = Buffer.from(hex.slice(2), 'hex')
  if (decoded.length !== (hex.length - 2) / 2) return undefined
  // A copy: the decoder's buffers share memory that outlives them.
  return new Uint8Array(decoded)
}
