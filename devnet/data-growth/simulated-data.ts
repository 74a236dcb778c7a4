/**
 * Data availability on 16, 200 and 4,000 nodes, simulated by the costs of one group. Pure.
 *
 * Every node has one vote, and quorums are drawn as da/batch/quorum.ts draws them: all nodes up to
 * 512, of more those who hold 512 tickets. Offered is a share of what nodes can take, which is when
 * the busiest of them is full; dispersers are twice as many as that asks for.
 */

import { drawQuorum } from '@zg/da'
import { assert } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'

import type { DataCosts } from './data-cost-model.ts'
import { disperserSeconds, nodeSeconds, playData, requestSize, rowBytesOf } from './data-model.ts'
import type { DataOutcome, DataParts, ModelMachine, ModelQuorum } from './data-model.ts'

/** n, and n / K. */
const codedRows = 4_096
export const rowsPerByte = 4

/** The combination of the header, 1,024 elements of 16 bytes; paths, signature, HTTP. */
const requestBytes = 16_384 + 1_024

/** 1 Gbps. */
const portBytesPerSecond = 125_000_000

/** As many processors as the program has threads that work: a node one, a disperser two. */
export const nodeMachine: ModelMachine = { cores: 1, portBytesPerSecond }
export const disperserMachine: ModelMachine = { cores: 2, portBytesPerSecond }

/** Nodes and quorums of each world; up to 512 nodes, all quorums have the same members. */
export const simulatedWorlds = [
  { nodes: 16, quorums: 4 },
  { nodes: 200, quorums: 4 },
  { nodes: 4_000, quorums: 1 },
  { nodes: 4_000, quorums: 4 },
  { nodes: 4_000, quorums: 64 },
] as const

/** The largest that costs are fitted to, and a full one. */
export const simulatedBatchBytes = [4 * 1_048_576, 32 * 1_048_576] as const

/** Of what nodes can take. */
export const loadShares = [0.5, 0.9] as const

/** A play is as long as so many requests take, within bounds. */
const requestsOfPlay = 1_200_000
const playSecondsMin = 16
const playSecondsMax = 120

export type SimulatedData = Omit<DataOutcome, 'offeredBatches' | 'certifiedBatches'> & {
  readonly label: 'simulation'
  readonly nodes: number
  readonly quorums: number
  /** Of a quorum, in the mean. */
  readonly members: number
  readonly batchBytes: number
  /** What nodes can take, and which part of them ends it. */
  readonly nodesTakeMBs: number
  readonly nodesBound: NodeBound
  readonly loadShare: number
  readonly offeredMBs: number
  readonly dispersers: number
}

export type NodeBound = 'node CPU' | 'node port'

/** Plays all worlds, batches and loads. */
export function playAllData(costs: DataCosts): readonly SimulatedData[] {
  return simulatedWorlds.flatMap((world) => {
    const drawn = drawQuorums(world)
    return simulatedBatchBytes.flatMap((batchBytes) =>
      loadShares.map((loadShare) =>
        playOne({ nodes: world.nodes, drawn, batchBytes, loadShare, costs }),
      ),
    )
  })
}

type OnePlay = {
  readonly nodes: number
  readonly drawn: readonly ModelQuorum[]
  readonly batchBytes: number
  readonly loadShare: number
  readonly costs: DataCosts
}

/** Plays one world under one load. */
export function playOne({ nodes, drawn, batchBytes, loadShare, costs }: OnePlay): SimulatedData {
  const parts: DataParts = {
    nodeCount: nodes,
    quorums: drawn,
    node: nodeMachine,
    disperser: disperserMachine,
    costs,
    batchBytes,
    rowsPerByte,
    requestBytes,
  }
  const take = whatNodesTake(parts)
  const batchesPerSecond = loadShare * take.batchesPerSecond
  const dispersers = Math.ceil((2 * batchesPerSecond) / whatDisperserTakes(parts))
  const members = meanOf(drawn.map((quorum) => quorum.members.length))
  const enough = requestsOfPlay / members / batchesPerSecond
  const seconds = Math.min(Math.max(playSecondsMin, enough), playSecondsMax)
  const rng = createSeededRng(`data ${nodes} ${drawn.length} ${batchBytes} ${loadShare}`)
  const played = playData({ ...parts, dispersers }, { batchesPerSecond, seconds }, rng)
  const { offeredBatches: _offered, certifiedBatches: _certified, ...outcome } = played
  const megabytes = batchBytes / 1e6
  return {
    label: 'simulation',
    nodes,
    quorums: drawn.length,
    members,
    batchBytes,
    nodesTakeMBs: take.batchesPerSecond * megabytes,
    nodesBound: take.bound,
    loadShare,
    offeredMBs: batchesPerSecond * megabytes,
    dispersers,
    ...outcome,
  }
}

/** Returns the batches a second at which the busiest node is full, each quorum as often. */
export function whatNodesTake(scenario: DataParts): {
  readonly batchesPerSecond: number
  readonly bound: NodeBound
} {
  const { nodeCount, quorums, node, costs } = scenario
  const work = Array.from({ length: nodeCount }, () => 0)
  const bytes = Array.from({ length: nodeCount }, () => 0)
  for (const quorum of quorums) {
    for (const member of quorum.members) {
      const { node: at } = member
      const seconds = nodeSeconds(costs, rowBytesOf(scenario, quorum, member))
      work[at] = (work[at] ?? 0) + seconds / quorums.length
      bytes[at] = (bytes[at] ?? 0) + requestSize(scenario, quorum, member) / quorums.length
    }
  }
  const byWork = (node.cores - costs.node.second) / greatest(work)
  const byPort = node.portBytesPerSecond / greatest(bytes)
  return byWork <= byPort
    ? { batchesPerSecond: byWork, bound: 'node CPU' }
    : { batchesPerSecond: byPort, bound: 'node port' }
}

/** Returns the batches a second at which a disperser is full, in the mean over quorums. */
export function whatDisperserTakes(scenario: DataParts): number {
  const { quorums, disperser, costs, batchBytes } = scenario
  const work = meanOf(
    quorums.map(({ members }) => disperserSeconds(costs, batchBytes, members.length)),
  )
  const bytes = meanOf(
    quorums.map((quorum) =>
      quorum.members.reduce((sum, member) => sum + requestSize(scenario, quorum, member), 0),
    ),
  )
  assert(work > 0 && bytes > 0, 'a batch takes something')
  return Math.min(
    (disperser.cores - costs.disperser.second) / work,
    disperser.portBytesPerSecond / bytes,
  )
}

/** Returns quorums of so many nodes with one vote each; who has no rows is not asked. */
export function drawQuorums(world: {
  readonly nodes: number
  readonly quorums: number
}): readonly ModelQuorum[] {
  const active = Array.from({ length: world.nodes }, (_, place) => ({ place, votes: 1n }))
  const seed = new Uint8Array(32).fill(7)
  return Array.from({ length: world.quorums }, (_, quorum) => {
    const { members, slots } = drawQuorum({ active, seed, quorum, slots: codedRows })
    const asked = members.filter((member) => member.slots > 0)
    return { members: asked.map((member) => ({ node: member.place, slots: member.slots })), slots }
  })
}

function greatest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0)
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
