import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'
import type { GenesisFacts, RegisteredNetwork } from '@zg/staking'

import { LocalNetworkHost } from './network-host.ts'
import { grantPorts, portWishes } from './ports.ts'
import { hashOfGenesis, stakedGenesis } from './staked-genesis.ts'
import { Supervisor } from './supervisor.ts'
import { chainIdMax, networkCountMax, planWorld, resolveWorld } from './world.ts'

test('LocalNetworkHost says what keeps a network from running here', async () => {
  const fresh = { random: new Uint8Array(32), nowSeconds: 0 }
  const kept = resolveWorld({ minimal: false, seed: '42' }, undefined, fresh)
  const wishes = portWishes({ withL1: true, ...kept, offset: 0 })
  const grants = await grantPorts(wishes, () => Promise.resolve(true))
  const plan = planWorld(kept, { home: '/nowhere', minimal: false }, grants)
  const address = toHex(new Uint8Array(20).fill(7))
  const facts: GenesisFacts = {
    l1ChainId: 1_337n,
    contracts: {
      stakeManager: address,
      networkRegistry: address,
      operatorRegistry: address,
      finalityOracle: address,
      governance: address,
    },
    epochStart: 5n,
    epochLength: 30n,
    certificateAgeMax: 60n,
  }
  const host = new LocalNetworkHost({
    plan,
    facts: () => Promise.resolve(facts),
    portOffset: 0,
    supervisor: new Supervisor([], () => undefined),
    commandsOf: () => [],
    onStart: () => Promise.resolve(),
    onStop: () => Promise.resolve(),
  })
  const identity = { id: 2, chainId: 77n, genesisTime: 5n }
  const hash = hashOfGenesis(stakedGenesis(facts, identity))
  const opened: RegisteredNetwork = {
    ...identity,
    status: 'opening',
    firstEpoch: 0n,
    drainedEpoch: 0n,
    endEpoch: 0n,
    genesisHash: hash,
  }
  const ask = (differing: Partial<RegisteredNetwork>) =>
    host.obstacleTo({ ...opened, ...differing })
  assert.equal(await ask({}), undefined)
  const other = new Uint8Array(32).fill(1)
  const differs = `its hash is ${toHex(hash)}, L1 has ${toHex(other)}`
  const cannot = 'Cannot use the genesis of network 2'
  assert.equal(await ask({ genesisHash: other }), `${cannot}: ${differs}`)
  assert.match((await ask({ genesisTime: 6n })) ?? '', /its hash is .*, L1 has /)
  const chainId = BigInt(chainIdMax) + 1n
  const impossible = `Cannot build the genesis of network 2: its chain id is ${chainId}`
  assert.equal(await ask({ chainId }), impossible)
  assert.match(
    (await ask({ genesisTime: 2n ** 64n - 1n })) ?? '',
    /its time is 18446744073709551615/,
  )
  const ids = `ids of networks here are below ${networkCountMax}`
  assert.equal(await ask({ id: networkCountMax }), ids)
})
