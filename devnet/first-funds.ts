/**
 * The first things that happen on the chains of a world: a block on each, and tokens on networks
 * that began without. Deposits are sent to the world's own L1 as they were signed with the genesis,
 * so that sending them again changes nothing; consensus pays them out as withdrawals.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

import { ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { devAccounts } from './accounts.ts'
import { l1SitePath, readL1Site } from './l1-site.ts'
import { loopback } from './ports.ts'
import { callRpc } from './rpc-call.ts'
import type { ChainPlan, WorldPlan } from './world.ts'

/** The file in the folder of the L1 that holds the signed deposits. */
export const depositsFileName = 'deposits.json'

/** How long a chain may take to its first block, and to its first funds, once it answers. */
const firstBlockTimeoutMs = 30_000

/** The same where the L1 is outside, beside what is waited for on its clock. */
const outsideTimeoutMs = 300_000

const pollMs = 50

/** What is waited for where the L1 is outside. */
export const beginSteps = { blocks: 'first blocks', deposits: 'deposits' } as const

/** How far somebody or something is. */
export type OutsideStep = { readonly name: string; readonly isDone: boolean; readonly text: string }

export type BeginOptions = {
  readonly signal: AbortSignal
  readonly onStep: (step: OutsideStep) => void
  /** Sends deposits to an L1 that is outside. */
  readonly deposit: (() => Promise<void>) | undefined
}

/** Waits for the first block of every chain, and for the first tokens of every network. */
export async function beginChains(plan: WorldPlan, options: BeginOptions): Promise<void> {
  const { l1, networks, kept } = plan
  const { signal, onStep } = options
  const waitSeconds = secondsToBegin(plan)
  // A block names final ones of L1, and a deposit is paid out when it is final: within an epoch.
  const timeoutMs =
    kept.outsideL1 === undefined
      ? firstBlockTimeoutMs
      : outsideTimeoutMs + 1_000 * (waitSeconds + kept.outsideL1.epochSeconds)
  const text = waitSeconds === 0 ? 'awaited' : `the first epoch begins in ${waitSeconds} s`
  onStep({ name: beginSteps.blocks, isDone: false, text })
  const patience = { signal, timeoutMs }
  const chains = l1 === undefined ? networks : [l1, ...networks]
  await Promise.all(chains.map((chain) => firstBlock(chain, patience)))
  onStep({ name: beginSteps.blocks, isDone: true, text: 'made' })
  const deposit = l1 === undefined ? options.deposit : () => sendDeposits(l1)
  if (deposit !== undefined) await fundNetworks(networks, { ...patience, deposit })
  onStep({ name: beginSteps.deposits, isDone: true, text: 'paid out' })
}

/** Until all networks of an outside L1 have begun, by the clock of this machine. */
function secondsToBegin(plan: WorldPlan): number {
  if (plan.kept.outsideL1 === undefined) return 0
  return Math.max(0, Math.ceil(firstEpochTime(plan) - Date.now() / 1_000))
}

/** When the last of the networks begins, in seconds since 1970. */
export function firstEpochTime({ networks, filesDir }: WorldPlan): number {
  const starts = networks.map(({ id }) => {
    const { epochStart, epochSeconds, firstEpoch } = readL1Site(l1SitePath(filesDir, id))
    return epochStart + firstEpoch * epochSeconds
  })
  return Math.max(...starts)
}

type Patience = { readonly signal: AbortSignal; readonly timeoutMs: number }

async function firstBlock(chain: ChainPlan, patience: Patience): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const height = await callRpc(rpcUrl(chain), 'eth_blockNumber').catch(() => '0x0')
    return Number(height) > 0
  }
  await until(isThere, chain, patience)
}

/** Sends the deposits of a new world, and waits until every network has them. */
async function fundNetworks(
  networks: readonly ChainPlan[],
  { deposit, ...patience }: Patience & { readonly deposit: () => Promise<void> },
): Promise<void> {
  const last = (await devAccounts()).at(-1)?.address
  const isFunded = async (network: ChainPlan): Promise<boolean> => {
    const balance = await callRpc(rpcUrl(network), 'eth_getBalance', [last, 'latest']).catch(
      () => '0x0',
    )
    return Number(balance) > 0
  }
  const funded = await Promise.all(networks.map(isFunded))
  if (funded.every(Boolean)) return
  await deposit()
  await Promise.all(networks.map((network) => until(() => isFunded(network), network, patience)))
}

/** Sends what was signed with the genesis of a world's own L1. */
async function sendDeposits(l1: ChainPlan): Promise<void> {
  const deposits = JSON.parse(readFileSync(join(l1.folder, depositsFileName), 'utf8')) as Hex[]
  for (const deposit of deposits) {
    // Refused when an earlier start has sent it.
    await callRpc(rpcUrl(l1), 'eth_sendRawTransaction', [deposit]).catch(() => undefined)
  }
}

async function until(
  holds: () => Promise<boolean>,
  chain: ChainPlan,
  { signal, timeoutMs }: Patience,
): Promise<void> {
  const endMs = performance.now() + timeoutMs
  while (!signal.aborted) {
    if (await holds()) return
    if (performance.now() > endMs) throw new FirstBlockLateError(chain.name, timeoutMs)
    await wait(pollMs)
  }
}

function rpcUrl({ rpcPort }: ChainPlan): string {
  return `http://${loopback}:${rpcPort}`
}

export class FirstBlockLateError extends ZgError<'DEVNET_FIRST_BLOCK_LATE'> {
  constructor(chain: string, timeoutMs: number) {
    const seconds = Math.round(timeoutMs / 1_000)
    const message = `Cannot start ${chain}: no block, or no first funds, within ${seconds} s`
    super('DEVNET_FIRST_BLOCK_LATE', message, { chain })
  }
}
