import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromHex } from '@zg/primitives'

import { deploymentCalls, handOverCalls, l1AddressesOf } from './deployment.ts'
import type { L1ContractName, L1DeploymentOptions, L1Parameters } from './deployment.ts'
import { somebody } from './testing/contract-world.ts'
import { emptyChain } from './testing/empty-chain.ts'
import { governed } from './testing/stake-world.ts'

const ether = 10n ** 18n

const options: L1DeploymentOptions = {
  deployer: somebody,
  epochStart: 1_800_000_000,
  parameters: {
    epochSeconds: 100,
    finalityLagSeconds: 49,
    unbondingSeconds: 500,
    evidenceAgeMaxSeconds: 400,
    massDelaySeconds: 60,
    certificateAgeMaxSeconds: 39,
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
    governed,
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
  const world = emptyChain()
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

test('no contract comes to stand by clocks that do not fit: a second decides', () => {
  const cases: readonly [name: L1ContractName, bent: Partial<L1Parameters>][] = [
    ['OperatorRegistry', { finalityLagSeconds: 50 }],
    ['SlashingManager', { evidenceAgeMaxSeconds: 401 }],
    ['SlashingManager', { massDelaySeconds: 61 }],
    ['SlashingManager', { certificateAgeMaxSeconds: 40 }],
    ['SlashingManager', { unbondingSeconds: 499 }],
  ]
  for (const [name, bent] of cases) {
    const world = emptyChain()
    const parameters = { ...options.parameters, ...bent }
    const calls = deploymentCalls({ ...options, parameters })
    const refused = calls.find(
      ({ to, data }) => !world.execute({ to: BigInt(to), data: fromHex(data) }),
    )
    assert.equal(refused?.what, `deploy ${name}`, JSON.stringify(bent))
  }
})
