/** What op-batcher and op-node ask an alt-DA server, and what they check themselves. */

import assert from 'node:assert/strict'

import { concat, keccak256, toHex } from '@zg/primitives'

export class OpClient {
  readonly url: string

  constructor(port: number) {
    this.url = `http://127.0.0.1:${port}`
  }

  /** Generic commitments: the server says what the commitment is. */
  async put(blob: Uint8Array): Promise<Uint8Array> {
    const response = await this.send('POST', '/put', blob)
    assert.equal(response.status, 200)
    return new Uint8Array(await response.arrayBuffer())
  }

  /** Keccak commitments: the client knows. */
  async putKeccak(blob: Uint8Array): Promise<Uint8Array> {
    const commitment = keccakCommitment(blob)
    const response = await this.send('POST', `/put/${toHex(commitment)}`, blob)
    assert.equal(response.status, 200)
    assert.equal(await response.text(), '')
    return commitment
  }

  /** A keccak commitment is checked here as op-node does; another one is believed. */
  async get(commitment: Uint8Array): Promise<Uint8Array> {
    const response = await fetch(`${this.url}/get/${toHex(commitment)}`)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'application/octet-stream')
    const blob = new Uint8Array(await response.arrayBuffer())
    if (commitment[0] === 0) assert.deepEqual(keccak256(blob), commitment.subarray(1))
    return blob
  }

  send(method: string, path: string, body?: Uint8Array): Promise<Response> {
    const headers = { 'content-type': 'application/octet-stream' }
    return fetch(this.url + path, { method, headers, ...(body && { body: Buffer.from(body) }) })
  }

  async statusOf(method: string, path: string, body?: Uint8Array): Promise<number> {
    const response = await this.send(method, path, body)
    await response.arrayBuffer()
    return response.status
  }
}

export function keccakCommitment(blob: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0), keccak256(blob))
}
