/**
 * Gossip with one peer: frames on two streams, ours to it and its to us (frame.ts, channel
 * "gossip").
 *
 * A stream that says nothing is cut off by libp2p, so each side sends a keep-alive now and then,
 * and a peer that is silent for long is gone. Who sends more than its budget is not read for a
 * while.
 */

import type { Stream } from '@libp2p/interface'
import type { Clock, Timer } from '@zg/runtime'
import { concat } from '@zg/primitives'

import { TokenBucket } from './budget.ts'
import { encodeFrameHead, FrameInvalidError, FrameReader, keepAliveFrame } from './frame.ts'
import type { OpenNetworkLimits } from './open-network.ts'

export type OpenGossipOptions = {
  /** Ours, to the peer. */
  readonly stream: Stream
  readonly clock: Clock
  readonly limits: OpenNetworkLimits
  readonly onMessage: (message: Uint8Array) => void
  readonly onMalformed: (problem: string) => void
  readonly onSilence: () => void
}

export class OpenGossip {
  readonly #options: OpenGossipOptions
  readonly #messages: TokenBucket
  readonly #bytes: TokenBucket
  #isReading = false
  #isClosed = false
  #heardMs: number
  #timer: Timer | undefined
  #resumeTimer: Timer | undefined

  constructor(options: OpenGossipOptions) {
    const { clock, limits } = options
    const nowMs = clock.nowMs()
    const bucket = (perSecond: number) =>
      new TokenBucket({ perSecond, burst: 4 * perSecond }, nowMs)
    this.#options = options
    this.#messages = bucket(limits.gossipMessagesPerSecond)
    this.#bytes = bucket(limits.gossipBytesPerSecond)
    this.#heardMs = nowMs
    this.#keepAlive()
  }

  /** Sends a message, unless too many bytes wait for the peer already. */
  send(message: Uint8Array): void {
    this.#put(concat(encodeFrameHead('gossip', message.length), message))
  }

  /** Reads the peer's stream; a second one is an error of the peer. */
  read(stream: Stream): void {
    if (this.#isReading) return this.#options.onMalformed('a second gossip stream')
    this.#isReading = true
    const reader = new FrameReader(['gossip'], (channel, message) => {
      this.#heardMs = this.#options.clock.nowMs()
      this.#spend(message.length, stream)
      if (channel !== undefined && !this.#isClosed) this.#options.onMessage(message)
      return true
    })
    stream.addEventListener('message', ({ data }) => {
      try {
        if (!this.#isClosed) reader.push(data.subarray())
      } catch (error) {
        if (!(error instanceof FrameInvalidError)) throw error
        this.#options.onMalformed(error.message)
      }
    })
    stream.resume()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#resumeTimer?.cancel()
  }

  #put(frame: Uint8Array): void {
    const { stream, limits } = this.#options
    const isFull = stream.writeBufferLength + frame.length > limits.gossipQueueSizeBytesMax
    if (this.#isClosed || isFull || stream.writeStatus !== 'writable') return
    try {
      stream.send(frame)
    } catch {
      // The connection is ending: its end is told apart.
    }
  }

  #spend(sizeBytes: number, stream: Stream): void {
    const { clock } = this.#options
    const nowMs = clock.nowMs()
    const waitMs = Math.max(this.#messages.take(1, nowMs), this.#bytes.take(sizeBytes, nowMs))
    if (waitMs === 0 || this.#resumeTimer !== undefined) return
    stream.pause()
    this.#resumeTimer = clock.setTimer(waitMs, () => {
      this.#resumeTimer = undefined
      stream.resume()
    })
  }

  #keepAlive(): void {
    const { clock, limits } = this.#options
    this.#timer = clock.setTimer(limits.keepAliveMs, () => {
      if (clock.nowMs() - this.#heardMs > limits.silenceMsMax) return this.#options.onSilence()
      this.#put(keepAliveFrame)
      this.#keepAlive()
    })
  }
}
