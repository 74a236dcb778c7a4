/** Run an EVM network: blocks, mempool, JSON-RPC, the validator process. */

export type {
  Block,
  ChainReader,
  DevControl,
  FinalityCertificateView,
  FinalityReader,
  HeaderRecord,
  HeadListener,
  LogQuery,
  LogRecord,
  NodeView,
  PendingBlock,
  SenderTransactions,
  SignedTransaction,
  TransactionLocation,
  TransactionPool,
  ViewCertificateView,
} from './chain-view.ts'

export { mendedEpoch, mendVotesFileName, writeMendedVotes } from './mended-votes.ts'
export { gasLimitDefault, GenesisInvalidError, networkCommitment, parseGenesis } from './genesis.ts'
export type { Genesis } from './genesis.ts'
export { l1ChainId, networkChainIdBase, networkGenesisJson } from './network-genesis.ts'
export type { GenesisAccount, NetworkGenesisOptions } from './network-genesis.ts'
export { networkParametersDefault, NetworkParametersInvalidError } from './network-parameters.ts'
export type { NetworkParameters } from './network-parameters.ts'
export { systemContracts } from './system-contracts.ts'
export type { SystemContract } from './system-contracts.ts'

export type {
  BuiltPayload,
  EnginePayloadAttributes,
  EnginePayloadStatus,
  ExecutionEngine,
  ExecutionPayload,
  ForkchoiceState,
  ForkchoiceUpdated,
  NewPayload,
  PayloadId,
} from './execution-engine.ts'

export { Mempool } from './mempool.ts'
export type { MempoolHead, MempoolOptions } from './mempool.ts'
export { mempoolLimitsDefault } from './mempool-limits.ts'
export type { MempoolLimits } from './mempool-limits.ts'
export { TransactionRefusedError } from './transaction-admission.ts'
export type { RefusalReason } from './transaction-admission.ts'

export {
  encodeNodeConfig,
  nodeConfigFileName,
  NodeConfigInvalidError,
  parseNodeConfig,
} from './node-config.ts'
export type { ConfigAllowList, Endpoint, L1Config, NodeConfig, NodePeer } from './node-config.ts'
export type { NodeL1, OpenL1 } from './node-l1.ts'
export type { KnownBlock } from './open/known-block.ts'
export { KeystoreUnusableError, readKeystore } from './keystore.ts'

export { BuiltInEngine, PayloadUnknownError } from './built-in-engine.ts'
export type { BuiltInEngineOptions } from './built-in-engine.ts'
export { ChainDatabase, GenesisMismatchError } from './chain-database.ts'
export type { ChainDatabaseOptions } from './chain-database.ts'
export { ConsensusApplication } from './consensus-application.ts'
export { inlineRecovery, WorkerRecovery } from './sender-recovery.ts'
export type { SenderRecovery } from './sender-recovery.ts'
export { openMinimalNode } from './minimal-node.ts'
export { consensusGenesisOf, genesisConsensusRoot, openValidatorNode } from './validator-node.ts'
export type { ValidatorNode, ValidatorNodeOptions } from './validator-node.ts'

export { rpcMethods } from './rpc/methods.ts'
export { startRpcServer } from './rpc/server.ts'
export type { RpcServer } from './rpc/server.ts'
