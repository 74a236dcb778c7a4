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

export { rpcMethods } from './rpc/methods.ts'
export type { RpcMethodsOptions } from './rpc/methods.ts'
export { RpcListenFailedError, startRpcServer } from './rpc/server.ts'
export type { RpcServer, RpcServerOptions } from './rpc/server.ts'
export type { RpcMethods } from './rpc/json-rpc.ts'
export type { AllowList } from './rpc/origin.ts'
