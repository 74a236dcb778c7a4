import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'

import { ContractRevertError, ContractWorld, somebody } from './contract-world.ts'
import type { Deployed } from './contract-world.ts'
import { stateTriesOf } from './state-tries.ts'

const other = '0x00000000000000000000000000000000000000a1'
const initial = 1_000n

/** Begins as every world here does, so all but the first remember. */
function openWorld({ timestamp = 1_800_000_000 } = {}) {
  const world = new ContractWorld({ timestamp })
  const token = world.deploy('TestCollateral', { args: [18] })
  world.send({ contract: token, name: 'mint', args: [somebody, initial] })
  return { world, token, balanceOf: (of: string) => balanceIn(world, token, of) }
}

function balanceIn(world: ContractWorld, token: Deployed, of: string): unknown {
  return world.read({ contract: token, name: 'balanceOf', args: [of] })
}

function transfer({ world, token }: ReturnType<typeof openWorld>, amount: bigint, from = somebody) {
  return world.send({ contract: token, name: 'transfer', args: [other, amount], from })
}

test('worlds that begin alike are alike, and none sees what another does', () => {
  const [first, second, third] = [openWorld(), openWorld(), openWorld()]
  const [ours, again] = [transfer(first, 7n), transfer(second, 7n)]
  assert.deepEqual(again, ours)
  assert.deepEqual(second.world.wholeAccounts(), first.world.wholeAccounts())
  assert.equal(second.world.timestamp, first.world.timestamp)
  transfer(second, 5n)
  transfer(third, 1n)
  const held = [first, second, third].map(({ balanceOf }) => balanceOf(other))
  assert.deepEqual(held, [7n, 12n, 1n])
})

test('a refusal is remembered as one', () => {
  for (let index = 0; index < 2; index++) {
    assert.throws(() => transfer(openWorld(), initial + 1n), ContractRevertError)
  }
})

test('the same message at another time, or after a state was written, is run', () => {
  const before = openWorld()
  transfer(before, 7n)
  const later = openWorld()
  later.world.advance(101)
  transfer(later, 7n)
  assert.equal(later.world.timestamp, before.world.timestamp + 100)

  const gone = openWorld()
  gone.world.place({ address: BigInt(gone.token.address), code: new Uint8Array(0) })
  assert.deepEqual(transfer(gone, 7n).events, [])

  const passed = openWorld()
  const { run } = passed.world
  const all = { from: BigInt(somebody), to: BigInt(passed.token.address), value: 0n }
  const word = (value: bigint): string => value.toString(16).padStart(64, '0')
  const data = Buffer.from(`a9059cbb${word(BigInt(other))}${word(initial)}`, 'hex')
  assert.ok(run.send({ ...all, data }).succeeded)
  assert.throws(() => transfer(passed, 7n), ContractRevertError)
})

test('stateTriesOf() builds on earlier tries, and has the root of a state that is built whole', async () => {
  const world = openWorld()
  const roots = new Set<string>()
  const look = async (): Promise<void> => {
    const { root, word } = await stateTriesOf(world.world)
    assert.deepEqual(root, world.world.run.state.root())
    assert.equal(word(world.token.address, 1_234n), 0n)
    roots.add(toHex(root))
  }
  await look()
  // Slots come, change, and go again.
  for (const amount of [1n, 2n, 997n]) {
    transfer(world, amount)
    await look()
  }
  world.world.send({
    contract: world.token,
    name: 'transfer',
    args: [somebody, initial],
    from: other,
  })
  await look()
  await look()
  assert.equal(roots.size, 5)
})
