/**
 * The TLS certificate of one process: self-signed, P-256, made at start and never stored.
 *
 * It proves nothing but the possession of its own key; who stands behind it is proved by the BLS
 * signature of the handshake over this connection's exported keying material. So its name, serial
 * number and dates carry no meaning and are the same for everybody.
 */

// @peculiar/x509 builds on tsyringe, which wants this polyfill loaded first.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'

import { PemConverter, X509CertificateGenerator } from '@peculiar/x509'

/** A certificate and its private key, as `node:tls` takes them. */
export type TlsCertificate = { readonly certificatePem: string; readonly privateKeyPem: string }

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' }
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' }

/** RFC 5280 §4.1.2.5: this date means that a certificate has no good expiry date. */
const noExpiry = new Date('9999-12-31T23:59:59Z')

/** Makes a fresh key and its certificate. */
export async function createTlsCertificate(): Promise<TlsCertificate> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=zg',
    notBefore: new Date(0),
    notAfter: noExpiry,
    signingAlgorithm,
    keys,
  })
  const privateKey = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    certificatePem: certificate.toString('pem'),
    privateKeyPem: PemConverter.encode(privateKey, 'PRIVATE KEY'),
  }
}
