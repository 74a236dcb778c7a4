import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SimulatedClock } from '@zg/runtime'
import type { Clock } from '@zg/runtime'

import { PacedAnswers } from './paced-answers.ts'

/** A clock on which work takes time. */
function workClock() {
  const simulated = new SimulatedClock(0)
  let workedMs = 0
  const clock: Clock = {
    nowMs: () => simulated.nowMs() + workedMs,
    setTimer: (delayMs, fire) => simulated.setTimer(delayMs, fire),
  }
  const work = (durationMs: number): void => {
    workedMs += durationMs
  }
  return { simulated, clock, work }
}

test('PacedAnswers answers in order and rests for as long as each answer took', async () => {
  const { simulated, clock, work } = workClock()
  const paced = new PacedAnswers(clock)
  const told: string[] = []
  for (const name of ['a', 'b', 'c']) {
    const answer = paced.answer(() => {
      work(40)
      return name
    })
    void answer.then((value) => told.push(`${value} at ${simulated.nowMs()}`))
  }
  await simulated.run({ untilMs: 39 })
  assert.deepEqual(told, ['a at 0'])
  await simulated.run({ untilMs: 200 })
  assert.deepEqual(told, ['a at 0', 'b at 40', 'c at 80'])
})

test('PacedAnswers goes on after an answer that failed', async () => {
  const { simulated, clock } = workClock()
  const paced = new PacedAnswers(clock)
  const failure = new Error('a bug')
  const failed = assert.rejects(
    paced.answer(() => {
      throw failure
    }),
    failure,
  )
  const answer = paced.answer(() => 7)
  await simulated.run({ untilMs: 10 })
  await failed
  assert.equal(await answer, 7)
})
