/**
 * `zg bridge escape`: out of a network that is dead, or silent for long enough to be buried. What
 * an account gets back, in which order, and what each part waits for is shown first; what is due
 * now is then signed, if anything is. Anyone may do it for any account: all of it goes there.
 */

import { isHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { escapeOrder, readEscape } from '@zg/sdk'
import type { Escape, ExitWaiting, StakeView } from '@zg/sdk'

import { formatDuration, formatInteger, formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking } from '../endpoint.ts'
import { formatClock } from '../risks.ts'
import { carryOut, signerOf } from '../signing.ts'
import { batchingClient, findStake, networkEndpoint, viewOf } from '../stake-site.ts'
import { tableLines } from '../table.ts'
import { sayWaiting } from './bridge.ts'

type Row = readonly [name: string, text: string]

/** `zg bridge escape` */
export async function runBridgeEscape(input: CommandInput): Promise<void> {
  const { output, values } = input
  const site = findStake(input)
  const id = values.integer('network') ?? 0
  const endpoint = networkEndpoint(input, { site, id })
  const signer = await signerOf(input, site.l1)
  const named = values.text('account')
  const account: Hex = isHex(named) ? named : signer.address
  const network = batchingClient(endpoint.url)
  const view = await viewOf(site)
  const escape = await asking(endpoint, () => readEscape(view, { id, account, network }))
  const { calls, risks } = await asking(endpoint, () => escapeOrder(view, { escape, network }))
  const rows = escapeRows(escape, view)
  const facts = factsOf(escape)
  if (calls.length > 0) {
    await carryOut(input, {
      calls,
      risks,
      verb: 'escape',
      endpoint: site.l1,
      account: signer,
      facts,
      rows,
    })
    return
  }
  output.json({ verb: 'escape', from: signer.address, ...facts, risks, transactions: [] })
  const cells = rows.map(([name, text]) => [{ text: name, style: 'quiet' } as const, text])
  for (const line of tableLines(output, cells)) output.line(line)
  output.line()
  output.line('Nothing of it can be sent now.')
}

/** In the order in which it comes back. */
function escapeRows(escape: Escape, { timestamp }: StakeView): readonly Row[] {
  const { id, account, isDead, height, since, outstandingWei, credits, entries, last } = escape
  const lastBlock = `block ${formatInteger(height)} is its last that L1 knows`
  const state = isDead
    ? `dead since ${formatClock(since, timestamp)}; ${lastBlock}`
    : `silent since ${formatClock(since, timestamp)}; ${lastBlock}`
  return [
    ['escape', `${account} from network ${id}`],
    ['network', state],
    ['shared', `${formatTokens(outstandingWei)} are left of it, for all who leave`],
    ...credits.map(({ index, amountWei }): Row => {
      const when = isDead ? 'now' : 'as soon as it is dead'
      return [
        '1 credit',
        `${formatTokens(amountWei)}, number ${index}, never paid out there: ${when}`,
      ]
    }),
    ...entries.map(({ entry: { index, amountWei }, waiting }): Row => {
      const why = sayWaiting(waiting, timestamp)
      return [
        '2 entry',
        `${formatTokens(amountWei)}, number ${index} of its Outbox: waits for ${why}`,
      ]
    }),
    [
      '3 balance',
      `${last === undefined ? 'unknown' : formatTokens(last.balanceWei)}: ${sayExit(escape, timestamp)}`,
    ],
  ]
}

function sayExit({ waiting, exitDelaySeconds }: Escape, now: number): string {
  const delay = formatDuration(exitDelaySeconds * 1_000)
  const said: { [kind in ExitWaiting['kind']]: (found: ExitWaiting & { kind: kind }) => string } = {
    silence: ({ until }) =>
      `waits for silence until ${formatClock(until, now)}, a burial, then ${delay}`,
    burial: () => `waits for a burial, by anyone, then ${delay}`,
    delay: ({ until }) => `waits until ${formatClock(until, now)}`,
    state: () => 'no proof: the node does not hold the last state; another may (--rpc)',
    exited: () => 'it has left already',
    contract: () => 'it stays: an account with code of its own cannot leave',
    empty: () => 'nothing is there',
    outstanding: ({ leftWei }) => `it stays: only ${formatTokens(leftWei)} are left of the network`,
    exit: () => 'now, once, to the same address on L1',
  }
  return (said[waiting.kind] as (found: ExitWaiting) => string)(waiting)
}

/** What `--json` tells beside calls and risks. */
function factsOf(escape: Escape): Readonly<Record<string, unknown>> {
  const { id: network, block: _block, last, credits, entries, ...rest } = escape
  return {
    network,
    ...rest,
    balanceWei: last?.balanceWei,
    isDelegating: last !== undefined && last.code !== '0x',
    credits: credits.map(({ index, amountWei }) => ({ index, amountWei })),
    entries: entries.map(({ entry: { index, amountWei }, waiting }) => {
      return { index, amountWei, waiting: waiting.kind }
    }),
  }
}
