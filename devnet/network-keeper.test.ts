/**
 * The whole way of a reward, with nothing made up in between: four validators take part in a
 * network whose genesis holds the system contracts, a keeper shows it there what they signed and
 * what L1 says of them, what they earned leaves by the Outbox, a relayer brings it to L1, and it is
 * minted for their stakers. Time and the validators' connections are simulated.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { genesisConsensusRoot } from '@zg/chain'
import { systemContractAddresses, systemContracts } from '@zg/contracts'
import {
  governanceMessage,
  govExecutor,
  L1World,
  settingCall,
  somebody,
  systemConfigOf,
} from '@zg/contracts/testing'
import { addressOfSecretKey, bytesToBigint, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'
import {
  Failover,
  JsonRpcL1Chain,
  JsonRpcNetworkEndpoint,
  L1Follower,
  L1Sender,
  NetworkKeeper,
  NetworkRelayer,
} from '@zg/staking'
import { SimulatedL1Chain, SimulatedL1Endpoint } from '@zg/staking/testing'

import { callRpc } from './rpc-call.ts'
import { openStakedNetwork, operators, stakeOn } from './testing/staked-operators.ts'
import { openVirtualNetwork, serveVirtualNode } from './testing/virtual-network.ts'

const id = 1
const chainId = 1_660_201n
const genesisTimestamp = 1_800_000_000
const ether = 10n ** 18n
const weiPerGwei = 10n ** 9n
const keeperKey = keccak256(new TextEncoder().encode('keeper'))
const { RewardHub, GovExecutor } = systemContractAddresses

/** A height pays a millionth of it, and each operator a quarter of that. */
const grantGwei = 20_000n * weiPerGwei

/** Contracts on L1, and a network with its own in the genesis, whose first epoch has begun. */
async function openL1() {
  const l1 = new L1World({ epochSeconds: 100_000 })
  const validators = stakeOn(l1)
  const system = systemContracts(systemConfigOf(l1, id))
  const purse = { address: bytesToBigint(addressOfSecretKey(keeperKey)), balance: ether }
  const { genesis, firstEpoch } = openStakedNetwork(l1, validators, {
    id,
    chainId,
    timestamp: genesisTimestamp,
    accounts: [purse, ...system.map((account) => ({ ...account, nonce: 1n }))],
  })
  const { genesisRoot } = l1.read(l1.networks, 'networkOf', id) as { genesisRoot: Hex }
  assert.equal(genesisRoot, toHex(genesisConsensusRoot(genesis, firstEpoch)))
  const contracts = {
    networkRegistry: BigInt(l1.networks.address),
    operatorRegistry: BigInt(l1.operators.address),
    finalityOracle: BigInt(l1.oracle.address),
    inbox: BigInt(l1.inbox.address),
  }
  const l1Endpoint = new SimulatedL1Endpoint(l1, Object.values(contracts))
  l1Endpoint.credit(id, RewardHub, grantGwei)
  const epochs = { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) }
  const shared = { contracts, epochs, fromBlock: 0n, clock: createSystemClock() }
  const follower = new L1Follower({ ...shared, endpoints: [l1Endpoint], networkId: id })
  const follow = async (): Promise<void> => {
    for (let made = 0; made < 4; made++) {
      l1.world.advance(1)
      await l1Endpoint.mine()
    }
    await follower.poll()
  }
  await follow()
  return { l1, l1Endpoint, genesis, follower, follow, firstEpoch, shared }
}

test('what validators earn by taking part is minted on L1 for their stakers', async (context) => {
  const { l1, l1Endpoint, genesis, follower, follow, firstEpoch, shared } = await openL1()
  const { nodes, pass, during } = await openVirtualNetwork(context, {
    genesis,
    operators,
    l1View: follower,
    firstEpoch,
    startMs: l1.world.timestamp * 1_000,
  })
  const [node] = nodes
  assert.ok(node !== undefined)
  const url = await serveVirtualNode(context, node)
  const endpoint = new JsonRpcNetworkEndpoint({ url })
  const chain = new JsonRpcL1Chain({ url })
  const { contracts, epochs, fromBlock, clock } = shared
  const sending = { feePerGasMax: 10n ** 12n, depth: 1, clock, pollMs: 5 }
  const sets = (epoch: bigint) => follower.validatorSet(epoch)
  const identity = l1.identityOf(id)
  const openKeeper = () =>
    new NetworkKeeper({
      endpoint,
      chain,
      sender: new L1Sender({ ...sending, chain, chainId, secretKey: keeperKey }),
      l1: new Failover([l1Endpoint]),
      contracts,
      fromBlock,
      identity,
      sets,
      epochs,
      claimWei: 0n,
      clock,
    })
  const height = async (): Promise<bigint> =>
    (await endpoint.finalityCertificate('latest'))?.vote.height ?? 0n
  while ((await height()) < 22n) await pass(1_000)
  // GovExecutor asks for less than the genesis has: all agree on each step there.
  const { gasLimit } = (await callRpc(url, 'eth_getBlockByNumber', ['0x10', false])) as {
    readonly gasLimit: Hex
  }
  assert.ok(BigInt(gasLimit) < genesis.header.gasLimit)

  const keeper = openKeeper()
  const first = await during(keeper.step())
  assert.deepEqual(first.epochs, { advanced: true, closed: [] })
  assert.deepEqual(first.admission, { network: true, sets: [firstEpoch, firstEpoch + 1n] })
  assert.deepEqual(first.messages, { delivered: [], failed: [] })
  assert.equal(first.rewards?.shown[0], 16n)
  const claimed = first.claims?.claimed.map(({ operator }) => operator) ?? []
  assert.deepEqual(claimed.toSorted(), operators.map((each) => each.address).toSorted())

  // A relayer takes it from there, and whoever stakes with them has it.
  const l1Chain = new SimulatedL1Chain(l1)
  const relayerKey = keccak256(new TextEncoder().encode('relayer'))
  const relayer = new NetworkRelayer({
    endpoint,
    chain: l1Chain,
    sender: new L1Sender({
      ...sending,
      chain: l1Chain,
      chainId: l1.world.chainId,
      secretKey: relayerKey,
    }),
    contracts: {
      finalityOracle: BigInt(l1.oracle.address),
      rewardBridge: BigInt(l1.bridge.address),
      inbox: contracts.inbox,
    },
    l1: new Failover([l1Endpoint]),
    fromBlock,
    identity,
    sets,
    epochs,
    intervalSeconds: 1_000n,
    outboxSeconds: 0n,
    amountMinWei: 0n,
    clock,
  })
  const { outbox } = await during(relayer.step())
  assert.deepEqual(outbox, { synced: true, claimed: [0, 1, 2, 3], announced: [] })
  l1.world.advance(2 * l1.epochSeconds)
  for (const { address } of operators) {
    const earned = l1.read(l1.stakes, 'earnedOf', address, address) as bigint
    // A quarter of a millionth of the grant, and of what was shown besides.
    assert.ok(earned > 4_900_000n * weiPerGwei && earned < 20_000_000n * weiPerGwei, `${earned}`)
    l1.send(l1.stakes, 'collect', [address, address])
    // The shares round it down by a wei.
    assert.ok(earned - l1.balanceOf(address) <= 1n)
  }

  // By the same way down, governance sets what is paid; by a keeper that has just begun.
  const data = governanceMessage([settingCall(0, 7n)])
  l1Endpoint.message(id, { sender: somebody, to: govExecutor, data })
  await follow()
  await pass(6_000)
  assert.deepEqual((await during(openKeeper().step())).messages, { delivered: [0], failed: [] })
  assert.equal(await chain.storageAt(GovExecutor, 0n), 7n)
})
