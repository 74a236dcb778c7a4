/**
 * A folder for one process at a time, whose keys or names two of them must not use at once.
 *
 * The lock is the kernel's, by way of SQLite, on a file `lock` in the folder: it is gone with the
 * process that holds it, however that ends, and two that come at once do not both have it. It holds
 * among processes of one machine; a folder on a network is as good as its file system's locks are.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { ZgError } from '@zg/primitives'

export type FolderLock = { release(): void }

/** What SQLite says of a file that another has. */
const busy = 5

/**
 * Takes a folder, which is made when absent.
 *
 * @throws {FolderLockedError} `RUNTIME_FOLDER_LOCKED`
 */
export function lockFolder(folder: string): FolderLock {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = new DatabaseSync(join(folder, 'lock'), { timeout: 0 })
  try {
    file.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    file.close()
    if ((error as { errcode?: number }).errcode === busy) throw new FolderLockedError(folder)
    throw error
  }
  return { release: () => file.close() }
}

/** Another process, or another part of this one, has the folder. */
export class FolderLockedError extends ZgError<'RUNTIME_FOLDER_LOCKED'> {
  constructor(folder: string) {
    super('RUNTIME_FOLDER_LOCKED', `Cannot use "${folder}": another process does`, { folder })
  }
}
