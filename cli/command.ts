/**
 * The words of the command line: what a command is, and how its arguments are read.
 *
 * A command is data. From the one table (command-table.ts) come the parser, `--help`, the page
 * COMMANDS.md and shell completion. Values are read by kind before a command runs, so a wrong one
 * is told in the same words everywhere.
 */

import { checksumAddress, fromHex, isHex, ZgError } from '@zg/primitives'

import type { Output } from './output.ts'

/** How a value is written and checked. */
export type ValueKind =
  | { readonly kind: 'text' }
  | { readonly kind: 'path' }
  | { readonly kind: 'url' }
  /** Several of them, commas between. */
  | { readonly kind: 'urls'; readonly max: number }
  | { readonly kind: 'hex' }
  | { readonly kind: 'address' }
  /** In wei `least` at least; or the word "all". */
  | { readonly kind: 'amount'; readonly least?: bigint; readonly orAll?: true }
  /** An address, or the number of an operator of the running world. */
  | { readonly kind: 'operator' }
  | { readonly kind: 'block' }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }

/** A flag; without `value` it is a switch. */
export type FlagSpec = {
  /** Long form without dashes: `block-time`. */
  readonly name: string
  /** What stands for the value in help: `MS`. */
  readonly placeholder?: string
  readonly value?: ValueKind
  readonly summary: string
  readonly required?: boolean
}

export type ArgumentSpec = {
  readonly name: string
  readonly value: ValueKind
  readonly summary: string
  readonly required: boolean
}

/** A line a user can copy, without the program's name. */
export type Example = { readonly line: string; readonly does: string }

export type CommandSpec = {
  /** `block`, or noun and verb: `chaos kill`. */
  readonly path: string
  readonly summary: string
  readonly arguments: readonly ArgumentSpec[]
  readonly flags: readonly FlagSpec[]
  readonly examples: readonly Example[]
  /** Everything after the noun goes on as it is, flags too (`sim`, `bench`). */
  readonly passThrough?: boolean
  /** Loads the code that does it, so that help and completion stay quick. */
  readonly load: () => Promise<CommandRun>
}

/** A noun that only gathers verbs. */
export type NounSpec = { readonly noun: string; readonly summary: string }

export type CommandRun = (input: CommandInput) => Promise<void>

/** The world around a command. */
export type Surroundings = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly workingDir: string
  /** How a user calls us: `zg`, or `npm run zg --`. */
  readonly program: string
}

export type CommandInput = Surroundings & {
  readonly output: Output
  readonly values: Values
  /** What `passThrough` passes on. */
  readonly rest: readonly string[]
}

export type Value = string | number | bigint | boolean | readonly string[]

/** The values of a call, by name; each was checked against its kind. */
export class Values {
  readonly #values: ReadonlyMap<string, Value>

  constructor(values: ReadonlyMap<string, Value>) {
    this.#values = values
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name)
    return typeof value === 'string' ? value : undefined
  }

  /** All of a list; a text is a list of one. */
  texts(name: string): readonly string[] | undefined {
    const value = this.#values.get(name)
    if (typeof value === 'string') return [value]
    return typeof value === 'object' ? value : undefined
  }

  integer(name: string): number | undefined {
    const value = this.#values.get(name)
    return typeof value === 'number' ? value : undefined
  }

  /** An amount in wei. */
  amount(name: string): bigint | undefined {
    const value = this.#values.get(name)
    return typeof value === 'bigint' ? value : undefined
  }

  isSet(name: string): boolean {
    return this.#values.get(name) === true
  }

  /** Whether it was given, whatever its value. */
  isGiven(name: string): boolean {
    return this.#values.has(name)
  }
}

/**
 * Reads one value.
 *
 * @param what - How the value is called in messages: `--to` or `number`.
 * @throws {ValueInvalidError} `CLI_VALUE_INVALID`
 */
export function readValue(text: string, value: ValueKind, what: string): Value {
  switch (value.kind) {
    case 'text':
    case 'path':
      if (text === '') throw new ValueInvalidError(what, text, 'it is empty')
      return text
    case 'url':
      return readUrl(text, what)
    case 'urls':
      return readUrls(text, what, value.max)
    case 'hex':
      if (!isHex(text) || text.length % 2 !== 0) {
        throw new ValueInvalidError(what, text, 'it is not 0x and an even number of hex digits')
      }
      return text
    case 'address':
      return readAddress(text, what)
    case 'amount':
      return value.orAll === true && text === 'all' ? text : readAmount(text, what, value)
    case 'operator':
      return /^\d{1,3}$/.test(text) ? text : readAddress(text, what)
    case 'block':
      return readBlock(text, what)
    case 'integer':
      return readInteger(text, what, value)
    case 'choice':
      if (!value.choices.includes(text)) {
        throw new ValueInvalidError(what, text, `it is not ${orList(value.choices)}`)
      }
      return text
  }
}

/** Returns `a, b or c`. */
export function orList(words: readonly string[]): string {
  return words.length < 2
    ? words.join('')
    : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`
}

function readUrl(text: string, what: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^(https?|wss?):$/.test(url.protocol)) {
    throw new ValueInvalidError(what, text, 'it is no http:// or ws:// address')
  }
  return text
}

function readUrls(text: string, what: string, max: number): readonly string[] {
  const urls = text.split(',')
  if (urls.length > max) throw new ValueInvalidError(what, text, `it names more than ${max}`)
  return urls.map((url) => readUrl(url.trim(), what))
}

function readAddress(text: string, what: string): string {
  if (!isHex(text, 20)) {
    throw new ValueInvalidError(what, text, 'it is not 0x and 40 hex digits')
  }
  const mixed = checksumAddress(fromHex(text))
  const isMixed = /[a-f]/.test(text.slice(2)) && /[A-F]/.test(text)
  // EIP-55: a mixed-case address carries a checksum, which catches a mistyped digit.
  if (isMixed && mixed !== text) {
    throw new ValueInvalidError(what, text, 'its checksum is wrong (EIP-55), a digit is mistyped')
  }
  return mixed
}

const unitDecimals = { wei: 0, gwei: 9, ether: 18 } as const

/** `1.5` are whole tokens of 18 decimals; `20gwei` and `1wei` say otherwise. */
function readAmount(text: string, what: string, { least = 0n }: { least?: bigint }): bigint {
  const match = /^(\d{1,60})(?:\.(\d{1,18}))?(wei|gwei|ether)?$/.exec(text)
  if (match === null) {
    throw new ValueInvalidError(what, text, 'it is no amount such as 1.5, 20gwei or 1wei')
  }
  const [, whole = '', fraction = '', unit = 'ether'] = match
  const decimals = unitDecimals[unit as keyof typeof unitDecimals]
  if (fraction.length > decimals) {
    throw new ValueInvalidError(what, text, `${unit} has ${decimals} decimals`)
  }
  const wei =
    BigInt(whole) * 10n ** BigInt(decimals) + BigInt(fraction.padEnd(decimals, '0') || '0')
  if (wei < least) throw new ValueInvalidError(what, text, 'it must be more than nothing')
  return wei
}

function readBlock(text: string, what: string): string {
  const isNumber = /^\d{1,15}$/.test(text)
  if (!isNumber && !isHex(text, 32) && !['latest', 'earliest', 'pending'].includes(text)) {
    throw new ValueInvalidError(what, text, 'it is no block number, block hash or "latest"')
  }
  return text
}

function readInteger(text: string, what: string, bounds: { min: number; max: number }): number {
  const { min, max } = bounds
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(number) || number < min || number > max) {
    throw new ValueInvalidError(what, text, `it is no whole number from ${min} to ${max}`)
  }
  return number
}

export class ValueInvalidError extends ZgError<'CLI_VALUE_INVALID'> {
  constructor(what: string, text: string, problem: string) {
    const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text
    super('CLI_VALUE_INVALID', `Cannot use ${what} "${shown}": ${problem}`, { what, problem })
  }
}
