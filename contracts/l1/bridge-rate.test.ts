import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { somebody } from '../testing/contract-world.ts'
import { L1World } from '../testing/l1-world.ts'
import { NetworkWorld } from '../testing/network-world.ts'
import { refuses } from '../testing/refuses.ts'
import { testOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const all = [1, 2, 3, 4].map((index) => testOperator(index))
const alice: Hex = toHex(new Uint8Array(20).fill(0xa1))
const bob: Hex = toHex(new Uint8Array(20).fill(0xb0))
const stranger: Hex = toHex(new Uint8Array(20).fill(0x57))

/** Network 0, to which 4,000 tokens went; entries of so many tokens each have left it for Bob. */
async function openClaims(amounts: readonly bigint[]) {
  const l1 = new L1World()
  l1.openNetwork(0)
  l1.settle(all, { ids: [0] })
  l1.goToEpoch(12)
  l1.send(l1.token, 'approve', [l1.bridge.address, 2n ** 256n - 1n])
  for (let index = 0; index < 4; index++) {
    l1.send(l1.bridge, 'deposit', [0, alice, 1_000n * ether])
  }
  const network = new NetworkWorld(l1, 0, all)
  for (const amount of amounts) network.send('withdraw', [bob], { value: amount * ether })
  await network.seal()
  network.certify()
  l1.send(l1.bridge, 'sync', await network.syncArgs(), stranger)
  const pay = (index: number) => l1.send(l1.bridge, 'claim', network.claimArgs(index), stranger)
  /** Announces a large one; returns when it may be paid. */
  const announce = (index: number): number => {
    const { events } = pay(index)
    assert.deepEqual(
      events.map(({ name }) => name),
      ['ClaimAnnounced'],
    )
    return Number(events[0]?.args['ready'])
  }
  const goTo = (time: number) => l1.world.advance(time - l1.world.timestamp)
  const available = () => l1.read(l1.bridge, 'availableOf', 0) as bigint
  return { l1, pay, announce, goTo, available }
}

test('large claims wait, all are limited by rate, and a guardian may pause for a while', async () => {
  const { l1, pay, announce, goTo, available } = await openClaims([401n, 400n, 400n, 300n, 1_500n])
  const ready = announce(0)
  assert.equal(l1.balanceOf(bob), 0n)
  assert.equal(available(), 1_000n * ether)
  refuses(() => pay(0), 'TooEarly')
  const last = announce(4)
  // The first takes 401 of the 1,000 seconds that the capacity takes, one above it more than all.
  assert.equal(last, ready + 1_500)
  pay(1)
  pay(2)
  refuses(() => pay(3), 'BeyondRate')
  l1.world.advance(100)
  pay(3)
  assert.equal(l1.balanceOf(bob), 1_100n * ether)
  goTo(ready - 1)
  refuses(() => pay(0), 'TooEarly')
  pay(0)
  assert.equal(l1.balanceOf(bob), 1_501n * ether)
  refuses(() => pay(4), 'TooEarly')
  goTo(last)

  const pause = (seconds: number, from = somebody) =>
    l1.send(l1.bridge, 'pause', [0, seconds], from)
  refuses(() => pause(10, alice), 'NotTheGuardian')
  refuses(() => pause(72 * 3_600 + 1), 'PauseTooLong')
  pause(1_000)
  refuses(() => pay(4), 'NetworkPaused')
  refuses(() => pause(1_000), 'PauseTooSoon')
  l1.world.advance(1_000)
  pay(4)
  assert.equal(l1.balanceOf(bob), 3_001n * ether)
  l1.world.advance(730 * 86_400)
  refuses(() => pause(10), 'NotTheGuardian')
})

test('no large claim holds up a small one, and no small one a large', async () => {
  const amounts = [900n, 900n, 400n, 400n, 150n, 1n]
  const { l1, pay, announce, goTo, available } = await openClaims(amounts)
  // Who has much to send through announces all of it, and takes what is small as well.
  const times = [announce(0), announce(1)]
  assert.deepEqual(times, [times[0], Number(times[0]) + 900])
  assert.equal(available(), 1_000n * ether)
  for (const index of [2, 3, 4]) pay(index)
  const full = l1.balanceOf(bob)
  // A small one waits for as long as its amount takes, whatever was claimed before.
  pay(5)
  assert.equal(l1.balanceOf(bob), full + ether)
  goTo(times[0] as number)
  pay(0)
  goTo(times[1] as number)
  pay(1)
  assert.equal(l1.balanceOf(bob), full + 1_801n * ether)
})

test('whoever claims first, a large claim has the time at which it was announced', async () => {
  const { l1, pay, announce, goTo } = await openClaims([500n, 500n, 500n])
  const readyFor = (amount: bigint) =>
    Number(l1.read(l1.bridge, 'readyFor', 0, amount * ether)) - l1.world.timestamp
  // Of nothing announced only the delay is waited for.
  assert.deepEqual([readyFor(300n), readyFor(301n), readyFor(1_000n)], [300, 301, 1_000])
  const first = announce(0)
  const second = announce(1)
  assert.equal(second, first + 500)
  goTo(first)
  const third = announce(2)
  assert.ok(third > second)
  refuses(() => pay(1), 'TooEarly')
  // The first is claimed late, and takes nothing of the others' time.
  goTo(second)
  pay(1)
  goTo(third)
  pay(2)
  pay(0)
  assert.equal(l1.balanceOf(bob), 1_500n * ether)
})

test('what a network never had is not announced, so it takes nothing of the rate', async () => {
  const { l1, pay, announce } = await openClaims([900_000_000n, 4_001n, 500n])
  for (const index of [0, 1]) refuses(() => pay(index), 'BeyondOutstanding')
  assert.equal(announce(2), l1.world.timestamp + 500)
})
