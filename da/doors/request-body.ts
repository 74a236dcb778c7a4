/** Reads the body of an HTTP request within a size and a time. */

import type { IncomingMessage } from 'node:http'

import { ZgError } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import { BytesIn } from './bytes-in.ts'
import { limitSending } from './sending-limit.ts'

/**
 * Resolves with the whole body.
 *
 * @throws {BodySizeError} `DA_BODY_SIZE` · {BodyLateError} `DA_BODY_LATE` ·
 *   {BodyMalformedError} `DA_BODY`: it is cut off
 */
export function readBody(
  request: IncomingMessage,
  { sizeMax, msMax, clock }: { sizeMax: number; msMax: number; clock: Clock },
): Promise<Uint8Array> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > sizeMax) return Promise.reject(new BodySizeError(sizeMax))
  return new Promise((resolve, reject) => {
    let body = new BytesIn(sizeMax, declared)
    const stop = (error: ZgError): void => {
      late.cancel()
      request.removeAllListeners('data')
      request.pause()
      body = new BytesIn(0)
      reject(error)
    }
    const onLate = (): void => stop(new BodyLateError())
    const late = limitSending({ clock, msMax, size: () => body.size, onLate })
    request.on('data', (chunk: Buffer) => {
      if (!body.take(chunk)) stop(new BodySizeError(sizeMax))
    })
    request.once('end', () => {
      late.cancel()
      resolve(body.whole())
      body = new BytesIn(0)
    })
    request.once('close', () => stop(new BodyMalformedError()))
  })
}

export class BodySizeError extends ZgError<'DA_BODY_SIZE'> {
  constructor(sizeMax: number) {
    super('DA_BODY_SIZE', `Cannot take more than ${sizeMax} bytes`, { sizeMax })
  }
}

export class BodyLateError extends ZgError<'DA_BODY_LATE'> {
  constructor() {
    super('DA_BODY_LATE', 'The body was not sent in time', {})
  }
}

export class BodyMalformedError extends ZgError<'DA_BODY'> {
  constructor() {
    super('DA_BODY', 'Cannot read the body: it is cut off', {})
  }
}
