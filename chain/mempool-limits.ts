/** How much a pool of transactions holds. */

export type MempoolLimits = {
  /** Transactions in the pool. */
  readonly transactionsMax: number
  /** Bytes of all of them. */
  readonly sizeBytesMax: number
  readonly perSenderMax: number
  /** How far a nonce may lie ahead of the account's. */
  readonly nonceGapMax: bigint
  /** Transactions whose sender is being recovered. */
  readonly arrivingMax: number
  /** Authorizations whose authority is being recovered. */
  readonly authoritiesArrivingMax: number
  /** Least priority fee, in wei a unit of gas. */
  readonly priorityFeeMin: bigint
}

export const mempoolLimitsDefault: MempoolLimits = {
  transactionsMax: 16_384,
  sizeBytesMax: 64 * 1024 * 1024,
  perSenderMax: 2_048,
  nonceGapMax: 2_048n,
  arrivingMax: 8_192,
  authoritiesArrivingMax: 1_024,
  priorityFeeMin: 0n,
}
