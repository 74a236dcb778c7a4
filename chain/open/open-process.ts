/**
 * An open node's part of a process: its key, the open network, the node, the thread of its calls.
 *
 *     <directory>/open.key   what its libp2p key is made of: 32 bytes as hex, 0600
 *
 * Nothing but this file is loaded by `@zg/p2p/open`, and this file by open nodes alone.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { blsScheme, viewWithoutL1 } from '@zg/consensus'
import { openLibp2pNetwork } from '@zg/p2p/open'
import { fromHex, isHex, toHex, ZgError } from '@zg/primitives'
import { LmdbStore } from '@zg/runtime'
import type { Rng } from '@zg/runtime'

import { fixedValidatorSet } from '../network-parameters.ts'
import { SimulationThread } from '../rpc/simulation-thread.ts'
import { WorkerRecovery } from '../sender-recovery.ts'
import { GenesisWithoutNetworkError } from '../validator-node.ts'
import type { Machine, NodeSettings, OpenedNode, Undo } from '../validator-process.ts'
import { openNodePaceDefault, openOpenNode } from './open-node.ts'
import { RpcUpstream } from './rpc-upstream.ts'

/** Opens an open node; what it opens is undone by `undo`. */
export async function openOpenProcess(
  { directory, config, genesis, l1, onFailure }: NodeSettings,
  machine: Machine,
  undo: Undo,
): Promise<OpenedNode> {
  const { open, archive } = config
  if (genesis.network === undefined || open === undefined) throw new GenesisWithoutNetworkError()
  const { clock, rng, logger } = machine
  const folder = join(directory, 'chain.mdb')
  const store = LmdbStore.open(folder)
  undo.push(() => store.close())
  const { host, port, bootstrap } = open
  const network = await openLibp2pNetwork({
    genesisHash: genesis.hash,
    seed: readSeed(join(directory, 'open.key'), rng),
    host,
    port,
    bootstrap,
    clock,
    rng,
    logger,
  })
  undo.push(() => network.close())
  const p2pAddresses = network.addresses()
  logger.info('Open to peers', { p2pAddresses })
  const recovery = new WorkerRecovery(logger)
  undo.push(() => recovery.close())
  const node = await openOpenNode(
    {
      ...machine,
      genesis,
      l1View: l1?.view ?? viewWithoutL1(fixedValidatorSet(genesis.network)),
      ...(config.l1 && { firstEpoch: config.l1.firstEpoch }),
      ...(l1 && { knownBlock: () => l1.knownBlock(), knownHeight: () => l1.knownHeight() }),
      scheme: blsScheme(),
      store,
      network,
      upstreams: open.upstreams.map((url) => new RpcUpstream(url, logger)),
      start: open.checkpoint ?? open.start,
      snapshotIntervalBlocks: open.snapshotIntervalBlocks,
      recovery,
      archive,
      pace: openNodePaceDefault,
    },
    onFailure,
  )
  undo.push(() => node.stop())
  const simulator = new SimulationThread({ folder, config: genesis.config, archive }, clock)
  undo.push(() => simulator.close())
  const p2pPort = Number(/\/tcp\/(\d+)/.exec(p2pAddresses[0] ?? '')?.[1])
  return { view: node.view, p2pPort, p2pAddresses, simulator }
}

function readSeed(path: string, rng: Rng): Uint8Array {
  if (!existsSync(path)) {
    writeFileSync(path, `${toHex(rng.bytes(32))}\n`, { mode: 0o600, flag: 'wx' })
  }
  const text = readFileSync(path, 'utf8').trim()
  if (!isHex(text, 32)) throw new OpenKeyInvalidError(path)
  return fromHex(text)
}

export class OpenKeyInvalidError extends ZgError<'CHAIN_OPEN_KEY_INVALID'> {
  constructor(path: string) {
    super('CHAIN_OPEN_KEY_INVALID', `Cannot use "${path}": it holds no key of 32 bytes`, { path })
  }
}
