/**
 * Where a command writes, and how: text for people, JSON for programs.
 *
 * Colour is used on a terminal only and never under NO_COLOR (`styleText` of node:util decides).
 * The same words appear without it: nothing is told by colour alone.
 */

import { styleText } from 'node:util'

/** The part of a stream that is written to. */
export type Stream = {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

/** What a piece of text is; the look follows. */
export type Style = 'plain' | 'strong' | 'quiet' | 'good' | 'warning' | 'bad' | 'name'

const looks = {
  strong: 'bold',
  quiet: 'dim',
  good: 'green',
  warning: 'yellow',
  bad: 'red',
  name: 'cyan',
} as const

/** Columns assumed where a terminal does not say. */
const columnsDefault = 80

export class Output {
  readonly isJson: boolean
  readonly #out: Stream
  readonly #withColor: boolean

  constructor(options: { out: Stream; isJson: boolean; env: Readonly<Record<string, unknown>> }) {
    this.#out = options.out
    this.isJson = options.isJson
    this.#withColor = !options.isJson && wantsColor(options.out, options.env)
  }

  /** Whether lines may be rewritten. */
  get isTerminal(): boolean {
    return this.#out.isTTY === true && !this.isJson
  }

  /** Columns of the terminal; without one, lines may be of any length. */
  get columns(): number {
    if (this.#out.isTTY !== true) return Number.POSITIVE_INFINITY
    return this.#out.columns ?? columnsDefault
  }

  /** Writes a line for people; nothing under `--json`. */
  line(text = ''): void {
    if (!this.isJson) this.#out.write(`${text}\n`)
  }

  /** Writes text as it is; nothing under `--json`. */
  raw(text: string): void {
    if (!this.isJson) this.#out.write(text)
  }

  /** Writes one line of JSON; nothing otherwise. Bigints become decimal strings. */
  json(value: unknown): void {
    if (this.isJson) this.#out.write(`${toJson(value)}\n`)
  }

  /** Returns `text` in a look. */
  paint(style: Style, text: string): string {
    if (style === 'plain' || !this.#withColor) return text
    return styleText(looks[style], text, { validateStream: false })
  }
}

/** Returns compact JSON in which bigints are decimal strings. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'bigint' ? item.toString() : item,
  )
}

/** NO_COLOR wins, then FORCE_COLOR, then whether it is a terminal that knows colours. */
function wantsColor(out: Stream, env: Readonly<Record<string, unknown>>): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = env
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0'
  return out.isTTY === true && TERM !== 'dumb'
}
