/** The supply that a node of a network keeps from block to block (`zg_getSupply`). */

import type { Hex } from '@zg/primitives'
import { isHex, ZgError } from '@zg/primitives'
import { MethodNotFoundRpcError } from 'viem'
import type { PublicClient } from 'viem'

const fields = [
  'fromNumber',
  'fromHeldWei',
  'withdrawnWei',
  'feesBurnedWei',
  'destroyedWei',
  'outboxWei',
  'heldWei',
] as const

/** Most digits of a quantity. */
const quantitySizeMax = 66

/** In wei but `fromNumber`, the block after which the node began to count. */
export type KeptSupply = Readonly<Record<(typeof fields)[number], bigint>>

/**
 * Returns what the node keeps of a block; undefined when it has no such method.
 *
 * @throws {KeptSupplyAbsentError} `SDK_SUPPLY_NOT_KEPT` when it kept nothing of that block, or
 *   answers in another form.
 */
export async function readKeptSupply(
  client: PublicClient,
  height: bigint,
): Promise<KeptSupply | undefined> {
  const request = client.request as unknown as (call: {
    readonly method: string
    readonly params: readonly Hex[]
  }) => Promise<unknown>
  try {
    const told = await request({ method: 'zg_getSupply', params: [`0x${height.toString(16)}`] })
    return keptOf(told, height)
  } catch (error) {
    if (error instanceof MethodNotFoundRpcError) return undefined
    throw error
  }
}

function keptOf(told: unknown, height: bigint): KeptSupply {
  if (typeof told !== 'object' || told === null) throw new KeptSupplyAbsentError(height)
  const record = told as Readonly<Record<string, unknown>>
  const amounts = ['blockNumber', ...fields].map((field) => {
    const value = Object.hasOwn(record, field) ? record[field] : undefined
    if (!isHex(value) || value.length > quantitySizeMax) throw new KeptSupplyAbsentError(height)
    return [field, BigInt(value)] as const
  })
  const { blockNumber, ...kept } = Object.fromEntries(amounts)
  if (blockNumber !== height) throw new KeptSupplyAbsentError(height)
  return kept as KeptSupply
}

export class KeptSupplyAbsentError extends ZgError<'SDK_SUPPLY_NOT_KEPT'> {
  constructor(height: bigint) {
    const message = `Cannot read the supply after block ${height}: the node did not count so far`
    super('SDK_SUPPLY_NOT_KEPT', message, { height: height.toString() })
  }
}
