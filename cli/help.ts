/** Help pages, made from the command table. */

import { commands, commonFlags, nouns } from './command-table.ts'
import type { ArgumentSpec, CommandSpec, FlagSpec, NounSpec } from './command.ts'

/** Returns the page of the program: every noun, one line each. */
export function helpOfProgram(program: string): string {
  const words = nounWords()
  const width = Math.max(...words.map(({ word }) => word.length))
  return [
    'zg: a local world of the 0G stack, from one command',
    '',
    `usage  ${program} <command> [arguments]`,
    '',
    ...words.map(({ word, summary }) => `  ${word.padEnd(width)}   ${summary}`),
    '',
    `  ${program} <command> --help shows flags and examples; --json prints JSON everywhere.`,
    '',
  ].join('\n')
}

/** Returns the page of a noun that gathers verbs. */
export function helpOfNoun({ noun, summary }: NounSpec, program: string): string {
  const verbs = commands.filter(({ path }) => path.startsWith(`${noun} `))
  const usages = verbs.map((spec) => ({ usage: usageOf(spec), summary: spec.summary }))
  const width = Math.max(...usages.map(({ usage }) => usage.length))
  return [
    `${noun}: ${summary}`,
    '',
    ...usages.map(({ usage, summary: does }) => `  ${program} ${usage.padEnd(width)}   ${does}`),
    '',
  ].join('\n')
}

/** Returns the page of one command. */
export function helpOfCommand(spec: CommandSpec, program: string): string {
  const lines = [`${spec.path}: ${spec.summary}`, '', `usage  ${program} ${usageOf(spec)}`]
  const words = [
    ...spec.arguments.map((argument) => ({
      word: argumentWord(argument),
      summary: argument.summary,
    })),
    ...flagsOf(spec).map((flag) => ({ word: flagWord(flag), summary: flag.summary })),
  ]
  const width = Math.max(0, ...words.map(({ word }) => word.length))
  if (words.length > 0) lines.push('')
  for (const { word, summary } of words) lines.push(`  ${word.padEnd(width)}   ${summary}`)
  lines.push('', 'examples')
  for (const { line, does } of spec.examples) {
    lines.push(`  ${program} ${line}`, `      ${does}`)
  }
  return `${lines.join('\n')}\n`
}

/** Returns COMMANDS.md: all pages as one. */
export function commandsPage(): string {
  const sections = commands.map((spec) => {
    const rows = [...spec.arguments.map(argumentRow), ...flagsOf(spec).map(flagRow)]
    const table = rows.length === 0 ? [] : ['', '| word | what it is |', '|---|---|', ...rows]
    const examples = spec.examples.map(({ line, does }) => `zg ${line}   # ${does}`)
    return [`## ${spec.path}`, '', sentence(spec.summary), '', '```sh', `zg ${usageOf(spec)}`]
      .concat(['```', ...table, '', '```sh', ...examples, '```', ''])
      .join('\n')
  })
  return [
    '# Commands of `zg`',
    '',
    'Made by `node cli/write-commands-page.ts` from the command table; `zg` stands for',
    '`npm run zg --`. Every command knows `--help` and `--json`.',
    '',
    ...sections,
  ].join('\n')
}

/** Returns `chaos kill <kind> <index>`. */
export function usageOf(spec: CommandSpec): string {
  const words = spec.arguments.map(argumentWord)
  const flags =
    spec.passThrough === true ? ['[flags]'] : flagsOf(spec).length > 1 ? ['[flags]'] : []
  return [spec.path, ...words, ...flags].join(' ')
}

/** Every word that may stand first, with its summary, in the table's order. */
export function nounWords(): { word: string; summary: string }[] {
  const seen = new Set<string>()
  const words: { word: string; summary: string }[] = []
  for (const { path, summary } of commands) {
    const word = path.split(' ')[0] ?? path
    if (seen.has(word)) continue
    seen.add(word)
    const gathering = nouns.find(({ noun }) => noun === word)
    words.push({ word, summary: gathering?.summary ?? summary })
  }
  return words
}

/** The flags of a command, `--json` among them; none where all is passed through. */
export function flagsOf(spec: CommandSpec): readonly FlagSpec[] {
  return spec.passThrough === true ? [] : [...spec.flags, ...commonFlags]
}

/** `validator` where only that word may stand, else `<index>`; `[index]` if it may be left out. */
function argumentWord({ name, value, required }: ArgumentSpec): string {
  if (value.kind === 'choice' && value.choices.length === 1) return value.choices.join('')
  return required ? `<${name}>` : `[${name}]`
}

function flagWord({ name, placeholder }: FlagSpec): string {
  return placeholder === undefined ? `--${name}` : `--${name} ${placeholder}`
}

function argumentRow(argument: ArgumentSpec): string {
  return `| \`${argumentWord(argument)}\` | ${argument.summary} |`
}

function flagRow(flag: FlagSpec): string {
  return `| \`${flagWord(flag).replace('|', '\\|')}\` | ${flag.summary.replace('|', '\\|')} |`
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
