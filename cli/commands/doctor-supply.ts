/** `zg doctor --supply`: is there as much of the token as there may be? */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Hex } from '@zg/primitives'
import { readSupply } from '@zg/sdk'
import type { L1Supply, NetworkSupply, SupplyNetwork } from '@zg/sdk'

import { formatInteger, formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking } from '../endpoint.ts'
import { exitCodes, QuietExit } from '../exit.ts'
import { batchingClient, findStake, viewOf } from '../stake-site.ts'
import type { StakeSite } from '../stake-site.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

/** Counts at the newest block of each chain; exits with 1 when an identity is broken. */
export async function runDoctorSupply(input: CommandInput): Promise<void> {
  const { output } = input
  const site = findStake(input)
  const view = await viewOf(site)
  const supply = await asking(site.l1, () => readSupply(view, supplyNetworks(input, site)))
  output.json(supply)
  const { l1, networks, holds } = supply
  for (const line of tableLines(output, l1Rows(l1), { right: [1] })) output.line(line)
  for (const network of networks) {
    output.line()
    for (const line of tableLines(output, networkRows(network), { right: [1] })) output.line(line)
  }
  output.line()
  for (const { broken } of [l1, ...networks]) {
    for (const problem of broken) output.line(output.paint('bad', `✗ ${problem}`))
  }
  if (!holds) throw new QuietExit(exitCodes.failed)
  output.line(output.paint('good', '✓ every identity holds'))
}

/** The networks to count: the one at `--rpc`, else those of the running world. */
export function supplyNetworks(
  { values }: CommandInput,
  site: StakeSite,
): readonly SupplyNetwork[] {
  const url = values.text('rpc')
  if (url !== undefined) {
    return [{ id: values.integer('network') ?? 0, client: batchingClient(url) }]
  }
  const dataDir = site.l1.world?.file.dataDir
  return site.networks.map(({ id, rpc }) => {
    const path = join(dataDir ?? '', `net-${id}`, 'genesis.json')
    const genesis = dataDir === undefined || !existsSync(path) ? {} : allotted(path)
    return { id, client: batchingClient(rpc), ...genesis }
  })
}

/** What a genesis in geth's form allots, and to whom. */
function allotted(path: string): Pick<SupplyNetwork, 'genesisWei' | 'genesisAccounts'> {
  const { alloc } = JSON.parse(readFileSync(path, 'utf8')) as {
    alloc: Readonly<Record<string, { readonly balance?: string }>>
  }
  const genesisWei = Object.values(alloc).reduce(
    (sum, { balance = '0' }) => sum + BigInt(balance),
    0n,
  )
  const genesisAccounts = Object.keys(alloc).map((address): Hex => {
    return address.startsWith('0x') ? (address as Hex) : `0x${address}`
  })
  return { genesisWei, genesisAccounts }
}

function l1Rows({ block, supplyWei, outstandingWei, capWei, goneWei }: L1Supply): Cell[][] {
  return amountRows([
    [`L1, block ${formatInteger(block)}`, undefined],
    ['supply', supplyWei],
    ['outstanding on networks', outstandingWei],
    ['slashed or burned for good', goneWei],
    ['cap', capWei],
  ])
}

function networkRows(supply: NetworkSupply): Cell[][] {
  const { id, height, genesisWei, paidOutWei, burnedWei, destroyedWei } = supply
  const { outboxWei, livingWei, seenWei } = supply
  return amountRows([
    [`network ${id}, height ${formatInteger(height)}`, undefined],
    ['genesis', genesisWei],
    ['+ paid out', paidOutWei],
    ['- base fees burned', burnedWei],
    ['- ended with contracts', destroyedWei],
    ['- left by the Outbox', outboxWei],
    ['= lives there', livingWei],
    ...(seenWei === undefined ? [] : ([['  held by accounts of its blocks', seenWei]] as const)),
    ['L1 counts as outstanding', supply.outstandingWei],
    ['of it claimed so far', supply.claimedWei],
  ])
}

function amountRows(rows: readonly (readonly [name: string, wei: bigint | undefined])[]): Cell[][] {
  return rows.map(([name, wei]): Cell[] =>
    wei === undefined
      ? [{ text: name, style: 'strong' }]
      : [{ text: name, style: 'quiet' }, formatTokens(wei)],
  )
}
