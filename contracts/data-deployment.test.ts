import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromHex } from '@zg/primitives'

import { dataAddressesOf, dataDeploymentCalls } from './data-deployment.ts'
import { dataSettingsDefault } from './system-contracts.ts'
import { somebody } from './testing/contract-world.ts'
import { emptyChain } from './testing/empty-chain.ts'

const options = {
  deployer: somebody,
  epochStart: 1_800_000_000,
  epochSeconds: 100,
  unbondingEpochs: 4,
  governor: somebody,
  data: dataSettingsDefault,
}

test('dataDeploymentCalls put every contract to its foretold address, and each knows its own', () => {
  const world = emptyChain()
  const at = dataAddressesOf(somebody)
  for (const { what, to, data } of dataDeploymentCalls(options)) {
    assert.ok(world.execute({ to: BigInt(to), data: fromHex(data) }), what)
  }
  const ask = (name: keyof typeof at, method: string, ...args: readonly unknown[]) => {
    const said = world.read({ contract: world.at(name, at[name]), name: method, args })
    return typeof said === 'string' ? said.toLowerCase() : said
  }
  const { codedRows, dataRows, quorumCount, votesMinGwei, pricePerByte } = dataSettingsDefault
  assert.equal(ask('BondedStake', 'unbonding'), 4n)
  assert.equal(ask('DataSigners', 'stake'), at.BondedStake)
  assert.equal(ask('DataSigners', 'governor'), somebody)
  assert.equal(ask('DataSigners', 'rowCount'), BigInt(codedRows))
  assert.equal(ask('DataSigners', 'votesMin'), votesMinGwei)
  assert.equal(ask('DataSigners', 'quorumCountOf', 0), BigInt(quorumCount))
  assert.equal(ask('DataEntrance', 'signersOf'), at.DataSigners)
  assert.equal(ask('DataEntrance', 'feeOf', 0, 64), BigInt(64 * dataRows) * pricePerByte)
  const queries = [1n, 0n].map((slot, index) =>
    world.slotOf(BigInt(index === 0 ? at.DataEntrance : at.DataQueries), slot),
  )
  assert.equal(queries[0], BigInt(at.DataQueries))
  assert.equal((queries[1] ?? 0n) & (2n ** 160n - 1n), BigInt(at.DataEntrance))
})

test('dataDeploymentCalls: bonds are held for four epochs at least', () => {
  const world = emptyChain()
  const calls = dataDeploymentCalls({ ...options, unbondingEpochs: 3 })
  const refused = calls.find(
    ({ to, data }) => !world.execute({ to: BigInt(to), data: fromHex(data) }),
  )
  assert.equal(refused?.what, 'deploy BondedStake')
})
