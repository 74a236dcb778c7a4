/** `zg keys`: accounts (Web3 Secret Storage V3) and validator keys (EIP-2335), made and listed. */

import { resolve } from 'node:path'
import { randomBytes } from 'node:crypto'

import { create, decrypt, defaultScryptModule } from '@chainsafe/bls-keystore'
import type { IKeystore } from '@chainsafe/bls-keystore'
import { blsPublicKeyOf, blsSecretKeyFromSeed } from '@zg/primitives'

import type { CommandInput } from '../command.ts'
import { findKey, listKeys, newKeyPath, writeKey } from '../key-folder.ts'
import type { KeyEntry } from '../key-folder.ts'
import { decryptKey, encryptKey, PasswordWrongError } from '../keystore-v3.ts'
import { readPassword } from '../password.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

export async function runKeysNew(input: CommandInput): Promise<void> {
  const name = input.values.text('name') ?? ''
  newKeyPath(input, name)
  const password = await askPassword(input, name, true)
  const keystore = input.values.isSet('bls') ? await newBlsKey(password) : newAccount(password)
  const entry = writeKey(input, name, keystore)
  showKey(input, entry)
  input.output.line()
  const warning = 'back up the file and the password: without both the key is lost'
  input.output.line(`  ${input.output.paint('warning', warning)}`)
}

export async function runKeysList(input: CommandInput): Promise<void> {
  const { output, program } = input
  const keys = listKeys(input)
  output.json({ keys: keys.map(publicPart) })
  if (keys.length === 0) output.line(`no keys yet; ${program} keys new NAME makes one`)
  const rows = keys.map(({ name, kind, publicId }): Cell[] => [
    { text: name, style: 'strong' },
    { text: kind, style: 'quiet' },
    publicId,
  ])
  for (const line of tableLines(output, rows)) output.line(line)
}

export async function runKeysShow(input: CommandInput): Promise<void> {
  const entry = findKey(input, input.values.text('name') ?? '')
  const isChecked = input.values.isSet('check') || input.values.text('password-file') !== undefined
  if (isChecked) await checkPassword(entry, await askPassword(input, entry.name, false))
  showKey(input, entry)
  if (isChecked) input.output.line(`  ${input.output.paint('good', '✓ the password opens it')}`)
}

function newAccount(password: string): unknown {
  // Almost every 32-byte string is a key; those at or above the group order are drawn again.
  for (;;) {
    try {
      return encryptKey(new Uint8Array(randomBytes(32)), password)
    } catch (error) {
      if ((error as { code?: string }).code !== 'PRIMITIVES_SECRET_KEY_INVALID') throw error
    }
  }
}

async function newBlsKey(password: string): Promise<unknown> {
  const secretKey = blsSecretKeyFromSeed(new Uint8Array(randomBytes(32)))
  // EIP-2335: `path` is empty for a key that comes from no derivation tree.
  return create(password, secretKey, blsPublicKeyOf(secretKey), '', null, defaultScryptModule())
}

async function checkPassword({ kind, keystore }: KeyEntry, password: string): Promise<void> {
  if (kind === 'account') {
    decryptKey(keystore, password)
    return
  }
  try {
    await decrypt(keystore as unknown as IKeystore, password)
  } catch {
    throw new PasswordWrongError()
  }
}

function askPassword(input: CommandInput, what: string, twice: boolean): Promise<string> {
  const file = input.values.text('password-file')
  return readPassword({
    file: file === undefined ? undefined : resolve(input.workingDir, file),
    terminal: { input: process.stdin, output: process.stderr },
    what,
    twice,
  })
}

function showKey({ output }: CommandInput, entry: KeyEntry): void {
  output.json(publicPart(entry))
  const rows = [
    ['name', entry.name],
    ['kind', entry.kind === 'account' ? 'account (keystore V3)' : 'validator (EIP-2335 BLS)'],
    [entry.kind === 'account' ? 'address' : 'public key', entry.publicId],
    ['file', entry.path],
  ].map(([name = '', text = '']): Cell[] => [{ text: name, style: 'quiet' }, text])
  for (const line of tableLines(output, rows)) output.line(line)
}

function publicPart({ name, kind, publicId, path }: KeyEntry): Record<string, string> {
  return { name, kind, [kind === 'account' ? 'address' : 'publicKey']: publicId, path }
}
