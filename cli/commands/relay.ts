/**
 * `zg relay`: brings to L1 what networks made, and to networks what L1 says, from an account of
 * one's own, until it is ended; by load it has networks opened and ended. Anyone may; nobody is
 * trusted for it; any number may run beside each other.
 *
 * Without flags it serves every network of the running world, whose keeper does the same, and those
 * that the world gets meanwhile. A line a deed; with `--json` every line of its log.
 */

import { join, resolve } from 'node:path'

import { callRpc, keptNetworkOf, l1SiteFileName, readL1Site } from '@zg/devnet'
import type { KeeperPlan } from '@zg/devnet/keeper'
import { addressOfSecretKey, fromHex, isHex, toHex } from '@zg/primitives'

import { readAccountKey } from '../account-key.ts'
import type { CommandInput } from '../command.ts'
import { findWorld } from '../endpoint.ts'
import type { Output } from '../output.ts'
import { findStake, networkEndpoint, NoStakeError, showAddress } from '../stake-site.ts'
import type { StakeSite } from '../stake-site.ts'

export async function runRelay(input: CommandInput): Promise<void> {
  const { output } = input
  const site = findStake(input)
  const secretKey = fromHex(await readAccountKey(input, site.l1))
  const { plan, isWholeWorld } = await planOf(input, site)
  const ids = plan.networks.map(({ id }) => id)
  const payer = showAddress(toHex(addressOfSecretKey(secretKey)))
  output.line(`Relaying network${ids.length === 1 ? '' : 's'} ${ids.join(', ')}; ${payer} pays gas`)
  output.line(output.paint('quiet', 'Ctrl-C ends it; nothing is lost by that.'))
  // Loaded here: it brings the relayer with it.
  const { startRelay } = await import('@zg/devnet/keeper')
  const readWorld = () => findWorld(input)?.file
  const told = isWholeWorld ? { plan, readWorld } : { plan }
  const relay = startRelay(told, secretKey, (line) => tell(output, line))
  await new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done())
  })
  await relay.stop()
}

/** Networks of the running world, or the one that flags name. */
async function planOf(
  input: CommandInput,
  stake: StakeSite,
): Promise<{ readonly plan: KeeperPlan; readonly isWholeWorld: boolean }> {
  const { l1, networks } = stake
  const { values, workingDir } = input
  const path = values.text('l1-site')
  const world = findWorld(input)
  if (path === undefined && world === undefined) throw new NoStakeError('no world runs here')
  const sitePath =
    path === undefined
      ? join(world?.file.dataDir ?? '', 'l1', l1SiteFileName)
      : resolve(workingDir, path)
  const site = readL1Site(sitePath)
  const seen = { rpc: l1.url, chainId: Number(await callRpc(l1.url, 'eth_chainId')), site }
  // What runs in the world stays, however idle it is.
  const spared = path === undefined ? networks.map((network) => network.id) : []
  if (path === undefined && !values.isGiven('network') && !values.isGiven('rpc')) {
    const plan = { l1: seen, networks: networks.map(keptNetworkOf), spared }
    return { plan, isWholeWorld: true }
  }
  const id = values.integer('network') ?? 0
  const { url: rpc } = networkEndpoint(input, { site: stake, id })
  const chainId = Number(await callRpc(rpc, 'eth_chainId'))
  const block = (await callRpc(rpc, 'eth_getBlockByNumber', ['0x0', false])) as { hash: unknown }
  const genesisHash = isHex(block.hash, 32) ? block.hash : toHex(new Uint8Array(32))
  const network = { id, chainId, genesisHash, rpc, nodes: [rpc] }
  return { plan: { l1: seen, networks: [network], spared }, isWholeWorld: false }
}

/** What is done is said; what failed, too, as the relayer tries again. */
function tell(output: Output, line: string): void {
  const { level, msg, time, ...fields } = JSON.parse(line) as Record<string, unknown>
  output.json({ event: 'relay', level, message: msg, ...fields })
  const clock = String(time).slice(11, 19)
  const { part: _, error, ...facts } = fields
  const reason = (error as { readonly message?: string } | undefined)?.message
  const words = Object.entries(facts).map(([name, value]) => `${name} ${String(value)}`)
  const detail = [...words, ...(reason === undefined ? [] : [reason])].join('   ')
  const text = `${clock}  ${String(msg)}   ${detail}`
  output.line(`  ${Number(level) >= 40 ? output.paint('warning', text) : text}`.trimEnd())
}
