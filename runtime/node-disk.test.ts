import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { createNodeDisk } from './node-disk.ts'
import { testDisk } from './testing/index.ts'

testDisk('node disk', async () => {
  const root = await mkdtemp(join(tmpdir(), 'zg-disk-'))
  return {
    disk: await createNodeDisk(join(root, 'deep', 'data')),
    run: (step) => step,
    reopen: () => createNodeDisk(join(root, 'deep', 'data')),
    end: () => rm(root, { recursive: true }),
  }
})

test('createNodeDisk hides drafts of replacements that a crash left behind', async (context) => {
  const root = await mkdtemp(join(tmpdir(), 'zg-disk-'))
  context.after(() => rm(root, { recursive: true }))
  const disk = await createNodeDisk(root)
  await disk.writeFile('state/head', Uint8Array.of(1))
  await writeFile(join(root, 'state', 'head.99.0.unfinished'), 'half')
  assert.deepEqual(await disk.list('state'), ['head'])
})

test('a file that failed once stays broken', async (context) => {
  const root = await mkdtemp(join(tmpdir(), 'zg-disk-'))
  context.after(() => rm(root, { recursive: true }))
  const disk = await createNodeDisk(root)
  const file = await disk.open('log')
  file.append(Uint8Array.of(1))
  const closing = file.close()
  await assert.rejects(file.sync(), { code: 'RUNTIME_DISK_FILE_CLOSED' })
  await closing
  assert.throws(() => file.append(Uint8Array.of(2)), { code: 'RUNTIME_DISK_FILE_CLOSED' })
  assert.deepEqual(await disk.readFile('log'), Uint8Array.of(1))
})

test('open continues after bytes that another process appended', async (context) => {
  const root = await mkdtemp(join(tmpdir(), 'zg-disk-'))
  context.after(() => rm(root, { recursive: true }))
  await appendFile(join(root, 'log'), 'torn')
  const disk = await createNodeDisk(root)
  const file = await disk.open('log')
  assert.equal(file.sizeBytes, 4)
  await file.close()
})

test('a full device breaks the file for good', async (context) => {
  // /dev/full answers every write with ENOSPC.
  const root = await mkdtemp(join(tmpdir(), 'zg-disk-'))
  context.after(() => rm(root, { recursive: true }))
  const { symlink } = await import('node:fs/promises')
  await symlink('/dev/full', join(root, 'log'))
  const disk = await createNodeDisk(root)
  const file = await disk.open('log')
  file.append(Uint8Array.of(1))
  await assert.rejects(file.sync(), { code: 'RUNTIME_DISK_FILE_BROKEN' })
  await assert.rejects(file.sync(), { code: 'RUNTIME_DISK_FILE_BROKEN' })
  assert.throws(() => file.append(Uint8Array.of(2)), { code: 'RUNTIME_DISK_FILE_BROKEN' })
  await file.close()
})

test('createNodeDisk: a sync before close or truncate acknowledges what is written, no less', async () => {
  for (const end of ['close', 'truncate'] as const) {
    const folder = await mkdtemp(join(tmpdir(), 'zg-disk-'))
    const disk = await createNodeDisk(folder)
    const file = await disk.open('log')
    file.append(new Uint8Array(2_000_000))
    const first = file.sync()
    await new Promise((resolve) => setImmediate(resolve))
    file.append(new Uint8Array(4_000_000))
    const second = file.sync()
    const ended = end === 'close' ? file.close() : file.truncate(6_000_000)
    await second
    assert.equal((await stat(join(folder, 'log'))).size, 6_000_000, end)
    await Promise.all([first, ended])
    if (end === 'truncate') await file.close()
    await rm(folder, { recursive: true })
  }
})
