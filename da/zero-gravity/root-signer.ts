/**
 * A node's signature for 0G's façade: over a root that it holds its rows of, all of them, durably,
 * as its vote on the batch is (data-node.ts); never over what it is told it should hold.
 */

import { batchKey } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import type { DataNode } from '../node/data-node.ts'
import { bn254Sign, encodeG1 } from './bn254.ts'
import type { Bn254Key } from './bn254.ts'
import { rootDigest } from './messages.ts'

/** Signatures that are remembered, so that rows are not read again. */
const keptMax = 1_024

export class RootSigner {
  readonly #node: Pick<DataNode, 'held'>
  readonly #key: Bn254Key
  readonly #signed = new Map<string, Uint8Array>()

  constructor(node: Pick<DataNode, 'held'>, key: Bn254Key) {
    this.#node = node
    this.#key = key
  }

  /** Returns 64 bytes; undefined while the node does not hold its rows of the batch. */
  async sign(batch: BatchId): Promise<Uint8Array | undefined> {
    const key = batchKey(batch)
    const known = this.#signed.get(key)
    if (known !== undefined) return known
    const dataRoot = await this.#node.held(batch)
    if (dataRoot === undefined) return undefined
    const name = { dataRoot, epoch: batch.epoch, quorumId: BigInt(batch.quorum) }
    const signature = encodeG1(bn254Sign(this.#key.secret, rootDigest(name)))
    this.#signed.set(key, signature)
    if (this.#signed.size > keptMax) this.#signed.delete(this.#signed.keys().next().value!)
    return signature
  }
}
