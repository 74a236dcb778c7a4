/** A network with its system contracts and a grant, on an L1 in a test, and who keeps it. */

import { zeroL1Reference } from '@zg/consensus'
import { openHub } from '@zg/contracts/testing'
import type { HubWorld, OutboxEntry, TestOperator } from '@zg/contracts/testing'
import { bigintToBytes, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock, SimulatedClock } from '@zg/runtime'
import type { Clock, Logger } from '@zg/runtime'

import { Failover } from '../failover.ts'
import type { KeeperChain, KeeperEndpoint, KeeperL1 } from '../keeper-ports.ts'
import { L1Follower } from '../l1-follower.ts'
import { L1Sender } from '../l1-sender.ts'
import { NetworkKeeper } from '../network-keeper.ts'
import type { OtherNetwork } from '../other-network-keeper.ts'
import { SimulatedL1Chain } from './simulated-l1-chain.ts'
import { SimulatedL1Endpoint } from './simulated-l1-endpoint.ts'
import { SimulatedNetworkEndpoint } from './simulated-network-endpoint.ts'

const ether = 10n ** 18n
const rewardHub: Hex = toHex(bigintToBytes(0x2001n, 20))
const senderLimits = { depth: 1, feePerGasMax: 10n ** 12n, pollMs: 10 }

/** What the hub begins with; a height pays a token. */
export const grant = 3_000_000n * ether

/** Who keeps: a key, and what it asks. */
export type KeeperParts = {
  readonly name?: string
  readonly chain?: KeeperChain
  readonly endpoint?: KeeperEndpoint
  readonly l1?: Failover<KeeperL1>
  readonly claimWei?: bigint
  readonly messageGasMax?: bigint
  readonly messageGasPerHour?: bigint
  readonly log?: Logger
  readonly clock?: Clock
  readonly others?: readonly OtherNetwork[]
}

/** L1 as the followers of both networks see it. */
function openViews({ l1, home, other }: HubWorld) {
  const contracts = {
    networkRegistry: BigInt(l1.networks.address),
    operatorRegistry: BigInt(l1.operators.address),
    finalityOracle: BigInt(l1.oracle.address),
    inbox: BigInt(l1.inbox.address),
  }
  const l1Endpoint = new SimulatedL1Endpoint(l1, Object.values(contracts))
  const epochs = { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) }
  const clock = new SimulatedClock()
  const [follower, otherFollower] = [home, other].map(
    ({ id: networkId }, index) =>
      new L1Follower({
        endpoints: [l1Endpoint],
        contracts,
        networkId,
        fromBlock: 0n,
        epochs,
        clock: clock.forNode(index),
      }),
  ) as [L1Follower, L1Follower]
  /** Makes so many blocks of L1, of which the last but two is what headers refer to. */
  const follow = async (count = 3): Promise<void> => {
    for (let made = 0; made < count; made++) {
      l1.world.advance(1)
      await l1Endpoint.mine()
    }
    await follower.poll()
    await otherFollower.poll()
  }
  return { contracts, l1Endpoint, epochs, clock, follower, otherFollower, follow }
}

/** Four operators of 400, 300, 300 and 300 tokens validate networks 0 and 1; it is epoch 12. */
export async function openKeeperWorld({ funds = grant } = {}) {
  const hub = openHub()
  const { l1, members, home, other } = hub
  if (funds > 0n) home.world.pay(rewardHub, funds)
  const views = openViews(hub)
  const { contracts, l1Endpoint, epochs, clock, follower, otherFollower, follow } = views
  const endpoint = new SimulatedNetworkEndpoint(home)
  const chain = new SimulatedL1Chain(home)
  const entries: OutboxEntry[] = []
  home.world.watch(home.outbox, ({ args }) => {
    const entry = args['entry'] as OutboxEntry | undefined
    if (entry === undefined) return
    home.sent(entry)
    entries.push(entry)
  })
  /** Network 1, as a keeper of network 0 sees it. */
  const otherEndpoint = new SimulatedNetworkEndpoint(other)
  const otherNetwork: OtherNetwork = {
    identity: l1.identityOf(other.id),
    endpoint: otherEndpoint,
    sets: (epoch) => otherFollower.validatorSet(epoch),
  }
  /** Makes blocks of the network up to a height, signed by all or some; the last has its state. */
  const sealTo = async (height: number, signers?: readonly TestOperator[]): Promise<void> => {
    while (home.height < height) {
      const reference = follower.newestReference() ?? zeroL1Reference
      const { timestamp } = home.world
      const isStateKept = home.height + 1 < height
      await endpoint.seal({ l1: reference, timestamp, isStateKept, ...(signers && { signers }) })
    }
  }
  await follow()
  /** A keeper that has just begun. */
  const open = (parts: KeeperParts = {}): NetworkKeeper => {
    const own = { chain: parts.chain ?? chain, clock: parts.clock ?? createSystemClock() }
    const secretKey = keccak256(new TextEncoder().encode(parts.name ?? 'keeper'))
    return new NetworkKeeper({
      ...own,
      sender: new L1Sender({ ...own, ...senderLimits, secretKey, chainId: home.world.chainId }),
      endpoint: parts.endpoint ?? endpoint,
      l1: parts.l1 ?? new Failover([l1Endpoint]),
      contracts,
      fromBlock: 0n,
      identity: l1.identityOf(home.id),
      sets: (epoch) => follower.validatorSet(epoch),
      epochs,
      others: parts.others ?? [],
      claimWei: parts.claimWei ?? 10n * ether,
      ...(parts.messageGasMax && { messageGasMax: parts.messageGasMax }),
      ...(parts.messageGasPerHour && { messageGasPerHour: parts.messageGasPerHour }),
      ...(parts.log && { log: parts.log }),
    })
  }
  const networks = { l1, members, home, other, otherEndpoint, otherNetwork }
  const parts = { l1Endpoint, endpoint, chain, clock, follower, entries }
  return { ...networks, ...parts, follow, sealTo, open }
}
