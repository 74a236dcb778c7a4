import assert from 'node:assert/strict'
import { test } from 'node:test'

import { OverloadedError } from './dispersal.ts'
import { CountedClock } from '../testing/counted-clock.ts'
import { Turns } from './turns.ts'

function makeTurns() {
  const clock = new CountedClock()
  const limits = { atOnceMax: 2, waitingMax: 3, waitMsMax: 1_000, peerMax: 4 }
  return { clock, turns: new Turns({ clock, what: 'things', ...limits }) }
}

/** Says of each promise whether it is settled yet. */
async function settled(promises: readonly Promise<unknown>[]): Promise<boolean[]> {
  const waits = Symbol('waits')
  await new Promise((resolve) => setImmediate(resolve))
  const firsts = promises.map((one) =>
    Promise.race([one, Promise.resolve(waits)]).then(
      (value) => value !== waits,
      () => true,
    ),
  )
  return Promise.all(firsts)
}

test('Turns: so many go at once, the next when one ends, in the order in which they came', async () => {
  const { clock, turns } = makeTurns()
  const endFirst = await turns.take('a')
  await turns.take('b')
  const waiting = [turns.take('c'), turns.take('a'), turns.take('b')]
  assert.deepEqual(await settled(waiting), [false, false, false])
  endFirst()
  // Ending a turn twice ends no other one.
  endFirst()
  assert.deepEqual(await settled(waiting), [true, false, false])
  const endThird = await waiting[0]!
  endThird()
  assert.deepEqual(await settled(waiting), [true, true, false])
  assert.equal(clock.armedCount, 1)
})

test('Turns: refuses when too many wait, and of one peer before that', async () => {
  const { turns } = makeTurns()
  const ends = [await turns.take('a'), await turns.take('a')]
  const waiting = [turns.take('a'), turns.take('a')]
  await assert.rejects(turns.take('a'), OverloadedError)
  waiting.push(turns.take('b'))
  await assert.rejects(turns.take('c'), OverloadedError)
  for (const end of ends) end()
  assert.deepEqual(await settled(waiting), [true, true, false])
  // Who has gone counts no longer.
  const more = [turns.take('a'), turns.take('a')]
  assert.deepEqual(await settled(more), [false, false])
  await assert.rejects(turns.take('a'), OverloadedError)
})

test('Turns: who waits too long is refused, and who gives up leaves', async () => {
  const { clock, turns } = makeTurns()
  const endFirst = await turns.take('a')
  await turns.take('a')
  const late = turns.take('b')
  const refused = assert.rejects(late, OverloadedError)
  await clock.pass(1_000)
  await refused

  const leaving = new AbortController()
  const left = turns.take('b', leaving.signal)
  const last = turns.take('c')
  leaving.abort(new Error('gone'))
  await assert.rejects(left, /gone/)
  await assert.rejects(turns.take('b', leaving.signal), /gone/)
  endFirst()
  assert.deepEqual(await settled([last]), [true])
  assert.equal(clock.armedCount, 0)
})
