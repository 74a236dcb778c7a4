import assert from 'node:assert/strict'
import { test } from 'node:test'

import { l1Load, networksHeld, playFixed, playWorlds } from './simulated-worlds.ts'

const costs = { idleSecond: 0.001, emptyBlock: 0.01, filledBlock: 0.03, transaction: 0.000_4 }

test('l1Load counts the gas of certificates', () => {
  const load = l1Load(1_000, 1)
  assert.deepEqual(load.gasPerDay, [550_000_000, 609_900_000])
  // 42 of 128 absent.
  assert.equal(load.gasPerDayOfAbsent, 609_900_000 + 1_000 * 42 * 14_810)
  assert.deepEqual(
    load.shareOfEthereum.map((share) => share.toFixed(5)),
    ['0.00212', '0.00235'],
  )
  assert.equal(l1Load(100, 24).gasPerDay[0], 1_320_000_000)
})

test('networksHeld is a machine over what one network asks of it', () => {
  // 0.001 + 0.03 / 2 + 45 · 0.0004 = 0.034
  assert.equal(networksHeld(4, costs), 117)
})

test('playFixed and playWorlds show flat machines, machines that grow, committees', () => {
  const large = { size: 10, costs: { ...costs, filledBlock: 0.036 } }
  const sizes = { small: { size: 4, costs }, large }
  const fixed = playFixed(200, costs)
  const [grown, drawn, enough] = playWorlds(200, sizes)
  assert.ok(grown && drawn && enough)
  assert.ok([fixed, grown, drawn, enough].every(({ label }) => label === 'simulation'))
  const offered = 200 * 45
  assert.ok(fixed.transactionsPerSecond < 0.9 * offered)
  assert.ok(grown.transactionsPerSecond > 0.95 * offered)
  assert.equal(drawn.committeeSize, 128)
  assert.equal(drawn.operators, 1_000)
  // A block of 128 members costs 0.03 + 124 · 0.001.
  const asked = 0.001 + (0.03 + 0.124) / 2 + 45 * 0.000_4
  assert.ok(Math.abs(drawn.coresUsedPerOperator / (asked * 25.6) - 1) < 0.05)
  assert.equal(enough.operators, Math.ceil((2 * 200 * 128 * asked) / 4))
  assert.ok(enough.transactionsPerSecond > 0.95 * offered)
})
