/** An L1 of the contracts and whoever follows it, for the tests of a follower. */

import { L1World, testOperator } from '@zg/contracts/testing'
import { SimulatedClock } from '@zg/runtime'

import type { L1Endpoint } from '../l1-endpoint.ts'
import { L1Follower } from '../l1-follower.ts'
import type { L1FollowerOptions } from '../l1-follower.ts'
import { SimulatedL1Endpoint } from './simulated-l1-endpoint.ts'

const ether = 10n ** 18n
export const networkId = 1
export const all = [1, 2, 3, 4, 5].map((index) => testOperator(index))

/** Five operators validate networks 0 and 1 from epoch 12 on; it is epoch 12. */
export function openWorld() {
  const l1 = new L1World()
  for (const id of [0, networkId]) l1.openNetwork(id)
  l1.settle(all, { ids: [0, networkId], purse: 1_000n * ether })
  l1.send(l1.token, 'approve', [l1.bridge.address, 2n ** 256n - 1n])
  l1.goToEpoch(12)
  const contracts = {
    networkRegistry: BigInt(l1.networks.address),
    operatorRegistry: BigInt(l1.operators.address),
    inbox: BigInt(l1.inbox.address),
  }
  const endpoint = new SimulatedL1Endpoint(l1, Object.values(contracts))
  const open = (options: Partial<L1FollowerOptions> = {}) =>
    new L1Follower({
      endpoints: [endpoint],
      contracts,
      networkId,
      fromBlock: 0n,
      epochs: { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) },
      clock: new SimulatedClock().forNode(0),
      ...options,
    })
  /** Another endpoint of the same L1. */
  const another = (): L1Endpoint & { bend: SimulatedL1Endpoint['bend'] } => {
    const own: { bend: SimulatedL1Endpoint['bend'] } = { bend: {} }
    return {
      get bend() {
        return own.bend
      },
      set bend(bend) {
        own.bend = bend
      },
      async finalHeader() {
        const found = await endpoint.finalHeader()
        return own.bend.final?.(found) ?? found
      },
      async header(number) {
        const found = await endpoint.header(number)
        return own.bend.header === undefined ? found : own.bend.header(found)
      },
      async proof(...asked) {
        const found = await endpoint.proof(...asked)
        return own.bend.proof?.(found) ?? found
      },
      async credits(query) {
        const found = await endpoint.credits(query)
        return own.bend.credits?.(found) ?? found
      },
    }
  }
  const mine = async (count = 1): Promise<void> => {
    for (let block = 0; block < count; block++) {
      l1.world.advance(1)
      await endpoint.mine()
    }
  }
  return { l1, endpoint, another, open, mine, follower: open() }
}
