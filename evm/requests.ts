/**
 * What the machine asks of the consensus layer (EIP-7685): deposits seen in logs (EIP-6110),
 * withdrawals (EIP-7002) and consolidations (EIP-7251) taken from the queues of system contracts.
 */

import { concat, fromHex, bytesToBigint, sha256 } from '@zg/primitives'

import { BlockInvalidError } from './block-invalid.ts'
import type { Log } from './receipt.ts'
import { wordAt } from './word.ts'

export const depositRequestType = 0x00
export const withdrawalRequestType = 0x01
export const consolidationRequestType = 0x02

/** Topic of `DepositEvent(bytes,bytes,bytes,bytes,bytes)`. */
const depositEventTopic = bytesToBigint(
  fromHex('0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5'),
)

const depositEventSizeBytes = 576

/** Offset and size of the event's five fields: key, credentials, amount, signature, index. */
const depositFields = [
  { offset: 160, size: 48 },
  { offset: 256, size: 32 },
  { offset: 320, size: 8 },
  { offset: 384, size: 96 },
  { offset: 512, size: 8 },
] as const

/**
 * Returns the deposits in the logs, one after the other.
 *
 * @throws {BlockInvalidError} `EVM_BLOCK_INVALID` when the contract's event has another layout.
 */
export function depositsOfLogs(logs: Iterable<Log>, contract: bigint): Uint8Array {
  const deposits: Uint8Array[] = []
  for (const { address, topics, data } of logs) {
    if (address === contract && topics[0] === depositEventTopic) deposits.push(depositOf(data))
  }
  return concat(...deposits)
}

/** Returns the commitment: sha256 over the sha256 of each request that has data. */
export function hashRequests(requests: readonly Uint8Array[]): Uint8Array {
  return sha256(concat(...requests.filter((request) => request.length > 1).map(sha256)))
}

function depositOf(data: Uint8Array): Uint8Array {
  // MUST be the ABI's only layout of these sizes (EIP-6110).
  if (data.length !== depositEventSizeBytes) throw new BlockInvalidError('a deposit of odd size')
  const parts = depositFields.map(({ offset, size }, index) => {
    const isInPlace = wordAt(data, 32 * index) === BigInt(offset)
    if (!isInPlace || wordAt(data, offset) !== BigInt(size)) {
      throw new BlockInvalidError('a deposit of unknown layout')
    }
    return data.subarray(offset + 32, offset + 32 + size)
  })
  return concat(...parts)
}
