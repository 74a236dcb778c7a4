/** What a page needs to sample a batch. Nothing of this imports a module of Node. */

export { decodeHandle, encodeHandle } from './batch/batch.ts'
export type { BatchId, BlobHandle } from './batch/batch.ts'
export { fetchNodeClient } from './node/fetch-node-client.ts'
export { drawQuorum, holderOf } from './batch/quorum.ts'
export type { ActivePlace, Member, Quorum } from './batch/quorum.ts'
export { sampleBatch, sampleCountDefault, SampleHeaderError } from './reader/sampler.ts'
export type { SampleOptions, SampleReport } from './reader/sampler.ts'
