/**
 * One process of the local world and the file that keeps its words.
 *
 * Over the IPC channel that is also its leash (leash.ts) the process says `{ kind: 'ready' }` once
 * it serves, or `{ kind: 'failed', code }` when it could not begin. What else goes either way is
 * between a part and whoever knows it (`data-parts.ts`).
 *
 * Standard output goes straight into `logs/<part>.jsonl`. Standard error passes through here: each
 * line becomes a JSON line of the same file, and the last ones are kept to explain a death.
 */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, existsSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const leashPath = fileURLToPath(new URL('leash.ts', import.meta.url))

/** Beside the installed packages; a place that cannot be written to is no failure. */
const compileCachePath = fileURLToPath(new URL('../node_modules/.cache/zg', import.meta.url))

/**
 * Half of V8's young generation, in MiB. Its own choice, 16, is kept by each of many processes that
 * are idle most of the time.
 */
const semiSpaceMiB = 2

/** A log over this size when its process starts is put aside as `<name>.1`, replacing the last. */
export const logRotateSizeBytes = 67_108_864

/** Lines of standard error kept in memory. */
const lastWordsMax = 20

/** The longest line of standard error that is kept whole. */
const lineLengthMax = 4_000

export type ChildCommand = {
  readonly part: string
  /** A TypeScript or JavaScript entry, run by the Node that runs us. */
  readonly entry: string
  readonly args: readonly string[]
  readonly logPath: string
}

/** How a process ended: by itself with a code, or by a signal. */
export type ChildExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

/** What a process says of itself when it serves. */
export type ReadyMessage = {
  readonly rpcPort?: number
  /** Multiaddrs of an open node. */
  readonly p2pAddresses?: readonly string[]
}

export type Child = {
  readonly pid: number
  /** Resolves when the process says that it serves; never, if it does not. */
  readonly ready: Promise<void>
  /** What it said then; nothing before. */
  readyMessage(): ReadyMessage
  /** Resolves when the process is gone. Never rejects. */
  readonly exited: Promise<ChildExit>
  /** The last line of standard error that says why, if any did. */
  reason(): string | undefined
  /** The code of the error that kept it from beginning, if it told one. */
  failureCode(): string | undefined
  /** Sends a signal; does nothing when the process is gone. */
  signal(name: NodeJS.Signals): void
  /** Sends a message; does nothing when the process is gone. */
  tell(message: object): void
}

/**
 * Starts a process on a leash.
 *
 * @param hear - Told of every message of another kind.
 * @throws {Error} When the operating system will not start it (no memory, no file descriptors).
 */
export function startChild(
  { part, entry, args, logPath }: ChildCommand,
  hear: (message: { readonly kind: string }) => void = () => {},
): Child {
  rotate(logPath)
  const log = openSync(logPath, 'a', 0o600)
  const words: string[] = []
  const flags = [`--max-semi-space-size=${semiSpaceMiB}`, '--import', leashPath]
  const child = spawn(process.execPath, [...flags, entry, ...args], {
    stdio: ['ignore', log, 'pipe', 'ipc'],
    env: childEnvironment(),
  })
  const exited = new Promise<ChildExit>((resolve) => {
    // `close`, not `exit`: the last words have been read by then.
    child.once('close', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: null, signal: null }))
  }).finally(() => closeSync(log))
  let said: ReadyMessage = {}
  let failureCode: string | undefined
  const ready = new Promise<void>((resolve) => {
    child.on('message', (message) => {
      const { kind, code } = (message ?? {}) as { kind?: unknown; code?: unknown }
      if (kind === 'failed' && typeof code === 'string') failureCode = code
      if (kind !== 'ready') {
        if (typeof kind === 'string') hear(message as { kind: string })
        return
      }
      said = message as ReadyMessage
      resolve()
    })
  })
  keepWords(child, (line) => {
    words.push(line)
    if (words.length > lastWordsMax) words.shift()
    const entry = { level: 50, time: new Date().toISOString(), part, msg: line }
    try {
      writeSync(log, `${JSON.stringify(entry)}\n`)
    } catch {
      // A full disk: the words are kept here all the same.
    }
  })
  return {
    pid: child.pid ?? 0,
    ready,
    readyMessage: () => said,
    exited,
    reason: () => reasonIn(words),
    failureCode: () => failureCode,
    signal: (name) => void child.kill(name),
    tell(message) {
      if (child.connected) child.send(message, () => {})
    },
  }
}

/**
 * The environment without what would change how Node runs the child, or leak into it. Five
 * processes that compile the same modules share what was compiled: half of their start is this.
 */
function childEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env
  return { NODE_COMPILE_CACHE: compileCachePath, ...env, NODE_NO_WARNINGS: '1' }
}

function keepWords(child: ChildProcess, keep: (line: string) => void): void {
  if (child.stderr === null) return
  const lines = createInterface({ input: child.stderr, crlfDelay: Infinity })
  lines.on('line', (line) => {
    if (line.trim() !== '') keep(line.slice(0, lineLengthMax))
  })
}

/** Node prints an uncaught error between its source line, its stack and its fields. */
function reasonIn(words: readonly string[]): string | undefined {
  const error = words.findLast((word) => /^(Uncaught )?\w*Error\b.*: |^Cannot /.test(word))
  const other = words.findLast((word) => !/^\s|^[{}]|^Node\.js v/.test(word))
  return (error ?? other)?.trim()
}

function rotate(logPath: string): void {
  if (!existsSync(logPath) || statSync(logPath).size <= logRotateSizeBytes) return
  renameSync(logPath, `${logPath}.1`)
}
