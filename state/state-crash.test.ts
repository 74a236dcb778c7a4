import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import {
  createSeededRng,
  LmdbStore,
  MemoryStore,
  SimulatedClock,
  SimulatedStore,
} from '@zg/runtime'
import type { KeyValueStore } from '@zg/runtime'

import { killedChain } from './testing/killed-chain.ts'
import { wordPool } from './testing/state-model.ts'
import { World } from './testing/world.ts'

test('a crash leaves a final block, whole, at or above the last acknowledged one', async () => {
  let lostCount = 0
  for (let seed = 0; seed < 15; seed++) {
    const rng = createSeededRng(`crash ${seed}`)
    const clock = new SimulatedClock()
    const platter = new SimulatedStore({ clock, rng: rng.fork('store') })
    const pool = wordPool(10, 4)
    const world = new World(platter.mount(), { rng, pool, retainedStates: 4 })
    let acknowledged = -1
    for (let step = 0; step < 60; step++) {
      const draw = rng.below(100)
      if (draw < 50 || world.staged.length === 0) world.stage()
      else if (draw < 88) {
        const written = world.finalize()
        const height = world.head!.height
        void written.then(() => (acknowledged = height))
        await clock.run({ untilMs: clock.nowMs() + rng.below(3) })
      } else {
        platter.crash()
        const store = platter.mount()
        const height = heightOf(store)
        assert.ok(height >= acknowledged, `seed ${seed}: block ${acknowledged} was acknowledged`)
        lostCount += world.final.length - 1 - height
        world.restart(store, world.final.length - 1 - height)
        world.check()
      }
    }
  }
  assert.ok(lostCount > 0, 'some crashes lost blocks that were not acknowledged')
})

test('a store that refuses a batch breaks the database, not what is on it', async () => {
  const memory = new MemoryStore()
  let isFull = false
  const store: KeyValueStore = {
    get: (table, key) => memory.get(table, key),
    range: (table, range) => memory.range(table, range),
    write: (batch) => (isFull ? Promise.reject(new Error('disk full')) : memory.write(batch)),
    close: () => memory.close(),
  }
  const rng = createSeededRng('full')
  const world = new World(store, { rng, pool: wordPool(6, 3) })
  world.stage()
  await world.finalize()
  const whole = world.head!
  const reader = world.database.readerAt(whole.hash)!
  world.stage()
  isFull = true
  const broken = { code: 'STATE_BROKEN' }
  await assert.rejects(world.finalize(), broken)
  assert.throws(() => reader.account(1n), broken)
  assert.throws(() => world.stage(), broken)
  await assert.rejects(world.database.finalize(whole.hash), broken)

  isFull = false
  world.restart(store, 1)
  world.check()
  assert.equal(world.head, whole)
})

test('kill -9 leaves the last acknowledged block, whole, on LMDB', async () => {
  for (const acknowledgedMin of [1, 8, 25]) {
    const folder = mkdtempSync(join(tmpdir(), 'zg-state-'))
    const acknowledged = await runUntilKilled(folder, acknowledgedMin)
    const store = LmdbStore.open(folder)
    const height = heightOf(store)
    assert.ok(height >= acknowledged, `block ${acknowledged} was acknowledged, ${height} is there`)

    const { world, next } = killedChain(new MemoryStore())
    while ((world.head?.height ?? -1) < height) await next()
    world.restart(store)
    world.check()
    await store.close()
    rmSync(folder, { recursive: true })
  }
})

/** What the chain wrote beside the head of the state, which must be that head. */
function heightOf(store: KeyValueStore): number {
  const chain = store.get('chain.head', Uint8Array.of(1))
  const state = store.get('state.meta', new TextEncoder().encode('head'))
  if (chain === undefined || state === undefined) {
    assert.equal(chain, state)
    return -1
  }
  const height = Number(`0x${Buffer.from(chain).toString('hex')}`)
  assert.equal(Number(`0x${Buffer.from(state).toString('hex')}`), height)
  return height
}

/** Runs the chain in a process of its own until enough blocks are reported; kills it. */
async function runUntilKilled(folder: string, acknowledgedMin: number): Promise<number> {
  const script = fileURLToPath(new URL('testing/run-killed-chain.ts', import.meta.url))
  const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    output += text
    if (output.split('\n').length > acknowledgedMin) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.once('close', resolve))
  assert.equal(child.signalCode, 'SIGKILL')
  return Math.max(...output.trim().split('\n').map(Number))
}
