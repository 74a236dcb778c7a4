import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromHex } from '@zg/primitives'

import { create2Deployer, deploymentCalls, handOverCalls, l1AddressesOf } from './deployment.ts'
import type { L1DeploymentOptions } from './deployment.ts'
import { ContractWorld, somebody } from './testing/contract-world.ts'

/** What stands at the address of the CREATE2 deployer on every chain. */
const create2Code = fromHex(
  '0x' +
    '7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035' +
    '828234f58015156039578182fd5b8082525050506014600cf3',
)

const ether = 10n ** 18n

const options: L1DeploymentOptions = {
  deployer: somebody,
  epochStart: 1_800_000_000,
  parameters: {
    epochSeconds: 100,
    unbondingSeconds: 500,
    evidenceAgeMaxSeconds: 400,
    massDelaySeconds: 60,
    certificateAgeMaxSeconds: 100,
    deadAfterSeconds: 2_000,
    bridge: {
      rateCapacity: 1_000n * ether,
      rateWindowSeconds: 1_000,
      largeAmount: 400n * ether,
      largeDelaySeconds: 300,
      securedBps: 10_000,
      exitDelaySeconds: 500,
    },
    governance: {
      votingDelaySeconds: 60,
      votingPeriodSeconds: 600,
      lateQuorumSeconds: 60,
      timelockSeconds: 120,
      stakersTimelockSeconds: 1_000,
    },
    governed: {
      operatorBps: 1_000,
      churnBps: 500,
      operatorsMin: 1,
      stakeMinGwei: 1n,
      gasLimit: 60_000_000,
      drainEpochs: 4,
      loadEpochs: 2,
      coolDownEpochs: 4,
    },
  },
  owners: {
    ecosystem: somebody,
    alignment: somebody,
    community: somebody,
    team: somebody,
    backers: somebody,
  },
  guardian: somebody,
  genesisOutstanding: 1_000n * ether,
}

test('deploymentCalls put every contract to its foretold address, handOverCalls give it away', () => {
  const world = new ContractWorld()
  world.place({ address: BigInt(create2Deployer), code: create2Code })
  const addresses = l1AddressesOf(somebody)
  for (const { what, to, data } of deploymentCalls(options)) {
    assert.ok(world.execute({ to: BigInt(to), data: fromHex(data) }), what)
  }
  for (const [name, address] of Object.entries(addresses)) {
    assert.ok(world.codeOf(BigInt(address)).length > 0, name)
  }
  const timelock = world.at('TimelockController', addresses.TimelockController)
  const token = world.at('ZgToken', addresses.ZgToken)
  const minter = world.read({ contract: token, name: 'minter' }) as string
  assert.equal(minter.toLowerCase(), addresses.RewardBridge)
  const delay = () => world.read({ contract: timelock, name: 'getMinDelay' })
  assert.equal(delay(), 0n)
  const [again] = deploymentCalls(options).slice(1)
  assert.ok(again !== undefined)
  assert.equal(world.execute({ to: BigInt(again.to), data: fromHex(again.data) }), false)

  for (const { what, to, data } of handOverCalls(options)) {
    assert.ok(world.execute({ to: BigInt(to), data: fromHex(data) }), what)
  }
  assert.equal(delay(), 120n)
  const [first] = handOverCalls(options)
  assert.ok(first !== undefined)
  const isTaken = world.execute({ to: BigInt(first.to), data: fromHex(first.data) })
  assert.equal(isTaken, false, 'the deployer decides nothing any more')
})
