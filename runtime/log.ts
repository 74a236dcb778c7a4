/**
 * Structured logs: one JSON object a line, by pino, with keys and passwords cut out.
 *
 * A `Logger` is passed as an argument, as the clock is. The message is a constant sentence, what
 * varies is in the fields, so logs can be searched. A field whose name says that it is secret is
 * replaced at any depth: no call site can leak a key by logging the object that holds it.
 */

import { toHex, ZgError } from '@zg/primitives'
import { pino } from 'pino'

export type LogFields = Readonly<Record<string, unknown>>

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Where log lines go. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger
}

/** How deep fields are followed; what lies deeper is shown as '…'. */
const depthMax = 6

/** Bytes of a field shown as hex; the rest is only counted. */
const shownSizeBytesMax = 64

/** Entries of an array or object shown; the rest is only counted. */
const shownCountMax = 64

const secretWords = 'secret|password|passphrase|mnemonic|jwt|authorization'
const secretName = new RegExp(
  `^(${secretWords})$|(secret|private|signing|api)[_-]?(key|token)|jwt[_-]?secret`,
  'i',
)

/**
 * Returns a logger that writes JSON lines.
 *
 * @param options.part - Name of the process or part, in every line.
 * @param options.path - File to append to, its folder created; standard output when absent.
 * @param options.write - Takes each line instead of a file (for tests and pretty printers).
 */
export function createLogger(options: {
  part: string
  level?: LogLevel
  path?: string
  write?: (line: string) => void
}): Logger {
  const { part, level = 'info', path, write } = options
  // Synchronous writes: the last lines before a crash are the ones that matter.
  const destination =
    write === undefined ? pino.destination({ dest: path ?? 1, mkdir: true, sync: true }) : { write }
  const settings = { level, base: { part }, timestamp: pino.stdTimeFunctions.isoTime }
  return wrap(pino(settings, destination))
}

/** A logger that says nothing. */
export const silentLogger: Logger = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  child: () => silentLogger,
}

function ignore(): void {}

function wrap(logger: pino.Logger): Logger {
  return {
    debug(message, fields) {
      if (logger.isLevelEnabled('debug')) logger.debug(showFields(fields), message)
    },
    info: (message, fields) => logger.info(showFields(fields), message),
    warn: (message, fields) => logger.warn(showFields(fields), message),
    error: (message, fields) => logger.error(showFields(fields), message),
    child: (fields) => wrap(logger.child(showFields(fields))),
  }
}

function showFields(fields: LogFields | undefined): Record<string, unknown> {
  return fields === undefined ? {} : showEntries(fields, 0)
}

function showEntries(fields: object, depth: number): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  let count = 0
  for (const [name, value] of Object.entries(fields)) {
    if (count++ === shownCountMax) {
      shown['…'] = `${Object.keys(fields).length - shownCountMax} more`
      break
    }
    shown[name] = secretName.test(name) ? '[redacted]' : show(value, depth + 1)
  }
  return shown
}

function show(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'function' || typeof value === 'symbol') return typeof value
  if (typeof value !== 'object' || value === null) return value
  if (depth > depthMax) return '…'
  if (value instanceof Uint8Array) return showBytes(value)
  if (value instanceof Date) return value.toJSON()
  if (value instanceof Error) return showError(value, depth)
  if (Array.isArray(value))
    return value.slice(0, shownCountMax).map((item) => show(item, depth + 1))
  if (value instanceof Map || value instanceof Set) return `${value.size} entries`
  return showEntries(value, depth)
}

function showBytes(bytes: Uint8Array): string {
  if (bytes.length <= shownSizeBytesMax) return toHex(bytes)
  return `${toHex(bytes.subarray(0, shownSizeBytesMax))}… (${bytes.length} bytes)`
}

function showError(error: Error, depth: number): Record<string, unknown> {
  const shown: Record<string, unknown> = { name: error.name, message: error.message }
  if (error instanceof ZgError) {
    shown['code'] = error.code
    shown['data'] = showEntries(error.data, depth)
  } else {
    shown['stack'] = error.stack
  }
  if (error.cause !== undefined) shown['cause'] = show(error.cause, depth + 1)
  return shown
}
