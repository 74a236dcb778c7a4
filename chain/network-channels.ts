/**
 * One mesh for two users: consensus has the channels `vote` and `block`, the pool has `gossip`. A
 * `Network` has one handler, so this stands in front of it.
 */

import type { MessageHandler, Network } from '@zg/runtime'

type PeerHandler = (peer: string, connected: boolean) => void

type User = { onMessage: MessageHandler | undefined; onPeer: PeerHandler | undefined }

/** Returns two views of a network; closing a view closes nothing. */
export function splitNetwork(network: Network): {
  readonly consensus: Network
  readonly gossip: Network
} {
  const consensus: User = { onMessage: undefined, onPeer: undefined }
  const gossip: User = { onMessage: undefined, onPeer: undefined }
  network.onMessage((from, channel, message) => {
    const user = channel === 'gossip' ? gossip : consensus
    user.onMessage?.(from, channel, message)
  })
  network.onPeer((peer, connected) => {
    consensus.onPeer?.(peer, connected)
    gossip.onPeer?.(peer, connected)
  })
  return { consensus: viewOf(network, consensus), gossip: viewOf(network, gossip) }
}

function viewOf(network: Network, user: User): Network {
  return {
    self: network.self,
    peers: () => network.peers(),
    send: (to, channel, message) => network.send(to, channel, message),
    broadcast: (channel, message) => network.broadcast(channel, message),
    onMessage: (handler) => {
      user.onMessage = handler
    },
    onPeer: (handler) => {
      user.onPeer = handler
    },
    reportMisbehaviour: (peer, reason) => network.reportMisbehaviour(peer, reason),
    close: () => Promise.resolve(),
  }
}
