/** Gives a node of chain its view of L1, as staking has it. */

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { KnownBlock, OpenL1 } from '@zg/chain'
import { bytesToBigint } from '@zg/primitives'
import { LmdbStore } from '@zg/runtime'
import type { KeyValueStore, Logger } from '@zg/runtime'
import {
  Failover,
  JsonRpcEndpoint,
  KnownHeight,
  L1Follower,
  ProvedState,
  readFinal,
  StreamRoutes,
} from '@zg/staking'
import type { ReadFinal } from '@zg/staking'

/** In a node's folder: what it knows of L1. */
export const l1StoreName = 'l1.mdb'

/** Stands beside it while it is opened and read: LMDB may end a process over a damaged file. */
export const l1OpeningName = 'l1.opening'

/** Follows L1 at the endpoints that the node's configuration names. */
export const followL1: OpenL1 = (config, { networkId, directory, clock, logger, metrics }) => {
  const { endpoints, contracts, epochStart, epochSeconds, finalitySeconds, fromBlock } = config
  const inbox = bytesToBigint(contracts.Inbox)
  const store = openStore(directory, logger)
  const asked = endpoints.map((url) => new JsonRpcEndpoint({ url, inbox }))
  const networkRegistry = bytesToBigint(contracts.NetworkRegistry)
  const view = new L1Follower({
    endpoints: asked,
    contracts: {
      networkRegistry,
      operatorRegistry: bytesToBigint(contracts.OperatorRegistry),
      inbox,
    },
    networkId,
    fromBlock,
    epochs: { start: epochStart, length: epochSeconds },
    finalitySeconds,
    store,
    clock,
    log: logger,
    metrics,
  })
  const l1 = new Failover(asked)
  const oracle = { finalityOracle: bytesToBigint(contracts.FinalityOracle), networkId }
  const finalBlock = () => view.finalBlock
  const known = new KnownHeight({ ...oracle, l1, finalBlock, log: logger })
  const routes = new StreamRoutes({
    l1,
    contracts: { networkRegistry, streams: bytesToBigint(contracts.Streams) },
    networkId,
    finalBlock,
    epochAt: (timestamp) => view.epochAt(timestamp),
    log: logger,
  })
  view.onFinal(() => {
    void routes.refresh()
    void known.refresh()
  })
  // All of it was read by now.
  rmSync(join(directory, l1OpeningName), { force: true })
  view.start()
  return {
    view,
    routes,
    status: () => ({
      final: view.finalBlock,
      blocksBehind: view.blocksBehind,
      problem: view.problem,
    }),
    // Of a block that all endpoints agree on, with its proof.
    knownBlock: async () => {
      const final = finalBlock()
      return final && knownBlockOf(await readFinal(new ProvedState(l1, final), oracle))
    },
    knownHeight: () => known.height,
    validatorKeys: () => view.validatorKeys(),
    onSet: (listener) => view.onSet(listener),
    // An answer that is on its way may take as long as an endpoint likes: nobody waits for it.
    stop: async () => {
      const closed = view.stop().then(() => store.close())
      closed.catch((error: unknown) => logger.warn('what is kept of L1 was not closed', { error }))
    },
  }
}

function knownBlockOf({
  epoch,
  nextEpoch,
  isHalted,
  isDead,
  ...checkpoint
}: ReadFinal): KnownBlock {
  const status = isDead ? 'dead' : isHalted ? 'halted' : 'alive'
  return { ...checkpoint, fromEpoch: nextEpoch === 0n ? epoch : nextEpoch, status }
}

/** What cannot be opened is damaged: L1 holds it all, so it is read anew. */
function openStore(directory: string, logger: Logger): KeyValueStore {
  const [folder, opening] = [join(directory, l1StoreName), join(directory, l1OpeningName)]
  if (existsSync(opening)) {
    logger.warn('the last start ended over what was kept of L1; it is read anew')
    rmSync(folder, { recursive: true, force: true })
  }
  writeFileSync(opening, '')
  try {
    return LmdbStore.open(folder)
  } catch (error) {
    logger.warn('what was kept of L1 cannot be opened and is read anew', { error })
    rmSync(folder, { recursive: true, force: true })
    return LmdbStore.open(folder)
  }
}
