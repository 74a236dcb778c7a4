/**
 * What a seed draws for data availability: who of the nodes is bad and how, who crashes, what wires
 * do, what is dispersed, and a second disperser that lies.
 */

import type { BadNodeKind } from '@zg/da/testing'
import type { Rng } from '@zg/runtime'

export const badKinds: readonly BadNodeKind[] = [
  'silent',
  'amnesiac',
  'corrupt',
  'forger',
  'scribbler',
  'equivocator',
  'late',
]

export type LiarKind =
  /** One name, two commitments. */
  | 'two-faced'
  /** Rows that are not of one code, with bad holders who sign for them. */
  | 'no-code'
  /** Good rows under a z that is not theirs. */
  | 'other-z'
  /** A code of bytes that are no batch. */
  | 'no-batch'

export type DataScenario = {
  readonly votes: readonly bigint[]
  /** By node. */
  readonly bad: ReadonlyMap<number, BadNodeKind>
  readonly crashes: readonly {
    readonly node: number
    readonly atMs: number
    readonly forMs: number
  }[]
  readonly disperserCrashesMs: readonly number[]
  readonly latencyMsMax: number
  readonly loss: number
  readonly blobs: readonly { readonly atMs: number; readonly sizeBytes: number }[]
  readonly liar: LiarKind | undefined
}

export const nodeCount = 16
/** Faults end here. */
export const healMs = 15_000

/**
 * @param slotsOf - Rows that a node holds, of `rows`, for given votes.
 * @param isTooMany - Half of all rows may be bad: then the checker must find something.
 */
export function drawDataScenario(
  rng: Rng,
  rows: number,
  slotsOf: (votes: readonly bigint[]) => readonly number[],
  isTooMany = false,
): DataScenario {
  const isEqual = rng.chance(0.5)
  const votes = Array.from({ length: nodeCount }, () => {
    return isEqual ? 1_000n : BigInt(1 + rng.below(1_000))
  })
  return {
    votes,
    bad: drawBad(rng.fork('bad'), rows, slotsOf(votes), isTooMany),
    crashes: Array.from({ length: rng.below(8) }, () => ({
      node: rng.below(nodeCount),
      atMs: rng.below(healMs - 5_000),
      forMs: 100 + rng.below(4_000),
    })),
    disperserCrashesMs: Array.from({ length: rng.below(3) }, () => rng.below(healMs)),
    latencyMsMax: rng.chance(0.5) ? 20 : 300,
    loss: rng.chance(0.5) ? 0 : rng.below(12) / 100,
    blobs: Array.from({ length: 3 + rng.below(4) }, () => ({
      atMs: rng.below(10_000),
      sizeBytes: 1 + rng.below(rng.chance(0.5) ? 200 : 4_000),
    })),
    liar: rng.chance(0.4) ? undefined : drawLiar(rng),
  }
}

function drawLiar(rng: Rng): LiarKind {
  const kinds: readonly LiarKind[] = ['two-faced', 'no-code', 'other-z', 'no-batch']
  return kinds[rng.below(kinds.length)]!
}

/** As many as fit below a third of all rows, or a half of them. */
function drawBad(
  rng: Rng,
  rows: number,
  slots: readonly number[],
  isTooMany: boolean,
): ReadonlyMap<number, BadNodeKind> {
  const bad = new Map<number, BadNodeKind>()
  if (rng.chance(0.15) && !isTooMany) return bad
  const most = isTooMany ? Math.floor(rows / 2) : Math.ceil(rows / 3) - 1
  let held = 0
  const isOneKind = rng.chance(0.5)
  const kind = badKinds[rng.below(badKinds.length)]!
  for (let draw = 0; draw < 2 * nodeCount; draw++) {
    const node = rng.below(nodeCount)
    if (bad.has(node) || held + slots[node]! > most) continue
    held += slots[node]!
    bad.set(node, isOneKind ? kind : badKinds[rng.below(badKinds.length)]!)
  }
  return bad
}
