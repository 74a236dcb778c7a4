/** The commands of data availability, as data: a part of the table (command-table.ts). */

import type { ArgumentSpec, CommandSpec, FlagSpec, NounSpec } from './command.ts'
import { codedRowsChoices, networkIdMax, putStages, quorumMax, rowsMax } from './da-words.ts'

export const daNoun: NounSpec = { noun: 'da', summary: 'publish data, and read it back' }

/** Whom it asks (data-doors.ts). */
const doorFlags: readonly FlagSpec[] = [
  {
    name: 'disperser',
    placeholder: 'URL',
    value: { kind: 'url' },
    summary: "gRPC door of a disperser (default: $ZG_DA, else the running world's)",
  },
  {
    name: 'network',
    placeholder: 'ID',
    value: { kind: 'integer', min: 0, max: networkIdMax },
    summary: "the running world's on that network (default: as the blob is routed)",
  },
]

const nameArgument: ArgumentSpec = {
  name: 'name',
  value: { kind: 'text' },
  summary: 'EPOCH/QUORUM/ROOT, as "da put" prints it; of several networks NETWORK/ before it',
  required: true,
}

/** Which chain records. */
const chainFlags: readonly FlagSpec[] = [
  {
    name: 'network',
    placeholder: 'ID',
    value: { kind: 'integer', min: 0, max: networkIdMax },
    summary: 'network of the running world (default: 0)',
  },
  {
    name: 'rpc',
    placeholder: 'URL',
    value: { kind: 'url' },
    summary: 'JSON-RPC of the chain (default: $ZG_RPC, else the running world)',
  },
]

const exampleName = `7/0/0x${'5e'.repeat(32)}`

export const daCommands: readonly CommandSpec[] = [
  {
    path: 'da put',
    summary: 'have a file held by a quorum, and wait for its certificate',
    arguments: [
      {
        name: 'file',
        value: { kind: 'path' },
        summary: 'up to 32,505,852 bytes',
        required: true,
      },
    ],
    flags: [
      {
        name: 'until',
        placeholder: 'STAGE',
        value: { kind: 'choice', choices: putStages },
        summary: 'how far to wait (default: certified)',
      },
      {
        name: 'request-id',
        placeholder: 'HEX',
        value: { kind: 'hex' },
        summary: '32 bytes; the same again is the same request (default: by blob and epoch)',
      },
      {
        name: 'stream',
        placeholder: 'ID',
        value: { kind: 'hex' },
        summary: 'of which stream it is: it goes to the home of that (default: by its request)',
      },
      ...doorFlags,
    ],
    examples: [
      { line: 'da put photo.jpg', does: 'prints the name to get it by' },
      { line: 'da put photo.jpg --until recorded', does: 'and waits until the record is final' },
    ],
    load: async () => (await import('./commands/da.ts')).runDaPut,
  },
  {
    path: 'da status',
    summary: 'show how far a request is',
    arguments: [
      {
        name: 'request',
        value: { kind: 'hex' },
        summary: 'its id, as "da put" prints it',
        required: true,
      },
    ],
    flags: doorFlags,
    examples: [{ line: `da status 0x${'1d'.repeat(32)}`, does: 'taken, certified or recorded' }],
    load: async () => (await import('./commands/da.ts')).runDaStatus,
  },
  {
    path: 'da get',
    summary: 'read a blob back, and check it against its root before it is written',
    arguments: [
      nameArgument,
      { name: 'file', value: { kind: 'path' }, summary: 'where it goes', required: true },
    ],
    flags: [
      {
        name: 'coded-rows',
        placeholder: 'N',
        value: { kind: 'choice', choices: codedRowsChoices },
        summary: "rows that the network's genesis has a batch coded into (default: 4096)",
      },
      ...doorFlags,
    ],
    examples: [{ line: `da get ${exampleName} photo.jpg`, does: 'writes nothing that is not it' }],
    load: async () => (await import('./commands/da.ts')).runDaGet,
  },
  {
    path: 'da sample',
    summary: 'ask holders for rows of a batch drawn at random, and say what that proves',
    arguments: [nameArgument],
    flags: [
      {
        name: 'entrance',
        placeholder: 'ADDRESS',
        value: { kind: 'address' },
        summary: 'the contract DataEntrance (default: where networks have it)',
      },
      {
        name: 'rows',
        placeholder: 'N',
        value: { kind: 'integer', min: 1, max: rowsMax },
        summary: 'how many (default: 148)',
      },
      {
        name: 'rpc',
        placeholder: 'URL',
        value: { kind: 'url' },
        summary: 'JSON-RPC of that chain (default: $ZG_RPC, else the running world)',
      },
    ],
    examples: [
      {
        line: `da sample ${exampleName}`,
        does: 'fails when a row does not come, or is not what was committed to',
      },
    ],
    load: async () => (await import('./commands/da-sample.ts')).runDaSample,
  },
  {
    path: 'da quorum',
    summary: 'draw a quorum from votes and seed alone, and hold it against what is written down',
    arguments: [],
    flags: [
      {
        name: 'epoch',
        placeholder: 'E',
        value: { kind: 'integer', min: 0, max: 2 ** 40 },
        summary: 'any whose seed is known, the next one at most (default: the present one)',
      },
      {
        name: 'quorum',
        placeholder: 'Q',
        value: { kind: 'integer', min: 0, max: quorumMax },
        summary: 'which of it (default: 0)',
      },
      {
        name: 'entrance',
        placeholder: 'ADDRESS',
        value: { kind: 'address' },
        summary: 'the contract DataEntrance (default: where networks have it)',
      },
      ...chainFlags,
    ],
    examples: [
      {
        line: 'da quorum --epoch 7 --quorum 2',
        does: 'its members, slots and rows; fails where DataSigners has others',
      },
    ],
    load: async () => (await import('./commands/da-quorum.ts')).runDaQuorum,
  },
]

/** Returns what is signed on L1; flags are those of the nouns of stake. */
export function daReportCommand(shared: {
  readonly signing: readonly FlagSpec[]
  readonly siteFlags: readonly FlagSpec[]
}): CommandSpec {
  return {
    path: 'da report',
    summary: 'bring to L1 that a member signed two commitments for one batch: it loses stake',
    arguments: [
      {
        name: 'evidence',
        value: { kind: 'path' },
        summary: 'a file with the line of the log in which a disperser says so, JSON',
        required: true,
      },
    ],
    flags: [...shared.signing, ...shared.siteFlags],
    examples: [{ line: 'da report evidence.json', does: 'a part of what is taken is yours' }],
    load: async () => (await import('./commands/da-report.ts')).runDaReport,
  }
}
