/**
 * N networks of the same operators and nothing else: no L1, no keeper, no public ports. One process
 * a validator, started as the local world starts it, on the same code of consensus and execution;
 * the set of each network is in its genesis and stays.
 *
 * A block takes `2 · gasTarget` gas, of which EIP-1559 lets half be used for ever at a level fee.
 */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { networkGenesisJson, networkParametersDefault } from '@zg/chain'
import { assert, toHex } from '@zg/primitives'

import { startChild } from '../child.ts'
import type { Child } from '../child.ts'
import { loadSenders } from '../load/load.ts'
import { closedAtInterrupt } from '../measuring/interrupt.ts'
import { genesisPathOf, writeValidatorFiles } from '../node-files.ts'
import { grantPorts, isPortFree, loopback, portWishes } from '../ports.ts'
import { callRpc } from '../rpc-call.ts'
import { chainIdDefault, planWorld } from '../world.ts'
import type { ChainPlan } from '../world.ts'
import { writeWhole } from '../write-whole.ts'

const nodeEntry = fileURLToPath(new URL('../node-main.ts', import.meta.url))

/** Below the ports that the system gives to outgoing connections, beside those of a world. */
const portOffset = 3_000

/** What every sender of the load owns, in wei. */
const senderBalanceWei = 10n ** 24n

/** Between asking a network whether it made a block, and for how long. */
const pollMs = 100
const firstBlockTimeoutMs = 120_000

/** Processes that start at the same time: each needs a whole processor for a second or two. */
const startingMax = 4

/** How a lean world is made; the same for every number of networks. */
export type LeanWorldOptions = {
  readonly networkCount: number
  /** Validators of each network: operator j has one in each. */
  readonly operatorCount: number
  /** Busy or idle. */
  readonly blockTimeMs: number
  /** Gas that a network may use in a block for ever. */
  readonly gasTarget: bigint
  /** Whose senders are funded, `0x` and 64 digits. */
  readonly privateKey: string
}

export type LeanValidator = { readonly operator: number; readonly pid: number }

export type LeanNetwork = {
  readonly chainId: number
  /** HTTP endpoints, one a validator. */
  readonly rpcs: readonly string[]
  readonly ws: string
  readonly validators: readonly LeanValidator[]
}

export type LeanWorld = {
  readonly networks: readonly LeanNetwork[]
  /** Ends all processes and removes all files. */
  close(): Promise<void>
}

/** Starts all processes and waits until each network has made a block. */
export async function startLeanWorld(options: LeanWorldOptions): Promise<LeanWorld> {
  const home = mkdtempSync(join(tmpdir(), 'zg-growth-'))
  const children: Child[] = []
  const close = closedAtInterrupt(async () => {
    for (const child of children) child.signal('SIGTERM')
    await Promise.all(children.map(({ exited }) => exited))
    rmSync(home, { recursive: true, force: true })
  })
  try {
    const plans = await planNetworks(home, options)
    for (const plan of plans) await writeNetwork(plan, options)
    const networks: LeanNetwork[] = []
    for (const plan of plans) networks.push(await startNetwork(plan, children))
    await Promise.all(networks.map(firstBlock))
    return { networks, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function planNetworks(
  home: string,
  { networkCount, operatorCount }: LeanWorldOptions,
): Promise<readonly ChainPlan[]> {
  const kept = {
    version: 1,
    seed: toHex(new Uint8Array(32).fill(7)).slice(2),
    validatorCount: operatorCount,
    networkCount,
    chainId: chainIdDefault,
    genesisTimestamp: Math.floor(Date.now() / 1_000),
  } as const
  const world = { withL1: false, networkCount, validatorCount: operatorCount, offset: portOffset }
  const grants = await grantPorts(portWishes(world), isPortFree)
  return planWorld(kept, { home, minimal: false }, grants).networks
}

async function writeNetwork(plan: ChainPlan, options: LeanWorldOptions): Promise<void> {
  const { blockTimeMs, gasTarget, privateKey } = options
  const genesis = networkGenesisJson({
    chainId: BigInt(plan.chainId),
    fork: 'osaka',
    timestamp: plan.genesisTimestamp,
    gasLimit: 2n * gasTarget,
    accounts: loadSenders(privateKey).map(({ address }) => ({
      address,
      balance: senderBalanceWei,
    })),
    network: {
      ...networkParametersDefault,
      blockTimeBusyMs: blockTimeMs,
      blockTimeIdleMs: blockTimeMs,
      buildBudgetMs: Math.floor(blockTimeMs / 2),
      deltaMs: blockTimeMs,
      deltaMaxMs: 30_000,
      networkId: plan.id,
      validators: plan.validators.map(({ operator, publicKey }) => ({
        operator,
        publicKey,
        stake: 1_000n,
      })),
    },
  })
  mkdirSync(plan.folder, { recursive: true })
  mkdirSync(join(plan.folder, '..', 'logs'), { recursive: true })
  writeWhole(genesisPathOf(plan), `${JSON.stringify(genesis)}\n`)
  for (const validator of plan.validators) await writeValidatorFiles(plan, validator, undefined)
}

async function startNetwork(plan: ChainPlan, children: Child[]): Promise<LeanNetwork> {
  const validators: LeanValidator[] = []
  for (let from = 0; from < plan.validators.length; from += startingMax) {
    const some = plan.validators.slice(from, from + startingMax)
    const started = some.map(({ index, part, folder, logPath }) => {
      const child = startChild({ part, entry: nodeEntry, args: [folder], logPath })
      children.push(child)
      validators.push({ operator: index, pid: child.pid })
      return child
    })
    await Promise.all(started.map(serves))
  }
  const rpcs = plan.validators.map(({ rpcPort }) => `http://${loopback}:${rpcPort}`)
  const [first] = plan.validators
  assert(first !== undefined, 'a network has a validator')
  return { chainId: plan.chainId, rpcs, ws: `ws://${loopback}:${first.rpcPort}`, validators }
}

async function serves(child: Child): Promise<void> {
  const end = await Promise.race([child.ready, child.exited])
  if (end !== undefined) throw new Error(`a validator ended: ${child.reason() ?? 'no word'}`)
}

async function firstBlock({ rpcs, chainId }: LeanNetwork): Promise<void> {
  const [url] = rpcs
  assert(url !== undefined, 'a network has an endpoint')
  const end = Date.now() + firstBlockTimeoutMs
  for (;;) {
    const height = await callRpc(url, 'eth_blockNumber').catch(() => '0x0')
    if (BigInt(String(height)) > 0n) return
    if (Date.now() > end) throw new Error(`chain ${chainId} makes no block`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
