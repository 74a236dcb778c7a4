/**
 * Two networks of four validators each, and their keeper, on an L1 that is none of ours: set up by
 * `outside-l1.ts`, run by the processes of a local world.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { L1Parameters } from '@zg/contracts'
import { createSystemClock } from '@zg/runtime'
import type { Clock } from '@zg/runtime'
import { JsonRpcEndpoint, JsonRpcL1Chain, L1Follower } from '@zg/staking'

import { startChild } from '../child.ts'
import type { Child } from '../child.ts'
import { openFront } from '../front.ts'
import { nodeEntryPath } from '../local-world.ts'
import { keeperConfigPath } from '../node-files.ts'
import type { StakeL1 } from '../node-files.ts'
import { openOutsideL1 } from '../outside-l1.ts'
import type { OutsideL1 } from '../outside-l1.ts'
import { readL1Parameters } from '../parameters.ts'
import { grantPorts, isPortFree, loopback, portWishes } from '../ports.ts'
import { planWorld, resolveWorld } from '../world.ts'
import type { ChainPlan, WorldPlan } from '../world.ts'

/** Away from a world that a developer may be running. */
const portOffset = 15_000

/** A process may take so long until it serves. */
const readyTimeoutMs = 120_000

/** An L1 that runs. */
export type RunningL1 = {
  readonly url: string
  readonly chainId: number
  readonly funderKey: Uint8Array
}

export type OutsideWorld = {
  readonly plan: WorldPlan
  readonly outside: OutsideL1
  readonly l1: StakeL1
  readonly chain: JsonRpcL1Chain
  readonly parameters: L1Parameters
  readonly clock: Clock
  /** What the contracts say of a network, proved, by its id. */
  readonly followers: readonly L1Follower[]
  /** How long the set-up took. */
  readonly setUpSeconds: number
  stop(): Promise<void>
}

/** Sets up and starts all of it. */
export async function startOutsideWorld(
  running: RunningL1,
  epochSeconds: number,
): Promise<OutsideWorld> {
  const home = mkdtempSync(join(tmpdir(), 'zg-outside-l1-'))
  const undo: (() => Promise<unknown> | void)[] = [() => rmSync(home, { recursive: true })]
  const stop = async (): Promise<void> => {
    while (undo.length > 0) await undo.pop()?.()
  }
  try {
    const clock = createSystemClock()
    const plan = await planAt(home)
    const parameters = parametersOf(epochSeconds)
    const startedMs = performance.now()
    const outside = await openOutsideL1(plan, { ...running, parameters, clock })
    const l1 = await outside.setUp()
    const setUpSeconds = Math.round((performance.now() - startedMs) / 1_000)
    for (const network of plan.networks) await startNetwork(network, undo)
    const chain = new JsonRpcL1Chain({ url: running.url })
    const followers = plan.networks.map(({ id }) => followerOf(l1, id, clock))
    for (const follower of followers) {
      follower.start()
      undo.push(() => follower.stop())
    }
    await startKeeper(plan, undo)
    return { plan, outside, l1, chain, parameters, clock, followers, setUpSeconds, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Those of `dev`, in epochs of another length: what must span epochs grows with them. */
function parametersOf(epochSeconds: number): L1Parameters {
  const dev = readL1Parameters('dev')
  const scaled = (seconds: number): number => (seconds * epochSeconds) / dev.epochSeconds
  const { stakersTimelockSeconds } = dev.governance
  return {
    ...dev,
    epochSeconds,
    unbondingSeconds: scaled(dev.unbondingSeconds),
    evidenceAgeMaxSeconds: scaled(dev.evidenceAgeMaxSeconds),
    certificateAgeMaxSeconds: scaled(dev.certificateAgeMaxSeconds),
    governance: { ...dev.governance, stakersTimelockSeconds: scaled(stakersTimelockSeconds) },
  }
}

async function planAt(home: string): Promise<WorldPlan> {
  const random = crypto.getRandomValues(new Uint8Array(32))
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const kept = resolveWorld({ minimal: false }, undefined, { random, nowSeconds })
  const { networkCount, validatorCount } = kept
  const wishes = portWishes({ withL1: false, networkCount, validatorCount, offset: portOffset })
  const grants = await grantPorts(wishes, isPortFree)
  return { ...planWorld(kept, { home, minimal: false }, grants), l1: undefined }
}

async function startNetwork(
  { rpcPort, validators }: ChainPlan,
  undo: (() => Promise<unknown> | void)[],
): Promise<void> {
  const entry = nodeEntryPath()
  const children = validators.map(({ part, folder, logPath }) => {
    const child = startChild({ part, entry, args: [folder], logPath })
    undo.push(() => end(child))
    return child
  })
  await Promise.all(children.map(ready))
  const backPorts = validators.map((validator) => validator.rpcPort)
  const front = await openFront({ port: rpcPort, backPorts })
  undo.push(() => front.close())
}

async function startKeeper(
  { keeper }: WorldPlan,
  undo: (() => Promise<unknown> | void)[],
): Promise<void> {
  if (keeper === undefined) return
  const entry = fileURLToPath(new URL('../keeper-main.ts', import.meta.url))
  const { part, logPath } = keeper
  const child = startChild({ part, entry, args: [keeperConfigPath(keeper)], logPath })
  undo.push(() => end(child))
  await ready(child)
}

async function ready(child: Child): Promise<void> {
  const why = await Promise.race([
    child.ready,
    child.exited.then(() => child.reason() ?? 'it ended'),
    new Promise<string>((resolve) => {
      setTimeout(() => resolve('it does not serve'), readyTimeoutMs).unref()
    }),
  ])
  if (why !== undefined) throw new Error(`a process did not start: ${why}`)
}

async function end(child: Child): Promise<void> {
  child.signal('SIGTERM')
  const timer = setTimeout(() => child.signal('SIGKILL'), 5_000)
  await child.exited
  clearTimeout(timer)
}

function followerOf({ endpoint: url, siteOf }: StakeL1, networkId: number, clock: Clock) {
  const { epochStart, epochSeconds, fromBlock = 0, contracts: at } = siteOf(networkId)
  const inbox = BigInt(at['Inbox'] ?? 0)
  return new L1Follower({
    endpoints: [new JsonRpcEndpoint({ url, inbox })],
    contracts: {
      networkRegistry: BigInt(at['NetworkRegistry'] ?? 0),
      operatorRegistry: BigInt(at['OperatorRegistry'] ?? 0),
      inbox,
    },
    networkId,
    fromBlock: BigInt(fromBlock),
    epochs: { start: BigInt(epochStart), length: BigInt(epochSeconds) },
    clock,
  })
}

/** JSON-RPC of a network: its public port. */
export function rpcOf({ rpcPort }: Pick<ChainPlan, 'rpcPort'>): string {
  return `http://${loopback}:${rpcPort}`
}
