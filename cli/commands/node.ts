/**
 * `zg node`: an open node in the foreground.
 *
 * Without flags it stands in front of the running world's network: blocks come from a validator
 * by JSON-RPC, peers from wherever they come. With `--peers` it needs no validator. It begins by
 * the block that the world's L1 knows, or that of `--l1-rpc` and `--l1-site`.
 */

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { dataDirOf, l1SitePath, readL1Site, startOpenNode, writeOpenNode } from '@zg/devnet'
import type { Child, OpenNodePlan } from '@zg/devnet'
import { ZgError } from '@zg/primitives'

import type { CommandInput } from '../command.ts'
import { findWorld, networkOf, requireWorld } from '../endpoint.ts'
import { exitCodes, QuietExit } from '../exit.ts'
import { mendOf } from '../explain.ts'

const rpcPortDefault = 8_645
const p2pPortDefault = 26_670

export async function runNode(input: CommandInput): Promise<void> {
  const { output } = input
  const plan = planOf(input)
  if (!existsSync(plan.genesis)) throw new GenesisFileMissingError(plan.genesis)
  writeOpenNode(plan)
  const child = startOpenNode(plan)
  const stop = (): void => child.signal('SIGTERM')
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  try {
    output.line(`Starting; its log is ${join(plan.folder, 'log.jsonl')}`)
    await Promise.race([announce(input, child), child.exited])
    const { code } = await child.exited
    if (code === exitCodes.done) return
    const failureCode = child.failureCode()
    const mend = mendOf(failureCode ?? '', { program: input.program, path: 'node' })
    const told = [child.reason() ?? 'The node ended', mend]
    const message = told.filter((part) => part !== undefined).join('; ')
    output.json({ kind: 'ended', message, ...(failureCode && { code: failureCode }) })
    output.line(message)
    throw new QuietExit(exitCodes.failed)
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

async function announce({ output }: CommandInput, child: Child): Promise<void> {
  await child.ready
  const { rpcPort, p2pAddresses = [] } = child.readyMessage()
  const rpc = `http://127.0.0.1:${rpcPort}`
  output.json({ kind: 'ready', rpc, peers: p2pAddresses, pid: child.pid })
  output.line(`RPC    ${output.paint('name', rpc)}`)
  for (const address of p2pAddresses) output.line(`Peers  ${output.paint('name', address)}`)
  output.line('Ctrl-C ends it; started again it goes on where it was.')
}

function planOf(input: CommandInput): OpenNodePlan {
  const { env, workingDir, values } = input
  const home = dataDirOf(env, workingDir)
  const dir = values.text('dir')
  const bootstrap = (values.text('peers') ?? '').split(',').filter((address) => address !== '')
  const upstream = values.text('upstream') ?? (bootstrap.length === 0 ? worldUpstream(input) : '')
  const l1 = l1Of(input)
  return {
    ...(l1 && { l1 }),
    folder: dir === undefined ? join(home, 'node-0') : resolve(workingDir, dir),
    genesis: genesisOf(input),
    rpcPort: values.integer('rpc-port') ?? rpcPortDefault,
    p2pPort: values.integer('p2p-port') ?? p2pPortDefault,
    p2pHost: values.isSet('public') ? '0.0.0.0' : '127.0.0.1',
    bootstrap,
    upstreams: upstream === '' ? [] : [upstream],
    // In front of a validator there is nobody who gives a state out.
    start: startOf(values.text('start'), bootstrap.length === 0),
  }
}

function startOf(given: string | undefined, isAlone: boolean): OpenNodePlan['start'] {
  if (given === 'genesis' || given === 'snapshot') return given
  return isAlone ? 'genesis' : 'snapshot'
}

function genesisOf(input: CommandInput): string {
  const given = input.values.text('genesis')
  if (given !== undefined) return resolve(input.workingDir, given)
  const { dataDir, networks } = requireWorld(input).file
  return join(dataDir, `net-${networkOf(input, networks).id}`, 'genesis.json')
}

/** L1 as the flags say, else the running world's; networks without an L1 need none. */
function l1Of(input: CommandInput): OpenNodePlan['l1'] {
  const { values, workingDir } = input
  const world = findWorld(input)?.file
  const rpcs = values.texts('l1-rpc') ?? (world?.l1 && [world.l1.rpc])
  const given = values.text('l1-site')
  if (given !== undefined && rpcs !== undefined) {
    return { rpcs, site: readL1Site(resolve(workingDir, given)) }
  }
  if (world?.l1 === undefined || rpcs === undefined) return undefined
  const { id } = networkOf(input, world.networks)
  return { rpcs, site: readL1Site(l1SitePath(world.dataDir, id)) }
}

/** The first validator of the running world's network. */
function worldUpstream(input: CommandInput): string {
  const networks = findWorld(input)?.file.networks ?? []
  const validator = networks.length === 0 ? undefined : networkOf(input, networks).validators[0]
  if (validator === undefined) throw new NobodyToFollowError()
  return validator.rpc
}

export class GenesisFileMissingError extends ZgError<'CLI_GENESIS_MISSING'> {
  constructor(path: string) {
    super('CLI_GENESIS_MISSING', `Cannot run a node: there is no genesis at "${path}"`, { path })
  }
}

export class NobodyToFollowError extends ZgError<'CLI_NOBODY_TO_FOLLOW'> {
  constructor() {
    const message = 'Cannot run a node: no world runs here, and no peer or validator is named'
    super('CLI_NOBODY_TO_FOLLOW', message)
  }
}
