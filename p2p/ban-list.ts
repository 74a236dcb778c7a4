/** Who is cut off for a while, by id and by address. Bounded: the oldest ban is lifted first. */

import type { Clock } from '@zg/runtime'

/** Bans remembered, of each kind. */
const bansMax = 4_096

export class BanList {
  readonly #clock: Clock
  readonly #banMs: number
  readonly #peers = new Map<string, number>()
  readonly #hosts = new Map<string, number>()

  constructor(clock: Clock, banMs: number) {
    this.#clock = clock
    this.#banMs = banMs
  }

  /** Bans a peer, and its host unless that is ''. */
  add(peer: string, host: string): void {
    this.#put(this.#peers, peer)
    if (host !== '') this.#put(this.#hosts, host)
  }

  hasPeer(peer: string): boolean {
    return this.#has(this.#peers, peer)
  }

  hasHost(host: string): boolean {
    return this.#has(this.#hosts, host)
  }

  #put(bans: Map<string, number>, name: string): void {
    bans.delete(name)
    bans.set(name, this.#clock.nowMs() + this.#banMs)
    if (bans.size <= bansMax) return
    for (const oldest of bans.keys()) {
      bans.delete(oldest)
      return
    }
  }

  #has(bans: Map<string, number>, name: string): boolean {
    const untilMs = bans.get(name)
    if (untilMs === undefined) return false
    if (this.#clock.nowMs() < untilMs) return true
    bans.delete(name)
    return false
  }
}
