/**
 * `zg devnet`: the local world in the foreground.
 *
 *     a line a part while it starts  ->  a table  ->  a line a block  ->  Ctrl-C, everything ends
 *
 * With `--l1` stake lies on an L1 that is outside: what it costs to set it up is shown, somebody
 * says yes, and a line a sender tells how far it is.
 *
 * With `--json` the same as one object a line: `bill`, `planned`, `step`, `part`, `port-moved`,
 * `ready` (with `devnet.json`), `block`, `halted`, `network-begun`, `network-ended`,
 * `network-waits`, `data-open`, `stopped`.
 */

import { devAccountBalanceWei, dataDirOf, startWorld } from '@zg/devnet'
import type {
  DevnetAccount,
  DevnetData,
  L1Bill,
  LocalWorld,
  PartStatus,
  StartOptions,
  WorldEvent,
} from '@zg/devnet'
import { fromHex, ZgError } from '@zg/primitives'

import { readOwnKey } from '../account-key.ts'
import { formatDuration, formatInteger, formatShare, formatTokens, shorten } from '../amounts.ts'
import { followBlocks } from '../block-follower.ts'
import type { FollowedBlock } from '../block-follower.ts'
import type { CommandInput } from '../command.ts'
import { exitCodes, QuietExit } from '../exit.ts'
import { readFinality } from '../finality.ts'
import { LiveList } from '../live-list.ts'
import type { Output } from '../output.ts'
import { confirm } from '../signing.ts'
import { showAddress } from '../stake-site.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

const weiPerMillionth = 10n ** 12n

/** Columns that an index, an address and a key take side by side. */
const accountColumns = 118

export async function runDevnet(input: CommandInput): Promise<void> {
  const { output } = input
  const startedAtMs = performance.now()
  const stopping = new AbortController()
  const running: { world?: LocalWorld } = {}
  const release = onStopSignals(stopping, () => running.world?.kill())
  const screen = new Screen(input)
  try {
    const options = await startOptions(input, (event) => screen.onEvent(event))
    const world = await startWorld(options, stopping.signal)
    running.world = world
    screen.ready(world, performance.now() - startedAtMs)
    await follow(input, { world, screen, signal: stopping.signal })
    screen.stopping()
    await world.stop()
    screen.stopped(world)
  } catch (error) {
    screen.giveUp()
    if (stopping.signal.aborted) {
      output.line('  Stopped before it was ready; no process is left.')
      throw new QuietExit(exitCodes.interrupted)
    }
    throw error
  } finally {
    release()
  }
}

/** Flags of a world with an L1. */
const worldFlags = ['validators', 'networks', 'networks-max', 'block-time', 'reset', 'l1'] as const

/** Flags that cannot be together. */
const apart: readonly (readonly [string, string])[] = [
  ...worldFlags.map((flag) => ['minimal', flag] as const),
  // Whoever knows the seed has its keys, and on one L1 there is one world of it.
  ['l1', 'seed'],
]

async function startOptions(
  input: CommandInput,
  onEvent: (event: WorldEvent) => void,
): Promise<StartOptions> {
  const { env, workingDir, values, output } = input
  const given = apart.find((flags) => flags.every((flag) => values.isGiven(flag)))
  if (given !== undefined) throw new FlagsApartError(given)
  const url = values.text('l1')?.replace(/^ws/, 'http')
  if (url === undefined && values.isGiven('epoch')) throw new EpochAloneError()
  const key = await readOwnKey(input)
  if (url !== undefined) output.line(output.paint('quiet', `looking at ${url} …`))
  return {
    home: dataDirOf(env, workingDir),
    minimal: values.isSet('minimal'),
    validatorCount: values.integer('validators'),
    networkCount: values.integer('networks'),
    networksMax: values.integer('networks-max'),
    blockTimeMs: values.integer('block-time'),
    chainId: values.integer('chain-id'),
    seed: values.text('seed'),
    epochSeconds: values.integer('epoch'),
    withData: !values.isSet('no-da'),
    reset: values.isSet('reset'),
    portOffset: values.integer('port-offset') ?? 0,
    outside: {
      url,
      funderKey: key && fromHex(key),
      consent: (bill) => agree(input, bill),
    },
    onEvent,
  }
}

/** Shows what an outside L1 costs, and asks. */
async function agree(input: CommandInput, bill: L1Bill): Promise<void> {
  const { output } = input
  const { url, chainId, epochSeconds, payer, wei, accountCount } = bill
  output.json({ event: 'bill', ...bill })
  const quiet = (text: string): Cell => ({ text, style: 'quiet' })
  const epochs = `epochs of ${formatDuration(epochSeconds * 1_000)}`
  // Rounded up to a millionth.
  const shown = ((wei + weiPerMillionth - 1n) / weiPerMillionth) * weiPerMillionth
  const gift = `${formatTokens(shown)} ether at most, for the gas of ${accountCount} accounts`
  const warning = "this world's keys lie in files, its ten accounts' are public: for tests alone"
  const rows: Cell[][] = [
    [quiet('L1'), `${url}   chain id ${chainId}   ${epochs}`],
    [quiet('pays'), showAddress(payer)],
    [quiet('gives'), gift],
    [{ text: 'risk', style: 'warning' }, warning],
  ]
  for (const line of tableLines(output, rows)) output.line(line)
  output.line()
  await confirm(input)
}

/** First signal: an orderly end. Second: everything is killed at once. */
function onStopSignals(stopping: AbortController, kill: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const onSignal = (): void => {
    if (stopping.signal.aborted) {
      kill()
      process.exit(exitCodes.interrupted)
    }
    stopping.abort()
  }
  // Nobody reads any more (`zg devnet | head`): what SIGPIPE means to other programs.
  const onBrokenPipe = (): void => stopping.abort()
  for (const signal of signals) process.on(signal, onSignal)
  process.stdout.on('error', onBrokenPipe)
  return () => {
    for (const signal of signals) process.off(signal, onSignal)
  }
}

async function follow(
  { output, values }: CommandInput,
  { world, screen, signal }: { world: LocalWorld; screen: Screen; signal: AbortSignal },
): Promise<void> {
  const [network] = world.file.networks
  if (network === undefined) return
  const validatorCount = network.validators.length
  await followBlocks(
    network.rpc,
    {
      onBlock: async (block) => {
        const finality = await readFinality(network.rpc, BigInt(block.number))
        const signerCount = finality?.signerCount
        output.json({ event: 'block', network: network.id, ...block, signerCount })
        screen.block(block, { signerCount, validatorCount })
      },
      onHalt: () => {
        // A minimal world makes a block when there is something to put into it: silence is its way.
        if (!values.isSet('minimal')) screen.halted(world.status(), validatorCount)
      },
    },
    signal,
  )
}

/** What a person sees. */
class Screen {
  readonly #output: Output
  readonly #input: CommandInput
  #list: LiveList | undefined
  #isReady = false
  readonly #moved: string[] = []
  /** Data availability was open before all was ready. */
  #dataOpen: DevnetData | undefined
  /** Why networks wait, by id; as many as L1 has at most. */
  readonly #waits = new Map<number, string>()

  constructor(input: CommandInput) {
    this.#input = input
    this.#output = input.output
  }

  onEvent(event: WorldEvent): void {
    this.#output.json(jsonOf(event))
    switch (event.kind) {
      case 'planned':
        // Of an outside L1 the first list is of those who set it up.
        if (this.#list === undefined) this.#begin()
        else this.#list.end()
        this.#list = new LiveList(this.#output, event.parts.map(partTitle))
        return
      case 'port-moved': {
        const { use, wanted, port } = event.grant
        this.#moved.push(`port ${wanted} is busy: ${use} listens on ${port}`)
        return
      }
      case 'step':
        return this.#list?.set(event.name, event.isDone ? 'done' : 'working', event.text)
      case 'part':
        return this.#onPart(event.status, event.detail)
      case 'network-begun': {
        const what = `network ${event.id} was opened on L1 and runs: ${event.rpc}`
        this.#output.line(`  ${this.#output.paint('good', `✓ ${what}`)}`)
        return
      }
      case 'network-ended':
        this.#output.line(`  ${this.#output.paint('warning', `! network ${event.id} is over`)}`)
        return
      case 'network-waits': {
        // It is tried again and again: told once for each reason.
        if (this.#waits.get(event.id) === event.reason) return
        this.#waits.set(event.id, event.reason)
        const what = `network ${event.id} waits: ${event.reason}`
        this.#output.line(`  ${this.#output.paint('warning', `! ${what}`)}`)
        return
      }
      case 'data-open':
        if (this.#isReady) this.#dataLine(event.data)
        else this.#dataOpen = event.data
        return
      case 'disk-refused': {
        const mend = 'make room; what is final is safe'
        const output = this.#output
        output.line(`  ${output.paint('bad', `✗ cannot write: ${event.reason}; ${mend}`)}`)
      }
    }
  }

  #dataLine({ disperser, altDa }: DevnetData): void {
    const what = `data availability takes blobs: gRPC ${disperser}, alt-DA ${altDa}`
    this.#output.line(`  ${this.#output.paint('good', `✓ ${what}`)}`)
  }

  #begin(): void {
    const output = this.#output
    const { values } = this.#input
    const what = values.isSet('minimal')
      ? 'a throw-away chain, one validator'
      : 'networks, and the L1 that holds their stake'
    output.line()
    output.line(`  ${output.paint('strong', 'zg devnet')}   ${output.paint('quiet', what)}`)
    output.line()
  }

  #onPart({ name, state, restarts }: PartStatus, detail: string | undefined): void {
    const title = partTitle(name)
    const output = this.#output
    if (!this.#isReady) {
      if (state === 'ready') this.#list?.set(title, 'done', 'ready')
      else if (state === 'starting') this.#list?.set(title, 'working', 'starting')
      else if (state === 'crashed') this.#list?.set(title, 'failed', 'stopped', detail)
      return
    }
    // Five processes that come up after the world is ready are no news; one that dies is.
    if (name.startsWith('da-') && restarts === 0 && /^(starting|ready)$/.test(state)) return
    const words = {
      starting: output.paint('quiet', `· ${title} starts`),
      ready: output.paint('good', `✓ ${title} is up${restarts > 0 ? ' again' : ''}`),
      paused: output.paint('warning', `! ${title} is paused`),
      killed: output.paint('warning', `! ${title} was killed`),
      crashed: output.paint('bad', `✗ ${title} died (${detail ?? 'no word'}); it comes back`),
      stopped: undefined,
    }[state]
    if (words !== undefined) output.line(`  ${words}`)
  }

  ready(world: LocalWorld, tookMs: number): void {
    this.#list?.end()
    this.#isReady = true
    const output = this.#output
    output.json({ event: 'ready', devnet: world.file })
    for (const moved of this.#moved) output.line(`  ${output.paint('warning', `! ${moved}`)}`)
    output.line()
    const kept = world.isKept ? ', going on from the kept world' : ''
    output.line(`  ${output.paint('good', `Ready in ${formatDuration(tookMs)}`)}${kept}.`)
    output.line()
    const { program } = this.#input
    for (const { data } of world.failures) {
      // Why is told in its line above.
      const state = `${partTitle(String(data['part']))} stays down, the others go on without it`
      output.line(`  ${output.paint('bad', `✗ ${state}; ${program} devnet --reset starts afresh`)}`)
    }
    if (world.failures.length > 0) output.line()
    for (const line of readyLines(this.#input, world)) output.line(line)
    output.line()
    if (this.#dataOpen !== undefined) this.#dataLine(this.#dataOpen)
  }

  block(
    block: FollowedBlock,
    { signerCount, validatorCount }: { signerCount: number | undefined; validatorCount: number },
  ): void {
    const output = this.#output
    const count = block.transactionCount
    const time = new Date(block.timestamp * 1_000).toTimeString().slice(0, 8)
    const isSignedByAll = signerCount === validatorCount
    const signed = signerCount === undefined ? '' : `signed ${signerCount}/${validatorCount}`
    const columns = [
      output.paint('quiet', time),
      `block ${formatInteger(block.number).padStart(7)}`,
      `${formatInteger(count).padStart(5)} tx`,
      `${formatShare(block.gasUsed, block.gasLimit).padStart(7)} gas`,
      output.paint('quiet', shorten(block.hash)),
      output.paint(isSignedByAll ? 'quiet' : 'plain', signed),
    ]
    output.line(`  ${columns.join('   ')}`.trimEnd())
  }

  halted(parts: readonly PartStatus[], validatorCount: number): void {
    const output = this.#output
    const up = parts.filter(
      ({ name, state }) => name.startsWith('net-0/') && state === 'ready',
    ).length
    // A quorum is more than two thirds of the stake (docs/specs/votes.md); weights are equal here.
    const needed = Math.floor((2 * validatorCount) / 3) + 1
    output.json({ event: 'halted', up, needed, validatorCount })
    const why = `${up} of ${validatorCount} validators up, ${needed} needed`
    const then =
      up < needed
        ? 'nothing is lost, it waits'
        : `they are enough, so something is wrong; ${this.#input.program} doctor tells more`
    output.line(`  ${output.paint('bad', `✗ no new block: ${why}; ${then}`)}`)
  }

  stopping(): void {
    this.#output.line()
    this.#output.line(`  ${this.#output.paint('quiet', 'stopping …')}`)
  }

  stopped(world: LocalWorld): void {
    const output = this.#output
    const { program } = this.#input
    output.json({ event: 'stopped' })
    const { home } = world.plan
    const isGone = world.file.l1 === undefined
    if (isGone) output.line('  Stopped; its state is gone, as it was in memory.')
    else output.line(`  Stopped. ${program} devnet goes on from here; the world is in ${home}`)
    output.line()
  }

  /** Leaves the terminal in order before an error is told. */
  giveUp(): void {
    this.#list?.end()
    if (this.#list !== undefined) this.#output.line()
  }
}

function jsonOf(event: WorldEvent): Record<string, unknown> {
  switch (event.kind) {
    case 'planned':
      return { event: 'planned', parts: event.parts }
    case 'port-moved':
      return { event: 'port-moved', ...event.grant }
    case 'step':
    case 'network-begun':
    case 'network-ended':
    case 'network-waits': {
      const { kind, ...what } = event
      return { event: kind, ...what }
    }
    case 'part':
      return { event: 'part', ...event.status, detail: event.detail }
    case 'data-open':
      return { event: 'data-open', da: event.data }
    case 'disk-refused':
      return { event: 'disk-refused', reason: event.reason }
  }
}

/** `L1`, `network 0 validator 2`. */
function partTitle(part: string): string {
  const [, network, validator] = /^net-(\d+)\/val-(\d+)$/.exec(part) ?? []
  if (part === 'l1') return 'L1'
  return network === undefined ? part : `network ${network} validator ${validator}`
}

/** The table that greets a ready world. */
export function readyLines({ output, program }: CommandInput, world: LocalWorld): string[] {
  const { file, plan } = world
  const quiet = (text: string): Cell => ({ text, style: 'quiet' })
  const chains: Cell[][] = file.networks.map(({ name, rpc, ws, chainId }) => [
    quiet(name),
    { text: rpc, style: 'name' },
    ws,
    `chain id ${chainId}`,
  ])
  if (file.l1 !== undefined) {
    const { rpc, ws = 'outside', chainId } = file.l1
    chains.push([quiet('L1'), { text: rpc, style: 'name' }, ws, `chain id ${chainId}`])
  }
  if (file.da !== undefined) {
    const { disperser, altDa } = file.da
    chains.push([
      quiet('DA'),
      { text: disperser, style: 'name' },
      altDa,
      'gRPC, alt-DA; a line tells when',
    ])
  }
  const [, second] = file.accounts
  const hints: Cell[][] = [
    [quiet('data'), file.l1 === undefined ? 'in memory' : `${plan.home} (kept)`],
    [quiet('stop'), 'Ctrl-C'],
    [quiet('try'), `${program} send --to ${second?.address ?? ''} --value 1`],
  ]
  if (file.l1 !== undefined) hints.push(['', `${program} chaos kill validator 2`])
  const where = plan.kept.outsideL1 === undefined ? 'chain' : 'network, no ether on L1'
  const each = `${formatTokens(devAccountBalanceWei)} tokens each on every ${where}`
  const warning = output.paint('bad', 'DEV ONLY: keys are public')
  return [
    ...tableLines(output, chains),
    '',
    `  ${output.paint('quiet', 'accounts')}   ${each}   ${warning}`,
    ...accountLines(output, file.accounts),
    '',
    ...tableLines(output, hints),
  ]
}

/** Addresses and keys side by side, or, on a narrow terminal, one list after the other. */
function accountLines(output: Output, accounts: readonly DevnetAccount[]): string[] {
  const rows = accounts.map(({ address, privateKey }, index): [Cell, string, Cell] => [
    { text: String(index), style: 'quiet' },
    address,
    { text: privateKey, style: 'quiet' },
  ])
  const options = { right: [0], gap: 2 }
  if (output.columns >= accountColumns) return tableLines(output, rows, options)
  return [
    ...tableLines(
      output,
      rows.map(([index, address]) => [index, address]),
      options,
    ),
    ...tableLines(
      output,
      rows.map(([index, , key]) => [index, key]),
      options,
    ),
  ]
}

class EpochAloneError extends ZgError<'CLI_USAGE'> {
  constructor() {
    const problem = '--epoch goes with --l1'
    super('CLI_USAGE', `Cannot read the command line: ${problem}`, { problem })
  }
}

class FlagsApartError extends ZgError<'CLI_USAGE'> {
  constructor([first, second]: readonly [string, string]) {
    const problem = `--${first} and --${second} exclude each other`
    super('CLI_USAGE', `Cannot read the command line: ${problem}`, { problem })
  }
}
