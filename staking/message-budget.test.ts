import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { L1Receipt } from './l1-chain.ts'
import { L1RefusedError, L1SendFailedError } from './l1-sender.ts'
import { MessageBudget } from './message-budget.ts'

const message = { to: 1n, data: new Uint8Array(0) }

/** A budget of 3,600 gas an hour, and who sends by it. */
function openBudget() {
  const outcomes: (bigint | Error)[] = []
  const sender = {
    async send(): Promise<L1Receipt> {
      const outcome = outcomes.shift() ?? 0n
      if (outcome instanceof Error) throw outcome
      return { blockNumber: 1n, succeeded: true, gasUsed: outcome }
    },
  }
  const budget = new MessageBudget({ source: 'L1', sender, gasMax: 10n, gasPerHour: 3_600n })
  const cost = async (outcome: bigint | Error): Promise<void> => {
    outcomes.push(outcome)
    await budget.sender.send(message).catch(() => {})
  }
  return { budget, cost }
}

test('MessageBudget comes back evenly, and is never more than an hour has', async () => {
  const { budget, cost } = openBudget()
  assert.equal(budget.isSpent(1_000n), false)
  await cost(3_601n)
  for (const now of [1_000n, 1_001n]) assert.equal(budget.isSpent(now), true)
  assert.equal(budget.isSpent(1_002n), false)
  assert.equal(budget.isSpent(999n), false, 'a clock that falls takes nothing away')
  assert.equal(budget.isSpent(1_000_000n), false)
  await cost(3_600n)
  assert.equal(budget.isSpent(1_000_000n), true)
})

test('MessageBudget comes back in full however often it is looked at', async () => {
  const slow = new MessageBudget({
    source: 'L1',
    sender: { send: async () => ({ blockNumber: 1n, succeeded: true, gasUsed: 2n }) },
    gasPerHour: 1n,
  })
  assert.equal(slow.isSpent(0n), false)
  await slow.sender.send(message)
  for (let now = 1n; now < 7_200n; now += 100n) assert.equal(slow.isSpent(now), true)
  assert.equal(slow.isSpent(7_300n), false)
})

test('MessageBudget counts what reverted, what may come in yet, and not what was not sent', async () => {
  for (const [outcome, isSpent] of [
    [new L1RefusedError('AlreadyDone'), false],
    [new L1RefusedError('', 3_600n), true],
    [new L1SendFailedError('it is in no block'), true],
    [new Error('the endpoint fails'), false],
  ] as const) {
    const { budget, cost } = openBudget()
    await cost(outcome)
    assert.equal(budget.isSpent(0n), isSpent, String(outcome))
  }
})

test('MessageBudget pays for a receiver up to its limit', () => {
  const { budget } = openBudget()
  assert.deepEqual(
    [9n, 10n, 11n].map((gas) => budget.isTooDear(gas)),
    [false, false, true],
  )
})
