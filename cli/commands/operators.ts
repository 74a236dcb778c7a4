/** `zg operators`: who validates, at what price; what it costs to corrupt a network. */

import { exposureOf, readNetworks, readOperators, securityOf, sharedExposureOf } from '@zg/sdk'
import type { Exposure, Network, Operator, Share } from '@zg/sdk'

import { formatShare, formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking } from '../endpoint.ts'
import type { Style } from '../output.ts'
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
  const live = networks.filter(({ status }) => status !== 'closed')
  const shared = sharedExposureOf(live)
  const each = live.map((network) => {
    return { id: network.id, ...securityOf(network), exposure: exposureOf(network, live) }
  })
  output.json({ block, epoch, networks: each, shared })
  output.line(`what corrupting a network takes and costs in epoch ${epoch}, in tokens`)
  for (const network of live) {
    output.line()
    for (const line of tableLines(output, securityRows(network, live))) output.line(line)
  }
  output.line()
  showShared(input, shared)
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

function securityRows(network: Network, networks: readonly Network[]): Cell[][] {
  const { total, halt, fork, lie, forkCostWei, atRiskWei } = securityOf(network)
  const exposure = exposureOf(network, networks)
  const rows: [name: string, text: Cell][] = [
    [`network ${network.id}`, `${formatTokens(total.stakeWei)} of stake, ${counted(total)}`],
    ['to halt', `${sayShare(halt)} absent: costs nothing`],
    [
      'to fork',
      `${sayShare(fork)}: costs ${formatTokens(forkCostWei)} at least, once it is proved`,
    ],
    ['to lie', `${sayShare(lie)}: costs nothing that a contract takes`],
    ['at risk', partCell(atRiskWei, { ofWei: forkCostWei, what: 'what a fork costs' })],
    ['together', exposureCell(exposure)],
  ]
  return rows.map(([name, text]) => [quiet(name), text])
}

/** `1,333,333.333333334 of 2 operators` */
function sayShare(share: Share): string {
  return `${formatTokens(share.stakeWei)} of ${counted(share)}`
}

function counted({ operators }: { readonly operators: number }): string {
  return `${operators} operator${operators === 1 ? '' : 's'}`
}

/** What those who can lie here can take everywhere: what they have answers once. */
function exposureCell({ operators, networks, atRiskWei, stakeWei }: Exposure): Cell {
  if (networks.length === 0) return 'nobody could lie here'
  const who = `the ${counted({ operators: operators.length })} who can lie here can on`
  const where = `network${networks.length === 1 ? '' : 's'} ${networks.join(' ')}`
  const part = partCell(atRiskWei, { ofWei: stakeWei, what: 'their stake' })
  return { ...part, text: `${who} ${where}: ${part.text}` }
}

function partCell(
  wei: bigint,
  { ofWei, what }: { readonly ofWei: bigint; readonly what: string },
): { readonly text: string; readonly style: Style } {
  const part =
    ofWei === 0n ? 'and nothing stands against it' : `${formatShare(wei, ofWei)} of ${what}`
  const style = wei > ofWei ? 'bad' : 'plain'
  return { text: wei === 0n ? 'nothing' : `${formatTokens(wei)}, ${part}`, style }
}

function showShared({ output }: CommandInput, { operators, stakeWei, atRiskWei }: Exposure): void {
  const stake = `${formatTokens(stakeWei)} of stake, ${counted({ operators: operators.length })}`
  const risk = partCell(atRiskWei, { ofWei: stakeWei, what: 'all stake' })
  const rows: Cell[][] = [
    [quiet('all networks'), `${stake}, each counted once`],
    [quiet('at risk'), risk],
  ]
  for (const line of tableLines(output, rows)) output.line(line)
  output.line()
  const notes = [
    'A lie takes what is at risk at most, and is punished only by a conflict that it makes.',
    'What can be taken adds up over networks; the stake behind them is lost once.',
  ]
  for (const note of notes) output.line(`  ${output.paint('quiet', note)}`)
}

function quiet(text: string): Cell {
  return { text, style: 'quiet' }
}
