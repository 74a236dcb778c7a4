import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { ProvedRange } from '@zg/coding'
import { createSeededRng, SimulatedClock, SimulatedDisk } from '@zg/runtime'
import type { Disk, DiskFile } from '@zg/runtime'

import type { BatchId } from '../batch/batch.ts'
import { localBatchCoder } from '../disperser/batch-coder.ts'
import { RowStore } from './row-store.ts'
import { smallShape } from '../testing/data-world.ts'

/** What a disk of the machine says of a sector that it cannot read. */
const broken = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })

const batchOf = (epoch: bigint, sequence = 0n): BatchId => {
  return { network: 7, epoch, quorum: 0, disperser: new Uint8Array(20).fill(4), sequence }
}

/** A disk on which what is done to a path may fail. */
function openDisk() {
  const clock = new SimulatedClock()
  const disk = new SimulatedDisk({ clock, rng: createSeededRng(1) }).mount()
  const failing = new Map<string, 'open' | 'read' | 'sync'>()
  const check = (path: string, what: string): void => {
    if (failing.get(path) === what) throw broken
  }
  const faulty: Disk = {
    ...disk,
    async open(path): Promise<DiskFile> {
      check(path, 'open')
      const file = await disk.open(path)
      return {
        get sizeBytes() {
          return file.sizeBytes
        },
        append: (bytes) => file.append(bytes),
        async sync() {
          await file.sync()
          check(path, 'sync')
        },
        truncate: (size) => file.truncate(size),
        close: () => file.close(),
      }
    },
    async readFile(path) {
      check(path, 'read')
      return disk.readFile(path)
    },
    async readAt(path, from, size) {
      check(path, 'read')
      return disk.readAt(path, from, size)
    },
  }
  const run = async <T>(work: Promise<T>): Promise<T> => {
    let isDone = false
    const settled = work.then(
      () => (isDone = true),
      () => (isDone = true),
    )
    await clock.run({ untilMs: clock.nowMs() + 60_000, done: () => isDone })
    await settled
    return work
  }
  return { disk: faulty, plain: disk, failing, clock, run }
}

/** Of each store another. */
let seed = 0
const open = (disk: Disk): Promise<RowStore> =>
  RowStore.open({ disk, shape: smallShape, rng: createSeededRng(seed++) })

const coded = await localBatchCoder(smallShape).code([new Uint8Array(2_000).fill(3)])
const ranges: readonly ProvedRange[] = [coded.range(8, 4)]
const put = (store: RowStore, batch: BatchId): Promise<void> =>
  store.put(batch, coded.commitment, coded.header, ranges)

/** A store with a batch in each of three epochs, opened anew once `spoil` has been done. */
async function reopened(spoil: (world: ReturnType<typeof openDisk>) => Promise<void> | void) {
  const world = openDisk()
  const { disk, run } = world
  const before = await run(open(disk))
  for (const epoch of [10n, 11n, 12n]) await run(put(before, batchOf(epoch)))
  await run(before.close())
  await spoil(world)
  return { ...world, store: await run(open(disk)) }
}

for (const what of ['open', 'read'] as const) {
  test(`RowStore: a file that does not ${what} keeps no other from being served`, async () => {
    const { store, run, failing, disk } = await reopened(({ failing: fails }) => {
      fails.set('rows/11', what)
    })
    assert.equal(store.batchCount, 2)
    assert.deepEqual(
      [10n, 11n, 12n].map((epoch) => store.isEpochWhole(epoch)),
      [true, false, true],
    )
    assert.deepEqual(
      store.failures.map(({ code, data }) => [code, data['path']]),
      [['DA_ROW_FILE_BROKEN', 'rows/11']],
    )
    for (const epoch of [10n, 12n]) {
      assert.equal((await run(store.rows(batchOf(epoch), [8, 9]))).length, 2)
    }
    // It stays as it is, for who can mend it.
    failing.clear()
    const again = await run(open(disk))
    assert.equal(again.batchCount, 3)
  })
}

test('RowStore: what can be read no more is missing, and is told once a file', async () => {
  const { store, run, failing } = await reopened(() => undefined)
  failing.set('rows/10', 'read')
  for (let times = 0; times < 3; times++) {
    assert.deepEqual(await run(store.rows(batchOf(10n), [8, 9])), [])
    assert.equal(await run(store.header(batchOf(10n))), undefined)
    assert.equal(await run(store.isWhole(batchOf(10n))), false)
  }
  assert.equal(store.failures.length, 1)
  assert.equal((await run(store.rows(batchOf(11n), [8, 9]))).length, 2)
  // What was signed there is still known.
  assert.deepEqual(store.commitmentOf(batchOf(10n)), coded.commitment)
})

test('RowStore: a file that is gone takes its rows along, and nothing else', async () => {
  const { store, run, plain } = await reopened(() => undefined)
  await run(plain.remove('rows/11'))
  assert.equal(await run(store.header(batchOf(11n))), undefined)
  assert.equal((await run(store.rows(batchOf(12n), [8]))).length, 1)
})

test('RowStore: a head or meta that rots while it runs is missing, and no fault of who asks', async () => {
  for (const at of [2, 10, 45, 60, 200]) {
    const { store, run, plain } = await reopened(() => undefined)
    const bytes = (await run(plain.readFile('rows/10')))!
    bytes[at]! ^= 0x40
    await run(plain.writeFile('rows/10', bytes))
    await run(store.rows(batchOf(10n), [8, 9]))
    assert.equal(await run(store.header(batchOf(10n))), undefined, `byte ${at}`)
    assert.deepEqual(await run(store.batchesOf(10n)), [])
  }
})

test('RowStore: after a write that failed others are written, and nothing is known of that one', async () => {
  const { store, run, failing, disk } = await reopened(() => undefined)
  failing.set('rows/12', 'sync')
  await assert.rejects(run(put(store, batchOf(12n, 1n))), { code: 'DA_ROW_FILE_BROKEN' })
  assert.equal(store.commitmentOf(batchOf(12n, 1n)), undefined)
  failing.clear()
  await run(put(store, batchOf(12n, 2n)))
  assert.equal((await run(store.rows(batchOf(12n, 2n), [8, 9]))).length, 2)
  await run(store.close())
  const again = await run(open(disk))
  for (const sequence of [0n, 2n]) {
    assert.equal((await run(again.rows(batchOf(12n, sequence), [8, 9]))).length, 2)
  }
})

test('RowStore: a broken file is not settled, and goes when it has expired', async () => {
  const { store, run, plain } = await reopened(({ failing: fails }) => {
    fails.set('rows/10', 'read')
  })
  assert.equal(store.unsettledBefore(13n), 11n)
  assert.ok(store.closeThrough(11n))
  assert.ok(await run(store.settle(11n, () => false, 2 ** 20)))
  assert.equal(store.unsettledBefore(13n), 12n)
  assert.deepEqual(await run(plain.list('rows')), ['10', '12'])
  await run(store.prune(11n))
  assert.deepEqual(await run(plain.list('rows')), ['12'])
})

test('RowStore: who reads while an epoch is settled misses nothing that is recorded', async () => {
  for (let delayMs = 0; delayMs < 20; delayMs += 0.1) {
    const { disk, run, clock } = openDisk()
    const store = await run(open(disk))
    for (const sequence of [0n, 1n]) await run(put(store, batchOf(10n, sequence)))
    assert.ok(store.closeThrough(10n))
    const reading = async (): Promise<readonly unknown[]> => {
      await clock.delay(delayMs)
      const header = await store.header(batchOf(10n, 1n))
      const rows = await store.rows(batchOf(10n, 1n), [8, 9])
      return [header, ...rows]
    }
    const settled = store.settle(10n, ({ sequence }) => sequence === 1n, 2 ** 20)
    const [found] = await run(Promise.all([reading(), settled]))
    assert.equal(found.filter((part) => part !== undefined).length, 3, `after ${delayMs} ms`)
  }
})

/** Flips a bit of a file. */
async function rot(disk: Disk, path: string, at: number): Promise<void> {
  const bytes = (await disk.readFile(path))!
  bytes[at]! ^= 0x40
  await disk.writeFile(path, bytes)
}

/** A file of an epoch with some batches; where each begins, and where the file ends. */
async function filled(sequences: readonly bigint[]) {
  const world = openDisk()
  const store = await world.run(open(world.disk))
  const starts: number[] = []
  for (const sequence of sequences) {
    starts.push(store.sizeBytes)
    await world.run(put(store, batchOf(10n, sequence)))
  }
  const end = store.sizeBytes
  await world.run(store.close())
  return { ...world, starts, end }
}

test('RowStore: S9: a row of the last entry that rots does not hide what was signed', async () => {
  for (const folder of ['rows', 'settled']) {
    const { disk, run, end } = await filled([0n, 1n])
    if (folder === 'settled') {
      const bytes = (await run(disk.readFile('rows/10')))!
      await run(disk.writeFile('settled/10', bytes))
      await run(disk.remove('rows/10'))
    }
    await run(rot(disk, `${folder}/10`, end - 1))
    const again = await run(open(disk))
    assert.deepEqual(again.commitmentOf(batchOf(10n, 1n)), coded.commitment)
    assert.equal(again.isEpochWhole(10n), true)
    assert.equal(await run(again.isWhole(batchOf(10n, 1n))), false)
    assert.equal((await run(again.rows(batchOf(10n, 1n), [8, 9, 10, 11]))).length, 3)
    // What is settled takes no more; else it is stored again, and there after a restart, too.
    if (folder === 'settled') continue
    await run(put(again, batchOf(10n, 1n)))
    assert.equal(await run(again.isWhole(batchOf(10n, 1n))), true)
    await run(again.close())
    const once = await run(open(disk))
    for (const sequence of [0n, 1n]) {
      assert.equal(await run(once.isWhole(batchOf(10n, sequence))), true)
    }
  }
})

test('RowStore: S9: a head or meta of the last entry that rots ends signing in its epoch for good', async () => {
  for (const at of [2, 9, 13, 45, 70, 200]) {
    const { disk, run, starts, end } = await filled([0n, 1n])
    await run(rot(disk, 'rows/10', starts[1]! + at))
    for (let restarts = 0; restarts < 2; restarts++) {
      const again = await run(open(disk))
      assert.equal(again.isEpochWhole(10n), false, `byte ${at}, restart ${restarts}`)
      assert.equal(again.sizeBytes, end)
      await run(again.close())
    }
  }
})

test('RowStore: what is shorter than its head says is cut off, and nothing is lost by it', async () => {
  const whole = await filled([0n, 1n])
  const [, start = 0] = whole.starts
  for (const size of [start + 1, start + 63, start + 64, start + 300, whole.end - 1]) {
    const { disk, run } = await filled([0n, 1n])
    const file = await run(disk.open('rows/10'))
    await run(file.truncate(size))
    await run(file.close())
    const again = await run(open(disk))
    assert.equal(again.batchCount, 1)
    assert.equal(again.isEpochWhole(10n), true, `${size} bytes`)
    assert.equal(again.sizeBytes, start)
    await run(put(again, batchOf(10n, 1n)))
    assert.equal(await run(again.isWhole(batchOf(10n, 1n))), true)
  }
})

test('RowStore: what a user wrote into rows is no entry, whatever is damaged before it', async () => {
  const { disk, run, starts } = await filled([0n])
  // All that another store has of the same batch, under another commitment.
  const other = openDisk()
  const theirs = await other.run(open(other.disk))
  const commitment = new Uint8Array(32).fill(0xee)
  await other.run(theirs.put(batchOf(10n), commitment, coded.header, ranges))
  const planted = (await other.run(other.disk.readFile('rows/10')))!
  const evil = await localBatchCoder(smallShape).code([new Uint8Array([...planted, ...planted])])

  const store = await run(open(disk))
  const size = store.sizeBytes
  await run(
    store.put(batchOf(10n, 1n), evil.commitment, evil.header, [evil.range(0, smallShape.dataRows)]),
  )
  await run(put(store, batchOf(10n, 2n)))
  await run(store.close())
  await run(rot(disk, 'rows/10', size + 9))
  const again = await run(open(disk))
  assert.equal(starts.length, 1)
  assert.deepEqual(again.commitmentOf(batchOf(10n)), coded.commitment)
  assert.equal(await run(again.isWhole(batchOf(10n))), true)
  assert.equal(again.commitmentOf(batchOf(10n, 1n)), undefined)
  assert.deepEqual(again.commitmentOf(batchOf(10n, 2n)), coded.commitment)
  assert.equal(again.isEpochWhole(10n), false)
})

test('RowStore: behind damage nothing takes the place of what is known, but the same anew', async () => {
  const { disk, run, starts, end } = await filled([0n, 1n])
  const store = await run(open(disk))
  const commitment = new Uint8Array(32).fill(0xee)
  await run(store.put(batchOf(10n), commitment, coded.header, ranges))
  await run(store.close())
  await run(rot(disk, 'rows/10', starts[1]! + 9))
  const again = await run(open(disk))
  assert.deepEqual(again.commitmentOf(batchOf(10n)), coded.commitment)
  await run(again.close())
  // A row of the first one rots, and it is stored again.
  await run(rot(disk, 'rows/10', starts[1]! - 1))
  const third = await run(open(disk))
  assert.equal(await run(third.isWhole(batchOf(10n))), false)
  await run(put(third, batchOf(10n)))
  await run(third.close())
  const last = await run(open(disk))
  assert.ok(end < last.sizeBytes)
  assert.deepEqual(last.commitmentOf(batchOf(10n)), coded.commitment)
  assert.equal(await run(last.isWhole(batchOf(10n))), true)
})

test('RowStore: an entry that does not decode is damage, and hides none behind it', async () => {
  const { disk, run } = await filled([0n])
  const store = await run(open(disk))
  const header = { ...coded.header, rowSize: 3 }
  await run(store.put(batchOf(10n, 1n), coded.commitment, header, ranges))
  await run(put(store, batchOf(10n, 2n)))
  await run(store.close())
  const again = await run(open(disk))
  assert.deepEqual(again.failures, [])
  assert.equal(again.isEpochWhole(10n), false)
  for (const sequence of [0n, 2n]) {
    assert.equal(await run(again.isWhole(batchOf(10n, sequence))), true)
  }
})

test('RowStore: S9: what is pruned takes no more entries, not even after a restart', async () => {
  const { store, run, disk } = await reopened(() => undefined)
  await run(store.prune(12n))
  assert.equal(store.batchCount, 1)
  for (const epoch of [10n, 11n]) {
    await assert.rejects(put(store, batchOf(epoch)), { code: 'DA_EPOCH_CLOSED' })
  }
  await run(store.close())
  const again = await run(open(disk))
  await assert.rejects(put(again, batchOf(11n)), { code: 'DA_EPOCH_CLOSED' })
  await run(put(again, batchOf(13n)))
})

test('RowStore: a sector that cannot be read while an epoch is settled is told as such', async () => {
  const { store, run, failing, disk } = await reopened(() => undefined)
  await run(put(store, batchOf(10n, 1n)))
  assert.ok(store.closeThrough(10n))
  failing.set('rows/10', 'read')
  const settled = store.settle(10n, ({ sequence }) => sequence === 1n, 2 ** 20)
  await assert.rejects(run(settled), { code: 'DA_ENTRY_UNREADABLE' })
  assert.deepEqual(await run(disk.list('settled')), [])
  await run(store.leave(10n))
  assert.equal(store.unsettledBefore(13n), 11n)
})

test('RowStore: a file that could not be read for a while is as good as any after that', async () => {
  const { store, run, failing } = await reopened(() => undefined)
  failing.set('rows/10', 'read')
  assert.deepEqual(await run(store.rows(batchOf(10n), [8])), [])
  assert.deepEqual([store.failures.length, store.unsettledBefore(13n)], [1, 11n])
  failing.clear()
  assert.equal((await run(store.rows(batchOf(10n), [8]))).length, 1)
  assert.deepEqual([store.failures.length, store.unsettledBefore(13n)], [0, 10n])
})

test('RowStore: a mark that cannot be read keeps no store from beginning', async () => {
  const { store } = await reopened(async ({ disk, run, failing }) => {
    const before = await run(open(disk))
    assert.ok(before.closeThrough(10n))
    assert.ok(await run(before.settle(10n, () => true, 2 ** 20)))
    await run(before.close())
    failing.set('settled-through', 'read')
  })
  assert.equal(store.batchCount, 3)
})

test('RowStore: a key that rots is mended by its copy; rows without one are refused, and stay', async () => {
  const { disk, run } = await filled([0n])
  for (const path of ['rows-key', 'rows-key-copy']) {
    await run(rot(disk, path, 3))
    const again = await run(open(disk))
    assert.equal(await run(again.isWhole(batchOf(10n))), true)
    await run(again.close())
  }
  const before = await run(disk.readFile('rows/10'))
  for (const path of ['rows-key', 'rows-key-copy']) await run(disk.remove(path))
  await assert.rejects(run(open(disk)), { code: 'DA_ROW_KEY_LOST' })
  assert.deepEqual(await run(disk.readFile('rows/10')), before)
})
