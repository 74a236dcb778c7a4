/** `zg operators`: who validates, at what price; what it costs to corrupt a network. */

import { readNetworks, readOperators, securityOf, sharedSecurityOf } from '@zg/sdk'
import type { Network, Operator, Security } from '@zg/sdk'

import { formatInteger, formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking } from '../endpoint.ts'
import { formatBps, formatWeight } from '../risks.ts'
import { findStake, operatorNumbers, showAddress, viewOf } from '../stake-site.ts'
import type { StakeSite } from '../stake-site.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

export async function runOperators(input: CommandInput): Promise<void> {
  const { output, values } = input
  const site = findStake(input)
  const view = await viewOf(site)
  const operators = await asking(site.l1, () => readOperators(view))
  const { block, epoch } = view
  if (!values.isSet('security')) {
    output.json({ block, epoch, operators: operators.map((each) => withNumber(site, each)) })
    output.line(`operators in epoch ${epoch}, weights in tokens`)
    output.line()
    showOperators(input, { site, operators })
    return
  }
  const networks = await asking(site.l1, () => readNetworks(view))
  const shared = sharedSecurityOf(networks)
  const each = networks.map((network) => ({ id: network.id, ...securityOf(network) }))
  output.json({ block, epoch, networks: each, shared })
  showSecurity(input, { networks, shared })
}

function withNumber({ networks }: StakeSite, operator: Operator) {
  const number = operatorNumbers(networks).indexOf(operator.address)
  return { number: number < 0 ? null : number, ...operator }
}

function showOperators(
  { output }: CommandInput,
  { site, operators }: { readonly site: StakeSite; readonly operators: readonly Operator[] },
): void {
  const head = ['', 'operator', 'weight', 'coming', 'own', 'commission', 'networks', 'history']
  const rows: Cell[][] = [head.map(quiet)]
  const numbered = operators
    .map((operator) => withNumber(site, operator))
    .toSorted((a, b) => (a.number ?? Infinity) - (b.number ?? Infinity))
  for (const operator of numbered) {
    const { number, address, weight, weightComing, ownStakeWei, commissionBps } = operator
    const { commissionComing: coming, networks } = operator
    const change = coming === undefined ? '' : ` → ${formatBps(coming.bps)} in ${coming.fromEpoch}`
    rows.push([
      quiet(number === null ? '' : String(number)),
      showAddress(address),
      formatWeight(weight),
      weightComing === weight ? quiet('same') : formatWeight(weightComing),
      formatTokens(ownStakeWei),
      `${formatBps(commissionBps)}${change}`,
      networks.map(({ id }) => id).join(' '),
      historyOf(operator),
    ])
  }
  for (const line of tableLines(output, rows, { right: [0, 2, 3, 4] })) output.line(line)
}

function historyOf({ isTombstone, punishments }: Operator): Cell {
  if (!isTombstone && punishments.length === 0) return quiet('clean')
  const faults = punishments.map(({ fault, bps }) => `${fault} ${formatBps(bps)}`).join(', ')
  return { text: `slashed: ${faults}`, style: 'bad' }
}

function showSecurity(
  { output }: CommandInput,
  { networks, shared }: { readonly networks: readonly Network[]; readonly shared: Security },
): void {
  output.line('what must be corrupt, in tokens of stake and operators; and what lies there')
  output.line()
  const head = ['', 'to halt', '', 'to lie', '', 'at risk', 'cover']
  const rows: Cell[][] = [head.map(quiet)]
  for (const network of networks) {
    rows.push([quiet(`network ${network.id}`), ...securityCells(securityOf(network))])
  }
  rows.push([quiet('all, shared'), ...securityCells(shared)])
  for (const line of tableLines(output, rows, { right: [1, 3, 5, 6], gap: 2 })) output.line(line)
  output.line()
  output.line(
    output.paint(
      'quiet',
      '  a third of stake halts, more than two thirds lie: then L1 loses what is',
    ),
  )
  output.line(output.paint('quiet', '  at risk at most. The same stake answers in every network.'))
}

function securityCells(security: Security): Cell[] {
  const { haltWei, haltOperators, lieWei, lieOperators, atRiskWei, coverPercent } = security
  const isCovered = coverPercent === undefined || coverPercent >= 100n
  const cover = coverPercent === undefined ? 'all' : `${formatInteger(coverPercent)} %`
  return [
    formatTokens(haltWei),
    quiet(`of ${haltOperators}`),
    formatTokens(lieWei),
    quiet(`of ${lieOperators}`),
    formatTokens(atRiskWei),
    { text: cover, style: isCovered ? 'good' : 'bad' },
  ]
}

function quiet(text: string): Cell {
  return { text, style: 'quiet' }
}
