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
