/** Follow L1: prove who validates and what was credited, from one's own endpoint. */

export type { L1Credit, L1Endpoint, L1Header, L1Proof } from './l1-endpoint.ts'
export { JsonRpcEndpoint, L1EndpointError } from './json-rpc-endpoint.ts'
export type { JsonRpcEndpointOptions } from './json-rpc-endpoint.ts'
export { L1ContradictionError, L1Follower } from './l1-follower.ts'
export type { L1FollowerOptions } from './l1-follower.ts'
export { L1ProofError, ProvedState } from './proved-state.ts'
export { readSet, SetUnreadableError } from './set-reader.ts'
export type { StakeContracts } from './set-reader.ts'
export { culpritsPerPage, evidenceCalls } from './evidence-calls.ts'
export type { ConflictArgs, SlashingCall } from './evidence-calls.ts'
