/** Execute Ethereum transactions and blocks. */

export {
  atLeast,
  blobForks,
  blobParametersAt,
  blobParametersDefault,
  ChainConfigInvalidError,
  configAtFork,
  forkAt,
  forks,
  ForkUnsupportedError,
  parseChainConfig,
} from './fork.ts'
export type { BlobFork, BlobParameters, ChainConfig, Fork } from './fork.ts'

export {
  accessListOf,
  blobGasOf,
  effectiveGasPrice,
  gasPerBlob,
  initCodeSizeMax,
  intrinsicGas,
  intrinsicGasInputOf,
  maxFeePerGasOf,
  maxPriorityFeePerGasOf,
  transactionGasLimitMax,
} from './transaction.ts'
export type {
  AccessListEntry,
  AccessListTransaction,
  Authorization,
  BlobTransaction,
  FeeMarketTransaction,
  IntrinsicGasInput,
  LegacyTransaction,
  SetCodeTransaction,
  Transaction,
  UnsignedAccessListTransaction,
  UnsignedBlobTransaction,
  UnsignedFeeMarketTransaction,
  UnsignedLegacyTransaction,
  UnsignedSetCodeTransaction,
  UnsignedTransaction,
} from './transaction.ts'

export {
  authorizationHash,
  decodeTransaction,
  encodeTransaction,
  legacyV,
  recoverAuthority,
  recoverSender,
  signAuthorization,
  signingHash,
  signTransaction,
  transactionHash,
  TransactionMalformedError,
  TransactionSignatureInvalidError,
  transactionSizeMax,
} from './transaction-codec.ts'

export {
  decodeHeader,
  emptyOmmersHash,
  encodeHeader,
  headerHash,
  headerItem,
  HeaderMalformedError,
  headerOfItem,
  transactionsRoot,
  withdrawalItem,
  withdrawalOfItem,
  withdrawalsRoot,
} from './header.ts'
export type { Header, Withdrawal } from './header.ts'

export {
  addLogsToBloom,
  bloomMayContain,
  bloomOfLogs,
  bloomSizeBytes,
  encodeReceipt,
  logItem,
  receiptsRoot,
} from './receipt.ts'
export type { Log, Receipt } from './receipt.ts'

export { blobBaseFee, nextBaseFee, nextExcessBlobGas } from './fees.ts'
export type { ParentFees } from './fees.ts'

export { environmentOf, parentOf } from './block-environment.ts'
export type { BlockEnvironment, EnvironmentFields } from './block-environment.ts'

export { BlockExecution, executeBlock } from './block-execution.ts'
export { BlockInvalidError } from './block-invalid.ts'
export type {
  BlockAttributes,
  BlockContext,
  BlockInput,
  BlockResult,
  ParentBlock,
  RejectionReason,
  SignedBy,
  TransactionOptions,
  TransactionOutcome,
  TransactionRejection,
} from './block-outcome.ts'

export { checkAlone, transactionBlobCountMax } from './transaction-validity.ts'
export type { AloneRules, GasBounds } from './transaction-validity.ts'

export { hashRequests } from './requests.ts'
export { systemAddress, systemContracts } from './system-calls.ts'

export { call } from './call.ts'
export type { CallInput, CallResult } from './call.ts'
export { MessageRejectedError, MessageRun } from './message-run.ts'
export type { RanMessage, RunMessage, RunOutcome } from './message-run.ts'
export { create2Address, createdAddress, nonceMax } from './create-instructions.ts'
export { codeSizeMax } from './code.ts'
export { opcodeName } from './opcodes.ts'
export { precompileAddresses, precompileAt } from './precompiles/index.ts'
export type { Precompile } from './precompiles/index.ts'
export { ExecutionAbortedError } from './watcher.ts'
export type { MessageKind, StepLimit, TraceEnter, TraceExit, Tracer, TraceStep } from './tracer.ts'
