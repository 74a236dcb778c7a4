import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { openCpuQuota } from './cpu-quota.ts'
import type { QuotaMachine } from './cpu-quota.ts'

const name = 'zg-growth-test'

/** A folder instead of the kernel's; it holds what is written there. */
function fakeMachine(context: TestContext, files: Readonly<Record<string, string>>): QuotaMachine {
  const root = mkdtempSync(join(tmpdir(), 'zg-cgroup-'))
  context.after(() => rmSync(root, { recursive: true, force: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const removeFolder = (path: string): void => rmSync(path, { recursive: true })
  return { root, name, removeFolder, limit: undefined }
}

test('openCpuQuota writes cpu.max where the controller of cgroup v2 is handed down', async (t) => {
  const machine = fakeMachine(t, { 'cgroup.controllers': 'cpuset cpu io\n' })
  const quota = openCpuQuota(machine)
  assert.equal(quota.kind, 'cgroup-v2')
  assert.equal(quota.notice, undefined)
  const folder = join(machine.root, name)
  const read = (path: string): string => readFileSync(join(folder, path), 'utf8')
  assert.equal(readFileSync(join(machine.root, 'cgroup.subtree_control'), 'utf8'), '+cpu')
  assert.equal(read('cgroup.subtree_control'), '+cpu')

  const group = quota.group('net-0-val-1')
  group.add(4_711)
  group.hold(0.25)
  assert.equal(read('0-net-0-val-1/cgroup.procs'), '4711')
  assert.equal(read('0-net-0-val-1/cpu.max'), '25000 100000')
  group.hold(undefined)
  assert.equal(read('0-net-0-val-1/cpu.max'), 'max 100000')

  const stat = 'usage_usec 5\nnr_periods 40\nnr_throttled 7\nthrottled_usec 9\n'
  writeFileSync(join(folder, '0-net-0-val-1', 'cpu.stat'), stat)
  assert.deepEqual(group.throttling(), { periods: 40, throttled: 7 })

  await quota.close()
  assert.equal(existsSync(folder), false)
})

test('openCpuQuota writes cpu.cfs_quota_us of cgroup v1', async (t) => {
  const machine = fakeMachine(t, { 'cpu/cgroup.procs': '1\n' })
  const quota = openCpuQuota(machine)
  assert.equal(quota.kind, 'cgroup-v1')
  const folder = join(machine.root, 'cpu', name)
  const group = quota.group('operator-3')
  const read = (file: string): string => readFileSync(join(folder, '0-operator-3', file), 'utf8')
  group.add(12)
  group.hold(1.5)
  assert.equal(read('cgroup.procs'), '12')
  assert.equal(read('cpu.cfs_period_us'), '100000')
  assert.equal(read('cpu.cfs_quota_us'), '150000')
  group.hold(undefined)
  assert.equal(read('cpu.cfs_quota_us'), '-1')
  // Of another world.
  quota.group('operator-3').add(13)
  assert.equal(readFileSync(join(folder, '1-operator-3', 'cgroup.procs'), 'utf8'), '13')
  await quota.close()
  assert.equal(existsSync(folder), false)
})

test('openCpuQuota leaves cgroup v2 without the cpu controller alone', (t) => {
  const files = { 'cgroup.controllers': 'memory pids\n', 'cpu/cgroup.procs': '' }
  assert.equal(openCpuQuota(fakeMachine(t, files)).kind, 'cgroup-v1')
})

test('openCpuQuota removes what it made where the controller cannot be handed down', (t) => {
  // A folder in the place of the file: it cannot be written, as in a container.
  const files = { 'cgroup.controllers': 'cpu\n', 'cgroup.subtree_control/x': '' }
  const machine = fakeMachine(t, files)
  assert.equal(openCpuQuota(machine).kind, 'none')
  assert.equal(existsSync(join(machine.root, name)), false)
})

test('openCpuQuota takes cpulimit in equal parts where no cgroup can be written', async (t) => {
  const calls: string[] = []
  const limit = (pid: number, percent: number): { stop(): void } => {
    calls.push(`${pid} at ${percent}`)
    return { stop: () => void calls.push(`${pid} free`) }
  }
  const quota = openCpuQuota({ ...fakeMachine(t, {}), limit })
  assert.equal(quota.kind, 'cpulimit')
  assert.match(String(quota.notice), /equal parts/)
  const group = quota.group('operator-0')
  group.add(7)
  group.add(8)
  group.hold(0.1)
  group.hold(0.5)
  assert.equal(group.throttling(), undefined)
  await quota.close()
  assert.deepEqual(calls, [
    '7 at 5',
    '8 at 5',
    '7 free',
    '7 at 25',
    '8 free',
    '8 at 25',
    '7 free',
    '8 free',
  ])
})

test('openCpuQuota says so when nothing holds processes back', (t) => {
  const quota = openCpuQuota(fakeMachine(t, {}))
  assert.equal(quota.kind, 'none')
  assert.match(String(quota.notice), /no CPU quota here/)
})
