/** Networks on one L1 in a test, epochs of a given load, and who proves and decides by it. */

import { L1World, NetworkWorld, openingOf } from '@zg/contracts/testing'
import { keccak256, toHex } from '@zg/primitives'
import { createSystemClock, silentLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

import type { L1Chain } from '../l1-chain.ts'
import { L1Sender } from '../l1-sender.ts'
import { LoadKeeper } from '../load-keeper.ts'
import { ScaleKeeper } from '../scale-keeper.ts'
import { operators } from './relay-world.ts'
import { SimulatedL1Chain } from './simulated-l1-chain.ts'
import { SimulatedNetworkEndpoint } from './simulated-network-endpoint.ts'

/** Blocks of an epoch; one more than samples are drawn. */
export const blocksPerEpoch = 9

const loads = ['unknown', 'idle', 'between', 'busy'] as const

const senderLimits = { depth: 1, feePerGasMax: 10n ** 12n, pollMs: 10 }

/** What each network's blocks use of their gas in an epoch, in hundredths of a percent. */
export type Usage = Readonly<Record<number, number>>

/** Four operators validate these networks; it is epoch 12, in which they begin. */
export function openLoadWorld(ids: readonly number[]) {
  const l1 = new L1World()
  for (const id of ids) l1.openNetwork(id)
  l1.settle(operators)
  const join = (id: number): void => {
    for (const { address } of operators) l1.send(l1.networks, 'optIn', [id, 10_000], address)
  }
  for (const id of ids) join(id)
  l1.goToEpoch(12)
  const networks = new Map<number, NetworkWorld>()
  const endpoints = new Map<number, SimulatedNetworkEndpoint>()
  /** Has a network's blocks be made here. */
  const begin = (id: number): void => {
    const network = new NetworkWorld(l1, id, operators)
    networks.set(id, network)
    endpoints.set(id, new SimulatedNetworkEndpoint(network))
  }
  for (const id of ids) begin(id)
  const chain = new SimulatedL1Chain(l1)
  const networkOf = (id: number): NetworkWorld => networks.get(id) as NetworkWorld
  const endpointOf = (id: number) => endpoints.get(id) as SimulatedNetworkEndpoint
  /** Adds blocks to a network. */
  const fill = async (id: number, block: { count: number; epoch: number; usedBps: number }) => {
    for (let made = 0; made < block.count; made++) {
      const { usedBps } = block
      const epoch = BigInt(block.epoch)
      const mix = keccak256(Uint8Array.of(id, block.epoch, made))
      await networkOf(id).seal({ epoch, usedBps, mix, isStateKept: true })
    }
  }
  /** Lets the epoch of L1 pass with so much load, and has L1 know the block after it. */
  const pass = async (usage: Usage, { count = blocksPerEpoch, to = l1.epoch + 1 } = {}) => {
    const { epoch } = l1
    for (const id of Object.keys(usage).map(Number)) {
      // The first block of it is there already, but in the first epoch.
      const isFirst = networkOf(id).height === 0
      await fill(id, { count: isFirst ? count : count - 1, epoch, usedBps: usage[id] as number })
    }
    l1.goToEpoch(to)
    for (const id of Object.keys(usage).map(Number)) {
      networkOf(id).certify({ nextEpoch: BigInt(to) })
      await fill(id, { count: 1, epoch: to, usedBps: usage[id] as number })
      networkOf(id).certify()
    }
  }
  return {
    l1,
    chain,
    networkOf,
    endpointOf,
    join,
    begin,
    fill,
    pass,
    ...keepersOf({ l1, chain, endpointOf }),
    /** Has governance say which networks come next. */
    prepare: (...next: readonly number[]): void => {
      const list = next.map((id) => {
        return { id, opening: openingOf(id, { genesisHash: toHex(l1.identityOf(id).genesisHash) }) }
      })
      l1.send(l1.autoscaler, 'prepare', [list])
    },
    loadOf: (id: number, epoch: number) =>
      loads[l1.read(l1.load, 'loadOf', id, epoch) as number] ?? 'unknown',
    statusOf: (id: number) => l1.read(l1.networks, 'statusOf', id) as number,
  }
}

/** Who proves and decides, each with a key of its own. */
function keepersOf({
  l1,
  chain,
  endpointOf,
}: {
  readonly l1: L1World
  readonly chain: L1Chain
  readonly endpointOf: (id: number) => SimulatedNetworkEndpoint
}) {
  const parts = (name: string, own: { readonly chain?: L1Chain }) => {
    const clock = createSystemClock()
    const secretKey = keccak256(new TextEncoder().encode(name))
    const sending = { ...senderLimits, clock, secretKey, chainId: l1.world.chainId }
    const l1Chain = own.chain ?? chain
    return {
      chain: l1Chain,
      sender: new L1Sender({ ...sending, chain: l1Chain }),
      epochs: { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) },
      clock,
    }
  }
  const contracts = {
    networkRegistry: BigInt(l1.networks.address),
    finalityOracle: BigInt(l1.oracle.address),
    networkLoad: BigInt(l1.load.address),
    autoscaler: BigInt(l1.autoscaler.address),
    parameters: BigInt(l1.parameters.address),
  }
  return {
    /** A keeper of load that has just begun. */
    prove: (id: number, own: { readonly name?: string; readonly chain?: L1Chain } = {}) =>
      new LoadKeeper({
        ...parts(own.name ?? `load ${id}`, own),
        endpoint: endpointOf(id),
        contracts,
        identity: l1.identityOf(id),
      }),
    /** A keeper of networks that has just begun. */
    scale: ({
      spared = [],
      log = silentLogger,
      ...own
    }: {
      readonly chain?: L1Chain
      readonly spared?: readonly number[]
      readonly log?: Logger
    } = {}) => new ScaleKeeper({ ...parts('scale', own), contracts, spared, log }),
  }
}
