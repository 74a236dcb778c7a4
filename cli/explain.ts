/**
 * What a failure is called on the command line: one sentence that says what, why, and the command
 * that mends it.
 *
 * The first part is the error's own message. The mending half hangs on its code, in the one table
 * below; a code without a line there gets none.
 */

import { ZgError } from '@zg/primitives'
import type { ErrorData } from '@zg/primitives'

import { exitCodes } from './exit.ts'

export type Explanation = {
  readonly sentence: string
  readonly code: string
  readonly exitCode: number
}

/** What a mending command may name. */
type Called = {
  /** `zg`, or `npm run zg --`. */
  readonly program: string
  /** The command that failed: `chaos kill`; empty when none was recognised. */
  readonly path: string
}

type Mend = (data: ErrorData, called: Called) => string

/** What mends a refusal of a contract, by the name of its error. */
const refusalMends: Readonly<Record<string, string>> = {
  StillUnbonding: 'stake shows when it is free',
  SharesMissing: 'stake shows what is staked',
  OperatorSlashed: 'operators shows whose history is clean',
  NotRegistered: 'operators lists who is registered',
  ChurnFull: 'network list shows the epoch; each has room again',
  OperatorTooHeavy: 'operators shows who weighs less',
  StillIn: 'operators shows the networks of each',
  NotIn: 'operators shows the networks of each',
  StreamTaken: 'stream home shows where it is',
  StreamUnknown: 'stream open opens it',
  MoveUnderWay: 'stream home shows when it has moved',
  NetworkTakesNone: 'network list shows which are active',
  BeyondSecured: 'network list shows how much may live there',
  StillAlive: 'bridge escape shows until when it may still speak',
  TooEarly: 'bridge status and bridge escape show the clocks',
  GovernorInsufficientProposerVotes: 'gov delegate has tokens vote',
}

const mends: Readonly<Record<string, Mend>> = {
  CLI_USAGE: (_, { program, path }) => `see ${program}${path === '' ? '' : ` ${path}`} --help`,
  CLI_VALUE_INVALID: (_, { program, path }) => `${program} ${path} --help shows what it takes`,
  CLI_NO_WORLD: (_, { program }) => `start one with ${program} devnet, or name one with --rpc URL`,
  CLI_NOBODY_TO_FOLLOW: (_, { program }) =>
    `name one with --peers or --upstream, or start ${program} devnet`,
  CLI_GENESIS_MISSING: () => "name the network's genesis.json with --genesis FILE",
  DEVNET_NODE_FOLDER_UNFIT: () => 'name the folder of a validator of a network with an L1',
  CLI_NO_L1: (_, { program }) => `start the whole world with ${program} devnet`,
  CLI_RPC_UNREACHABLE: ({ isWorld }, { program }) =>
    isWorld === true
      ? `${program} doctor tells what is wrong`
      : 'check the address, or leave --rpc out to use the local world',
  CLI_NO_STAKE: (_, { program }) =>
    `start the whole world with ${program} devnet, or name an L1 with --l1-rpc and --l1-site`,
  CLI_OPERATOR_UNKNOWN: (_, { program }) => `${program} operators lists them`,
  CLI_OPERATOR_KEY_MISSING: (_, { program }) => `${program} operators lists them`,
  CLI_TOKENS_MISSING: (_, { program }) => `${program} bridge withdraw brings some from a network`,
  CLI_STAKE_MISSING: (_, { program }) => `${program} stake shows what is staked where`,
  CLI_NOTHING_TO_CLAIM: (_, { program }) => `${program} stake shows what is staked and leaving`,
  CLI_CALL_REFUSED: ({ name }, { program }) =>
    `${program} ${refusalMends[String(name)] ?? 'network list shows how things stand on L1'}`,
  CLI_CONFIRMATION_MISSING: () => 'add --yes to sign without being asked',
  CLI_ENTRY_UNKNOWN: (_, { program }) => `${program} bridge status lists those that wait`,
  CLI_ENTRY_WAITS: (_, { program }) => `${program} bridge status shows when that changes`,
  CLI_VOTES_MISSING: (_, { program }) =>
    `${program} gov delegate has own tokens vote, from the next second on`,
  CLI_PROPOSAL_UNKNOWN: (_, { program }) => `${program} gov list shows them`,
  CLI_PROPOSAL_STATE: (_, { program }) => `${program} gov list shows its clocks`,
  CLI_PROPOSAL_EARLY: (_, { program }) => `try then; ${program} gov list shows all clocks`,
  CLI_STILL_WAITING: (_, { program }) => `${program} doctor tells whether the network stands still`,
  CLI_NOTHING_TO_SEND: (_, { program }) => `name one with --to, see ${program} send --help`,
  CLI_FUNDS_MISSING: (_, { program }) => `${program} account lists the funded ones`,
  CLI_FOREIGN_CHAIN: () => 'name a key of your own with --keystore or --key-file',
  CLI_KEY_FILE_INVALID: (_, { program }) => `${program} keys new NAME makes a key`,
  CLI_KEY_FILE_OPEN: ({ path }) => `close it with chmod 600 ${String(path)}`,
  CLI_KEY_UNKNOWN: (_, { program }) => `${program} keys list shows those there are`,
  CLI_KEY_EXISTS: (_, { program }) => `choose another name; ${program} keys list shows those taken`,
  CLI_KEY_NAME_INVALID: () => 'use up to 64 letters, digits, - and _',
  CLI_KEYSTORE_MALFORMED: (_, { program }) => `${program} keys new NAME makes one`,
  CLI_KEY_KIND: (_, { program }) => `${program} keys new NAME makes an account`,
  CLI_PASSWORD_WRONG: () => 'try again, or name the right file with --password-file FILE',
  CLI_PASSWORD_MISSING: () => 'write it into a file and name that with --password-file FILE',
  CLI_BLOCK_UNKNOWN: (_, { program }) => `${program} block latest shows the newest`,
  DEVNET_WORLD_RUNNING: (_, { program }) =>
    `use that one (${program} doctor), or start another with ZG_HOME=DIR ${program} devnet`,
  DEVNET_DATA_DIR_VERSION: ({ folder }, { program }) =>
    `move it away, or forget it with rm -r ${String(folder)} and start ${program} devnet`,
  DEVNET_DATA_DIR_FOREIGN: (_, { program }) => `choose another with ZG_HOME=DIR ${program} devnet`,
  DEVNET_WORLD_DIFFERS: (_, { program }) =>
    `leave the flag out, or make a new world with ${program} devnet --reset`,
  DEVNET_KEPT_WORLD_MALFORMED: (_, { program }) =>
    `make a new world with ${program} devnet --reset`,
  DEVNET_PORTS_EXHAUSTED: (_, { program }) =>
    `shift all ports with ${program} devnet --port-offset N`,
  DEVNET_FRONT_PORT_BUSY: (_, { program }) =>
    `shift all ports with ${program} devnet --port-offset N`,
  DEVNET_PART_FAILED: ({ logPath }, { program }) =>
    `its log says more (tail ${String(logPath)}); ${program} devnet --reset starts afresh`,
  DEVNET_L1_SITE_UNREADABLE: (_, { program }) =>
    `name the file with --l1-site, or make a new world with ${program} devnet --reset`,
  DEVNET_CHAIN_ID_TAKEN: () => 'choose another number',
  DEVNET_FIRST_BLOCK_LATE: (_, { program }) => `${program} devnet --reset starts afresh`,
  DEVNET_OUTSIDE_L1_UNFIT: () => 'use an endpoint of another L1',
  DEVNET_OUTSIDE_L1_CALL: () => 'see that the account has funds there, and try again',
  DEVNET_STAKELESS: (_, { program }) => `${program} devnet starts a world with an L1`,
  CLI_NETWORK_WRONG: ({ network }) =>
    `use --network ${String(network)} without --rpc, or the --rpc of network ${String(network)}`,
  CLI_NO_NETWORK: (_, { program }) => `${program} doctor lists them`,
  DEVNET_PART_UNKNOWN: (_, { program }) => `${program} doctor lists the validators`,
  DEVNET_PART_STATE: (_, { program }) => `${program} doctor shows the state of each validator`,
  DEVNET_CONTROL_UNREACHABLE: (_, { program }) => `${program} doctor tells whether a world runs`,
  DEVNET_FILE_MALFORMED: (_, { program }) =>
    `stop the world and start it again with ${program} devnet`,
}

/** Returns what to tell of `error`. */
export function explain(error: unknown, called: Called): Explanation {
  if (!(error instanceof ZgError)) return explainForeign(error)
  // A refusal passed on by the supervisor is mended as the supervisor's own.
  const code = error.code === 'DEVNET_CONTROL_REFUSED' ? String(error.data['reason']) : error.code
  const mend = mends[code]?.(error.data, called)
  const isUsage = code === 'CLI_USAGE' || code === 'CLI_VALUE_INVALID'
  return {
    sentence: mend === undefined ? error.message : `${error.message}; ${mend}`,
    code,
    exitCode: isUsage ? exitCodes.usage : exitCodes.failed,
  }
}

/** The codes that have a mending half. */
export const mendedCodes: readonly string[] = Object.keys(mends)

/** What is wrong with a path that a user named, by the system's code. */
const pathProblems: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'it is a folder',
  ELOOP: 'its links go in circles',
  ENAMETOOLONG: 'the name is too long',
}

function explainForeign(error: unknown): Explanation {
  const { code, message, path } = error as { code?: unknown; message?: unknown; path?: unknown }
  const text = typeof message === 'string' ? message.split('\n')[0] : String(error)
  const problem = typeof code === 'string' ? pathProblems[code] : undefined
  if (problem !== undefined && typeof path === 'string') {
    const sentence = `Cannot use "${path}": ${problem}; check the path`
    return { sentence, code: String(code), exitCode: exitCodes.failed }
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return { sentence: `Cannot read or write: ${text}`, code, exitCode: exitCodes.failed }
  }
  if (code === 'ENOSPC') {
    return {
      sentence: `Cannot write: the disk is full (${text})`,
      code,
      exitCode: exitCodes.failed,
    }
  }
  return { sentence: `Cannot go on: ${text}`, code: 'CLI_UNEXPECTED', exitCode: exitCodes.failed }
}
