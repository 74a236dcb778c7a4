/** Block overrides: an environment that is other than the block's, for one execution. */

import type { BlockEnvironment } from '@zg/evm'
import { bytesToBigint } from '@zg/primitives'

import {
  isAbsent,
  readAddress,
  readHash,
  readObject,
  readOptional,
  readQuantity,
} from './params.ts'

/** The fields that `value` sets. */
export type BlockOverride = Partial<
  Pick<
    BlockEnvironment,
    | 'number'
    | 'timestamp'
    | 'gasLimit'
    | 'coinbase'
    | 'prevRandao'
    | 'baseFeePerGas'
    | 'blobBaseFee'
  >
>

/** New name, and the older one that some clients send. */
const keys = {
  number: ['number', 'blockNumber'],
  timestamp: ['time', 'timestamp'],
  gasLimit: ['gasLimit', 'gas'],
  coinbase: ['feeRecipient', 'coinbase'],
  prevRandao: ['prevRandao', 'random'],
  baseFeePerGas: ['baseFeePerGas', 'baseFee'],
  blobBaseFee: ['blobBaseFee', 'blobBaseFeePerGas'],
} as const

/** Reads block overrides; none when absent. @throws {ParamsInvalidError} `CHAIN_PARAMS_INVALID` */
export function readBlockOverride(value: unknown): BlockOverride {
  if (isAbsent(value)) return {}
  // Of no effect since the merge, and sent by clients that print whole blocks.
  const ignored = ['difficulty', 'withdrawals', 'beaconRoot']
  const known = [...Object.values(keys).flat(), ...ignored]
  const object = readObject(value, 'blockOverride', known)
  const readField = (
    [name, olderName]: readonly [string, string],
    read: (field: unknown, name: string) => bigint,
  ) => readOptional(object, name, read) ?? readOptional(object, olderName, read)
  const override = {
    number: readField(keys.number, readUint64),
    timestamp: readField(keys.timestamp, readUint64),
    gasLimit: readField(keys.gasLimit, readUint64),
    coinbase: readField(keys.coinbase, readAddress),
    prevRandao: readField(keys.prevRandao, (field, name) => bytesToBigint(readHash(field, name))),
    baseFeePerGas: readField(keys.baseFeePerGas, readQuantity),
    blobBaseFee: readField(keys.blobBaseFee, readQuantity),
  }
  const given = Object.entries(override).filter(([, field]) => field !== undefined)
  return Object.fromEntries(given)
}

function readUint64(value: unknown, name: string): bigint {
  return readQuantity(value, name, 53)
}
