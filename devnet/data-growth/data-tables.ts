/** The tables of docs/benchmarks.md, as bench `data-growth` prints them: Markdown. */

import { markdownTable, percent, whole } from '../measuring/markdown-table.ts'
import type { DataGrowthReport } from './data-points.ts'
import type { DataSimulationReport } from './data-simulation.ts'

/** One table a kind of world. */
export function dataGrowthTables({ points }: DataGrowthReport): string {
  const modes = [...new Set(points.map(({ mode }) => mode))]
  const tables = modes.map((mode) => {
    const rows = points
      .filter((point) => point.mode === mode)
      .map((point) => [
        String(point.quorums),
        point.certifiedMBs.toFixed(2),
        point.growth.toFixed(2),
        point.efficiency.toFixed(2),
        `${whole(point.putP50Ms)}, ${whole(point.putP99Ms)}`,
        `${point.nodeCores.toFixed(2)}, ${point.disperserCores.toFixed(2)}`,
        percent(point.machineShare),
        point.throttledShare === undefined ? '' : percent(point.throttledShare),
        point.writtenPerByte.toFixed(1),
        `${point.blobs} in ${point.batches}`,
        String(point.failed),
      ])
    const head = [mode, 'MB/s', 'T(Q)/T(1)', 'E(Q)', 'put to certificate p50, p99 ms']
    const rest = ['cores of nodes, dispersers', 'this machine', 'throttled', 'bytes written a byte']
    return markdownTable([...head, ...rest, 'blobs in batches', 'failed'], rows)
  })
  return tables.join('\n\n')
}

/** Costs, validation, simulated worlds. */
export function dataSimulationTables({ costs, validation, worlds }: DataSimulationReport): string {
  const { disperser, node } = costs
  const milliseconds = (seconds: number): string => (1_000 * seconds).toFixed(3)
  const ofCosts = markdownTable(
    ['CPU ms', 'second', 'batch', 'member asked', 'request', 'MB of data', 'MB of rows'],
    [
      [
        'disperser',
        milliseconds(disperser.second),
        milliseconds(disperser.batch),
        milliseconds(disperser.member),
        '',
        milliseconds(disperser.byte * 1e6),
        '',
      ],
      [
        'node',
        milliseconds(node.second),
        '',
        '',
        milliseconds(node.request),
        '',
        milliseconds(node.byte * 1e6),
      ],
    ],
  )
  const errors = markdownTable(
    ['members', 'batch, MiB', 'of', 'measured, CPU ms a batch', 'simulated', 'error'],
    validation.map((each) => [
      String(each.members),
      mebibytes(each.batchBytes),
      each.of,
      each.measuredMsPerBatch.toFixed(1),
      each.simulatedMsPerBatch.toFixed(1),
      percent(each.error, 1),
    ]),
  )
  const head = ['simulation: nodes', 'quorums', 'members', 'batch, MiB', 'nodes take, MB/s']
  const outcome = ['load', 'certified, MB/s', 'busiest', 'put to certificate p50, p99 ms']
  const use = ['node cores in all', 'dispersers', 'their cores in all']
  const simulated = markdownTable(
    [...head, ...outcome, ...use],
    worlds.map((each) => [
      whole(each.nodes),
      String(each.quorums),
      whole(each.members),
      mebibytes(each.batchBytes),
      `${whole(each.nodesTakeMBs)} (${each.nodesBound})`,
      percent(each.loadShare),
      whole(each.certifiedMBs),
      `${each.bound} ${percent(each.busy[each.bound])}`,
      `${whole(each.putP50Ms)}, ${whole(each.putP99Ms)}`,
      each.nodeCores.toFixed(1),
      whole(each.dispersers),
      each.disperserCores.toFixed(1),
    ]),
  )
  return [ofCosts, errors, simulated].join('\n\n')
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(2).replace(/\.00$/, '')
}
