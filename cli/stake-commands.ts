/** The commands of shared stake, as data: the second part of the table (command-table.ts). */

import { validatorCountMax } from '@zg/devnet'

import { bridgeCommands, networkIdMax } from './bridge-commands.ts'
import type { ArgumentSpec, CommandSpec, FlagSpec, NounSpec } from './command.ts'
import { daReportCommand } from './da-commands.ts'
import { govCommands } from './gov-commands.ts'
import { networkCommands } from './network-commands.ts'
import { operatorCommand, operatorNoun } from './operator-command.ts'
import { relayCommand } from './relay-command.ts'
import { streamCommands } from './stream-commands.ts'

/** Where shared stake lies. */
const siteFlags: readonly FlagSpec[] = [
  {
    name: 'l1-rpc',
    placeholder: 'URL',
    value: { kind: 'url' },
    summary: 'JSON-RPC of L1 (default: the running world)',
  },
  {
    name: 'l1-site',
    placeholder: 'FILE',
    value: { kind: 'path' },
    summary: 'where the contracts of stake are on that L1: a site.json',
  },
]

const networkFlags: readonly FlagSpec[] = [
  {
    name: 'network',
    placeholder: 'ID',
    value: { kind: 'integer', min: 0, max: networkIdMax },
    summary: 'which network (default: 0)',
  },
  {
    name: 'rpc',
    placeholder: 'URL',
    value: { kind: 'url' },
    summary: 'JSON-RPC of that network (default: the running world)',
  },
]

const toFlag: FlagSpec = {
  name: 'to',
  placeholder: 'ADDRESS',
  value: { kind: 'address' },
  summary: 'who receives it (default: who signs)',
}

const operatorArgument: ArgumentSpec = {
  name: 'operator',
  value: { kind: 'operator' },
  summary: 'its address, or its number in the running world',
  required: true,
}

const amountArgument: ArgumentSpec = {
  name: 'amount',
  value: { kind: 'amount', least: 1n },
  summary: 'tokens such as 1.5',
  required: true,
}

const idArgument: ArgumentSpec = {
  name: 'id',
  value: { kind: 'integer', min: 0, max: networkIdMax },
  summary: "the network's id",
  required: true,
}

export const stakeNouns: readonly NounSpec[] = [
  operatorNoun,
  {
    noun: 'network',
    summary: 'list, join and leave networks; build their genesis; propose to open and drain them',
  },
  {
    noun: 'stream',
    summary: 'open streams of data, find which network each belongs to, move them',
  },
  { noun: 'bridge', summary: 'take tokens to a network, back, and from one to another' },
  { noun: 'gov', summary: 'propose, vote, queue and execute what governance decides' },
]

/** Returns the commands; `signerFlags` are those of `send`. */
export function stakeCommands(signerFlags: readonly FlagSpec[]): readonly CommandSpec[] {
  const signing: readonly FlagSpec[] = [
    ...signerFlags,
    {
      name: 'operator',
      placeholder: 'INDEX',
      value: { kind: 'integer', min: 0, max: validatorCountMax - 1 },
      summary: 'sign as that operator of the running world',
    },
    { name: 'deployer', summary: "sign as the running world's deployer, who owns what is free" },
    { name: 'yes', summary: 'sign without being asked' },
  ]
  return [
    ...stakingCommands(signing),
    ...networkCommands({ signing, siteFlags, idArgument }),
    ...streamCommands({ signing, siteFlags, networkArgument: { ...idArgument, name: 'network' } }),
    ...bridgeCommands({ signing, siteFlags, networkFlags, toFlag, amountArgument }),
    operatorCommand({ signing, siteFlags }),
    daReportCommand({ signing, siteFlags }),
    relayCommand({ signing, siteFlags, networkFlags }),
    ...govCommands({ signing, siteFlags, networkArgument: idArgument, toFlag }),
  ]
}

function stakingCommands(signing: readonly FlagSpec[]): readonly CommandSpec[] {
  // An argument has this name already.
  const asStaker = signing.filter(({ name }) => name !== 'operator')
  return [
    {
      path: 'operators',
      summary: 'list operators: weight, commission, networks, history',
      arguments: [],
      flags: [
        { name: 'security', summary: 'what corrupting a network takes, costs, and could take' },
        ...siteFlags,
      ],
      examples: [
        { line: 'operators', does: 'who validates, and at what price' },
        { line: 'operators --security', does: 'stake to halt, fork and lie, tokens at risk' },
      ],
      load: async () => (await import('./commands/operators.ts')).runOperators,
    },
    {
      path: 'stake',
      summary: 'stake with oneself as the operator, or show what one has at stake',
      arguments: [{ ...amountArgument, required: false }],
      flags: [...signing, ...siteFlags],
      examples: [
        { line: 'stake 500 --operator 2', does: 'operator 2 stakes with itself' },
        { line: 'stake --from 1', does: 'what development account 1 has staked, earned, leaving' },
      ],
      load: async () => (await import('./commands/stake.ts')).runStake,
    },
    {
      path: 'delegate',
      summary: 'stake with an operator; shows its commission, past and limits first',
      arguments: [operatorArgument, amountArgument],
      flags: [...asStaker, ...siteFlags],
      examples: [
        { line: 'delegate 0 1000', does: 'with operator 0 of the running world' },
        {
          line: 'delegate 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 5 --keystore alice --yes',
          does: 'with any operator, without being asked',
        },
      ],
      load: async () => (await import('./commands/stake.ts')).runDelegate,
    },
    {
      path: 'unstake',
      summary: 'take stake out of an operator; it answers until it has left',
      arguments: [
        operatorArgument,
        {
          name: 'amount',
          value: { kind: 'amount', least: 1n, orAll: true },
          summary: 'tokens such as 1.5, or "all"',
          required: true,
        },
      ],
      flags: [...asStaker, ...siteFlags],
      examples: [{ line: 'unstake 0 all', does: 'everything that is with operator 0' }],
      load: async () => (await import('./commands/stake.ts')).runUnstake,
    },
    {
      path: 'claim',
      summary: 'collect rewards, and withdraw what has left',
      arguments: [{ ...operatorArgument, required: false }],
      flags: [...asStaker, ...siteFlags],
      examples: [{ line: 'claim', does: 'from every operator' }],
      load: async () => (await import('./commands/stake.ts')).runClaim,
    },
  ]
}

/** Flags of `doctor` that look beyond this machine. */
export const supplyFlags: readonly FlagSpec[] = [
  { name: 'supply', summary: 'count the token on L1 and on every network instead' },
  {
    name: 'watch',
    summary: 'with --supply: at every block of L1 and of every network, as they come',
  },
  {
    name: 'blocks',
    placeholder: 'COUNT',
    value: { kind: 'integer', min: 1, max: 1_000_000_000 },
    summary: 'with --watch: end after so many blocks (default: on Ctrl-C)',
  },
  {
    name: 'network',
    placeholder: 'ID',
    value: { kind: 'integer', min: 0, max: networkIdMax },
    summary: 'with --supply and --rpc: which network that is (default: 0)',
  },
  {
    name: 'rpc',
    placeholder: 'URL',
    value: { kind: 'url' },
    summary: 'with --supply: a network to count (default: those of the running world)',
  },
  ...siteFlags,
]
