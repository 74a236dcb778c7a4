import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { lockFolder } from './folder-lock.ts'

const home = mkdtempSync(join(tmpdir(), 'zg-lock-'))
after(() => rmSync(home, { recursive: true }))

/** A process that takes the folder, says what came of it, and stays. */
async function openTaker(folder: string): Promise<{ child: ChildProcess; said: string }> {
  const source = `
    import { lockFolder } from ${JSON.stringify(new URL('folder-lock.ts', import.meta.url).href)}
    try { lockFolder(${JSON.stringify(folder)}); console.log('taken') }
    catch (error) { console.log(error.code) }
    setInterval(() => undefined, 1_000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, said: said.toString().trim() }
}

async function end({ child }: { child: ChildProcess }): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

test('lockFolder: one has it at a time, in this process as well', () => {
  const folder = join(home, 'own', 'deeper')
  const lock = lockFolder(folder)
  assert.throws(() => lockFolder(folder), { code: 'RUNTIME_FOLDER_LOCKED' })
  lockFolder(join(home, 'other')).release()
  lock.release()
  lockFolder(folder).release()
})

test('lockFolder: another process is refused, until the one that has it is killed', async () => {
  const folder = join(home, 'theirs')
  const first = await openTaker(folder)
  assert.equal(first.said, 'taken')
  assert.throws(() => lockFolder(folder), { code: 'RUNTIME_FOLDER_LOCKED' })
  const second = await openTaker(folder)
  assert.equal(second.said, 'RUNTIME_FOLDER_LOCKED')
  await end(second)
  await end(first)
  const lock = lockFolder(folder)
  // Who is refused takes nothing from who has it.
  assert.throws(() => lockFolder(folder), { code: 'RUNTIME_FOLDER_LOCKED' })
  const third = await openTaker(folder)
  assert.equal(third.said, 'RUNTIME_FOLDER_LOCKED')
  await end(third)
  lock.release()
})

test('lockFolder: of twelve that come at once one has it', async () => {
  const folder = join(home, 'contended')
  const takers = await Promise.all(Array.from({ length: 12 }, () => openTaker(folder)))
  assert.equal(takers.filter(({ said }) => said === 'taken').length, 1)
  await Promise.all(takers.map(end))
})
