/** What happened in a seed, by kind: where a kind never happens, less is tested than is said. */

import { badKinds, liarKinds } from './data-scenario.ts'

export const happenings: readonly string[] = [
  ...badKinds.map((kind) => `bad node: ${kind}`),
  ...liarKinds.map((kind) => `liar: ${kind}`),
  'node crash',
  'node torn',
  'disperser crash',
  'disperser torn',
  'message lost',
  'chain down',
  'chain slow',
  'chain stale',
  'lost receipt',
  'signer came',
  'signer went',
  'contested',
  'refused as of another epoch',
  'refused as another commitment',
  'equivocation',
  'recorded',
  'recorded in the next epoch',
  'certified too late',
  'failed',
  'finalized',
  'read',
  'not read yet',
  'void',
  'expired',
  'sampled',
  'sampled a lie',
]

/** What may happen, and would better not. */
const mishaps: readonly string[] = ['rows never delivered']

export class Tally {
  readonly #counts = new Map<string, number>()

  add(happening: string, count = 1): void {
    this.#counts.set(happening, (this.#counts.get(happening) ?? 0) + count)
  }

  /** Every kind, in the order of the list. */
  counts(): Readonly<Record<string, number>> {
    const names = [...happenings, ...mishaps]
    return Object.fromEntries(names.map((name) => [name, this.#counts.get(name) ?? 0]))
  }
}
