/** `zg stake`, `delegate`, `unstake`, `claim`: what one has at stake, and how it comes and goes. */

import { ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import {
  claimOrder,
  noticeEpochs,
  readHolding,
  readNetworks,
  readOperators,
  readPosition,
  stakeOrder,
  startOfEpoch,
  unstakeOrder,
} from '@zg/sdk'
import type { Holding, Operator, Position, StakeView } from '@zg/sdk'
import type { PrivateKeyAccount } from 'viem/accounts'

import { formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking } from '../endpoint.ts'
import { formatClock } from '../risks.ts'
import { carryOut, signerOf } from '../signing.ts'
import { findStake, operatorOf, showAddress, viewOf } from '../stake-site.ts'
import type { StakeSite } from '../stake-site.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

type Stakes = {
  readonly site: StakeSite
  readonly view: StakeView
  readonly account: PrivateKeyAccount
}

/** `zg stake AMOUNT`: with oneself as the operator; without an amount what one has. */
export async function runStake(input: CommandInput): Promise<void> {
  const stakes = await open(input)
  const amountWei = input.values.amount('amount')
  if (amountWei === undefined) return showPosition(input, stakes)
  await stakeWith(input, stakes, { named: stakes.account.address, amountWei, verb: 'stake' })
}

/** `zg delegate OPERATOR AMOUNT` */
export async function runDelegate(input: CommandInput): Promise<void> {
  const stakes = await open(input)
  const named = input.values.text('operator') ?? ''
  const amountWei = input.values.amount('amount') ?? 0n
  await stakeWith(input, stakes, { named, amountWei, verb: 'delegate' })
}

/** `zg unstake OPERATOR AMOUNT|all` */
export async function runUnstake(input: CommandInput): Promise<void> {
  const { site, view, account } = await open(input)
  const operator = await namedOperator(input, { site, view, account })
  const wanted = input.values.amount('amount') ?? ('all' as const)
  const staker = account.address
  const holding = await asking(site.l1, () =>
    readHolding(view, { operator: operator.address, staker }),
  )
  const amountWei = wanted === 'all' ? holding.worthWei : wanted
  if (holding.shares === 0n || amountWei > holding.worthWei) {
    throw new StakeMissingError(operator.address, { staked: holding.worthWei, wanted })
  }
  const order = await asking(site.l1, () => unstakeOrder(view, { holding, amountWei: wanted }))
  const epoch = view.epoch + noticeEpochs
  const leaves = formatClock(startOfEpoch(view.clock, epoch), view.timestamp)
  await carryOut(input, {
    ...order,
    verb: 'unstake',
    endpoint: site.l1,
    account,
    facts: { operator: operator.address, amountWei, exitEpoch: epoch },
    rows: [
      ['unstake', `${formatTokens(amountWei)} of ${formatTokens(holding.worthWei)}`],
      ['operator', showAddress(operator.address)],
      ['weight', `falls in epoch ${epoch}, ${leaves}`],
    ],
  })
}

/** `zg claim [OPERATOR]`: rewards, and what has left. */
export async function runClaim(input: CommandInput): Promise<void> {
  const stakes = await open(input)
  const { site, view, account } = stakes
  const position = await asking(site.l1, () => readPosition(view, account.address))
  const only =
    input.values.text('operator') === undefined
      ? undefined
      : (await namedOperator(input, stakes)).address
  const holdings = position.holdings.filter(
    ({ operator }) => only === undefined || operator === only,
  )
  const order = claimOrder(view, { staker: account.address, holdings })
  if (order.calls.length === 0) {
    throw new NothingToClaimError(account.address, { timestamp: view.timestamp, holdings })
  }
  const earned = sumOf(holdings.map(({ earnedWei }) => earnedWei))
  const ready = holdings.flatMap(({ exits }) => exits.filter(({ isReady }) => isReady))
  const unbonded = sumOf(ready.map(({ amountWei }) => amountWei))
  await carryOut(input, {
    ...order,
    verb: 'claim',
    endpoint: site.l1,
    account,
    facts: { earnedWei: earned, withdrawnWei: unbonded },
    rows: [
      ['rewards', formatTokens(earned)],
      ['withdraws', `${formatTokens(unbonded)} that has left`],
    ],
  })
}

async function open(input: CommandInput): Promise<Stakes> {
  const site = findStake(input)
  const account = await signerOf(input, site.l1)
  return { site, view: await viewOf(site), account }
}

async function namedOperator(input: CommandInput, { site, view }: Stakes): Promise<Operator> {
  const named = input.values.text('operator') ?? ''
  const operators = await asking(site.l1, () => readOperators(view))
  return operatorOf(site, { operators, named })
}

async function stakeWith(
  input: CommandInput,
  { site, view, account }: Stakes,
  wish: { readonly named: string; readonly amountWei: bigint; readonly verb: string },
): Promise<void> {
  const { amountWei, verb, named } = wish
  const staker = account.address
  const { operators, networks, position } = await asking(site.l1, async () => ({
    operators: await readOperators(view),
    networks: await readNetworks(view),
    position: await readPosition(view, staker),
  }))
  const operator = operatorOf(site, { operators, named })
  if (position.freeWei < amountWei) {
    throw new TokensMissingError(verb, { staker, amountWei, freeWei: position.freeWei })
  }
  const order = await asking(site.l1, () =>
    stakeOrder(view, { operator, staker, amountWei, networks }),
  )
  const epoch = view.epoch + noticeEpochs
  const counts = formatClock(startOfEpoch(view.clock, epoch), view.timestamp)
  await carryOut(input, {
    ...order,
    verb,
    endpoint: site.l1,
    account,
    facts: { operator: operator.address, amountWei, countsFromEpoch: epoch },
    rows: [
      [verb, `${formatTokens(amountWei)} of ${formatTokens(position.freeWei)}`],
      ['operator', showAddress(operator.address)],
      ['weight', `counts from epoch ${epoch} on, ${counts}`],
    ],
  })
}

async function showPosition(input: CommandInput, { site, view, account }: Stakes): Promise<void> {
  const { output } = input
  const position = await asking(site.l1, () => readPosition(view, account.address))
  output.json({ block: view.block, epoch: view.epoch, ...position })
  output.line(`${showAddress(account.address)} on L1: ${formatTokens(position.freeWei)} free`)
  if (position.holdings.length === 0) output.line('nothing is staked')
  for (const line of tableLines(output, positionRows(position, view))) output.line(line)
}

function positionRows({ holdings }: Position, { timestamp }: StakeView): Cell[][] {
  const quiet = (text: string): Cell => ({ text, style: 'quiet' })
  return holdings.flatMap(({ operator, worthWei, earnedWei, coming, exits }): Cell[][] => [
    [quiet('with'), showAddress(operator)],
    [quiet('staked'), formatTokens(worthWei)],
    [quiet('earned'), formatTokens(earnedWei)],
    ...(coming.amountWei === 0n
      ? []
      : [
          [
            quiet('coming'),
            `${formatTokens(coming.amountWei)}   until ${formatClock(coming.until, timestamp)}`,
          ],
        ]),
    ...exits.map(({ amountWei, readyAt, isReady }): Cell[] => {
      const when = isReady ? 'free now' : `free ${formatClock(readyAt, timestamp)}`
      return [quiet('leaving'), `${formatTokens(amountWei)}   ${when}`]
    }),
  ])
}

function sumOf(amounts: readonly bigint[]): bigint {
  return amounts.reduce((sum, amount) => sum + amount, 0n)
}

export class TokensMissingError extends ZgError<'CLI_TOKENS_MISSING'> {
  constructor(
    verb: string,
    { staker, amountWei, freeWei }: { staker: Hex; amountWei: bigint; freeWei: bigint },
  ) {
    const has = `${staker} holds ${formatTokens(freeWei)} on L1`
    const message = `Cannot ${verb} ${formatTokens(amountWei)}: ${has}`
    super('CLI_TOKENS_MISSING', message, { staker, amountWei, freeWei })
  }
}

export class StakeMissingError extends ZgError<'CLI_STAKE_MISSING'> {
  constructor(operator: Hex, { staked, wanted }: { staked: bigint; wanted: bigint | 'all' }) {
    const much = wanted === 'all' ? 'all' : formatTokens(wanted)
    const has = `${formatTokens(staked)} is staked there`
    const message = `Cannot unstake ${much} from ${operator}: ${has}`
    super('CLI_STAKE_MISSING', message, { operator, staked })
  }
}

export class NothingToClaimError extends ZgError<'CLI_NOTHING_TO_CLAIM'> {
  constructor(
    staker: Hex,
    { timestamp, holdings }: { timestamp: number; holdings: readonly Holding[] },
  ) {
    const times = holdings.flatMap(({ exits }) => exits.map(({ readyAt }) => readyAt))
    const next = times.length === 0 ? undefined : Math.min(...times)
    const then = next === undefined ? '' : `; the next is free ${formatClock(next, timestamp)}`
    const message = `Cannot claim: ${staker} has earned nothing, and nothing has left${then}`
    super('CLI_NOTHING_TO_CLAIM', message, { staker })
  }
}
