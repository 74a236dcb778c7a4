/**
 * The keys a user made: `$ZG_HOME/keys/<name>.json`, owner only.
 *
 * Two kinds, told apart by their own version field: 3 is an account (Web3 Secret Storage), 4 a
 * validator's BLS key (EIP-2335). `devnet --reset` does not touch them.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { dataDirOf } from '@zg/devnet'
import { checksumAddress, fromHex, isHex, ZgError } from '@zg/primitives'

import type { Surroundings } from './command.ts'
import { KeystoreMalformedError } from './keystore-v3.ts'

/** A key file over this size is none. */
const keyFileSizeMaxBytes = 65_536

/** Keys listed at most. */
export const keysListedMax = 1_000

export type KeyEntry = {
  readonly name: string
  readonly path: string
  readonly kind: 'account' | 'validator'
  /** The account's address, or the validator's public key. */
  readonly publicId: string
  /** The parsed file. */
  readonly keystore: Readonly<Record<string, unknown>>
}

export function keyFolderOf({ env, workingDir }: Surroundings): string {
  return join(dataDirOf(env, workingDir), 'keys')
}

/** Returns all keys in the folder, by name; files that are no keys are left out. */
export function listKeys(surroundings: Surroundings): KeyEntry[] {
  const folder = keyFolderOf(surroundings)
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return names
    .sort()
    .slice(0, keysListedMax)
    .flatMap((name) => {
      try {
        return [readKey(join(folder, name), name.slice(0, -'.json'.length))]
      } catch {
        return []
      }
    })
}

/**
 * Returns the key of a name in the folder, or of a file.
 *
 * @throws {KeyUnknownError} `CLI_KEY_UNKNOWN` · `CLI_KEYSTORE_MALFORMED`
 */
export function findKey(surroundings: Surroundings, nameOrFile: string): KeyEntry {
  const named = join(keyFolderOf(surroundings), `${nameOrFile}.json`)
  if (isKeyName(nameOrFile) && existsSync(named)) return readKey(named, nameOrFile)
  const file = resolve(surroundings.workingDir, nameOrFile)
  if (existsSync(file)) return readKey(file, nameOrFile)
  throw new KeyUnknownError(nameOrFile)
}

/**
 * Writes a new key file.
 *
 * @throws {KeyNameInvalidError} `CLI_KEY_NAME_INVALID` · {KeyExistsError} `CLI_KEY_EXISTS`
 */
export function writeKey(surroundings: Surroundings, name: string, keystore: unknown): KeyEntry {
  const path = newKeyPath(surroundings, name)
  mkdirSync(keyFolderOf(surroundings), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(path, `${JSON.stringify(keystore, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new KeyExistsError(name)
    throw error
  }
  return readKey(path, name)
}

/** Where a new key would lie; throws as `writeKey` does, before a password is asked for. */
export function newKeyPath(surroundings: Surroundings, name: string): string {
  if (!isKeyName(name)) throw new KeyNameInvalidError(name)
  const path = join(keyFolderOf(surroundings), `${name}.json`)
  if (existsSync(path)) throw new KeyExistsError(name)
  return path
}

function isKeyName(name: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(name)
}

function readKey(path: string, name: string): KeyEntry {
  if (statSync(path).size > keyFileSizeMaxBytes) throw new KeystoreMalformedError('it is too large')
  const keystore = parse(readFileSync(path, 'utf8'))
  const { version, address, pubkey } = keystore
  if (version === 3 && isHex(`0x${String(address)}`, 20)) {
    const publicId = checksumAddress(fromHex(`0x${String(address)}`))
    return { name, path, kind: 'account', publicId, keystore }
  }
  if (version === 4 && isHex(`0x${String(pubkey)}`, 48)) {
    return { name, path, kind: 'validator', publicId: `0x${String(pubkey)}`, keystore }
  }
  throw new KeystoreMalformedError('it is no version 3 or 4 keystore with a public half')
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Told below, in the same words.
  }
  throw new KeystoreMalformedError('it is no JSON object')
}

export class KeyUnknownError extends ZgError<'CLI_KEY_UNKNOWN'> {
  constructor(name: string) {
    const message = `Cannot find the key "${name}": no key has that name and there is no such file`
    super('CLI_KEY_UNKNOWN', message, { name })
  }
}

export class KeyExistsError extends ZgError<'CLI_KEY_EXISTS'> {
  constructor(name: string) {
    super('CLI_KEY_EXISTS', `Cannot make the key "${name}": there is one of that name`, { name })
  }
}

export class KeyNameInvalidError extends ZgError<'CLI_KEY_NAME_INVALID'> {
  constructor(name: string) {
    const message = `Cannot make a key "${name.slice(0, 80)}": the name has other characters`
    super('CLI_KEY_NAME_INVALID', message)
  }
}
