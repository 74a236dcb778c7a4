/** What every `Disk` does. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Disk } from '../disk.ts'

/** A disk under test. */
export type DiskWorld = {
  readonly disk: Disk
  /** Runs a step to its end, letting time pass when time is virtual. */
  readonly run: <value>(step: Promise<value>) => Promise<value>
  /** Opens the same disk again, as after a restart of the process. */
  readonly reopen: () => Promise<Disk>
  readonly end: () => Promise<void>
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (of: Uint8Array | undefined): string | undefined => of && new TextDecoder().decode(of)

/** Registers a test with a fresh disk. */
type Check = (title: string, body: (world: DiskWorld) => Promise<void>) => void

/** Registers the suite. */
export function testDisk(name: string, create: () => Promise<DiskWorld>): void {
  const check: Check = (title, body) => {
    test(`${name}: ${title}`, async () => {
      const world = await create()
      try {
        await body(world)
      } finally {
        await world.end()
      }
    })
  }
  checkAppends(check)
  checkFiles(check)
}

function checkAppends(check: Check): void {
  check('append keeps order, and sync makes it readable', async ({ disk, run }) => {
    const file = await run(disk.open('wal/0001.log'))
    assert.equal(file.sizeBytes, 0)
    for (const part of ['a', 'bc', '', 'def']) file.append(bytes(part))
    assert.equal(file.sizeBytes, 6)
    await run(file.sync())
    assert.equal(text(await run(disk.readFile('wal/0001.log'))), 'abcdef')
    await run(file.close())
  })

  check('append copies what it is given', async ({ disk, run }) => {
    const file = await run(disk.open('log'))
    const buffer = bytes('good')
    file.append(buffer)
    buffer.fill(0)
    await run(file.sync())
    assert.equal(text(await run(disk.readFile('log'))), 'good')
    await run(file.close())
  })

  check('sync covers what was appended before the call, whoever calls', async ({ disk, run }) => {
    const file = await run(disk.open('log'))
    const syncs: Promise<void>[] = []
    for (let index = 0; index < 50; index++) {
      file.append(bytes(`${index},`))
      syncs.push(file.sync())
    }
    await run(Promise.all(syncs))
    const expected = Array.from({ length: 50 }, (_, index) => `${index},`).join('')
    assert.equal(text(await run(disk.readFile('log'))), expected)
    await run(file.sync())
    await run(file.close())
  })

  check('open continues a file after its last byte', async ({ disk, run, reopen }) => {
    const file = await run(disk.open('log'))
    file.append(bytes('one'))
    await run(file.sync())
    await run(file.close())
    const again = await reopen()
    const same = await run(again.open('log'))
    assert.equal(same.sizeBytes, 3)
    same.append(bytes(' two'))
    await run(same.sync())
    assert.equal(text(await run(again.readFile('log'))), 'one two')
    await run(same.close())
  })

  check('truncate cuts, and appends go on from there', async ({ disk, run }) => {
    const file = await run(disk.open('log'))
    file.append(bytes('whole torn'))
    await run(file.truncate(5))
    assert.equal(file.sizeBytes, 5)
    file.append(bytes('!'))
    await run(file.sync())
    assert.equal(text(await run(disk.readFile('log'))), 'whole!')
    await run(file.truncate(100))
    assert.equal(file.sizeBytes, 6)
    await run(file.close())
  })
}

function checkFiles(check: Check): void {
  check('writeFile replaces a file whole', async ({ disk, run }) => {
    assert.equal(await run(disk.readFile('state/head')), undefined)
    await run(disk.writeFile('state/head', bytes('first and long')))
    await run(disk.writeFile('state/head', bytes('second')))
    assert.equal(text(await run(disk.readFile('state/head'))), 'second')
    await run(disk.writeFile('empty', new Uint8Array(0)))
    assert.equal((await run(disk.readFile('empty')))?.length, 0)
  })

  check('readAt gives a part of what is synced, or nothing', async ({ disk, run }) => {
    assert.equal(await run(disk.readAt('rows', 0, 1)), undefined)
    const file = await run(disk.open('rows'))
    file.append(bytes('abcdef'))
    await run(file.sync())
    assert.equal(text(await run(disk.readAt('rows', 0, 6))), 'abcdef')
    assert.equal(text(await run(disk.readAt('rows', 2, 3))), 'cde')
    assert.equal(await run(disk.readAt('rows', 4, 3)), undefined)
    assert.equal((await run(disk.readAt('rows', 6, 0)))?.length, 0)
    await run(file.close())
  })

  check('list gives sorted names of one folder', async ({ disk, run }) => {
    assert.deepEqual(await run(disk.list('wal')), [])
    for (const path of ['wal/b', 'wal/a', 'wal/deep/c', 'other']) {
      await run(disk.writeFile(path, bytes(path)))
    }
    assert.deepEqual(await run(disk.list('wal')), ['a', 'b', 'deep'])
  })

  check('remove takes a file away, and forgives an absent one', async ({ disk, run }) => {
    await run(disk.writeFile('wal/a', bytes('a')))
    await run(disk.remove('wal/a'))
    await run(disk.remove('wal/a'))
    assert.equal(await run(disk.readFile('wal/a')), undefined)
    assert.deepEqual(await run(disk.list('wal')), [])
  })

  check('every call refuses a path out of the root', async ({ disk, run }) => {
    const code = { code: 'RUNTIME_DISK_PATH_INVALID' }
    for (const path of ['../x', '/x', 'a/../x', '', 'a//b', './a', 'a\0', 'a\\b', 'x.unfinished']) {
      await assert.rejects(run(disk.open(path)), code, path)
      await assert.rejects(run(disk.writeFile(path, bytes(''))), code, path)
      await assert.rejects(run(disk.readFile(path)), code, path)
    }
  })
}
