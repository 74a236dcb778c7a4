/**
 * The transaction object of `eth_call` and its relatives: everything optional, nothing signed.
 *
 * Unknown keys are left alone, since clients pass on what their users gave them (`blobs`, `kzg`,
 * `sidecars`, …); the known ones are read strictly, and those that contradict each other refused.
 */

import type { AccessListEntry, Authorization } from '@zg/evm'
import { bytesEqual, emptyBytes } from '@zg/primitives'

import { callInputSizeMax, requestListItemsMax } from './limits.ts'
import {
  readAddress,
  readArray,
  readData,
  readObject,
  readOptional,
  readQuantity,
  readWord,
} from './params.ts'
import type { JsonObject } from './params.ts'
import { ParamsInvalidError } from './rpc-error.ts'

export type TransactionType = 0 | 1 | 2 | 3 | 4

export type CallRequest = {
  readonly from: bigint | undefined
  /** Undefined to create a contract. */
  readonly to: bigint | undefined
  readonly data: Uint8Array
  readonly value: bigint
  readonly gas: bigint | undefined
  readonly nonce: bigint | undefined
  readonly gasPrice: bigint | undefined
  readonly maxFeePerGas: bigint | undefined
  readonly maxPriorityFeePerGas: bigint | undefined
  readonly maxFeePerBlobGas: bigint | undefined
  readonly blobVersionedHashes: readonly bigint[] | undefined
  readonly accessList: readonly AccessListEntry[] | undefined
  readonly authorizationList: readonly Authorization[] | undefined
  readonly chainId: bigint | undefined
  readonly type: TransactionType | undefined
}

/** Reads a transaction object. @throws {ParamsInvalidError} `CHAIN_PARAMS_INVALID` */
export function readCallRequest(value: unknown): CallRequest {
  const object = readObject(value, 'transaction')
  const request: CallRequest = {
    from: readOptional(object, 'from', readAddress),
    to: readOptional(object, 'to', readAddress),
    data: readInput(object),
    value: readOptional(object, 'value', readQuantity) ?? 0n,
    gas: readOptional(object, 'gas', readUint64),
    nonce: readOptional(object, 'nonce', readUint64),
    gasPrice: readOptional(object, 'gasPrice', readQuantity),
    maxFeePerGas: readOptional(object, 'maxFeePerGas', readQuantity),
    maxPriorityFeePerGas: readOptional(object, 'maxPriorityFeePerGas', readQuantity),
    maxFeePerBlobGas: readOptional(object, 'maxFeePerBlobGas', readQuantity),
    blobVersionedHashes: readOptional(object, 'blobVersionedHashes', readWords),
    accessList: readOptional(object, 'accessList', readAccessList),
    authorizationList: readOptional(object, 'authorizationList', readAuthorizations),
    chainId: readOptional(object, 'chainId', readQuantity),
    type: readOptional(object, 'type', readType),
  }
  checkConsistent(request)
  return request
}

/** Reads an access list. @throws {ParamsInvalidError} `CHAIN_PARAMS_INVALID` */
function readAccessList(value: unknown, name: string): readonly AccessListEntry[] {
  let keys = 0
  return readArray(value, name, requestListItemsMax).map((entry) => {
    const object = readObject(entry, name, ['address', 'storageKeys'])
    const storageKeys = readOptional(object, 'storageKeys', readWords) ?? []
    keys += storageKeys.length
    if (keys > requestListItemsMax) {
      throw new ParamsInvalidError(name, `more than ${requestListItemsMax} storage keys`)
    }
    return { address: readAddress(object['address'], name), storageKeys }
  })
}

/** `data` is the old name of `input`; clients send either, or both alike. */
function readInput(object: JsonObject): Uint8Array {
  const input = readOptional(object, 'input', readCallData)
  const data = readOptional(object, 'data', readCallData)
  if (input !== undefined && data !== undefined && !bytesEqual(input, data)) {
    throw new ParamsInvalidError('input', 'it differs from "data"')
  }
  return input ?? data ?? emptyBytes
}

function checkConsistent(request: CallRequest): void {
  const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = request
  const hasFeeMarket = maxFeePerGas !== undefined || maxPriorityFeePerGas !== undefined
  if (gasPrice !== undefined && hasFeeMarket) {
    throw new ParamsInvalidError('gasPrice', 'it stands beside "maxFeePerGas"')
  }
  if ((maxPriorityFeePerGas ?? 0n) > (maxFeePerGas ?? maxPriorityFeePerGas ?? 0n)) {
    throw new ParamsInvalidError('maxPriorityFeePerGas', 'it is above "maxFeePerGas"')
  }
  const needsTarget =
    request.authorizationList !== undefined || request.blobVersionedHashes !== undefined
  if (needsTarget && request.to === undefined) {
    throw new ParamsInvalidError('to', 'such a transaction cannot create a contract')
  }
}

function readAuthorizations(value: unknown, name: string): readonly Authorization[] {
  return readArray(value, name, requestListItemsMax).map((item) => {
    const object = readObject(item, name)
    return {
      chainId: readQuantity(object['chainId'], 'chainId'),
      address: readAddress(object['address'], 'address'),
      nonce: readQuantity(object['nonce'], 'nonce', 64),
      yParity: Number(readQuantity(object['yParity'] ?? object['v'], 'yParity', 8)),
      r: readQuantity(object['r'], 'r'),
      s: readQuantity(object['s'], 's'),
    }
  })
}

function readWords(value: unknown, name: string): readonly bigint[] {
  return readArray(value, name, requestListItemsMax).map((word) => readWord(word, name))
}

function readType(value: unknown, name: string): TransactionType {
  const type = Number(readQuantity(value, name, 8))
  if (type === 0 || type === 1 || type === 2 || type === 3 || type === 4) return type
  throw new ParamsInvalidError(name, 'it is no type of transaction')
}

function readCallData(value: unknown, name: string): Uint8Array {
  return readData(value, name, callInputSizeMax)
}

function readUint64(value: unknown, name: string): bigint {
  return readQuantity(value, name, 64)
}
