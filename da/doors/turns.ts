/**
 * Who goes, who waits and who is refused, where only so much may be done at once.
 *
 *     take -> goes at once, or waits in order -> goes -> end
 *                 '-> refused: too many wait, too many of this peer, or it has waited too long
 */

import type { Clock } from '@zg/runtime'

import { OverloadedError } from './dispersal.ts'

type TurnsOptions = {
  readonly clock: Clock
  /** What is done in a turn, in the plural. */
  readonly what: string
  readonly atOnceMax: number
  readonly waitingMax: number
  readonly waitMsMax: number
  /** Of one peer, going and waiting. */
  readonly peerMax: number
}

/** Ends a turn when its work is over, and whoever it was done for is served or gone. */
export function endAfter(endTurn: () => void, work: Promise<unknown>, gone: AbortSignal): void {
  const served = new Promise<void>((resolve) => {
    if (gone.aborted) resolve()
    else gone.addEventListener('abort', () => resolve(), { once: true })
  })
  void Promise.allSettled([work, served]).then(endTurn)
}

type Waiter = { readonly go: () => void }

export class Turns {
  readonly #options: TurnsOptions
  readonly #waiting = new Set<Waiter>()
  /** Going and waiting, by peer: no more entries than turns. */
  readonly #ofPeer = new Map<string, number>()
  #goingCount = 0

  constructor(options: TurnsOptions) {
    this.#options = options
  }

  /**
   * Resolves once it is this peer's turn, with what ends the turn; ending it twice does nothing.
   *
   * @throws {OverloadedError} `DA_OVERLOADED` · the signal's reason, when it says to wait no more
   */
  async take(peer: string, signal?: AbortSignal): Promise<() => void> {
    const { what, atOnceMax, waitingMax, peerMax } = this.#options
    signal?.throwIfAborted()
    const ofPeer = this.#ofPeer.get(peer) ?? 0
    if (ofPeer >= peerMax) throw new OverloadedError(`${peerMax} ${what} of one client`)
    if (this.#goingCount >= atOnceMax && this.#waiting.size >= waitingMax) {
      throw new OverloadedError(`${waitingMax} ${what} wait`)
    }
    this.#ofPeer.set(peer, ofPeer + 1)
    try {
      if (this.#goingCount < atOnceMax) this.#goingCount++
      else await this.#wait(signal)
    } catch (error) {
      this.#forget(peer)
      throw error
    }
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#forget(peer)
      this.#passOn()
    }
  }

  /** Resolves with a turn that somebody else has ended. */
  #wait(signal: AbortSignal | undefined): Promise<void> {
    const { clock, what, waitMsMax } = this.#options
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting.delete(waiter)
        late.cancel()
        signal?.removeEventListener('abort', leave)
      }
      const leave = (): void => {
        stop()
        reject(signal?.reason)
      }
      const late = clock.setTimer(waitMsMax, () => {
        stop()
        reject(new OverloadedError(`${what} take too long`))
      })
      const waiter: Waiter = {
        go() {
          stop()
          resolve()
        },
      }
      signal?.addEventListener('abort', leave, { once: true })
      this.#waiting.add(waiter)
    })
  }

  #passOn(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#goingCount--
    else next.go()
  }

  #forget(peer: string): void {
    const left = (this.#ofPeer.get(peer) ?? 1) - 1
    if (left === 0) this.#ofPeer.delete(peer)
    else this.#ofPeer.set(peer, left)
  }
}
