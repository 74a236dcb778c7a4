/** The open side of the room, apart: only who is an open node loads libp2p. */

export { defaultOpenNetworkLimits } from './open-network.ts'
export type { OpenNetwork, OpenNetworkLimits, OpenPeerId, RequestHandler } from './open-network.ts'
export {
  openLibp2pNetwork,
  OpenAddressInvalidError,
  OpenRequestFailedError,
} from './libp2p-network.ts'
export type { Libp2pNetworkOptions } from './libp2p-network.ts'
export { AddressesMalformedError } from './address-book.ts'
export { OpenMessageCutError, OpenMessageInvalidError } from './open-stream.ts'
