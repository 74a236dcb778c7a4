/** Gives a node of chain its view of L1, as staking has it. */

import type { OpenL1 } from '@zg/chain'
import { bytesToBigint } from '@zg/primitives'
import { JsonRpcEndpoint, L1Follower, StreamRoutes } from '@zg/staking'

/** Follows L1 at the endpoint that the node's configuration names. */
export const followL1: OpenL1 = (config, { networkId, clock, logger }) => {
  const { endpoint: url, contracts, epochStart, epochSeconds, fromBlock } = config
  const inbox = bytesToBigint(contracts.Inbox)
  const endpoint = new JsonRpcEndpoint({ url, inbox })
  const networkRegistry = bytesToBigint(contracts.NetworkRegistry)
  const view = new L1Follower({
    endpoint,
    contracts: {
      networkRegistry,
      operatorRegistry: bytesToBigint(contracts.OperatorRegistry),
      inbox,
    },
    networkId,
    fromBlock,
    epochs: { start: epochStart, length: epochSeconds },
    clock,
    log: logger,
  })
  const routes = new StreamRoutes({
    endpoint,
    contracts: { networkRegistry, streams: bytesToBigint(contracts.Streams) },
    networkId,
    finalBlock: () => view.finalBlock,
    epochAt: (timestamp) => view.epochAt(timestamp),
    log: logger,
  })
  view.onFinal(() => void routes.refresh())
  view.start()
  return {
    view,
    routes,
    validatorKeys: () => view.validatorKeys(),
    onSet: (listener) => view.onSet(listener),
    // An answer that is on its way may take as long as an endpoint likes: nobody waits for it.
    stop: async () => void view.stop(),
  }
}
