import assert from 'node:assert/strict'
import { test } from 'node:test'

import { startAnvil } from '@zg/evm/testing'
import { isHex } from '@zg/primitives'

import { clientOf } from './endpoint.ts'
import { explain } from './explain.ts'
import { Output } from './output.ts'
import {
  awaitReceipt,
  GasSpentError,
  gasQuarters,
  isFinal,
  isGasSpent,
  outcomeOf,
  RevertedError,
} from './transaction.ts'

const called = { program: 'zg', path: 'unstake' }

test('isGasSpent tells a call that ran out from one that was refused', () => {
  // As measured: the call inside kept a 64th back, and reverted with what was left.
  assert.ok(isGasSpent(257_633n, 254_582n))
  assert.ok(isGasSpent(21_000n, 21_000n))
  // Three calls inside each other, the innermost without gas.
  const left = 1_000_000n - (1_000_000n * 63n ** 3n) / 64n ** 3n
  assert.ok(isGasSpent(1_000_000n, 1_000_000n - left))
  assert.ok(!isGasSpent(1_000_000n, 200_000n))
  assert.ok(!isGasSpent(257_633n, 240_000n))
})

test('gas that ran out is said, with the command that mends it', () => {
  const error = new GasSpentError('unstake', {
    gas: 257_633n,
    gasUsed: 254_582n,
    blockNumber: 65n,
  })
  const { sentence, exitCode } = explain(error, called)
  const said = 'Cannot unstake: the gas ran out in block 65, it used 254,582 of 257,633'
  assert.equal(sentence, `${said}; zg unstake again: gas is estimated anew`)
  assert.equal(exitCode, 1)
  const { sentence: reverted } = explain(new RevertedError('unstake', 65n), called)
  assert.match(reverted, /^Cannot unstake: it reverted in block 65.*; zg unstake again: /)
})

test('a call of stake may use more than an epoch that turns makes of it', () => {
  const [newSlot, changedSlot] = [22_100n, 5_000n]
  assert.ok((gasQuarters.stake * changedSlot) / 4n > newSlot)
})

test('only what the chain calls final is called final', async (t) => {
  const anvil = await startAnvil(['--slots-in-an-epoch', '1'])
  if (anvil === undefined) {
    t.skip('anvil does not run here')
    return
  }
  t.after(() => anvil.close())
  const output = new Output({ out: { write: () => true }, isJson: false, env: {} })
  const input = { output, program: 'zg' }
  const client = clientOf({ url: anvil.url })
  const [from] = (await anvil.rpc('eth_accounts', [])) as readonly string[]
  const hash = await anvil.rpc('eth_sendTransaction', [{ from, to: from }])
  assert.ok(isHex(hash))

  const fresh = await awaitReceipt(input, client, hash)
  assert.equal(fresh.final, false)
  assert.equal(outcomeOf(input, fresh), '✓ in a block, not final yet')
  assert.equal(outcomeOf(input, { ...fresh, status: 'reverted' }), '✗ reverted')
  await anvil.rpc('anvil_mine', ['0x4'])
  const old = await awaitReceipt(input, client, hash)
  assert.equal(old.final, true)
  assert.equal(outcomeOf(input, old), '✓ final')
})

test('a block that another one replaced is not final, however high the chain grows', async (t) => {
  const anvil = await startAnvil(['--slots-in-an-epoch', '1'])
  if (anvil === undefined) {
    t.skip('anvil does not run here')
    return
  }
  t.after(() => anvil.close())
  const output = new Output({ out: { write: () => true }, isJson: false, env: {} })
  const client = clientOf({ url: anvil.url })
  const [from] = (await anvil.rpc('eth_accounts', [])) as readonly string[]
  const before = await anvil.rpc('evm_snapshot', [])
  const hash = await anvil.rpc('eth_sendTransaction', [{ from, to: from }])
  assert.ok(isHex(hash))
  const receipt = await awaitReceipt({ output, program: 'zg' }, client, hash)
  await anvil.rpc('evm_revert', [before])
  await anvil.rpc('anvil_mine', ['0x8'])
  const { number } = await client.getBlock({ blockTag: 'finalized' })
  assert.ok(number >= receipt.blockNumber)
  assert.equal(await isFinal(client, receipt), false)
})
