/** A world that tests start, strike, ask and end, as processes. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { createPublicClient, createWalletClient, defineChain, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

import { requestControl } from '../control.ts'
import type { PartStatus } from '../control.ts'
import { readLiveLock } from '../data-dir.ts'
import type { DevnetFile } from '../devnet-file.ts'
import { callRpc } from '../rpc-call.ts'
import { startDevnet, stopDevnet } from './devnet-process.ts'
import type { DevnetProcess } from './devnet-process.ts'
import { differingHeights, faultsIn, readStatements } from './statements.ts'
import type { Statement } from './statements.ts'

/** Away from a world that a developer may be running. */
export const portOffset = 20_000
/** Of a world that runs beside another one of these. */
export const besideOffset = 23_000

export function startAside(
  home: string,
  flags: readonly string[] = [],
  offset: number = portOffset,
): DevnetProcess {
  return startDevnet(home, ['--no-da', '--port-offset', String(offset), ...flags])
}

/** Ends it as Ctrl-C does; returns how long that took, in milliseconds. */
export async function stop(run: DevnetProcess): Promise<number> {
  const startedAt = performance.now()
  assert.equal(await stopDevnet(run), 0)
  return performance.now() - startedAt
}

export function pidsOf(file: DevnetFile): number[] {
  const validators = file.networks.flatMap((network) => network.validators)
  const { pid: l1 } = file.l1 ?? {}
  return [...(l1 === undefined ? [] : [l1]), ...validators.map(({ pid }) => pid)]
}

export async function heightOf(rpc: string): Promise<number> {
  return Number(await callRpc(rpc, 'eth_blockNumber'))
}

/** Polls until `holds`; a test that waits for ever is ended by its own timeout. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds().catch(() => false))) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export function chaos(
  home: string,
  verb: 'kill' | 'pause' | 'resume',
  validator: number,
  network = 0,
) {
  const lock = readLiveLock(home)
  assert.ok(lock)
  return requestControl(lock.socket, { verb, network, validator })
}

/** Waits until a chain stands still; what was under way may still become final. */
export async function standstill(rpc: string): Promise<number> {
  let height = await heightOf(rpc)
  await until(async () => {
    const was = height
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    height = await heightOf(rpc)
    return height === was
  })
  return height
}

export async function statusOf(home: string, name: string): Promise<PartStatus | undefined> {
  const lock = readLiveLock(home)
  assert.ok(lock)
  const parts = await requestControl(lock.socket, { verb: 'status' })
  return parts.find((part) => part.name === name)
}

export function clientsOf(
  file: DevnetFile,
  index = 0,
  site: { readonly rpc: string; readonly chainId: number } | undefined = file.networks[0],
) {
  assert.ok(site)
  const chain = defineChain({
    id: site.chainId,
    name: `chain ${site.chainId}`,
    nativeCurrency: { name: '0G', symbol: '0G', decimals: 18 },
    rpcUrls: { default: { http: [site.rpc] } },
  })
  const transport = http(site.rpc, { retryCount: 10, retryDelay: 100 })
  const account = privateKeyToAccount(file.accounts[index]!.privateKey)
  return {
    reader: createPublicClient({ chain, transport, pollingInterval: 50, cacheTime: 0 }),
    writer: createWalletClient({ account, chain, transport }),
  }
}

/** One chain on all nodes, and nothing signed that is a fault; returns what was signed. */
export async function assertOneChain(home: string, file: DevnetFile): Promise<Statement[]> {
  const rpcs = file.networks[0]!.validators.map(({ rpc }) => rpc)
  const to = Math.min(...(await Promise.all(rpcs.map(heightOf))))
  assert.deepEqual(await differingHeights(rpcs, { from: 1, to: to - 1 }), [])
  const statements = await readStatements(rpcs, { to })
  assert.deepEqual(faultsIn(statements), [])
  // What a validator receives shows more than certificates do: it logs each pair that is evidence.
  for (const { index } of file.networks[0]!.validators) {
    const log = readFileSync(join(home, 'logs', `net-0-val-${index}.jsonl`), 'utf8')
    assert.match(log, /"epoch begun"/)
    assert.doesNotMatch(log, /"a validator is at fault"|"the guard refused a vote"/)
  }
  return statements
}
