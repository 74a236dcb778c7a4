/** How a disperser or a reader asks nodes, as an argument: HTTP, or the simulator's wires. */

import type { BatchId } from '../batch/batch.ts'

export interface NodeClient {
  /**
   * Returns the node's signature, 96 bytes.
   *
   * @throws What the node answers, or that it does not.
   */
  store(url: string, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array>
  /** As wire.ts has it; undefined when the node holds nothing of the batch. */
  header(url: string, batch: BatchId, signal: AbortSignal): Promise<Uint8Array | undefined>
  /** Those of the rows that the node holds, as wire.ts has them. */
  rows(
    url: string,
    batch: BatchId,
    indexes: readonly number[],
    signal: AbortSignal,
  ): Promise<Uint8Array>
}
