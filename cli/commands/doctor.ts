/** `zg doctor`: is this machine fit, and is the running world well? */

import { existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'

import {
  callRpc,
  dataDirOf,
  isPortFree,
  networkCountDefault,
  portWishes,
  requestControl,
  validatorCountDefault,
} from '@zg/devnet'
import type { DevnetFile, PartStatus } from '@zg/devnet'
import { ZgError } from '@zg/primitives'

import { formatDuration, formatInteger } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { findWorld } from '../endpoint.ts'
import type { RunningWorld } from '../endpoint.ts'
import { exitCodes, QuietExit } from '../exit.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

const nodeMajorMin = 24

/** A world of some hours fits; below this a node may stop for want of space. */
const diskFreeMinBytes = 1_073_741_824

/** A final block older than this means that the chain does not move. */
const finalityAgeMaxMs = 10_000

/** good: as it should be · warning: works, but look · bad: mend it. */
type Verdict = 'good' | 'warning' | 'bad'

type Check = { readonly name: string; readonly verdict: Verdict; readonly says: string }

export async function runDoctor(input: CommandInput): Promise<void> {
  if (input.values.isSet('supply') && input.values.isSet('watch')) {
    const { runDoctorWatch } = await import('./doctor-watch.ts')
    return runDoctorWatch(input)
  }
  if (input.values.isSet('supply')) {
    const { runDoctorSupply } = await import('./doctor-supply.ts')
    return runDoctorSupply(input)
  }
  const { output } = input
  const world = findWorld(input)
  const machine = [checkNode(), checkDisk(input), await checkPorts(world)]
  const parts = world === undefined ? [] : await checkWorld(world)
  const checks = [...machine, ...parts]
  const isWell = checks.every(({ verdict }) => verdict !== 'bad')
  output.json({ isWell, checks })
  output.line(output.paint('strong', 'this machine'))
  show(input, machine)
  output.line()
  if (world === undefined) {
    output.line(`no world runs; ${input.program} devnet starts one`)
  } else {
    output.line(output.paint('strong', `the world in ${world.file.dataDir}`))
    show(input, parts)
  }
  if (!isWell) throw new QuietExit(exitCodes.failed)
}

function show({ output }: CommandInput, checks: readonly Check[]): void {
  const marks = { good: '✓', warning: '!', bad: '✗' } as const
  const rows = checks.map(({ name, verdict, says }): Cell[] => [
    { text: marks[verdict], style: verdict },
    name,
    says,
  ])
  for (const line of tableLines(output, rows, { gap: 2 })) output.line(line)
}

function checkNode(): Check {
  const major = Number(process.versions.node.split('.')[0])
  const verdict = major >= nodeMajorMin ? 'good' : 'bad'
  const says = `Node ${process.versions.node}${verdict === 'bad' ? `, needs ${nodeMajorMin}` : ''}`
  return { name: 'node', verdict, says }
}

function checkDisk({ env, workingDir }: CommandInput): Check {
  let folder = dataDirOf(env, workingDir)
  while (!existsSync(folder)) folder = dirname(folder)
  const { bavail, bsize } = statfsSync(folder)
  const freeBytes = bavail * bsize
  const verdict = freeBytes >= diskFreeMinBytes ? 'good' : 'bad'
  const says = `${(freeBytes / 2 ** 30).toFixed(1)} GiB free at ${folder}`
  return { name: 'disk', verdict, says }
}

/** With a world running its ports are its own; without one, busy ones would move. */
async function checkPorts(world: RunningWorld | undefined): Promise<Check> {
  if (world !== undefined) return { name: 'ports', verdict: 'good', says: 'held by the world' }
  const counts = { networkCount: networkCountDefault, validatorCount: validatorCountDefault }
  const busy: number[] = []
  for (const { port } of portWishes({ withL1: true, ...counts, offset: 0 })) {
    if (!(await isPortFree(port))) busy.push(port)
  }
  if (busy.length === 0) return { name: 'ports', verdict: 'good', says: 'all free' }
  const says = `${busy.join(', ')} busy; a world moves to the next free ones`
  return { name: 'ports', verdict: 'warning', says }
}

async function checkWorld({ file, lock }: RunningWorld): Promise<Check[]> {
  const supervisor = { name: 'supervisor', verdict: 'good', says: `process ${lock.pid}` } as const
  let parts: readonly PartStatus[]
  try {
    parts = await requestControl(lock.socket, { verb: 'status' })
  } catch (error) {
    const says = error instanceof ZgError ? error.message : String(error)
    return [{ ...supervisor, verdict: 'bad', says }]
  }
  const checks = await Promise.all(parts.map((part) => checkPart(part, file)))
  return [supervisor, ...checks]
}

async function checkPart(part: PartStatus, file: DevnetFile): Promise<Check> {
  const { name, state, restarts } = part
  const again = restarts === 0 ? '' : `, started again ${restarts}×`
  if (state !== 'ready') return { name, verdict: 'bad', says: `${state}${again}` }
  const url = rpcOf(name, file)
  try {
    const block = (await callRpc(url, 'eth_getBlockByNumber', ['latest', false])) as {
      number: string
      timestamp: string
    }
    const peers = Number(await callRpc(url, 'net_peerCount'))
    // Timestamps are whole seconds, rounded down: up to one second of the age is not age.
    const ageMs = Math.max(0, Date.now() - Number(block.timestamp) * 1_000)
    const verdict = ageMs > finalityAgeMaxMs ? 'bad' : 'good'
    const height = `height ${formatInteger(Number(block.number))}`
    const others = name === 'l1' ? '' : `, ${peers} peer${peers === 1 ? '' : 's'}`
    const age = `final block ${formatDuration(ageMs)} old`
    return { name, verdict, says: `${height}, ${age}${others}${again}` }
  } catch (error) {
    const says = error instanceof ZgError ? error.message : String(error)
    return { name, verdict: 'bad', says }
  }
}

function rpcOf(part: string, file: DevnetFile): string {
  if (part === 'l1') return file.l1?.rpc ?? ''
  const [, network, validator] = /^net-(\d+)\/val-(\d+)$/.exec(part) ?? []
  return (
    file.networks
      .find(({ id }) => id === Number(network))
      ?.validators.find(({ index }) => index === Number(validator))?.rpc ?? ''
  )
}
