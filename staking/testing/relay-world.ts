/** Two networks on one L1 in a test, and relayers of one of them by different hands. */

import { L1World, NetworkWorld, testOperator } from '@zg/contracts/testing'
import { bigintToBytes, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock, SimulatedClock } from '@zg/runtime'
import type { Clock } from '@zg/runtime'

import { Failover } from '../failover.ts'
import type { L1Chain } from '../l1-chain.ts'
import { L1Follower } from '../l1-follower.ts'
import { L1Sender } from '../l1-sender.ts'
import { LoadKeeper } from '../load-keeper.ts'
import type { LoadKeeperOptions } from '../load-keeper.ts'
import type { NetworkEndpoint } from '../network-endpoint.ts'
import { NetworkRelayer } from '../network-relayer.ts'
import type { NetworkRelayerOptions } from '../network-relayer.ts'
import { SimulatedL1Chain } from './simulated-l1-chain.ts'
import { SimulatedL1Endpoint } from './simulated-l1-endpoint.ts'
import { SimulatedNetworkEndpoint } from './simulated-network-endpoint.ts'

export const ether = 10n ** 18n
export const relayedNetworkId = 1
export const operators = [1, 2, 3, 4].map((index) => testOperator(index))
export const alice: Hex = toHex(new Uint8Array(20).fill(0xa1))
export const bob: Hex = toHex(new Uint8Array(20).fill(0xb0))
export const rewardHub: Hex = toHex(bigintToBytes(0x2001n, 20))

/** Half an epoch. */
export const intervalSeconds = 50n

const senderLimits = { depth: 1, feePerGasMax: 10n ** 12n, pollMs: 10 }

/** Who relays: a key, and what it asks. */
export type RelayerParts = {
  readonly name?: string
  readonly chain?: L1Chain
  readonly l1?: NetworkRelayerOptions['l1']
  readonly endpoint?: NetworkEndpoint
  readonly networkId?: number
  readonly intervalSeconds?: bigint
  readonly outboxSeconds?: bigint
  readonly amountMinWei?: bigint
  readonly load?: NonNullable<NetworkRelayerOptions['load']>
  readonly clock?: Clock
  /** Whether it proves the load of epochs, with the key that it relays by. */
  readonly provesLoad?: boolean
  /** Whether it asks for what the curve released. */
  readonly givesOut?: boolean
}

/** Four operators with 100 tokens each validate networks 0 and 1; it is epoch 12. */
export async function openRelayWorld({ epochSeconds = 100 } = {}) {
  const l1 = new L1World({ epochSeconds })
  for (const id of [0, relayedNetworkId]) l1.openNetwork(id)
  l1.settle(operators, { ids: [0, relayedNetworkId] })
  l1.send(l1.token, 'approve', [l1.bridge.address, 2n ** 256n - 1n])
  l1.goToEpoch(12)
  const contracts = {
    networkRegistry: BigInt(l1.networks.address),
    operatorRegistry: BigInt(l1.operators.address),
    inbox: BigInt(l1.inbox.address),
  }
  const l1Endpoint = new SimulatedL1Endpoint(l1, Object.values(contracts))
  const epochs = { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) }
  const network = new NetworkWorld(l1, relayedNetworkId, operators)
  const endpoint = new SimulatedNetworkEndpoint(network)
  const chain = new SimulatedL1Chain(l1)
  const clock = new SimulatedClock()
  const follower = new L1Follower({
    endpoints: [l1Endpoint],
    contracts,
    networkId: relayedNetworkId,
    fromBlock: 0n,
    epochs,
    clock: clock.forNode(0),
  })
  /** Makes a block of L1 and has the relayers' view take it in. */
  const follow = async (): Promise<void> => {
    l1.world.advance(1)
    await l1Endpoint.mine()
    await follower.poll()
  }
  await follow()
  /** A relayer that has just begun. */
  const open = (parts: RelayerParts = {}): NetworkRelayer => {
    const own = { chain: parts.chain ?? chain, clock: parts.clock ?? createSystemClock() }
    const secretKey = keccak256(new TextEncoder().encode(parts.name ?? 'relayer'))
    const sender = new L1Sender({ ...own, ...senderLimits, secretKey, chainId: l1.world.chainId })
    const load = parts.provesLoad === true ? keeperOf(l1, { endpoint, chain, sender }) : parts.load
    return new NetworkRelayer({
      ...own,
      sender,
      endpoint: parts.endpoint ?? endpoint,
      contracts: {
        finalityOracle: BigInt(l1.oracle.address),
        rewardBridge: BigInt(l1.bridge.address),
        inbox: contracts.inbox,
        ...(parts.givesOut === true && {
          emission: {
            emissionController: BigInt(l1.emission.address),
            alignmentPool: BigInt(l1.alignment.address),
          },
        }),
      },
      l1: parts.l1 ?? new Failover([l1Endpoint]),
      fromBlock: 0n,
      identity: l1.identityOf(parts.networkId ?? relayedNetworkId),
      sets: (epoch) => follower.validatorSet(epoch),
      epochs,
      intervalSeconds: parts.intervalSeconds ?? intervalSeconds,
      outboxSeconds: parts.outboxSeconds ?? 0n,
      amountMinWei: parts.amountMinWei ?? 0n,
      ...(load && { load }),
    })
  }
  return { l1, network, endpoint, l1Endpoint, chain, clock, follower, follow, open }
}

/** Who proves the load of the network. */
function keeperOf(
  l1: L1World,
  parts: Pick<LoadKeeperOptions, 'endpoint' | 'chain' | 'sender'>,
): LoadKeeper {
  return new LoadKeeper({
    ...parts,
    contracts: {
      networkRegistry: BigInt(l1.networks.address),
      finalityOracle: BigInt(l1.oracle.address),
      networkLoad: BigInt(l1.load.address),
      parameters: BigInt(l1.parameters.address),
    },
    identity: l1.identityOf(relayedNetworkId),
    epochs: { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) },
  })
}
