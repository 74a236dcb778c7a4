/**
 * Shell completion, made from the command table: nouns, verbs, fixed words and flags. The rules
 * hold all words themselves, so completing runs nothing.
 */

import { commands } from './command-table.ts'
import type { CommandSpec } from './command.ts'
import { flagsOf, nounWords } from './help.ts'

/** What may follow some words: `''`, `chaos`, `chaos kill`. */
type Step = { readonly after: string; readonly words: readonly string[] }

/** Returns the rules for `bash`, `zsh` or `fish`. */
export function completionScript(shell: string): string {
  if (shell === 'fish') return fishScript()
  const steps = completionSteps()
  const cases = steps.map(({ after, words }) => `    '${after}') words='${words.join(' ')}' ;;`)
  return shell === 'zsh' ? zshScript(cases) : bashScript(cases)
}

/** Returns, for every place in a command line, the words that may stand there. */
export function completionSteps(): Step[] {
  const steps = new Map<string, Set<string>>()
  const add = (after: string, words: readonly string[]): void => {
    const known = steps.get(after) ?? new Set()
    for (const word of words) known.add(word)
    steps.set(after, known)
  }
  add('', [...nounWords().map(({ word }) => word), '--help'])
  for (const spec of commands) addSteps(spec, add)
  return [...steps].map(([after, words]) => ({ after, words: [...words] }))
}

function addSteps(spec: CommandSpec, add: (after: string, words: readonly string[]) => void): void {
  const [noun = '', verb] = spec.path.split(' ')
  if (verb !== undefined) add(noun, [verb])
  const flags = [...flagsOf(spec).map(({ name }) => `--${name}`), '--help']
  let after = spec.path
  for (const { value } of spec.arguments) {
    if (value.kind !== 'choice') break
    add(after, value.choices)
    if (value.choices.length !== 1) break
    after = `${after} ${value.choices[0]}`
  }
  add(spec.path, flags)
}

/** Both shells: the words typed so far, flags left out, name the step. */
const walk = `  local after='' word
  for word in "\${typed[@]}"; do
    case "$word" in
      -*) ;;
      *) after="\${after:+$after }$word" ;;
    esac
  done
  local words=''
  case "$after" in`

function bashScript(cases: readonly string[]): string {
  return `# zg: completion for bash
_zg() {
  local typed=("\${COMP_WORDS[@]:1:COMP_CWORD-1}")
${walk}
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _zg zg
`
}

function zshScript(cases: readonly string[]): string {
  return `#compdef zg
# zg: completion for zsh
_zg() {
  local -a typed=("\${(@)words[2,CURRENT-1]}")
${walk.replace("local words=''", "local candidates=''")}
${cases.map((line) => line.replace("') words=", "') candidates=")).join('\n')}
  esac
  compadd -- \${(s: :)candidates}
}
compdef _zg zg
`
}

function fishScript(): string {
  const lines = ['# zg: completion for fish', 'complete -c zg -f']
  for (const { word, summary } of nounWords()) {
    lines.push(rule('__fish_use_subcommand', `-a ${word}`, summary))
  }
  for (const spec of commands) {
    const [noun = '', verb] = spec.path.split(' ')
    const isNoun = `__fish_seen_subcommand_from ${noun}`
    if (verb !== undefined) lines.push(rule(isNoun, `-a ${verb}`, spec.summary))
    const here = verb === undefined ? isNoun : `${isNoun}; and __fish_seen_subcommand_from ${verb}`
    for (const { value, summary } of spec.arguments) {
      if (value.kind === 'choice')
        lines.push(rule(here, `-a '${value.choices.join(' ')}'`, summary))
    }
    for (const { name, placeholder, summary } of flagsOf(spec)) {
      lines.push(rule(here, `-l ${name}${placeholder === undefined ? '' : ' -r'}`, summary))
    }
  }
  return `${lines.join('\n')}\n`
}

function rule(condition: string, what: string, summary: string): string {
  return `complete -c zg -n '${condition}' ${what} -d '${summary.replaceAll("'", "\\'")}'`
}
