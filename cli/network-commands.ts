/** The commands of networks, as data: a part of those of shared stake (stake-commands.ts). */

import type { ArgumentSpec, CommandSpec, FlagSpec } from './command.ts'

type Common = {
  readonly signing: readonly FlagSpec[]
  readonly siteFlags: readonly FlagSpec[]
  readonly idArgument: ArgumentSpec
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
    summary: 'what its genesis block must hash to; refused unless it is what follows from L1',
  },
  {
    name: 'genesis-time',
    placeholder: 'SECONDS',
    value: { kind: 'integer', min: 1, max: 2 ** 40 },
    summary: 'time of its genesis block, since 1970 (default: that of the newest block of L1)',
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

/** Returns the commands. */
export function networkCommands(common: Common): readonly CommandSpec[] {
  return [...openingCommands(common), ...memberCommands(common)]
}

function openingCommands({ signing, siteFlags, idArgument }: Common): readonly CommandSpec[] {
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
          line: 'network create 9 --chain-id 1660209 --stake-min 1000 --deployer',
          does: 'shows its genesis hash and the clocks of the decision first',
        },
      ],
      load: async () => (await import('./commands/network.ts')).runNetworkCreate,
    },
    {
      path: 'network genesis',
      summary: 'print the genesis of a network as it follows from L1, once its hash is that of L1',
      arguments: [idArgument],
      flags: [
        {
          name: 'out',
          placeholder: 'FILE',
          value: { kind: 'path' },
          summary: 'write it there (default: print it)',
        },
        ...siteFlags,
      ],
      examples: [{ line: 'network genesis 1 --out genesis.json', does: 'for a node of network 1' }],
      load: async () => (await import('./commands/network.ts')).runNetworkGenesis,
    },
  ]
}

function memberCommands({ signing, siteFlags, idArgument }: Common): readonly CommandSpec[] {
  return [
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
