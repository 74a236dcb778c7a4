/**
 * The validator's BLS key on disk: an EIP-2335 keystore and a file with its password, both readable
 * by their owner only.
 *
 * What the derivation costs is written in the keystore: production files use scrypt or PBKDF2 at
 * 262,144 rounds; those of a local world, whose password lies beside them, a cheap one.
 */

import { readFileSync, statSync } from 'node:fs'

import { decrypt, isValidKeystore } from '@chainsafe/bls-keystore'
import { blsPublicKeyOf, bytesEqual, fromHex, ZgError } from '@zg/primitives'

/** Permission bits of group and others: none may be set. */
const othersMask = 0o077

/** The most bytes of a keystore that are read. */
const keystoreSizeBytesMax = 64 * 1024

/**
 * Returns the 32-byte secret key.
 *
 * @throws {KeystoreUnusableError} `CHAIN_KEYSTORE_UNUSABLE`
 */
export async function readKeystore(paths: {
  readonly keystore: string
  readonly password: string
}): Promise<Uint8Array> {
  const { keystore: path } = paths
  const text = readSecretFile(path)
  // EIP-2335: the password's control characters, a final line break above all, do not count.
  const password = readSecretFile(paths.password).trimEnd()
  const keystore = parseKeystore(path, text)
  let secretKey: Uint8Array
  try {
    secretKey = Uint8Array.from(await decrypt(keystore, password))
  } catch (cause) {
    throw new KeystoreUnusableError(path, 'the password does not open it', cause)
  }
  const named = keystore.pubkey
  if (named !== undefined && !bytesEqual(blsPublicKeyOf(secretKey), fromHex(`0x${named}`))) {
    throw new KeystoreUnusableError(path, 'its key is not the one it names')
  }
  return secretKey
}

function readSecretFile(path: string): string {
  try {
    const { mode, size } = statSync(path)
    if ((mode & othersMask) !== 0) {
      throw new KeystoreUnusableError(path, 'others may read it: run "chmod 600" on it')
    }
    if (size > keystoreSizeBytesMax) throw new KeystoreUnusableError(path, 'it is too large')
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof KeystoreUnusableError) throw cause
    throw new KeystoreUnusableError(path, 'it cannot be read', cause)
  }
}

function parseKeystore(path: string, text: string) {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new KeystoreUnusableError(path, 'it is no JSON', cause)
  }
  if (!isValidKeystore(json)) throw new KeystoreUnusableError(path, 'it is no EIP-2335 keystore')
  return json
}

export class KeystoreUnusableError extends ZgError<'CHAIN_KEYSTORE_UNUSABLE'> {
  constructor(path: string, problem: string, cause?: unknown) {
    const message = `Cannot use the key file "${path}": ${problem}`
    super('CHAIN_KEYSTORE_UNUSABLE', message, { path, problem }, cause)
  }
}
