/**
 * What those who look after data availability ask of the chain beside `DataChain`, and bring there
 * by a transaction of their own: contracts over JSON-RPC in processes, a table in tests.
 *
 * What brings something resolves when it is there, and rejects when the chain refuses it or does
 * not answer: then what is there already is asked again.
 */

import type { RowsHeader, ProvedRow } from '@zg/coding'

import type { BatchId } from '../batch/batch.ts'
import type { DataRecord } from '../chain/data-chain.ts'
import type { Voucher } from '../doors/dispersal.ts'
import type { DataEvidence } from '../batch/evidence.ts'

/** How DataQueries goes about it. */
export type QueryRules = {
  /** One batch in so many is asked for, of none at 0. */
  readonly every: number
  /** For answers, and once more for rows that were not got. */
  readonly answerSeconds: number
}

export type Query = {
  /** 32 bytes. */
  readonly draw: Uint8Array
  /** The last second for answers or, once it is decided, for rows. */
  readonly untilSeconds: number
  /** A bit for each asked row that was not got. */
  readonly missing: number
  readonly isDecided: boolean
  readonly isSettled: boolean
}

/** A row of a query, as it is shown. */
export type ShownRow = {
  /** Which of the rows that are asked for. */
  readonly place: number
  readonly row: ProvedRow
  readonly header: RowsHeader
}

export interface QueryChain {
  /** Undefined where nothing is ever asked for. */
  queryRules(): Promise<QueryRules | undefined>
  /** Of the newest block. */
  timeSeconds(): Promise<number>
  /** 32 bytes: what a block has drawn; undefined while it is not there. */
  mixOf(height: bigint): Promise<Uint8Array | undefined>
  /** Undefined when nobody brought it. */
  queryOf(batch: BatchId): Promise<Query | undefined>
  query(batch: BatchId, record: DataRecord): Promise<void>
  /** `slots` and `got` as DataQueries.answer has them: a bit a slot of the seven, a bit a row. */
  answer(batch: BatchId, slots: number, got: number): Promise<void>
  clear(batch: BatchId, shown: ShownRow): Promise<void>
  settle(batch: BatchId, record: DataRecord): Promise<void>
}

/** What a member of a quorum earned and was not paid. */
export type Reward = {
  readonly epoch: bigint
  readonly quorum: number
  /** Its number. */
  readonly member: number
  /** In wei, above 0. */
  readonly amount: bigint
}

/** One for each that there may be. */
export function rewardKey({ epoch, quorum, member }: Omit<Reward, 'amount'>): string {
  return `${epoch}/${quorum}/${member}`
}

export interface RewardChain {
  /** All of an operator's of one epoch. */
  rewardsOf(operator: Uint8Array, epoch: bigint): Promise<readonly Reward[]>
  /** What is left of one, in wei. */
  leftOf(reward: Reward): Promise<bigint>
  claim(reward: Reward): Promise<void>
}

export interface EvidenceChain {
  /** Where the stake of who signs lies on this very chain. */
  report(operator: Uint8Array, evidence: DataEvidence): Promise<void>
}

export type Escrow = {
  /** In wei. */
  readonly balance: bigint
  /** What is to be withdrawn, in wei. */
  readonly leaving: bigint
}

export interface VoucherChain {
  escrowOf(account: Uint8Array): Promise<Escrow>
  /** What a disperser redeemed of a payer's vouchers so far, in wei. */
  redeemedOf(payer: Uint8Array, disperser: Uint8Array): Promise<bigint>
  redeem(voucher: Voucher, disperser: Uint8Array): Promise<void>
}
