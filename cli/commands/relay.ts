/**
 * `zg relay`: brings to L1 what networks made, and to networks what L1 says, from an account of
 * one's own, until it is ended; by load it has networks opened and ended. Anyone may; nobody is
 * trusted for it; any number may run beside each other.
 *
 * Without flags it serves every network of the running world, whose keeper does the same, and those
 * that the world gets meanwhile. Of L1 it asks as many endpoints as --l1-rpc names. A line a deed;
 * with `--json` every line of its log.
 */

import { callRpc, keptNetworkOf } from '@zg/devnet'
import type { KeeperPlan } from '@zg/devnet/keeper'
import { addressOfSecretKey, fromHex, isHex, toHex, ZgError } from '@zg/primitives'

import { readAccountKey } from '../account-key.ts'
import type { CommandInput } from '../command.ts'
import { findWorld } from '../endpoint.ts'
import { mendOf } from '../explain.ts'
import { findStake, networkEndpoint, showAddress, siteFileOf } from '../stake-site.ts'
import type { StakeSite } from '../stake-site.ts'

export async function runRelay(input: CommandInput): Promise<void> {
  const { output } = input
  const site = findStake(input)
  const rpcs = input.values.texts('l1-rpc') ?? [site.l1.url]
  const { chainId, answering } = await askL1(rpcs)
  const secretKey = fromHex(await readAccountKey(input, { ...site.l1, url: answering }))
  const { plan, isWholeWorld } = await planOf(input, { stake: site, rpcs, chainId })
  const ids = plan.networks.map(({ id }) => id)
  const payer = showAddress(toHex(addressOfSecretKey(secretKey)))
  output.line(`Relaying network${ids.length === 1 ? '' : 's'} ${ids.join(', ')}; ${payer} pays gas`)
  output.line(output.paint('quiet', 'Ctrl-C ends it; nothing is lost by that.'))
  // Loaded here: it brings the relayer with it.
  const { startRelay } = await import('@zg/devnet/keeper')
  const readWorld = () => findWorld(input)?.file
  const told = isWholeWorld ? { plan, readWorld } : { plan }
  const relay = startRelay(told, secretKey, (line) => tell(input, line))
  await new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done())
  })
  await relay.stop()
}

/** The chain that endpoints of L1 are of, and one that answers; the others may be down now. */
export async function askL1(
  rpcs: readonly string[],
): Promise<{ readonly chainId: number; readonly answering: string }> {
  const ids = rpcs.map(async (url) => ({ url, id: Number(await callRpc(url, 'eth_chainId')) }))
  const found = await Promise.allSettled(ids)
  const answers = found.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const [first] = answers
  if (first === undefined) throw (found[0] as PromiseRejectedResult).reason
  const other = answers.find(({ id }) => id !== first.id)
  if (other !== undefined) throw new L1EndpointsDifferError(first.url, other.url)
  return { chainId: first.id, answering: first.url }
}

/** Networks of the running world, or the one that flags name. */
async function planOf(
  input: CommandInput,
  {
    stake,
    ...l1
  }: { readonly stake: StakeSite; readonly rpcs: readonly string[]; readonly chainId: number },
): Promise<{ readonly plan: KeeperPlan; readonly isWholeWorld: boolean }> {
  const { networks } = stake
  const { values } = input
  const path = values.text('l1-site')
  const seen = { ...l1, site: siteFileOf(input) }
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
function tell({ output, program }: CommandInput, line: string): void {
  const called = { program, path: 'relay' }
  const { level, msg, time, ...fields } = JSON.parse(line) as Record<string, unknown>
  output.json({ event: 'relay', level, message: msg, ...fields })
  const clock = String(time).slice(11, 19)
  const { part: _, error, ...facts } = fields
  const { message: reason, code = '' } = (error ?? {}) as { message?: string; code?: string }
  const mend = mendOf(code, called)
  const words = Object.entries(facts).map(([name, value]) => `${name} ${String(value)}`)
  const detail = [...words, ...[reason, mend].filter((each) => each !== undefined)].join('   ')
  const text = `${clock}  ${String(msg)}   ${detail}`
  output.line(`  ${Number(level) >= 40 ? output.paint('warning', text) : text}`.trimEnd())
}

export class L1EndpointsDifferError extends ZgError<'CLI_L1_ENDPOINTS_DIFFER'> {
  constructor(url: string, other: string) {
    const message = `Cannot go on: "${url}" and "${other}" are endpoints of different chains`
    super('CLI_L1_ENDPOINTS_DIFFER', message, { url, other })
  }
}
