import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import {
  dataDirOf,
  DataDirForeignError,
  DataDirVersionError,
  forgetWorld,
  readLiveLock,
  takeDataDir,
  WorldRunningError,
} from './data-dir.ts'

const root = mkdtempSync(join(tmpdir(), 'zg-data-dir-'))
after(() => rmSync(root, { recursive: true }))

let folders = 0
function freshFolder(): string {
  return join(root, String(folders++))
}

test('dataDirOf follows ZG_HOME, relative to the working directory', () => {
  assert.equal(dataDirOf({}, '/home/ada'), '/home/ada/.zg')
  assert.equal(dataDirOf({ ZG_HOME: '' }, '/home/ada'), '/home/ada/.zg')
  assert.equal(dataDirOf({ ZG_HOME: 'world' }, '/home/ada'), '/home/ada/world')
  assert.equal(dataDirOf({ ZG_HOME: '/var/zg' }, '/home/ada'), '/var/zg')
})

test('takeDataDir makes the folder owner-only and gives it back', () => {
  const folder = freshFolder()
  const { lock, release } = takeDataDir(folder)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.equal(statSync(join(folder, 'lock')).mode & 0o777, 0o600)
  assert.equal(readLiveLock(folder)?.pid, process.pid)
  assert.equal(lock.socket, join(folder, 'control.sock'))
  release()
  assert.equal(readLiveLock(folder), undefined)
  assert.deepEqual(existsSync(join(folder, 'lock')), false)
})

test('takeDataDir refuses a folder whose owner lives', () => {
  const folder = freshFolder()
  const { release } = takeDataDir(folder)
  assert.throws(() => takeDataDir(folder), WorldRunningError)
  release()
})

test('takeDataDir takes over from a dead owner, and from one whose pid was reused', () => {
  for (const stale of [
    { pid: 2 ** 22 + 1, startTicks: undefined, socket: 'x' },
    { pid: process.pid, startTicks: '1', socket: 'x' },
  ]) {
    const folder = freshFolder()
    takeDataDir(folder).release()
    writeFileSync(join(folder, 'lock'), JSON.stringify(stale))
    const { release } = takeDataDir(folder)
    assert.equal(readLiveLock(folder)?.pid, process.pid)
    release()
  }
})

test('takeDataDir takes over a lock that is no JSON', () => {
  const folder = freshFolder()
  takeDataDir(folder).release()
  writeFileSync(join(folder, 'lock'), 'torn')
  takeDataDir(folder).release()
})

test('takeDataDir refuses another format, and a world without a version', () => {
  const other = freshFolder()
  mkdirSync(other)
  writeFileSync(join(other, 'version'), '99\n')
  assert.throws(() => takeDataDir(other), DataDirVersionError)

  const foreign = freshFolder()
  mkdirSync(join(foreign, 'l1'), { recursive: true })
  assert.throws(() => takeDataDir(foreign), DataDirForeignError)
})

test('takeDataDir finds a short socket path for a long folder name', () => {
  const folder = join(freshFolder(), 'x'.repeat(120))
  const { lock, release } = takeDataDir(folder)
  assert.ok(Buffer.byteLength(lock.socket) <= 100)
  release()
})

test('forgetWorld removes the world and leaves what is not its own', () => {
  const folder = freshFolder()
  const { release } = takeDataDir(folder)
  const own = ['l1', 'net-0', 'operator-3', 'logs', 'minimal', 'world.json']
  const others = ['keys', 'notes.txt', 'net-zero']
  for (const name of [...own, ...others]) mkdirSync(join(folder, name))
  forgetWorld(folder, [...own, ...others, 'lock', 'version'])
  assert.deepEqual(
    own.filter((name) => existsSync(join(folder, name))),
    [],
  )
  assert.deepEqual(
    others.filter((name) => existsSync(join(folder, name))),
    others,
  )
  assert.ok(existsSync(join(folder, 'lock')))
  assert.ok(existsSync(join(folder, 'version')))
  release()
})
