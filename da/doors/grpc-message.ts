/**
 * Messages of gRPC on a stream: flag u8 (1: compressed) | size u32 | message.
 *
 * One a call, never compressed.
 */

import { ZgError } from '@zg/primitives'

/** Numbers of gRPC's statuses. */
export const grpcStatus = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
} as const

const headSize = 5

/** A message of several parts, and what stands before it. */
export function frameOf(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const head = Buffer.alloc(headSize)
  head.writeUInt32BE(
    parts.reduce((size, part) => size + part.length, 0),
    1,
  )
  return [head, ...parts]
}

/** One message as it comes in: no more is kept of it than there is. */
export class IncomingMessage {
  readonly #sizeMax: number
  readonly #head = Buffer.alloc(headSize)
  #headSize = 0
  #bytes: Buffer | undefined
  #size = 0

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  /** Takes what came; an error when it is no beginning of one message of this size. */
  take(chunk: Buffer): ZgError | undefined {
    let rest = chunk
    if (this.#bytes === undefined) {
      const size = chunk.copy(this.#head, this.#headSize)
      this.#headSize += size
      rest = chunk.subarray(size)
      if (this.#headSize < headSize) return undefined
      const error = this.#begin()
      if (error !== undefined) return error
    }
    const left = (this.#bytes?.length ?? 0) - this.#size
    if (rest.length > left) return new GrpcMalformedError('bytes follow its message')
    this.#bytes?.set(rest, this.#size)
    this.#size += rest.length
    return undefined
  }

  /** Bytes of it that came. */
  get size(): number {
    return this.#size
  }

  /** What came, when it is whole; it is held here no longer. */
  release(): Uint8Array | undefined {
    const bytes = this.#bytes
    this.#bytes = undefined
    return bytes?.length === this.#size ? bytes : undefined
  }

  #begin(): ZgError | undefined {
    if (this.#head[0] !== 0) return new GrpcCompressedError()
    const size = this.#head.readUInt32BE(1)
    if (size > this.#sizeMax) return new GrpcMessageSizeError(size, this.#sizeMax)
    this.#bytes = Buffer.allocUnsafeSlow(size)
    return undefined
  }
}

export class GrpcMalformedError extends ZgError<'DA_GRPC_MALFORMED'> {
  constructor(problem: string) {
    super('DA_GRPC_MALFORMED', `Cannot read the call: ${problem}`, { problem })
  }
}

export class GrpcCompressedError extends ZgError<'DA_GRPC_COMPRESSED'> {
  constructor() {
    super('DA_GRPC_COMPRESSED', 'Cannot read the call: its message is compressed', {})
  }
}

export class GrpcMessageSizeError extends ZgError<'DA_GRPC_SIZE'> {
  readonly sizeBytes: number

  constructor(sizeBytes: number, sizeMax: number) {
    const message = `Cannot read the call: a message of ${sizeBytes} bytes, where ${sizeMax} may be`
    super('DA_GRPC_SIZE', message, { sizeBytes, sizeMax })
    this.sizeBytes = sizeBytes
  }
}
