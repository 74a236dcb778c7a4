/**
 * Frames on an authenticated connection.
 *
 *     frame = size u32 (big-endian) | channel u8 | message
 *
 * Channels: 0 vote, 1 block, 2 gossip, 255 keep-alive (size 0). `size` counts the message alone and
 * is checked against the channel's limit as soon as the five bytes are there, before anything is
 * kept for it. The reader holds the chunks of an unfinished message as they came and copies once,
 * at its end: no concatenation a chunk, and a peer can only make us hold what it really sent.
 */

import { ZgError } from '@zg/primitives'
import { channelLimits } from '@zg/runtime'
import type { Channel } from '@zg/runtime'

/** Size of what stands before a message, in bytes. */
export const frameHeadSizeBytes = 5

const keepAliveCode = 255
const channelCode: Readonly<Record<Channel, number>> = { vote: 0, block: 1, gossip: 2 }
const channelOfCode: readonly Channel[] = ['vote', 'block', 'gossip']

/** The frame that says only that its sender lives. */
export const keepAliveFrame = Uint8Array.of(0, 0, 0, 0, keepAliveCode)

/** Returns the five bytes before a message. */
export function encodeFrameHead(channel: Channel, sizeBytes: number): Uint8Array {
  const head = new Uint8Array(frameHeadSizeBytes)
  new DataView(head.buffer).setUint32(0, sizeBytes)
  head[4] = channelCode[channel]
  return head
}

/**
 * Takes a whole message, or a keep-alive (no channel, no bytes); returns false to hold the frames
 * after it until `resume`.
 */
export type FrameHandler = (channel: Channel | undefined, message: Uint8Array) => boolean

/** Cuts a stream of chunks into messages. */
export class FrameReader {
  readonly #channels: readonly Channel[]
  readonly #handle: FrameHandler
  readonly #head = new Uint8Array(frameHeadSizeBytes)
  #headSize = 0
  #channel: Channel | undefined
  #messageSize = 0
  #parts: Uint8Array[] = []
  #partsSize = 0
  #held: Uint8Array | undefined

  /**
   * @param channels - What this connection may carry; a frame of another channel is an error.
   * @param handle - Takes the messages, in order.
   */
  constructor(channels: readonly Channel[], handle: FrameHandler) {
    this.#channels = channels
    this.#handle = handle
  }

  /** Whether bytes wait for `resume`. The owner must not push until then. */
  get isHolding(): boolean {
    return this.#held !== undefined
  }

  /**
   * Takes the next bytes of the stream.
   *
   * @throws {FrameInvalidError} `P2P_FRAME_INVALID` for a channel that has no place here, or a size
   *   beyond its limit. The stream cannot be read on.
   */
  push(chunk: Uint8Array): void {
    let offset = 0
    while (offset < chunk.length) {
      if (this.#headSize < frameHeadSizeBytes) {
        offset = this.#takeHead(chunk, offset)
        if (this.#headSize < frameHeadSizeBytes) return
        this.#readHead()
      } else {
        offset = this.#takePart(chunk, offset)
      }
      if (this.#partsSize < this.#messageSize) continue
      if (!this.#finish() && offset < chunk.length) {
        this.#held = chunk.subarray(offset)
        return
      }
    }
  }

  /** Goes on with the bytes that were held. */
  resume(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.push(held)
  }

  #takeHead(chunk: Uint8Array, offset: number): number {
    const size = Math.min(frameHeadSizeBytes - this.#headSize, chunk.length - offset)
    this.#head.set(chunk.subarray(offset, offset + size), this.#headSize)
    this.#headSize += size
    return offset + size
  }

  #readHead(): void {
    const size = new DataView(this.#head.buffer).getUint32(0)
    const code = this.#head[4] as number
    if (code === keepAliveCode) {
      if (size !== 0) throw new FrameInvalidError('a keep-alive with a message', { size })
      this.#channel = undefined
      this.#messageSize = 0
      return
    }
    const channel = channelOfCode[code]
    if (channel === undefined || !this.#channels.includes(channel)) {
      throw new FrameInvalidError('its channel has no place on this connection', { code })
    }
    const { messageSizeBytesMax } = channelLimits[channel]
    if (size > messageSizeBytesMax) {
      throw new FrameInvalidError('it is too large', { channel, size, messageSizeBytesMax })
    }
    this.#channel = channel
    this.#messageSize = size
  }

  #takePart(chunk: Uint8Array, offset: number): number {
    const size = Math.min(this.#messageSize - this.#partsSize, chunk.length - offset)
    this.#parts.push(chunk.subarray(offset, offset + size))
    this.#partsSize += size
    return offset + size
  }

  /** Hands the frame over; false when the ones after it must wait. */
  #finish(): boolean {
    const message = joinParts(this.#parts, this.#partsSize)
    this.#headSize = 0
    this.#messageSize = 0
    this.#parts = []
    this.#partsSize = 0
    return this.#handle(this.#channel, message)
  }
}

/** One copy, so that a small message does not keep a large network buffer alive. */
function joinParts(parts: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const joined = new Uint8Array(sizeBytes)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

export class FrameInvalidError extends ZgError<'P2P_FRAME_INVALID'> {
  constructor(problem: string, data: Readonly<Record<string, unknown>>) {
    super('P2P_FRAME_INVALID', `Cannot read the frame: ${problem}`, data)
  }
}
