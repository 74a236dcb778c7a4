import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createdAddress, decodeTransaction } from '@zg/evm'
import { bigintToHex, fromHex, toHex, toQuantity } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'

import {
  counterCode,
  counterRevertData,
  initCodeOf,
  openRpcTestNode,
} from '../testing/rpc-test-node.ts'
import { signedTransfer, tenEther, testAddresses, testKeys } from '../testing/test-chain.ts'

const [senderKey] = testKeys as [Uint8Array]
const [sender, other] = testAddresses.map((address) => bigintToHex(address, 20)) as [string, string]
const system = createSystemClock()
/** Time stands still, so that only gas ends an execution, on a slow machine too. */
const standing = { nowMs: () => 0, setTimer: system.setTimer.bind(system) }
const { ask, mine, chain } = await openRpcTestNode({ clock: standing })
const counter = bigintToHex(createdAddress(testAddresses[0] ?? 0n, 0n), 20)
await ask(
  'eth_sendRawTransaction',
  toHex(
    signedTransfer(senderKey, {
      to: undefined,
      value: 0n,
      gasLimit: 200_000n,
      data: initCodeOf(counterCode),
    }),
  ),
)
await mine()

const word = (value: bigint | number) => `0x${value.toString(16).padStart(64, '0')}`
const nowhere = `0x${'77'.repeat(20)}`
/** Puts code at an address for one call. */
const withCode = (code: string) => ({ [nowhere]: { code } })
/** Runs code that leaves a word on the stack and returns that word. */
const returning = (code: string) => withCode(`0x${code}5f5260205ff3`)
const call = (request: object, ...rest: unknown[]) => ask('eth_call', request, ...rest)

test('eth_call returns output and changes nothing', async () => {
  assert.equal(await call({ to: counter }), word(1))
  assert.equal(await call({ to: counter }, 'latest'), word(1))
  assert.equal(await call({ to: counter }, { blockNumber: 'earliest' }), '0x')
  assert.equal(await call({ data: toHex(initCodeOf(counterCode)) }), toHex(counterCode))
})

test('eth_call sends revert data and the reason', async () => {
  await assert.rejects(call({ to: counter, input: '0x01' }), {
    code: 3,
    message: 'execution reverted: no',
    data: counterRevertData,
  })
  const panic = `4e487b71${word(0x11).slice(2)}`
  const code = `0x63${panic.slice(0, 8)}60e01b5f52601160045260245ffd`
  await assert.rejects(call({ to: nowhere }, 'latest', withCode(code)), {
    code: 3,
    message: /panic: arithmetic overflow or underflow \(0x11\)/,
    data: `0x${panic}`,
  })
})

test('eth_call tells failures apart from reverts', async () => {
  const reasons = [
    ['0xfe', /^invalid opcode/],
    ['0x01', /^stack underflow/],
    ['0x5f56', /^invalid jump destination/],
    ['0x5b5f5f56', /^stack limit reached/],
    ['0x5f60015f3e', /^return data out of bounds/],
  ] as const
  for (const [code, message] of reasons) {
    const answer = call({ to: nowhere }, 'latest', withCode(code))
    await assert.rejects(answer, { code: -32000, message }, code)
  }
  await assert.rejects(call({ to: nowhere, gas: '0x5207' }), {
    code: -32000,
    message: /^intrinsic gas too low/,
  })
  await assert.rejects(call({ from: nowhere, to: sender, value: '0x1' }), {
    code: -32000,
    message: /^insufficient funds/,
  })
  await assert.rejects(call({ to: counter, maxFeePerGas: '0x1' }), {
    code: -32000,
    message: /^max fee per gas less than block base fee/,
  })
  await assert.rejects(call({ to: counter }, '0x9'), { code: -32001 })
})

test('eth_call has at most 50,000,000 gas, however much is asked for', async () => {
  // GAS
  const gas = BigInt(
    String(await call({ to: nowhere, gas: '0xffffffffff' }, 'latest', returning('5a'))),
  )
  assert.equal(gas, 50_000_000n - 21_000n - 2n)
  // JUMPDEST, PUSH0, JUMP: for ever
  await assert.rejects(call({ to: nowhere }, 'latest', withCode('0x5b5f56')), {
    code: -32000,
    message: /out of gas/,
  })
})

test('eth_call stops when its time is over', async () => {
  let ms = 0
  const clock = {
    nowMs: () => (ms += 1_000),
    setTimer: (_delayMs: number, fire: () => void) => system.setTimer(0, fire),
  }
  const { ask: askSlow } = await openRpcTestNode({ clock })
  await assert.rejects(askSlow('eth_call', { to: nowhere }, 'latest', withCode('0x5b5f56')), {
    code: -32005,
    message: /2000 ms for an execution/,
  })
})

test('eth_call takes state overrides', async () => {
  const override = (fields: object) => ({ [counter]: fields })
  const at = (fields: object) => call({ to: counter }, 'latest', override(fields))
  assert.equal(await at({ stateDiff: { [word(0)]: word(41) } }), word(42))
  assert.equal(await at({ state: { [word(0)]: word(9) } }), word(10))
  assert.equal(await at({ state: {} }), word(1))
  assert.equal(await at({ code: '0x' }), '0x')
  const selfBalance = { code: '0x475f5260205ff3', balance: '0x5' }
  assert.equal(await at(selfBalance), word(5))
  const rich = { [nowhere]: { balance: toQuantity(tenEther) } }
  assert.equal(await call({ from: nowhere, to: sender, value: '0x1' }, 'latest', rich), '0x')
  await assert.rejects(at({ state: {}, stateDiff: {} }), { code: -32602 })
  await assert.rejects(at({ movePrecompileToAddress: nowhere }), { code: -32602 })
})

test('eth_call takes block overrides', async () => {
  const read = (opcode: string, blockOverride: object) =>
    call({ to: nowhere }, 'latest', returning(opcode), blockOverride)
  assert.equal(await read('43', { number: '0x99' }), word(0x99))
  assert.equal(await read('42', { time: '0x98' }), word(0x98))
  assert.equal(await read('41', { feeRecipient: sender }), word(BigInt(sender)))
  assert.equal(await read('44', { prevRandao: word(7) }), word(7))
  assert.equal(await read('48', { baseFeePerGas: '0x6' }), word(6))
  assert.equal(await read('4a', { blobBaseFee: '0x5' }), word(5))
  assert.equal(await read('45', { gasLimit: '0x4' }), word(4))
  assert.equal(await read('43', {}), word(1))
  assert.equal(await read('48', {}), word(chain.head().header.baseFeePerGas ?? 0n))
  await assert.rejects(read('43', { nummer: '0x1' }), { code: -32602 })
})

test('eth_call shows the hashes of earlier blocks', async () => {
  const genesisHash = toHex(chain.genesisHash)
  // BLOCKHASH(0) in block 1
  assert.equal(await call({ to: nowhere }, 'latest', returning('5f40')), genesisHash)
})

test('eth_estimateGas is exact: one unit less does not do', async () => {
  const requests: readonly object[] = [
    { from: sender, to: counter },
    { from: sender, to: other, value: '0x1' },
    { from: sender, to: other, value: '0x1', data: '0x01ff' },
    { from: sender, data: toHex(initCodeOf(counterCode)) },
    { from: sender, to: counter, accessList: [{ address: other, storageKeys: [word(1)] }] },
    // The identity precompile.
    { from: sender, to: `0x${'4'.padStart(40, '0')}`, data: '0x010203' },
  ]
  for (const request of requests) {
    const estimate = BigInt(String(await ask('eth_estimateGas', request)))
    await call({ ...request, gas: toQuantity(estimate) })
    await assert.rejects(call({ ...request, gas: toQuantity(estimate - 1n) }), { code: -32000 })
  }
  assert.equal(await ask('eth_estimateGas', { from: sender, to: other }), '0x5208')
})

test('eth_estimateGas leaves enough for calls and refunds', async () => {
  // PUSH0 ×5, PUSH20 counter, GAS, CALL, then revert unless it succeeded.
  const forward = `0x5f5f5f5f5f73${counter.slice(2)}5af16025575f5ffd5b00`
  const at = forward.length / 2 - 3
  const code = forward.replace('6025', `60${at.toString(16)}`)
  // SSTORE(0, 0) on a slot that holds 1: a refund.
  const clearing = { [nowhere]: { code: '0x5f5f5500', state: { [word(0)]: word(1) } } }
  for (const overrides of [withCode(code), clearing]) {
    const request = { from: sender, to: nowhere }
    const estimate = BigInt(String(await ask('eth_estimateGas', request, 'latest', overrides)))
    await call({ ...request, gas: toQuantity(estimate) }, 'latest', overrides)
    const less = call({ ...request, gas: toQuantity(estimate - 1n) }, 'latest', overrides)
    await assert.rejects(less)
  }
})

test('eth_estimateGas says why nothing is enough', async () => {
  await assert.rejects(ask('eth_estimateGas', { from: sender, to: counter, data: '0x01' }), {
    code: 3,
    data: counterRevertData,
  })
  await assert.rejects(ask('eth_estimateGas', { to: nowhere }, 'latest', withCode('0x5b5f56')), {
    code: -32000,
    message: /gas required exceeds allowance \(16777216\)/,
  })
  const poor = { from: nowhere, to: other, gasPrice: '0x3b9aca00' }
  await assert.rejects(ask('eth_estimateGas', poor), {
    code: -32000,
    message: /gas required exceeds allowance \(0\)/,
  })
  await assert.rejects(ask('eth_estimateGas', { ...poor, value: '0x1' }), {
    code: -32000,
    message: /insufficient funds for transfer/,
  })
})

test('eth_createAccessList lists what a transaction touches, and it is a fixed point', async () => {
  // SLOAD(5), then BALANCE(other)
  const code = `0x60055450` + `73${other.slice(2)}3150` + '00'
  const overrides = withCode(code)
  const request = { from: sender, to: nowhere }
  const listed = (await ask('eth_createAccessList', request, 'latest', overrides)) as {
    accessList: unknown[]
    gasUsed: string
    error?: string
  }
  assert.deepEqual(listed.accessList, [
    { address: nowhere, storageKeys: [word(5)] },
    { address: other, storageKeys: [] },
  ])
  assert.equal(listed.error, undefined)
  const again = await ask(
    'eth_createAccessList',
    { ...request, accessList: listed.accessList },
    'latest',
    overrides,
  )
  assert.deepEqual(again, listed)
  const reverted = (await ask('eth_createAccessList', { to: counter, data: '0x01' })) as {
    error: string
  }
  assert.equal(reverted.error, 'execution reverted: no')
})

test('eth_fillTransaction completes a request to a transaction that can be signed', async () => {
  const filled = (await ask('eth_fillTransaction', { from: sender, to: counter })) as {
    raw: string
    tx: Record<string, string>
  }
  const { tx } = filled
  assert.equal(tx['type'], '0x2')
  assert.equal(tx['nonce'], '0x1')
  assert.equal(tx['gas'], await ask('eth_estimateGas', { from: sender, to: counter }))
  assert.equal(BigInt(tx['maxPriorityFeePerGas'] ?? 0), 10n ** 9n)
  assert.equal(decodeTransaction(fromHex(filled.raw)).type, 2)
  const kinds = [
    [{ gasPrice: '0x77359400' }, '0x0'],
    [{ gasPrice: '0x77359400', accessList: [] }, '0x1'],
    [{ accessList: [] }, '0x2'],
    [{ authorizationList: [] }, '0x4'],
  ] as const
  for (const [fields, type] of kinds) {
    const request = { from: sender, to: other, gas: '0x5208', nonce: '0x7', ...fields }
    const answer = (await ask('eth_fillTransaction', request)) as { tx: Record<string, string> }
    assert.deepEqual([answer.tx['type'], answer.tx['nonce']], [type, '0x7'])
  }
  await assert.rejects(ask('eth_fillTransaction', { to: other }), { code: -32602 })
  await assert.rejects(ask('eth_fillTransaction', { from: sender, chainId: '0x1' }), {
    code: -32602,
  })
  await assert.rejects(ask('eth_fillTransaction', { from: sender, to: other, type: '0x3' }), {
    code: -32602,
    message: /blob transactions/,
  })
})
