/** Agree on one block a height among validators of which fewer than a third are faulty. */

export type { Application, Payload, PayloadAttributes, PayloadStatus } from './application.ts'
export { defaultParameters } from './configuration.ts'
export type { ConsensusGenesis, ConsensusParameters, NetworkIdentity } from './configuration.ts'
export { sameL1Reference, zeroL1Reference } from './l1-reference.ts'
export type { L1Reference } from './l1-reference.ts'
export { l1ReferenceDepth, viewWithoutL1 } from './l1-view.ts'
export type { Credit, L1View, ReferenceStatus } from './l1-view.ts'

export {
  isQuorum,
  peerIdOf,
  validatorCountMax,
  validatorIndexOf,
  validatorSet,
  ValidatorSetInvalidError,
} from './validator-set.ts'
export type { ValidatorEntry, ValidatorSet } from './validator-set.ts'
export { localSigner } from './signer.ts'
export type { Signer } from './signer.ts'
export { blsScheme, keyedHashScheme, signatureSizeBytes } from './signature-scheme.ts'
export type { SignatureScheme } from './signature-scheme.ts'

export {
  checkHeader,
  consensusRoot,
  creditsPerBlockMax,
  genesisHeader,
  HeaderInvalidError,
  headerLeafIndex,
  headerLeaves,
  headerProof,
  isClosing,
  nextCredit,
  nextEpochOf,
  nextMix,
  readHeader,
  writeHeader,
} from './header.ts'
export type { ConsensusHeader } from './header.ts'
export {
  beaconDigest,
  dataVoteDigest,
  finalityVoteDigest,
  possessionDigest,
  roundVoteDigest,
  tags,
  zeroDigest,
} from './votes.ts'
export type { DataVote, FinalityVote, RoundVote, RoundVoteKind } from './votes.ts'
export {
  bitmapOf,
  indexesOf,
  readFinalityCertificate,
  verifyCertificate,
  verifyFinalityCertificate,
  verifyQuorumSignature,
  writeFinalityCertificate,
} from './certificate.ts'
export type { Certificate, FinalityCertificate, QuorumSignature } from './certificate.ts'
export {
  EvidenceInvalidError,
  finalityFaultOf,
  roundFaultOf,
  sameFinalityVote,
  verifyEvidence,
} from './evidence.ts'
export type {
  Evidence,
  EvidenceContext,
  FinalityFault,
  HistoryOpening,
  RoundFault,
  SignedFinalityVote,
  SignedRoundVote,
} from './evidence.ts'

export { findConflicts, findFaults } from './evidence-finder.ts'
export type { FoundConflict, FoundFault, OperatorVotes, Testimony } from './evidence-finder.ts'
export { decodeEvidence, encodeEvidence } from './evidence-codec.ts'

export { certificatesReturnedMax, Validator } from './validator.ts'
export { LedgerMismatchError } from './recovery.ts'
export { WalCorruptError } from './wal.ts'
export type {
  EvidenceHandler,
  FailureHandler,
  FinalizedBlock,
  FinalizedHandler,
  ValidatorCounters,
  ValidatorOptions,
  ValidatorStatus,
} from './validator-options.ts'
export { noFaults } from './faults.ts'
export type { EngineFaults } from './faults.ts'
export {
  blocksPerMessageMax,
  decodeMessage,
  encodeMessage,
  messageSizeBytesMax,
  payloadSizeBytesMax,
} from './messages.ts'
export type { Block, FinalityProof, Message } from './messages.ts'
export { ByteReader, ByteWriter, MessageMalformedError } from './codec.ts'
export {
  chainAnswerSizeBytesMax,
  ChainInvalidError,
  EpochUnknownError,
  proveChain,
} from './chain-sync.ts'
export type { ChainContext, ProvedBlock } from './chain-sync.ts'
export { attributesFor } from './engine-blocks.ts'
export { Ledger } from './ledger.ts'
export type { LedgerBlock } from './ledger.ts'
