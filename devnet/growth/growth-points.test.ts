import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { CpuQuota } from '../measuring/cpu-quota.ts'
import { hold } from './growth-points.ts'
import { machineCores, quotaCores } from './growth-settings.ts'
import type { LeanNetwork, LeanWorld } from './lean-world.ts'

function fakeNetwork(id: number): LeanNetwork {
  const validators = [0, 1].map((operator) => ({ operator, pid: 10 * id + operator }))
  return { chainId: id, rpcs: [], ws: '', validators }
}

/** Records who was put where, and what each group was held to. */
function fakeQuota() {
  const held: Record<string, { readonly pids: number[]; cores?: number | undefined }> = {}
  const quota: CpuQuota = {
    kind: 'none',
    notice: undefined,
    group(name) {
      const group: { readonly pids: number[]; cores?: number | undefined } = { pids: [] }
      assert.equal(held[name], undefined, 'a group is asked for once')
      held[name] = group
      return {
        add: (pid) => void group.pids.push(pid),
        hold: (cores) => void (group.cores = cores),
        throttling: () => undefined,
      }
    },
    close: () => Promise.resolve(),
  }
  return { held, quota }
}

const world: LeanWorld = {
  networks: [fakeNetwork(0), fakeNetwork(1)],
  close: () => Promise.resolve(),
}

test('hold gives each process a quota of its own where machines grow', () => {
  const { held, quota } = fakeQuota()
  assert.equal(hold(world, 'machines-grow', quota).length, 4)
  assert.deepEqual(held, {
    'net-0-val-0': { pids: [0], cores: quotaCores },
    'net-0-val-1': { pids: [1], cores: quotaCores },
    'net-1-val-0': { pids: [10], cores: quotaCores },
    'net-1-val-1': { pids: [11], cores: quotaCores },
  })
})

test('hold gives all processes of an operator one quota where machines stay', () => {
  const { held, quota } = fakeQuota()
  assert.equal(hold(world, 'fixed-machine', quota).length, 2)
  assert.deepEqual(held, {
    'operator-0': { pids: [0, 10], cores: machineCores },
    'operator-1': { pids: [1, 11], cores: machineCores },
  })
})
