import assert from 'node:assert/strict'
import { test } from 'node:test'

import { AnswerBudget, answersAtOnce, answersPerSecond } from './answers.ts'

test('AnswerBudget gives each peer its own share, and more with time', () => {
  let nowMs = 0
  const budget = new AnswerBudget({
    nowMs: () => nowMs,
    setTimer: () => assert.fail('no timer is needed'),
  })
  const takeAll = (peer: string): number => {
    let taken = 0
    while (budget.take(peer)) taken++
    return taken
  }
  assert.equal(takeAll('a'), answersAtOnce)
  assert.equal(takeAll('b'), answersAtOnce)
  nowMs += 1_000
  assert.equal(takeAll('a'), answersPerSecond)
  nowMs += 3_600_000
  assert.equal(takeAll('a'), answersAtOnce)
})
