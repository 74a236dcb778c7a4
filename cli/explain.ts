/**
 * What a failure is called on the command line: one sentence that says what, why, and the command
 * that mends it.
 *
 * The first part is the error's own message. The mending half hangs on its code, in the one table
 * below; a code without a line there gets none.
 */

import { epochSecondsMax } from '@zg/devnet'
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
  AlreadyPunished: 'operators shows what it lost: a fault of an epoch is punished once',
  EvidenceTooOld: 'operators shows whose history is clean',
  NetworkUnknown: 'network list shows which there are',
  NetworkHalted: 'network list shows which go on',
  NetworkDead: 'bridge escape leads out of it',
  NetworkPaused: 'bridge status shows until when',
  AlreadyClaimed: 'bridge status shows what still waits',
  BeyondShared: 'operators --security shows what lives on networks, and on what stake',
  StillUnbonding: 'stake shows when it is free',
  SharesMissing: 'stake shows what is staked',
  OperatorSlashed: 'operators shows whose history is clean',
  NotRegistered: 'operators lists who is registered',
  ChurnFull: 'network list shows the epoch; each has room again',
  OperatorTooHeavy: 'operators shows who weighs less',
  StakeTooLow: 'stake puts in more',
  TooManyMembers: 'network list shows others',
  StillIn: 'operators shows the networks of each',
  NotIn: 'operators shows the networks of each',
  NotInYet: 'network list shows the epoch; leave in that one or later',
  StreamTaken: 'stream home shows where it is',
  StreamUnknown: 'stream open opens it',
  MoveUnderWay: 'stream home shows when it has moved',
  NetworkTakesNone: 'network list shows which are active',
  BeyondSecured: 'network list shows how much may live there',
  StillAlive: 'bridge escape shows until when it may still speak',
  BeyondRate: 'bridge status shows what may come back now',
  TooEarly: 'bridge status and bridge escape show the clocks',
  GovernorInsufficientProposerVotes: 'gov delegate has tokens vote',
}

/** Where endpoints of L1 are named: for a relay or an open node, and for a validator. */
const anotherL1 = 'name another endpoint of L1 (--l1-rpc, or [l1] in config.toml)'

const otherPeers = 'name other peers with --peers, or begin with --start genesis'

const mends: Readonly<Record<string, Mend>> = {
  CLI_USAGE: (_, { program, path }) => `see ${program}${path === '' ? '' : ` ${path}`} --help`,
  CLI_VALUE_INVALID: (_, { program, path }) => `${program} ${path} --help shows what it takes`,
  CLI_NO_WORLD: (_, { program }) => `start one with ${program} devnet, or name one with --rpc URL`,
  CLI_NOBODY_TO_FOLLOW: (_, { program }) =>
    `name one with --peers or --upstream, or start ${program} devnet`,
  CLI_GENESIS_MISSING: () => "name the network's genesis.json with --genesis FILE",
  CLI_GENESIS_HASH_DIFFERS: () => 'leave --genesis-hash out to open it with that one',
  DEVNET_NETWORK_UNKNOWN: (_, { program }) => `${program} network list shows those there are`,
  DEVNET_GENESIS_DIFFERS: () =>
    'what else it holds is nowhere on L1: ask who opened the network for its genesis.json',
  DEVNET_GENESIS_FILE_INVALID: () => 'ask who opened the network for its genesis.json',
  DEVNET_OPERATOR_RUNNING: () => 'end that one, or name another folder with --dir',
  DEVNET_OPERATOR_PEERS_INVALID: () => 'write ADDRESS=HOST:PORT, an operator a line',
  DEVNET_OPERATOR_KEY_DIFFERS: (_, { program }) =>
    `name the one that is registered; ${program} operators lists operators`,
  DEVNET_L1_SITE_DIFFERS: () => 'name the site.json of that L1 with --l1-site',
  DEVNET_GENESIS_IMPOSSIBLE: () => 'choose other numbers',
  CHAIN_L1_MISSING: () => 'name it with --l1-rpc and --l1-site',
  CHAIN_L1_UNHEARD: () => `see in its log what L1 answers, or ${anotherL1}`,
  CHAIN_NETWORK_ENDED: (_, { program }) =>
    `${program} bridge escape tells when what it held is paid back`,
  CHAIN_KNOWN_BLOCK_UNPROVED: () => otherPeers,
  CHAIN_SNAPSHOT_UNAVAILABLE: () => otherPeers,
  CHAIN_HISTORY_FOREIGN: () => 'begin anew, with another --dir',
  CHAIN_OPEN_NO_PEERS: () => 'name some that run with --peers',
  DEVNET_NODE_FOLDER_UNFIT: () => 'name the folder of a validator of a network with an L1',
  CLI_NO_L1: (_, { program }) => `start the whole world with ${program} devnet`,
  CLI_RPC_UNREACHABLE: ({ isWorld }, { program }) =>
    isWorld === true
      ? `${program} doctor tells what is wrong`
      : 'check the address, or leave --rpc out to use the local world',
  CLI_NO_STAKE: (_, { program }) =>
    `start the whole world with ${program} devnet, or name an L1 with --l1-rpc and --l1-site`,
  CLI_L1_ENDPOINTS_DIFFER: () => 'name those of one L1 with --l1-rpc',
  CLI_OPERATOR_UNKNOWN: (_, { program }) => `${program} operators lists them`,
  CLI_OPERATOR_KEY_MISSING: (_, { program }) => `${program} operators lists them`,
  CLI_TOKENS_MISSING: (_, { program }) => `${program} bridge withdraw brings some from a network`,
  CLI_STAKE_MISSING: (_, { program }) => `${program} stake shows what is staked where`,
  CLI_NOTHING_TO_CLAIM: (_, { program }) => `${program} stake shows what is staked and leaving`,
  CLI_CALL_REFUSED: ({ name }, { program }) =>
    `${program} ${refusalMends[String(name)] ?? 'network list shows how things stand on L1'}`,
  CLI_GAS_SPENT: (_, { program, path }) => `${program} ${path} again: gas is estimated anew`,
  CLI_REVERTED: (_, { program, path }) => `${program} ${path} again: each call is tried first`,
  CLI_CONFIRMATION_MISSING: () => 'add --yes to sign without being asked',
  CLI_BEYOND_SECURED: (_, { program }) =>
    `${program} network list shows what lives where; more stake makes room`,
  CLI_WAY_CLOSED: ({ id }, { program }) =>
    `${program} bridge escape --network ${String(id)} leads out of one that is dead`,
  CLI_DESTINATION_CLOSED: (_, { program }) =>
    `${program} network list shows which are active; bridge withdraw brings them to L1`,
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
  STAKING_L1_SILENT: () => `see that it runs and is in reach, or ${anotherL1}`,
  STAKING_L1_ENDPOINT: () => `see that it runs and is in reach, or ${anotherL1}`,
  STAKING_L1_HEADER_MISSING: () =>
    `it is asked again within a minute; if it stays so, ${anotherL1}`,
  STAKING_L1_PROOF_INVALID: () => anotherL1,
  STAKING_L1_DISAGREES: () => 'find out which of them is wrong and leave it out, or name a third',
  STAKING_L1_CONTRADICTS: () => `${anotherL1}, and start again`,
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
  DEVNET_PORT_OFFSET_TOO_LARGE: ({ offsetMax }) =>
    `shift by ${String(offsetMax)} at most, or leave data availability out with --no-da`,
  DEVNET_FRONT_PORT_BUSY: (_, { program }) =>
    `shift all ports with ${program} devnet --port-offset N`,
  DEVNET_PART_FAILED: ({ logPath }, { program }) =>
    `its log says more (tail ${String(logPath)}); ${program} devnet --reset starts afresh`,
  DEVNET_L1_SITE_UNREADABLE: (_, { program }) =>
    `name the file with --l1-site, or make a new world with ${program} devnet --reset`,
  DEVNET_CHAIN_ID_TAKEN: () => 'choose another number',
  DEVNET_FIRST_BLOCK_LATE: (_, { program }) => `${program} devnet --reset starts afresh`,
  DEVNET_OUTSIDE_L1_UNREACHABLE: () => 'check the address, or start that chain',
  DEVNET_OUTSIDE_L1_NO_RPC: () => 'name the JSON-RPC endpoint of an Ethereum node with --l1',
  DEVNET_OUTSIDE_L1_MAIN: () =>
    'the keys of such a world are public, so name a test chain with --l1',
  DEVNET_OUTSIDE_L1_STILL: () =>
    'start it so that it makes blocks by itself, as anvil with --block-time 1',
  DEVNET_OUTSIDE_L1_UNFINAL: () => 'name a chain whose node answers for the tag "finalized"',
  DEVNET_OUTSIDE_L1_EPOCH: ({ enough }) =>
    Number(enough) > epochSecondsMax
      ? 'name a chain whose blocks become final sooner'
      : `take a longer one: --epoch ${String(enough)}`,
  DEVNET_OUTSIDE_L1_PAYER: () => 'name its key with --keystore or --key-file',
  DEVNET_OUTSIDE_L1_FUNDS: ({ payer }) => `send some to ${String(payer)}, and try again`,
  DEVNET_OUTSIDE_L1_OTHER: ({ chainId }, { program }) =>
    `name one of chain ${String(chainId)}, or make a new world with ${program} devnet --reset`,
  DEVNET_OUTSIDE_L1_RESET: (_, { program }) =>
    `wait until it is where it was, or make a new world with ${program} devnet --reset --l1 URL`,
  DEVNET_OUTSIDE_L1_UNFIT: () => 'name another chain with --l1',
  DEVNET_OUTSIDE_L1_CALL: (_, { program }) => `${program} devnet goes on with this call`,
  DEVNET_STAKELESS: (_, { program }) => `${program} devnet starts a world with an L1`,
  CLI_NETWORK_UNKNOWN: (_, { program }) => `${program} network list shows those there are`,
  CLI_NETWORK_WRONG: ({ network }) =>
    `use --network ${String(network)} without --rpc, or the --rpc of network ${String(network)}`,
  CLI_NO_NETWORK: (_, { program }) => `${program} doctor lists them`,
  DEVNET_PART_UNKNOWN: (_, { program }) => `${program} doctor lists the parts there are`,
  DEVNET_PART_STATE: (_, { program }) => `${program} doctor shows the state of each validator`,
  DEVNET_DATA_NODE_UNKNOWN: (_, { program }) => `${program} doctor lists the parts there are`,
  DEVNET_DATA_NODE_SILENT: (_, { program }) => `${program} doctor shows whether its process runs`,
  DEVNET_CONTROL_UNREACHABLE: (_, { program }) => `${program} doctor tells whether a world runs`,
  DEVNET_FILE_MALFORMED: (_, { program }) =>
    `stop the world and start it again with ${program} devnet`,
  CLI_DA_FAILED: (_, { program }) =>
    `${program} da put with a new --request-id sends it to a quorum of another draw`,
  CLI_DA_WAITS: ({ request }, { program }) =>
    `${program} da status ${String(request)} shows how far it is`,
  CLI_DA_NO_DOOR: (_, { program }) =>
    `${program} network list shows which take blobs; name a disperser with --disperser`,
  CLI_DA_DIFFERS: () => 'ask another disperser with --disperser',
  DA_DISPERSER_SILENT: () => 'see that it runs, or name another with --disperser',
  DA_BLOB_SIZE: () => 'cut it into several',
  DA_OVERLOADED: () => 'try again in a moment',
  DA_UNPAID: () => 'try again when its quota is full, or name another with --disperser',
  DA_UNAVAILABLE: () => 'try again later: it comes back with its nodes and its chain',
  DA_REQUEST_UNKNOWN: (_, { program }) => `${program} da put sends a blob`,
  DA_BLOB_UNKNOWN: () => 'see that the name is whole, and that the blob has not expired',
  DA_BATCH_VOID: (_, { program }) => `nobody ever reads it; ${program} da put sends it anew`,
  DA_SAMPLE_HEADER: () => 'it has expired, or its quorum keeps it back',
  DA_QUORUM_UNDRAWN: () => 'name an epoch that has begun, or the next one',
  DA_QUORUM_EMPTY: () => 'name an epoch in which somebody has votes',
  DA_EVIDENCE_MALFORMED: () =>
    'give the line of a disperser\'s log that says "a member signed two commitments"',
  CLI_EVIDENCE_FILE: () => "name a file with one line of a disperser's log",
  DA_RETENTION: () => 'have retentionEpochs be 2 or more',
  RUNTIME_FOLDER_LOCKED: () => 'end the other process first, or give this one its own folder',
  DA_ROW_KEY_LOST: () =>
    'put its folder aside, and begin with an empty one three epochs after it last ran',
  DA_DOOR_LISTEN_FAILED: () => 'end what listens there, or choose another port',
}

/** Errors that pass on the refusal of somebody else, whose code is their reason. */
const passedOn = ['DEVNET_CONTROL_REFUSED', 'DA_DISPERSER_REFUSED']

/** Returns what to tell of `error`. */
export function explain(error: unknown, called: Called): Explanation {
  if (!(error instanceof ZgError)) return explainForeign(error)
  // A refusal that is passed on is mended as that of who refused.
  const passed = passedOn.includes(error.code) ? error.data['reason'] : ''
  const reason = typeof passed === 'string' ? passed : ''
  const code = reason === '' ? error.code : reason
  const mend = mends[code]?.(error.data, called)
  const isUsage = code === 'CLI_USAGE' || code === 'CLI_VALUE_INVALID'
  return {
    sentence: mend === undefined ? error.message : `${error.message}; ${mend}`,
    code,
    exitCode: isUsage ? exitCodes.usage : exitCodes.failed,
  }
}

/** What mends a failure that is told of by its code alone. */
export function mendOf(code: string, called: Called): string | undefined {
  return mends[code]?.({}, called)
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
