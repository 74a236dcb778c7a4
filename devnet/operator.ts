/**
 * One operator on its own machine (`zg operator run`): it follows what is opened and ended on L1,
 * with its own keys and nobody else's.
 *
 *     L1 ──► NetworkSupervisor ──► joins, leaves: transactions of the operator's account
 *                    └───────────► OperatorHost ──► a validator process a network
 *     peers file ──► keys on L1 ──► where these dial
 *
 *     <folder>/version, lock, processes.json     as a local world has them (data-dir.ts)
 *     <folder>/net-<id>/                         operator-host.ts
 *
 * Ended in any way, its validators end with it; begun again it goes on where it was. Two of them
 * with the same BLS key, on whatever machines, sign twice and are slashed: one folder has one, and
 * a folder that was lost is mended as any vote log is (`zg mend-votes`), never replaced by an empty
 * one.
 */

import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

import { readKeystore } from '@zg/chain'
import {
  addressOfSecretKey,
  assert,
  bigintToHex,
  blsPublicKeyOf,
  bytesToBigint,
  toHex,
  ZgError,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createLogger, createSystemClock } from '@zg/runtime'
import type { Clock, Logger } from '@zg/runtime'
import {
  Failover,
  FailoverChain,
  JsonRpcL1Chain,
  L1Sender,
  NetworkDirectory,
  NetworkSupervisor,
  readGenesisFacts,
  StepLoop,
} from '@zg/staking'
import type { GenesisFacts, SupervisorStep } from '@zg/staking'

import { takeDataDir, WorldRunningError } from './data-dir.ts'
import { endLeftovers, recordProcesses } from './leftovers.ts'
import type { L1Site } from './l1-site.ts'
import { OperatorHost } from './operator-host.ts'
import type { OperatorHostOptions, OperatorPorts } from './operator-host.ts'
import { keysOnL1, peersOf, readOperatorPeers } from './operator-peers.ts'
import type { OperatorKeys } from './operator-peers.ts'
import type { PartStatus } from './control.ts'
import { stopGraceMs, Supervisor } from './supervisor.ts'

export type { OperatorPorts } from './operator-host.ts'

/** Between two looks at L1: for networks, and for the keys of peers. */
const pollMs = 2_000
const peersPollMs = 15_000

const feePerGasMax = 500_000_000_000n

/** What happens, as it happens. */
export type OperatorEvent =
  | { readonly kind: 'part'; readonly status: PartStatus; readonly detail: string | undefined }
  | { readonly kind: 'network-joined' | 'network-ended' | 'network-left'; readonly id: number }
  | { readonly kind: 'network-begun'; readonly id: number; readonly rpc: string }
  /** It is not joined, or does not run, yet. */
  | { readonly kind: 'network-waits'; readonly id: number; readonly reason: string }
  | { readonly kind: 'peers'; readonly count: number }

export type OperatorOptions = Pick<
  OperatorHostOptions,
  'folder' | 'keys' | 'listenHost' | 'genesisPath'
> & {
  readonly ports: OperatorPorts
  readonly l1: {
    readonly rpcs: readonly string[]
    readonly chainId: number
    readonly site: L1Site
  }
  /** 32 bytes: of the operator's account on L1. */
  readonly secretKey: Uint8Array
  /** Where other operators listen (operator-peers.ts). */
  readonly peersPath: string
  readonly networksMax: number
  /** What a fault may cost of the stake, in hundredths of a percent. */
  readonly slashBpsMax: number
  readonly onEvent: (event: OperatorEvent) => void
}

export type RunningOperator = {
  /** Ends every process and gives the folder back. */
  stop(): Promise<void>
  /** Ends every process at once. */
  kill(): void
}

/**
 * Starts an operator; whatever fails, no process is left behind.
 *
 * @throws {ZgError} `DEVNET_OPERATOR_RUNNING`, `DEVNET_DATA_DIR_VERSION`, `DEVNET_L1_SITE_DIFFERS`,
 *   `DEVNET_OPERATOR_KEY_DIFFERS`, `DEVNET_OPERATOR_PEERS_INVALID`, `DEVNET_GENESIS_FILE_INVALID`,
 *   `CHAIN_KEYSTORE_UNUSABLE`; what endpoints of L1 fail with.
 */
export async function startOperator(options: OperatorOptions): Promise<RunningOperator> {
  const { folder, onEvent } = options
  const undo: (() => Promise<void> | void)[] = [takeFolder(folder)]
  const undoAll = async (): Promise<void> => {
    while (undo.length > 0) await undo.pop()?.()
  }
  try {
    endLeftovers(folder)
    const l1 = await openL1(options)
    const supervisor = new Supervisor([], (status, detail) => {
      recordProcesses(folder, supervisor.status())
      onEvent({ kind: 'part', status, detail })
    })
    undo.push(() => supervisor.stopAll())
    const host = new OperatorHost({ ...options, facts: l1.facts, supervisor })
    const loops = [peersLoop(options, l1, host), networksLoop(options, l1, host)]
    // Those that begin at once shall know whom to dial.
    await loops[0]?.once()
    for (const { loop } of loops) {
      loop.start()
      // What L1 takes its time for is done by the next start: nobody waits for it.
      undo.push(() => Promise.race([loop.stop(), wait(stopGraceMs)]))
    }
    return { stop: undoAll, kill: () => supervisor.killAll() }
  } catch (error) {
    await undoAll()
    throw error
  }
}

/** Makes the folder ours; returns what gives it back. */
function takeFolder(folder: string): () => void {
  try {
    return takeDataDir(folder).release
  } catch (error) {
    if (error instanceof WorldRunningError) throw new OperatorRunningError(folder, error)
    throw error
  }
}

/** L1 as this operator sees it. */
type OperatorL1 = {
  readonly chain: FailoverChain
  readonly facts: () => Promise<GenesisFacts>
  readonly keys: OperatorKeys
  /** The epoch of the newest block. */
  readonly epoch: () => Promise<bigint>
  /** The operator's account, and its BLS key. */
  readonly operator: bigint
  readonly publicKey: Hex
  readonly clock: Clock
  readonly log: Logger
}

/** Asks L1 whether it is the one that the site speaks of, and knows this operator's key. */
async function openL1({
  folder,
  l1: { rpcs, chainId, site },
  keys: paths,
  secretKey,
}: OperatorOptions): Promise<OperatorL1> {
  const clock = createSystemClock()
  const log = createLogger({ part: 'operator', path: join(folder, 'operator.jsonl') })
  const chains = rpcs.map((url) => new JsonRpcL1Chain({ url }))
  const chain = new FailoverChain(new Failover(chains, { clock }))
  const networkRegistry = BigInt(contractOf(site, 'NetworkRegistry'))
  const facts = () => readGenesisFacts(chain, { l1ChainId: BigInt(chainId), networkRegistry })
  checkSite(site, await facts())
  const keys = keysOnL1(chain, contractOf(site, 'OperatorRegistry'))
  const operator = bytesToBigint(addressOfSecretKey(secretKey))
  const publicKey = toHex(blsPublicKeyOf(await readKeystore(paths)))
  const epoch = async () => {
    const { timestamp } = await chain.head()
    return (timestamp - BigInt(site.epochStart)) / BigInt(site.epochSeconds)
  }
  if (!(await keys(operator, await epoch())).includes(publicKey)) {
    throw new OperatorKeyDiffersError(operator, publicKey)
  }
  return { chain, facts, keys, epoch, operator, publicKey, clock, log }
}

function checkSite(site: L1Site, facts: GenesisFacts): void {
  const { operatorRegistry, finalityOracle } = facts.contracts
  const differing = [
    ['OperatorRegistry', contractOf(site, 'OperatorRegistry').toLowerCase(), operatorRegistry],
    ['FinalityOracle', contractOf(site, 'FinalityOracle').toLowerCase(), finalityOracle],
    ['epochStart', String(site.epochStart), String(facts.epochStart)],
    ['epochSeconds', String(site.epochSeconds), String(facts.epochLength)],
  ].find(([, told, found]) => told !== found)
  if (differing === undefined) return
  const [name = '', told = '', found = ''] = differing
  throw new L1SiteDiffersError(name, { told, found })
}

function contractOf({ contracts }: L1Site, name: string): Hex {
  const address = contracts[name]
  assert(address !== undefined, `the site names ${name}`)
  return address
}

/** A loop, and its one step. */
type Loop = { readonly loop: StepLoop; readonly once: () => Promise<unknown> }

/** Joins, starts, stops and leaves, as L1 says. */
function networksLoop(options: OperatorOptions, l1: OperatorL1, host: OperatorHost): Loop {
  const { onEvent, networksMax, slashBpsMax } = options
  const { site, chainId } = options.l1
  const { chain, clock, log, operator } = l1
  const sender = new L1Sender({
    chain,
    chainId: BigInt(chainId),
    secretKey: options.secretKey,
    depth: 1,
    feePerGasMax,
    clock,
    log,
    pollMs: 500,
  })
  const supervisor = new NetworkSupervisor({
    directory: new NetworkDirectory({
      chain,
      address: BigInt(contractOf(site, 'NetworkRegistry')),
    }),
    chain,
    host,
    operators: [{ address: operator, sender }],
    slashBpsMax,
    networksMax,
    epochs: { start: BigInt(site.epochStart), length: BigInt(site.epochSeconds) },
    clock,
    log,
    onWait: (id, reason) => onEvent({ kind: 'network-waits', id, reason }),
  })
  const once = async () => tellStep(await supervisor.step(), { host, onEvent })
  return { once, loop: new StepLoop({ clock, pollMs, step: once }) }
}

function tellStep(
  { joined, started, stopped, left }: SupervisorStep,
  { host, onEvent }: { readonly host: OperatorHost } & Pick<OperatorOptions, 'onEvent'>,
): void {
  for (const id of joined) onEvent({ kind: 'network-joined', id })
  for (const id of started) onEvent({ kind: 'network-begun', id, rpc: host.rpcOf(id) })
  for (const id of stopped) onEvent({ kind: 'network-ended', id })
  for (const id of left) onEvent({ kind: 'network-left', id })
}

/** Has the nodes know whom to dial: the file as it is now, and the keys that L1 has now. */
function peersLoop(
  { peersPath, onEvent }: OperatorOptions,
  { keys, epoch, operator, clock, log }: OperatorL1,
  host: OperatorHost,
): Loop {
  let known = ''
  const once = async (): Promise<void> => {
    const addresses = readOperatorPeers(peersPath).filter((each) => each.operator !== operator)
    const peers = await peersOf(addresses, { keys, epoch: await epoch() })
    const text = JSON.stringify(peers)
    if (text === known) return
    known = text
    host.setPeers(peers)
    onEvent({ kind: 'peers', count: peers.length })
  }
  const step = () =>
    once().catch((error: unknown) => log.warn('peers are as they were before', { error }))
  return { once, loop: new StepLoop({ clock, pollMs: peersPollMs, step }) }
}

export class OperatorRunningError extends ZgError<'DEVNET_OPERATOR_RUNNING'> {
  constructor(folder: string, cause: WorldRunningError) {
    const { pid } = cause.data
    const user = typeof pid === 'number' ? `process ${pid}` : 'another process'
    const message = `Cannot run an operator in "${folder}": ${user} uses it`
    super('DEVNET_OPERATOR_RUNNING', message, { folder, pid }, cause)
  }
}

/** The site is of another L1, or of other contracts. */
export class L1SiteDiffersError extends ZgError<'DEVNET_L1_SITE_DIFFERS'> {
  constructor(name: string, { told, found }: { readonly told: string; readonly found: string }) {
    const message = `Cannot use this L1: the site has ${name} ${told}, L1 has ${found}`
    super('DEVNET_L1_SITE_DIFFERS', message, { name, told, found })
  }
}

export class OperatorKeyDiffersError extends ZgError<'DEVNET_OPERATOR_KEY_DIFFERS'> {
  constructor(operator: bigint, publicKey: Hex) {
    const who = bigintToHex(operator, 20)
    const message = `Cannot run operator ${who}: L1 does not have the BLS key ${publicKey} for it`
    super('DEVNET_OPERATOR_KEY_DIFFERS', message, { operator: who, publicKey })
  }
}
