/**
 * What nodes, dispersers and readers ask of the chain that certificates are recorded on, as an
 * argument: contracts over JSON-RPC in processes, a table in the simulator.
 */

import type { NetworkIdentity } from '@zg/consensus'

import type { BatchId } from '../batch/batch.ts'
import type { Certificate } from '../batch/certificate.ts'
import type { VoucherDomain } from '../disperser/payment-desk.ts'
import type { Quorum } from '../batch/quorum.ts'

/** K and n. */
export type DataShape = { readonly dataRows: number; readonly codedRows: number }

/** A member of a quorum as a party to talk to. */
export type DataSigner = {
  /** 20 bytes. */
  readonly operator: Uint8Array
  /** 48 bytes. */
  readonly publicKey: Uint8Array
  /** Where its node answers. */
  readonly url: string
  /** What it signs counts for nothing. */
  readonly isContested: boolean
}

/** A quorum that is drawn, and who its members are, in the same order. */
export type DrawnQuorum = Quorum & { readonly signers: readonly DataSigner[] }

/** What an epoch's batches are bound to. */
export type DataEpoch = {
  readonly epoch: bigint
  /** 32 bytes. */
  readonly seed: Uint8Array
  readonly quorumCount: number
}

/** A certificate that the chain recorded. */
export type DataRecord = {
  /** 32 bytes. */
  readonly commitment: Uint8Array
  readonly rowSize: number
  readonly epoch: bigint
  /** Of the block that holds it. */
  readonly height: bigint
}

/** What 0G's clients name a batch by. */
export type BatchName = {
  /** 32 bytes. */
  readonly commitment: Uint8Array
  readonly epoch: bigint
  readonly quorum: number
}

/** Epochs after its own from which on nothing more of an epoch can be recorded. */
export const recordedWithin = 2n

export interface DataChain {
  /** What votes name. */
  readonly identity: NetworkIdentity
  readonly shape: DataShape
  /** Epochs after its own in which a batch is kept. */
  readonly retentionEpochs: bigint
  readonly vouchers: VoucherDomain

  epoch(): Promise<bigint>
  /** Of a final block. */
  finalEpoch(): Promise<bigint>
  /** Undefined while its seed is not known. */
  epochAt(epoch: bigint): Promise<DataEpoch | undefined>
  /**
   * The first epoch, the present one or one that comes, in which a disperser can have batches
   * certified, as far as that is known; undefined while nobody holds data, or nothing pays.
   */
  opening(disperser: Uint8Array): Promise<bigint | undefined>
  quorumAt(epoch: DataEpoch, quorum: number): Promise<DrawnQuorum>
  /** What a batch of an epoch costs, in wei. */
  feeOf(epoch: bigint, rowSize: number): Promise<bigint>
  /** What an account's escrow has for batches of an epoch for certain, in wei; 0 while it is young. */
  coverOf(account: Uint8Array, epoch: bigint): Promise<bigint>
  /** What an account's escrow has for vouchers, in wei; 0 of one that is no payer's. */
  balanceOf(account: Uint8Array): Promise<bigint>
  /** What a disperser redeemed of a payer's vouchers so far, in wei. */
  redeemedOf(payer: Uint8Array, disperser: Uint8Array): Promise<bigint>
  /** Of a final block. */
  recordOf(batch: BatchId): Promise<DataRecord | undefined>
  /**
   * The records of batches of an epoch, all in one final block in which nothing more of it can be
   * recorded; undefined while none that is final is so late.
   */
  finalRecordsOf(
    epoch: bigint,
    batches: readonly BatchId[],
  ): Promise<readonly (DataRecord | undefined)[] | undefined>
  /** The recorded batch of a quorum that has a commitment. */
  findBatch(name: BatchName): Promise<BatchId | undefined>
  /** Brings a certificate there; resolves when it is recorded, by whomever. */
  certify(certificate: Certificate): Promise<void>
}
