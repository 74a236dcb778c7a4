/** What `zg doctor` says of the L1 that a node follows, and what mends it. */

import { callRpc } from '@zg/devnet'
import { ZgError } from '@zg/primitives'

import { formatDuration, formatInteger } from '../amounts.ts'
import { mendOf } from '../explain.ts'

/** good: as it should be · warning: works, but look · bad: mend it. */
export type Verdict = 'good' | 'warning' | 'bad'

/**
 * Asks a node how it sees L1; nothing is said while that is well.
 *
 * @throws {RpcFailedError} `DEVNET_RPC_FAILED`
 */
export async function checkL1(
  url: string,
  program: string,
): Promise<{ readonly verdict: Verdict; readonly says: string }> {
  const status = (await callRpc(url, 'zg_getL1Status')) as {
    blocksBehind: string
    problem: string | null
  } | null
  const behind = Number(status?.blocksBehind ?? 0)
  if (behind > 0) {
    const blocks = `${formatInteger(behind)} block${behind === 1 ? '' : 's'}`
    const mend =
      'if it does not catch up, name another endpoint, or stop the node and remove l1.mdb'
    return { verdict: 'bad', says: `; L1 is ${blocks} behind what this node kept of it: ${mend}` }
  }
  const problem = status?.problem ?? undefined
  if (problem === undefined) return { verdict: 'good', says: '' }
  const mend = mendOf(problem, { program, path: 'doctor' })
  const says = `; it learns nothing of L1, ${problem}${mend === undefined ? '' : `: ${mend}`}`
  return { verdict: 'warning', says }
}

/** What the networks need of an L1 that is no part of the world: blocks that become final. */
export async function checkOutsideL1(
  url: string,
  epochSeconds: number,
): Promise<{ readonly verdict: Verdict; readonly says: string }> {
  try {
    const [newest, final] = await Promise.all(['latest', 'finalized'].map((at) => ageAt(url, at)))
    const isLate = (final?.ageMs ?? Infinity) * 2 > epochSeconds * 1_000
    const height = `height ${formatInteger(newest?.height ?? 0)}`
    const age = `final block ${formatDuration(final?.ageMs ?? 0)} old`
    const late = isLate ? `, more than half of an epoch of ${epochSeconds} s` : ''
    return { verdict: isLate ? 'bad' : 'good', says: `outside, ${height}, ${age}${late}` }
  } catch (error) {
    const says = error instanceof ZgError ? error.message : String(error)
    return { verdict: 'bad', says: `outside: ${says}` }
  }
}

/** A block's height, and how old it is. */
async function ageAt(url: string, which: string) {
  const block = await callRpc(url, 'eth_getBlockByNumber', [which, false])
  const { number, timestamp } = block as { number: string; timestamp: string }
  // Timestamps are whole seconds, rounded down: up to one second of the age is not age.
  const ageMs = Math.max(0, Date.now() - Number(timestamp) * 1_000)
  return { height: Number(number), ageMs }
}
