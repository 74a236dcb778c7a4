/** The paths every `Disk` takes: relative, `/` between names, no way out of the root. */

import { ZgError } from '@zg/primitives'

/** Ends the name of a file that `writeFile` has not finished; no caller may use it. */
export const unfinishedSuffix = '.unfinished'

const pathLengthMax = 1_024

/**
 * Returns the names of a path.
 *
 * @throws {DiskPathInvalidError} `RUNTIME_DISK_PATH_INVALID` for an absolute or empty path, `.`,
 *   `..`, a zero character or a reserved name.
 */
export function splitDiskPath(path: string): readonly string[] {
  const names = path.split('/')
  const isBad = (name: string): boolean =>
    name === '' || name === '.' || name === '..' || name.includes('\0') || name.includes('\\')
  if (path.length > pathLengthMax || names.some(isBad) || path.endsWith(unfinishedSuffix)) {
    throw new DiskPathInvalidError(path)
  }
  return names
}

export class DiskPathInvalidError extends ZgError<'RUNTIME_DISK_PATH_INVALID'> {
  constructor(path: string) {
    super('RUNTIME_DISK_PATH_INVALID', `Cannot use the path "${path}": it is not a relative path`, {
      path,
    })
  }
}
