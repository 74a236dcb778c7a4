/** The commands of the way between L1 and the networks: a part of the table (stake-commands.ts). */

import type { ArgumentSpec, CommandSpec, FlagSpec } from './command.ts'

/** Ids of networks are of 32 bits on L1. */
export const networkIdMax = 2 ** 32 - 1

/** An Outbox has at most so many entries. */
const entryMax = 2 ** 32 - 2

type BridgeWords = {
  readonly signing: readonly FlagSpec[]
  readonly siteFlags: readonly FlagSpec[]
  readonly networkFlags: readonly FlagSpec[]
  readonly toFlag: FlagSpec
  readonly amountArgument: ArgumentSpec
}

/** Returns the commands; flags and arguments are those of the other nouns of stake. */
export function bridgeCommands(shared: BridgeWords): readonly CommandSpec[] {
  return [...movingCommands(shared), ...waitingCommands(shared)]
}

/** What burns on one side to be made on another. */
function movingCommands(shared: BridgeWords): readonly CommandSpec[] {
  const { signing, siteFlags, networkFlags, toFlag, amountArgument } = shared
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
      path: 'bridge transfer',
      summary: 'burn tokens on a network and have another one pay them out, by way of L1',
      arguments: [amountArgument],
      flags: [
        {
          name: 'to-network',
          placeholder: 'ID',
          value: { kind: 'integer', min: 0, max: networkIdMax },
          summary: 'which network pays them out',
          required: true,
        },
        ...networkFlags,
        toFlag,
        ...signing,
        ...siteFlags,
      ],
      examples: [
        {
          line: 'bridge transfer 5 --network 0 --to-network 1',
          does: 'five tokens from network 0 to network 1',
        },
      ],
      load: async () => (await import('./commands/transfer.ts')).runBridgeTransfer,
    },
  ]
}

/** What is on its way, and what ends it. */
function waitingCommands(shared: BridgeWords): readonly CommandSpec[] {
  const { signing, siteFlags, networkFlags } = shared
  return [
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
