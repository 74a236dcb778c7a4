/** Connect validators by mutually authenticated TLS, open nodes by libp2p. */

export { defaultTlsMeshLimits, openTlsMesh, peerIdOf } from './tls-mesh.ts'
export type { PeerAddress, TlsMesh, TlsMeshLimits, TlsMeshOptions } from './tls-mesh.ts'

export { HandshakeBrokenError } from './handshake.ts'
export type { Identity } from './handshake.ts'
export { HelloInvalidError } from './hello.ts'
export type { SignMessage } from './hello.ts'
export { FrameInvalidError } from './frame.ts'

export { defaultBudgets } from './budget.ts'
export type { Allowance, Budgets, ChannelBudget } from './budget.ts'
