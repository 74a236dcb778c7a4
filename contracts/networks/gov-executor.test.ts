import assert from 'node:assert/strict'
import { test } from 'node:test'

import { concat, fromHex, keccak256, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { encodeFunctionData } from 'viem'

import { somebody } from '../testing/contract-world.ts'
import type { Deployed } from '../testing/contract-world.ts'
import { govExecutor, governanceMessage, settingCall } from '../testing/governance-calls.ts'
import type { GovernanceCall } from '../testing/governance-calls.ts'
import { siblingsOf } from '../testing/history.ts'
import { openHub } from '../testing/hub-world.ts'
import { refuses } from '../testing/refuses.ts'

const alice = toHex(new Uint8Array(20).fill(0xa1))

const callOf = (
  { address, abi }: Deployed,
  functionName: string,
  args: unknown[],
): GovernanceCall => ({
  to: address,
  value: 0n,
  data: encodeFunctionData({ abi, functionName, args }),
})

/** In these worlds the timelock of governance is `somebody`. */
function openGovernance() {
  const { l1, home } = openHub()
  const executor = home.contract('GovExecutor')
  const leaves: Uint8Array[] = []
  /** Sends a message to the executor on L1 and brings it over; how the delivery went. */
  const govern = async (data: Hex, from = somebody) => {
    l1.send(l1.inbox, 'send', [home.id, govExecutor, data], from)
    const hash = keccak256(fromHex(data))
    leaves.push(sha256(concat(fromHex(from), fromHex(govExecutor), hash)))
    const { reference } = await home.refer()
    await home.seal({ l1: reference })
    const index = leaves.length - 1
    const message = { sender: from, to: govExecutor, data }
    const siblings = siblingsOf(leaves, index).map(toHex)
    const deliver = () => {
      const args = [message, index, siblings, home.headerProof()]
      return home.call('NetworkInbox', 'deliverL1', args, alice).events[0]?.name
    }
    return { first: deliver(), deliver }
  }
  const parameter = (index: number) => home.ask('GovExecutor', 'parameterOf', index)
  return { home, executor, govern, parameter }
}

test('GovExecutor does what the timelock on L1 says, brought by a stranger, once', async () => {
  const { home, govern, parameter } = openGovernance()
  const tester = home.world.deploy('MessageTester')
  home.world.pay(govExecutor, 7n)
  const pay: GovernanceCall = { to: alice, value: 7n, data: '0x' }
  const calls = [
    settingCall(0, 5n),
    settingCall(1, 9n),
    callOf(tester, 'setMode', [2, '0x12']),
    pay,
  ]
  const { first, deliver } = await govern(governanceMessage(calls))
  assert.equal(first, 'L1Delivered')
  assert.deepEqual([parameter(0), parameter(1)], [5n, 9n])
  assert.equal(home.world.read({ contract: tester, name: 'mode' }), 2)
  assert.equal(home.world.balanceOf(alice), 7n)
  refuses(deliver, 'AlreadyDone')
})

test('GovExecutor does all or nothing, and may be tried again', async () => {
  const { home, govern, parameter } = openGovernance()
  const before = [parameter(0), parameter(1)]
  const pay: GovernanceCall = { to: alice, value: 7n, data: '0x' }
  const { first, deliver } = await govern(governanceMessage([settingCall(0, 5n), pay]))
  assert.equal(first, 'L1DeliveryFailed')
  assert.deepEqual([parameter(0), parameter(1)], before)
  home.world.pay(govExecutor, 7n)
  assert.equal(deliver(), 'L1Delivered')
  assert.equal(parameter(0), 5n)
})

test('GovExecutor keeps what blocks obey within bounds that governance cannot leave', async () => {
  const { govern, parameter } = openGovernance()
  const fine = [settingCall(1, 10n ** 12n), settingCall(2, 10n ** 7n), settingCall(2, 10n ** 9n)]
  assert.equal((await govern(governanceMessage(fine))).first, 'L1Delivered')
  const before = [1, 2].map(parameter)
  assert.deepEqual(before, [10n ** 12n, 10n ** 9n])
  for (const [index, value] of [
    [1, 10n ** 12n + 1n],
    [2, 0n],
    [2, 10n ** 7n - 1n],
    [2, 10n ** 9n + 1n],
  ] as const) {
    assert.equal(
      (await govern(governanceMessage([settingCall(index, value)]))).first,
      'L1DeliveryFailed',
    )
  }
  assert.deepEqual([1, 2].map(parameter), before)
})

test('GovExecutor hears nobody else', async () => {
  const { home, executor, govern, parameter } = openGovernance()
  const data = governanceMessage([settingCall(0, 5n)])
  const { first, deliver } = await govern(data, alice)
  assert.deepEqual([first, deliver()], ['L1DeliveryFailed', 'L1DeliveryFailed'])
  refuses(() => home.call('GovExecutor', 'onL1Message', [somebody, data]), 'NotTheInbox')
  refuses(() => home.call('GovExecutor', 'onNetworkMessage', [1, somebody, data]), 'NotGovernance')
  refuses(() => home.call('GovExecutor', 'setParameter', [0, 5n]), 'NotGovernance')
  const unknown = callOf(executor, 'setParameter', [0, 5n])
  // A parameter that is not in the table.
  const beyond = `${unknown.data.slice(0, 73)}3${unknown.data.slice(74)}` as Hex
  assert.equal(
    (await govern(governanceMessage([{ ...unknown, data: beyond }]))).first,
    'L1DeliveryFailed',
  )
  assert.equal((await govern('0x1234')).first, 'L1DeliveryFailed')
  assert.notEqual(parameter(0), 5n)
})
