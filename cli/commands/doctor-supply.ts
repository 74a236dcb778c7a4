/** `zg doctor --supply`: is there as much of the token as there may be? */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

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

function supplyNetworks({ values }: CommandInput, site: StakeSite): readonly SupplyNetwork[] {
  const url = values.text('rpc')
  if (url !== undefined) {
    return [{ id: values.integer('network') ?? 0, client: batchingClient(url) }]
  }
  const dataDir = site.l1.world?.file.dataDir
  return site.networks.map(({ id, rpc }) => {
    const path = join(dataDir ?? '', `net-${id}`, 'genesis.json')
    const genesisWei = dataDir === undefined || !existsSync(path) ? undefined : allotted(path)
    return { id, client: batchingClient(rpc), ...(genesisWei !== undefined && { genesisWei }) }
  })
}

/** What a genesis in geth's form allots. */
function allotted(path: string): bigint {
  const { alloc } = JSON.parse(readFileSync(path, 'utf8')) as {
    alloc: Readonly<Record<string, { readonly balance?: string }>>
  }
  return Object.values(alloc).reduce((sum, { balance = '0' }) => sum + BigInt(balance), 0n)
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
  const { id, height, genesisWei, paidOutWei, burnedWei, outboxWei, livingWei } = supply
  return amountRows([
    [`network ${id}, height ${formatInteger(height)}`, undefined],
    ['genesis', genesisWei],
    ['+ paid out', paidOutWei],
    ['- base fees burned', burnedWei],
    ['- left by the Outbox', outboxWei],
    ['= lives there', livingWei],
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
