/**
 * Turns the command table into a parser and runs what it finds.
 *
 *     argv ──> the command and its values, each checked by kind ──> its code, loaded ──> exit code
 */

import { Command, CommanderError, Option } from 'commander'
import { ZgError } from '@zg/primitives'

import { commands, commonFlags, nouns } from './command-table.ts'
import { readValue, Values } from './command.ts'
import type { ArgumentSpec, CommandSpec, FlagSpec, Surroundings, Value } from './command.ts'
import { exitCodes, QuietExit } from './exit.ts'
import { explain } from './explain.ts'
import { helpOfCommand, helpOfNoun, helpOfProgram } from './help.ts'
import { Output } from './output.ts'
import type { Stream } from './output.ts'

export type ProgramOptions = Surroundings & {
  /** Arguments after the program's name. */
  readonly argv: readonly string[]
  readonly out: Stream
  readonly err: Stream
}

type Call = {
  readonly spec: CommandSpec
  readonly values: ReadonlyMap<string, Value>
  readonly rest: readonly string[]
}

/** Runs one command line; returns the exit code. Errors are told on `err`, never thrown. */
export async function runProgram(options: ProgramOptions): Promise<number> {
  const { argv, out, err, env } = options
  const isJson = argv.includes('--json')
  try {
    const parsed = parse(options)
    if (typeof parsed === 'string') {
      out.write(parsed)
      return exitCodes.done
    }
    const { spec, values, rest } = parsed
    const output = new Output({ out, isJson: values.get('json') === true, env })
    const run = await spec.load()
    await run({ ...options, output, values: new Values(values), rest })
    return exitCodes.done
  } catch (error) {
    if (error instanceof QuietExit) return error.exitCode
    const { sentence, code, exitCode } = explain(error, {
      program: options.program,
      path: pathOf(argv),
    })
    const told = new Output({ out: err, isJson, env })
    told.json({ error: { code, message: sentence } })
    told.line(`${told.paint('bad', 'zg:')} ${sentence}`)
    return exitCode
  }
}

/** Returns the call, or the help text that was asked for. */
function parse(options: ProgramOptions): Call | string {
  const { argv, program } = options
  const passing = commands.find(({ path, passThrough }) => passThrough && path === argv[0])
  if (passing !== undefined) {
    const rest = argv.slice(argv[1] === '--' ? 2 : 1)
    return { spec: passing, values: new Map(), rest }
  }
  const help = helpAsked(argv, options)
  if (help !== undefined) return help
  const found: { call?: Call } = {}
  const root = buildParser((call) => {
    found.call = call
  })
  try {
    root.parse([...argv], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) throw new UsageError(usageProblem(error))
    throw error
  }
  return found.call ?? helpOfProgram(program)
}

/** No words, or `--help`, `-h`, `help` among them: the page of the deepest command named. */
function helpAsked(argv: readonly string[], { program }: ProgramOptions): string | undefined {
  const words = argv.filter((word) => !word.startsWith('-') && word !== 'help')
  const isAsked =
    argv.length === 0 || argv.includes('--help') || argv.includes('-h') || argv[0] === 'help'
  const [noun = '', verb = ''] = words
  const nounSpec = nouns.find((candidate) => candidate.noun === noun)
  if (!isAsked && !(nounSpec !== undefined && verb === '')) return undefined
  if (noun === '') return helpOfProgram(program)
  const spec =
    commands.find(({ path }) => path === `${noun} ${verb}`) ??
    commands.find(({ path }) => path === noun)
  if (spec !== undefined) return helpOfCommand(spec, program)
  if (nounSpec !== undefined) return helpOfNoun(nounSpec, program)
  return undefined
}

function buildParser(onCall: (call: Call) => void): Command {
  const root = quiet(new Command('zg'))
  const gathered = new Map<string, Command>()
  for (const { noun } of nouns) gathered.set(noun, quiet(root.command(noun)))
  for (const spec of commands) {
    const [first = '', verb] = spec.path.split(' ')
    const parent = verb === undefined ? root : (gathered.get(first) ?? root)
    const command = quiet(parent.command(verb ?? first))
    for (const argument of spec.arguments) {
      command.argument(argument.required ? `<${argument.name}>` : `[${argument.name}]`)
    }
    const flags = [...spec.flags, ...commonFlags]
    for (const flag of flags) command.addOption(optionOf(flag))
    command.action((...args: unknown[]) => {
      const given = args.slice(0, spec.arguments.length) as (string | undefined)[]
      const values = readValues(spec, { given, flagged: command.opts() })
      onCall({ spec, values, rest: [] })
    })
  }
  return root
}

function quiet(command: Command): Command {
  return command
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    .helpOption(false)
    .helpCommand(false)
    .allowExcessArguments(false)
}

function optionOf(flag: FlagSpec): Option {
  const placeholder = flag.placeholder === undefined ? '' : ` <${flag.placeholder}>`
  return new Option(`--${flag.name}${placeholder}`, flag.summary)
}

function readValues(
  spec: CommandSpec,
  { given, flagged }: { given: readonly (string | undefined)[]; flagged: Record<string, unknown> },
): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>()
  spec.arguments.forEach((argument: ArgumentSpec, index) => {
    const text = given[index]
    if (text !== undefined)
      values.set(argument.name, readValue(text, argument.value, argument.name))
  })
  for (const flag of [...spec.flags, ...commonFlags]) {
    // Commander keeps `--no-x` as an x that is false, and true where it is not given.
    const isDenial = flag.name.startsWith('no-')
    const text = flagged[camelCase(isDenial ? flag.name.slice(3) : flag.name)]
    if (text === undefined || (isDenial && text !== false)) continue
    if (flag.value === undefined) values.set(flag.name, true)
    else if (typeof text === 'string') {
      values.set(flag.name, readValue(text, flag.value, `--${flag.name}`))
    }
  }
  return values
}

function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** Commander's own message as a part of our sentence. */
function usageProblem(error: CommanderError): string {
  return error.message
    .replace(/^error: /, '')
    .replace(/^too many arguments.*got \d+: (.*)\.$/s, 'too many arguments: $1')
    .replace(/\n?\(Did you mean (.*)\?\)/s, ' (did you mean $1?)')
    .replaceAll("'", '"')
    .trim()
}

/** The deepest command or noun that the arguments name; empty when they name none. */
function pathOf(argv: readonly string[]): string {
  const [noun = '', verb = ''] = argv.filter((word) => !word.startsWith('-'))
  const paths = [...commands.map(({ path }) => path), ...nouns.map((spec) => spec.noun)]
  return [`${noun} ${verb}`, noun].find((path) => paths.includes(path)) ?? ''
}

export class UsageError extends ZgError<'CLI_USAGE'> {
  constructor(problem: string) {
    super('CLI_USAGE', `Cannot read the command line: ${problem}`, { problem })
  }
}
