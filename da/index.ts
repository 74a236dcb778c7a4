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
} from './batch/batch.ts'
export type { BatchId, BlobHandle } from './batch/batch.ts'
export { dataEvidence, evidenceFields, evidenceTextMax, parseEvidence } from './batch/evidence.ts'
export { BatchJudge } from './reader/batch-judge.ts'
export type { BatchContents, VoidProof } from './reader/batch-judge.ts'
export { localBatchCoder } from './disperser/batch-coder.ts'
export type { BatchCoder, CodedBatch } from './disperser/batch-coder.ts'
export { BatchReader } from './reader/batch-reader.ts'
export { batchDigest, verifyCertificate } from './batch/certificate.ts'
export type { Certificate } from './batch/certificate.ts'
export type {
  DataChain,
  DataEpoch,
  DataRecord,
  DataShape,
  DataSigner,
  DrawnQuorum,
} from './chain/data-chain.ts'
export type { MixReader, ProvedMix } from './duties/contract-duties.ts'
export type { CallSender } from './chain/contract-sender.ts'
export { openChain, openDisperserHost, openDuties, openNodeHost } from './data-host.ts'
export type {
  ChainPlace,
  DisperserHost,
  DisperserHostOptions,
  NodeHost,
  NodeHostOptions,
} from './data-host.ts'
export { networkEntrance } from './chain/contract-abis.ts'
export { DataNode } from './node/data-node.ts'
export type { DataNodeApi, DataNodeStatus } from './node/data-node.ts'
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
} from './doors/dispersal.ts'
export type {
  BlobReader,
  Dispersal,
  RequestStatus,
  SubmitOptions,
  Voucher,
} from './doors/dispersal.ts'
export { Disperser } from './disperser/disperser.ts'
export type { DisperserOptions } from './disperser/disperser.ts'
export { httpNodeClient } from './node/http-node-client.ts'
export { networkForBlob, routeKeyOf, takesBlobs } from './network-route.ts'
export type { RoutedNetwork } from './network-route.ts'
export type { NodeClient } from './node/node-client.ts'
export { openNodeDoor } from './node/node-door.ts'
export type { NodeDoor } from './node/node-door.ts'
export { PaymentDesk, voucherDigest } from './disperser/payment-desk.ts'
export { drawQuorum, holderOf, rowsOf } from './batch/quorum.ts'
export type { ActivePlace, Member, Quorum } from './batch/quorum.ts'
export { auditQuorum } from './chain/quorum-audit.ts'
export type { Placed, QuorumAudit } from './chain/quorum-audit.ts'
export { retentionEpochsMin } from './chain/retention.ts'
export { sampleBatch, sampleCountDefault } from './reader/sampler.ts'
export type { SampleReport } from './reader/sampler.ts'
export { decodeStore } from './batch/wire.ts'

export { grpcPort, MetadataMalformedError, startGrpcDoor } from './doors/grpc-door.ts'
export type { GrpcDoorOptions } from './doors/grpc-door.ts'
export { DoorListenFailedError } from './doors/door-listener.ts'
export type { Door, Place } from './doors/door-listener.ts'
export { MessageMalformedError } from './doors/disperser-messages.ts'

export { altDaPort, startAltDaDoor } from './doors/alt-da-door.ts'
export type { AltDaDoorOptions } from './doors/alt-da-door.ts'
export { altDaLayer, encodeGenericCommitment, parseCommitment } from './doors/alt-da-commitment.ts'
export type { AltDaCommitment } from './doors/alt-da-commitment.ts'

export {
  commitmentOfBlob,
  DisperserClient,
  DisperserRefusedError,
  DisperserSilentError,
} from './doors/disperser-client.ts'
export type { DisperseOptions } from './doors/disperser-client.ts'
export { blobStatus } from './doors/disperser-messages.ts'
export type { BlobName, BlobStatus } from './doors/disperser-messages.ts'
