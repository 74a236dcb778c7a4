/** What is proposed to governance, with the clocks of the decision, before it is signed. */

import { proposeCall, readRules, readVotes, sayAction } from '@zg/sdk'
import type { Action, GovernanceRules, StakeView } from '@zg/sdk'
import { ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { formatDuration, formatTokens } from './amounts.ts'
import type { CommandInput } from './command.ts'
import { asking } from './endpoint.ts'
import { formatClock } from './risks.ts'
import { carryOut, signerOf } from './signing.ts'
import { findStake, viewOf } from './stake-site.ts'

type Motion = {
  readonly description: string
  readonly action: (view: StakeView) => Promise<Action>
  /** What is shown, and told by `--json`, besides. */
  readonly rows?: readonly (readonly [name: string, text: string])[]
  readonly facts?: Readonly<Record<string, unknown>>
}

/**
 * Proposes one action.
 *
 * @throws {VotesMissingError} `CLI_VOTES_MISSING`
 */
export async function propose(input: CommandInput, motion: Motion): Promise<void> {
  const site = findStake(input)
  const account = await signerOf(input, site.l1)
  const view = await viewOf(site)
  const { action, rules, votes } = await asking(site.l1, async () => ({
    action: await motion.action(view),
    rules: await readRules(view),
    votes: await readVotes(view, account.address),
  }))
  if (votes < rules.thresholdWei) {
    throw new VotesMissingError(account.address, { votes, thresholdWei: rules.thresholdWei })
  }
  const { description, rows = [], facts } = motion
  await carryOut(input, {
    verb: 'propose',
    endpoint: site.l1,
    account,
    calls: [proposeCall(view, { actions: [action], description })],
    risks: [],
    facts: { ...facts, description, action, rules },
    rows: [
      ['propose', sayAction(view, action)],
      ['as', description],
      ...rows,
      ...clockRows(rules, { nowSeconds: view.timestamp, isCritical: waitsTwice(view, action) }),
    ],
  })
}

/** The clocks of a proposal that would be made now. */
export function clockRows(
  rules: GovernanceRules,
  { nowSeconds, isCritical }: { readonly nowSeconds: number; readonly isCritical: boolean },
): readonly (readonly [name: string, text: string])[] {
  const { votingDelaySeconds, votingPeriodSeconds, timelockSeconds, quorumWei } = rules
  const begins = nowSeconds + votingDelaySeconds
  const ends = begins + votingPeriodSeconds
  const leaving = formatDuration(rules.stakersTimelockSeconds * 1_000)
  return [
    ['vote', `from ${formatClock(begins, nowSeconds)}`],
    ['', `until ${formatClock(ends, nowSeconds)}`],
    ['quorum', `${formatTokens(quorumWei)} for or abstaining, and more for than against`],
    ['execute', `${formatDuration(timelockSeconds * 1_000)} after it was queued`],
    ...(isCritical
      ? ([['critical', `then ${leaving} more, so that stakers can leave`]] as const)
      : []),
  ]
}

/** Whether an action is scheduled once more, in the timelock that stakers may flee from. */
function waitsTwice({ addresses }: StakeView, { to }: Action): boolean {
  return to.toLowerCase() === addresses.StakersTimelock.toLowerCase()
}

export class VotesMissingError extends ZgError<'CLI_VOTES_MISSING'> {
  constructor(account: Hex, { votes, thresholdWei }: { votes: bigint; thresholdWei: bigint }) {
    const has = `${account} has ${formatTokens(votes)} votes`
    const message = `Cannot propose: ${has}, ${formatTokens(thresholdWei)} are needed`
    super('CLI_VOTES_MISSING', message, { account, votes })
  }
}
