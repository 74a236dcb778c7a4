import assert from 'node:assert/strict'
import { cpus } from 'node:os'
import { test } from 'node:test'

import type { CpuQuota } from '../measuring/cpu-quota.ts'
import { holdGroups } from './data-groups.ts'
import { figuresOf, pointsToMeasure, withGrowth } from './data-points.ts'
import type { DataPoint } from './data-points.ts'
import * as settings from './data-settings.ts'

const window = {
  seconds: 10,
  counted: [
    { blobs: 3, batches: 1, tookMs: [300, 100, 200] },
    { blobs: 1, batches: 1, tookMs: [400] },
  ],
  use: { nodeCpuSeconds: 4, disperserCpuSeconds: 2, ownCpuSeconds: 1, writtenBytes: 40_000_000 },
  failed: 5,
}

test('pointsToMeasure has one quorum first and once, and all others in both worlds', () => {
  const [own, same] = ['members of their own', 'the same members']
  assert.deepEqual(
    pointsToMeasure([4, 2, 4]).map(({ mode, quorums }) => [mode, quorums]),
    [
      [own, 1],
      [own, 2],
      [own, 4],
      [same, 2],
      [same, 4],
    ],
  )
  assert.deepEqual(pointsToMeasure([1]), [{ mode: own, quorums: 1 }])
})

test('figuresOf adds groups up', () => {
  const figures = figuresOf(window)
  const bytes = 4 * settings.blobBytes
  assert.equal(figures.certifiedMBs, bytes / 1e6 / 10)
  assert.deepEqual([figures.blobs, figures.batches, figures.failed], [4, 2, 5])
  assert.deepEqual([figures.putP50Ms, figures.putP99Ms], [300, 400])
  assert.deepEqual([figures.nodeCores, figures.disperserCores], [0.4, 0.2])
  assert.equal(figures.machineShare, 0.7 / cpus().length)
  assert.equal(figures.writtenPerByte, 40_000_000 / bytes)
})

test('withGrowth sets a point against that of one quorum', () => {
  const mode = 'members of their own'
  const rest = { growth: 1, efficiency: 1, throttledShare: undefined, ...figuresOf(window) }
  const one: DataPoint = { mode, quorums: 1, ...rest }
  const four = withGrowth({ ...one, quorums: 4, certifiedMBs: 3 * one.certifiedMBs }, one)
  assert.deepEqual([four.growth.toFixed(6), four.efficiency.toFixed(6)], ['3.000000', '0.750000'])
  assert.deepEqual(withGrowth(one, undefined), one)
})

test('holdGroups gives every process a quota of its own', () => {
  const held: Record<string, [pid: number | undefined, cores: number | undefined]> = {}
  const quota: CpuQuota = {
    kind: 'none',
    notice: undefined,
    group(name) {
      assert.equal(held[name], undefined, 'a group is asked for once')
      held[name] = [undefined, undefined]
      return {
        add: (pid) => void (held[name] = [pid, held[name]?.[1]]),
        hold: (cores) => void (held[name] = [held[name]?.[0], cores]),
        throttling: () => undefined,
      }
    },
    close: () => Promise.resolve(),
  }
  const put = () => Promise.resolve({ puts: [], failed: 0 })
  const groups = [10, 20].map((pid) => ({
    nodes: { pids: [pid, pid + 1] },
    disperser: { pid: pid + 2, put },
  }))
  assert.equal(holdGroups(groups, quota).length, 6)
  const { nodeProcessCores, disperserCores } = settings
  assert.deepEqual(held, {
    'group-0-nodes-0': [10, nodeProcessCores],
    'group-0-nodes-1': [11, nodeProcessCores],
    'group-0-disperser': [12, disperserCores],
    'group-1-nodes-0': [20, nodeProcessCores],
    'group-1-nodes-1': [21, nodeProcessCores],
    'group-1-disperser': [22, disperserCores],
  })
})

test('four groups may not fill a machine of two processors', () => {
  const { processesOfGroup, nodeProcessCores, disperserCores } = settings
  const ofGroup = processesOfGroup * nodeProcessCores + disperserCores
  assert.ok((4 * ofGroup) / 2 <= 0.85)
})
