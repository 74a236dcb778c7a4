/**
 * From a transaction on a network to tokens on L1, with nothing made up in between: four validators
 * agree on it, a relayer reads one of them over JSON-RPC, and the contracts check what it brings.
 * Time and the validators' connections are simulated; the network stands still while it is relayed.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { genesisConsensusRoot } from '@zg/chain'
import { blsScheme, validatorSet, verifyCertificate, viewWithoutL1 } from '@zg/consensus'
import { artifactOf } from '@zg/contracts'
import { ContractWorld, L1World } from '@zg/contracts/testing'
import { encodeTransaction, signTransaction } from '@zg/evm'
import {
  addressOfSecretKey,
  bigintToHex,
  bytesToBigint,
  fromHex,
  keccak256,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'
import { Failover, JsonRpcNetworkEndpoint, L1Sender, NetworkRelayer } from '@zg/staking'
import { SimulatedL1Chain, SimulatedL1Endpoint } from '@zg/staking/testing'
import { encodeFunctionData } from 'viem'
import type { Abi } from 'viem'

import { callRpc } from './rpc-call.ts'
import { openStakedNetwork, operators, stakeOn } from './testing/staked-operators.ts'
import { openVirtualNetwork, serveVirtualNode } from './testing/virtual-network.ts'

const id = 1
const chainId = 1_660_201n
const genesisTimestamp = 1_800_000_000
const ether = 10n ** 18n
const weiPerGwei = 10n ** 9n
const userKey = keccak256(new TextEncoder().encode('user'))
const user = bytesToBigint(addressOfSecretKey(userKey))
const bob: Hex = toHex(new Uint8Array(20).fill(0xb0))
const outboxAddress: Hex = bigintToHex(0x2002n, 20)
const outboxAbi = artifactOf('Outbox').abi as Abi

/** Contracts on L1 that know the network by its real genesis; its first epoch has begun. */
function openL1() {
  const l1 = new L1World({ epochSeconds: 100_000 })
  const validators = stakeOn(l1)
  const outbox = new ContractWorld({ fork: 'osaka' })
  outbox.predeploy('Outbox', outboxAddress)
  const { genesis, firstEpoch } = openStakedNetwork(l1, validators, {
    id,
    chainId,
    timestamp: genesisTimestamp,
    accounts: [
      { address: user, balance: 50n * ether },
      { address: BigInt(outboxAddress), nonce: 1n, code: outbox.codeOf(BigInt(outboxAddress)) },
    ],
  })
  // What the genesis gave out, L1 must know to be there.
  l1.send(l1.bridge, 'deposit', [id, bigintToHex(user, 20), 50n * ether])
  const { genesisRoot } = l1.read(l1.networks, 'networkOf', id) as { genesisRoot: Hex }
  assert.equal(genesisRoot, toHex(genesisConsensusRoot(genesis, firstEpoch)))
  return { l1, genesis, set: validatorSet(firstEpoch, validators) }
}

/** Calls the Outbox by a user's transaction. */
function sendToOutbox(
  rpc: string,
  call: { nonce: bigint; name: string; args: readonly unknown[]; value: bigint },
): Promise<unknown> {
  const { nonce, name, args, value } = call
  const data = fromHex(encodeFunctionData({ abi: outboxAbi, functionName: name, args: [...args] }))
  const fees = { maxFeePerGas: 100n * weiPerGwei, maxPriorityFeePerGas: weiPerGwei }
  const fields = { type: 2, chainId, nonce, gasLimit: 500_000n, accessList: [] } as const
  const unsigned = { ...fields, ...fees, to: BigInt(outboxAddress), value, data }
  const bytes = encodeTransaction(signTransaction(unsigned, userKey))
  return callRpc(rpc, 'eth_sendRawTransaction', [toHex(bytes)])
}

test('what a user withdraws on a real network is minted on L1 by a relayer', async (context) => {
  const { l1, genesis, set } = openL1()
  const { nodes, pass } = await openVirtualNetwork(context, {
    genesis,
    operators,
    l1View: viewWithoutL1(set),
    firstEpoch: set.epoch,
    startMs: genesisTimestamp * 1_000,
  })
  const [node] = nodes
  assert.ok(node !== undefined)
  const rpc = await serveVirtualNode(context, node)
  const endpoint = new JsonRpcNetworkEndpoint({ url: rpc })
  const chain = new SimulatedL1Chain(l1)
  const clock = createSystemClock()
  const open = () =>
    new NetworkRelayer({
      endpoint,
      chain,
      sender: new L1Sender({
        chain,
        chainId: l1.world.chainId,
        secretKey: keccak256(new TextEncoder().encode('relayer')),
        depth: 1,
        feePerGasMax: 10n ** 12n,
        clock,
        pollMs: 10,
      }),
      contracts: {
        finalityOracle: BigInt(l1.oracle.address),
        rewardBridge: BigInt(l1.bridge.address),
        inbox: BigInt(l1.inbox.address),
      },
      l1: new Failover([new SimulatedL1Endpoint(l1, [])]),
      fromBlock: 0n,
      identity: l1.identityOf(id),
      sets: (epoch) => (epoch === set.epoch ? set : undefined),
      epochs: { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) },
      intervalSeconds: 1_000n,
      outboxSeconds: 0n,
      amountMinWei: 0n,
      clock,
    })
  const known = () => l1.read(l1.oracle, 'finalOf', id) as { readonly height: bigint }

  await pass(3_000)
  const idle = { synced: false, claimed: [], announced: [] }
  const nothing = { finality: { kind: 'nothing' }, death: { kind: 'alive' }, outbox: idle }
  assert.deepEqual(await open().step(), nothing)
  await sendToOutbox(rpc, { nonce: 0n, name: 'withdraw', args: [bob], value: 3n * ether })
  await sendToOutbox(rpc, { nonce: 1n, name: 'transfer', args: [id, bob], value: weiPerGwei })
  await pass(5_000)
  const { finality, outbox } = await open().step()
  assert.ok(finality?.kind === 'submitted')
  assert.deepEqual(outbox, { synced: true, claimed: [0, 1], announced: [] })
  assert.equal(l1.balanceOf(bob), 3n * ether)
  assert.equal(known().height, finality.height)

  // Later, from the block that L1 knows on, by one that has just begun.
  await sendToOutbox(rpc, { nonce: 2n, name: 'withdraw', args: [bob], value: ether })
  await pass(20_000)
  const later = await open().step()
  assert.ok(later.finality?.kind === 'submitted' && later.finality.height > finality.height + 5n)
  assert.deepEqual(later.outbox, { synced: true, claimed: [2], announced: [] })
  assert.equal(l1.balanceOf(bob), 4n * ether)

  // What watchers read of the same node.
  const { epoch } = set
  const rounds = await endpoint.roundCertificates({ epoch, fromView: 1, toView: 256 })
  assert.ok(rounds.length > 20)
  const identity = l1.identityOf(id)
  assert.ok(rounds.every((each) => verifyCertificate(blsScheme(), identity, set, each)))
  assert.deepEqual(await endpoint.evidence(), [])
})
