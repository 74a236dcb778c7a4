/**
 * `zg operator run`: the validators of one operator on its own machine, in the foreground.
 *
 *     what it consents to  ->  yes?  ->  a line a deed  ->  Ctrl-C, every process ends
 *
 * With `--json` the same as one object a line: `ready`, `peers`, `part`, `network-joined`,
 * `network-begun`, `network-waits`, `network-ended`, `network-left`, `stopped`.
 */

import { join, resolve } from 'node:path'

import { dataDirOf } from '@zg/devnet'
import type { OperatorEvent, OperatorOptions, RunningOperator } from '@zg/devnet/operator'
import { addressOfSecretKey, fromHex, toHex, ZgError } from '@zg/primitives'
import { readOperator } from '@zg/sdk'
import type { Operator } from '@zg/sdk'

import { readAccountKey } from '../account-key.ts'
import { formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking, RpcRefusedError } from '../endpoint.ts'
import { exitCodes } from '../exit.ts'
import { findKey } from '../key-folder.ts'
import { formatBps } from '../risks.ts'
import { confirm } from '../signing.ts'
import { findStake, OperatorUnknownError, showAddress, siteFileOf, viewOf } from '../stake-site.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'
import { askL1 } from './relay.ts'

const ports = { p2p: 26_656, rpc: 8_550, metrics: 6_060 } as const
const networksMaxDefault = 32
const slashBpsMaxDefault = 10_000

export async function runOperator(input: CommandInput): Promise<void> {
  const { output } = input
  const { options, operator } = await optionsOf(input)
  show(input, { options, operator })
  await confirm(input)
  // Loaded here: it brings the node with it.
  const { startOperator } = await import('@zg/devnet/operator')
  const running: { operator?: RunningOperator } = {}
  const ended = untilSignal(() => running.operator?.kill())
  running.operator = await startOperator(options)
  output.json({ event: 'ready', operator: operator.address, dir: options.folder })
  output.line(`Running; its files are in ${options.folder}`)
  output.line(output.paint('quiet', 'Ctrl-C ends it; begun again it goes on where it was.'))
  await ended
  await running.operator.stop()
  output.json({ event: 'stopped' })
  // A question that L1 still keeps waiting goes with us.
  process.exit(exitCodes.done)
}

type Undertaking = {
  readonly options: OperatorOptions
  /** As L1 knows it. */
  readonly operator: Operator
}

async function optionsOf(input: CommandInput): Promise<Undertaking> {
  const { values, workingDir, env } = input
  const stake = findStake(input)
  const rpcs = values.texts('l1-rpc') ?? [stake.l1.url]
  const { chainId, answering } = await askL1(rpcs)
  const l1 = { ...stake.l1, url: answering }
  if (!values.isGiven('keystore') && !values.isGiven('key-file')) throw new AccountUnnamedError()
  const secretKey = fromHex(await readAccountKey(input, l1))
  const named = toHex(addressOfSecretKey(secretKey))
  const view = await viewOf({ ...stake, l1 })
  const operator = await asking(l1, () => readOperator(view, named)).catch((error: unknown) => {
    throw error instanceof RpcRefusedError ? new OperatorUnknownError(named) : error
  })
  const pathOf = (flag: string): string => resolve(workingDir, values.text(flag) ?? '')
  const { path: keystore } = findKey(input, values.text('bls-keystore') ?? '')
  const options: OperatorOptions = {
    folder: values.isGiven('dir') ? pathOf('dir') : join(dataDirOf(env, workingDir), 'operator'),
    l1: { rpcs, chainId, site: siteFileOf(input) },
    secretKey,
    keys: { keystore, password: pathOf('bls-password-file') },
    peersPath: pathOf('peers'),
    genesisPath: values.isGiven('genesis') ? pathOf('genesis') : undefined,
    listenHost: values.text('listen') ?? '0.0.0.0',
    ports: {
      p2p: values.integer('p2p-port') ?? ports.p2p,
      rpc: values.integer('rpc-port') ?? ports.rpc,
      metrics: values.integer('metrics-port') ?? ports.metrics,
    },
    networksMax: values.integer('networks-max') ?? networksMaxDefault,
    slashBpsMax: values.integer('slash-bps-max') ?? slashBpsMaxDefault,
    onEvent: (event) => tell(input, event),
  }
  return { options, operator }
}

/** What it consents to, before anything runs. */
function show({ output }: CommandInput, { options, operator }: Undertaking): void {
  const { networksMax, slashBpsMax, listenHost, ports: own } = options
  const ids = operator.networks.map(({ id }) => id).join(', ')
  const joins =
    networksMax === 0
      ? 'no other network'
      : `each network that is opened on L1, while it is in fewer than ${networksMax}`
  const rows: (readonly [name: string, text: string, isRisk?: true])[] = [
    ['operator', showAddress(operator.address)],
    ['stake', `${formatTokens(operator.stakeWei)} with its delegators`],
    ['validates', ids === '' ? 'no network yet' : `network ${ids}`],
    ['joins', joins],
    ['listens', `${listenHost}, port ${own.p2p} and the network's id more`],
    ['slashing', `a fault in a network that it joins may take ${formatBps(slashBpsMax)}`, true],
    ['one place', 'the same validator key at work in two places signs twice, and is slashed', true],
  ]
  const cells = rows.map(([name, text, isRisk]): Cell[] => [
    { text: name, style: isRisk === true ? 'warning' : 'quiet' },
    text,
  ])
  for (const line of tableLines(output, cells)) output.line(line)
  output.line()
}

/** Resolves at the first signal; the second ends everything at once. */
function untilSignal(kill: () => void): Promise<void> {
  return new Promise((done) => {
    let isAsked = false
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (isAsked) {
          kill()
          process.exit(exitCodes.interrupted)
        }
        isAsked = true
        done()
      })
    }
  })
}

function tell({ output }: CommandInput, event: OperatorEvent): void {
  const { kind, ...facts } = event
  const { status, ...others } = 'status' in facts ? facts : { ...facts, status: {} }
  output.json({ event: kind, ...status, ...others })
  const line = lineOf(event)
  if (line === undefined) return
  const clock = new Date().toISOString().slice(11, 19)
  output.line(`  ${clock}  ${line}`)
}

function lineOf(event: OperatorEvent): string | undefined {
  switch (event.kind) {
    case 'part': {
      const { status, detail } = event
      const why = detail === undefined ? '' : `: ${detail}`
      return `${status.name} is ${status.state}${why}`
    }
    case 'peers':
      return `dials ${event.count} keys of other operators`
    case 'network-joined':
      return `joined network ${event.id}`
    case 'network-begun':
      return `network ${event.id} has begun, ${event.rpc}`
    case 'network-waits':
      return `network ${event.id} waits: ${event.reason}`
    case 'network-ended':
      return `network ${event.id} is over`
    case 'network-left':
      return `left network ${event.id}`
  }
}

export class AccountUnnamedError extends ZgError<'CLI_USAGE'> {
  constructor() {
    const problem = "--keystore or --key-file names the operator's account"
    super('CLI_USAGE', `Cannot read the command line: ${problem}`, { problem })
  }
}
