/**
 * A peer that holds a validator's key and says whatever it likes: certificates nobody signed, votes
 * with bad signatures, lies about its height, old messages again, bytes that are no message.
 *
 * It listens to learn what is plausible (views, digests, whole messages), which makes its forgeries
 * reach deeper than noise would.
 */

import { bitmapOf, decodeMessage, encodeMessage } from '@zg/consensus'
import type { Message, RoundVote } from '@zg/consensus'
import type { Channel, Clock, Network, Rng } from '@zg/runtime'

/** Messages it remembers to replay and to damage. */
const heardCountMax = 64

type Heard = { readonly channel: Channel; readonly bytes: Uint8Array }

export type ForgerOptions = {
  readonly clock: Clock
  readonly rng: Rng
  readonly network: Network
  readonly validatorCount: number
  readonly epoch: bigint
  /** Time between two forgeries. */
  readonly intervalMs: number
}

export class Forger {
  readonly #options: ForgerOptions
  readonly #heard: Heard[] = []
  readonly #digests: Uint8Array[] = [new Uint8Array(32)]
  #view = 1
  #height = 0n

  constructor(options: ForgerOptions) {
    this.#options = options
    options.network.onMessage((_from, channel, bytes) => this.#learn(channel, bytes))
    this.#forgeLater()
  }

  #forgeLater(): void {
    const { clock, intervalMs } = this.#options
    clock.setTimer(intervalMs, () => {
      this.#forge()
      this.#forgeLater()
    })
  }

  #forge(): void {
    const { network, rng } = this.#options
    const peers = network.peers()
    const peer = peers[rng.below(Math.max(1, peers.length))]
    if (peer === undefined) return
    const { channel, bytes } = this.#drawForgery()
    if (rng.chance(0.3)) network.broadcast(channel, bytes)
    else network.send(peer, channel, bytes)
  }

  #drawForgery(): Heard {
    const { rng } = this.#options
    const heard = this.#heard[rng.below(Math.max(1, this.#heard.length))]
    switch (rng.below(heard === undefined ? 4 : 7)) {
      case 0:
        return this.#encode(this.#certificate())
      case 1:
        return this.#encode({ kind: 'vote', vote: this.#vote(), signature: rng.bytes(96) })
      case 2:
        return this.#encode(this.#status())
      case 3:
        return { channel: 'vote', bytes: rng.bytes(rng.below(400)) }
      case 4:
        return heard as Heard
      case 5:
        return cut(heard as Heard, rng)
      default:
        return damage(heard as Heard, rng)
    }
  }

  #certificate(): Message {
    const { rng, validatorCount } = this.#options
    const everybody = Array.from({ length: validatorCount }, (_, index) => index)
    const signers = bitmapOf(everybody, validatorCount)
    return {
      kind: 'certificate',
      certificate: { vote: this.#vote(), signers, signature: rng.bytes(96) },
    }
  }

  #vote(): RoundVote {
    const { rng, epoch } = this.#options
    const kind = (['notarize', 'nullify', 'finalize'] as const)[rng.below(3)] ?? 'nullify'
    const known = this.#digests[rng.below(this.#digests.length)] as Uint8Array
    const digest = kind === 'nullify' ? new Uint8Array(32) : known
    return { kind, epoch, view: Math.max(1, this.#view - 1 + rng.below(4)), digest }
  }

  #status(): Message {
    const { rng, epoch } = this.#options
    const finalHeight = this.#height + BigInt(rng.below(rng.chance(0.5) ? 10 : 2 ** 32))
    const view = this.#view + rng.below(1_000)
    return { kind: 'status', epoch, view, finalHeight, certifiedHeight: finalHeight }
  }

  #encode(message: Message): Heard {
    return { channel: 'vote', bytes: encodeMessage(message) }
  }

  #learn(channel: Channel, bytes: Uint8Array): void {
    const { rng } = this.#options
    if (this.#heard.length < heardCountMax) this.#heard.push({ channel, bytes })
    else this.#heard[rng.below(heardCountMax)] = { channel, bytes }
    const message = decodeMessage(bytes)
    if (message.kind === 'status') this.#height = message.finalHeight
    if (message.kind !== 'vote' && message.kind !== 'proposal') return
    this.#view = Math.max(this.#view, message.vote.view)
    this.#digests[rng.below(Math.min(8, this.#digests.length + 1))] = message.vote.digest
  }
}

function cut({ channel, bytes }: Heard, rng: Rng): Heard {
  return { channel, bytes: bytes.slice(0, rng.below(bytes.length)) }
}

function damage({ channel, bytes }: Heard, rng: Rng): Heard {
  const damaged = bytes.slice()
  const index = rng.below(damaged.length)
  damaged[index] = (damaged[index] as number) ^ (1 << rng.below(8))
  return { channel, bytes: damaged }
}
