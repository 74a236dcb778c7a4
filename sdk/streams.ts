/**
 * Streams of data: whose they are, and which network each is at home in
 * (docs/specs/routing.md).
 *
 * A stream is a name of its owner's. Who opens one learns its first home before, for it follows
 * from the id and from the networks that take streams in the epoch.
 */

import type { Hex } from '@zg/primitives'
import { encodeAbiParameters, encodeFunctionData, keccak256 } from 'viem'

import { abis } from './abis.ts'
import type { Order } from './orders.ts'
import { refusalOf } from './refusal.ts'
import { on } from './view.ts'
import type { L1Addresses, StakeView } from './view.ts'

/** Where a stream is sent to. */
export type Route = {
  /** 32 bytes. */
  readonly id: Hex
  /** Undefined for a stream that nobody opened. */
  readonly openedEpoch: bigint | undefined
  /**
   * Its home in this epoch, or, of one that nobody opened, where it would begin now; undefined when
   * no network takes streams, or took any when it was opened.
   */
  readonly network: number | undefined
  /** Its home to come. */
  readonly next: { readonly network: number; readonly fromEpoch: bigint } | undefined
}

/** Returns the id of an owner's stream; `name` has 32 bytes. */
export function streamIdOf(owner: Hex, name: Hex): Hex {
  return keccak256(encodeAbiParameters([{ type: 'address' }, { type: 'bytes32' }], [owner, name]))
}

/** Returns where a stream goes, by its id. */
export async function routeOf(view: StakeView, id: Hex): Promise<Route> {
  const { client, epoch } = view
  const streams = on(view, 'Streams')
  const stream = await unless('StreamUnknown', () =>
    client.readContract({ ...streams, functionName: 'streamOf', args: [id] }),
  )
  if (stream === undefined) {
    const args = [id, epoch] as const
    const network = await unless('NoNetwork', () =>
      client.readContract({ ...streams, functionName: 'firstHomeOf', args }),
    )
    return { id, openedEpoch: undefined, network, next: undefined }
  }
  const network = await unless('NoNetwork', () =>
    client.readContract({ ...streams, functionName: 'homeOf', args: [id] }),
  )
  const { openedEpoch, home, homeFrom: fromEpoch } = stream
  const next = epoch < fromEpoch ? { network: home, fromEpoch } : undefined
  return { id, openedEpoch, network, next }
}

/** Opens a stream of the sender's; `name` has 32 bytes. */
export function openStreamOrder(
  { addresses }: { readonly addresses: Pick<L1Addresses, 'Streams'> },
  name: Hex,
): Order {
  const data = encodeFunctionData({ abi: abis.Streams, functionName: 'open', args: [name] })
  return { calls: [{ what: 'open stream', to: addresses.Streams, data, value: 0n }], risks: [] }
}

/** Moves a stream of the sender's to another network, from the epoch after the next on. */
export function migrateOrder(
  { addresses }: { readonly addresses: Pick<L1Addresses, 'Streams'> },
  { name, network }: { readonly name: Hex; readonly network: number },
): Order {
  const args = [name, network] as const
  const data = encodeFunctionData({ abi: abis.Streams, functionName: 'migrate', args })
  const what = `move stream to network ${network}`
  return { calls: [{ what, to: addresses.Streams, data, value: 0n }], risks: [] }
}

/** What a view answers; undefined when the contract refuses by that error. */
async function unless<answer>(
  refusal: string,
  ask: () => Promise<answer>,
): Promise<answer | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (refusalOf(error)?.name === refusal) return undefined
    throw error
  }
}
