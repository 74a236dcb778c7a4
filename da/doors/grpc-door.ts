/**
 * The disperser's gRPC door: disperser.proto, which 0G's clients speak (docs/specs/da.md §10).
 *
 * A blob has its batch to itself, so that `storage_root`, the batch's commitment, names it with
 * epoch and quorum. What 0G's messages have no field for travels as metadata:
 *
 *     zg-request-id-bin   the request's id (32); else the blob is one request an epoch
 *     zg-voucher-bin      payer (20) ‖ total (32) ‖ signature (65); else a quota of the peer pays
 *     zg-code             with a refusal: the stable code of what is wrong
 *
 * A blob is held from its first byte until it is durable, or until its client has read it, and only
 * so many at once.
 */

import { bytesToBigint, ZgError } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import {
  blobFieldSize,
  blobStatus,
  MessageMalformedError,
  readDisperseRequest,
  readRetrieveRequest,
  readStatusRequest,
  writeDisperseReply,
  writeRetrieveReply,
  writeStatusReply,
} from './disperser-messages.ts'
import {
  blobSizeMax,
  BlobSizeError,
  BlobUnknownError,
  requestIdSize,
  RequestUnknownError,
} from './dispersal.ts'
import type { BlobReader, Dispersal, RequestStatus, Voucher } from './dispersal.ts'
import { commitmentSize } from '../batch/batch.ts'
import type { BatchName } from '../chain/data-chain.ts'
import * as limits from './door-limits.ts'
import type { Door, Place } from './door-listener.ts'
import { GrpcMessageSizeError, grpcStatus } from './grpc-message.ts'
import { startGrpcServer } from './grpc-server.ts'
import type { GrpcCall, GrpcMethod, GrpcRefusal } from './grpc-server.ts'
import { endAfter, Turns } from './turns.ts'

/** The port that 0G's clients expect. */
export const grpcPort = 51_001

/** Greatest of the other requests, with room for fields of later versions. */
const smallRequestSizeMax = 1_024
const quorumMax = 2n ** 32n - 1n
const voucherSize = 20 + 32 + 65

export type GrpcDoorOptions = Place & {
  readonly dispersal: Dispersal
  readonly reader: BlobReader
  readonly clock: Clock
  /** What is our fault: the client is told no more than that. */
  readonly onInternalError: (error: unknown) => void
}

/**
 * Opens the door and resolves once it listens.
 *
 * @throws {DoorListenFailedError} `DA_DOOR_LISTEN_FAILED`
 */
export function startGrpcDoor(options: GrpcDoorOptions): Promise<Door> {
  const { dispersal, clock, host, port, onInternalError } = options
  const methods = new Map<string, GrpcMethod>([
    ['/disperser.Disperser/DisperseBlob', disperseBlob(options)],
    ['/disperser.Disperser/GetBlobStatus', (call) => getBlobStatus(call, dispersal)],
    ['/disperser.Disperser/RetrieveBlob', retrieveBlob(options)],
  ])
  const refusalOf = (error: unknown): GrpcRefusal => refusal(error, onInternalError)
  return startGrpcServer({ methods, refusalOf, clock, host, port })
}

function disperseBlob({ dispersal, clock }: GrpcDoorOptions): GrpcMethod {
  const turns = new Turns({ clock, what: 'uploads', ...limits.uploadTurns })
  return async (call) => {
    const { peer, headers } = call
    const requestId = readMetadata(headers, 'zg-request-id-bin', requestIdSize)
    const voucher = readVoucher(headers)
    const endTurn = await turns.take(peer, call.signal)
    try {
      const blob = await readBlob(call)
      const id = await dispersal.submit(blob, {
        peer,
        isAlone: true,
        ...(requestId && { requestId }),
        ...(voucher && { voucher }),
      })
      return [writeDisperseReply(blobStatus.processing, id)]
    } finally {
      endTurn()
    }
  }
}

async function getBlobStatus(call: GrpcCall, dispersal: Dispersal): Promise<Uint8Array[]> {
  const requestId = readStatusRequest(await call.read(smallRequestSizeMax))
  // Of another length it is nobody's: not asked for, so that no store sees keys of any length.
  const isId = requestId.length === requestIdSize
  const status = isId ? await dispersal.statusOf(requestId) : undefined
  if (status === undefined) throw new RequestUnknownError()
  const handle = 'handle' in status ? status.handle : undefined
  return [writeStatusReply(blobStatusOf(status), handle)]
}

function retrieveBlob({ reader, clock }: GrpcDoorOptions): GrpcMethod {
  const turns = new Turns({ clock, what: 'reads', ...limits.downloadTurns })
  return async (call) => {
    const { storageRoot, epoch, quorum } = readRetrieveRequest(await call.read(smallRequestSizeMax))
    if (storageRoot.length !== commitmentSize) {
      throw new MessageMalformedError(`a storage root has ${commitmentSize} bytes`)
    }
    if (quorum > quorumMax) throw new BlobUnknownError(`there is no quorum ${quorum}`)
    const endTurn = await turns.take(call.peer, call.signal)
    const name = { commitment: storageRoot, epoch, quorum: Number(quorum) }
    const work = readNamed(reader, name, call.signal)
    // The blob is held until its client has read it; and a read goes on when its client is gone.
    endAfter(endTurn, work, call.signal)
    return writeRetrieveReply(await work)
  }
}

async function readNamed(
  reader: BlobReader,
  name: BatchName,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const handle = await reader.find(name)
  if (handle === undefined) throw new BlobUnknownError('no record has this root')
  return reader.read(handle, signal)
}

async function readBlob(call: GrpcCall): Promise<Uint8Array> {
  try {
    const blob = readDisperseRequest(await call.read(blobFieldSize + blobSizeMax))
    if (blob.length === 0 || blob.length > blobSizeMax) throw new BlobSizeError(blob.length)
    return blob
  } catch (error) {
    if (!(error instanceof GrpcMessageSizeError)) throw error
    throw new BlobSizeError(error.sizeBytes - blobFieldSize)
  }
}

function blobStatusOf(status: RequestStatus): (typeof blobStatus)[keyof typeof blobStatus] {
  if (status.state !== 'failed') return blobStatus[status.state]
  // What too few members signed may be sent again, to a quorum of another draw.
  return status.code === 'DA_UNAVAILABLE' ? blobStatus.insufficientSignatures : blobStatus.failed
}

function readVoucher(headers: GrpcCall['headers']): Voucher | undefined {
  const bytes = readMetadata(headers, 'zg-voucher-bin', voucherSize)
  if (bytes === undefined) return undefined
  return {
    payer: bytes.subarray(0, 20),
    total: bytesToBigint(bytes.subarray(20, 52)),
    signature: bytes.subarray(52),
  }
}

/** The bytes of a metadata entry whose name ends in `-bin`: base64, padded or not. */
function readMetadata(
  headers: GrpcCall['headers'],
  name: string,
  size: number,
): Uint8Array | undefined {
  const text = headers[name]
  if (text === undefined) return undefined
  const bytes = Buffer.from(String(text), 'base64')
  // Decoding skips what is no base64, so what comes back is compared.
  const isBase64 = bytes.toString('base64').replace(/=+$/, '') === String(text).replace(/=+$/, '')
  if (!isBase64 || bytes.length !== size) throw new MetadataMalformedError(name, size)
  return new Uint8Array(bytes)
}

/** gRPC's status of an error that is not ours, by its code. */
const statusOfCode: Readonly<Record<string, GrpcRefusal['status']>> = {
  DA_BLOB_SIZE: grpcStatus.invalidArgument,
  DA_MESSAGE: grpcStatus.invalidArgument,
  DA_METADATA: grpcStatus.invalidArgument,
  DA_GRPC_MALFORMED: grpcStatus.invalidArgument,
  DA_GRPC_SIZE: grpcStatus.invalidArgument,
  DA_REQUEST_DIFFERS: grpcStatus.invalidArgument,
  DA_GRPC_LATE: grpcStatus.deadlineExceeded,
  DA_GRPC_COMPRESSED: grpcStatus.unimplemented,
  DA_GRPC_METHOD_UNKNOWN: grpcStatus.unimplemented,
  DA_OVERLOADED: grpcStatus.resourceExhausted,
  DA_UNPAID: grpcStatus.resourceExhausted,
  DA_UNAVAILABLE: grpcStatus.unavailable,
  DA_REQUEST_UNKNOWN: grpcStatus.notFound,
  DA_BLOB_UNKNOWN: grpcStatus.notFound,
  DA_BATCH_VOID: grpcStatus.dataLoss,
}

function refusal(error: unknown, onInternalError: (error: unknown) => void): GrpcRefusal {
  const status = error instanceof ZgError ? statusOfCode[error.code] : undefined
  if (error instanceof ZgError && status !== undefined) {
    return { status, message: error.message, code: error.code }
  }
  onInternalError(error)
  const message = 'The disperser has failed; it says why in its log'
  return { status: grpcStatus.internal, message, code: 'DA_INTERNAL' }
}

/** Metadata of the right name and another form. */
export class MetadataMalformedError extends ZgError<'DA_METADATA'> {
  constructor(name: string, size: number) {
    super('DA_METADATA', `Cannot read "${name}": it is not ${size} bytes in base64`, { name, size })
  }
}
