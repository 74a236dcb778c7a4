/** The commands of shared stake, as data: the second part of the table (command-table.ts). */

import { validatorCountMax } from '@zg/devnet'

import type { ArgumentSpec, CommandSpec, FlagSpec, NounSpec } from './command.ts'
import { streamCommands } from './stream-commands.ts'

/** Ids of networks are of 32 bits on L1. */
const networkIdMax = 2 ** 32 - 1

/** An Outbox has at most so many entries. */
const entryMax = 2 ** 32 - 2

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
  value: { kind: 'amount' },
  summary: 'tokens such as 1.5',
  required: true,
}

const idArgument: ArgumentSpec = {
  name: 'id',
  value: { kind: 'integer', min: 0, max: networkIdMax },
  summary: "the network's id",
  required: true,
}

const proposalArgument: ArgumentSpec = {
  name: 'proposal',
  value: { kind: 'text' },
  summary: 'its number from "gov list", or its id',
  required: true,
}

/** What a network is opened with. */
const openingFlags: readonly FlagSpec[] = [
  {
    name: 'chain-id',
    placeholder: 'ID',
    value: { kind: 'integer', min: 1, max: Number.MAX_SAFE_INTEGER },
    summary: 'its chain id',
    required: true,
  },
  {
    name: 'genesis-hash',
    placeholder: 'HEX',
    value: { kind: 'hex' },
    summary: 'hash of its execution genesis block',
    required: true,
  },
  {
    name: 'genesis-time',
    placeholder: 'SECONDS',
    value: { kind: 'integer', min: 1, max: 2 ** 40 },
    summary: 'time of that block, since 1970',
    required: true,
  },
  {
    name: 'operators-min',
    placeholder: 'N',
    value: { kind: 'integer', min: 1, max: 100 },
    summary: 'operators that must join before it begins (default: 1)',
  },
  {
    name: 'stake-min',
    placeholder: 'AMOUNT',
    value: { kind: 'amount' },
    summary: 'their stake',
    required: true,
  },
  {
    name: 'earliest-epoch',
    placeholder: 'E',
    value: { kind: 'integer', min: 0, max: 2 ** 40 },
    summary: 'it begins in no epoch before (default: 0)',
  },
]

export const stakeNouns: readonly NounSpec[] = [
  { noun: 'network', summary: 'list, join and leave networks; propose to open and drain them' },
  {
    noun: 'stream',
    summary: 'open streams of data, find which network each belongs to, move them',
  },
  { noun: 'bridge', summary: 'take tokens to a network and back' },
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
    ...networkCommands(signing),
    ...streamCommands({ signing, siteFlags, networkArgument: { ...idArgument, name: 'network' } }),
    ...bridgeCommands(signing),
    relayCommand(signing),
    ...govCommands(signing),
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
        { name: 'security', summary: 'what it costs to corrupt each network, and what lies there' },
        ...siteFlags,
      ],
      examples: [
        { line: 'operators', does: 'who validates, and at what price' },
        { line: 'operators --security', does: 'stake to halt, stake to lie, tokens at risk' },
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
          value: { kind: 'amount', orAll: true },
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

function relayCommand(signing: readonly FlagSpec[]): CommandSpec {
  return {
    path: 'relay',
    summary: 'bring certificates, claims, loads, evidence to L1; proofs to networks',
    arguments: [],
    flags: [...signing.filter(({ name }) => name !== 'yes'), ...networkFlags, ...siteFlags],
    examples: [
      { line: 'relay --from 7', does: 'beside the keeper of the running world, as a stranger' },
      { line: 'relay --from 7 --network 1 --json', does: 'one network, a JSON object a line' },
    ],
    load: async () => (await import('./commands/relay.ts')).runRelay,
  }
}

function networkCommands(signing: readonly FlagSpec[]): readonly CommandSpec[] {
  return [
    {
      path: 'network list',
      summary: 'list networks: status, members, stake, load, what L1 knows, what lives there',
      arguments: [],
      flags: siteFlags,
      examples: [{ line: 'network list', does: 'all that were ever opened' }],
      load: async () => (await import('./commands/network.ts')).runNetworkList,
    },
    {
      path: 'network create',
      summary: 'propose to governance that a network is opened',
      arguments: [idArgument],
      flags: [...openingFlags, ...signing, ...siteFlags],
      examples: [
        {
          line: `network create 9 --chain-id 1660209 --genesis-hash 0x${'ab'.repeat(32)} --genesis-time 1800000000 --stake-min 1000 --deployer`,
          does: 'shows the clocks of the decision first',
        },
      ],
      load: async () => (await import('./commands/network.ts')).runNetworkCreate,
    },
    {
      path: 'network join',
      summary: 'validate a network from the epoch after the next on',
      arguments: [idArgument],
      flags: [
        {
          name: 'slash-bps-max',
          placeholder: 'BPS',
          value: { kind: 'integer', min: 3_000, max: 10_000 },
          summary: 'hundredths of a percent that a fault may cost: 3000 to 10000 (the default)',
        },
        ...signing,
        ...siteFlags,
      ],
      examples: [{ line: 'network join 1 --operator 3', does: 'operator 3 joins network 1' }],
      load: async () => (await import('./commands/network.ts')).runNetworkJoin,
    },
    {
      path: 'network leave',
      summary: "end one's validation of a network",
      arguments: [idArgument],
      flags: [...signing, ...siteFlags],
      examples: [{ line: 'network leave 1 --operator 3', does: 'operator 3 leaves network 1' }],
      load: async () => (await import('./commands/network.ts')).runNetworkLeave,
    },
    {
      path: 'network drain',
      summary: 'propose to governance that a network ends after its notice',
      arguments: [idArgument],
      flags: [...signing, ...siteFlags],
      examples: [{ line: 'network drain 1 --deployer', does: 'proposes it' }],
      load: async () => (await import('./commands/network.ts')).runNetworkDrain,
    },
  ]
}

function bridgeCommands(signing: readonly FlagSpec[]): readonly CommandSpec[] {
  return [
    {
      path: 'bridge deposit',
      summary: 'burn tokens on L1 and have a network pay them out',
      arguments: [amountArgument],
      flags: [...networkFlags, toFlag, ...signing, ...siteFlags],
      examples: [{ line: 'bridge deposit 5 --network 1', does: 'five tokens to network 1' }],
      load: async () => (await import('./commands/bridge.ts')).runBridgeDeposit,
    },
    {
      path: 'bridge withdraw',
      summary: 'burn tokens on a network and have L1 pay them out',
      arguments: [amountArgument],
      flags: [...networkFlags, toFlag, ...signing, ...siteFlags],
      examples: [{ line: 'bridge withdraw 5 --network 1', does: 'five tokens back to L1' }],
      load: async () => (await import('./commands/bridge.ts')).runBridgeWithdraw,
    },
    {
      path: 'bridge status',
      summary: 'show what a network may pay out, and what waits and why',
      arguments: [],
      flags: [...networkFlags, ...siteFlags],
      examples: [{ line: 'bridge status --network 1', does: 'limits, roots, waiting entries' }],
      load: async () => (await import('./commands/bridge.ts')).runBridgeStatus,
    },
    {
      path: 'bridge claim',
      summary: 'have an entry that waits paid out; relayers do it too',
      arguments: [
        {
          name: 'entry',
          value: { kind: 'integer', min: 0, max: entryMax },
          summary: 'its number from "bridge status"',
          required: true,
        },
      ],
      flags: [...networkFlags, ...signing, ...siteFlags],
      examples: [{ line: 'bridge claim 7 --network 1', does: 'pays whoever the entry names' }],
      load: async () => (await import('./commands/bridge.ts')).runBridgeClaim,
    },
    {
      path: 'bridge escape',
      summary: 'leave a dead network: credits, Outbox entries, then the balance, by proof',
      arguments: [],
      flags: [
        {
          name: 'account',
          placeholder: 'ADDRESS',
          value: { kind: 'address' },
          summary: 'who leaves, whoever pays the gas (default: who signs)',
        },
        ...networkFlags,
        ...signing,
        ...siteFlags,
      ],
      examples: [
        { line: 'bridge escape --network 1', does: 'what comes back, when, and what is due now' },
      ],
      load: async () => (await import('./commands/escape.ts')).runBridgeEscape,
    },
  ]
}

function govCommands(signing: readonly FlagSpec[]): readonly CommandSpec[] {
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
    {
      path: 'gov propose',
      summary: 'propose a parameter, or any call',
      arguments: [],
      flags: [
        {
          name: 'set',
          placeholder: 'NAME=VALUE',
          value: { kind: 'text' },
          summary: 'a parameter of "gov list"',
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
          line: 'gov propose --to 0xcA11bde05977b3631167028862bE2a173976CA11 --data 0x12345678',
          does: 'any call of the timelock',
        },
      ],
      load: async () => (await import('./commands/gov.ts')).runGovPropose,
    },
    ...decisionCommands(flags),
  ]
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
