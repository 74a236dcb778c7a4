/**
 * `zg devnet`: the local world in the foreground.
 *
 *     a line a part while it starts  ->  a table  ->  a line a block  ->  Ctrl-C, everything ends
 *
 * With `--json` the same as one object a line: `part`, `port-moved`, `ready` (with `devnet.json`),
 * `block`, `halted`, `network-begun`, `network-ended`, `stopped`.
 */

import { devAccountBalanceWei, dataDirOf, startWorld } from '@zg/devnet'
import type { DevnetAccount, LocalWorld, PartStatus, StartOptions, WorldEvent } from '@zg/devnet'
import { ZgError } from '@zg/primitives'

import { formatDuration, formatInteger, formatShare, formatTokens, shorten } from '../amounts.ts'
import { followBlocks } from '../block-follower.ts'
import type { FollowedBlock } from '../block-follower.ts'
import type { CommandInput } from '../command.ts'
import { exitCodes, QuietExit } from '../exit.ts'
import { readFinality } from '../finality.ts'
import { LiveList } from '../live-list.ts'
import type { Output } from '../output.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

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
    const options = startOptions(input, (event) => screen.onEvent(event))
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
const worldFlags = ['validators', 'networks', 'networks-max', 'block-time', 'reset'] as const

function startOptions(
  { env, workingDir, values }: CommandInput,
  onEvent: (event: WorldEvent) => void,
): StartOptions {
  const given = worldFlags.find((flag) => values.isSet('minimal') && values.isGiven(flag))
  if (given !== undefined) throw new FlagsApartError('minimal', given)
  return {
    home: dataDirOf(env, workingDir),
    minimal: values.isSet('minimal'),
    validatorCount: values.integer('validators'),
    networkCount: values.integer('networks'),
    networksMax: values.integer('networks-max'),
    blockTimeMs: values.integer('block-time'),
    chainId: values.integer('chain-id'),
    seed: values.text('seed'),
    reset: values.isSet('reset'),
    portOffset: values.integer('port-offset') ?? 0,
    onEvent,
  }
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

  constructor(input: CommandInput) {
    this.#input = input
    this.#output = input.output
  }

  onEvent(event: WorldEvent): void {
    this.#output.json(jsonOf(event))
    switch (event.kind) {
      case 'planned':
        this.#begin()
        this.#list = new LiveList(this.#output, event.parts.map(partTitle))
        return
      case 'port-moved': {
        const { use, wanted, port } = event.grant
        this.#moved.push(`port ${wanted} is busy: ${use} listens on ${port}`)
        return
      }
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
      case 'disk-refused': {
        const mend = 'make room; what is final is safe'
        const output = this.#output
        output.line(`  ${output.paint('bad', `✗ cannot write: ${event.reason}; ${mend}`)}`)
      }
    }
  }

  #begin(): void {
    const output = this.#output
    const { values } = this.#input
    const what = values.isSet('minimal')
      ? 'a throw-away chain, one validator'
      : 'an L1 and the networks that its stake secures, on this machine'
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
    const { home, l1 } = world.plan
    if (l1 === undefined) output.line('  Stopped; its state is gone, as it was in memory.')
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
    case 'part':
      return { event: 'part', ...event.status, detail: event.detail }
    case 'network-begun':
    case 'network-ended': {
      const { kind, ...what } = event
      return { event: kind, ...what }
    }
    case 'disk-refused':
      return { event: 'disk-refused', reason: event.reason }
  }
}

/** `L1`, `network 0 validator 2`. */
function partTitle(part: string): string {
  const [, network, validator] = /^net-(\d+)\/val-(\d+)$/.exec(part) ?? []
  return network === undefined ? part.toUpperCase() : `network ${network} validator ${validator}`
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
    const { rpc, ws, chainId } = file.l1
    chains.push([quiet('L1'), { text: rpc, style: 'name' }, ws, `chain id ${chainId}`])
  }
  const [, second] = file.accounts
  const hints: Cell[][] = [
    [quiet('data'), plan.l1 === undefined ? 'in memory' : `${plan.home} (kept)`],
    [quiet('stop'), 'Ctrl-C'],
    [quiet('try'), `${program} send --to ${second?.address ?? ''} --value 1`],
  ]
  if (plan.l1 !== undefined) hints.push(['', `${program} chaos kill validator 2`])
  const each = `${formatTokens(devAccountBalanceWei)} tokens each on every chain`
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

class FlagsApartError extends ZgError<'CLI_USAGE'> {
  constructor(first: string, second: string) {
    const problem = `--${first} and --${second} exclude each other`
    super('CLI_USAGE', `Cannot read the command line: ${problem}`, { problem })
  }
}
