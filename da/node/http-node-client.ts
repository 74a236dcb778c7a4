/** Asks nodes over HTTP (node-door.ts). An answer is bounded by what was asked. */

import { Agent, request as send } from 'node:http'
import type { IncomingMessage } from 'node:http'

import { signatureSizeBytes } from '@zg/consensus'
import { ZgError } from '@zg/primitives'

import { batchKey } from '../batch/batch.ts'
import { BytesIn } from '../doors/bytes-in.ts'
import type { DataShape } from '../chain/data-chain.ts'
import { UnavailableError } from '../doors/dispersal.ts'
import type { NodeClient } from './node-client.ts'
import { writeRowList } from '../batch/row-list.ts'
import { headerSizeMax, rowsSizeMax } from '../batch/wire.ts'
import { bn254SignatureSize } from '../zero-gravity/bn254.ts'
import type { RootClient } from '../zero-gravity/root-courier.ts'

/** Connections to one node. */
const socketsMax = 8
/** Bytes of a refusal. */
const refusalSizeMax = 4_096

/** `close` ends the connections that are kept. */
export function httpNodeClient(shape: DataShape): NodeClient & RootClient & { close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: socketsMax, maxFreeSockets: 2 })
  const get = (
    base: string,
    path: string,
    { signal, sizeMax }: { signal: AbortSignal; sizeMax: number },
  ): Promise<Answer> => ask(new URL(path, base), { agent, signal }, sizeMax)
  return {
    async store(url, request, signal) {
      const target = new URL('/v1/batches', url)
      return bodyOf(await ask(target, { agent, signal }, signatureSizeBytes, request))
    },
    async header(url, batch, signal) {
      const sizeMax = headerSizeMax(shape)
      const answer = await get(url, `/v1/batches/${batchKey(batch)}/header`, { signal, sizeMax })
      return answer.status === 404 ? undefined : bodyOf(answer)
    },
    async rows(url, batch, indexes, signal) {
      const path = `/v1/batches/${batchKey(batch)}/rows/${writeRowList(indexes)}`
      const sizeMax = rowsSizeMax(indexes.length, shape)
      return bodyOf(await get(url, path, { signal, sizeMax }))
    },
    async root(url, batch, signal) {
      const sizeMax = bn254SignatureSize
      return bodyOf(await get(url, `/v1/batches/${batchKey(batch)}/root`, { signal, sizeMax }))
    },
    close: () => agent.destroy(),
  }
}

type Answer = { readonly status: number; readonly body: Uint8Array }

function ask(
  url: URL,
  options: { readonly agent: Agent; readonly signal: AbortSignal },
  sizeMax: number,
  body?: Uint8Array,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  if (url.protocol !== 'http:') throw new UnavailableError(`${url.protocol} is not asked`)
  const method = body === undefined ? 'GET' : 'POST'
  const headers = body === undefined ? {} : { 'content-length': body.length }
  const asked = send(url, { ...options, method, headers }, (response) => {
    const status = response.statusCode ?? 0
    const isGood = status === 200
    collect(response, isGood ? sizeMax : refusalSizeMax).then(
      (bytes) => resolve({ status, body: bytes }),
      reject,
    )
  })
  asked.on('error', (cause) => {
    reject(new UnavailableError(`${url.host} does not answer (${cause.message})`))
  })
  asked.end(body)
  return promise
}

async function collect(response: IncomingMessage, sizeMax: number): Promise<Uint8Array> {
  const body = new BytesIn(sizeMax, Number(response.headers['content-length'] ?? 0))
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    if (body.take(piece)) continue
    response.destroy()
    throw new UnavailableError(`an answer is longer than ${sizeMax} bytes`)
  }
  return body.whole()
}

function bodyOf({ status, body }: Answer): Uint8Array {
  if (status === 200) return body
  throw new NodeRefusedError(status, new TextDecoder().decode(body))
}

/** A node's word that it does not do what it was asked. */
export class NodeRefusedError extends ZgError<'DA_NODE_REFUSED'> {
  /** Of HTTP. */
  readonly status: number

  constructor(status: number, answer: string) {
    super('DA_NODE_REFUSED', `A node refuses (${status}): ${answer.slice(0, 200)}`, { status })
    this.status = status
  }
}
