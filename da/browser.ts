/** What a page needs to sample a batch. Nothing of this imports a module of Node. */

export { decodeHandle, encodeHandle } from './batch.ts'
export type { BatchId, BlobHandle } from './batch.ts'
export { fetchNodeClient } from './fetch-node-client.ts'
export { drawQuorum, holderOf } from './quorum.ts'
export type { ActivePlace, Member, Quorum } from './quorum.ts'
export { sampleBatch, sampleCountDefault, SampleHeaderError } from './sampler.ts'
export type { SampleOptions, SampleReport } from './sampler.ts'
