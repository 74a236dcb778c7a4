/**
 * Measures a lean world under load: what became of the transactions, and what it cost.
 *
 * The load runs through; windows are cut out of it, so that none of them holds a start or an end.
 * What a window counts are final blocks: those after the newest one at its start, up to the newest
 * at its end, between their own timestamps (consensus headers, milliseconds).
 */

import { setTimeout as wait } from 'node:timers/promises'

import { ByteReader, readHeader } from '@zg/consensus'
import { assert, fromHex, toQuantity } from '@zg/primitives'

import { LoadGenerator } from '../load/load.ts'
import type { LoadResult } from '../load/load.ts'
import { callRpc } from '../rpc-call.ts'
import type { LeanNetwork, LeanWorld } from './lean-world.ts'
import { useOf } from '../measuring/process-use.ts'
import type { ProcessUse } from '../measuring/process-use.ts'

/** What clients have is sent together this often. */
const tickMs = 250

/** Above any base fee that a window of full blocks can reach. */
const maxFeePerGas = 10n ** 13n

/** Under a quota a node may be slow to answer. */
const answerTimeoutMs = 60_000

/** The load before the first window, and after the last. */
const leadSeconds = 5
const tailSeconds = 1

export type WindowPlan = {
  readonly windows: number
  readonly seconds: number
  /** Offered to each network; 0: none. */
  readonly ratePerSecond: number
}

/** What one network did in a window. */
export type NetworkWindow = {
  readonly emptyBlocks: number
  readonly filledBlocks: number
  readonly transactions: number
  /** From the first block counted to the last. */
  readonly blockSeconds: number
}

export type Window = {
  readonly seconds: number
  readonly networks: readonly NetworkWindow[]
  /** Processor time of each operator, over all its networks. */
  readonly operatorCpuSeconds: readonly number[]
  /** Of the process that sends the load and measures. */
  readonly generatorCpuSeconds: number
  readonly writtenBytes: number
  /** All validators at the end of the window. */
  readonly rssBytes: number
  readonly pssBytes: number
}

export type LoadedWindows = {
  readonly windows: readonly Window[]
  /** Of each network over the whole load; none without load. */
  readonly loads: readonly LoadResult[]
}

/** Sends load to the networks of a world; one for all runs of the world. */
export class GrowthLoad {
  readonly #world: LeanWorld
  readonly #generators: readonly LoadGenerator[]

  constructor(world: LeanWorld, privateKey: string) {
    this.#world = world
    this.#generators = world.networks.map(
      ({ rpcs, ws, chainId }) =>
        new LoadGenerator({ rpcs, ws, chainId, privateKey, tokenBytecode: '', maxFeePerGas }),
    )
  }

  /** Loads all networks at once, and forgets it. */
  async warmUp(ratePerSecond: number, seconds: number): Promise<void> {
    await this.#load(ratePerSecond, seconds)
  }

  async run({ windows: count, seconds, ratePerSecond }: WindowPlan): Promise<LoadedWindows> {
    const total = leadSeconds + count * seconds + tailSeconds
    const loading = ratePerSecond === 0 ? Promise.resolve([]) : this.#load(ratePerSecond, total)
    // A load that fails is reported below, once; the windows then end by themselves.
    loading.catch(() => undefined)
    await wait(leadSeconds * 1_000)
    const looks: Look[] = [await look(this.#world)]
    for (let index = 0; index < count; index++) {
      await wait(seconds * 1_000)
      looks.push(await look(this.#world))
    }
    const loads = await loading
    const windows: Window[] = []
    for (const [index, end] of looks.entries()) {
      const start = looks[index - 1]
      if (start !== undefined) windows.push(await windowBetween(this.#world, start, end))
    }
    return { windows, loads }
  }

  close(): void {
    for (const generator of this.#generators) generator.close()
  }

  #load(ratePerSecond: number, seconds: number): Promise<readonly LoadResult[]> {
    const plan = { kind: 'transfer', ratePerSecond, seconds, tickMs } as const
    return Promise.all(this.#generators.map((generator) => generator.run(plan)))
  }
}

/** A world at one moment. */
type Look = {
  readonly atMs: number
  readonly heights: readonly number[]
  readonly operators: readonly ProcessUse[]
  readonly generatorCpuSeconds: number
}

async function look({ networks }: LeanWorld): Promise<Look> {
  const heights = await Promise.all(networks.map(heightOf))
  const { user, system } = process.cpuUsage()
  const operatorCount = networks[0]?.validators.length ?? 0
  const operators = Array.from({ length: operatorCount }, (_, operator) =>
    useOf(
      networks
        .flatMap(({ validators }) => validators)
        .filter((validator) => validator.operator === operator)
        .map(({ pid }) => pid),
    ),
  )
  const generatorCpuSeconds = (user + system) / 1e6
  return { atMs: performance.now(), heights, operators, generatorCpuSeconds }
}

async function windowBetween({ networks }: LeanWorld, start: Look, end: Look): Promise<Window> {
  const counted: NetworkWindow[] = []
  for (const [index, network] of networks.entries()) {
    counted.push(
      await countBlocks(network, { from: start.heights[index] ?? 0, to: end.heights[index] ?? 0 }),
    )
  }
  const sum = (key: keyof ProcessUse, at: Look): number =>
    at.operators.reduce((all, use) => all + use[key], 0)
  return {
    seconds: (end.atMs - start.atMs) / 1_000,
    networks: counted,
    operatorCpuSeconds: end.operators.map(
      ({ cpuSeconds }, index) => cpuSeconds - (start.operators[index]?.cpuSeconds ?? 0),
    ),
    generatorCpuSeconds: end.generatorCpuSeconds - start.generatorCpuSeconds,
    writtenBytes: sum('writtenBytes', end) - sum('writtenBytes', start),
    rssBytes: sum('rssBytes', end),
    pssBytes: sum('pssBytes', end),
  }
}

async function countBlocks(
  network: LeanNetwork,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<NetworkWindow> {
  let [emptyBlocks, filledBlocks, transactions] = [0, 0, 0]
  for (let height = from + 1; height <= to; height++) {
    const count = Number(
      await ask(network, 'eth_getBlockTransactionCountByNumber', toQuantity(height)),
    )
    if (count === 0) emptyBlocks++
    else filledBlocks++
    transactions += count
  }
  const blockSeconds = ((await timeOf(network, to)) - (await timeOf(network, from))) / 1_000
  return { emptyBlocks, filledBlocks, transactions, blockSeconds }
}

async function heightOf(network: LeanNetwork): Promise<number> {
  return Number(await ask(network, 'eth_blockNumber'))
}

/** Milliseconds since 1970. */
async function timeOf(network: LeanNetwork, height: number): Promise<number> {
  const header = await ask(network, 'zg_getHeader', toQuantity(height))
  return readHeader(new ByteReader(fromHex(String(header)))).timestampMs
}

function ask({ rpcs }: LeanNetwork, method: string, ...params: unknown[]): Promise<unknown> {
  const [url] = rpcs
  assert(url !== undefined, 'a network has an endpoint')
  return callRpc(url, method, params, answerTimeoutMs)
}
