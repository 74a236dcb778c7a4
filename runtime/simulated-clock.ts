/**
 * Virtual time: events in one queue, ordered by time and then by the order they were set.
 *
 * `run` takes one event after the other, moves time to it and calls it. Protocol code is partly
 * asynchronous (`Disk.sync`, an application that executes), so between two events every promise
 * continuation that can run must have run: each event is the callback of one `setImmediate`, and
 * Node drains the micro-tasks after each of those. Nothing else decides the order, so a run depends
 * on the code and the seed alone, provided that simulated code waits for nothing but virtual time:
 * no file, socket, worker or real timer.
 *
 * Immediates are set in batches, because a turn of the event loop costs more than an event.
 */

import { assert } from '@zg/primitives'

import type { Clock, Timer } from './clock.ts'

/** Events handled in one turn of the event loop. */
const batchSize = 256

/** Most events that may wait; more is a loop that sets timers without end. */
const pendingCountMax = 1_000_000

/** Where virtual time starts: 2026-01-01T00:00:00Z. */
export const simulatedStartMs = Date.UTC(2026, 0, 1)

type Event = { atMs: number; order: number; fire: (() => void) | undefined }

/** A clock of one part (a node) that can be stopped with all its timers, as a crash does. */
export interface StoppableClock extends Clock {
  /** Cancels every timer set by it, and makes it deaf to new ones. */
  stop(): void
}

export class SimulatedClock implements Clock {
  #timeMs: number
  #order = 0
  #firedCount = 0
  readonly #heap: Event[] = []

  constructor(startMs = simulatedStartMs) {
    this.#timeMs = startMs
  }

  nowMs(): number {
    return Math.floor(this.#timeMs)
  }

  /** Now, with its fraction of a millisecond: delays of links and disks may have one. */
  get exactMs(): number {
    return this.#timeMs
  }

  /** Events fired so far. */
  get firedCount(): number {
    return this.#firedCount
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    assert(this.#heap.length < pendingCountMax, 'the simulated clock holds few enough events')
    const event: Event = { atMs: this.#timeMs + Math.max(0, delayMs), order: this.#order++, fire }
    pushEvent(this.#heap, event)
    return {
      cancel() {
        event.fire = undefined
      },
    }
  }

  /** Resolves after `delayMs` of virtual time. */
  delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.setTimer(delayMs, resolve)
    })
  }

  /**
   * A node's view of this clock: shifted by `skewMs`, and stoppable.
   *
   * @param skewMs - Added to what it tells; timers are not affected.
   */
  forNode(skewMs = 0): StoppableClock {
    let stopped = false
    return {
      nowMs: () => this.nowMs() + skewMs,
      setTimer: (delayMs, fire) =>
        this.setTimer(delayMs, () => {
          if (!stopped) fire()
        }),
      stop() {
        stopped = true
      },
    }
  }

  /**
   * Runs events until virtual time is `untilMs` (all events up to it have fired), or `done` says
   * so. Rejects with what an event throws.
   *
   * @param options.done - Asked after every event, once its continuations have run.
   */
  run(options: { untilMs: number; done?: () => boolean }): Promise<void> {
    const { untilMs, done } = options
    return new Promise((resolve, reject) => {
      let over = false
      const settle = (): void => {
        over = true
        resolve()
      }
      const step = (): void => {
        if (over) return
        try {
          if (done?.() === true) settle()
          else if (!this.#fireNext(untilMs)) settle()
        } catch (error) {
          over = true
          reject(error)
        }
      }
      const turn = (): void => {
        if (over) return
        for (let count = 0; count < batchSize; count++) setImmediate(step)
        setImmediate(turn)
      }
      turn()
    })
  }

  /** Fires the next event at or before `untilMs`; when there is none, time becomes `untilMs`. */
  #fireNext(untilMs: number): boolean {
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > untilMs) {
        this.#timeMs = Math.max(this.#timeMs, untilMs)
        return false
      }
      popEvent(this.#heap)
      const { fire } = next
      if (fire === undefined) continue
      this.#timeMs = next.atMs
      this.#firedCount++
      // Cancelling a timer that has fired does nothing.
      next.fire = undefined
      fire()
      return true
    }
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

function pushEvent(heap: Event[], event: Event): void {
  let index = heap.length
  heap.push(event)
  while (index > 0) {
    const parent = (index - 1) >> 1
    const above = heap[parent] as Event
    if (!isBefore(event, above)) break
    heap[index] = above
    index = parent
  }
  heap[index] = event
}

function popEvent(heap: Event[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let index = 0
  for (;;) {
    let child = 2 * index + 1
    if (child >= heap.length) break
    const right = child + 1
    if (right < heap.length && isBefore(heap[right] as Event, heap[child] as Event)) child = right
    if (!isBefore(heap[child] as Event, last)) break
    heap[index] = heap[child] as Event
    index = child
  }
  heap[index] = last
}
