/** `zg doctor`: is this machine fit, and is the running world well? */

import { closeSync, existsSync, fstatSync, openSync, readSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'

import {
  dataDirOf,
  isPortFree,
  networkCountDefault,
  portWishes,
  requestControl,
  dataNodeCount,
  validatorCountDefault,
} from '@zg/devnet'
import type { DevnetFile, PartStatus } from '@zg/devnet'
import { ZgError } from '@zg/primitives'

import { formatDuration } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { findWorld } from '../endpoint.ts'
import type { RunningWorld } from '../endpoint.ts'
import { exitCodes, QuietExit } from '../exit.ts'
import {
  finalityAgeMaxMs,
  headOf,
  isNeeded,
  readHealth,
  sayHead,
  sayHealth,
  sayStanding,
} from '../network-health.ts'
import type { NetworkHealth, ValidatorHealth } from '../network-health.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'
import { checkL1, checkOutsideL1 } from './doctor-l1.ts'
import type { Verdict } from './doctor-l1.ts'

const nodeMajorMin = 24

/** A world of some hours fits; below this a node may stop for want of space. */
const diskFreeMinBytes = 1_073_741_824

/** A line of a log is shorter. */
const logTailSizeBytes = 16_384

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
  const parts = world === undefined ? [] : await checkWorld(world, input.program)
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
  const ofNetworks = { networkCount: networkCountDefault, validatorCount: validatorCountDefault }
  const counts = { ...ofNetworks, dataNodeCount }
  const busy: number[] = []
  for (const { port } of portWishes({ withL1: true, ...counts, offset: 0 })) {
    if (!(await isPortFree(port))) busy.push(port)
  }
  if (busy.length === 0) return { name: 'ports', verdict: 'good', says: 'all free' }
  const says = `${busy.join(', ')} busy; a world moves to the next free ones`
  return { name: 'ports', verdict: 'warning', says }
}

async function checkWorld(world: RunningWorld, program: string): Promise<Check[]> {
  const { file, lock } = world
  const supervisor = { name: 'supervisor', verdict: 'good', says: `process ${lock.pid}` } as const
  let parts: readonly PartStatus[]
  try {
    parts = await requestControl(lock.socket, { verb: 'status' })
  } catch (error) {
    return [{ ...supervisor, verdict: 'bad', says: problemOf(error) }]
  }
  const networks = await readHealth(world, { parts })
  const nodes = parts.filter(({ name }) => name.startsWith('da-node-'))
  const processes = parts.filter((part) => !nodes.includes(part))
  const checks = await Promise.all(
    processes.map((part) => checkPart(part, { file, networks, program })),
  )
  const { l1, epochSeconds } = file
  const isOutside = l1 !== undefined && l1.pid === undefined
  const outside = isOutside ? [{ name: 'l1', ...(await checkOutsideL1(l1.rpc, epochSeconds)) }] : []
  return [supervisor, ...outside, ...checks, ...networks.map(checkNetwork), ...checkData(nodes)]
}

/** Of sixteen nodes a third may be down: then no quorum is sure to have its rows. */
function checkData(nodes: readonly PartStatus[]): readonly Check[] {
  if (nodes.length === 0) return []
  const down = nodes.filter(({ state }) => state !== 'ready')
  const names = down.map(({ name, state }) => `${name.replace('da-', '')} ${state}`)
  const which = down.length === 0 ? '' : `: ${names.join(', ')}`
  const says = `${nodes.length - down.length} of ${nodes.length} nodes up${which}`
  const isLost = 3 * down.length >= nodes.length
  const verdict = down.length === 0 ? 'good' : isLost ? 'bad' : 'warning'
  return [{ name: 'da', verdict, says }]
}

function checkNetwork(network: NetworkHealth): Check {
  const verdict = network.standsStill ? 'bad' : 'good'
  return { name: `net-${network.id}`, verdict, says: sayHealth(network) }
}

/** What there is to judge parts by. */
type Known = {
  readonly file: DevnetFile
  readonly networks: readonly NetworkHealth[]
  /** How a user calls us. */
  readonly program: string
}

async function checkPart(part: PartStatus, known: Known): Promise<Check> {
  const { name, restarts } = part
  const again = restarts === 0 ? '' : `, started again ${restarts}×`
  const told = await lookAt(part, known)
  return { name, verdict: told.verdict, says: `${told.says}${again}` }
}

/** Each kind of part is looked at by what it has: a chain its blocks, the keeper its words. */
async function lookAt(
  part: PartStatus,
  { file, networks, program }: Known,
): Promise<Omit<Check, 'name'>> {
  const { name, state, pid } = part
  const [, network, validator] = /^net-(\d+)\/val-(\d+)$/.exec(name) ?? []
  if (network !== undefined) {
    const health = networks.find(({ id }) => id === Number(network))
    // A network that ended leaves the file; its validators are stopped for good.
    if (health === undefined) return { verdict: 'good', says: `${state}: its network has ended` }
    const found = health.validators.find(({ index }) => index === Number(validator))
    if (found !== undefined) return lookAtValidator(found, { health, program })
  }
  if (state !== 'ready') return { verdict: 'bad', says: state }
  if (name === 'l1') return lookAtL1(file)
  return { verdict: 'good', says: `process ${pid ?? '?'}${lastWordOf(file, name)}` }
}

async function lookAtValidator(
  validator: ValidatorHealth,
  { health, program }: { readonly health: NetworkHealth; readonly program: string },
): Promise<Omit<Check, 'name'>> {
  const { head, peers, problem, rpc } = validator
  const standing = sayStanding(validator, health.epoch)
  const ill = isNeeded(validator) ? 'bad' : 'warning'
  if (head === undefined) return { verdict: ill, says: `${problem ?? 'no answer'}${standing}` }
  const l1 = await checkL1(rpc, program).catch(() => ({ verdict: 'good', says: '' }) as const)
  const isLate = head.ageMs > finalityAgeMaxMs
  const wellAtBest = standing === '' ? l1.verdict : 'warning'
  const others = `${peers ?? 0} peer${peers === 1 ? '' : 's'}`
  const says = `${sayHead(head)}, ${others}${standing}${l1.says}`
  return { verdict: isLate ? ill : wellAtBest, says }
}

async function lookAtL1({ l1 }: DevnetFile): Promise<Omit<Check, 'name'>> {
  try {
    const head = await headOf(l1?.rpc ?? '')
    return { verdict: head.ageMs > finalityAgeMaxMs ? 'bad' : 'good', says: sayHead(head) }
  } catch (error) {
    return { verdict: 'bad', says: problemOf(error) }
  }
}

/** What a part last wrote to its log, after its process; empty when it wrote nothing yet. */
function lastWordOf({ dataDir }: DevnetFile, part: string): string {
  try {
    const lines = tailOf(join(dataDir, 'logs', `${part}.jsonl`))
      .trimEnd()
      .split('\n')
    const { time, msg } = JSON.parse(lines.at(-1) ?? '') as { time: string; msg: string }
    const ageMs = Math.max(0, Date.now() - Date.parse(time))
    return `, ${formatDuration(ageMs)} ago it said "${msg}"`
  } catch {
    return ''
  }
}

function tailOf(path: string): string {
  const file = openSync(path, 'r')
  try {
    const start = Math.max(0, fstatSync(file).size - logTailSizeBytes)
    const bytes = new Uint8Array(logTailSizeBytes)
    const sizeBytes = readSync(file, bytes, { position: start })
    return new TextDecoder().decode(bytes.subarray(0, sizeBytes))
  } finally {
    closeSync(file)
  }
}

function problemOf(error: unknown): string {
  return error instanceof ZgError ? error.message : String(error)
}
