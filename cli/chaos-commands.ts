/** The commands that strike the running world, as data: a part of the table (command-table.ts). */

import { chaosVerbs, dataNodeCountMax, validatorCountMax } from '@zg/devnet'
import type { ChaosVerb } from '@zg/devnet'

import type { ArgumentSpec, CommandSpec, FlagSpec, NounSpec } from './command.ts'

export const chaosNoun: NounSpec = {
  noun: 'chaos',
  summary: 'strike validators and DA nodes of the running world, and mend them',
}

const validatorArguments: readonly ArgumentSpec[] = [
  {
    name: 'kind',
    value: { kind: 'choice', choices: ['validator'] },
    summary: 'what to strike',
    required: true,
  },
  {
    name: 'index',
    value: { kind: 'integer', min: 0, max: validatorCountMax - 1 },
    summary: 'its number, from 0',
    required: true,
  },
]

/** A validator of a network, or a node of data availability. */
const struckArguments: readonly ArgumentSpec[] = [
  {
    name: 'kind',
    value: { kind: 'choice', choices: ['validator', 'da'] },
    summary: 'what to strike: a validator, or a DA node',
    required: true,
  },
  {
    name: 'index',
    value: { kind: 'integer', min: 0, max: Math.max(validatorCountMax, dataNodeCountMax) - 1 },
    summary: 'its number, from 0',
    required: true,
  },
]

const chaosSummaries: Readonly<Record<ChaosVerb, string>> = {
  kill: 'kill a validator (SIGKILL) or close a DA node; it stays down',
  pause: 'freeze a validator (SIGSTOP), or have a DA node answer nobody',
  resume: 'let a frozen one go on, or start a killed one',
  restart: 'kill a validator or a DA node and start it again at once',
}

/** Every verb of chaos. */
export function chaosCommands({
  networkFlag,
  signerFlags,
}: {
  readonly networkFlag: FlagSpec
  readonly signerFlags: readonly FlagSpec[]
}): readonly CommandSpec[] {
  return [
    ...chaosVerbs.map((verb): CommandSpec => ({
      path: `chaos ${verb}`,
      summary: chaosSummaries[verb],
      arguments: struckArguments,
      flags: [networkFlag],
      examples: [
        { line: `chaos ${verb} validator 2`, does: 'of network 0' },
        { line: `chaos ${verb} da 3`, does: 'a node of data availability' },
      ],
      load: async () => (await import('./commands/chaos.ts')).chaosRun(verb),
    })),
    {
      path: 'chaos equivocate',
      summary: 'have a validator sign two votes of one height, and report it: it is slashed on L1',
      arguments: validatorArguments,
      flags: [networkFlag, ...signerFlags, { name: 'yes', summary: 'sign without being asked' }],
      examples: [
        {
          line: 'chaos equivocate validator 3 --network 1 --from 7 --yes',
          does: 'development account 7 reports it and is paid a twentieth',
        },
      ],
      load: async () => (await import('./commands/equivocate.ts')).runEquivocate,
    },
  ]
}
