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

const coded = await localBatchCoder(smallShape).code([new Uint8Array(2_000).fill(3)])
const ranges: readonly ProvedRange[] = [coded.range(8, 4)]
const put = (store: RowStore, batch: BatchId): Promise<void> =>
  store.put(batch, coded.commitment, coded.header, ranges)

/** A store with a batch in each of three epochs, opened anew once `spoil` has been done. */
async function reopened(spoil: (world: ReturnType<typeof openDisk>) => Promise<void> | void) {
  const world = openDisk()
  const { disk, run } = world
  const before = await run(RowStore.open(disk, smallShape))
  for (const epoch of [10n, 11n, 12n]) await run(put(before, batchOf(epoch)))
  await run(before.close())
  await spoil(world)
  return { ...world, store: await run(RowStore.open(disk, smallShape)) }
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
    const again = await run(RowStore.open(disk, smallShape))
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
  const again = await run(RowStore.open(disk, smallShape))
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
    const store = await run(RowStore.open(disk, smallShape))
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
