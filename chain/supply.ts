/**
 * What all accounts of a chain hold together, kept from block to block:
 *
 *     held(h) = held(h-1) + withdrawals - base fee · gas used - blob fees
 *                         - what SELFDESTRUCT of a contract made in the same transaction ends
 *
 * Tips and values only move. What lies in the Outbox is held by it for ever, and so counted apart:
 * what lives on a network is held less Outbox. A chain that a node did not execute from its genesis
 * on begins with one count of its whole state.
 *
 *     record    from[8] ‖ fromHeld[32] ‖ withdrawn[32] ‖ fees[32] ‖ destroyed[32] ‖ outbox[32]
 */

import { blobBaseFee, blobParametersAt } from '@zg/evm'
import type { ChainConfig } from '@zg/evm'
import { bigintToBytes, bytesToBigint, concat, ZgError } from '@zg/primitives'
import type { StateChanges } from '@zg/state'

import type { BlockBody } from './block-codec.ts'

/** Where a network's Outbox stands (docs/specs/networks.md §1). */
export const outboxAddress = 0x2002n

const weiPerGwei = 10n ** 9n
const recordSizeBytes = 168

export type Supply = {
  /** The block this count began after, and what was held there: the genesis, or a snapshot's. */
  readonly fromNumber: number
  readonly fromHeldWei: bigint
  /** Paid out by withdrawals of blocks since. */
  readonly withdrawnWei: bigint
  readonly feesBurnedWei: bigint
  readonly destroyedWei: bigint
  /** What lies in the Outbox; part of what is held. */
  readonly outboxWei: bigint
}

/** What the execution of one block alone can tell. */
export type SupplyChange = {
  readonly destroyedWei: bigint
  /** What lies in the Outbox after it; undefined when the block did not touch it. */
  readonly outboxWei: bigint | undefined
}

/** Returns what a block changed, by its execution. */
export function supplyChangeOf(result: {
  readonly burntWei: bigint
  readonly changes: StateChanges
}): SupplyChange {
  const outbox = result.changes.accounts.find(({ address }) => address === outboxAddress)
  const outboxWei = outbox === undefined ? undefined : (outbox.account?.balance ?? 0n)
  return { destroyedWei: result.burntWei, outboxWei }
}

/** Returns the supply after a block on one that had `supply`. */
export function supplyAfter(
  supply: Supply,
  { body, change, config }: { body: BlockBody; change: SupplyChange; config: ChainConfig },
): Supply {
  const { header, withdrawals } = body
  const withdrawnGwei = withdrawals.reduce((sum, { amountGwei }) => sum + amountGwei, 0n)
  const { baseFeePerGas = 0n, gasUsed, blobGasUsed = 0n, excessBlobGas = 0n, timestamp } = header
  let feesWei = baseFeePerGas * gasUsed
  if (blobGasUsed > 0n) {
    const { baseFeeUpdateFraction } = blobParametersAt(config, timestamp)
    feesWei += blobGasUsed * blobBaseFee(excessBlobGas, baseFeeUpdateFraction)
  }
  return {
    ...supply,
    withdrawnWei: supply.withdrawnWei + withdrawnGwei * weiPerGwei,
    feesBurnedWei: supply.feesBurnedWei + feesWei,
    destroyedWei: supply.destroyedWei + change.destroyedWei,
    outboxWei: change.outboxWei ?? supply.outboxWei,
  }
}

/** What all accounts hold. */
export function heldWei(supply: Supply): bigint {
  const { fromHeldWei, withdrawnWei, feesBurnedWei, destroyedWei } = supply
  return fromHeldWei + withdrawnWei - feesBurnedWei - destroyedWei
}

/** Begins a count after a block, with what its whole state holds. */
export function supplyFrom(begin: {
  readonly number: number
  readonly heldWei: bigint
  readonly outboxWei: bigint
}): Supply {
  return {
    fromNumber: begin.number,
    fromHeldWei: begin.heldWei,
    withdrawnWei: 0n,
    feesBurnedWei: 0n,
    destroyedWei: 0n,
    outboxWei: begin.outboxWei,
  }
}

/** Returns the record of a supply, 168 bytes. */
export function encodeSupply(supply: Supply): Uint8Array {
  const { fromNumber, fromHeldWei, withdrawnWei, feesBurnedWei, destroyedWei, outboxWei } = supply
  const amounts = [fromHeldWei, withdrawnWei, feesBurnedWei, destroyedWei, outboxWei]
  return concat(
    bigintToBytes(BigInt(fromNumber), 8),
    ...amounts.map((amount) => bigintToBytes(amount, 32)),
  )
}

/**
 * Reads a record back.
 *
 * @throws {SupplyRecordMalformedError} `CHAIN_SUPPLY_RECORD_MALFORMED`
 */
export function decodeSupply(record: Uint8Array): Supply {
  if (record.length !== recordSizeBytes) throw new SupplyRecordMalformedError(record.length)
  const amount = (place: number): bigint => {
    const at = 8 + place * 32
    return bytesToBigint(record.subarray(at, at + 32))
  }
  return {
    fromNumber: Number(bytesToBigint(record.subarray(0, 8))),
    fromHeldWei: amount(0),
    withdrawnWei: amount(1),
    feesBurnedWei: amount(2),
    destroyedWei: amount(3),
    outboxWei: amount(4),
  }
}

export class SupplyRecordMalformedError extends ZgError<'CHAIN_SUPPLY_RECORD_MALFORMED'> {
  constructor(sizeBytes: number) {
    const message = `Cannot read the supply of a block: its record has ${sizeBytes} bytes`
    super('CHAIN_SUPPLY_RECORD_MALFORMED', message, { sizeBytes })
  }
}
