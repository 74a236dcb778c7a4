/**
 * What a network that was opened later begins with. It is empty: its keeper could pay for nothing,
 * and its RewardHub had nothing to share. The deployer, who owns what is free of the token, sends
 * both their part from L1, as credits; once the keeper has something there, nothing more.
 */

import { addressOfSecretKey, fromHex, toHex } from '@zg/primitives'

import { depositCalls } from './l1-setup.ts'
import { loopback } from './ports.ts'
import { callRpc } from './rpc-call.ts'
import { stakeL1Of } from './node-files.ts'
import { deployerKeyOf } from './world-keys.ts'
import type { ChainPlan, WorldPlan } from './world.ts'

const feePerGasMax = 500_000_000_000n

/**
 * Sends the deposits, unless they are there; resolves when L1 has taken them.
 *
 * @throws What L1 or a node of the network answers instead; it may be called again.
 */
export async function fundLaterNetwork(plan: WorldPlan, network: ChainPlan): Promise<void> {
  const { keeper } = plan
  const l1 = stakeL1Of(plan)
  const [validator] = network.validators
  if (l1 === undefined || keeper === undefined || validator === undefined) return
  const keeperAddress = toHex(addressOfSecretKey(keeper.secretKey))
  const rpc = `http://${loopback}:${validator.rpcPort}`
  const balance = await callRpc(rpc, 'eth_getBalance', [keeperAddress, 'latest'])
  if (BigInt(balance as string) > 0n) return
  // Loaded here: nobody waits for it who has no such network.
  const { JsonRpcL1Chain, L1Sender } = await import('@zg/staking')
  const { createSystemClock } = await import('@zg/runtime')
  const { hubGrant, operatorBalanceWei } = await import('./genesis.ts')
  const deployerKey = deployerKeyOf(plan.kept)
  const sender = new L1Sender({
    chain: new JsonRpcL1Chain({ url: l1.endpoint }),
    chainId: BigInt(l1.chainId),
    secretKey: deployerKey,
    depth: 1,
    feePerGasMax,
    clock: createSystemClock(),
    pollMs: 500,
  })
  const deposits = [hubGrant, { to: keeperAddress, amount: operatorBalanceWei }]
  const deployer = toHex(addressOfSecretKey(deployerKey))
  const calls = depositCalls(deployer, [{ id: network.id, deposits }])
  for (const { to, data } of calls) await sender.send({ to: BigInt(to), data: fromHex(data) })
}
