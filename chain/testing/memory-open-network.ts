/** Open nodes of one test, joined in memory; nobody is lost but who is banned. */

import { ZgError } from '@zg/primitives'
import type { OpenNetwork, OpenPeerId, RequestHandler } from '@zg/p2p/open'

export type MemoryOpenNetwork = OpenNetwork & {
  /** Who was banned here, and why. */
  readonly bans: (readonly [peer: OpenPeerId, reason: string])[]
}

export class MemoryOpenWorld {
  readonly #members = new Map<OpenPeerId, Member>()

  join(name: OpenPeerId): MemoryOpenNetwork {
    const member = new Member(name, this.#members)
    for (const other of this.#members.values()) {
      queueMicrotask(() => other.handlers.peer(name, true))
    }
    this.#members.set(name, member)
    return member
  }
}

class Member implements MemoryOpenNetwork {
  readonly self: OpenPeerId
  readonly bans: (readonly [string, string])[] = []
  readonly handlers = {
    request: (async () => undefined) as RequestHandler,
    gossip: (_from: OpenPeerId, _message: Uint8Array): void => undefined,
    peer: (_peer: OpenPeerId, _connected: boolean): void => undefined,
  }
  readonly #members: ReadonlyMap<OpenPeerId, Member>

  constructor(self: OpenPeerId, members: ReadonlyMap<OpenPeerId, Member>) {
    this.self = self
    this.#members = members
  }

  addresses(): readonly string[] {
    return []
  }

  peers(): readonly OpenPeerId[] {
    return this.#others().map(({ self }) => self)
  }

  async request(peer: OpenPeerId, message: Uint8Array): Promise<Uint8Array> {
    const other = this.#others().find(({ self }) => self === peer)
    const answer = await other?.handlers.request(this.self, message)
    if (answer === undefined) throw new RefusedInTestError(peer)
    return answer
  }

  gossip(message: Uint8Array, except?: OpenPeerId): void {
    for (const other of this.#others()) {
      if (other.self === except) continue
      queueMicrotask(() => other.handlers.gossip(this.self, message))
    }
  }

  onRequest(handler: RequestHandler): void {
    this.handlers.request = handler
  }

  onGossip(handler: (from: OpenPeerId, message: Uint8Array) => void): void {
    this.handlers.gossip = handler
  }

  onPeer(handler: (peer: OpenPeerId, connected: boolean) => void): void {
    this.handlers.peer = handler
  }

  ban(peer: OpenPeerId, reason: string): void {
    this.bans.push([peer, reason])
    this.handlers.peer(peer, false)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  hasBanned(peer: OpenPeerId): boolean {
    return this.bans.some(([banned]) => banned === peer)
  }

  #others(): readonly Member[] {
    return [...this.#members.values()].filter(
      (other) => other !== this && !this.hasBanned(other.self) && !other.hasBanned(this.self),
    )
  }
}

export class RefusedInTestError extends ZgError<'TEST_OPEN_REQUEST_REFUSED'> {
  constructor(peer: string) {
    super('TEST_OPEN_REQUEST_REFUSED', `Cannot ask ${peer}: it refuses`, { peer })
  }
}
