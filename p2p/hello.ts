/**
 * The hello: who stands at the end of a TLS connection.
 *
 *     hello  = version u8 | lane u8 | context 32 | public key 48 | signature 96        (178 bytes)
 *     signed = sha256(tag 16 | context 32 | keying material 32 | role u8 | lane u8
 *                     | dialer's key 48 | listener's key 48)
 *
 * `tag` is "zg/tls" and ten zeros; `role` is 1 for the dialer's signature, 2 for the listener's;
 * `lane` is what the connection carries; `context` is the hash of what both must run (network and
 * genesis). The keying material is the TLS exporter of RFC 9266 (label "EXPORTER-Channel-Binding",
 * no context, 32 bytes), which differs in every connection: a signature taken from one is worth
 * nothing in another, nor can a machine in the middle use it, having two connections of its own.
 * The role keeps a signature from being sent back to its maker, the keys name who was meant, and
 * nobody talks to its own key.
 *
 * The dialer speaks first and knows whom it called; the listener answers only a dialer it accepted.
 */

import {
  blsPublicKeySizeBytes,
  blsSignatureSizeBytes,
  blsVerify,
  bytesEqual,
  concat,
  parseBlsPublicKey,
  sha256,
  ZgError,
} from '@zg/primitives'

/** What a connection carries: votes, or blocks and gossip. */
export type Lane = 'vote' | 'bulk'

export type Role = 'dialer' | 'listener'

export type Hello = {
  readonly lane: Lane
  readonly context: Uint8Array
  readonly publicKey: Uint8Array
  readonly signature: Uint8Array
}

/** Signs 32 bytes with a validator's BLS key, which may live in another process. */
export type SignMessage = (message: Uint8Array) => Uint8Array | Promise<Uint8Array>

/** What the signature of one end of a connection says. */
export type Statement = {
  readonly context: Uint8Array
  readonly keyingMaterial: Uint8Array
  readonly role: Role
  readonly lane: Lane
  readonly dialerKey: Uint8Array
  readonly listenerKey: Uint8Array
}

/** Size of a hello, in bytes: the same for both ends. */
export const helloSizeBytes = 2 + 32 + blsPublicKeySizeBytes + blsSignatureSizeBytes

/** RFC 9266 §2. */
export const keyingMaterialLabel = 'EXPORTER-Channel-Binding'
export const keyingMaterialSizeBytes = 32

const version = 1
const roleCode: Readonly<Record<Role, number>> = { dialer: 1, listener: 2 }
const laneCode: Readonly<Record<Lane, number>> = { vote: 1, bulk: 2 }

const tag = new Uint8Array(16)
tag.set(new TextEncoder().encode('zg/tls'))

/** The 32 bytes that one end of a connection signs. */
export function digestOfStatement(statement: Statement): Uint8Array {
  const { context, keyingMaterial, role, lane, dialerKey, listenerKey } = statement
  const codes = Uint8Array.of(roleCode[role], laneCode[lane])
  return sha256(concat(tag, context, keyingMaterial, codes, dialerKey, listenerKey))
}

/** Writes a hello: `helloSizeBytes` bytes. */
export function encodeHello(hello: Hello): Uint8Array {
  const head = Uint8Array.of(version, laneCode[hello.lane])
  return concat(head, hello.context, hello.publicKey, hello.signature)
}

/**
 * Reads a hello.
 *
 * @param bytes - Exactly `helloSizeBytes` bytes.
 * @throws {HelloInvalidError} `P2P_HELLO_INVALID` for another version or an unknown lane.
 */
export function decodeHello(bytes: Uint8Array): Hello {
  if (bytes.length !== helloSizeBytes) throw new HelloInvalidError('its size is wrong')
  if (bytes[0] !== version) throw new HelloInvalidError('its version is not spoken here')
  const lane = laneOf(bytes[1])
  const keyStart = 2 + 32
  const signatureStart = keyStart + blsPublicKeySizeBytes
  return {
    lane,
    context: bytes.slice(2, keyStart),
    publicKey: bytes.slice(keyStart, signatureStart),
    signature: bytes.slice(signatureStart),
  }
}

/**
 * Checks that `hello` was made by the other end of this very connection.
 *
 * @param statement - What the signature must say.
 * @throws {HelloInvalidError} `P2P_HELLO_INVALID` when lane, context, key or signature is not so.
 */
export function checkHello(hello: Hello, statement: Statement): void {
  const { role, dialerKey, listenerKey } = statement
  const theirKey = role === 'dialer' ? dialerKey : listenerKey
  const ourKey = role === 'dialer' ? listenerKey : dialerKey
  if (hello.lane !== statement.lane) throw new HelloInvalidError('its lane is another')
  if (!bytesEqual(hello.context, statement.context)) {
    throw new HelloInvalidError('it is of another network')
  }
  if (!bytesEqual(hello.publicKey, theirKey)) throw new HelloInvalidError('its key is another')
  if (bytesEqual(theirKey, ourKey)) throw new HelloInvalidError('it claims our own key')
  const publicKey = parseBlsPublicKey(hello.publicKey)
  if (!blsVerify(publicKey, digestOfStatement(statement), hello.signature)) {
    throw new HelloInvalidError('its signature is not of this connection')
  }
}

function laneOf(code: number | undefined): Lane {
  if (code === laneCode.vote) return 'vote'
  if (code === laneCode.bulk) return 'bulk'
  throw new HelloInvalidError('its lane is unknown')
}

export class HelloInvalidError extends ZgError<'P2P_HELLO_INVALID'> {
  constructor(problem: string) {
    super('P2P_HELLO_INVALID', `Cannot accept the hello: ${problem}`, { problem })
  }
}
