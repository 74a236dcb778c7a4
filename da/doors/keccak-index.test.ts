import assert from 'node:assert/strict'
import { test } from 'node:test'

import { keccak256 } from '@zg/primitives'
import { createSeededRng, SimulatedClock, SimulatedDisk } from '@zg/runtime'
import type { Disk } from '@zg/runtime'

import type { BlobHandle } from '../batch/batch.ts'
import { UnavailableError } from './dispersal.ts'
import { KeccakIndex } from './keccak-index.ts'

const recordSize = 117

function hashOf(number: number): Uint8Array {
  return keccak256(Uint8Array.of(number >> 8, number & 0xff))
}

function handleOf(number: number, epoch = 7n): BlobHandle {
  const disperser = new Uint8Array(20).fill(1)
  const batch = { network: 1, epoch, quorum: 0, disperser, sequence: BigInt(number) }
  return { batch, commitment: hashOf(number), index: 0 }
}

/** Runs the simulated disk's clock until `work` is done. */
async function run<result>(clock: SimulatedClock, work: Promise<result>): Promise<result> {
  let isDone = false
  const done = work.finally(() => (isDone = true))
  done.catch(() => undefined)
  await clock.run({ untilMs: clock.nowMs() + 600_000, done: () => isDone })
  return done
}

function makeDisk(seed: number) {
  const clock = new SimulatedClock()
  const disk = new SimulatedDisk({ clock, rng: createSeededRng(seed), damageChance: 0.5 })
  return { clock, disk }
}

const open = (
  disk: Disk,
  entriesMax = 100,
  presentEpoch = async (): Promise<bigint> => 7n,
): Promise<KeccakIndex> => KeccakIndex.open({ disk, keptEpochs: 2n, presentEpoch, entriesMax })

test('KeccakIndex keeps what it was given, over a restart, and the newest of two', async () => {
  const { clock, disk } = makeDisk(1)
  const index = await run(clock, open(disk.mount()))
  await run(clock, index.put(hashOf(1), handleOf(1)))
  await run(clock, index.put(hashOf(2), handleOf(2)))
  await run(clock, index.put(hashOf(1), handleOf(3)))
  assert.deepEqual(index.get(hashOf(1)), handleOf(3))
  await run(clock, index.close())
  const again = await run(clock, open(disk.mount()))
  assert.deepEqual(again.get(hashOf(1)), handleOf(3))
  assert.deepEqual(again.get(hashOf(2)), handleOf(2))
  assert.equal(again.get(hashOf(3)), undefined)
})

test('KeccakIndex loses nothing that put has answered, wherever a crash tears its file', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const { clock, disk } = makeDisk(seed)
    const rng = createSeededRng(seed + 1_000)
    const durable = new Set<number>()
    let next = 0
    for (let life = 0; life < 4; life++) {
      const index = await run(clock, open(disk.mount()))
      for (const number of durable) {
        assert.deepEqual(index.get(hashOf(number)), handleOf(number), `seed ${seed}`)
      }
      for (let number = 0; number < next; number++) {
        const found = index.get(hashOf(number))
        if (found !== undefined) assert.deepEqual(found, handleOf(number), `seed ${seed}`)
      }
      const puts = Array.from({ length: 6 }, async () => {
        const number = next++
        await index.put(hashOf(number), handleOf(number))
        durable.add(number)
      })
      void Promise.all(puts)
      await clock.run({ untilMs: clock.nowMs() + rng.below(4) })
      disk.crash()
    }
  }
})

test('KeccakIndex cuts a torn record off, and passes one by that is damaged', async () => {
  const { clock, disk } = makeDisk(2)
  const mount = disk.mount()
  const index = await run(clock, open(mount))
  for (const number of [1, 2, 3]) await run(clock, index.put(hashOf(number), handleOf(number)))
  await run(clock, index.close())
  const [name] = await run(clock, mount.list('keccak'))
  const bytes = (await run(clock, mount.readFile(`keccak/${name}`)))!
  assert.equal(bytes.length, 3 * recordSize)
  const damaged = bytes.slice(0, 3 * recordSize - 1)
  damaged[recordSize + 40]! ^= 1
  await run(clock, mount.writeFile(`keccak/${name}`, damaged))
  await run(clock, mount.writeFile('keccak/other', new Uint8Array(9)))

  const again = await run(clock, open(mount))
  assert.deepEqual(again.get(hashOf(1)), handleOf(1))
  assert.equal(again.get(hashOf(2)), undefined)
  assert.equal(again.get(hashOf(3)), undefined)
  await run(clock, again.put(hashOf(4), handleOf(4)))
  await run(clock, again.close())
  const third = await run(clock, open(mount))
  assert.deepEqual(third.get(hashOf(1)), handleOf(1))
  assert.deepEqual(third.get(hashOf(4)), handleOf(4))
})

test('KeccakIndex forgets what has expired, and its file', async () => {
  const { clock, disk } = makeDisk(3)
  const mount = disk.mount()
  const index = await run(clock, open(mount))
  await run(clock, index.put(hashOf(1), handleOf(1, 7n)))
  await run(clock, index.put(hashOf(2), handleOf(2, 9n)))
  assert.deepEqual(index.get(hashOf(1)), handleOf(1, 7n))
  await run(clock, index.put(hashOf(3), handleOf(3, 10n)))
  assert.equal(index.get(hashOf(1)), undefined)
  assert.deepEqual(index.get(hashOf(2)), handleOf(2, 9n))
  assert.equal((await run(clock, mount.list('keccak'))).length, 2)
})

test('KeccakIndex says when it is full, before a blob is dispersed for it', async () => {
  const { clock, disk } = makeDisk(4)
  const index = await run(clock, open(disk.mount(), 2))
  await index.checkRoom()
  await run(clock, index.put(hashOf(1), handleOf(1)))
  await run(clock, index.put(hashOf(2), handleOf(2)))
  await assert.rejects(run(clock, index.checkRoom()), UnavailableError)
})

test('KeccakIndex has room again when what fills it has expired, though nothing is put', async () => {
  const { clock, disk } = makeDisk(5)
  let present = 7n
  const index = await run(
    clock,
    open(disk.mount(), 1, async () => present),
  )
  await run(clock, index.put(hashOf(1), handleOf(1, 7n)))
  present = 9n
  await assert.rejects(run(clock, index.checkRoom()), UnavailableError)
  present = 10n
  await run(clock, index.checkRoom())
  assert.equal(index.get(hashOf(1)), undefined)
  assert.deepEqual(await run(clock, disk.mount().list('keccak')), [])
})

test('KeccakIndex forgets what expired while nobody had it open', async () => {
  const { clock, disk } = makeDisk(6)
  const index = await run(clock, open(disk.mount()))
  await run(clock, index.put(hashOf(1), handleOf(1, 7n)))
  await run(clock, index.close())
  const again = await run(
    clock,
    open(disk.mount(), 100, async () => 10n),
  )
  assert.equal(again.get(hashOf(1)), undefined)
  assert.deepEqual(await run(clock, disk.mount().list('keccak')), [])
})
