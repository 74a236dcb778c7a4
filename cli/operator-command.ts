/** The command of an operator, as data: a part of those of shared stake (stake-commands.ts). */

import type { CommandSpec, FlagSpec, NounSpec } from './command.ts'
import { l1EndpointsFlag } from './relay-command.ts'

/** The greatest port that leaves one to each of 32 networks. */
const portMax = 65_503

/** Networks that an operator may be in, by L1. */
const networksMost = 32

export const operatorNoun: NounSpec = {
  noun: 'operator',
  summary: "run an operator's validators on its own machine",
}

const portFlag = (name: string, what: string, byDefault: number): FlagSpec => ({
  name: `${name}-port`,
  placeholder: 'PORT',
  value: { kind: 'integer', min: 1, max: portMax },
  summary: `${what} of network 0; network i has it and i more (default: ${byDefault})`,
})

/** Which keys: of the account, and of the validator. */
const keyFlags = (signing: readonly FlagSpec[]): readonly FlagSpec[] => [
  ...signing.filter(({ name }) => ['keystore', 'password-file', 'key-file', 'yes'].includes(name)),
  {
    name: 'bls-keystore',
    placeholder: 'NAME|FILE',
    value: { kind: 'path' },
    summary: "the operator's validator key (EIP-2335)",
    required: true,
  },
  {
    name: 'bls-password-file',
    placeholder: 'FILE',
    value: { kind: 'path' },
    summary: 'its password; read at every start of a validator',
    required: true,
  },
]

const runFlags: readonly FlagSpec[] = [
  {
    name: 'peers',
    placeholder: 'FILE',
    value: { kind: 'path' },
    summary: 'where the other operators listen: ADDRESS=HOST:PORT a line, PORT that of network 0',
    required: true,
  },
  {
    name: 'genesis',
    placeholder: 'FILE',
    value: { kind: 'path' },
    summary: "a genesis.json that does not follow from L1, such as network 0's; needed once",
  },
  {
    name: 'dir',
    placeholder: 'DIR',
    value: { kind: 'path' },
    summary: 'where the validators keep their chains (default: operator in the data directory)',
  },
  {
    name: 'listen',
    placeholder: 'HOST',
    value: { kind: 'text' },
    summary: 'address that other operators reach (default: 0.0.0.0, all of the machine)',
  },
  portFlag('p2p', 'port for other operators', 26_656),
  portFlag('rpc', 'port of JSON-RPC, for this machine alone,', 8_550),
  portFlag('metrics', 'port of metrics, for this machine alone,', 6_060),
  {
    name: 'networks-max',
    placeholder: 'N',
    value: { kind: 'integer', min: 0, max: networksMost },
    summary: 'joins what is opened while it is in fewer networks (default: 32); 0 joins none',
  },
  {
    name: 'slash-bps-max',
    placeholder: 'BPS',
    value: { kind: 'integer', min: 3_000, max: 10_000 },
    summary: 'hundredths of a percent that a fault in such a network may cost (default: 10000)',
  },
]

/** Returns the command. */
export function operatorCommand({
  signing,
  siteFlags,
}: {
  readonly signing: readonly FlagSpec[]
  readonly siteFlags: readonly FlagSpec[]
}): CommandSpec {
  return {
    path: 'operator run',
    summary: 'validate the networks one has joined, and join and leave what is opened and ended',
    arguments: [],
    flags: [
      ...keyFlags(signing),
      ...runFlags,
      l1EndpointsFlag,
      ...siteFlags.filter(({ name }) => name !== l1EndpointsFlag.name),
    ],
    examples: [
      {
        line: 'operator run --keystore alice --bls-keystore alice-bls --bls-password-file bls.pw --peers peers.txt --genesis net-0.json --l1-rpc https://l1.example --l1-site site.json',
        does: 'shows what it consents to first; Ctrl-C ends it',
      },
      {
        line: 'operator run --key-file op.key --bls-keystore bls.json --bls-password-file bls.pw --peers peers.txt --l1-rpc http://127.0.0.1:8535 --l1-site site.json --networks-max 2 --yes --json',
        does: 'for a service: a JSON object a line',
      },
    ],
    load: async () => (await import('./commands/operator.ts')).runOperator,
  }
}
