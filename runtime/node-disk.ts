/**
 * `Disk` on a folder of the machine, durable as POSIX defines it.
 *
 * A new file, and each new folder above it, is durable once its folder was fsynced. Appends wait in
 * memory; `sync` writes all that wait in one call and one `fdatasync`, and every `sync` that
 * arrives while that runs shares the next one (group commit). A file is replaced by writing
 * another, fsync, rename, fsync of the folder.
 *
 * When a write or sync of an open file has failed, nothing is known about what the disk holds (the
 * kernel may have dropped the dirty pages and forgotten the error), so the file is broken for good:
 * every later call rejects. The process must restart and read back what survived.
 */

import { constants, open, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { ZgError } from '@zg/primitives'

import { splitDiskPath, unfinishedSuffix } from './disk-path.ts'
import type { Disk, DiskFile } from './disk.ts'

/** Bytes that may wait for a `sync`; a writer that never syncs is a bug. */
const backlogSizeBytesMax = 256 * 1_024 * 1_024

/** Returns the disk whose root is the folder `root`; it is made when absent. */
export async function createNodeDisk(root: string): Promise<Disk> {
  await makeFolder(root)
  // Replacements of one file follow each other; the number keeps their drafts apart.
  let draftCount = 0
  const at = (path: string): string => join(root, ...splitDiskPath(path))
  return {
    async open(path) {
      const full = at(path)
      await makeFolder(dirname(full))
      const { O_APPEND, O_CREAT, O_RDWR } = constants
      const handle = await open(full, O_APPEND | O_CREAT | O_RDWR, 0o600)
      const { size } = await handle.stat()
      await syncFolder(dirname(full))
      return new NodeDiskFile(handle, path, size)
    },
    async readFile(path) {
      const bytes = await orAbsent(readFile(at(path)))
      return bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    },
    async readAt(path, from, sizeBytes) {
      const handle = await orAbsent(open(at(path), 'r'))
      try {
        return await (handle && readWhole(handle, from, sizeBytes))
      } finally {
        await handle?.close()
      }
    },
    async writeFile(path, bytes) {
      const full = at(path)
      await makeFolder(dirname(full))
      const draft = `${full}.${process.pid}.${draftCount++}${unfinishedSuffix}`
      const handle = await open(draft, 'wx', 0o600)
      try {
        await writeAll(handle, [bytes])
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(draft, full)
      await syncFolder(dirname(full))
    },
    async list(folder) {
      const names = await orAbsent(readdir(at(folder)))
      return (names ?? []).filter((name) => !name.endsWith(unfinishedSuffix)).sort()
    },
    async remove(path) {
      const full = at(path)
      const removed = await orAbsent(rm(full).then(() => true))
      if (removed === true) await syncFolder(dirname(full))
    },
  }
}

/** A sync that has not begun, and what it writes: all that waits then, unless that is sealed. */
type CommitGroup = { done: Promise<void>; sealed: Uint8Array[] | undefined }

class NodeDiskFile implements DiskFile {
  readonly #handle: FileHandle
  readonly #path: string
  #sizeBytes: number
  #backlog: Uint8Array[] = []
  #backlogSizeBytes = 0
  /** The group commit that has not begun; all who ask for a sync now share it. */
  #nextGroup: CommitGroup | undefined
  /** Operations follow each other; this is the last one. */
  #last: Promise<void> = Promise.resolve()
  #broken: DiskFileBrokenError | undefined
  #closed = false

  constructor(handle: FileHandle, path: string, sizeBytes: number) {
    this.#handle = handle
    this.#path = path
    this.#sizeBytes = sizeBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  append(bytes: Uint8Array): void {
    if (this.#closed) throw new DiskFileClosedError(this.#path)
    if (this.#broken !== undefined) throw this.#broken
    if (this.#backlogSizeBytes + bytes.length > backlogSizeBytesMax) {
      throw new DiskBacklogFullError(this.#path, this.#backlogSizeBytes)
    }
    this.#backlog.push(bytes.slice())
    this.#backlogSizeBytes += bytes.length
    this.#sizeBytes += bytes.length
  }

  sync(): Promise<void> {
    if (this.#nextGroup === undefined) {
      const group: CommitGroup = { done: Promise.resolve(), sealed: undefined }
      this.#nextGroup = group
      group.done = this.#follow(async () => {
        if (this.#nextGroup === group) this.#nextGroup = undefined
        await this.#writeBacklog(group.sealed ?? this.#takeBacklog())
      })
    }
    return this.#nextGroup.done
  }

  truncate(sizeBytes: number): Promise<void> {
    const backlog = this.#sealBacklog()
    this.#sizeBytes = Math.min(this.#sizeBytes, sizeBytes)
    return this.#follow(async () => {
      await this.#writeBacklog(backlog)
      const { size } = await this.#handle.stat()
      if (size > sizeBytes) await this.#handle.truncate(sizeBytes)
      await this.#handle.sync()
    })
  }

  close(): Promise<void> {
    if (this.#closed) return this.#last.catch(() => undefined)
    const backlog = this.#sealBacklog()
    // A broken file has told its failure already; what is left is to let go of it.
    const isBroken = this.#broken !== undefined
    const written = isBroken ? this.#last : this.#follow(() => this.#writeBacklog(backlog))
    this.#closed = true
    this.#last = closeAfter(written, this.#handle)
    return this.#last
  }

  /** Runs `operation` after all that were asked for before it. */
  #follow(operation: () => Promise<void>): Promise<void> {
    if (this.#closed) return Promise.reject(new DiskFileClosedError(this.#path))
    const done = this.#last.then(async () => {
      if (this.#broken !== undefined) throw this.#broken
      try {
        await operation()
      } catch (cause) {
        this.#broken = new DiskFileBrokenError(this.#path, cause)
        throw this.#broken
      }
    })
    this.#last = done.catch(() => undefined)
    return done
  }

  /** What waits goes to the sync that was promised it, if there is one; else it is returned. */
  #sealBacklog(): Uint8Array[] {
    const group = this.#nextGroup
    this.#nextGroup = undefined
    const backlog = this.#takeBacklog()
    if (group === undefined) return backlog
    group.sealed = backlog
    return []
  }

  #takeBacklog(): Uint8Array[] {
    const backlog = this.#backlog
    this.#backlog = []
    this.#backlogSizeBytes = 0
    return backlog
  }

  async #writeBacklog(backlog: Uint8Array[]): Promise<void> {
    if (backlog.length === 0) return
    await writeAll(this.#handle, backlog)
    await this.#handle.datasync()
  }
}

async function closeAfter(written: Promise<void>, handle: FileHandle): Promise<void> {
  try {
    await written
  } finally {
    await handle.close()
  }
}

/** Buffers one `writev` takes (IOV_MAX on Linux). */
const writeCountMax = 1_024

async function writeAll(handle: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  let rest = parts.filter((part) => part.length > 0)
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest.slice(0, writeCountMax))
    rest = dropBytes(rest, bytesWritten)
  }
}

function dropBytes(parts: readonly Uint8Array[], sizeBytes: number): Uint8Array[] {
  let left = sizeBytes
  let index = 0
  for (; index < parts.length; index++) {
    const part = parts[index] as Uint8Array
    if (part.length > left) return [part.subarray(left), ...parts.slice(index + 1)]
    left -= part.length
  }
  return []
}

async function readWhole(
  handle: FileHandle,
  from: number,
  sizeBytes: number,
): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(sizeBytes)
  for (let at = 0; at < sizeBytes;) {
    const { bytesRead } = await handle.read(bytes, at, sizeBytes - at, from + at)
    if (bytesRead === 0) return undefined
    at += bytesRead
  }
  return bytes
}

/** Makes a folder and those above it, each durable in the one above. */
async function makeFolder(folder: string): Promise<void> {
  const topmostMade = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (topmostMade === undefined) return
  for (let made = folder; made.length >= topmostMade.length; made = dirname(made)) {
    await syncFolder(dirname(made))
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function orAbsent<value>(reading: Promise<value>): Promise<value | undefined> {
  try {
    return await reading
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export class DiskFileClosedError extends ZgError<'RUNTIME_DISK_FILE_CLOSED'> {
  constructor(path: string) {
    super('RUNTIME_DISK_FILE_CLOSED', `Cannot write "${path}": it is closed`, { path })
  }
}

export class DiskFileBrokenError extends ZgError<'RUNTIME_DISK_FILE_BROKEN'> {
  constructor(path: string, cause: unknown) {
    const message = `Cannot write "${path}": an earlier write failed, what is on disk is unknown`
    super('RUNTIME_DISK_FILE_BROKEN', message, { path }, cause)
  }
}

export class DiskBacklogFullError extends ZgError<'RUNTIME_DISK_BACKLOG_FULL'> {
  constructor(path: string, sizeBytes: number) {
    const message = `Cannot append to "${path}": ${sizeBytes} bytes already wait for a sync`
    super('RUNTIME_DISK_BACKLOG_FULL', message, { path, sizeBytes })
  }
}
