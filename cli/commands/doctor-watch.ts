/**
 * `zg doctor --supply --watch`: the supply at every block of L1 and of every network, as they come;
 * a line each, under `--json` an object each. Networks that open meanwhile are taken in.
 */

import { setTimeout as wait } from 'node:timers/promises'

import { SupplyWatch } from '@zg/sdk'
import type { WatchedNetwork, WatchedSupply } from '@zg/sdk'

import { formatInteger, formatTokens } from '../amounts.ts'
import { lookEveryMs } from '../block-follower.ts'
import type { CommandInput } from '../command.ts'
import { asking } from '../endpoint.ts'
import { exitCodes, QuietExit } from '../exit.ts'
import { batchingClient, findStake } from '../stake-site.ts'
import type { StakeSite } from '../stake-site.ts'
import type { Style } from '../output.ts'
import { supplyNetworks } from './doctor-supply.ts'

/** Steps in a row that may fail while chains or nodes begin again. */
const failuresMax = 50

/** Watches until so many blocks were told, or Ctrl-C; exits with 1 when an identity was broken. */
export async function runDoctorWatch(input: CommandInput): Promise<void> {
  const { output, values } = input
  const blocksMax = values.integer('blocks') ?? Infinity
  const site = findStake(input)
  const watch = new SupplyWatch(batchingClient(site.l1.url), site.addresses)
  const networks = networksOf(input, site)
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  let blockCount = 0
  let brokenCount = 0
  let failures = 0
  const look = async (): Promise<void> => {
    for await (const each of watch.step(networks())) {
      failures = 0
      if (each.kind !== 'missed') blockCount++
      if (each.kind !== 'missed' && each.broken.length > 0) brokenCount++
      output.json(each)
      tell(input, each)
      if (blockCount >= blocksMax) return
    }
  }
  while (blockCount < blocksMax && !stopping.signal.aborted) {
    try {
      await asking(site.l1, look)
    } catch (error) {
      if (blockCount === 0 || ++failures > failuresMax) throw error
    }
    await wait(lookEveryMs, undefined, { signal: stopping.signal }).catch(() => undefined)
  }
  process.removeListener('SIGINT', stop)
  process.removeListener('SIGTERM', stop)
  if (brokenCount > 0) throw new QuietExit(exitCodes.failed)
  output.line(output.paint('good', `✓ every identity held in ${formatInteger(blockCount)} blocks`))
}

/** The networks there are now; each keeps its client. */
function networksOf(input: CommandInput, site: StakeSite): () => readonly WatchedNetwork[] {
  if (input.values.text('rpc') !== undefined) {
    const given = supplyNetworks(input, site)
    return () => given
  }
  const clients = new Map<string, WatchedNetwork>()
  return () =>
    findStake(input).networks.map(({ id, rpc }) => {
      const key = `${id} ${rpc}`
      const known = clients.get(key) ?? { id, client: batchingClient(rpc) }
      clients.set(key, known)
      return known
    })
}

function tell({ output }: CommandInput, told: WatchedSupply): void {
  if (told.kind === 'missed') {
    const { from, until } = told
    const blocks = `${formatInteger(from)} to ${formatInteger(until)}`
    output.line(output.paint('warning', `! L1 blocks ${blocks} are too old to be read`))
    return
  }
  const { block, broken } = told
  const style: Style = broken.length === 0 ? 'good' : 'bad'
  const mark = output.paint(style, broken.length === 0 ? '✓' : '✗')
  const where = told.kind === 'l1' ? 'L1' : `network ${told.id}`
  const amounts =
    told.kind === 'l1'
      ? `${formatTokens(told.supplyWei)} here, ${formatTokens(told.outstandingWei)} on networks`
      : `${formatTokens(told.livingWei)} live there, ${formatTokens(told.unclaimedWei)} unclaimed`
  output.line(`${mark} ${where}  ${formatInteger(block)}  ${amounts}`)
  for (const problem of broken) output.line(`    ${output.paint('bad', problem)}`)
}
