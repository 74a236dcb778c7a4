/**
 * Who signs a transaction: a development account, a keystore, or a file with a bare key.
 *
 * Development keys are public, so they sign for the running local world alone: a chain whose
 * genesis block is another one is refused, whatever its chain id says.
 */

import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

import { addressOfSecretKey, fromHex, isHex, toHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { CommandInput } from './command.ts'
import { asking, clientOf, findWorld } from './endpoint.ts'
import type { Endpoint } from './endpoint.ts'
import { findKey } from './key-folder.ts'
import type { KeyEntry } from './key-folder.ts'
import { decryptKey } from './keystore-v3.ts'
import { readPassword } from './password.ts'

/**
 * Returns the secret key that the flags name; development account 0 when they name none.
 *
 * @throws {ForeignChainError} `CLI_FOREIGN_CHAIN` · {KeyFileInvalidError} `CLI_KEY_FILE_INVALID` ·
 *   {KeyFileOpenError} `CLI_KEY_FILE_OPEN` · {KeyKindError} `CLI_KEY_KIND` ·
 *   {SignersManyError} `CLI_SIGNERS_MANY` · what `findKey`, `readPassword` and `decryptKey` throw.
 */
export async function readAccountKey(input: CommandInput, endpoint: Endpoint): Promise<Hex> {
  const keystore = input.values.text('keystore')
  const keyFile = input.values.text('key-file')
  const index = input.values.integer('from')
  const named = [keystore, keyFile, index].filter((flag) => flag !== undefined)
  if (named.length > 1) throw new SignersManyError()
  if (keystore !== undefined) return keyOfKeystore(input, findKey(input, keystore))
  if (keyFile !== undefined) return keyOfFile(resolve(input.workingDir, keyFile))
  return devKey(input, endpoint, index ?? 0)
}

async function devKey(input: CommandInput, endpoint: Endpoint, index: number): Promise<Hex> {
  const world = endpoint.world ?? findWorld(input)
  const account = world?.file.accounts[index]
  if (world === undefined || account === undefined) throw new ForeignChainError(endpoint.url)
  if (endpoint.world === undefined) {
    const chains = [world.file.l1, ...world.file.networks]
    const genesis = await asking(endpoint, () => clientOf(endpoint).getBlock({ blockNumber: 0n }))
    if (!chains.some((chain) => chain?.genesisHash === genesis.hash)) {
      throw new ForeignChainError(endpoint.url)
    }
  }
  return account.privateKey
}

async function keyOfKeystore(input: CommandInput, entry: KeyEntry): Promise<Hex> {
  if (entry.kind !== 'account') throw new KeyKindError(entry.name)
  const file = input.values.text('password-file')
  const password = await readPassword({
    file: file === undefined ? undefined : resolve(input.workingDir, file),
    terminal: { input: process.stdin, output: process.stderr },
    what: entry.name,
  })
  return toHex(decryptKey(entry.keystore, password))
}

function keyOfFile(path: string): Hex {
  const { mode } = statSync(path)
  // Another user of this machine could read it: no key to sign with.
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw new KeyFileOpenError(path)
  const text = readFileSync(path, 'utf8').trim()
  const hex = text.startsWith('0x') ? text : `0x${text}`
  if (!isHex(hex, 32) || !isSecretKey(fromHex(hex))) throw new KeyFileInvalidError(path)
  return hex
}

function isSecretKey(bytes: Uint8Array): boolean {
  try {
    addressOfSecretKey(bytes)
    return true
  } catch {
    return false
  }
}

export class ForeignChainError extends ZgError<'CLI_FOREIGN_CHAIN'> {
  constructor(url: string) {
    const message = `Cannot sign for ${url} with a development key: it is not the running world`
    super('CLI_FOREIGN_CHAIN', message, { url })
  }
}

export class SignersManyError extends ZgError<'CLI_USAGE'> {
  constructor() {
    const problem = '--from, --keystore and --key-file exclude each other'
    super('CLI_USAGE', `Cannot read the command line: ${problem}`, { problem })
  }
}

export class KeyFileInvalidError extends ZgError<'CLI_KEY_FILE_INVALID'> {
  constructor(path: string) {
    const message = `Cannot use the key in "${path}": it is no 32-byte secret key in hex`
    super('CLI_KEY_FILE_INVALID', message, { path })
  }
}

export class KeyFileOpenError extends ZgError<'CLI_KEY_FILE_OPEN'> {
  constructor(path: string) {
    const message = `Cannot use the key in "${path}": others may read the file`
    super('CLI_KEY_FILE_OPEN', message, { path })
  }
}

export class KeyKindError extends ZgError<'CLI_KEY_KIND'> {
  constructor(name: string) {
    const message = `Cannot sign a transaction with "${name}": it is a validator's BLS key`
    super('CLI_KEY_KIND', message, { name })
  }
}
