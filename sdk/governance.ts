/**
 * What holders and stakers decide: proposals, their clocks, and the calls that move them on.
 *
 *     propose ── votingDelay ──► vote ── votingPeriod ──► queue ── timelock ──► execute
 *
 * A critical parameter is scheduled by that in a second timelock, and executed there by anyone once
 * whoever disagrees could have left (docs/specs/stake.md §12).
 */

import { toHex as bytesToHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { decodeFunctionData, encodeFunctionData, getAbiItem, keccak256, toHex } from 'viem'

import { abis } from './abis.ts'
import { sayNetworkSetting } from './network-settings.ts'
import type { Call } from './orders.ts'
import { parameterNames, readParameter } from './parameters.ts'
import type { ParameterName } from './parameters.ts'
import { logsOf, on } from './view.ts'
import type { StakeView } from './view.ts'

/** In the order of OpenZeppelin's `ProposalState`. */
export const proposalStates = [
  'pending',
  'active',
  'canceled',
  'defeated',
  'succeeded',
  'queued',
  'expired',
  'executed',
] as const

/** In the order of OpenZeppelin's `VoteType`. */
export const voteChoices = ['against', 'for', 'abstain'] as const
export type VoteChoice = (typeof voteChoices)[number]

const zeroWord: Hex = bytesToHex(new Uint8Array(32))

/** What a timelock remembers of an operation that was executed, in the place of a time. */
const doneTimestamp = 1n

export type Action = { readonly to: Hex; readonly value: bigint; readonly data: Hex }

/** How long each step takes, in seconds; the least that a proposer must have, and a quorum. */
export type GovernanceRules = {
  readonly votingDelaySeconds: number
  readonly votingPeriodSeconds: number
  readonly timelockSeconds: number
  readonly stakersTimelockSeconds: number
  readonly thresholdWei: bigint
  readonly quorumWei: bigint
}

/** The second wait of a critical change; there once the proposal was executed. */
export type SecondWait = {
  readonly action: Action
  readonly salt: Hex
  /** In seconds since 1970; undefined before it is scheduled. */
  readonly readyAt: number | undefined
  readonly isDone: boolean
}

export type Proposal = {
  readonly id: bigint
  readonly proposer: Hex
  readonly description: string
  readonly actions: readonly Action[]
  readonly state: (typeof proposalStates)[number]
  readonly forWei: bigint
  readonly againstWei: bigint
  readonly abstainWei: bigint
  /** Votes count as they were then, and until then, in seconds since 1970. */
  readonly votesFrom: number
  readonly votesUntil: number
  /** When it may be executed; undefined before it is queued. */
  readonly executableAt: number | undefined
  readonly second: SecondWait | undefined
}

export async function readRules(view: StakeView): Promise<GovernanceRules> {
  const { client } = view
  const governor = on(view, 'ZgGovernor')
  const [delay, period, thresholdWei, quorumWei, timelock, stakersTimelock] = await Promise.all([
    client.readContract({ ...governor, functionName: 'votingDelay' }),
    client.readContract({ ...governor, functionName: 'votingPeriod' }),
    client.readContract({ ...governor, functionName: 'proposalThreshold' }),
    client.readContract({ ...governor, functionName: 'quorum', args: [0n] }),
    client.readContract({ ...on(view, 'TimelockController'), functionName: 'getMinDelay' }),
    client.readContract({ ...on(view, 'StakersTimelock'), functionName: 'getMinDelay' }),
  ])
  return {
    votingDelaySeconds: Number(delay),
    votingPeriodSeconds: Number(period),
    timelockSeconds: Number(timelock),
    stakersTimelockSeconds: Number(stakersTimelock),
    thresholdWei,
    quorumWei,
  }
}

/** Returns all proposals, oldest first. */
export async function readProposals(view: StakeView): Promise<readonly Proposal[]> {
  const { client, addresses, block } = view
  const logs = await logsOf(client, {
    address: addresses.ZgGovernor,
    event: getAbiItem({ abi: abis.ZgGovernor, name: 'ProposalCreated' }),
    toBlock: block,
  })
  return Promise.all(
    logs.map(({ args }) => {
      const actions = args.targets.map((to, index) => ({
        to,
        value: args.values[index] ?? 0n,
        data: args.calldatas[index] ?? '0x',
      }))
      const { proposalId: id, proposer, description, voteStart } = args
      return readProposal(view, { id, proposer, description, actions, votesFrom: voteStart })
    }),
  )
}

/** Votes that an account could cast on a proposal that begins now, in wei. */
export async function readVotes(view: StakeView, account: Hex): Promise<bigint> {
  const args = [account, BigInt(view.timestamp - 1)] as const
  return view.client.readContract({ ...on(view, 'ZgGovernor'), functionName: 'getVotes', args })
}

/** Returns the call that has a parameter set, by the timelock that may. */
export async function parameterAction(
  view: StakeView,
  { name, value }: { readonly name: ParameterName; readonly value: bigint },
): Promise<Action> {
  const { addresses, client } = view
  const data = encodeFunctionData({
    abi: abis.Parameters,
    functionName: 'set',
    args: [parameterNames.indexOf(name), value],
  })
  const set = { to: addresses.Parameters, value: 0n, data }
  const { isCritical } = await readParameter(view, name)
  if (!isCritical) return set
  const timelock = on(view, 'StakersTimelock')
  const delay = await client.readContract({ ...timelock, functionName: 'getMinDelay' })
  // The same change may be wanted again later: each proposal schedules an operation of its own.
  const salt = toHex(view.block, { size: 32 })
  return {
    to: addresses.StakersTimelock,
    value: 0n,
    data: encodeFunctionData({
      abi: abis.StakersTimelock,
      functionName: 'schedule',
      args: [set.to, set.value, set.data, zeroWord, salt, delay],
    }),
  }
}

/** Returns the call that has a network opened; its genesis follows from these numbers alone. */
export function openAction(
  { addresses }: StakeView,
  id: number,
  opening: {
    readonly chainId: bigint
    readonly genesisTime: bigint
    readonly earliestEpoch: bigint
    readonly stakeMin: bigint
    readonly operatorsMin: number
    readonly genesisHash: Hex
  },
): Action {
  const abi = abis.NetworkRegistry
  const data = encodeFunctionData({ abi, functionName: 'open', args: [id, opening] })
  return { to: addresses.NetworkRegistry, value: 0n, data }
}

/** Returns the call that gives notice that a network will end. */
export function drainAction({ addresses }: StakeView, id: number): Action {
  const abi = abis.NetworkRegistry
  const data = encodeFunctionData({ abi, functionName: 'drain', args: [id] })
  return { to: addresses.NetworkRegistry, value: 0n, data }
}

/** Returns what an action does: `set loadEpochs to 3`, or the call as it is. */
export function sayAction({ addresses }: StakeView, { to, value, data }: Action): string {
  const at = to.toLowerCase()
  try {
    if (at === addresses.Parameters.toLowerCase()) return sayParameter(data)
    if (at === addresses.StakersTimelock.toLowerCase()) {
      const { functionName, args } = decodeFunctionData({ abi: abis.StakersTimelock, data })
      if (functionName === 'schedule') return `${sayParameter(args[2])}, once stakers could leave`
    }
    if (at === addresses.Inbox.toLowerCase()) {
      const said = sayNetworkSetting(data)
      if (said !== undefined) return said
    }
    if (at === addresses.NetworkRegistry.toLowerCase()) {
      const { functionName, args } = decodeFunctionData({ abi: abis.NetworkRegistry, data })
      if (functionName === 'open' || functionName === 'drain') {
        return `${functionName} network ${args[0]}`
      }
    }
  } catch {
    // Told as it is, below.
  }
  return `call ${to} with ${data}${value === 0n ? '' : ` and ${value} wei`}`
}

export function proposeCall(
  { addresses }: StakeView,
  { actions, description }: Pick<Proposal, 'actions' | 'description'>,
): Call {
  const { targets, values, calldatas } = columnsOf(actions)
  const data = encodeFunctionData({
    abi: abis.ZgGovernor,
    functionName: 'propose',
    args: [targets, values, calldatas, description],
  })
  return { what: 'propose', to: addresses.ZgGovernor, data, value: 0n }
}

export function voteCall(
  { addresses }: StakeView,
  { id, choice }: { readonly id: bigint; readonly choice: VoteChoice },
): Call {
  const args = [id, voteChoices.indexOf(choice)] as const
  const data = encodeFunctionData({ abi: abis.ZgGovernor, functionName: 'castVote', args })
  return { what: `vote ${choice}`, to: addresses.ZgGovernor, data, value: 0n }
}

/** Has the tokens of an account vote for itself: those it holds count from then on. */
export function delegateVotesCall({ addresses }: StakeView, to: Hex): Call {
  const data = encodeFunctionData({ abi: abis.ZgToken, functionName: 'delegate', args: [to] })
  return { what: 'let own tokens vote', to: addresses.ZgToken, data, value: 0n }
}

export function queueCall({ addresses }: StakeView, proposal: Proposal): Call {
  const data = encodeFunctionData({
    abi: abis.ZgGovernor,
    functionName: 'queue',
    args: operationOf(proposal),
  })
  return { what: 'queue', to: addresses.ZgGovernor, data, value: 0n }
}

/** Executes a proposal; one that was executed has its second wait executed. */
export function executeCall({ addresses }: StakeView, proposal: Proposal): Call {
  const { state, second } = proposal
  if (state === 'executed' && second !== undefined) {
    const { to, value, data: payload } = second.action
    const data = encodeFunctionData({
      abi: abis.StakersTimelock,
      functionName: 'execute',
      args: [to, value, payload, zeroWord, second.salt],
    })
    return { what: 'execute after the second wait', to: addresses.StakersTimelock, data, value }
  }
  const data = encodeFunctionData({
    abi: abis.ZgGovernor,
    functionName: 'execute',
    args: operationOf(proposal),
  })
  return { what: 'execute', to: addresses.ZgGovernor, data, value: 0n }
}

async function readProposal(
  view: StakeView,
  {
    votesFrom,
    ...made
  }: Pick<Proposal, 'id' | 'proposer' | 'description' | 'actions'> & {
    readonly votesFrom: bigint
  },
): Promise<Proposal> {
  const { client } = view
  const governor = on(view, 'ZgGovernor')
  const args = [made.id] as const
  const [state, deadline, eta, [againstWei, forWei, abstainWei], second] = await Promise.all([
    client.readContract({ ...governor, functionName: 'state', args }),
    client.readContract({ ...governor, functionName: 'proposalDeadline', args }),
    client.readContract({ ...governor, functionName: 'proposalEta', args }),
    client.readContract({ ...governor, functionName: 'proposalVotes', args }),
    readSecondWait(view, made.actions),
  ])
  return {
    ...made,
    state: proposalStates[state] ?? 'pending',
    forWei,
    againstWei,
    abstainWei,
    votesFrom: Number(votesFrom),
    votesUntil: Number(deadline),
    executableAt: eta === 0n ? undefined : Number(eta),
    second,
  }
}

async function readSecondWait(
  view: StakeView,
  actions: readonly Action[],
): Promise<SecondWait | undefined> {
  const { client, addresses } = view
  const timelock = on(view, 'StakersTimelock')
  const scheduling = actions.find(
    ({ to }) => to.toLowerCase() === addresses.StakersTimelock.toLowerCase(),
  )
  const scheduled = scheduling === undefined ? undefined : decodeSchedule(scheduling.data)
  if (scheduled === undefined) return undefined
  const [to, value, data, predecessor, salt] = scheduled
  const operation = await client.readContract({
    ...timelock,
    functionName: 'hashOperation',
    args: [to, value, data, predecessor, salt],
  })
  const at = await client.readContract({
    ...timelock,
    functionName: 'getTimestamp',
    args: [operation],
  })
  const isDone = at === doneTimestamp
  const readyAt = at > doneTimestamp ? Number(at) : undefined
  return { action: { to, value, data }, salt, readyAt, isDone }
}

function decodeSchedule(data: Hex) {
  try {
    const { functionName, args } = decodeFunctionData({ abi: abis.StakersTimelock, data })
    return functionName === 'schedule' ? args : undefined
  } catch {
    return undefined
  }
}

function sayParameter(data: Hex): string {
  const { functionName, args } = decodeFunctionData({ abi: abis.Parameters, data })
  const name = functionName === 'set' ? parameterNames[args[0]] : undefined
  return `set ${name ?? 'an unknown parameter'} to ${args[1]}`
}

function columnsOf(actions: readonly Action[]) {
  return {
    targets: actions.map(({ to }) => to),
    values: actions.map(({ value }) => value),
    calldatas: actions.map(({ data }) => data),
  }
}

function operationOf({ actions, description }: Proposal) {
  const { targets, values, calldatas } = columnsOf(actions)
  return [targets, values, calldatas, keccak256(toHex(description))] as const
}
