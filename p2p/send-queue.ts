/**
 * What waits to be sent on one connection: a bounded queue a channel, drained in turns.
 *
 * When a queue is full, its channel's drop policy decides: the oldest vote goes, a new block or
 * gossip message is refused. `take` goes round the channels, so a queue of large blocks does not
 * starve gossip; votes have a connection of their own.
 */

import { channelLimits } from '@zg/runtime'
import type { Channel } from '@zg/runtime'

type Queue = {
  readonly channel: Channel
  messages: Uint8Array[]
  /** Index of the first message still waiting; those before it are taken. */
  start: number
  sizeBytes: number
}

/** Taken messages that may stay at the front of the array before it is cut. */
const startMax = 1_024

export class SendQueue {
  readonly #queues: readonly Queue[]
  #turn = 0
  #droppedCount = 0

  constructor(channels: readonly Channel[]) {
    this.#queues = channels.map((channel) => ({ channel, messages: [], start: 0, sizeBytes: 0 }))
  }

  /** Messages dropped or refused so far. */
  get droppedCount(): number {
    return this.#droppedCount
  }

  /** Adds a message; false when it was refused. */
  put(channel: Channel, message: Uint8Array): boolean {
    const queue = this.#queues.find((known) => known.channel === channel)
    const { messageSizeBytesMax, whenFull } = channelLimits[channel]
    if (queue === undefined || message.length > messageSizeBytesMax) return this.#drop()
    while (isFull(queue, message.length)) {
      this.#drop()
      if (whenFull === 'refuse-newest') return false
      takeFirst(queue)
    }
    queue.messages.push(message)
    queue.sizeBytes += message.length
    return true
  }

  /** Takes the next message, from the channel whose turn it is. */
  take(): { channel: Channel; message: Uint8Array } | undefined {
    for (let count = 0; count < this.#queues.length; count++) {
      const queue = this.#queues[this.#turn] as Queue
      this.#turn = (this.#turn + 1) % this.#queues.length
      const message = takeFirst(queue)
      if (message !== undefined) return { channel: queue.channel, message }
    }
    return undefined
  }

  #drop(): false {
    this.#droppedCount++
    return false
  }
}

function isFull(queue: Queue, sizeBytes: number): boolean {
  const { queueCountMax, queueSizeBytesMax } = channelLimits[queue.channel]
  const count = queue.messages.length - queue.start
  return count >= queueCountMax || queue.sizeBytes + sizeBytes > queueSizeBytesMax
}

function takeFirst(queue: Queue): Uint8Array | undefined {
  const message = queue.messages[queue.start]
  if (message === undefined) return undefined
  queue.messages[queue.start] = emptyMessage
  queue.start++
  queue.sizeBytes -= message.length
  if (queue.start > startMax || queue.start === queue.messages.length) {
    queue.messages = queue.messages.slice(queue.start)
    queue.start = 0
  }
  return message
}

const emptyMessage = new Uint8Array(0)
