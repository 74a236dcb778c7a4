/**
 * Every noun and verb of `zg`.
 *
 * The order is that of the help page. Code is loaded when a command runs.
 */

import {
  blockTimeMsMax,
  blockTimeMsMin,
  chainIdMax,
  devAccountCount,
  epochSecondsMax,
  epochSecondsMin,
  networkCountMax,
  portOffsetMax,
  validatorCountMax,
} from '@zg/devnet'

import { chaosCommands, chaosNoun } from './chaos-commands.ts'
import type { CommandSpec, FlagSpec, NounSpec } from './command.ts'
import { daCommands, daNoun } from './da-commands.ts'
import { l1EndpointsFlag } from './relay-command.ts'
import { stakeCommands, stakeNouns, supplyFlags } from './stake-commands.ts'

const devIndexMax = devAccountCount - 1

/** Which network of the running world is meant. */
const networkFlag: FlagSpec = {
  name: 'network',
  placeholder: 'ID',
  value: { kind: 'integer', min: 0, max: networkCountMax - 1 },
  summary: 'network of the running world (default: 0)',
}

/** Which chain a command talks to. */
const chainFlags: readonly FlagSpec[] = [
  {
    name: 'rpc',
    placeholder: 'URL',
    value: { kind: 'url' },
    summary: 'JSON-RPC endpoint (default: $ZG_RPC, else the running world)',
  },
  networkFlag,
  { name: 'l1', summary: 'talk to the L1 of the running world, not to a network' },
]

/** Keys of one's own. A secret is never a flag: it is in a file. */
const ownKeyFlags: readonly FlagSpec[] = [
  {
    name: 'keystore',
    placeholder: 'NAME|FILE',
    value: { kind: 'path' },
    summary: 'encrypted key: a name from "keys list", or a file',
  },
  {
    name: 'password-file',
    placeholder: 'FILE',
    value: { kind: 'path' },
    summary: "the keystore's password (default: asked for on the terminal)",
  },
  {
    name: 'key-file',
    placeholder: 'FILE',
    value: { kind: 'path' },
    summary: 'file that holds a hex private key and nobody else can read',
  },
]

/** Who signs. */
const signerFlags: readonly FlagSpec[] = [
  {
    name: 'from',
    placeholder: 'INDEX',
    value: { kind: 'integer', min: 0, max: devIndexMax },
    summary: `development account 0 to ${devIndexMax} of the running world (default: 0)`,
  },
  ...ownKeyFlags,
]

/** Nouns that gather verbs. */
export const nouns: readonly NounSpec[] = [
  { noun: 'keys', summary: 'make and list encrypted keys' },
  ...stakeNouns,
  daNoun,
  chaosNoun,
]

export const commands: readonly CommandSpec[] = [
  {
    path: 'devnet',
    summary: 'run the local world: an L1 and networks that its stake secures',
    arguments: [],
    flags: [
      { name: 'minimal', summary: 'one validator, no L1, state in memory, cheat methods on' },
      {
        name: 'validators',
        placeholder: 'N',
        value: { kind: 'integer', min: 1, max: validatorCountMax },
        summary: 'operators, each with a validator in every network (default: 4)',
      },
      {
        name: 'networks',
        placeholder: 'N',
        value: { kind: 'integer', min: 1, max: networkCountMax },
        summary: 'networks, each with a validator of every operator (default: 2)',
      },
      {
        name: 'networks-max',
        placeholder: 'N',
        value: { kind: 'integer', min: 1, max: networkCountMax },
        summary: 'networks that each operator runs at most, later ones included (default: 32)',
      },
      {
        name: 'block-time',
        placeholder: 'MS',
        value: { kind: 'integer', min: blockTimeMsMin, max: blockTimeMsMax },
        summary: 'time between blocks (default: 500 under load, 1000 idle)',
      },
      {
        name: 'chain-id',
        placeholder: 'ID',
        value: { kind: 'integer', min: 1, max: chainIdMax },
        summary: 'chain id of network 0 (default: 1660200)',
      },
      {
        name: 'seed',
        placeholder: 'TEXT',
        value: { kind: 'text' },
        summary: 'the same text gives the same keys and the same genesis',
      },
      {
        name: 'l1',
        placeholder: 'URL',
        value: { kind: 'url' },
        summary: 'a test chain somewhere else that holds the stake (default: an L1 of its own)',
      },
      {
        name: 'epoch',
        placeholder: 'S',
        value: { kind: 'integer', min: epochSecondsMin, max: epochSecondsMax },
        summary: 'epochs there, longer than two finality lags (default: by its lag)',
      },
      ...ownKeyFlags.map((flag) => ({ ...flag, summary: `who pays there: ${flag.summary}` })),
      { name: 'yes', summary: 'pay without being asked' },
      { name: 'no-da', summary: 'without data availability: five processes fewer' },
      { name: 'reset', summary: 'forget the kept world and start a new one' },
      {
        name: 'port-offset',
        placeholder: 'N',
        value: { kind: 'integer', min: 0, max: portOffsetMax },
        summary: 'add N to every port',
      },
    ],
    examples: [
      { line: 'devnet', does: 'start the world, or go on with the kept one' },
      { line: 'devnet --minimal', does: 'a throw-away chain for unit tests' },
      { line: 'devnet --reset --validators 7 --seed demo', does: 'a new world, reproducible' },
      {
        line: 'devnet --l1 http://127.0.0.1:9545 --keystore alice',
        does: 'stake on another chain; alice pays for gas there',
      },
      { line: 'devnet --json', does: 'one JSON object a line: parts, ready, blocks' },
    ],
    load: async () => (await import('./commands/devnet.ts')).runDevnet,
  },
  {
    path: 'node',
    summary: 'run an open node: it follows a network without a vote, and serves RPC and peers',
    arguments: [],
    flags: [
      {
        name: 'dir',
        placeholder: 'DIR',
        value: { kind: 'path' },
        summary: 'where it keeps its chain (default: node-0 in the data directory)',
      },
      {
        name: 'genesis',
        placeholder: 'FILE',
        value: { kind: 'path' },
        summary: "the network's genesis.json (default: that of the running world)",
      },
      {
        name: 'peers',
        placeholder: 'LIST',
        value: { kind: 'text' },
        summary: 'addresses of open nodes, commas between: /ip4/HOST/tcp/PORT/p2p/ID',
      },
      {
        name: 'upstream',
        placeholder: 'URL',
        value: { kind: 'url' },
        summary: 'JSON-RPC of a validator to stand in front of (default: the running world)',
      },
      l1EndpointsFlag,
      {
        name: 'l1-site',
        placeholder: 'FILE',
        value: { kind: 'path' },
        summary: "where the contracts of stake are on L1 (default: the running world's site.json)",
      },
      networkFlag,
      {
        name: 'start',
        placeholder: 'WHERE',
        value: { kind: 'choice', choices: ['snapshot', 'genesis'] },
        summary:
          "where an empty directory begins: its peers' state, or the genesis; in L1's history",
      },
      {
        name: 'rpc-port',
        placeholder: 'PORT',
        value: { kind: 'integer', min: 0, max: 65_535 },
        summary: 'JSON-RPC on this machine (default: 8645; 0 takes a free one)',
      },
      {
        name: 'p2p-port',
        placeholder: 'PORT',
        value: { kind: 'integer', min: 0, max: 65_535 },
        summary: 'for peers (default: 26670; 0 takes a free one)',
      },
      { name: 'public', summary: 'take peers from anywhere, not from this machine alone' },
    ],
    examples: [
      { line: 'node', does: 'a node in front of the running world; it prints its address' },
      {
        line: 'node --dir second --peers /ip4/127.0.0.1/tcp/26670/p2p/ID --rpc-port 0 --p2p-port 0',
        does: 'another, which takes the state from the first',
      },
    ],
    load: async () => (await import('./commands/node.ts')).runNode,
  },
  {
    path: 'mend-votes',
    summary: 'let a validator that lost its vote log vote again two epochs later',
    arguments: [
      {
        name: 'dir',
        value: { kind: 'path' },
        summary: "the validator's folder, with its config.toml",
        required: true,
      },
    ],
    flags: [],
    examples: [
      { line: 'mend-votes .zg/net-0/val-1', does: 'then start it, or zg chaos resume validator 1' },
    ],
    load: async () => (await import('./commands/mend-votes.ts')).runMendVotes,
  },
  {
    path: 'send',
    summary: 'send tokens or a call, and wait until it is final',
    arguments: [],
    flags: [
      {
        name: 'to',
        placeholder: 'ADDRESS',
        value: { kind: 'address' },
        summary: 'receiver; without it, --data is deployed',
      },
      {
        name: 'value',
        placeholder: 'AMOUNT',
        value: { kind: 'amount' },
        summary: 'tokens such as 1.5, or 20gwei, or 1wei (default: 0)',
      },
      {
        name: 'data',
        placeholder: 'HEX',
        value: { kind: 'hex' },
        summary: 'call data, or creation code',
      },
      ...signerFlags,
      ...chainFlags,
    ],
    examples: [
      {
        line: 'send --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --value 1.5',
        does: 'from development account 0',
      },
      {
        line: 'send --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --value 1 --keystore alice',
        does: 'from a key of your own; asks for its password',
      },
    ],
    load: async () => (await import('./commands/send.ts')).runSend,
  },
  {
    path: 'account',
    summary: 'show an account, or the development accounts',
    arguments: [{ name: 'address', value: { kind: 'address' }, summary: 'whose', required: false }],
    flags: chainFlags,
    examples: [
      { line: 'account', does: 'the ten development accounts and what they hold' },
      { line: 'account 0xcA11bde05977b3631167028862bE2a173976CA11', does: 'a contract' },
    ],
    load: async () => (await import('./commands/account.ts')).runAccount,
  },
  {
    path: 'block',
    summary: 'show a block and how it became final',
    arguments: [
      {
        name: 'block',
        value: { kind: 'block' },
        summary: 'number, hash or "latest" (default)',
        required: false,
      },
    ],
    flags: chainFlags,
    examples: [
      { line: 'block', does: 'the newest final block' },
      { line: 'block 0 --json', does: 'the genesis block, for a program' },
    ],
    load: async () => (await import('./commands/block.ts')).runBlock,
  },
  {
    path: 'keys new',
    summary: 'make a key and keep it encrypted',
    arguments: [
      {
        name: 'name',
        value: { kind: 'text' },
        summary: 'letters, digits, - and _',
        required: true,
      },
    ],
    flags: [
      { name: 'bls', summary: 'a validator key (EIP-2335), not an account (keystore V3)' },
      {
        name: 'password-file',
        placeholder: 'FILE',
        value: { kind: 'path' },
        summary: 'where the password is (default: asked for on the terminal)',
      },
    ],
    examples: [
      { line: 'keys new alice', does: 'an account; asks for a password twice' },
      { line: 'keys new operator-9 --bls --password-file pw.txt', does: 'a validator key' },
    ],
    load: async () => (await import('./commands/keys.ts')).runKeysNew,
  },
  {
    path: 'keys list',
    summary: 'list the keys in the data directory',
    arguments: [],
    flags: [],
    examples: [{ line: 'keys list', does: 'names, kinds, addresses' }],
    load: async () => (await import('./commands/keys.ts')).runKeysList,
  },
  {
    path: 'keys show',
    summary: 'show the public half of a key, and check its password',
    arguments: [
      { name: 'name', value: { kind: 'path' }, summary: 'a name or a file', required: true },
    ],
    flags: [
      { name: 'check', summary: 'open it: ask for the password' },
      {
        name: 'password-file',
        placeholder: 'FILE',
        value: { kind: 'path' },
        summary: 'open it with the password in FILE',
      },
    ],
    examples: [
      { line: 'keys show alice', does: 'address and file' },
      { line: 'keys show alice --check', does: 'whether you remember the password' },
    ],
    load: async () => (await import('./commands/keys.ts')).runKeysShow,
  },
  ...stakeCommands(signerFlags),
  ...daCommands,
  ...chaosCommands({ networkFlag, signerFlags }),
  {
    path: 'doctor',
    summary: 'check this machine and the running world, or the supply of the token',
    arguments: [],
    flags: supplyFlags,
    examples: [
      { line: 'doctor', does: 'Node, disk, ports, heights, finality, peers' },
      { line: 'doctor --supply', does: 'what is on L1 and on each network, to the wei' },
      { line: 'doctor --supply --watch', does: 'the same at every block, a line each' },
    ],
    load: async () => (await import('./commands/doctor.ts')).runDoctor,
  },
  {
    path: 'ports',
    summary: 'list the ports of the local world and who holds them',
    arguments: [],
    flags: [
      {
        name: 'port-offset',
        placeholder: 'N',
        value: { kind: 'integer', min: 0, max: portOffsetMax },
        summary: 'as given to "devnet"',
      },
      {
        name: 'validators',
        placeholder: 'N',
        value: { kind: 'integer', min: 1, max: validatorCountMax },
        summary: 'as given to "devnet" (default: 4)',
      },
      {
        name: 'networks',
        placeholder: 'N',
        value: { kind: 'integer', min: 1, max: networkCountMax },
        summary: 'as given to "devnet" (default: 2)',
      },
      { name: 'no-da', summary: 'as given to "devnet"' },
    ],
    examples: [{ line: 'ports', does: 'wanted ports, and which are busy' }],
    load: async () => (await import('./commands/ports.ts')).runPorts,
  },
  {
    path: 'sim',
    summary: 'replay consensus under seeds: faults, invariants, one trace hash a seed',
    arguments: [],
    flags: [],
    examples: [{ line: 'sim --seeds 100 --from 0 --json', does: 'a hundred seeds' }],
    passThrough: true,
    load: async () => (await import('./commands/pass-through.ts')).runSim,
  },
  {
    path: 'bench',
    summary: 'measure a part of the system beside its peers',
    arguments: [],
    flags: [],
    examples: [{ line: 'bench evm --json', does: 'the EVM beside anvil and ethereumjs' }],
    passThrough: true,
    load: async () => (await import('./commands/pass-through.ts')).runBench,
  },
  {
    path: 'completion',
    summary: 'print completion rules for a shell',
    arguments: [
      {
        name: 'shell',
        value: { kind: 'choice', choices: ['bash', 'zsh', 'fish'] },
        summary: 'bash, zsh or fish',
        required: true,
      },
    ],
    flags: [],
    examples: [{ line: 'completion bash > /etc/bash_completion.d/zg', does: 'for all users' }],
    load: async () => (await import('./commands/completion.ts')).runCompletion,
  },
]

/** Flags that every command has. */
export const commonFlags: readonly FlagSpec[] = [
  { name: 'json', summary: 'print JSON, for programs' },
]
