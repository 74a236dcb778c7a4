/**
 * A network on which a node's own messages are changed or lost on their way out: what a traitor
 * sends to some and not to others, or what a spell takes.
 */

import { decodeMessage, encodeMessage } from '@zg/consensus'
import type { Message } from '@zg/consensus'
import type { Channel, Network, PeerId, Rng } from '@zg/runtime'

/** What goes out instead to a peer; undefined for nothing. */
export type Meddle = (message: Message, to: PeerId) => Message | undefined

/** Sends through `network` what `meddle` makes of each message for each peer. */
export function meddledNetwork(network: Network, meddle: Meddle): Network {
  const send = (to: PeerId, channel: Channel, bytes: Uint8Array): boolean => {
    const message = decodeMessage(bytes)
    const changed = meddle(message, to)
    if (changed === undefined) return false
    return network.send(to, channel, changed === message ? bytes : encodeMessage(changed))
  }
  return {
    self: network.self,
    peers: () => network.peers(),
    send,
    broadcast(channel, bytes) {
      for (const peer of network.peers()) send(peer, channel, bytes)
    },
    onMessage: (handler) => network.onMessage(handler),
    onPeer: (handler) => network.onPeer(handler),
    reportMisbehaviour: (peer, reason) => network.reportMisbehaviour(peer, reason),
    close: () => network.close(),
  }
}

/** How a traitor poisons bodies. */
export type Poison = {
  /** How likely a body goes out with another payload, or another reveal, under its header. */
  readonly chance: number
  /** To one peer only; and it says nothing but proposals, so that no vote or certificate helps. */
  readonly isCunning: boolean
}

/** Puts other bytes under right headers. */
export function poison(rng: Rng, { chance, isCunning }: Poison): Meddle {
  let victim: PeerId | undefined
  return (message, to) => {
    if (isCunning && message.kind !== 'proposal') return undefined
    if (message.kind !== 'proposal' && message.kind !== 'block') return message
    victim ??= to
    if ((isCunning && to !== victim) || !rng.chance(chance)) return message
    const { block } = message
    const changed = rng.chance(0.5)
      ? { ...block, payload: flipped(block.payload) }
      : { ...block, reveal: flipped(block.reveal) }
    return { ...message, block: changed }
  }
}

function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, index) => (index === 0 ? byte ^ 1 : byte))
}

/** Takes every vote for a block: proposals are executed and lose, view after view. */
export const loseVotes: Meddle = (message) =>
  message.kind === 'vote' && message.vote.kind === 'notarize' ? undefined : message
