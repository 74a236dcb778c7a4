import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Operator } from '@zg/sdk'

import { finalityAgeMaxMs, healthOf, isNeeded, sayHealth, sayStanding } from './network-health.ts'
import type { NetworkHealth, ValidatorHealth } from './network-health.ts'

const operator: Operator = {
  address: '0x70997970c51812dc3a010c7d01b50e0d17dc79c8',
  publicKey: '0x',
  weight: 0n,
  weightComing: 0n,
  stakeWei: 0n,
  ownStakeWei: 0n,
  networks: [],
  commissionBps: 0,
  commissionComing: undefined,
  isTombstone: true,
  punishments: [{ network: 0, epoch: 12n, fault: 'S5', bps: 6_500, amountWei: 1n }],
}

function validatorOf(
  index: number,
  { weight, ageMs, ...rest }: Partial<ValidatorHealth> & { readonly ageMs?: number },
): ValidatorHealth {
  const isUp = ageMs !== undefined
  const head = isUp ? { height: 300n - BigInt(ageMs) / 1_000n, ageMs } : undefined
  const state = isUp ? 'ready' : 'killed'
  const part = { name: `net-0/val-${index}`, state, pid: undefined, restarts: 0 } as const
  const told = { index, rpc: '', part, head, peers: 3, problem: isUp ? undefined : 'killed', isUp }
  return { ...told, operator: undefined, weight, ...rest }
}

function networkOf(validators: readonly ValidatorHealth[], outsideWeight = 0n): NetworkHealth {
  return healthOf({ id: 0, epoch: 14n, validators, outsideWeight })
}

const late = finalityAgeMaxMs + 1_000

test('healthOf counts by the weight of the set: one who left it is not missed', () => {
  const left = validatorOf(3, { weight: 0n, ageMs: 540_000, operator })
  const up = [0, 1, 2].map((index) => validatorOf(index, { weight: 50n, ageMs: 400 }))
  const health = networkOf([...up, left])
  assert.equal(health.standsStill, false)
  assert.deepEqual(health.set, {
    members: 3,
    membersUp: 3,
    weight: 150n,
    weightUp: 150n,
    isQuorum: true,
  })
  const said = 'height 300, final block 400 ms old, 3 of 3 members up with 100.0 % of its weight'
  assert.equal(sayHealth(health), said)
  assert.equal(isNeeded(left), false)
})

test('healthOf: more than two thirds must be up, exactly two thirds are too few', () => {
  const up = [0, 1].map((index) => validatorOf(index, { weight: 50n, ageMs: late }))
  const health = networkOf([...up, validatorOf(2, { weight: 50n })])
  assert.equal(health.standsStill, true)
  assert.equal(health.set?.isQuorum, false)
  assert.equal(
    sayHealth(health),
    'stands still at height 289, final block 11.0 s old, 2 of 3 members up with 66.7 % of its weight; more than two thirds must be',
  )
  const heavy = networkOf([...up, validatorOf(2, { weight: 49n })])
  assert.equal(heavy.set?.isQuorum, true)
  assert.match(sayHealth(heavy), /67\.1 % of its weight, which is enough: its logs say more$/)
})

test('what nobody knows is not made up', () => {
  const silent = networkOf([0, 1].map((index) => validatorOf(index, { ageMs: late })))
  assert.equal(silent.set, undefined)
  assert.equal(sayHealth(silent), 'stands still at height 289, final block 11.0 s old')
  const shared = networkOf([validatorOf(0, { weight: 50n, ageMs: 400 })], 1n)
  assert.equal(shared.set, undefined, 'nobody here knows whether a member elsewhere is up')
  assert.equal(sayHealth(networkOf([])), 'stands still: no validator answers, nobody is in its set')
  assert.ok(isNeeded(validatorOf(0, {})))
})

test('sayStanding tells of a slash, in the set and out of it', () => {
  const out = validatorOf(3, { weight: 0n, ageMs: 540_000, operator })
  assert.equal(
    sayStanding(out, 14n),
    ', its operator was slashed for S5 of epoch 12: it is in no set any more, and its node is cut off',
  )
  const inSet = validatorOf(3, { weight: 7n, ageMs: 400, operator })
  assert.match(sayStanding(inSet, 13n), /leaves all sets, but is still in the set of epoch 13$/)
  const gone = { ...operator, isTombstone: false, punishments: [] }
  const left = validatorOf(3, { weight: 0n, operator: gone })
  assert.equal(sayStanding(left, 14n), ', its operator is not in the set of epoch 14')
  assert.equal(sayStanding(validatorOf(0, { weight: 7n, operator: gone }), 14n), '')
  assert.equal(sayStanding(validatorOf(0, {}), undefined), '')
})
