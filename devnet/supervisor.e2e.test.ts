import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import type { ChildCommand } from './child.ts'
import type { PartStatus } from './control.ts'
import { endLeftovers, recordProcesses } from './leftovers.ts'
import { identifyProcess, isProcessAlive } from './process-identity.ts'
import { PartFailedError, PartStateError, PartUnknownError, Supervisor } from './supervisor.ts'

const root = mkdtempSync(join(tmpdir(), 'zg-supervisor-'))
after(() => rmSync(root, { recursive: true }))

let scripts = 0
/** A part that runs `source` and then says that it is ready. */
function partOf(name: string, source: string): ChildCommand {
  const id = scripts++
  const entry = join(root, `${id}.mjs`)
  writeFileSync(entry, `${source};\nprocess.send({ kind: 'ready' })`)
  return { part: name, entry, args: [], logPath: join(root, `${id}.jsonl`) }
}

/** A supervisor, and a way to wait for what it says. */
function supervise(plans: readonly ChildCommand[]) {
  const waiting: { name: string; state: string; resolve: (status: PartStatus) => void }[] = []
  const supervisor = new Supervisor(plans, (status) => {
    for (const waiter of waiting) {
      if (waiter.name === status.name && waiter.state === status.state) waiter.resolve(status)
    }
  })
  const until = (name: string, state: string): Promise<PartStatus> =>
    new Promise((resolve) => waiting.push({ name, state, resolve }))
  return { supervisor, until }
}

const forever = 'setInterval(() => {}, 1000)'

test('Supervisor starts a part, and stopAll ends it', async () => {
  const { supervisor } = supervise([partOf('a', forever)])
  await supervisor.start('a')
  const [status] = supervisor.status()
  assert.equal(status?.state, 'ready')
  const identity = identifyProcess(status?.pid ?? 0)
  assert.ok(isProcessAlive(identity))
  await supervisor.stopAll()
  assert.equal(supervisor.status()[0]?.state, 'stopped')
  assert.ok(!isProcessAlive(identity))
})

test('Supervisor brings back a part that was killed from outside', async () => {
  const { supervisor, until } = supervise([partOf('a', forever)])
  await supervisor.start('a')
  const [before] = supervisor.status()
  const back = until('a', 'ready')
  process.kill(before?.pid ?? 0, 'SIGKILL')
  const status = await back
  assert.notEqual(status.pid, before?.pid)
  assert.equal(status.restarts, 1)
  await supervisor.stopAll()
})

test('Supervisor.chaos kills for good, until resumed', async () => {
  const { supervisor } = supervise([partOf('a', forever)])
  await supervisor.start('a')
  assert.deepEqual(await supervisor.chaos('kill', 'a').then(({ state, pid }) => ({ state, pid })), {
    state: 'killed',
    pid: undefined,
  })
  await assert.rejects(supervisor.chaos('kill', 'a'), PartStateError)
  await assert.rejects(supervisor.chaos('pause', 'a'), PartStateError)
  assert.equal((await supervisor.chaos('resume', 'a')).state, 'ready')
  await supervisor.stopAll()
})

test('Supervisor.chaos pauses and resumes the same process, and ends a paused one', async () => {
  const { supervisor } = supervise([partOf('a', forever)])
  await supervisor.start('a')
  const [{ pid } = { pid: 0 }] = supervisor.status()
  assert.equal((await supervisor.chaos('pause', 'a')).state, 'paused')
  assert.deepEqual(await supervisor.chaos('resume', 'a'), {
    name: 'a',
    state: 'ready',
    pid,
    restarts: 0,
  })
  await supervisor.chaos('pause', 'a')
  await supervisor.stopAll()
  assert.ok(!isProcessAlive(identifyProcess(pid ?? 0)))
})

test('Supervisor.chaos restarts at once', async () => {
  const { supervisor } = supervise([partOf('a', forever)])
  await supervisor.start('a')
  const status = await supervisor.chaos('restart', 'a')
  assert.equal(status.state, 'ready')
  assert.equal(status.restarts, 1)
  await supervisor.stopAll()
})

test('Supervisor.chaos knows only its parts', async () => {
  const { supervisor } = supervise([partOf('a', forever)])
  await assert.rejects(supervisor.chaos('kill', 'net-0/val-9'), PartUnknownError)
})

test('Supervisor.start tells the last words of a part that dies first', async () => {
  const plan = partOf('a', "throw new Error('no such key')")
  const { supervisor } = supervise([plan])
  await assert.rejects(supervisor.start('a'), (error) => {
    assert.ok(error instanceof PartFailedError)
    assert.match(error.message, /its process ended with exit code 1: Error: no such key$/)
    return true
  })
  // What it said on standard error stands in its log, a JSON object a line.
  const lines = readFileSync(plan.logPath, 'utf8').trim().split('\n')
  assert.ok(lines.every((line) => typeof JSON.parse(line).msg === 'string'))
  await supervisor.stopAll()
})

test('Supervisor.stopAll kills a part that will not end', async () => {
  const stubborn = `process.on('SIGTERM', () => {}); ${forever}`
  const { supervisor } = supervise([partOf('a', stubborn)])
  await supervisor.start('a')
  const identity = identifyProcess(supervisor.status()[0]?.pid ?? 0)
  await supervisor.stopAll()
  assert.ok(!isProcessAlive(identity))
})

test('a child ends when its supervisor is killed', async () => {
  const childFile = new URL('child.ts', import.meta.url).href
  const { entry, logPath } = partOf('a', forever)
  const parentFile = join(root, 'parent.mjs')
  const command = JSON.stringify({ part: 'a', entry, args: [], logPath })
  writeFileSync(
    parentFile,
    `const path = ${JSON.stringify(childFile)}
     const { startChild } = await import(path)
     console.log(startChild(${command}).pid)`,
  )
  const parent = spawn(process.execPath, [parentFile], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pid = await new Promise<number>((resolve) => {
    parent.stdout.once('data', (text: Buffer) => resolve(Number(text.toString())))
  })
  const child = identifyProcess(pid)
  assert.ok(isProcessAlive(child))
  parent.kill('SIGKILL')
  while (isProcessAlive(child)) await new Promise((resolve) => setImmediate(resolve))
})

test('endLeftovers kills the processes on the list, and no other that took their id', async () => {
  const orphan = spawn(process.execPath, ['-e', forever], { stdio: 'ignore' })
  const gone = new Promise<void>((resolve) => orphan.once('exit', () => resolve()))
  const home = mkdtempSync(join(root, 'home-'))
  const part = { name: 'a', state: 'ready', restarts: 0 } as const
  recordProcesses(home, [{ ...part, pid: orphan.pid }])
  assert.deepEqual(endLeftovers(home), [orphan.pid])
  await gone

  writeFileSync(
    join(home, 'processes.json'),
    JSON.stringify([{ pid: process.pid, startTicks: '1' }]),
  )
  assert.deepEqual(endLeftovers(home), [])
})
