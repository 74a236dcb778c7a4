/**
 * The relayer with anvil as its L1: real transactions, receipts, fees and blocks. The contracts,
 * with all they hold, are copied there from a test's world.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { somebody } from '@zg/contracts/testing'
import { encodeTransaction, signTransaction, transactionHash } from '@zg/evm'
import { startAnvil } from '@zg/evm/testing'
import type { AnvilProcess, RpcCall } from '@zg/evm/testing'
import {
  addressOfSecretKey,
  bigintToHex,
  bytesToBigint,
  keccak256,
  toHex,
  toQuantity,
} from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'

import { JsonRpcEndpoint } from './json-rpc-endpoint.ts'
import { Failover } from './failover.ts'
import { JsonRpcL1Chain } from './json-rpc-l1-chain.ts'
import { messageTo, readContract } from './l1-contracts.ts'
import { L1Follower } from './l1-follower.ts'
import { L1Sender } from './l1-sender.ts'
import { NetworkRelayer } from './network-relayer.ts'
import { bob, ether, openRelayWorld, operators, relayedNetworkId } from './testing/relay-world.ts'

const secretKey = keccak256(new TextEncoder().encode('relayer on anvil'))
const relayerFunds = ether
const epochSeconds = 100_000
const blockMs = 50

/** Copies every account of a world; time goes on from there. */
async function copyWorld(
  { batch, rpc }: AnvilProcess,
  { world }: Awaited<ReturnType<typeof openRelayWorld>>['l1'],
): Promise<void> {
  const calls = world.accounts().flatMap(({ address, nonce, balance, slots }): RpcCall[] => {
    const where = bigintToHex(address, 20)
    return [
      ['anvil_setNonce', [where, toQuantity(nonce)]],
      ['anvil_setBalance', [where, toQuantity(balance)]],
      ['anvil_setCode', [where, toHex(world.codeOf(address))]],
      ...slots.map(([slot, value]): RpcCall => [
        'anvil_setStorageAt',
        [where, bigintToHex(slot, 32), bigintToHex(value, 32)],
      ]),
    ]
  })
  for (const answer of await batch(calls)) assert.ok(!(answer instanceof Error), String(answer))
  await rpc('evm_setNextBlockTimestamp', [world.timestamp + 1])
  await rpc('anvil_mine', ['0x8'])
}

/** Makes blocks whether or not there is something for them, as an L1 does. */
async function mineEachMoment(context: TestContext, { rpc }: AnvilProcess): Promise<void> {
  await rpc('evm_setAutomine', [false])
  let mining: Promise<unknown> = Promise.resolve()
  const timer = setInterval(() => {
    mining = mining.then(() => rpc('evm_mine', []))
  }, blockMs)
  context.after(async () => {
    clearInterval(timer)
    await mining
  })
}

test('a relayer brings certificates, roots and claims to anvil', async (context) => {
  const world = await openRelayWorld({ epochSeconds })
  const { l1, network, endpoint } = world
  const id = relayedNetworkId
  l1.send(l1.bridge, 'deposit', [id, bob, 900n * ether])
  const args = ['--hardfork', 'prague', '--chain-id', `${l1.world.chainId}`]
  const anvil = await startAnvil([...args, '--slots-in-an-epoch', '1'])
  if (anvil === undefined) return context.skip('anvil does not run here')
  await mineEachMoment(context, anvil)
  context.after(() => anvil.close())
  await copyWorld(anvil, l1)

  network.send('withdraw', [bob], { from: somebody, value: 3n * ether })
  await endpoint.seal({ signers: operators.slice(1) })
  const clock = createSystemClock()
  const contracts = {
    networkRegistry: BigInt(l1.networks.address),
    operatorRegistry: BigInt(l1.operators.address),
    inbox: BigInt(l1.inbox.address),
  }
  const l1Endpoint = new JsonRpcEndpoint({ url: anvil.url, inbox: contracts.inbox })
  const follower = new L1Follower({
    endpoints: [l1Endpoint],
    contracts,
    networkId: id,
    fromBlock: 0n,
    epochs: { start: BigInt(l1.start), length: BigInt(epochSeconds) },
    clock,
  })
  await follower.poll()
  const chain = new JsonRpcL1Chain({ url: anvil.url })
  const chainId = l1.world.chainId
  const feePerGasMax = 10n ** 12n
  const sending = { depth: 2, feePerGasMax, pollMs: 20, bumpMs: 60_000 }
  const sender = new L1Sender({ chain, chainId, secretKey, clock, ...sending })
  await anvil.rpc('anvil_setBalance', [bigintToHex(sender.address, 20), toQuantity(relayerFunds)])
  const open = () =>
    new NetworkRelayer({
      endpoint,
      chain,
      sender,
      contracts: {
        finalityOracle: BigInt(l1.oracle.address),
        rewardBridge: BigInt(l1.bridge.address),
        inbox: BigInt(l1.inbox.address),
      },
      l1: new Failover([l1Endpoint]),
      fromBlock: 0n,
      identity: l1.identityOf(id),
      sets: (epoch) => follower.validatorSet(epoch),
      epochs: { start: BigInt(l1.start), length: BigInt(epochSeconds) },
      intervalSeconds: 600n,
      outboxSeconds: 0n,
      amountMinWei: 0n,
      clock,
    })
  assert.deepEqual(await open().step(), {
    finality: { kind: 'submitted', height: 1n, closes: false },
    death: { kind: 'alive' },
    outbox: { synced: true, claimed: [0], announced: [] },
  })
  const token = { artifact: 'ZgToken', address: BigInt(l1.token.address) } as const
  assert.equal(await readContract(chain, token, { name: 'balanceOf', args: [bob] }), 3n * ether)
  assert.deepEqual(await open().step(), {
    finality: { kind: 'nothing' },
    death: { kind: 'alive' },
    outbox: { synced: false, claimed: [], announced: [] },
  })
  // What L1 would revert is told by name, from the data of its answer.
  const bridge = { artifact: 'RewardBridge', address: BigInt(l1.bridge.address) } as const
  const wrong = readContract(chain, bridge, { name: 'pause', args: [id, 1] })
  await assert.rejects(wrong, { code: 'STAKING_L1_READ_FAILED', message: /NotTheGuardian/ })
  const message = messageTo(bridge, { name: 'pause', args: [id, 1] })
  const refused = { code: 'STAKING_L1_REFUSED', errorName: 'NotTheGuardian' }
  await assert.rejects(sender.send(message), refused)
})

test('what anvil says of a transaction is understood', async (context) => {
  const anvil = await startAnvil(['--hardfork', 'prague', '--chain-id', '1337'])
  if (anvil === undefined) return context.skip('anvil does not run here')
  context.after(() => anvil.close())
  const chain = new JsonRpcL1Chain({ url: anvil.url })
  const from = bytesToBigint(addressOfSecretKey(secretKey))
  await anvil.rpc('anvil_setBalance', [bigintToHex(from, 20), toQuantity(relayerFunds)])
  await anvil.rpc('evm_setAutomine', [false])
  const signed = (maxFeePerGas: bigint) => {
    const fees = { maxFeePerGas, maxPriorityFeePerGas: 1_000n }
    const fields = { type: 2, chainId: 1_337n, nonce: 0n, gasLimit: 21_000n } as const
    const rest = { to: 0x1005n, value: 0n, data: new Uint8Array(0), accessList: [] }
    const transaction = signTransaction({ ...fields, ...rest, ...fees }, secretKey)
    return { bytes: encodeTransaction(transaction), hash: transactionHash(transaction) }
  }
  const feePerGas = 10n ** 10n
  assert.equal(await chain.nonceOf(from), 0n)
  assert.equal(await chain.submit(signed(feePerGas).bytes), 'taken')
  assert.equal(await chain.submit(signed(feePerGas).bytes), 'taken', 'the same again')
  assert.equal(await chain.submit(signed(feePerGas - 1n).bytes), 'underpriced')
  const last = signed(2n * feePerGas)
  assert.equal(await chain.receipt(last.hash), undefined)
  await anvil.rpc('evm_mine', [])
  const { number } = await chain.head()
  const receipt = await chain.receipt(signed(feePerGas).hash)
  assert.deepEqual(receipt, { blockNumber: number, succeeded: true, gasUsed: 21_000n })
  assert.equal(await chain.submit(last.bytes), 'stale')
  assert.equal(await chain.nonceOf(from), 1n)
})
