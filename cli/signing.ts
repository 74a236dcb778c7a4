/**
 * From an order to its transactions: what is signed and what it risks is shown first, and nothing
 * is sent before somebody said yes.
 *
 *     show ──► each call tried ──► yes? ──► signed, sent, awaited, one after another
 */

import { createInterface } from 'node:readline/promises'

import { ZgError } from '@zg/primitives'
import type { Call, Risk } from '@zg/sdk'
import { privateKeyToAccount } from 'viem/accounts'
import type { PrivateKeyAccount } from 'viem/accounts'

import { readAccountKey } from './account-key.ts'
import { formatInteger, formatTokens, shorten } from './amounts.ts'
import type { CommandInput } from './command.ts'
import { asking, clientOf } from './endpoint.ts'
import type { Endpoint } from './endpoint.ts'
import { exitCodes, QuietExit } from './exit.ts'
import { riskRows } from './risks.ts'
import { showAddress } from './stake-site.ts'
import { tableLines } from './table.ts'
import type { Cell } from './table.ts'
import { awaitReceipt, outcomeOf, submit, tellRevert } from './transaction.ts'
import type { Landed, Sent } from './transaction.ts'

/** What is about to be done, in words and in calls. */
export type Undertaking = {
  /** For the sentence "Cannot stake". */
  readonly verb: string
  readonly endpoint: Endpoint
  readonly account: PrivateKeyAccount
  /** Name and value, as they are shown. */
  readonly rows: readonly (readonly [name: string, text: string])[]
  readonly calls: readonly Call[]
  readonly risks: readonly Risk[]
  /** What `--json` tells beside risks and transactions. */
  readonly facts: Readonly<Record<string, unknown>>
}

type Done = Sent & { readonly call: Call; readonly receipt: Landed }

/** Returns who signs for an endpoint. */
export async function signerOf(
  input: CommandInput,
  endpoint: Endpoint,
): Promise<PrivateKeyAccount> {
  return privateKeyToAccount(await readAccountKey(input, endpoint))
}

/**
 * Shows an undertaking, asks, and carries it out.
 *
 * @throws {CallRefusedError} `CLI_CALL_REFUSED` · {ConfirmationMissingError}
 *   `CLI_CONFIRMATION_MISSING` · what `submit`, `awaitReceipt` and `tellRevert` throw.
 */
export async function carryOut(input: CommandInput, undertaking: Undertaking): Promise<void> {
  const { output } = input
  const { verb, endpoint, account, calls, risks, facts } = undertaking
  show(input, undertaking)
  const [first] = calls
  if (first !== undefined) await tryCall(undertaking, first)
  await confirm(input)
  const done: Done[] = []
  for (const call of calls) {
    // The first was tried before anybody was asked.
    if (call !== first) await tryCall(undertaking, call)
    done.push(await send(input, undertaking, call))
    if (done.at(-1)?.receipt.status !== 'success') break
  }
  const transactions = done.map(({ call, hash, receipt }) => ({
    what: call.what,
    hash,
    status: receipt.status,
    final: receipt.final,
    blockNumber: Number(receipt.blockNumber),
    gasUsed: receipt.gasUsed,
    feeWei: receipt.gasUsed * receipt.effectiveGasPrice,
  }))
  output.json({ verb, from: account.address, ...facts, risks, transactions })
  const last = done.at(-1)
  if (last === undefined || last.receipt.status === 'success') return
  const { call: message, gas, receipt } = last
  await tellRevert(endpoint, { verb, from: account.address, message, gas, receipt })
}

function show({ output }: CommandInput, { account, rows, calls, risks }: Undertaking): void {
  const quiet = (text: string): Cell => ({ text, style: 'quiet' })
  const facts: Cell[][] = [
    ...rows.map(([name, text]): Cell[] => [quiet(name), text]),
    [quiet('from'), account.address],
    ...calls.map(({ what, to, value }, index): Cell[] => {
      const paid = value === 0n ? '' : `, with ${formatTokens(value)}`
      const target = `${what} at ${shorten(showAddress(to))}${paid}`
      return [quiet(index === 0 ? 'signs' : ''), target]
    }),
  ]
  for (const line of tableLines(output, facts)) output.line(line)
  const warnings = riskRows(risks)
  if (warnings.length > 0) output.line()
  for (const line of tableLines(output, warnings)) output.line(line)
  output.line()
}

/**
 * Asks whether what was shown shall be signed; `--yes` says so before.
 *
 * @throws {ConfirmationMissingError} `CLI_CONFIRMATION_MISSING`
 */
export async function confirm({ output, values }: CommandInput): Promise<void> {
  if (values.isSet('yes')) return
  if (process.stdin.isTTY !== true || !output.isTerminal) throw new ConfirmationMissingError()
  if (await saysYes({ input: process.stdin, output: process.stderr })) return
  output.line('Nothing was sent.')
  throw new QuietExit(exitCodes.failed)
}

/** Asks once; only `y` and `yes` are a yes; the end of the input is none. */
export async function saysYes(terminal: {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
}): Promise<boolean> {
  const reader = createInterface(terminal)
  try {
    const ended = new Promise<string>((resolve) => {
      reader.once('close', () => resolve(''))
    })
    const answer = await Promise.race([reader.question('Sign and send? [y/N] '), ended])
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    reader.close()
  }
}

function tryCall(
  { verb, endpoint, account }: Undertaking,
  { to, data, value }: Call,
): Promise<unknown> {
  const message = { account: account.address, to, data, value }
  return asking(endpoint, () => clientOf(endpoint).call(message), verb)
}

async function send(
  input: CommandInput,
  { endpoint, account }: Undertaking,
  call: Call,
): Promise<Done> {
  const { output } = input
  return asking(endpoint, async () => {
    const sent = await submit(endpoint, account, { message: call, kind: 'stake' })
    const receipt = await awaitReceipt(input, clientOf(endpoint), sent.hash)
    const block = formatInteger(receipt.blockNumber)
    output.line(`${outcomeOf(input, receipt)}   ${call.what}, block ${block}`)
    return { ...sent, call, receipt }
  })
}

export class ConfirmationMissingError extends ZgError<'CLI_CONFIRMATION_MISSING'> {
  constructor() {
    super('CLI_CONFIRMATION_MISSING', 'Cannot sign: there is no terminal to ask on')
  }
}
