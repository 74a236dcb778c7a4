/** `zg gov`: what is proposed, how it stands and when it may go on; and every step of it. */

import { isHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import {
  delegateVotesCall,
  executeCall,
  networkSettingAction,
  networkSettings,
  parameterAction,
  parameterNames,
  queueCall,
  readNetworks,
  readParameter,
  readProposals,
  readRules,
  readVotes,
  sayAction,
  voteCall,
  voteChoices,
} from '@zg/sdk'
import type { Action, Call, Proposal, StakeView } from '@zg/sdk'

import { formatInteger, formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking } from '../endpoint.ts'
import { clockRows, propose } from '../proposing.ts'
import { formatClock } from '../risks.ts'
import { carryOut, signerOf } from '../signing.ts'
import { findStake, NetworkUnknownError, viewOf } from '../stake-site.ts'
import type { StakeSite } from '../stake-site.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

/** What moves a proposal on; throws when it cannot now. */
type Step = {
  readonly verb: string
  readonly callOf: (view: StakeView, proposal: Proposal) => Call
}

/** As `gov list` counts them, from 1 on. */
type NumberedProposal = Proposal & { readonly number: number }

/** `zg gov list` */
export async function runGovList(input: CommandInput): Promise<void> {
  const { output } = input
  const site = findStake(input)
  const view = await viewOf(site)
  const { proposals, rules, parameters } = await asking(site.l1, async () => ({
    proposals: await readProposals(view),
    rules: await readRules(view),
    parameters: await Promise.all(parameterNames.map((name) => readParameter(view, name))),
  }))
  const numbered = proposals.map((proposal, index) => ({ number: index + 1, ...proposal }))
  output.json({
    block: view.block,
    timestamp: view.timestamp,
    rules,
    parameters,
    proposals: numbered,
  })
  const settings = parameters.map(({ name, value, least, most, isCritical }): Cell[] => [
    quiet(name === 'stakeMin' ? 'stakeMin, gwei' : name),
    formatInteger(value),
    `${formatInteger(least)} to ${formatInteger(most)}`,
    isCritical ? 'critical' : '',
  ])
  for (const line of tableLines(output, settings, { right: [1] })) output.line(line)
  output.line()
  const clock = { nowSeconds: view.timestamp, isCritical: true }
  for (const line of tableLines(output, quietRows(clockRows(rules, clock)))) {
    output.line(line)
  }
  for (const proposal of numbered) {
    output.line()
    for (const line of tableLines(output, quietRows(proposalTexts(view, proposal))))
      output.line(line)
  }
}

/** `zg gov propose`: a parameter (`--set`), one of a network, or any call (`--to`, `--data`). */
export async function runGovPropose(input: CommandInput): Promise<void> {
  const { values } = input
  const [set, to, data] = [values.text('set'), values.text('to'), values.text('data')]
  if ((set === undefined) === (to === undefined)) throw new MotionUnclearError()
  if (set !== undefined) {
    const network = values.integer('network')
    const where = network === undefined ? '' : ` on network ${network}`
    const { name, value } = readSetting(set)
    await propose(input, {
      description: values.text('description') ?? `Set ${name} to ${value}${where}`,
      action: (view) =>
        network === undefined
          ? parameterActionOf(view, { name, value })
          : networkActionOf(view, { network, name, value }),
    })
    return
  }
  if (!isHex(to, 20)) throw new MotionUnclearError()
  const action = { to, data: isHex(data) ? data : '0x', value: 0n } as const
  await propose(input, {
    description: values.text('description') ?? `Call ${to}`,
    action: () => Promise.resolve(action),
  })
}

/** `zg gov vote PROPOSAL CHOICE` */
export async function runGovVote(input: CommandInput): Promise<void> {
  const choice = voteChoices.find((each) => each === input.values.text('choice')) ?? 'abstain'
  await step(input, {
    verb: 'vote',
    callOf: (view, proposal) => {
      expectState(proposal, { verb: 'vote', expected: 'active' })
      return voteCall(view, { id: proposal.id, choice })
    },
  })
}

/** `zg gov queue PROPOSAL` */
export async function runGovQueue(input: CommandInput): Promise<void> {
  await step(input, {
    verb: 'queue',
    callOf: (view, proposal) => {
      expectState(proposal, { verb: 'queue', expected: 'succeeded' })
      return queueCall(view, proposal)
    },
  })
}

/** `zg gov execute PROPOSAL`; of a critical parameter twice, with the second wait between. */
export async function runGovExecute(input: CommandInput): Promise<void> {
  await step(input, { verb: 'execute', callOf: executionOf })
}

/** `zg gov delegate`: has one's own tokens vote for oneself, or for somebody else. */
export async function runGovDelegate(input: CommandInput): Promise<void> {
  const site = findStake(input)
  const account = await signerOf(input, site.l1)
  const view = await viewOf(site)
  const named = input.values.text('to')
  const to: Hex = isHex(named) ? named : account.address
  await carryOut(input, {
    verb: 'delegate votes',
    endpoint: site.l1,
    account,
    calls: [delegateVotesCall(view, to)],
    risks: [],
    facts: { to },
    rows: [['votes', `of all tokens it holds go to ${to}, from the next vote on`]],
  })
}

function executionOf(view: StakeView, proposal: Proposal): Call {
  const { state, second, executableAt } = proposal
  const isSecond = state === 'executed' && second !== undefined && !second.isDone
  if (!isSecond) expectState(proposal, { verb: 'execute', expected: 'queued' })
  const readyAt = isSecond ? second.readyAt : executableAt
  if (readyAt !== undefined && view.timestamp < readyAt) {
    throw new ProposalEarlyError(formatClock(readyAt, view.timestamp))
  }
  return executeCall(view, proposal)
}

async function step(input: CommandInput, { verb, callOf }: Step): Promise<void> {
  const site = findStake(input)
  const account = await signerOf(input, site.l1)
  const view = await viewOf(site)
  const proposal = await namedProposal(input, { site, view })
  const votes = await asking(site.l1, () => readVotes(view, account.address))
  const call = callOf(view, proposal)
  await carryOut(input, {
    verb,
    endpoint: site.l1,
    account,
    calls: [call],
    risks: [],
    facts: { proposal: proposal.id },
    rows: [
      ...proposalTexts(view, proposal),
      ...(verb === 'vote' ? ([['own votes', formatTokens(votes)]] as const) : []),
    ],
  })
}

async function namedProposal(
  { values }: CommandInput,
  { site, view }: { readonly site: StakeSite; readonly view: StakeView },
): Promise<NumberedProposal> {
  const proposals = await asking(site.l1, () => readProposals(view))
  const named = values.text('proposal') ?? ''
  const index = proposals.findIndex(({ id }, at) => named === String(id) || named === `${at + 1}`)
  const proposal = proposals[index]
  if (proposal === undefined) throw new ProposalUnknownError(named)
  return { number: index + 1, ...proposal }
}

function proposalTexts(
  view: StakeView,
  proposal: NumberedProposal,
): readonly (readonly [name: string, text: string])[] {
  const { number, actions, description, state, forWei, againstWei, abstainWei } = proposal
  const now = view.timestamp
  const votes = [forWei, againstWei, abstainWei].map(formatTokens)
  return [
    [`proposal ${number}`, description.split('\n')[0] ?? ''],
    ...actions.map((action) => ['does', sayAction(view, action)] as const),
    ['state', stateOf(proposal, now)],
    ['votes', `${votes[0]} for, ${votes[1]} against, ${votes[2]} abstaining`],
    ...(state === 'pending' || state === 'active'
      ? ([['vote', `until ${formatClock(proposal.votesUntil, now)}`]] as const)
      : []),
    ...(state === 'queued' && proposal.executableAt !== undefined
      ? ([['execute', `from ${formatClock(proposal.executableAt, now)}`]] as const)
      : []),
    ...secondTexts(proposal, now),
  ]
}

function stateOf({ state, votesFrom }: Proposal, nowSeconds: number): string {
  return state === 'pending' ? `pending: votes from ${formatClock(votesFrom, nowSeconds)}` : state
}

function secondTexts(
  { second }: Proposal,
  nowSeconds: number,
): readonly (readonly [name: string, text: string])[] {
  if (second === undefined) return []
  if (second.isDone) return [['critical', 'executed after its second wait']]
  const { readyAt } = second
  const when = readyAt === undefined ? 'once it was executed' : formatClock(readyAt, nowSeconds)
  return [['critical', `its second wait ends ${when}`]]
}

function quietRows(rows: readonly (readonly [name: string, text: string])[]): Cell[][] {
  return rows.map(([name, text]) => [quiet(name), text])
}

/** A number, as it is named and wanted. */
type Setting = { readonly name: string; readonly value: bigint }

async function parameterActionOf(view: StakeView, { name: wanted, value }: Setting) {
  const name = parameterNames.find((each) => each === wanted)
  if (name === undefined) throw new SettingInvalidError(wanted, noneOf(parameterNames))
  const { least, most } = await readParameter(view, name)
  checkBounds(name, value, { least, most })
  return parameterAction(view, { name, value })
}

async function networkActionOf(
  view: StakeView,
  { network, name: wanted, value }: Setting & { readonly network: number },
): Promise<Action> {
  const setting = networkSettings.find(({ name }) => name === wanted)
  if (setting === undefined) {
    throw new SettingInvalidError(wanted, noneOf(networkSettings.map(({ name }) => name)))
  }
  checkBounds(setting.name, value, setting)
  const networks = await readNetworks(view)
  const ids = networks.map(({ id }) => id)
  if (!ids.includes(network)) throw new NetworkUnknownError('propose', { id: network, ids })
  return networkSettingAction(view, { network, name: setting.name, value })
}

function noneOf(names: readonly string[]): string {
  return `it is none of ${names.join(', ')}`
}

function checkBounds(
  name: string,
  value: bigint,
  { least, most }: { readonly least: bigint; readonly most: bigint },
): void {
  if (value >= least && value <= most) return
  throw new SettingInvalidError(name, `it goes from ${least} to ${most}`)
}

/** Reads `churnBps=600`. */
function readSetting(text: string): Setting {
  const [, name, digits] = /^([A-Za-z]{1,40})=(\d{1,30})$/.exec(text) ?? []
  if (name === undefined || digits === undefined) {
    throw new SettingInvalidError(text, 'it is no NAME=VALUE')
  }
  return { name, value: BigInt(digits) }
}

function expectState(
  { state }: Proposal,
  { verb, expected }: { readonly verb: string; readonly expected: Proposal['state'] },
): void {
  if (state !== expected) throw new ProposalStateError(verb, { state, expected })
}

function quiet(text: string): Cell {
  return { text, style: 'quiet' }
}

export class MotionUnclearError extends ZgError<'CLI_USAGE'> {
  constructor() {
    const problem = 'a proposal is either --set NAME=VALUE or --to ADDRESS with --data HEX'
    super('CLI_USAGE', `Cannot read the command line: ${problem}`, { problem })
  }
}

export class SettingInvalidError extends ZgError<'CLI_VALUE_INVALID'> {
  constructor(text: string, problem: string) {
    const message = `Cannot use --set "${text}": ${problem}`
    super('CLI_VALUE_INVALID', message, { what: '--set', problem })
  }
}

export class ProposalUnknownError extends ZgError<'CLI_PROPOSAL_UNKNOWN'> {
  constructor(named: string) {
    const message = `Cannot find proposal "${named}": there is none of that number or id`
    super('CLI_PROPOSAL_UNKNOWN', message, { named })
  }
}

export class ProposalStateError extends ZgError<'CLI_PROPOSAL_STATE'> {
  constructor(verb: string, { state, expected }: { state: string; expected: string }) {
    const message = `Cannot ${verb}: the proposal is ${state}, not ${expected}`
    super('CLI_PROPOSAL_STATE', message, { state, expected })
  }
}

export class ProposalEarlyError extends ZgError<'CLI_PROPOSAL_EARLY'> {
  constructor(when: string) {
    super('CLI_PROPOSAL_EARLY', `Cannot execute: its wait ends ${when}`)
  }
}
