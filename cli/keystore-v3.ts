/**
 * Account keys under a password: Web3 Secret Storage, version 3, as geth, ethers and MetaMask write
 * it.
 *
 *     derived = scrypt(password, salt, n, r, p, 32)          or PBKDF2-HMAC-SHA256, when reading
 *     ciphertext = AES-128-CTR(derived[0..16], iv, key)
 *     mac = keccak256(derived[16..32] ‖ ciphertext)
 *
 * A file from outside may ask for any cost; what would take more than `scryptMemoryMaxBytes`,
 * `scryptWorkMax` or `pbkdf2RoundsMax` is refused instead of tried.
 */

import {
  createCipheriv,
  createDecipheriv,
  pbkdf2Sync,
  randomBytes,
  randomUUID,
  scryptSync,
  timingSafeEqual,
} from 'node:crypto'

import { addressOfSecretKey, concat, isHex, keccak256, toHex, ZgError } from '@zg/primitives'

/** Cost of new files: what geth uses, about half a second and 256 MiB. */
export const scryptCost = { n: 262_144, r: 8, p: 1 } as const

export const scryptMemoryMaxBytes = 536_870_912

/** Bound on n · r · p: eight times the usual cost. */
export const scryptWorkMax = 16_777_216

/** What the library may take: a little more than the mix itself. */
const scryptAllowance = 2 * scryptMemoryMaxBytes

export const pbkdf2RoundsMax = 10_000_000

/** The file, as far as we write it. */
export type KeystoreV3 = {
  readonly version: 3
  readonly id: string
  /** 40 hex digits, no 0x. */
  readonly address: string
  readonly crypto: {
    readonly cipher: 'aes-128-ctr'
    readonly cipherparams: { readonly iv: string }
    readonly ciphertext: string
    readonly kdf: 'scrypt'
    readonly kdfparams: { dklen: 32; n: number; r: number; p: number; salt: string }
    readonly mac: string
  }
}

/** Encrypts a 32-byte secret key. */
export function encryptKey(
  secretKey: Uint8Array,
  password: string,
  cost: { n: number; r: number; p: number } = scryptCost,
): KeystoreV3 {
  const salt = randomBytes(32)
  const iv = randomBytes(16)
  const derived = scryptSync(password.normalize('NFKC'), salt, 32, {
    N: cost.n,
    r: cost.r,
    p: cost.p,
    maxmem: scryptAllowance,
  })
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv)
  const ciphertext = cipher.update(secretKey)
  return {
    version: 3,
    id: randomUUID(),
    address: bare(addressOfSecretKey(secretKey)),
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: bare(iv) },
      ciphertext: bare(ciphertext),
      kdf: 'scrypt',
      kdfparams: { dklen: 32, ...cost, salt: bare(salt) },
      mac: bare(macOf(derived, ciphertext)),
    },
  }
}

/**
 * Returns the 32-byte secret key of a file.
 *
 * @throws {KeystoreMalformedError} `CLI_KEYSTORE_MALFORMED`
 * @throws {PasswordWrongError} `CLI_PASSWORD_WRONG`
 */
export function decryptKey(keystore: unknown, password: string): Uint8Array {
  const file = record(keystore, 'the file')
  // ethers writes "Crypto", as version 1 files did.
  const crypto = record(file['crypto'] ?? file['Crypto'], '"crypto"')
  if (crypto['cipher'] !== 'aes-128-ctr') {
    throw new KeystoreMalformedError('its cipher is not aes-128-ctr')
  }
  const ciphertext = hexOf(crypto['ciphertext'], 'ciphertext', 32)
  const iv = hexOf(record(crypto['cipherparams'], '"cipherparams"')['iv'], 'iv', 16)
  const mac = hexOf(crypto['mac'], 'mac', 32)
  const derived = deriveKey(crypto, password)
  if (!timingSafeEqual(mac, macOf(derived, ciphertext))) throw new PasswordWrongError()
  const decipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), iv)
  return new Uint8Array(decipher.update(ciphertext))
}

function deriveKey(crypto: Readonly<Record<string, unknown>>, password: string): Uint8Array {
  const params = record(crypto['kdfparams'], '"kdfparams"')
  const salt = hexOf(params['salt'], 'salt')
  if (params['dklen'] !== 32) throw new KeystoreMalformedError('its derived key is not 32 bytes')
  const secret = password.normalize('NFKC')
  if (crypto['kdf'] === 'scrypt') {
    const { n, r, p } = params
    if (!isCount(n) || !isCount(r) || !isCount(p) || (n & (n - 1)) !== 0) {
      throw new KeystoreMalformedError('its scrypt cost makes no sense')
    }
    // RFC 7914 §2: N < 2^(128·r/8). The definition's own scrypt example (n 2^18, r 1) is outside
    // it, and OpenSSL will not compute it.
    if (n >= 2 ** (16 * r)) throw new KeystoreMalformedError('its scrypt cost is outside RFC 7914')
    // RFC 7914: 128 · r · n bytes of memory; p such mixes one after the other.
    if (128 * r * n > scryptMemoryMaxBytes || n * r * p > scryptWorkMax) {
      throw new KeystoreMalformedError('its scrypt cost is beyond our limit')
    }
    return scryptSync(secret, salt, 32, { N: n, r, p, maxmem: scryptAllowance })
  }
  const { c, prf } = params
  if (crypto['kdf'] !== 'pbkdf2' || prf !== 'hmac-sha256' || !isCount(c) || c > pbkdf2RoundsMax) {
    throw new KeystoreMalformedError('its key derivation is not scrypt or PBKDF2 within our limits')
  }
  return pbkdf2Sync(secret, salt, c, 32, 'sha256')
}

function macOf(derived: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return keccak256(concat(derived.subarray(16, 32), ciphertext))
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) {
    throw new KeystoreMalformedError(`${what} is no object`)
  }
  return value as Record<string, unknown>
}

function hexOf(value: unknown, field: string, sizeBytes?: number): Uint8Array {
  const hex = `0x${String(value)}`
  if (typeof value !== 'string' || !isHex(hex, sizeBytes) || hex.length % 2 !== 0) {
    throw new KeystoreMalformedError(`"${field}" is no hex of the right size`)
  }
  return Buffer.from(value, 'hex')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0 && (value as number) < 2 ** 31
}

function bare(bytes: Uint8Array): string {
  return toHex(bytes).slice(2)
}

export class KeystoreMalformedError extends ZgError<'CLI_KEYSTORE_MALFORMED'> {
  constructor(problem: string) {
    super('CLI_KEYSTORE_MALFORMED', `Cannot read the keystore: ${problem}`, { problem })
  }
}

export class PasswordWrongError extends ZgError<'CLI_PASSWORD_WRONG'> {
  constructor() {
    super('CLI_PASSWORD_WRONG', 'Cannot open the key: the password is wrong')
  }
}
