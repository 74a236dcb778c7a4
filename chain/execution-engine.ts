/**
 * The seam between consensus and execution: the Engine API (execution-apis, `src/engine`), its
 * methods and structures without their JSON.
 *
 *     newPayload         engine_newPayloadV4       (Prague, Osaka)
 *     forkchoiceUpdated  engine_forkchoiceUpdatedV3
 *     getPayload         engine_getPayloadV4/V5    (Prague / Osaka)
 *
 * The built-in engine (`built-in-engine.ts`) implements it in process; an adapter can speak it to
 * geth, reth or any other execution client. Hashes are 32 bytes, addresses words, amounts as named.
 *
 * Deviations, each of which an adapter can do without: `buildBudgetMs` among the attributes bounds
 * the execution time of a build (a client with its own pace ignores it); blobs bundles are left
 * out, as blocks of our networks carry no blobs.
 */

import type { Withdrawal } from '@zg/evm'

/** ExecutionPayloadV3: a block without what newPayload's other parameters say. */
export type ExecutionPayload = {
  readonly parentHash: Uint8Array
  readonly feeRecipient: bigint
  readonly stateRoot: Uint8Array
  readonly receiptsRoot: Uint8Array
  readonly logsBloom: Uint8Array
  readonly prevRandao: Uint8Array
  readonly blockNumber: number
  readonly gasLimit: bigint
  readonly gasUsed: bigint
  /** In seconds. */
  readonly timestamp: number
  readonly extraData: Uint8Array
  readonly baseFeePerGas: bigint
  readonly blockHash: Uint8Array
  /** EIP-2718 bytes. */
  readonly transactions: readonly Uint8Array[]
  readonly withdrawals: readonly Withdrawal[]
  readonly blobGasUsed: bigint
  readonly excessBlobGas: bigint
}

/** The parameters of newPayload. */
export type NewPayload = {
  readonly executionPayload: ExecutionPayload
  /** Versioned hashes of all blobs of the block, in order. */
  readonly expectedBlobVersionedHashes: readonly bigint[]
  readonly parentBeaconBlockRoot: Uint8Array
  /** Non-empty requests in ascending type order, `type ‖ data` each (EIP-7685). */
  readonly executionRequests: readonly Uint8Array[]
}

/** PayloadStatusV1. SYNCING: the parent is not known; ask again when it is. */
export type EnginePayloadStatus =
  | { readonly status: 'VALID'; readonly latestValidHash: Uint8Array }
  | {
      readonly status: 'INVALID'
      /** The last valid ancestor; undefined when it was not looked for. */
      readonly latestValidHash: Uint8Array | undefined
      /** One sentence. */
      readonly validationError: string
    }
  | { readonly status: 'SYNCING' }

/** ForkchoiceStateV1; 32 zero bytes stand for "none yet" of safe and finalized. */
export type ForkchoiceState = {
  readonly headBlockHash: Uint8Array
  readonly safeBlockHash: Uint8Array
  readonly finalizedBlockHash: Uint8Array
}

/** PayloadAttributesV3. */
export type EnginePayloadAttributes = {
  /** In seconds. */
  readonly timestamp: number
  readonly prevRandao: Uint8Array
  readonly suggestedFeeRecipient: bigint
  readonly withdrawals: readonly Withdrawal[]
  readonly parentBeaconBlockRoot: Uint8Array
  /** Execution time after which no more transactions are put in. */
  readonly buildBudgetMs?: number
}

/** Names a build: 8 bytes as a word. */
export type PayloadId = bigint

export type ForkchoiceUpdated = {
  readonly payloadStatus: EnginePayloadStatus
  /** Present when attributes were given and the head is known. */
  readonly payloadId: PayloadId | undefined
}

export type BuiltPayload = {
  readonly executionPayload: ExecutionPayload
  /** What the fee recipient earns, in wei. */
  readonly blockValue: bigint
  readonly executionRequests: readonly Uint8Array[]
}

export interface ExecutionEngine {
  /** Executes and checks a block on a known parent; keeps it when VALID. */
  newPayload(payload: NewPayload): Promise<EnginePayloadStatus>
  /**
   * Sets the head, makes `finalizedBlockHash` and its ancestors final and durable, and begins to
   * build on the head when there are attributes. Resolves once finality is durable.
   */
  forkchoiceUpdated(
    state: ForkchoiceState,
    attributes?: EnginePayloadAttributes,
  ): Promise<ForkchoiceUpdated>
  /**
   * Ends the build and returns its block.
   *
   * @throws {PayloadUnknownError} `CHAIN_PAYLOAD_UNKNOWN` (Engine API -38001).
   */
  getPayload(id: PayloadId): Promise<BuiltPayload>
}
