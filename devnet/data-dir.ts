/**
 * The data directory of the local world, `$ZG_HOME` (default `./.zg`).
 *
 *     version             format of the directory; another one is refused
 *     lock                the supervisor that owns it: { pid, startTicks, socket }
 *     devnet.json         the running world (devnet-file.ts)
 *     world.json          what the kept world was made with, and its seed; owner only
 *     processes.json      the running children: leftovers of a killed supervisor are ended by it
 *     control.sock        commands to the running supervisor (control.ts)
 *     operator-<i>/keys/  the operator's BLS keystore (EIP-2335) and its password
 *     da-<i>/  da/        keys and rows of a DA node; the disperser's, and what its process reads
 *     l1/  net-<id>/      genesis.json, site.json; val-<j>/: config.toml and the node's own files
 *     minimal/            the throw-away world of `zg devnet --minimal`, wiped at its start
 *     logs/<part>.jsonl   one JSON object a line
 *
 * One directory has one running world. The folder is made 0700: keys lie in it.
 */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { ZgError } from '@zg/primitives'

import { removeDevnetFile } from './devnet-file.ts'
import { identifyProcess, isProcessAlive } from './process-identity.ts'
import type { ProcessIdentity } from './process-identity.ts'

/** The format this program writes. */
export const dataDirVersion = 3

/** Names this program makes in the directory: what `--reset` removes, and nothing else. */
const ownNames =
  /^(version|world\.json|processes\.json|devnet\.json|control\.sock|l1|keeper|da|minimal|logs)$/
const ownFolders = /^(operator|net|da)-\d+$/

/** The longest path a unix domain socket may have on every system we know (macOS: 104 with NUL). */
const socketPathSizeMaxBytes = 100

/** Where a running supervisor can be reached. */
export type LockRecord = ProcessIdentity & { readonly socket: string }

/** Returns the data directory: the flag's, else `$ZG_HOME`, else `./.zg`; absolute. */
export function dataDirOf(
  env: Readonly<Record<string, string | undefined>>,
  workingDir: string,
): string {
  const home = env['ZG_HOME']
  return resolve(workingDir, home === undefined || home === '' ? '.zg' : home)
}

/**
 * Makes the directory ours: creates it, checks its version, takes its lock.
 *
 * @returns What gives the lock back.
 * @throws {WorldRunningError} `DEVNET_WORLD_RUNNING`
 * @throws {DataDirVersionError} `DEVNET_DATA_DIR_VERSION`
 * @throws {DataDirForeignError} `DEVNET_DATA_DIR_FOREIGN`
 */
export function takeDataDir(folder: string): { lock: LockRecord; release: () => void } {
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 })
  checkVersion(folder)
  chmodSync(folder, 0o700)
  const lock = takeLock(folder)
  const release = (): void => {
    removeDevnetFile(folder)
    rmSync(lock.socket, { force: true })
    rmSync(join(folder, 'lock'), { force: true })
  }
  return { lock, release }
}

/** Forgets the world in a directory whose lock the caller holds: all its chains, keys and logs. */
export function forgetWorld(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const isOurs = name !== 'version' && (ownNames.test(name) || ownFolders.test(name))
    // The lock's socket stays: it is ours and in use.
    if (isOurs && name !== 'control.sock') {
      rmSync(join(folder, name), { recursive: true, force: true })
    }
  }
}

/** Returns the lock of a supervisor that runs now, or undefined. */
export function readLiveLock(folder: string): LockRecord | undefined {
  const lock = readLock(folder)
  return lock !== undefined && isProcessAlive(lock) ? lock : undefined
}

function checkVersion(folder: string): void {
  const path = join(folder, 'version')
  if (!existsSync(path)) {
    if (existsSync(join(folder, 'world.json')) || existsSync(join(folder, 'l1'))) {
      throw new DataDirForeignError(folder)
    }
    writeFileSync(path, `${dataDirVersion}\n`)
    return
  }
  const found = readFileSync(path, 'utf8').trim()
  if (found !== String(dataDirVersion)) throw new DataDirVersionError(folder, found)
}

function takeLock(folder: string): LockRecord {
  const path = join(folder, 'lock')
  const lock = { ...identifyProcess(process.pid), socket: socketPathOf(folder) }
  // Two tries: the second after a stale lock was moved away.
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(path, JSON.stringify(lock), { flag: 'wx', mode: 0o600 })
      return lock
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = readLiveLock(folder)
    if (holder !== undefined) throw new WorldRunningError(folder, holder.pid)
    // A rename, so that of two processes that find the same stale lock one removes it, not both.
    const stale = `${path}.${process.pid}`
    try {
      renameSync(path, stale)
      unlinkSync(stale)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  throw new WorldRunningError(folder, readLock(folder)?.pid)
}

function readLock(folder: string): LockRecord | undefined {
  try {
    const value = JSON.parse(readFileSync(join(folder, 'lock'), 'utf8')) as Partial<LockRecord>
    if (!Number.isSafeInteger(value.pid) || typeof value.socket !== 'string') return undefined
    return value as LockRecord
  } catch {
    return undefined
  }
}

function socketPathOf(folder: string): string {
  const path = join(folder, 'control.sock')
  if (Buffer.byteLength(path) <= socketPathSizeMaxBytes) return path
  return join(mkdtempSync(join(tmpdir(), 'zg-')), 'control.sock')
}

export class WorldRunningError extends ZgError<'DEVNET_WORLD_RUNNING'> {
  constructor(folder: string, pid: number | undefined) {
    const message = `Cannot start a world in "${folder}": process ${pid ?? '?'} runs one there`
    super('DEVNET_WORLD_RUNNING', message, { folder, pid })
  }
}

export class DataDirVersionError extends ZgError<'DEVNET_DATA_DIR_VERSION'> {
  constructor(folder: string, found: string) {
    const shown = found.slice(0, 20)
    const why = `its format is ${shown}, ours ${dataDirVersion}`
    const message = `Cannot use the world in "${folder}": ${why}`
    super('DEVNET_DATA_DIR_VERSION', message, { folder, found: shown })
  }
}

export class DataDirForeignError extends ZgError<'DEVNET_DATA_DIR_FOREIGN'> {
  constructor(folder: string) {
    const message = `Cannot use "${folder}" as data directory: it has a world but no version file`
    super('DEVNET_DATA_DIR_FOREIGN', message, { folder })
  }
}
