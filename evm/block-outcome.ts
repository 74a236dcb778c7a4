/**
 * What goes into the execution of a block and what comes out of it.
 */

import type { StateChanges, StateReader } from '@zg/state'

import type { ChainConfig } from './fork.ts'
import type { Withdrawal } from './header.ts'
import type { Receipt } from './receipt.ts'
import type { StepLimit, Tracer } from './tracer.ts'
import type { Transaction } from './transaction.ts'

/** What of a parent block its child's rules need; any full `Header` since Cancun is one. */
export type ParentBlock = {
  readonly hash: Uint8Array
  readonly number: number
  readonly timestamp: number
  readonly gasLimit: bigint
  readonly gasUsed: bigint
  readonly baseFeePerGas: bigint
  readonly blobGasUsed: bigint
  readonly excessBlobGas: bigint
}

/** What the maker of a block chooses. */
export type BlockAttributes = {
  readonly coinbase: bigint
  /** In seconds. */
  readonly timestamp: number
  readonly gasLimit: bigint
  /** 32 bytes. */
  readonly prevRandao: Uint8Array
  /** 32 bytes. */
  readonly parentBeaconBlockRoot: Uint8Array
}

/** Everything a block is executed with. */
export type BlockContext = {
  readonly config: ChainConfig
  readonly parent: ParentBlock
  readonly attributes: BlockAttributes
  /** The parent's state. */
  readonly state: StateReader
  /** The hash of the block with that number, one of the last 256 before this one. */
  readonly blockHash: (number: number) => Uint8Array | undefined
}

/** A transaction with the address that signed it: senders are recovered once, elsewhere. */
export type SignedBy = {
  readonly transaction: Transaction
  readonly sender: bigint
  /** Whether nobody signed it: a development chain sends it for any account, contracts too. */
  readonly isUnsigned?: boolean
}

/** How one transaction may be watched or stopped. */
export type TransactionOptions = {
  readonly tracer?: Tracer
  readonly limit?: StepLimit
}

/** Why a transaction may not stand in this block, here and now. */
export type RejectionReason =
  | 'type-unsupported'
  | 'chain-id-wrong'
  | 'nonce-too-low'
  | 'nonce-too-high'
  | 'nonce-at-max'
  | 'sender-has-code'
  | 'funds-insufficient'
  | 'gas-limit-too-low'
  | 'gas-limit-too-high'
  | 'block-gas-exhausted'
  | 'fee-below-base-fee'
  | 'priority-fee-above-max-fee'
  | 'fee-overflow'
  | 'init-code-too-large'
  | 'blobs-invalid'
  | 'blob-fee-below-base-fee'
  | 'block-blob-gas-exhausted'
  | 'authorizations-empty'
  | 'aborted'

/** The transaction left no trace; the block may go on with another. */
export type TransactionRejection = {
  readonly status: 'rejected'
  readonly reason: RejectionReason
  /** One sentence. */
  readonly message: string
}

/** The transaction stands in the block. */
export type TransactionOutcome = {
  readonly status: 'included'
  readonly receipt: Receipt
  /** Gas that the sender paid for, refunds taken off. */
  readonly gasUsed: bigint
  /** What the sender paid a unit of gas, in wei. */
  readonly effectiveGasPrice: bigint
  /** The address of the created contract, for a creation. */
  readonly contractAddress: bigint | undefined
  /** Return data, revert data or nothing. */
  readonly output: Uint8Array
}

/** The result of a whole block, from which its header is filled. */
export type BlockResult = {
  readonly receipts: readonly Receipt[]
  readonly gasUsed: bigint
  readonly blobGasUsed: bigint
  readonly excessBlobGas: bigint
  readonly baseFeePerGas: bigint
  readonly logsBloom: Uint8Array
  /** Non-empty requests by ascending type, `type ‖ data` each (EIP-7685); none before Prague. */
  readonly requests: readonly Uint8Array[]
  /** Their commitment; undefined before Prague. */
  readonly requestsHash: Uint8Array | undefined
  /** Wei that SELFDESTRUCT took out of existence. */
  readonly burntWei: bigint
  /** The net change to the parent's state. */
  readonly changes: StateChanges
}

/** A whole block for `executeBlock`. */
export type BlockInput = BlockContext & {
  readonly transactions: readonly SignedBy[]
  readonly withdrawals: readonly Withdrawal[]
}
