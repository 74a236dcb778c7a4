import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createMetrics, MemoryStore, silentLogger } from '@zg/runtime'

import type { L1Endpoint } from './l1-endpoint.ts'
import { openWorld } from './testing/follower-world.ts'

/** Counts what an endpoint is asked. */
function counted(endpoint: L1Endpoint) {
  const asked = { headers: [] as bigint[], proofs: 0, credits: [] as (readonly bigint[])[] }
  const counting: L1Endpoint = {
    finalHeader: () => endpoint.finalHeader(),
    header: (number) => {
      asked.headers.push(number)
      return endpoint.header(number)
    },
    proof: (...question) => {
      asked.proofs++
      return endpoint.proof(...question)
    },
    credits: (query) => {
      asked.credits.push([query.fromBlock, query.toBlock])
      return endpoint.credits(query)
    },
  }
  return { asked, counting }
}

/** A follower that has seen three credits and kept them. */
async function openKept() {
  const world = openWorld()
  const { endpoint, mine, open } = world
  const store = new MemoryStore()
  for (const gwei of [5n, 6n, 7n]) {
    endpoint.credit(1, gwei, gwei)
    await mine()
  }
  await mine(3)
  const first = open({ store })
  await first.poll()
  assert.equal(first.credits(0n, 3n)?.length, 3)
  return { ...world, store, first }
}

test('L1Follower that starts again asks only for what is new', async () => {
  const { endpoint, mine, open, store, first } = await openKept()
  const { asked, counting } = counted(endpoint)
  const again = open({ store, endpoints: [counting] })
  assert.deepEqual(again.credits(0n, 3n), first.credits(0n, 3n), 'before anything is asked')
  assert.deepEqual(again.validatorSet(12n), first.validatorSet(12n))
  assert.equal(again.newestReference(), undefined, 'L1 has not said yet that it is still so')
  await again.poll()
  assert.deepEqual(again.newestReference(), first.newestReference())
  assert.equal(asked.proofs, 0)
  assert.deepEqual(asked.credits, [])

  endpoint.credit(1, 8n, 8n)
  await mine(3)
  await again.poll()
  assert.equal(again.credits(0n, 4n)?.length, 4)
  assert.deepEqual(asked.credits, [[3n, 6n]], 'logs of the blocks since')
  assert.equal(asked.proofs, 1, 'the Inbox of the new reference, no set')
  assert.deepEqual(open({ store }).credits(0n, 4n), again.credits(0n, 4n))
})

test('L1Follower forgets a memory that is damaged anywhere, and reads anew', async () => {
  const { mine, open, store, first } = await openKept()
  await mine(1)
  const rows = ['l1.cursor', 'l1.credits', 'l1.sets'].flatMap((table) =>
    [...store.range(table, {})].map(([key, value]) => ({ table, key, value })),
  )
  assert.equal(rows.length, 1 + 3 + 2)
  for (const { table, key, value } of rows) {
    const flipped = value.map((byte, index) => (index === value.length - 1 ? byte ^ 1 : byte))
    for (const damaged of [flipped, value.subarray(1), new Uint8Array(0), undefined]) {
      const copy = store.copy()
      await copy.write([{ table, key, value: damaged }])
      const again = open({ store: copy })
      // Without a set or without the cursor nothing is amiss: it is only asked for again.
      const isLess = damaged === undefined && table !== 'l1.credits'
      if (!isLess) assert.equal(again.credits(0n, 1n), undefined, table)
      await again.poll()
      assert.deepEqual(again.credits(0n, 3n), first.credits(0n, 3n))
      assert.deepEqual(again.validatorSet(12n), first.validatorSet(12n))
      const third = open({ store: copy })
      assert.deepEqual(third.credits(0n, 3n), first.credits(0n, 3n), 'it is kept whole again')
    }
  }
})

test('L1Follower takes nothing over that was kept of another network or clock', async () => {
  const { open, store, l1 } = await openKept()
  const epochs = { start: BigInt(l1.start) + 1n, length: BigInt(l1.epochSeconds) }
  for (const other of [{ networkId: 0 }, { epochs }, { fromBlock: 1n }]) {
    assert.equal(open({ store: store.copy(), ...other }).credits(0n, 1n), undefined)
  }
})

test('L1Follower believes nothing new when L1 is another one than before the restart', async () => {
  const { open, store, mine } = await openKept()
  const other = openWorld()
  other.l1.world.advance(7)
  await other.mine(12)
  await mine(2)
  const again = open({ store, endpoints: [other.endpoint] })
  await again.poll()
  await again.poll()
  assert.equal(again.newestReference(), undefined)
  assert.equal(again.finalNumber, undefined)
})

test('L1Follower loses nothing that it believed when it is killed between any two batches', async () => {
  const { endpoint, mine, open } = openWorld()
  const store = new MemoryStore()
  const follower = open({ store })
  const states: MemoryStore[] = [store.copy()]
  for (let round = 0; round < 6; round++) {
    endpoint.credit(1, 9n, BigInt(round + 1))
    await mine(2)
    await follower.poll()
    states.push(store.copy())
  }
  for (const state of states) {
    const again = open({ store: state })
    await again.poll()
    assert.deepEqual(again.newestReference(), follower.newestReference())
    assert.deepEqual(again.credits(0n, 5n), follower.credits(0n, 5n))
  }
})

test('L1Follower says once that L1 is behind what was kept, and goes on when it catches up', async () => {
  const { endpoint, open, store, first } = await openKept()
  const early = await endpoint.header(2n)
  assert.ok(early !== undefined)
  const [warned, told]: [string[], string[]] = [[], []]
  const log = {
    ...silentLogger,
    warn: (message: string) => void warned.push(message),
    info: (message: string) => void told.push(message),
  }
  const metrics = createMetrics()
  const again = open({ store, log, metrics })
  endpoint.bend = { final: () => early }
  for (let poll = 0; poll < 3; poll++) await again.poll()
  assert.equal(again.newestReference(), undefined)
  assert.equal(again.blocksBehind, (first.finalNumber ?? 0n) - 2n)
  assert.equal(again.problem, undefined, 'nothing is wrong with what it answers')
  assert.match(await metrics.text(), /^zg_l1_blocks_behind [1-9]/m)
  assert.equal(warned.length, 1)
  assert.match(warned[0] ?? '', /another endpoint, or stop and remove "l1.mdb"/)
  endpoint.bend = {}
  await again.poll()
  assert.deepEqual(again.newestReference(), first.newestReference())
  assert.equal(again.blocksBehind, 0n)
  assert.match(await metrics.text(), /^zg_l1_blocks_behind 0/m)
  assert.deepEqual(told, ['L1 has caught up'])
})

test('L1Follower follows L1 while what is damaged cannot be forgotten, and keeps it once it can', async () => {
  const { mine, open, store, first } = await openKept()
  await store.write([{ table: 'l1.cursor', key: Uint8Array.of(0), value: Uint8Array.of(1) }])
  const write = store.write.bind(store)
  let refusals = 0
  store.write = () => {
    refusals++
    return Promise.reject(new Error('the disk is full'))
  }
  const again = open({ store })
  for (let poll = 1; poll < 4; poll++) {
    await mine(1)
    await again.poll()
    assert.equal(
      again.newestReference()?.number,
      (first.newestReference()?.number ?? 0n) + BigInt(poll),
    )
    assert.deepEqual(again.credits(0n, 3n), first.credits(0n, 3n))
  }
  assert.ok(refusals >= 3, 'it is tried at every poll')
  store.write = write
  await again.poll()
  assert.deepEqual(open({ store }).credits(0n, 3n), first.credits(0n, 3n))
})
