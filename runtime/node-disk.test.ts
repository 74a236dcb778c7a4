import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
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
