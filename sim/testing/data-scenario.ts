/**
 * What a seed draws for data availability. Faults come in swarms: each kind is in some seeds and
 * missing in others, so that none hides what another one breaks.
 *
 * Whatever is drawn, slots of bad nodes are at most a third of a quorum in every epoch, and those
 * who may be contested count as bad as long as they have slots.
 */

import type { BadNodeKind } from '@zg/da/testing'
import type { DataShape } from '@zg/da'
import type { Rng } from '@zg/runtime'

export const badKinds: readonly BadNodeKind[] = [
  'silent',
  'amnesiac',
  'corrupt',
  'forger',
  'scribbler',
  'equivocator',
  'late',
  'slow',
  'miser',
]

export const liarKinds = [
  /** One name, two commitments; at once, or the second one later. */
  'two-faced',
  'patient',
  /** Rows that are not of one code, with bad holders who sign for them. */
  'no-code',
  /** Good rows under a z that is not theirs. */
  'other-z',
  /** A code of bytes that are no batch. */
  'no-batch',
  /** Rows to few more than a certificate needs, and to all who are bad. */
  'withholder',
  /** Other rows than it commits to, to some. */
  'bent-rows',
  /** Batches of an epoch that is over. */
  'belated',
] as const

export type LiarKind = (typeof liarKinds)[number]

export type Crash = { readonly party: number; readonly atMs: number; readonly forMs: number }

/** A time in which a party's view of the chain is worse; without `party`, everybody's is. */
export type ChainSpell = {
  readonly kind: 'down' | 'slow' | 'stale'
  readonly party: number | undefined
  readonly fromMs: number
  readonly toMs: number
  /** Of one that is stale: how old what is seen is. */
  readonly lagMs: number
}

export type ChainWeather = {
  readonly latencyMsMax: number
  /** How old what a party sees is, at most. */
  readonly lagMsMax: number
  readonly finalityMs: number
  /** How often a certificate is taken and its bringer is not told. */
  readonly lostReceipts: number
  readonly spells: readonly ChainSpell[]
}

export type Contest = { readonly place: number; readonly atMs: number }

export type DataScenario = {
  readonly shape: DataShape
  readonly isBls: boolean
  readonly epochMs: number
  readonly retentionEpochs: number
  readonly quorumCount: number
  /** By epoch from the first on, by place; the last one's hold for all that follow. */
  readonly votes: readonly (readonly bigint[])[]
  readonly contests: readonly Contest[]
  /** By node. */
  readonly bad: ReadonlyMap<number, BadNodeKind>
  readonly nodeCrashes: readonly Crash[]
  readonly disperserCrashes: readonly Crash[]
  /** How likely a node's or a disperser's machine stops at a step of its disk. */
  readonly nodeTears: number
  readonly disperserTears: number
  readonly latencyMsMax: number
  readonly loss: number
  readonly weather: ChainWeather
  readonly disperserCount: number
  readonly blobs: readonly {
    readonly disperser: number
    readonly atMs: number
    readonly sizeBytes: number
    readonly isAlone: boolean
  }[]
  readonly readEveryMs: number
  readonly sampleEveryMs: number
  readonly liar: LiarKind | undefined
}

/** Faults end here, but for those of bad nodes and of views that are always a little old. */
export const healMs = 32_000
/** Epochs whose votes are drawn. */
const epochsDrawn = 6
/** Parties of a view of the chain: nodes first, then dispersers, then readers. */
export const disperserParty = 100
export const readerParty = 200

export type SlotsOf = (votes: readonly bigint[], shape: DataShape) => readonly number[]

/** @param slotsOf - Rows that each place holds for given votes. */
export function drawDataScenario(rng: Rng, slotsOf: SlotsOf): DataScenario {
  const isThirds = rng.chance(0.4)
  const shape = isThirds ? { dataRows: 12, codedRows: 48 } : { dataRows: 16, codedRows: 64 }
  const nodeCount = [6, 6, 8, 8, 12, 13][rng.below(6)]!
  const epochMs = [8_000, 11_000, 17_000][rng.below(3)]!
  const contests = drawContests(rng.fork('contests'), nodeCount, epochMs)
  const votes = drawVotes(rng.fork('votes'), nodeCount, contests, epochMs)
  const slots = votes.map((each) => slotsOf(each, shape))
  const most = Math.floor(shape.codedRows / 3)
  const isBearable = slots.every((each) => heldBy(contestedOf(contests), each) <= most)
  const disperserCount = 1 + rng.below(2)
  return {
    shape,
    isBls: rng.chance(0.03),
    epochMs,
    retentionEpochs: 3 + rng.below(4),
    quorumCount: 1 + rng.below(4),
    votes,
    contests: isBearable ? contests : [],
    bad: drawBad(rng.fork('bad'), isBearable ? contestedOf(contests) : [], slots, most),
    nodeCrashes: drawCrashes(rng, rng.chance(0.6) ? rng.below(8) : 0, nodeCount),
    disperserCrashes: drawCrashes(rng, rng.chance(0.6) ? rng.below(4) : 0, disperserCount),
    nodeTears: rng.chance(0.5) ? 0 : 0.01 + rng.below(3) / 100,
    disperserTears: rng.chance(0.5) ? 0 : 0.02 + rng.below(5) / 100,
    latencyMsMax: rng.chance(0.5) ? 20 : 300,
    loss: rng.chance(0.5) ? 0 : rng.below(12) / 100,
    weather: drawWeather(rng.fork('weather'), nodeCount, epochMs),
    disperserCount,
    blobs: Array.from({ length: 3 + rng.below(5) }, () => ({
      disperser: rng.below(disperserCount),
      atMs: rng.below(healMs - 6_000),
      sizeBytes: 1 + rng.below(rng.chance(0.5) ? 200 : 3_000),
      isAlone: rng.chance(0.2),
    })),
    readEveryMs: rng.chance(0.3) ? 0 : 2_000 + rng.below(4_000),
    sampleEveryMs: rng.chance(0.5) ? 0 : 4_000 + rng.below(6_000),
    liar: rng.chance(0.3) ? undefined : liarKinds[rng.below(liarKinds.length)]!,
  }
}

/**
 * Whether certificates can be made at all: a third of all slots that is bad keeps a quorum from
 * signing, and can do nothing else.
 */
export function isLive({ votes, bad, contests, shape }: DataScenario, slotsOf: SlotsOf): boolean {
  const out = [...new Set([...bad.keys(), ...contestedOf(contests)])]
  return votes.every((each) => {
    const held = shape.codedRows - heldBy(out, slotsOf(each, shape))
    return 3 * held > 2 * shape.codedRows
  })
}

function contestedOf(contests: readonly Contest[]): readonly number[] {
  return contests.map(({ place }) => place)
}

function heldBy(places: readonly number[], slots: readonly number[]): number {
  return places.reduce((sum, place) => sum + slots[place]!, 0)
}

function drawContests(rng: Rng, nodeCount: number, epochMs: number): readonly Contest[] {
  if (rng.chance(0.6)) return []
  return [{ place: rng.below(nodeCount), atMs: rng.below(3 * epochMs) }]
}

/** Who has votes from the first epoch on, and who comes, goes or weighs otherwise later. */
function drawVotes(
  rng: Rng,
  nodeCount: number,
  contests: readonly Contest[],
  epochMs: number,
): readonly (readonly bigint[])[] {
  const isEqual = rng.chance(0.5)
  const vote = (): bigint => (isEqual ? 1_000n : BigInt(200 + rng.below(1_000)))
  let votes = Array.from({ length: nodeCount }, vote)
  const isChurning = rng.chance(0.5)
  // A network of few signers loses none of them.
  if (isChurning && nodeCount > 6) votes[rng.below(nodeCount)] = 0n
  const byEpoch: (readonly bigint[])[] = []
  for (let epoch = 0; epoch < epochsDrawn; epoch++) {
    if (epoch > 0 && isChurning && rng.chance(0.6)) {
      const place = rng.below(nodeCount)
      const isGoing = votes[place]! > 0n && rng.chance(0.4) && countOf(votes) > 6
      votes = votes.with(place, isGoing ? 0n : vote())
    }
    byEpoch.push(
      votes.map((own, place) => {
        const isOut = contests.some((contest) => {
          return contest.place === place && epoch >= Math.floor(contest.atMs / epochMs) + 2
        })
        return isOut ? 0n : own
      }),
    )
  }
  return byEpoch
}

function countOf(votes: readonly bigint[]): number {
  return votes.filter((own) => own > 0n).length
}

function drawCrashes(rng: Rng, count: number, partyCount: number): readonly Crash[] {
  return Array.from({ length: count }, () => ({
    party: rng.below(partyCount),
    atMs: rng.below(healMs - 5_000),
    forMs: 100 + rng.below(4_000),
  }))
}

function drawWeather(rng: Rng, nodeCount: number, epochMs: number): ChainWeather {
  const spells: ChainSpell[] = []
  const spell = (kind: ChainSpell['kind'], forMs: number, isForAll: boolean): void => {
    const fromMs = rng.below(healMs - 8_000)
    const node = rng.below(nodeCount)
    const party = isForAll ? undefined : [node, disperserParty, readerParty][rng.below(3)]!
    const toMs = Math.min(fromMs + forMs, healMs)
    spells.push({ kind, party, fromMs, toMs, lagMs: 1_000 + rng.below(2 * epochMs) })
  }
  if (rng.chance(0.35)) spell('down', 1_000 + rng.below(8_000), rng.chance(0.5))
  // Long enough for certificates to be too late.
  if (rng.chance(0.15)) spell('down', 3 * epochMs, rng.chance(0.5))
  if (rng.chance(0.3)) spell('slow', 2_000 + rng.below(10_000), rng.chance(0.5))
  for (let count = rng.chance(0.4) ? 1 + rng.below(3) : 0; count > 0; count--) {
    spell('stale', 2_000 + rng.below(10_000), rng.chance(0.2))
  }
  return {
    latencyMsMax: rng.chance(0.5) ? 3 : 120,
    lagMsMax: rng.chance(0.4) ? 0 : 200 + rng.below(1_500),
    finalityMs: rng.chance(0.5) ? 0 : rng.below(4_000),
    lostReceipts: rng.chance(0.7) ? 0 : 0.3,
    spells,
  }
}

/** As many as fit into a third of all slots, whatever the epoch. */
function drawBad(
  rng: Rng,
  contested: readonly number[],
  slots: readonly (readonly number[])[],
  most: number,
): ReadonlyMap<number, BadNodeKind> {
  const bad = new Map<number, BadNodeKind>()
  if (rng.chance(0.15)) return bad
  const nodeCount = slots[0]!.length
  const isOneKind = rng.chance(0.5)
  const kind = badKinds[rng.below(badKinds.length)]!
  for (let draw = 0; draw < 2 * nodeCount; draw++) {
    const node = rng.below(nodeCount)
    const all = [...new Set([...contested, ...bad.keys(), node])]
    if (bad.has(node) || slots.some((each) => heldBy(all, each) > most)) continue
    bad.set(node, isOneKind ? kind : badKinds[rng.below(badKinds.length)]!)
  }
  return bad
}
