/** The commands of governance, as data: a part of those of shared stake (stake-commands.ts). */

import type { ArgumentSpec, CommandSpec, FlagSpec } from './command.ts'

const proposalArgument: ArgumentSpec = {
  name: 'proposal',
  value: { kind: 'text' },
  summary: 'its number from "gov list", or its id',
  required: true,
}

/** Returns the commands; `networkArgument` names a network by its id, `toFlag` a receiver. */
export function govCommands({
  signing,
  siteFlags,
  networkArgument,
  toFlag,
}: {
  readonly signing: readonly FlagSpec[]
  readonly siteFlags: readonly FlagSpec[]
  readonly networkArgument: ArgumentSpec
  readonly toFlag: FlagSpec
}): readonly CommandSpec[] {
  const flags = [...signing, ...siteFlags]
  return [
    {
      path: 'gov list',
      summary: 'list parameters with their bounds, and proposals with their clocks',
      arguments: [],
      flags: siteFlags,
      examples: [{ line: 'gov list', does: 'what is decided, and what may be' }],
      load: async () => (await import('./commands/gov.ts')).runGovList,
    },
    {
      path: 'gov delegate',
      summary: 'have the tokens one holds vote; staked ones vote by themselves',
      arguments: [],
      flags: [{ ...toFlag, summary: 'who votes with them (default: who signs)' }, ...flags],
      examples: [{ line: 'gov delegate --deployer', does: 'before a vote begins' }],
      load: async () => (await import('./commands/gov.ts')).runGovDelegate,
    },
    proposeCommand(networkArgument, flags),
    ...decisionCommands(flags),
  ]
}

function proposeCommand(networkArgument: ArgumentSpec, flags: readonly FlagSpec[]): CommandSpec {
  return {
    path: 'gov propose',
    summary: 'propose a parameter, or any call',
    arguments: [],
    flags: [
      {
        name: 'set',
        placeholder: 'NAME=VALUE',
        value: { kind: 'text' },
        summary: 'a parameter of "gov list", or with --network rewardMax, gasPriceMin, gasLimit',
      },
      {
        name: 'network',
        placeholder: 'ID',
        value: { kind: 'integer', min: 0, max: 511 },
        summary: 'set it on that network',
      },
      {
        name: 'to',
        placeholder: 'ADDRESS',
        value: { kind: 'address' },
        summary: 'a contract to call',
      },
      {
        name: 'data',
        placeholder: 'HEX',
        value: { kind: 'hex' },
        summary: 'with this call data',
      },
      {
        name: 'description',
        placeholder: 'TEXT',
        value: { kind: 'text' },
        summary: 'why; a part of the id (default: what it does)',
      },
      ...flags,
    ],
    examples: [
      { line: 'gov propose --set churnBps=600 --deployer', does: 'a critical one: two waits' },
      {
        line: 'gov propose --network 1 --set gasLimit=50000000 --deployer',
        does: 'a number of network 1, set there by a message',
      },
      {
        line: 'gov propose --to 0xcA11bde05977b3631167028862bE2a173976CA11 --data 0x12345678',
        does: 'any call of the timelock',
      },
    ],
    load: async () => (await import('./commands/gov.ts')).runGovPropose,
  }
}

function decisionCommands(flags: readonly FlagSpec[]): readonly CommandSpec[] {
  return [
    {
      path: 'gov vote',
      summary: 'vote on a proposal',
      arguments: [
        proposalArgument,
        {
          name: 'choice',
          value: { kind: 'choice', choices: ['for', 'against', 'abstain'] },
          summary: 'for, against or abstain',
          required: true,
        },
      ],
      flags,
      examples: [{ line: 'gov vote 1 for --deployer', does: 'with all it has' }],
      load: async () => (await import('./commands/gov.ts')).runGovVote,
    },
    {
      path: 'gov queue',
      summary: 'queue a proposal that succeeded; anyone may',
      arguments: [proposalArgument],
      flags,
      examples: [{ line: 'gov queue 1', does: "the timelock's wait begins" }],
      load: async () => (await import('./commands/gov.ts')).runGovQueue,
    },
    {
      path: 'gov execute',
      summary: 'execute a proposal that has waited; a critical one a second time later',
      arguments: [proposalArgument],
      flags,
      examples: [{ line: 'gov execute 1', does: 'anyone may' }],
      load: async () => (await import('./commands/gov.ts')).runGovExecute,
    },
  ]
}
