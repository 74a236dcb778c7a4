import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng, SimulatedClock, SimulatedDisk } from '@zg/runtime'

import type { BatchId } from '../batch/batch.ts'
import { DispersalJournal } from './dispersal-journal.ts'

test('what is written after a restart is read last, of whatever epoch it is', async () => {
  const clock = new SimulatedClock()
  const disk = new SimulatedDisk({ clock, rng: createSeededRng(1) })
  const run = async <T>(work: Promise<T>): Promise<T> => {
    await clock.run({ untilMs: clock.nowMs() + 1_000 })
    return work
  }
  const disperser = new Uint8Array(20).fill(1)
  const batch: BatchId = { network: 1, epoch: 10n, quorum: 0, disperser, sequence: 0n }
  const certificate = {
    batch,
    rowSize: 64,
    rowRoot: new Uint8Array(32),
    combinationHash: new Uint8Array(32),
    signers: [0, 1],
    signature: new Uint8Array(96),
  }
  const { journal } = await run(DispersalJournal.open(disk.mount()))
  const named = { kind: 'named', batch, commitment: new Uint8Array(32), requests: [] } as const
  await run(journal.write(named, 10n))
  await run(journal.write({ kind: 'certified', certificate }, 11n))

  const again = await run(DispersalJournal.open(disk.mount()))
  await run(again.journal.write({ kind: 'recorded', batch }, batch.epoch))
  const { entries } = await run(DispersalJournal.open(disk.mount()))
  assert.deepEqual(
    entries.map(({ kind }) => kind),
    ['named', 'certified', 'recorded'],
  )
})
