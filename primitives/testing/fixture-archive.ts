/**
 * Reads the conformance fixtures: `NAME.tar.gz` in `../shared/fixtures` beside the repository.
 *
 * An archive is a plain ustar tar (POSIX.1-1988) under gzip: 512-byte header blocks, each followed
 * by its file's bytes padded to whole blocks, ended by zero blocks. A path is the header's prefix
 * field, a slash, and its name field; no long-name extensions are used, so an entry of any other
 * type than a regular file or a directory is an error.
 *
 * For tests and benches only: it reads the disk, which the rest of this room never does.
 */

import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

import { ZgError } from '../errors.ts'

const fixturesUrl = new URL('../../../shared/fixtures/', import.meta.url)

const blockSizeBytes = 512

/**
 * Returns the files of one archive by path, or undefined when the machine has no fixtures; a test
 * then says so in one line and skips:
 *
 * ```ts
 * const fixture = readFixture('precompiles')
 * test('vectors', { skip: fixture === undefined && fixtureAbsent }, () => {})
 * ```
 *
 * @param archiveName - Without `.tar.gz`.
 * @throws {ArchiveMalformedError} `PRIMITIVES_ARCHIVE_MALFORMED`
 */
export function readFixture(archiveName: string): Map<string, Uint8Array> | undefined {
  const url = new URL(`${archiveName}.tar.gz`, fixturesUrl)
  return existsSync(url) ? readTar(gunzipSync(readFileSync(url))) : undefined
}

/** Why a test of a fixture was skipped. */
export const fixtureAbsent = 'no ../shared/fixtures on this machine'

/** Returns the JSON value in a file of an archive; the caller knows its shape. */
export function parseFixtureJson(file: Uint8Array | undefined): unknown {
  if (file === undefined) throw new ArchiveMalformedError('a file is missing')
  return JSON.parse(new TextDecoder().decode(file))
}

/**
 * Returns the regular files of a ustar archive by path, as views of `tar`.
 *
 * @throws {ArchiveMalformedError} `PRIMITIVES_ARCHIVE_MALFORMED`
 */
export function readTar(tar: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  for (let offset = 0; offset + blockSizeBytes <= tar.length;) {
    const header = tar.subarray(offset, offset + blockSizeBytes)
    if (header.every((byte) => byte === 0)) break
    const sizeBytes = Number.parseInt(textField(header, 124, 12), 8)
    const start = offset + blockSizeBytes
    if (!(start + sizeBytes <= tar.length)) throw new ArchiveMalformedError('bytes end early')
    const type = textField(header, 156, 1)
    if (type !== '0' && type !== '' && type !== '5') {
      throw new ArchiveMalformedError(`an entry of type "${type}"`)
    }
    if (type !== '5') files.set(pathOf(header), tar.subarray(start, start + sizeBytes))
    offset = start + Math.ceil(sizeBytes / blockSizeBytes) * blockSizeBytes
  }
  return files
}

function pathOf(header: Uint8Array): string {
  const name = textField(header, 0, 100)
  const prefix = textField(header, 345, 155)
  return prefix === '' ? name : `${prefix}/${name}`
}

function textField(header: Uint8Array, start: number, sizeBytes: number): string {
  const field = header.subarray(start, start + sizeBytes)
  const end = field.indexOf(0)
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end))
}

export class ArchiveMalformedError extends ZgError<'PRIMITIVES_ARCHIVE_MALFORMED'> {
  constructor(problem: string) {
    super('PRIMITIVES_ARCHIVE_MALFORMED', `Cannot read the archive: ${problem}`, { problem })
  }
}
