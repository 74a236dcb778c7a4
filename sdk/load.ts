/** How full the blocks of a network were, as far as anyone proved it (docs/specs/stake.md §13). */

import { on } from './view.ts'
import type { StakeView } from './view.ts'

/** In the order of `NetworkLoad.Load`. */
const loads = ['unknown', 'idle', 'between', 'busy'] as const

/** Epochs before the present one that are looked at. */
const epochsMax = 16n

/** The newest verdict, and how long it has been the same. */
export type LoadSpell = {
  readonly load: 'idle' | 'between' | 'busy'
  readonly lastEpoch: bigint
  /** So many epochs up to that one; more are not looked at than 16. */
  readonly epochs: number
}

/** Returns the load of a network; undefined when none of the last epochs is proved. */
export async function readLoad(view: StakeView, id: number): Promise<LoadSpell | undefined> {
  const { client, epoch: now } = view
  const contract = on(view, 'NetworkLoad')
  const count = Number(now < epochsMax ? now : epochsMax)
  const epochs = Array.from({ length: count }, (_, age) => now - 1n - BigInt(age))
  const found = await Promise.all(
    epochs.map(async (epoch) => {
      const args = [id, epoch] as const
      return loads[await client.readContract({ ...contract, functionName: 'loadOf', args })]
    }),
  )
  const newest = found.findIndex((load) => load !== 'unknown')
  const load = found[newest]
  const lastEpoch = epochs[newest]
  if (load === undefined || load === 'unknown' || lastEpoch === undefined) return undefined
  const other = found.findIndex((each, index) => index > newest && each !== load)
  return { load, lastEpoch, epochs: (other === -1 ? found.length : other) - newest }
}
