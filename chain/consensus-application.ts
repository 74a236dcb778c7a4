/**
 * What consensus orders, upon any `ExecutionEngine`: payloads are blocks, VALID is newPayload's,
 * final is forkchoiceUpdated's.
 *
 * The consensus header fixes timestamp, prevRandao, fee recipient, parentBeaconBlockRoot and
 * withdrawals (the credits due) of its execution block; a payload that says otherwise is INVALID
 * before it reaches the engine. So is one with another gas limit than the genesis or with blobs:
 * those are rules of the network, of which an engine knows nothing.
 *
 * Consensus votes on the hash of the execution header, which commits to all the rest. Bytes that
 * are not that block (another header, transactions that are not those of its root, or no block at
 * all) are a MISMATCH: they say nothing about the block. The Engine API marks the latter by an
 * INVALID without a `latestValidHash`.
 */

import { headerHash, withdrawalsRoot } from '@zg/evm'
import type { Header, Withdrawal } from '@zg/evm'
import type { Application, Payload, PayloadAttributes, PayloadStatus } from '@zg/consensus'
import { assert, bytesEqual, bytesToBigint, toHex, ZgError } from '@zg/primitives'
import type { Logger } from '@zg/runtime'

import { blockOfPayload, decodePayload, encodePayload, newPayloadOf } from './block-codec.ts'
import type { BlockBody } from './block-codec.ts'
import type { ExecutionEngine } from './execution-engine.ts'

const zeroHash = new Uint8Array(32)

/** What an engine's owner knows of blocks besides the Engine API. */
export type BlockSource = {
  finalHead(): { readonly number: number; readonly hash: Uint8Array }
  /** The payload of a staged or final block. */
  payloadOf(hash: Uint8Array): Uint8Array | undefined
  /** Forgets a staged block that lost. */
  discard(hash: Uint8Array): void
  hasPending(): boolean
}

export type ConsensusApplicationOptions = {
  readonly engine: ExecutionEngine
  readonly blocks: BlockSource
  /** Of every block; undefined where the engine holds blocks to what governance sets. */
  readonly gasLimit: bigint | undefined
  readonly logger: Logger
}

export class ConsensusApplication implements Application {
  readonly #engine: ExecutionEngine
  readonly #blocks: BlockSource
  readonly #gasLimit: bigint | undefined
  readonly #logger: Logger

  constructor(options: ConsensusApplicationOptions) {
    this.#engine = options.engine
    this.#blocks = options.blocks
    this.#gasLimit = options.gasLimit
    this.#logger = options.logger
  }

  finalHead(): { readonly height: bigint; readonly executionHash: Uint8Array } {
    const { number, hash } = this.#blocks.finalHead()
    return { height: BigInt(number), executionHash: hash }
  }

  hasPending(): boolean {
    return this.#blocks.hasPending()
  }

  async buildPayload(attributes: PayloadAttributes, buildBudgetMs: number): Promise<Payload> {
    const { payloadStatus, payloadId } = await this.#engine.forkchoiceUpdated(
      {
        headBlockHash: attributes.parentExecutionHash,
        safeBlockHash: zeroHash,
        finalizedBlockHash: zeroHash,
      },
      {
        timestamp: Number(attributes.timestampSeconds),
        prevRandao: attributes.prevRandao,
        suggestedFeeRecipient: bytesToBigint(attributes.feeRecipient),
        withdrawals: withdrawalsOf(attributes),
        parentBeaconBlockRoot: attributes.parentConsensusRoot,
        buildBudgetMs,
      },
    )
    if (payloadId === undefined) throw new BuildRefusedError(payloadStatus.status)
    const { executionPayload, executionRequests } = await this.#engine.getPayload(payloadId)
    const block = blockOfPayload({
      executionPayload,
      expectedBlobVersionedHashes: [],
      parentBeaconBlockRoot: attributes.parentConsensusRoot,
      executionRequests,
    })
    return { executionHash: executionPayload.blockHash, bytes: encodePayload(block) }
  }

  async validatePayload(attributes: PayloadAttributes, payload: Payload): Promise<PayloadStatus> {
    let block: BlockBody
    try {
      block = decodePayload(payload.bytes)
    } catch (error) {
      if (!(error instanceof ZgError)) throw error
      return this.#refuse('MISMATCH', payload, error.message)
    }
    const { header } = block
    // MUST be the block whose hash consensus votes on.
    if (!bytesEqual(headerHash(header), payload.executionHash)) {
      return this.#refuse('MISMATCH', payload, 'The payload holds another block')
    }
    const problem = this.#ruleProblem(header, attributes)
    if (problem !== undefined) return this.#refuse('INVALID', payload, problem)
    const answer = await this.#engine.newPayload(newPayloadOf(block, payload.executionHash))
    if (answer.status === 'INVALID') {
      const status = answer.latestValidHash === undefined ? 'MISMATCH' : 'INVALID'
      return this.#refuse(status, payload, answer.validationError)
    }
    return answer.status
  }

  forget(executionHash: Uint8Array): void {
    this.#blocks.discard(executionHash)
  }

  async finalize(executionHash: Uint8Array): Promise<void> {
    const { payloadStatus } = await this.#engine.forkchoiceUpdated({
      headBlockHash: executionHash,
      safeBlockHash: executionHash,
      finalizedBlockHash: executionHash,
    })
    assert(payloadStatus.status === 'VALID', 'consensus finalizes blocks that were VALID here')
  }

  payloadOf(executionHash: Uint8Array): Uint8Array | undefined {
    return this.#blocks.payloadOf(executionHash)
  }

  /** Returns where a block breaks the rules of the network; undefined for nowhere. */
  #ruleProblem(header: Header, attributes: PayloadAttributes): string | undefined {
    const { parentExecutionHash, prevRandao, parentConsensusRoot, feeRecipient } = attributes
    const isOnParent =
      bytesEqual(header.parentHash, parentExecutionHash) &&
      BigInt(header.number) === attributes.height
    if (!isOnParent) return 'The block stands on another parent'
    if (BigInt(header.timestamp) !== attributes.timestampSeconds) {
      return `The timestamp is ${header.timestamp}, not ${attributes.timestampSeconds}`
    }
    if (!bytesEqual(header.prevRandao, prevRandao)) return 'The prevRandao is another'
    const root = header.parentBeaconBlockRoot
    if (root === undefined || !bytesEqual(root, parentConsensusRoot)) {
      return 'The parent beacon block root is not the parent consensus root'
    }
    if (header.coinbase !== bytesToBigint(feeRecipient)) return 'The fee recipient is another'
    if (this.#gasLimit !== undefined && header.gasLimit !== this.#gasLimit) {
      return `The gas limit is ${header.gasLimit}, not ${this.#gasLimit}`
    }
    if (header.blobGasUsed !== 0n) return 'The block has blobs'
    // The root names the list, whatever the body says.
    const due = withdrawalsRoot(withdrawalsOf(attributes))
    if (header.withdrawalsRoot === undefined || !bytesEqual(header.withdrawalsRoot, due)) {
      return 'The withdrawals are not the credits due'
    }
    return undefined
  }

  #refuse(status: 'INVALID' | 'MISMATCH', payload: Payload, problem: string): PayloadStatus {
    const block = toHex(payload.executionHash)
    this.#logger.warn('A proposed block is refused', { block, status, problem })
    return status
  }
}

/** The credits from L1 that a block pays out, as EIP-4895 has it. */
function withdrawalsOf({ credits }: PayloadAttributes): readonly Withdrawal[] {
  return credits.map(({ index, recipient, amountGwei }) => ({
    index,
    validatorIndex: 0n,
    address: bytesToBigint(recipient),
    amountGwei,
  }))
}

export class BuildRefusedError extends ZgError<'CHAIN_BUILD_REFUSED'> {
  constructor(status: string) {
    const message = `Cannot build a block: the engine answers ${status} for its parent`
    super('CHAIN_BUILD_REFUSED', message, { status })
  }
}
