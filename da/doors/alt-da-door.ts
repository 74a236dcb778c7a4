/**
 * The alt-DA server that op-batcher and op-node of an OP Stack rollup ask (docs/specs/da.md §10).
 *
 *     POST /put               bytes -> the encoded generic commitment, raw
 *     POST /put/0x00<keccak>  bytes -> nothing; refused unless that is their hash
 *     GET  /get/0x<hex>       -> the bytes, raw
 *     GET  /health            -> OK
 *
 * A put is answered when the certificate is formed, and a batcher to which 503 is said posts its
 * data to L1 instead. What a get returns went through the reader's full path, and a keccak
 * commitment is held against the bytes once more on the way out. A 418 tells derivation to drop the
 * commitment, for ever: it is said only of what is void for every reader.
 *
 * A request whose id failed before is sent as another: a batch of the next sequence, mostly of
 * another quorum. No page of a browser is served: none may spend what this server pays for.
 */

import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

import { bytesEqual, keccak256, sha256, ZgError } from '@zg/primitives'
import type { Clock, Disk } from '@zg/runtime'

import {
  encodeGenericCommitment,
  keccakInputSizeMax,
  parseCommitment,
} from './alt-da-commitment.ts'
import type { AltDaCommitment } from './alt-da-commitment.ts'
import type { BlobHandle } from '../batch/batch.ts'
import { readBody } from './request-body.ts'
import { blobSizeMax, BlobSizeError, BlobUnknownError, RequestFailedError } from './dispersal.ts'
import type { BlobReader, Dispersal } from './dispersal.ts'
import * as limits from './door-limits.ts'
import { openDoor } from './door-listener.ts'
import type { Door, Place } from './door-listener.ts'
import { KeccakIndex } from './keccak-index.ts'
import { peerOf } from './peer-address.ts'
import { endAfter, Turns } from './turns.ts'

/** The port that guides of the OP Stack name. */
export const altDaPort = 3_100

/** Times that one blob is sent in an epoch before its failure is final. */
const sendsMax = 16

export type AltDaDoorOptions = Place & {
  readonly dispersal: Dispersal
  readonly reader: BlobReader
  /** Where it keeps what keccak commitments stand for; nobody else's. */
  readonly disk: Disk
  /** Epochs after its own in which a blob may be read. */
  readonly keptEpochs: bigint
  readonly presentEpoch: () => Promise<bigint>
  readonly clock: Clock
  /** What is our fault: the client is told no more than that. */
  readonly onInternalError: (error: unknown) => void
}

type Asked = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly peer: string
  /** Aborted when the connection is gone, or the answer sent. */
  readonly signal: AbortSignal
}

type Answer = {
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Opens the door and resolves once it listens.
 *
 * @throws {DoorListenFailedError} `DA_DOOR_LISTEN_FAILED`
 */
export async function startAltDaDoor(options: AltDaDoorOptions): Promise<Door> {
  const { disk, keptEpochs, presentEpoch, onInternalError } = options
  const index = await KeccakIndex.open({ disk, keptEpochs, presentEpoch })
  const altDa = new AltDa(options, index)
  const server = createServer(
    {
      headersTimeout: limits.headersMsMax,
      requestTimeout: limits.uploadTurns.waitMsMax + limits.requestMsMax,
      keepAliveTimeout: limits.idleMsMax,
      connectionsCheckingInterval: limits.connectionsCheckMs,
      maxHeaderSize: limits.headersSizeMax,
      insecureHTTPParser: false,
    },
    (request, response) => {
      altDa.serve(request, response).catch((error: unknown) => {
        onInternalError(error)
        response.destroy()
      })
    },
  )
  server.maxHeadersCount = limits.headersCountMax
  server.on('clientError', (_error: Error, socket: Duplex) => {
    if (!socket.writable) return void socket.destroy()
    const line = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'
    socket.end(line, () => socket.destroy())
  })
  const door = await openDoor(server, options)
  return {
    ...door,
    async close() {
      await door.close()
      await index.close()
    },
  }
}

class AltDa {
  readonly #options: AltDaDoorOptions
  readonly #index: KeccakIndex
  readonly #uploads: Turns
  readonly #downloads: Turns

  constructor(options: AltDaDoorOptions, index: KeccakIndex) {
    const { clock } = options
    this.#options = options
    this.#index = index
    this.#uploads = new Turns({ clock, what: 'uploads', ...limits.uploadTurns })
    this.#downloads = new Turns({ clock, what: 'reads', ...limits.downloadTurns })
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const over = new AbortController()
    response.once('close', () => over.abort(new ClientGoneError()))
    response.on('error', () => response.destroy())
    const peer = peerOf(request.socket.remoteAddress)
    try {
      const answer = await this.#answer({ request, response, peer, signal: over.signal })
      this.#send(response, answer)
    } catch (error) {
      if (over.signal.aborted) return
      this.#send(response, refusal(error, this.#options.onInternalError))
    }
  }

  #answer(asked: Asked): Promise<Answer> {
    const { method = '', url = '', headers } = asked.request
    if (headers.origin !== undefined) throw new PageRefusedError()
    const [path = ''] = url.split('?', 1)
    if (path === '/health') {
      checkMethod(method, ['GET'])
      return Promise.resolve(textAnswer(200, 'OK'))
    }
    const [, verb, text = ''] = /^\/(put|get)(?:\/(.*))?$/.exec(path) ?? []
    if (verb === 'put') {
      checkMethod(method, ['POST', 'PUT'])
      return this.#put(asked, text === '' ? undefined : parseCommitment(text))
    }
    if (verb !== 'get') throw new RouteUnknownError(path)
    checkMethod(method, ['GET'])
    return this.#get(asked, parseCommitment(text))
  }

  async #put(asked: Asked, commitment: AltDaCommitment | undefined): Promise<Answer> {
    if (commitment?.kind === 'generic') throw new CommitmentGivenError()
    const id = await this.#submit(asked, commitment?.hash)
    const handle = await this.#certified(id, asked.signal)
    if (commitment !== undefined) {
      await this.#index.put(commitment.hash, handle)
      return bytesAnswer(new Uint8Array(0))
    }
    return bytesAnswer(encodeGenericCommitment(handle))
  }

  /** Resolves with the id of a request that is durable; the blob is held no longer. */
  async #submit(asked: Asked, hash: Uint8Array | undefined): Promise<Uint8Array> {
    const { peer, signal, request } = asked
    const { dispersal, clock } = this.#options
    if (hash !== undefined) await this.#index.checkRoom()
    const endTurn = await this.#uploads.take(peer, signal)
    try {
      const sizeMax = hash === undefined ? blobSizeMax : keccakInputSizeMax
      const blob = await readBody(request, { sizeMax, msMax: limits.requestMsMax, clock })
      if (blob.length === 0) throw new BlobSizeError(0)
      if (hash !== undefined && !bytesEqual(keccak256(blob), hash)) throw new KeccakDiffersError()
      return await this.#sendAgain(blob, peer, await dispersal.submit(blob, { peer }))
    } finally {
      endTurn()
    }
  }

  /** The id of the request that has not failed: the first, or another that stands in for it. */
  async #sendAgain(blob: Uint8Array, peer: string, first: Uint8Array): Promise<Uint8Array> {
    const { dispersal } = this.#options
    let id = first
    for (let sends = 1; ; sends++) {
      const status = await dispersal.statusOf(id)
      if (status?.state !== 'failed') return id
      if (sends === sendsMax) throw new RequestFailedError(status.code, status.message)
      id = await dispersal.submit(blob, { peer, requestId: sha256(id) })
    }
  }

  async #certified(id: Uint8Array, signal: AbortSignal): Promise<BlobHandle> {
    const { dispersal, clock } = this.#options
    const late = new AbortController()
    const timer = clock.setTimer(limits.certificateMsMax, () => late.abort(new PutLateError()))
    try {
      return await dispersal.certified(id, AbortSignal.any([signal, late.signal]))
    } catch (error) {
      // Whatever a disperser says of a wait that was given up.
      late.signal.throwIfAborted()
      throw error
    } finally {
      timer.cancel()
    }
  }

  async #get(asked: Asked, commitment: AltDaCommitment): Promise<Answer> {
    const { signal, peer } = asked
    const endTurn = await this.#downloads.take(peer, signal)
    const work = this.#read(commitment, signal)
    // The blob is held until its client has read it; and a read goes on when its client is gone.
    endAfter(endTurn, work, signal)
    return bytesAnswer(await work)
  }

  async #read(commitment: AltDaCommitment, signal: AbortSignal): Promise<Uint8Array> {
    const { reader } = this.#options
    if (commitment.kind === 'generic') return reader.read(commitment.handle, signal)
    const handle = this.#index.get(commitment.hash)
    if (handle === undefined) throw new BlobUnknownError('this server took none of this keccak in')
    const blob = await reader.read(handle, signal)
    if (!bytesEqual(keccak256(blob), commitment.hash)) throw new KeccakReadError()
    return blob
  }

  #send(response: ServerResponse, { status, contentType, body, headers }: Answer): void {
    if (response.destroyed) return
    const { req } = response
    // A client that still sends what is refused would not read why if it were hung up on.
    if (!req.complete) discardRest(req)
    response.writeHead(status, {
      'content-type': contentType,
      'content-length': body.length,
      'x-content-type-options': 'nosniff',
      ...headers,
    })
    const late = this.#options.clock.setTimer(limits.answerMsMax, () => response.destroy())
    response.once('close', () => late.cancel())
    response.end(body)
  }
}

function discardRest(request: IncomingMessage): void {
  let left = blobSizeMax
  request.removeAllListeners('data')
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) request.destroy()
  })
  request.resume()
}

function checkMethod(method: string, allowed: readonly string[]): void {
  if (!allowed.includes(method)) throw new MethodRefusedError(allowed)
}

function bytesAnswer(body: Uint8Array): Answer {
  return { status: 200, contentType: 'application/octet-stream', body }
}

function textAnswer(status: number, text: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: Buffer.from(`${text}\n`) }
}

/** HTTP's status of an error that is not ours, by its code. */
const statusOfCode: Readonly<Record<string, number>> = {
  DA_COMMITMENT: 400,
  DA_COMMITMENT_GIVEN: 400,
  DA_KECCAK_DIFFERS: 400,
  DA_BODY: 400,
  DA_PAGE_REFUSED: 403,
  DA_ROUTE_UNKNOWN: 404,
  DA_BLOB_UNKNOWN: 404,
  DA_METHOD_REFUSED: 405,
  DA_BODY_LATE: 408,
  DA_REQUEST_DIFFERS: 409,
  DA_BODY_SIZE: 413,
  DA_BLOB_SIZE: 413,
  DA_HANDLE: 418,
  DA_BATCH_VOID: 418,
  DA_OVERLOADED: 429,
  DA_UNPAID: 429,
  DA_REQUEST_FAILED: 503,
  DA_PUT_LATE: 503,
  DA_UNAVAILABLE: 503,
}

/** Why a commitment is dropped, as derivation reads it. */
const droppedAs: Readonly<Record<string, number>> = {
  DA_HANDLE: 1,
  DA_BLOB_UNKNOWN: 3,
  DA_BATCH_VOID: 4,
}

/** HTTP's status of an error whose code alone does not say it. */
function statusOf({ code, data }: ZgError): number | undefined {
  if (code === 'DA_BLOB_SIZE' && data['sizeBytes'] === 0) return 400
  if (code === 'DA_BLOB_UNKNOWN' && data['isForever'] === true) return 418
  return undefined
}

function refusal(error: unknown, onInternalError: (error: unknown) => void): Answer {
  const known = error instanceof ZgError ? statusOfCode[error.code] : undefined
  if (!(error instanceof ZgError) || known === undefined) {
    onInternalError(error)
    return textAnswer(500, 'The server has failed; it says why in its log')
  }
  const status = statusOf(error) ?? known
  const headers = {
    'zg-code': error.code,
    ...(error instanceof MethodRefusedError && { allow: error.allowed }),
  }
  if (status !== 418) return { ...textAnswer(status, error.message), headers }
  const dropped = { StatusCode: droppedAs[error.code], Msg: error.message }
  const body = Buffer.from(JSON.stringify(dropped))
  return { status, contentType: 'application/json', body, headers }
}

export class RouteUnknownError extends ZgError<'DA_ROUTE_UNKNOWN'> {
  constructor(path: string) {
    super('DA_ROUTE_UNKNOWN', `There is no "${path.slice(0, 64)}", only /put, /get and /health`, {})
  }
}

export class MethodRefusedError extends ZgError<'DA_METHOD_REFUSED'> {
  readonly allowed: string

  constructor(allowed: readonly string[]) {
    super('DA_METHOD_REFUSED', `Cannot serve this method: ask by ${allowed.join(' or ')}`, {})
    this.allowed = allowed.join(', ')
  }
}

export class PageRefusedError extends ZgError<'DA_PAGE_REFUSED'> {
  constructor() {
    super('DA_PAGE_REFUSED', 'Cannot serve pages of a browser: the request has an Origin', {})
  }
}

export class CommitmentGivenError extends ZgError<'DA_COMMITMENT_GIVEN'> {
  constructor() {
    super(
      'DA_COMMITMENT_GIVEN',
      'Cannot put under a generic commitment: it is what put answers',
      {},
    )
  }
}

export class KeccakDiffersError extends ZgError<'DA_KECCAK_DIFFERS'> {
  constructor() {
    super('DA_KECCAK_DIFFERS', 'Cannot put under this keccak commitment: it is of other bytes', {})
  }
}

/** The certificate was not formed in time; it may be later, and the same put will find it. */
export class PutLateError extends ZgError<'DA_PUT_LATE'> {
  constructor() {
    super('DA_PUT_LATE', 'The blob is taken in, and not certified in time', {})
  }
}

/** What was read is not what its keccak commitment says: a fault of ours, kept from the client. */
export class KeccakReadError extends ZgError<'DA_KECCAK_READ'> {
  constructor() {
    super('DA_KECCAK_READ', 'The bytes that were read have another keccak256', {})
  }
}

class ClientGoneError extends ZgError<'DA_CLIENT_GONE'> {
  constructor() {
    super('DA_CLIENT_GONE', 'The client is gone', {})
  }
}
