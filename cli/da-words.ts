/** What table and code of `zg da` have in common. */

/** How far `da put` may wait: durable there, signed by a quorum, on the chain and final. */
export const putStages = ['taken', 'certified', 'recorded'] as const

export type PutStage = (typeof putStages)[number]

/** Rows that a batch may be coded into. */
export const codedRowsChoices = ['4096', '3072'] as const

/** Rows that `da sample` may ask for: all there are. */
export const rowsMax = 4_096

/** DataSigners.QUORUMS_MAX, less one. */
export const quorumMax = 63

/** Networks are numbers of 32 bits. */
export const networkIdMax = 2 ** 32 - 1
