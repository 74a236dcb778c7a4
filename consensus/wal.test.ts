import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'
import { createSeededRng, SimulatedClock, SimulatedDisk } from '@zg/runtime'
import type { Disk } from '@zg/runtime'

import { crc32c } from './crc32c.ts'
import { genesisHeader } from './header.ts'
import type { Block } from './messages.ts'
import type { RoundVote } from './votes.ts'
import { readSegment, VoteLog, WalCorruptError } from './wal.ts'
import type { WalRecord } from './wal.ts'

const rng = createSeededRng(1)

/** Files in memory, where every append is durable at once: the tests damage them by hand. */
function memoryDisk(): { readonly disk: Disk; readonly files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>()
  const read = (path: string): Uint8Array => files.get(path) ?? new Uint8Array(0)
  const disk: Disk = {
    open: async (path) => {
      files.set(path, read(path))
      return {
        get sizeBytes() {
          return read(path).length
        },
        append: (bytes) => void files.set(path, Uint8Array.of(...read(path), ...bytes)),
        sync: async () => undefined,
        truncate: async (sizeBytes) => void files.set(path, read(path).slice(0, sizeBytes)),
        close: async () => undefined,
      }
    },
    readAt: async () => undefined,
    readFile: async (path) => files.get(path),
    writeFile: async (path, bytes) => void files.set(path, bytes),
    list: async () => [...files.keys()].map((path) => path.split('/')[1]!).sort(),
    remove: async (path) => void files.delete(path),
  }
  return { disk, files }
}

function voteIn(view: number): RoundVote {
  return { kind: 'notarize', epoch: 0n, view, digest: new Uint8Array(32).fill(view) }
}

const block: Block = {
  header: genesisHeader({
    identity: {
      l1ChainId: 1n,
      stakingContract: new Uint8Array(20),
      networkId: 7,
      genesisHash: new Uint8Array(32),
    },
    epoch: 0n,
    timestampMs: 1,
  }),
  reveal: new Uint8Array(96),
  payload: new Uint8Array(300).fill(5),
}

const records: readonly WalRecord[] = [
  { kind: 'vote', vote: voteIn(1) },
  { kind: 'body', block },
  { kind: 'vote', vote: voteIn(2) },
  {
    kind: 'finality-vote',
    vote: {
      epoch: 0n,
      height: 3n,
      blockHash: new Uint8Array(32),
      consensusRoot: new Uint8Array(32),
      histRoot: new Uint8Array(32),
      nextEpoch: 0n,
    },
  },
  { kind: 'vote', vote: voteIn(3) },
]

const path = 'wal/00000001.log'

/** A log with each record synced by itself. */
async function syncedLog(): Promise<ReturnType<typeof memoryDisk>> {
  const memory = memoryDisk()
  const { log } = await VoteLog.open({ disk: memory.disk, rng })
  for (const record of records) {
    log.append(record)
    await log.sync()
  }
  return memory
}

async function recordsOf(disk: Disk): Promise<readonly WalRecord[]> {
  return (await VoteLog.open({ disk, rng })).records
}

test('crc32c gives the check value of the catalogue and chains', () => {
  const bytes = new TextEncoder().encode('123456789')
  assert.equal(crc32c(bytes), 0xe3069283)
  assert.equal(crc32c(bytes.subarray(4), crc32c(bytes.subarray(0, 4))), 0xe3069283)
})

test('VoteLog returns what was appended, and goes on after it', async () => {
  const { disk } = await syncedLog()
  const { log, records: found } = await VoteLog.open({ disk, rng })
  assert.deepEqual(found, records)
  log.append({ kind: 'vote', vote: voteIn(9) })
  await log.sync()
  assert.deepEqual(await recordsOf(disk), [...records, { kind: 'vote', vote: voteIn(9) }])
})

test('VoteLog cut at every byte gives a prefix of its records, and goes on', async () => {
  const whole = (await syncedLog()).files.get(path)!
  let longest = 0
  for (let size = 0; size <= whole.length; size++) {
    const { disk, files } = memoryDisk()
    files.set(path, whole.slice(0, size))
    const { log, records: found } = await VoteLog.open({ disk, rng })
    assert.deepEqual(found, records.slice(0, found.length))
    assert.ok(found.length >= longest)
    longest = found.length
    log.append({ kind: 'vote', vote: voteIn(9) })
    await log.sync()
    assert.deepEqual(await recordsOf(disk), [...found, { kind: 'vote', vote: voteIn(9) }])
  }
  assert.equal(longest, records.length)
})

test('VoteLog with any synced byte damaged before its last record refuses', async () => {
  const whole = (await syncedLog()).files.get(path)!
  const lastSize = 13 + 49
  for (let offset = 0; offset < whole.length - lastSize; offset += 7) {
    const { disk, files } = memoryDisk()
    const damaged = whole.slice()
    damaged[offset] = damaged[offset]! ^ 0x10
    files.set(path, damaged)
    await assert.rejects(VoteLog.open({ disk, rng }), WalCorruptError)
  }
})

test('VoteLog damaged in a group that was never synced is a torn tail', async () => {
  const { disk, files } = memoryDisk()
  const { log } = await VoteLog.open({ disk, rng })
  log.append({ kind: 'vote', vote: voteIn(1) })
  await log.sync()
  const durableSize = files.get(path)!.length
  for (const view of [2, 3]) log.append({ kind: 'vote', vote: voteIn(view) })
  const torn = files.get(path)!.slice()
  torn[durableSize + 20] = torn[durableSize + 20]! ^ 1
  files.set(path, torn)
  assert.deepEqual(await recordsOf(disk), [{ kind: 'vote', vote: voteIn(1) }])
})

test('VoteLog with a missing or foreign segment refuses', async () => {
  const { disk, files } = await syncedLog()
  const bytes = files.get(path)!
  files.set('wal/00000003.log', bytes)
  await assert.rejects(VoteLog.open({ disk, rng }), WalCorruptError)
  const other = (await syncedLog()).files.get(path)!
  files.delete('wal/00000003.log')
  files.set('wal/00000002.log', other)
  await assert.rejects(VoteLog.open({ disk, rng }), WalCorruptError)
})

test('VoteLog.rotate keeps what is live and removes older segments', async () => {
  const { disk, files } = memoryDisk()
  const { log } = await VoteLog.open({ disk, rng, segmentSizeBytes: 256 })
  for (const record of records) log.append(record)
  await log.sync()
  assert.ok(log.isFull)
  const live = [records[0]!, records[4]!]
  await log.rotate(() => live)
  assert.deepEqual([...files.keys()], ['wal/00000002.log'])
  log.append({ kind: 'vote', vote: voteIn(8) })
  await log.sync()
  assert.deepEqual(await recordsOf(disk), [...live, { kind: 'vote', vote: voteIn(8) }])
})

test('VoteLog interrupted in a rotation, at every byte, loses nothing', async () => {
  const before = (await syncedLog()).files.get(path)!
  const { disk, files } = memoryDisk()
  files.set(path, before)
  const { log } = await VoteLog.open({ disk, rng })
  await log.rotate(() => records)
  const second = files.get('wal/00000002.log')!
  for (let size = 0; size < second.length; size++) {
    const torn = memoryDisk()
    torn.files.set(path, before)
    torn.files.set('wal/00000002.log', second.slice(0, size))
    const found = await recordsOf(torn.disk)
    assert.deepEqual(found.slice(0, records.length), records)
  }
})

test('VoteLog.restart begins an empty log that names its first epoch', async () => {
  const { disk } = await syncedLog()
  await (await VoteLog.restart({ disk, rng, voteFromEpoch: 9n })).close()
  const { log, records: found } = await VoteLog.open({ disk, rng })
  assert.deepEqual(found, [])
  assert.equal(log.checkpoint.voteFromEpoch, 9n)
})

test('readSegment never throws on random bytes', () => {
  for (let round = 0; round < 2_000; round++) {
    const bytes = rng.bytes(rng.below(200))
    assert.equal(readSegment(bytes).records.length, 0)
  }
})

test('VoteLog on a disk that tears unsynced bytes keeps every synced vote', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const clock = new SimulatedClock()
    const dice = createSeededRng(seed)
    const platter = new SimulatedDisk({ clock, rng: dice.fork('disk'), damageChance: 0.5 })
    const settle = async <result>(promise: Promise<result>): Promise<result> => {
      let isOver = false
      const done = promise.finally(() => {
        isOver = true
      })
      await clock.run({ untilMs: clock.nowMs() + 1_000, done: () => isOver })
      return done
    }
    const { log } = await settle(VoteLog.open({ disk: platter.mount(), rng: dice }))
    const synced = 1 + dice.below(6)
    for (let view = 1; view <= synced; view++) log.append({ kind: 'vote', vote: voteIn(view) })
    await settle(log.sync())
    for (let view = synced + 1; view <= synced + 3; view++) {
      log.append({ kind: 'vote', vote: voteIn(view) })
    }
    platter.crash()
    const { records: found } = await settle(VoteLog.open({ disk: platter.mount(), rng: dice }))
    const views = found.map((record) => (record.kind === 'vote' ? record.vote.view : 0))
    assert.ok(views.length >= synced, `seed ${seed}: ${toHex(Uint8Array.from(views))}`)
    assert.deepEqual(
      views,
      views.map((_, index) => index + 1),
    )
  }
})
