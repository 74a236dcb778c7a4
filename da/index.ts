/** Publish data so that any part of a quorum brings it back. */

export {
  BatchIdMalformedError,
  batchKey,
  decodeBatchId,
  decodeHandle,
  encodeBatchId,
  encodeHandle,
  HandleMalformedError,
  handleSize,
  quorumOf,
} from './batch.ts'
export type { BatchId, BlobHandle } from './batch.ts'
export { BatchJudge } from './batch-judge.ts'
export type { BatchContents, VoidProof } from './batch-judge.ts'
export { localBatchCoder } from './batch-coder.ts'
export type { BatchCoder, CodedBatch } from './batch-coder.ts'
export { BatchReader } from './batch-reader.ts'
export { batchDigest, verifyCertificate } from './certificate.ts'
export type { Certificate } from './certificate.ts'
export type {
  DataChain,
  DataEpoch,
  DataRecord,
  DataShape,
  DataSigner,
  DrawnQuorum,
} from './data-chain.ts'
export type { MixReader, ProvedMix } from './contract-duties.ts'
export type { CallSender } from './contract-sender.ts'
export { openChain, openDisperserHost, openDuties, openNodeHost } from './data-host.ts'
export type {
  ChainPlace,
  DisperserHost,
  DisperserHostOptions,
  NodeHost,
  NodeHostOptions,
} from './data-host.ts'
export { networkEntrance } from './contract-abis.ts'
export { DataNode } from './data-node.ts'
export type { DataNodeApi, DataNodeStatus } from './data-node.ts'
export {
  BatchVoidError,
  blobSizeMax,
  BlobSizeError,
  BlobUnknownError,
  OverloadedError,
  RequestFailedError,
  RequestUnknownError,
  UnavailableError,
  UnpaidError,
} from './dispersal.ts'
export type { BlobReader, Dispersal, RequestStatus, SubmitOptions, Voucher } from './dispersal.ts'
export { Disperser } from './disperser.ts'
export type { DisperserOptions } from './disperser.ts'
export { httpNodeClient } from './http-node-client.ts'
export { networkForBlob, routeKeyOf, takesBlobs } from './network-route.ts'
export type { RoutedNetwork } from './network-route.ts'
export type { NodeClient } from './node-client.ts'
export { openNodeDoor } from './node-door.ts'
export type { NodeDoor } from './node-door.ts'
export { PaymentDesk, voucherDigest } from './payment-desk.ts'
export { drawQuorum, holderOf, rowsOf } from './quorum.ts'
export type { ActivePlace, Member, Quorum } from './quorum.ts'
export { auditQuorum } from './quorum-audit.ts'
export type { Placed, QuorumAudit } from './quorum-audit.ts'
export { retentionEpochsMin } from './retention.ts'
export { sampleBatch, sampleCountDefault } from './sampler.ts'
export type { SampleReport } from './sampler.ts'
export { decodeStore } from './wire.ts'

export { grpcPort, MetadataMalformedError, startGrpcDoor } from './grpc-door.ts'
export type { GrpcDoorOptions } from './grpc-door.ts'
export { DoorListenFailedError } from './door-listener.ts'
export type { Door, Place } from './door-listener.ts'
export { MessageMalformedError } from './disperser-messages.ts'

export { altDaPort, startAltDaDoor } from './alt-da-door.ts'
export type { AltDaDoorOptions } from './alt-da-door.ts'
export { altDaLayer, encodeGenericCommitment, parseCommitment } from './alt-da-commitment.ts'
export type { AltDaCommitment } from './alt-da-commitment.ts'

export {
  commitmentOfBlob,
  DisperserClient,
  DisperserRefusedError,
  DisperserSilentError,
} from './disperser-client.ts'
export type { DisperseOptions } from './disperser-client.ts'
export { blobStatus } from './disperser-messages.ts'
export type { BlobName, BlobStatus } from './disperser-messages.ts'
