/** gRPC by hand, for calls that no client would make. */

import { connect } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { TestContext } from 'node:test'

import { bigintToBytes, concat } from '@zg/primitives'

export class RawGrpcClient {
  readonly session: ClientHttp2Session

  /** From an address of its own, it is a client of its own. */
  constructor(t: TestContext, port: number, localAddress = '127.0.0.1') {
    const socket = connectTcp({ port, host: '127.0.0.1', localAddress })
    this.session = connect(`http://127.0.0.1:${port}`, { createConnection: () => socket })
    this.session.on('error', () => undefined)
    t.after(() => this.session.destroy())
  }

  open(method: string, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': `/disperser.Disperser/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    stream.on('error', () => undefined)
    return stream
  }

  async call(method: string, body: Uint8Array, headers: OutgoingHttpHeaders = {}) {
    const stream = this.open(method, headers)
    stream.end(body)
    return outcomeOf(stream)
  }
}

/** Resolves with the headers and trailers of an answer when its call is over. */
export async function outcomeOf(stream: ClientHttp2Stream) {
  let headers: Record<string, unknown> = {}
  stream.on('response', (own) => (headers = { ...headers, ...own }))
  stream.on('trailers', (own) => (headers = { ...headers, ...own }))
  stream.resume()
  await new Promise((resolve) => stream.once('close', resolve))
  return headers
}

/** A message as it stands on a stream. */
export function frame(message: Uint8Array, flag = 0): Uint8Array {
  return concat(Uint8Array.of(flag), bigintToBytes(BigInt(message.length), 4), message)
}
