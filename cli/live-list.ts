/**
 * One line a part while the world starts.
 *
 * On a terminal the lines are rewritten in place until all are settled. Elsewhere a line is written
 * once, when its part settles, so logs stay short.
 */

import { formatDuration } from './amounts.ts'
import type { Output } from './output.ts'

/** Turns of the sign before a part that is under way. */
const turns = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

const redrawEveryMs = 80

export type LiveState = 'waiting' | 'working' | 'done' | 'failed'

type Line = { readonly name: string; state: LiveState; text: string; note: string }

export class LiveList {
  readonly #output: Output
  readonly #lines: readonly Line[]
  readonly #width: number
  readonly #startedAtMs = performance.now()
  #drawnLines = 0
  #turn = 0
  #timer: NodeJS.Timeout | undefined

  constructor(output: Output, names: readonly string[]) {
    this.#output = output
    this.#lines = names.map((name) => ({ name, state: 'waiting', text: 'waiting', note: '' }))
    this.#width = Math.max(0, ...names.map((name) => name.length))
    if (!output.isTerminal) return
    output.raw('\u001b[?25l')
    this.#draw()
    this.#timer = setInterval(() => this.#draw(), redrawEveryMs)
  }

  /** Sets a line; a settled one (`done`, `failed`) is told with the time since the start. */
  set(name: string, state: LiveState, text: string, note = ''): void {
    const line = this.#lines.find((candidate) => candidate.name === name)
    if (line === undefined) return
    const isSettled = state === 'done' || state === 'failed'
    line.state = state
    line.text = isSettled ? `${text} ${this.#elapsed()}` : text
    line.note = note
    if (!this.#output.isTerminal && isSettled) this.#output.line(this.#textOf(line))
  }

  /** Draws a last time and leaves the lines as they are. */
  end(): void {
    clearInterval(this.#timer)
    if (!this.#output.isTerminal || this.#timer === undefined) return
    this.#timer = undefined
    this.#draw()
    this.#output.raw('\u001b[?25h')
  }

  #elapsed(): string {
    return `in ${formatDuration(performance.now() - this.#startedAtMs)}`
  }

  #draw(): void {
    this.#turn++
    const up = this.#drawnLines === 0 ? '' : `\u001b[${this.#drawnLines}A`
    const text = this.#lines.map((line) => `\u001b[2K${this.#textOf(line)}\n`).join('')
    this.#drawnLines = this.#lines.length
    this.#output.raw(up + text)
  }

  #textOf({ name, state, text, note }: Line): string {
    const output = this.#output
    const signs = {
      waiting: output.paint('quiet', '·'),
      working: output.paint('name', turns[this.#turn % turns.length] ?? '·'),
      done: output.paint('good', '✓'),
      failed: output.paint('bad', '✗'),
    } as const
    const styles = { waiting: 'quiet', working: 'quiet', done: 'plain', failed: 'bad' } as const
    // A line that wraps would be two, and rewriting would climb too little.
    const room = Math.max(10, output.columns - this.#width - 8)
    const fitting = text.length > room ? `${text.slice(0, room - 1)}…` : text
    const noted = note !== '' && fitting.length + note.length + 3 <= room
    const tail = noted ? output.paint('quiet', note) : ''
    const painted = output.paint(styles[state], noted ? fitting.padEnd(18) : fitting)
    return `  ${signs[state]} ${name.padEnd(this.#width)}   ${painted}${tail}`
  }
}
