/**
 * A node's HTTP door: bytes in, bytes out, for dispersers, readers, samplers and browsers.
 *
 *     POST /v1/batches                       a store request     -> the signature, 96 bytes
 *     GET  /v1/batches/<batch>/header                            -> the header of its rows
 *     GET  /v1/batches/<batch>/rows/<list>   3-9,17,40           -> those of them that it holds
 *     GET  /v1/batches/<batch>/root                              -> 0G's signature, 64 bytes
 *     GET  /v1/status                                            -> JSON
 *
 * <batch> is the 88 hex digits of its name. What is refused is JSON {code, message} with a status
 * that says whose fault it is: 400 and 403 the asker's, 402 nobody pays, 404 nothing is here, 408
 * too slow, 409 two commitments, 413 too long, 429 and 507 later, 500 the node's.
 *
 * Who sends or reads slowly holds a turn, of the few that a peer has, until its time is over.
 */

import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'

import { fromHex, ZgError } from '@zg/primitives'
import type { Clock, Logger } from '@zg/runtime'

import { decodeBatchId } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import type { DataShape } from '../chain/data-chain.ts'
import type { DataNode } from './data-node.ts'
import { headersSizeMax } from '../doors/door-limits.ts'
import { openDoor } from '../doors/door-listener.ts'
import { peerOf } from '../doors/peer-address.ts'
import { readBody } from '../doors/request-body.ts'
import { readRowList, rowBytesMax, RowListError } from '../batch/row-list.ts'
import { endAfter, Turns } from '../doors/turns.ts'
import { decodeHeader, storeSizeMax } from '../batch/wire.ts'
import type { RootSigner } from '../zero-gravity/root-signer.ts'

/** A disperser and readers keep some connections each, maybe behind one address. */
const doorLimits = { connections: 512, peerConnections: 128 }
/** Batches that are received or stored at once, each up to the size of a whole one; none waits. */
const bodyTurns = { atOnceMax: 16, waitingMax: 0, waitMsMax: 0, peerMax: 4 } as const
/** Answers of rows that are made or read at once. A reader asks by some connections together. */
const rowTurns = { atOnceMax: 16, waitingMax: 16, waitMsMax: 2_000, peerMax: 8 } as const
const headersWithinMs = 5_000
/** How long a body may take to arrive. */
const bodyWithinMs = 10_000
/** How long it may take from the head of a request to the last byte of an answer that is read. */
const answerWithinMs = 30_000
const connectionsCheckMs = 1_000

export type NodeDoor = {
  readonly url: string
  close(): Promise<void>
}

export type NodeDoorOptions = {
  readonly node: Pick<DataNode, 'store' | 'header' | 'rows' | 'status'>
  /** Where the node signs for 0G's façade as well. */
  readonly roots?: Pick<RootSigner, 'sign'>
  readonly shape: DataShape
  readonly clock: Clock
  readonly log: Logger
  readonly host: string
  /** 0 takes any that is free. */
  readonly port: number
}

export async function openNodeDoor(options: NodeDoorOptions): Promise<NodeDoor> {
  const { clock, log, host, port } = options
  const answer = answerer(options)
  const server = createServer(
    {
      requestTimeout: answerWithinMs,
      headersTimeout: headersWithinMs,
      connectionsCheckingInterval: connectionsCheckMs,
      maxHeaderSize: headersSizeMax,
    },
    (request, response) => {
      const gone = new AbortController()
      const late = clock.setTimer(answerWithinMs, () => response.destroy())
      response.once('close', () => {
        late.cancel()
        gone.abort()
      })
      void answer({ request, response, gone: gone.signal }).catch((error: unknown) => {
        // Who waited for its turn no longer is told nothing.
        if (error !== gone.signal.reason) refuse(response, error, log)
      })
    },
  )
  const door = await openDoor(server, { host, port }, doorLimits)
  return { url: `http://${door.host}:${door.port}`, close: () => door.close() }
}

type Asked = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Aborted when the answer is sent, or nobody waits for it. */
  readonly gone: AbortSignal
}

function answerer({ node, roots, shape, clock }: NodeDoorOptions) {
  const bodies = new Turns({ clock, what: 'batches', ...bodyTurns })
  const answers = new Turns({ clock, what: 'answers', ...rowTurns })

  const store = async (request: IncomingMessage): Promise<Uint8Array> => {
    // Its length is known before a byte is kept.
    if (request.headers['content-length'] === undefined) {
      throw new DoorError('DA_DOOR_LENGTH', 'Its length is not said')
    }
    const endTurn = await bodies.take(peerOf(request.socket.remoteAddress))
    try {
      const bounds = { sizeMax: storeSizeMax(shape), msMax: bodyWithinMs, clock }
      return await node.store(await readBody(request, bounds))
    } finally {
      endTurn()
    }
  }

  /** A turn with what is read from the disk: it is held until it is read by who asked. */
  const inTurn = async <T>(read: () => Promise<T>, { request, gone }: Asked): Promise<T> => {
    const endTurn = await answers.take(peerOf(request.socket.remoteAddress), gone)
    const work = read()
    endAfter(endTurn, work, gone)
    return work
  }

  const rows = async (batch: BatchId, list: string, asked: Asked) => {
    const indexes = readRowList(list, shape.codedRows)
    return inTurn(() => rowsOf(batch, indexes), asked)
  }

  /** A header, or 0G's signature, before which all rows of the batch are read. */
  const present = async (read: () => Promise<Uint8Array | undefined>, asked: Asked) => {
    const found = await inTurn(read, asked)
    if (found === undefined) throw new DoorError('DA_DOOR_ABSENT', 'Nothing is here of it')
    return found
  }

  const rowsOf = async (batch: BatchId, indexes: readonly number[]): Promise<Uint8Array> => {
    const header = await node.header(batch)
    const rowSize = header === undefined ? 0 : decodeHeader(header, shape).rowSize
    if (indexes.length * rowSize > rowBytesMax) {
      throw new RowListError(`More than ${rowBytesMax} bytes of rows are listed`)
    }
    return node.rows(batch, indexes)
  }

  return async (asked: Asked): Promise<void> => {
    const { request, response } = asked
    // Rows prove themselves, so any page may ask.
    response.setHeader('access-control-allow-origin', '*')
    const { method, url = '' } = request
    const parts = url.split('/').slice(1)
    if (method === 'POST' && url === '/v1/batches') return send(response, await store(request))
    if (method !== 'GET') throw new DoorError('DA_DOOR_METHOD', `No ${String(method)} is taken`)
    if (url === '/v1/status') return sendJson(response, 200, node.status)
    if (parts[0] === 'v1' && parts[1] === 'batches') {
      const batch = batchOf(parts[2])
      if (parts.length === 4 && parts[3] === 'header') {
        return send(response, await present(() => node.header(batch), asked))
      }
      if (parts.length === 4 && parts[3] === 'root') {
        return send(response, await present(async () => roots?.sign(batch), asked))
      }
      if (parts.length === 5 && parts[3] === 'rows') {
        return send(response, await rows(batch, parts[4]!, asked))
      }
    }
    throw new DoorError('DA_DOOR_ROUTE', 'There is no such path')
  }
}

function batchOf(name = ''): BatchId {
  if (!/^[0-9a-f]{88}$/.test(name)) throw new DoorError('DA_DOOR_ROUTE', 'There is no such path')
  return decodeBatchId(fromHex(`0x${name}`))
}

const statusOf = {
  DA_DOOR_ABSENT: 404,
  DA_DOOR_LENGTH: 411,
  DA_DOOR_METHOD: 405,
  DA_DOOR_ROUTE: 404,
  DA_BATCH_ID: 400,
  DA_BODY: 400,
  DA_BODY_LATE: 408,
  DA_BODY_SIZE: 413,
  DA_EQUIVOCATION: 409,
  DA_MALFORMED: 400,
  DA_OVERLOADED: 429,
  DA_QUOTA: 507,
  DA_ROW_LIST: 400,
  DA_STORE_REFUSED: 403,
  DA_EPOCH_CLOSED: 403,
  DA_EPOCH_EARLY: 503,
  DA_UNPAID: 402,
  CODING_COMMITMENT: 400,
} as const satisfies Readonly<Record<string, number>>

function refuse(response: ServerResponse, error: unknown, log: Logger): void {
  const status = error instanceof ZgError ? statusBy(error.code) : 500
  if (status === 500) log.error('a request failed', { error: String(error) })
  if (response.headersSent) return void response.destroy()
  const known = error instanceof ZgError && status !== 500
  const code = known ? error.code : 'DA_DOOR_FAILED'
  const message = known ? error.message : 'The node failed; its log says why'
  // What is left of the body is not waited for.
  response.setHeader('connection', 'close')
  sendJson(response, status, { code, message })
}

function send(response: ServerResponse, bytes: Uint8Array): void {
  response.setHeader('content-type', 'application/octet-stream')
  response.end(bytes)
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.statusCode = status
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(value))
}

function statusBy(code: string): number {
  const statuses: Readonly<Record<string, number>> = statusOf
  return statuses[code] ?? 500
}

type DoorCode = Extract<keyof typeof statusOf, `DA_DOOR_${string}`>

/** What is wrong with a request before it comes to the node. */
export class DoorError extends ZgError<DoorCode> {
  constructor(code: DoorCode, message: string) {
    super(code, message)
  }
}
