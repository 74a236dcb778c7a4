import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { createdAddress } from '@zg/evm'
import { bigintToHex, toHex } from '@zg/primitives'
import { createSystemClock, LmdbStore } from '@zg/runtime'
import type { Clock } from '@zg/runtime'

import { parseGenesis } from '../genesis.ts'
import { counterCode, initCodeOf, openRpcTestNode } from '../testing/rpc-test-node.ts'
import { signedTransfer, testAddresses, testGenesisJson, testKeys } from '../testing/test-chain.ts'
import { callsWaitingMax, callWaitMsMax } from './limits.ts'
import { SimulationThread } from './simulation-thread.ts'

const [senderKey] = testKeys as [Uint8Array]
const sender = bigintToHex(testAddresses[0] ?? 0n, 20)
const counter = bigintToHex(createdAddress(testAddresses[0] ?? 0n, 0n), 20)
const system = createSystemClock()
const { config } = parseGenesis(testGenesisJson())

/** Time and timers by hand. */
class HandClock implements Clock {
  ms = 0
  readonly timers = new Set<() => void>()

  nowMs(): number {
    return this.ms
  }

  setTimer(_delayMs: number, fire: () => void) {
    this.timers.add(fire)
    return { cancel: () => void this.timers.delete(fire) }
  }

  fire(): void {
    const due = new Set(this.timers)
    for (const fire of due) fire()
  }
}

const folder = await mkdtemp(join(tmpdir(), 'zg-simulation-'))
const store = LmdbStore.open(folder)
const thread = threadWith(system)
const there = await openRpcTestNode({ store, simulator: thread })
/** The same chain, with executions in place. */
const here = await openRpcTestNode({ chain: there.chain, pool: there.pool })
await there.ask('eth_sendRawTransaction', toHex(counterCreation()))
await there.mine()

after(async () => {
  await thread.close()
  await store.close()
  await rm(folder, { recursive: true })
})

function threadWith(clock: Clock): SimulationThread {
  return new SimulationThread({ folder, config, archive: false }, clock)
}

function counterCreation(): Uint8Array {
  const data = initCodeOf(counterCode)
  return signedTransfer(senderKey, { to: undefined, value: 0n, gasLimit: 200_000n, data })
}

const spender = `0x${'77'.repeat(20)}`
const withCode = (code: string) => ({ [spender]: { code } })
/** JUMPDEST, PUSH0, JUMP. */
const forEver = withCode('0x5b5f56')

const questions: readonly (readonly [method: string, ...params: unknown[]])[] = [
  ['eth_call', { to: counter }],
  ['eth_call', { to: counter }, { blockNumber: '0x0' }],
  ['eth_call', { to: counter }, 'pending'],
  ['eth_call', { to: counter, input: '0x01' }],
  ['eth_call', { to: spender }, 'latest', withCode('0xfe')],
  ['eth_call', { to: spender }, 'latest', withCode('0x5f405f5260205ff3')],
  ['eth_call', { to: spender }, 'latest', withCode('0x435f5260205ff3'), { number: '0x99' }],
  ['eth_call', { from: spender, to: sender, value: '0x1' }],
  ['eth_estimateGas', { from: sender, to: counter }],
  ['eth_estimateGas', { from: sender, to: counter }, 'pending'],
  ['eth_estimateGas', { from: sender, to: counter, input: '0x01' }],
  ['eth_createAccessList', { from: sender, to: counter }],
]

async function outcomeOf(asked: Promise<unknown>): Promise<unknown> {
  try {
    return { result: await asked }
  } catch (error) {
    assert.ok(error instanceof Error)
    return { message: error.message }
  }
}

test('SimulationThread answers what executions in place answer', async () => {
  for (const [method, ...params] of questions) {
    const expected = await outcomeOf(here.ask(method, ...params))
    const got = await outcomeOf(there.ask(method, ...params))
    assert.deepEqual(got, expected, `${method} ${JSON.stringify(params)}`)
  }
})

test('SimulationThread sees each block once it is durable', async () => {
  const balance = await there.ask('eth_getBalance', spender, 'latest')
  const readBalance = withCode('0x475f5260205ff3')
  const asWord = (quantity: unknown) => `0x${String(quantity).slice(2).padStart(64, '0')}`
  assert.equal(await there.ask('eth_call', { to: spender }, 'latest', readBalance), asWord(balance))
  const transfer = { nonce: 1n, to: BigInt(spender), value: 5n }
  await there.ask('eth_sendRawTransaction', toHex(signedTransfer(senderKey, transfer)))
  await there.mine()
  assert.equal(await there.ask('eth_call', { to: spender }, 'latest', readBalance), asWord('0x5'))
  const before = { blockNumber: '0x1' }
  assert.equal(await there.ask('eth_call', { to: spender }, before, readBalance), asWord('0x0'))
})

test('SimulationThread ends an execution that does not end, and goes on', async () => {
  const clock = new HandClock()
  const simulator = threadWith(clock)
  const { ask } = await openRpcTestNode({ chain: there.chain, pool: there.pool, simulator })
  // The thread has begun: its time is the execution's from here on.
  await ask('eth_call', { to: counter })
  const first = ask('eth_call', { to: spender }, 'latest', forEver)
  const second = ask('eth_call', { to: counter })
  await new Promise((resolve) => setImmediate(resolve))
  clock.fire()
  await assert.rejects(first, { code: -32005, message: /2000 ms for an execution/ })
  assert.equal(await second, await here.ask('eth_call', { to: counter }))
  await simulator.close()
})

test('SimulationThread gives up a thread that does not begin, and begins another', async () => {
  const clock = new HandClock()
  const simulator = threadWith(clock)
  const { ask } = await openRpcTestNode({ chain: there.chain, pool: there.pool, simulator })
  const call = ask('eth_call', { to: counter })
  await new Promise((resolve) => setImmediate(resolve))
  clock.fire()
  await assert.rejects(call, { code: -32005, message: /30000 ms for a thread to begin/ })
  assert.equal(await ask('eth_call', { to: counter }), await here.ask('eth_call', { to: counter }))
  await simulator.close()
})

test('SimulationThread refuses more than its limits, of number and of time', async () => {
  const clock = new HandClock()
  const simulator = threadWith(clock)
  const { ask } = await openRpcTestNode({ chain: there.chain, pool: there.pool, simulator })
  const calls = Array.from({ length: callsWaitingMax + 1 }, () => ask('eth_call', { to: counter }))
  const outcomes = Promise.allSettled(calls)
  await assert.rejects(ask('eth_call', { to: counter }), {
    code: -32005,
    message: /executions waiting/,
  })
  clock.ms = callWaitMsMax + 1
  const [first, ...others] = await outcomes
  assert.equal(first?.status, 'fulfilled')
  for (const other of others) assert.equal(other.status, 'rejected')
  await simulator.close()
})

test('SimulationThread refuses what waits when it is closed', async () => {
  const simulator = threadWith(system)
  const { ask } = await openRpcTestNode({ chain: there.chain, pool: there.pool, simulator })
  const call = ask('eth_call', { to: spender }, 'latest', forEver)
  await new Promise((resolve) => setImmediate(resolve))
  await simulator.close()
  await assert.rejects(call, { code: -32005 })
})
