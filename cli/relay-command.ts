/** The command of relaying, as data: a part of those of shared stake (stake-commands.ts). */

import type { CommandSpec, FlagSpec } from './command.ts'

/** Endpoints of L1 for who follows it, in the place of one. */
export const l1EndpointsFlag: FlagSpec = {
  name: 'l1-rpc',
  placeholder: 'URLS',
  value: { kind: 'urls', max: 8 },
  summary: 'JSON-RPC of L1, of up to 8 endpoints, commas between (default: the running world)',
}

/** Returns the command. */
export function relayCommand({
  signing,
  siteFlags,
  networkFlags,
}: {
  readonly signing: readonly FlagSpec[]
  readonly siteFlags: readonly FlagSpec[]
  readonly networkFlags: readonly FlagSpec[]
}): CommandSpec {
  return {
    path: 'relay',
    summary: 'bring certificates, claims, loads, evidence to L1; proofs to networks',
    arguments: [],
    flags: [
      ...signing.filter(({ name }) => name !== 'yes'),
      ...networkFlags,
      l1EndpointsFlag,
      ...siteFlags.filter(({ name }) => name !== l1EndpointsFlag.name),
    ],
    examples: [
      { line: 'relay --from 7', does: 'beside the keeper of the running world, as a stranger' },
      { line: 'relay --from 7 --network 1 --json', does: 'one network, a JSON object a line' },
      {
        line: 'relay --key-file relay.key --rpc http://127.0.0.1:8545 --l1-rpc http://127.0.0.1:8535,http://127.0.0.1:9535 --l1-site site.json',
        does: 'goes on while one endpoint of L1 is down or lies',
      },
    ],
    load: async () => (await import('./commands/relay.ts')).runRelay,
  }
}
