/**
 * One authenticated TLS connection to a peer: the votes' or the bulk's.
 *
 * Sending: messages wait in a bounded queue and are written together once a turn, while the socket
 * takes them. Reading: frames are cut, counted against the peer's budget and handed on; a peer over
 * its budget is not read for a while. A keep-alive goes out when nothing else did; a connection
 * that was silent, or took nothing of ours, for too long is closed. Whatever the other end sends
 * can only close the connection.
 */

import type { TLSSocket } from 'node:tls'

import type { Channel, Clock, Timer } from '@zg/runtime'

import type { PeerBudget } from './budget.ts'
import { encodeFrameHead, FrameReader, keepAliveFrame } from './frame.ts'
import type { Lane } from './hello.ts'
import { SendQueue } from './send-queue.ts'

/** The channels of each lane. */
export const laneChannels: Readonly<Record<Lane, readonly Channel[]>> = {
  vote: ['vote'],
  bulk: ['block', 'gossip'],
}

/** Bytes handed to the socket beyond which the rest waits in our own, bounded queue. */
const socketSizeBytesMax = 256 * 1_024

/** Messages up to this size are copied behind their head, so that many share one write. */
const copySizeBytesMax = 16 * 1_024

export type LaneTimes = {
  /** Silence of our own after which a keep-alive is sent. */
  readonly keepAliveMs: number
  /** Silence of the peer, or time in which it takes nothing of ours, after which we hang up. */
  readonly silenceMsMax: number
}

export type LaneConnectionOptions = {
  readonly socket: TLSSocket
  readonly lane: Lane
  readonly clock: Clock
  readonly budget: PeerBudget
  readonly times: LaneTimes
  readonly onMessage: (channel: Channel, message: Uint8Array) => void
  /** Called once, when the connection is gone, with the reason. */
  readonly onClose: (reason: string) => void
}

export class LaneConnection {
  readonly #options: LaneConnectionOptions
  readonly #reader: FrameReader
  readonly #queue: SendQueue
  #closed = false
  #pumpPlanned = false
  /** Since when the socket has taken nothing; undefined while it does. */
  #blockedSinceMs: number | undefined
  #receivedAtMs: number
  #sentAtMs: number
  #watch: Timer | undefined
  #readAgain: Timer | undefined

  /** Takes the socket over; nothing is read before `start`. */
  constructor(options: LaneConnectionOptions) {
    const { socket, lane, clock } = options
    this.#options = options
    this.#queue = new SendQueue(laneChannels[lane])
    this.#reader = new FrameReader(laneChannels[lane], (channel, message) =>
      this.#receive(channel, message),
    )
    this.#receivedAtMs = clock.nowMs()
    this.#sentAtMs = this.#receivedAtMs
    socket.setNoDelay(true)
    socket.on('error', (error) => this.close(error.message))
    socket.on('close', () => this.close('the other end closed it'))
  }

  /** Messages dropped or refused for lack of room. */
  get droppedCount(): number {
    return this.#queue.droppedCount
  }

  /** Begins to read and to watch for silence. */
  start(): void {
    const { socket } = this.#options
    socket.on('drain', () => {
      this.#blockedSinceMs = undefined
      this.#planPump()
    })
    socket.on('end', () => this.close('the other end closed it'))
    socket.on('data', (chunk: Uint8Array) => this.#read(() => this.#reader.push(chunk)))
    this.#watchLater()
  }

  /** Queues a message; false when it was refused. */
  send(channel: Channel, message: Uint8Array): boolean {
    if (this.#closed || !this.#queue.put(channel, message)) return false
    this.#planPump()
    return true
  }

  /** Closes the connection at once; what waits is lost. */
  close(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch?.cancel()
    this.#readAgain?.cancel()
    this.#options.socket.destroy()
    this.#options.onClose(reason)
  }

  #read(step: () => void): void {
    if (this.#closed) return
    this.#receivedAtMs = this.#options.clock.nowMs()
    try {
      step()
    } catch (error) {
      // Only a malformed frame throws here: the mesh guards the message handler.
      this.close(error instanceof Error ? error.message : 'the stream is unreadable')
    }
  }

  /** Counts and hands on one frame; false while the peer is over its budget. */
  #receive(channel: Channel | undefined, message: Uint8Array): boolean {
    if (this.#closed) return false
    const { budget, clock, lane, onMessage, socket } = this.#options
    // A keep-alive costs what the smallest message of its lane costs.
    const charged = channel ?? (laneChannels[lane][0] as Channel)
    const waitMs = budget.spend(charged, message.length, clock.nowMs())
    if (channel !== undefined) onMessage(channel, message)
    if (waitMs === 0) return true
    socket.pause()
    this.#readAgain = clock.setTimer(waitMs, () => this.#readOn())
    return false
  }

  #readOn(): void {
    this.#readAgain = undefined
    this.#read(() => this.#reader.resume())
    // Resuming may have run into the budget again, and then the socket stays paused.
    if (!this.#closed && this.#readAgain === undefined) this.#options.socket.resume()
  }

  #planPump(): void {
    if (this.#pumpPlanned || this.#closed) return
    this.#pumpPlanned = true
    process.nextTick(() => {
      this.#pumpPlanned = false
      this.#pump()
    })
  }

  #pump(): void {
    const { socket, clock } = this.#options
    if (this.#closed || this.#blockedSinceMs !== undefined) return
    socket.cork()
    while (socket.writableLength < socketSizeBytesMax) {
      const next = this.#queue.take()
      if (next === undefined) break
      this.#write(next.channel, next.message)
      this.#sentAtMs = clock.nowMs()
    }
    if (socket.writableLength >= socketSizeBytesMax) this.#blockedSinceMs = clock.nowMs()
    socket.uncork()
  }

  #write(channel: Channel, message: Uint8Array): void {
    const { socket } = this.#options
    const head = encodeFrameHead(channel, message.length)
    if (message.length > copySizeBytesMax) {
      socket.write(head)
      socket.write(message)
      return
    }
    const frame = new Uint8Array(head.length + message.length)
    frame.set(head)
    frame.set(message, head.length)
    socket.write(frame)
  }

  #watchLater(): void {
    const { clock, times } = this.#options
    this.#watch = clock.setTimer(times.keepAliveMs, () => this.#check())
  }

  #check(): void {
    const { clock, socket, times } = this.#options
    const nowMs = clock.nowMs()
    // While we do not read, its silence is our doing.
    const heardAtMs = this.#readAgain === undefined ? this.#receivedAtMs : nowMs
    const takenAtMs = this.#blockedSinceMs ?? nowMs
    if (nowMs - heardAtMs > times.silenceMsMax) return this.close('the other end is silent')
    if (nowMs - takenAtMs > times.silenceMsMax) return this.close('the other end takes nothing')
    if (nowMs - this.#sentAtMs >= times.keepAliveMs && this.#blockedSinceMs === undefined) {
      socket.write(keepAliveFrame)
      this.#sentAtMs = nowMs
    }
    this.#watchLater()
  }
}
