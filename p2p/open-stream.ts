/**
 * One question and one answer on a libp2p stream: each side sends one message and closes its end.
 *
 *     message = size u32 | bytes
 *
 * The size tells a whole message from one that a lost connection cut short, and is checked before
 * anything is kept for it.
 */

import type { Stream } from '@libp2p/interface'
import { ZgError } from '@zg/primitives'

/** Bytes handed to a stream at once. */
const chunkSizeBytes = 64 * 1_024

const headSizeBytes = 4

/**
 * Reads the one message of the other side. Begin before anything is sent: what a stream told while
 * nobody listened is not told again.
 *
 * @throws {OpenMessageInvalidError} `P2P_OPEN_MESSAGE_INVALID` for more bytes than allowed or said,
 *   the stream cut off; {@link OpenMessageCutError} `P2P_OPEN_MESSAGE_CUT` for fewer.
 */
export function readMessage(stream: Stream, sizeBytesMax: number): Promise<Uint8Array> {
  const reader = new MessageReader(sizeBytesMax)
  return new Promise((resolve, reject) => {
    const onEnd = (): void => reject(new OpenMessageCutError(reader.sizeBytes))
    stream.addEventListener('message', ({ data }) => {
      try {
        const message = reader.push(data.subarray())
        if (message !== undefined) resolve(message)
      } catch (error) {
        reject(error)
        stream.abort(error instanceof Error ? error : new Error(String(error)))
      }
    })
    stream.addEventListener('end', onEnd)
    stream.addEventListener('close', onEnd)
    // It may have ended before it was ours; what it held then is told in this turn.
    if (stream.readableEnded) setImmediate(onEnd)
  })
}

/** Collects one message. */
class MessageReader {
  readonly #sizeBytesMax: number
  readonly #head = new Uint8Array(headSizeBytes)
  #message: Uint8Array | undefined
  /** Bytes received, the head's included. */
  sizeBytes = 0

  constructor(sizeBytesMax: number) {
    this.#sizeBytesMax = sizeBytesMax
  }

  /** Takes the next bytes; returns the message once it is whole. */
  push(bytes: Uint8Array): Uint8Array | undefined {
    const headBytes = bytes.subarray(0, Math.max(0, headSizeBytes - this.sizeBytes))
    if (headBytes.length > 0) this.#head.set(headBytes, this.sizeBytes)
    const rest = bytes.subarray(headBytes.length)
    const offset = this.sizeBytes + headBytes.length - headSizeBytes
    this.sizeBytes += bytes.length
    if (this.sizeBytes < headSizeBytes) return undefined
    this.#message ??= this.#allocate()
    if (offset + rest.length > this.#message.length) {
      throw new OpenMessageInvalidError('bytes come after its end')
    }
    this.#message.set(rest, offset)
    return offset + rest.length === this.#message.length ? this.#message : undefined
  }

  #allocate(): Uint8Array {
    const sizeBytes = new DataView(this.#head.buffer).getUint32(0)
    if (sizeBytes > this.#sizeBytesMax) {
      throw new OpenMessageInvalidError(`it has over ${this.#sizeBytesMax} bytes`)
    }
    return new Uint8Array(sizeBytes)
  }
}

/** Sends a message, given in parts, and closes our end. */
export async function sendMessage(
  stream: Stream,
  parts: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<void> {
  const head = new Uint8Array(headSizeBytes)
  const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0)
  new DataView(head.buffer).setUint32(0, sizeBytes)
  for (const part of [head, ...parts]) {
    for (let offset = 0; offset < part.length; offset += chunkSizeBytes) {
      const isFull = !stream.send(part.subarray(offset, offset + chunkSizeBytes))
      if (isFull) await stream.onDrain({ signal })
    }
  }
  await stream.close({ signal })
}

export class OpenMessageInvalidError extends ZgError<'P2P_OPEN_MESSAGE_INVALID'> {
  constructor(problem: string) {
    super('P2P_OPEN_MESSAGE_INVALID', `Cannot read the message: ${problem}`, { problem })
  }
}

export class OpenMessageCutError extends ZgError<'P2P_OPEN_MESSAGE_CUT'> {
  constructor(sizeBytes: number) {
    const message = `Cannot read the message: it ends after ${sizeBytes} bytes`
    super('P2P_OPEN_MESSAGE_CUT', message, { sizeBytes })
  }
}
