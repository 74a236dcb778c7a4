/** The commands of streams, as data: a part of those of shared stake (stake-commands.ts). */

import type { ArgumentSpec, CommandSpec, FlagSpec } from './command.ts'

const streamName: ArgumentSpec = {
  name: 'name',
  value: { kind: 'text' },
  summary: 'its name: up to 32 bytes of text, or 32 bytes in hex',
  required: true,
}

/** Returns the commands; `networkArgument` names a network by its id. */
export function streamCommands({
  signing,
  siteFlags,
  networkArgument,
}: {
  readonly signing: readonly FlagSpec[]
  readonly siteFlags: readonly FlagSpec[]
  readonly networkArgument: ArgumentSpec
}): readonly CommandSpec[] {
  return [
    {
      path: 'stream open',
      summary: 'open a stream of data on L1; its first home follows from owner and name',
      arguments: [streamName],
      flags: [...signing, ...siteFlags],
      examples: [{ line: 'stream open photos --from 7', does: 'shows first where it begins' }],
      load: async () => (await import('./commands/stream.ts')).runStreamOpen,
    },
    {
      path: 'stream home',
      summary: 'show which network a stream belongs to, or would begin in',
      arguments: [
        {
          name: 'stream',
          value: { kind: 'text' },
          summary: 'its id, or with --owner its name',
          required: true,
        },
      ],
      flags: [
        {
          name: 'owner',
          placeholder: 'ADDRESS',
          value: { kind: 'address' },
          summary: 'whose it is',
        },
        ...siteFlags,
      ],
      examples: [
        {
          line: `stream home photos --owner 0x${'a1'.repeat(20)}`,
          does: 'its network, chain id and JSON-RPC',
        },
      ],
      load: async () => (await import('./commands/stream.ts')).runStreamHome,
    },
    {
      path: 'stream migrate',
      summary: 'move a stream to another network, from the epoch after the next on',
      arguments: [streamName, { ...networkArgument, summary: 'where it moves' }],
      flags: [...signing, ...siteFlags],
      examples: [{ line: 'stream migrate photos 1 --from 7', does: 'to network 1' }],
      load: async () => (await import('./commands/stream.ts')).runStreamMigrate,
    },
  ]
}
