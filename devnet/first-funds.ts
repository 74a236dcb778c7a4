/**
 * The first things that happen on the chains of a world: a block on each, and tokens on networks
 * that began without. Deposits are sent to L1 as they were signed with the genesis, so that
 * sending them again changes nothing; consensus pays them out as withdrawals.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

import { ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { devAccounts } from './accounts.ts'
import { loopback } from './ports.ts'
import { callRpc } from './rpc-call.ts'
import type { ChainPlan, WorldPlan } from './world.ts'

/** The file in the folder of the L1 that holds the signed deposits. */
export const depositsFileName = 'deposits.json'

/** How long a chain may take to its first block, and to its first funds, once it answers. */
export const firstBlockTimeoutMs = 30_000

const pollMs = 50

/** Waits until a chain has made a block. */
export async function firstBlock(chain: ChainPlan, signal: AbortSignal): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const height = await callRpc(rpcUrl(chain), 'eth_blockNumber').catch(() => '0x0')
    return Number(height) > 0
  }
  await until(isThere, chain, signal)
}

/** Sends the deposits of a new world, and waits until every network has them. */
export async function fundNetworks(plan: WorldPlan, signal: AbortSignal): Promise<void> {
  const { l1, networks } = plan
  if (l1 === undefined) return
  const last = (await devAccounts()).at(-1)?.address
  const isFunded = async (network: ChainPlan): Promise<boolean> => {
    const balance = await callRpc(rpcUrl(network), 'eth_getBalance', [last, 'latest']).catch(
      () => '0x0',
    )
    return Number(balance) > 0
  }
  const funded = await Promise.all(networks.map(isFunded))
  if (funded.every(Boolean)) return
  const deposits = JSON.parse(readFileSync(join(l1.folder, depositsFileName), 'utf8')) as Hex[]
  for (const deposit of deposits) {
    // Refused when an earlier start has sent it.
    await callRpc(rpcUrl(l1), 'eth_sendRawTransaction', [deposit]).catch(() => undefined)
  }
  await Promise.all(networks.map((network) => until(() => isFunded(network), network, signal)))
}

async function until(
  holds: () => Promise<boolean>,
  chain: ChainPlan,
  signal: AbortSignal,
): Promise<void> {
  const late = AbortSignal.timeout(firstBlockTimeoutMs)
  while (!signal.aborted) {
    if (await holds()) return
    if (late.aborted) throw new FirstBlockLateError(chain.name)
    await wait(pollMs)
  }
}

function rpcUrl({ rpcPort }: ChainPlan): string {
  return `http://${loopback}:${rpcPort}`
}

export class FirstBlockLateError extends ZgError<'DEVNET_FIRST_BLOCK_LATE'> {
  constructor(chain: string) {
    const seconds = firstBlockTimeoutMs / 1_000
    const message = `Cannot start ${chain}: no block, or no first funds, within ${seconds} s`
    super('DEVNET_FIRST_BLOCK_LATE', message, { chain })
  }
}
