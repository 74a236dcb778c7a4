/**
 * Tells every new block of a network once, in order, and when none comes for a while.
 *
 * It asks over HTTP, which survives the death of any validator behind the public port; a
 * subscription would end with the one it was made at.
 */

import { setTimeout as wait } from 'node:timers/promises'

import { callRpc } from '@zg/devnet'
import { toQuantity } from '@zg/primitives'

/** Pause between two looks at the head. */
export const lookEveryMs = 200

/** Pause after a block was told: at the usual pace none comes sooner, faster ones come together. */
export const lookAfterBlockMs = 450

/** Without a block for so long, the network counts as halted. */
export const haltedAfterMs = 5_000

/** After a gap, at most so many missed blocks are told; older ones are left out. */
export const missedBlocksMax = 50

export type FollowedBlock = {
  readonly number: number
  readonly hash: string
  readonly timestamp: number
  readonly transactionCount: number
  readonly gasUsed: bigint
  readonly gasLimit: bigint
}

export type BlockEvents = {
  onBlock(block: FollowedBlock): Promise<void> | void
  /** Once a halt. */
  onHalt(): void
}

/** Follows the chain at `url` from the block after its head until `signal` aborts. */
export async function followBlocks(
  url: string,
  events: BlockEvents,
  signal: AbortSignal,
): Promise<void> {
  let next = (await headOf(url)) ?? 0
  let movedAtMs = performance.now()
  let isHalted = false
  while (!signal.aborted) {
    const head = await headOf(url)
    let pauseMs = lookEveryMs
    if (head !== undefined && head >= next) {
      next = Math.max(next, head - missedBlocksMax + 1)
      while (next <= head && !signal.aborted) {
        const block = await readBlock(url, next)
        if (block === undefined) break
        await events.onBlock(block)
        next++
        pauseMs = lookAfterBlockMs
      }
      movedAtMs = performance.now()
      isHalted = false
    } else if (!isHalted && performance.now() - movedAtMs > haltedAfterMs) {
      isHalted = true
      events.onHalt()
    }
    await wait(pauseMs, undefined, { signal }).catch(() => undefined)
  }
}

async function headOf(url: string): Promise<number | undefined> {
  const head = await callRpc(url, 'eth_blockNumber').catch(() => undefined)
  return typeof head === 'string' ? Number(head) : undefined
}

async function readBlock(url: string, number: number): Promise<FollowedBlock | undefined> {
  const params = [toQuantity(number), false]
  const block = await callRpc(url, 'eth_getBlockByNumber', params).catch(() => undefined)
  if (typeof block !== 'object' || block === null) return undefined
  const fields = block as Record<string, unknown>
  const transactions = fields['transactions']
  return {
    number,
    hash: String(fields['hash']),
    timestamp: Number(fields['timestamp']),
    transactionCount: Array.isArray(transactions) ? transactions.length : 0,
    gasUsed: BigInt(String(fields['gasUsed'])),
    gasLimit: BigInt(String(fields['gasLimit'])),
  }
}
