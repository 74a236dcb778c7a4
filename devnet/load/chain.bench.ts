/**
 * Bench `chain`: four validators of the local world and anvil under the same open-loop load.
 *
 * For transfers of the native token and of an ERC-20, after a warm-up, rates rise until the chain
 * no longer keeps up: a rate is held when every transaction offered was final and successful, and
 * the median time to finality stayed within `latencyHeldMs`. What is reported is the highest rate
 * that is then held for half a minute. Everything (validators, clients, generator) shares this
 * machine. anvil has no consensus and no disk; it makes a block a second.
 */

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { compile } from '../clients/compile.ts'
import { devAccounts } from '../accounts.ts'
import { startDevnet, stopDevnet } from '../testing/devnet-process.ts'
import { LoadGenerator } from './load.ts'
import type { LoadKind, LoadResult, LoadTarget } from './load.ts'
import { RpcClient } from './rpc-client.ts'

const portOffset = 16_000
const anvilPort = 30_999
const anvilChainId = 31_337
const ratesPerSecond = [1_000, 1_500, 2_000, 2_500, 3_000, 4_000]
const secondsPerRate = 10
const secondsSustained = 30
/** Before the first rate of a kind: what runs often is compiled while it runs. */
const warmUp = { ratePerSecond: 1_000, seconds: 20 }
const latencyHeldMs = 1_000

type Figures = Record<string, number>

/** Runs both targets, one after the other. */
export async function bench() {
  const { bytecode } = compile(['Token']).Token
  const ours = await measureWorld(bytecode)
  const anvil = await measureAnvil(bytecode)
  const ratios: Figures = {}
  for (const [name, figure] of Object.entries(ours)) {
    const theirs = anvil[name]
    if (theirs !== undefined && theirs > 0) ratios[name] = figure / theirs
  }
  return { name: 'chain', metrics: ours, peers: { anvil }, ratios }
}

async function measureWorld(tokenBytecode: string): Promise<Figures> {
  const home = mkdtempSync(join(tmpdir(), 'zg-bench-'))
  const world = startDevnet(home, ['--no-da', '--port-offset', String(portOffset)])
  try {
    const { networks, accounts } = await world.ready
    const [network] = networks
    if (network === undefined) throw new Error('the world has no network')
    return await measure({
      rpcs: network.validators.map(({ rpc }) => rpc),
      ws: network.ws,
      chainId: network.chainId,
      privateKey: accounts[9]?.privateKey ?? '',
      tokenBytecode,
    })
  } finally {
    await stopDevnet(world)
    rmSync(home, { recursive: true, force: true })
  }
}

async function measureAnvil(tokenBytecode: string): Promise<Figures> {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const name = `@foundry-rs/anvil-${process.platform}-${architecture}/bin/anvil`
  const binary = createRequire(import.meta.url).resolve(name)
  const flags = ['--port', String(anvilPort), '--block-time', '1', '--gas-limit', '1000000000']
  const anvil = spawn(binary, [...flags, '--silent'], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${anvilPort}`
  try {
    await answers(url)
    return await measure({
      rpcs: [url],
      ws: `ws://127.0.0.1:${anvilPort}`,
      chainId: anvilChainId,
      privateKey: (await devAccounts())[9]?.privateKey ?? '',
      tokenBytecode,
    })
  } finally {
    anvil.kill()
  }
}

async function measure(target: LoadTarget): Promise<Figures> {
  const generator = new LoadGenerator(target)
  await generator.prepare()
  const figures: Figures = {}
  for (const kind of ['transfer', 'erc20'] as const) {
    const run = async (ratePerSecond: number, seconds: number): Promise<LoadResult> => {
      const result = await generator.run({ kind, ratePerSecond, seconds })
      console.error(describe({ target, kind, ratePerSecond, result }))
      return result
    }
    await run(warmUp.ratePerSecond, warmUp.seconds)
    const held: number[] = []
    for (const ratePerSecond of ratesPerSecond) {
      if (!isHeld(await run(ratePerSecond, secondsPerRate))) break
      held.unshift(ratePerSecond)
    }
    for (const ratePerSecond of held) {
      const result = await run(ratePerSecond, secondsSustained)
      if (!isHeld(result)) continue
      figures[`${kind}_per_second`] = ratePerSecond
      figures[`${kind}_finality_p50_ms`] = result.latencyP50Ms
      figures[`${kind}_finality_p99_ms`] = result.latencyP99Ms
      break
    }
  }
  generator.close()
  return figures
}

function isHeld({ offered, succeeded, latencyP50Ms }: LoadResult): boolean {
  return succeeded === offered && latencyP50Ms <= latencyHeldMs
}

function describe(run: {
  target: LoadTarget
  kind: LoadKind
  ratePerSecond: number
  result: LoadResult
}): string {
  const { succeeded, offered, refused, failed, latencyP50Ms, latencyP99Ms } = run.result
  const who = run.target.chainId === anvilChainId ? 'anvil' : 'zg'
  const counts = `${succeeded} of ${offered} final, ${refused} refused, ${failed} failed`
  const times = `finality p50 ${latencyP50Ms} ms, p99 ${latencyP99Ms} ms`
  return `${who} ${run.kind} at ${run.ratePerSecond}/s: ${counts}; ${times}`
}

/** Waits until the endpoint answers. */
async function answers(url: string): Promise<void> {
  const client = new RpcClient(url)
  for (let tries = 0; tries < 100; tries++) {
    const id = await client.call('eth_chainId').catch(() => undefined)
    if (id !== undefined) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  client.close()
}
