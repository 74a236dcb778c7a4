/**
 * From a TCP connection to a proved peer: TLS 1.3 with a certificate on both sides, then the
 * hellos. Everything here ends with the socket handed over or destroyed; a caller's timer destroys
 * a socket that takes too long, which ends the handshake too.
 */

import { connect } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'

import { bytesEqual, ZgError } from '@zg/primitives'

import type { TlsCertificate } from './certificate.ts'
import {
  checkHello,
  decodeHello,
  digestOfStatement,
  encodeHello,
  HelloInvalidError,
  helloSizeBytes,
  keyingMaterialLabel,
  keyingMaterialSizeBytes,
} from './hello.ts'
import type { Lane, SignMessage, Statement } from './hello.ts'

/** The application protocol both ends must name (RFC 7301). */
export const applicationProtocol = 'zg/1'

/** Who we are to others. */
export type Identity = {
  /** 48 bytes. */
  readonly publicKey: Uint8Array
  readonly sign: SignMessage
  /** 32 bytes: hash of the network and genesis; both ends must run the same. */
  readonly context: Uint8Array
}

/** TLS settings that hold on both sides: 1.3 only, a certificate from both, no resumption. */
export function tlsSettings(certificate: TlsCertificate) {
  return {
    cert: certificate.certificatePem,
    key: certificate.privateKeyPem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ALPNProtocols: [applicationProtocol],
    // Certificates are self-signed: the hello proves the peer, over keying material of this
    // connection.
    rejectUnauthorized: false,
  } satisfies ConnectionOptions
}

/**
 * Dials a peer and proves both ends.
 *
 * @param options.peerKey - The 48-byte key that must answer.
 * @param options.onSocket - Given the socket at once, so that the caller can destroy it.
 * @throws {HelloInvalidError} `P2P_HELLO_INVALID` · {HandshakeBrokenError} `P2P_HANDSHAKE_BROKEN`
 */
export async function dialPeer(options: {
  identity: Identity
  certificate: TlsCertificate
  host: string
  port: number
  lane: Lane
  peerKey: Uint8Array
  onSocket: (socket: TLSSocket) => void
}): Promise<TLSSocket> {
  const { identity, certificate, host, port, lane, peerKey, onSocket } = options
  const socket = connect({ ...tlsSettings(certificate), host, port })
  onSocket(socket)
  try {
    await secured(socket)
    const said = { lane, dialerKey: identity.publicKey, listenerKey: peerKey }
    const keyingMaterial = exportKeyingMaterial(socket)
    const statement = { ...said, context: identity.context, keyingMaterial }
    await sayHello(socket, identity, { ...statement, role: 'dialer' })
    const answer = decodeHello(await readExactly(socket, helloSizeBytes))
    checkHello(answer, { ...statement, role: 'listener' })
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/**
 * Hears who dialed, and answers if it may come in.
 *
 * @param options.isAllowed - Whether a 48-byte key may connect; asked before anything costly.
 * @throws {HelloInvalidError} `P2P_HELLO_INVALID` · {HandshakeBrokenError} `P2P_HANDSHAKE_BROKEN`
 */
export async function answerPeer(options: {
  identity: Identity
  socket: TLSSocket
  isAllowed: (key: Uint8Array) => boolean
}): Promise<{ publicKey: Uint8Array; lane: Lane }> {
  const { identity, socket, isAllowed } = options
  try {
    const keyingMaterial = exportKeyingMaterial(socket)
    const hello = decodeHello(await readExactly(socket, helloSizeBytes))
    const { lane, publicKey } = hello
    if (bytesEqual(publicKey, identity.publicKey)) throw new HelloInvalidError('it is our own key')
    if (!isAllowed(publicKey)) throw new HelloInvalidError('its key is not allowed')
    const said = { lane, dialerKey: publicKey, listenerKey: identity.publicKey }
    const statement = { ...said, context: identity.context, keyingMaterial }
    checkHello(hello, { ...statement, role: 'dialer' })
    await sayHello(socket, identity, { ...statement, role: 'listener' })
    return { publicKey, lane }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function sayHello(
  socket: TLSSocket,
  identity: Identity,
  statement: Statement,
): Promise<void> {
  const signature = await identity.sign(digestOfStatement(statement))
  const { publicKey, context } = identity
  socket.write(encodeHello({ lane: statement.lane, context, publicKey, signature }))
}

/** @throws {HandshakeBrokenError} `P2P_HANDSHAKE_BROKEN` without a certificate or our protocol. */
function exportKeyingMaterial(socket: TLSSocket): Uint8Array {
  if (socket.destroyed) throw new HandshakeBrokenError('the other end closed it')
  if (socket.alpnProtocol !== applicationProtocol) {
    throw new HandshakeBrokenError('the other end speaks another protocol')
  }
  if (socket.getPeerX509Certificate() === undefined) {
    throw new HandshakeBrokenError('the other end showed no certificate')
  }
  // RFC 9266 §2 asks for no context; to OpenSSL an empty one is the same in TLS 1.3 (RFC 8446
  // §7.5).
  const context = Buffer.alloc(0)
  return socket.exportKeyingMaterial(keyingMaterialSizeBytes, keyingMaterialLabel, context)
}

function secured(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause?: NodeJS.ErrnoException): void => {
      reject(new HandshakeBrokenError(cause?.code ?? 'the other end closed it', cause))
    }
    socket.once('secureConnect', resolve)
    socket.on('error', fail)
    socket.once('close', () => fail())
  })
}

/** Reads so many bytes and leaves the rest in the socket. */
function readExactly(socket: TLSSocket, sizeBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      socket.off('readable', attempt)
      socket.off('end', fail)
      socket.off('close', fail)
    }
    const fail = (): void => {
      finish()
      reject(new HandshakeBrokenError('the other end closed it'))
    }
    const attempt = (): void => {
      const bytes = socket.read(sizeBytes) as Uint8Array | null
      if (bytes === null) return
      // At its end a stream gives fewer bytes than asked for.
      if (bytes.length < sizeBytes) return fail()
      finish()
      resolve(new Uint8Array(bytes))
    }
    socket.on('readable', attempt)
    socket.once('end', fail)
    socket.once('close', fail)
    attempt()
  })
}

export class HandshakeBrokenError extends ZgError<'P2P_HANDSHAKE_BROKEN'> {
  constructor(problem: string, cause?: unknown) {
    super('P2P_HANDSHAKE_BROKEN', `Cannot finish the handshake: ${problem}`, { problem }, cause)
  }
}
