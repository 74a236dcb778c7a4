/**
 * Who signs a transaction: a development account, a keystore, or a file with a bare key.
 *
 * Keys of the local world (development accounts, its operators, its deployer) sign for the running
 * world alone: a chain whose genesis block is another one is refused, whatever its chain id says.
 */

import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

import { dataDirOf, readDeployerKey, readOperatorKey } from '@zg/devnet'
import { addressOfSecretKey, fromHex, isHex, toHex, ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { CommandInput } from './command.ts'
import { asking, clientOf, findWorld } from './endpoint.ts'
import type { Endpoint, RunningWorld } from './endpoint.ts'
import { findKey } from './key-folder.ts'
import type { KeyEntry } from './key-folder.ts'
import { decryptKey } from './keystore-v3.ts'
import { readPassword } from './password.ts'

/**
 * Returns the secret key that the flags name; development account 0 when they name none.
 *
 * @throws {ForeignChainError} `CLI_FOREIGN_CHAIN` · {KeyFileInvalidError} `CLI_KEY_FILE_INVALID` ·
 *   {KeyFileOpenError} `CLI_KEY_FILE_OPEN` · {KeyKindError} `CLI_KEY_KIND` ·
 *   {SignersManyError} `CLI_USAGE` · {OperatorKeyMissingError} `CLI_OPERATOR_KEY_MISSING` · what
 *   `findKey`, `readPassword` and `decryptKey` throw.
 */
export async function readAccountKey(input: CommandInput, endpoint: Endpoint): Promise<Hex> {
  const { values } = input
  const index = values.integer('from')
  const operator = values.integer('operator')
  const isDeployer = values.isSet('deployer')
  const files = [values.text('keystore'), values.text('key-file')]
  const flags = [...files, index, operator, isDeployer || undefined]
  if (flags.filter((flag) => flag !== undefined).length > 1) throw new SignersManyError()
  const own = await readOwnKey(input)
  if (own !== undefined) return own
  const world = await ownWorld(input, endpoint)
  const home = dataDirOf(input.env, input.workingDir)
  if (isDeployer) return readDeployerKey(home)
  if (operator !== undefined) {
    const key = readOperatorKey(home, operator)
    if (key === undefined) throw new OperatorKeyMissingError(operator)
    return key
  }
  const account = world.file.accounts[index ?? 0]
  if (account === undefined) throw new ForeignChainError(endpoint.url)
  return account.privateKey
}

/**
 * Returns the secret key of a file that the flags name: no key of the local world.
 *
 * @throws {KeyFileInvalidError} `CLI_KEY_FILE_INVALID` · {KeyFileOpenError} `CLI_KEY_FILE_OPEN` ·
 *   {KeyKindError} `CLI_KEY_KIND` · {SignersManyError} `CLI_USAGE` · what `findKey`, `readPassword`
 *   and `decryptKey` throw.
 */
export async function readOwnKey(input: CommandInput): Promise<Hex | undefined> {
  const keystore = input.values.text('keystore')
  const keyFile = input.values.text('key-file')
  if (keystore !== undefined && keyFile !== undefined) throw new SignersManyError()
  if (keystore !== undefined) return keyOfKeystore(input, findKey(input, keystore))
  return keyFile === undefined ? undefined : keyOfFile(resolve(input.workingDir, keyFile))
}

/** The running world, of which the endpoint is a chain. */
async function ownWorld(input: CommandInput, endpoint: Endpoint): Promise<RunningWorld> {
  const world = endpoint.world ?? findWorld(input)
  if (world === undefined) throw new ForeignChainError(endpoint.url)
  if (endpoint.world === undefined) {
    const chains = [world.file.l1, ...world.file.networks]
    const genesis = await asking(endpoint, () => clientOf(endpoint).getBlock({ blockNumber: 0n }))
    if (!chains.some((chain) => chain?.genesisHash === genesis.hash)) {
      throw new ForeignChainError(endpoint.url)
    }
  }
  return world
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
    const message = `Cannot sign for ${url} with a key of the local world: it does not run there`
    super('CLI_FOREIGN_CHAIN', message, { url })
  }
}

export class SignersManyError extends ZgError<'CLI_USAGE'> {
  constructor() {
    const problem = 'flags that say who signs exclude each other'
    super('CLI_USAGE', `Cannot read the command line: ${problem}`, { problem })
  }
}

export class OperatorKeyMissingError extends ZgError<'CLI_OPERATOR_KEY_MISSING'> {
  constructor(operator: number) {
    const message = `Cannot sign as operator ${operator}: the running world has no key of it`
    super('CLI_OPERATOR_KEY_MISSING', message, { operator })
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
