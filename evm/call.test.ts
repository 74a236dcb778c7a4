import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bigintToBytes, emptyBytes } from '@zg/primitives'

import { environmentOf } from './block-environment.ts'
import { call } from './call.ts'
import type { CallInput } from './call.ts'
import { MemoryState } from '@zg/state'
import type { Allocation } from '@zg/state'
import { runScenario } from './differential.ts'
import { configAtFork } from './fork.ts'
import { opcodeName } from './opcodes.ts'
import { Assembler } from './testing/assembler.ts'
import { randomScenario } from './testing/random-scenario.ts'
import type { TraceStep } from './tracer.ts'

const from = 0xf00n
const to = 0x70n
const fields = {
  coinbase: 0xc01n,
  number: 5,
  timestamp: 100,
  gasLimit: 30_000_000n,
  prevRandao: new Uint8Array(32),
  baseFeePerGas: 7n,
  excessBlobGas: 0n,
}
const block = environmentOf(fields, {
  config: configAtFork(1n, 'osaka'),
  blockHash: () => undefined,
})

function messageTo(code: Uint8Array, input: Partial<CallInput> = {}): CallInput {
  const contract: Allocation = { address: to, nonce: 1n, balance: 0n, code, storage: [] }
  const sender: Allocation = { ...contract, address: from, code: emptyBytes, balance: 1_000_000n }
  const state = new MemoryState([contract, sender])
  return { state, block, from, to, gasLimit: 100_000n, ...input }
}

const adder = new Assembler()
  .push(0)
  .op('CALLDATALOAD')
  .push(1)
  .op('ADD')
  .push(0)
  .op('MSTORE')
  .push(32, 0)

test('call: returns output and gas as a transaction would pay it', () => {
  const result = call(messageTo(adder.op('RETURN').build(), { data: bigintToBytes(41n, 32) }))
  assert.equal(result.status, 'success')
  assert.deepEqual(result.status === 'success' && result.output, bigintToBytes(42n, 32))
  // 21,000 + 140 for data + 24 to run is below the floor of EIP-7623: 21,000 + 10 · 35 tokens.
  assert.equal(result.status === 'success' && result.gasUsed, 21_350n)
  const cancun = { ...block, fork: 'cancun' } as const
  const before = call(
    messageTo(adder.op('RETURN').build(), { data: bigintToBytes(41n, 32), block: cancun }),
  )
  assert.equal(before.status === 'success' && before.gasUsed, 21_164n)
})

test('call: revert data and failure', () => {
  const reverting = new Assembler().push(7, 0).op('MSTORE').push(32, 0).op('REVERT').build()
  const reverted = call(messageTo(reverting))
  assert.equal(reverted.status, 'revert')
  assert.deepEqual(reverted.status === 'revert' && reverted.output, bigintToBytes(7n, 32))
  const failed = call(messageTo(Uint8Array.of(0xfe)))
  assert.equal(failed.status === 'failure' && failed.gasUsed, 100_000n)
})

test('call: what cannot begin is rejected', () => {
  const poor = call(messageTo(emptyBytes, { value: 1_000_001n }))
  assert.deepEqual(poor, { status: 'rejected', reason: 'funds-insufficient' })
  const low = call(messageTo(emptyBytes, { gasLimit: 20_999n }))
  assert.deepEqual(low, { status: 'rejected', reason: 'gas-limit-too-low' })
})

test('call: the limit stops an endless loop', () => {
  const endless = new Assembler()
  const again = endless.label()
  const code = endless.place(again).pushLabel(again).op('JUMP').build()
  const limit = { everySteps: 100, shouldAbort: () => true }
  assert.deepEqual(call(messageTo(code, { gasLimit: 10n ** 9n, limit })), { status: 'aborted' })
})

test('call: the state given does not change', () => {
  const code = new Assembler().push(1, 0).op('SSTORE').build()
  const message = messageTo(code, { value: 5n })
  assert.equal(call(message).status, 'success')
  assert.equal(message.state.storage(to, 0n), 0n)
  assert.equal(message.state.account(to)?.balance, 0n)
})

test('tracer: sees every step with the gas before it', () => {
  const steps: string[] = []
  const code = new Assembler().push(2, 3).op('ADD', 'POP', 'GAS', 'POP', 'STOP').build()
  const tracer = {
    onStep({ pc, opcode, gas, stackSize }: TraceStep) {
      steps.push(`${pc} ${opcodeName(opcode)} ${gas} ${stackSize}`)
    },
  }
  call(messageTo(code, { gasLimit: 21_100n, tracer }))
  assert.deepEqual(steps, [
    '0 PUSH1 100 0',
    '2 PUSH1 97 1',
    '4 ADD 94 2',
    '5 POP 91 1',
    '6 GAS 89 0',
    '7 POP 87 1',
    '8 STOP 85 0',
  ])
})

test('tracer: messages come and go in pairs', () => {
  const seen: string[] = []
  const code = new Assembler().push(0, 0, 0, 0, 0, 4).op('GAS', 'CALL').build()
  const tracer = {
    onEnter: ({ depth, kind, to: target }: { depth: number; kind: string; to: bigint }) =>
      seen.push(`enter ${depth} ${kind} ${target}`),
    onExit: ({ depth, outcome }: { depth: number; outcome: string }) =>
      seen.push(`exit ${depth} ${outcome}`),
  }
  call(messageTo(code, { tracer }))
  assert.deepEqual(seen, ['enter 0 call 112', 'enter 1 call 4', 'exit 1 success', 'exit 0 success'])
})

test('tracer: a traced run ends as an untraced one', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const scenario = randomScenario(seed, 'osaka')
    const traced = runScenario(scenario, { onStep() {} })
    assert.deepEqual(traced, runScenario(scenario), `seed ${seed}`)
  }
})
