/**
 * `zg doctor --supply --watch --json` as a process beside a running world, from when it is started
 * until it is stopped: each block of L1 and of each network must be told once, in order, and hold.
 */

import assert from 'node:assert/strict'

import { startZg } from './zg-process.ts'

/** What one line says, amounts as decimal strings. */
export type SupplyLine = Readonly<Record<string, unknown>> & {
  readonly kind: 'l1' | 'network' | 'missed'
  readonly id?: number
  readonly block: string
  readonly broken: readonly string[]
}

export type SupplyWatcher = {
  /** What it printed so far. */
  readonly lines: readonly SupplyLine[]
  /** Ends it as Ctrl-C does, and asserts that all it told held; returns blocks by chain. */
  stop(): Promise<Readonly<Record<string, number>>>
}

/** Starts to watch the world whose folder is `home`. */
export function watchSupply(home: string): SupplyWatcher {
  const watch = startZg<SupplyLine>(home, ['doctor', '--supply', '--watch'])
  const { lines } = watch
  return {
    lines,
    async stop() {
      const exitCode = await watch.stop()
      const counts = checkLines(lines)
      assert.equal(exitCode, 0)
      return counts
    },
  }
}

function checkLines(lines: readonly SupplyLine[]): Readonly<Record<string, number>> {
  const next = new Map<string, bigint>()
  const counts: Record<string, number> = {}
  for (const line of lines) {
    assert.notEqual(line.kind, 'missed')
    const chain = line.kind === 'l1' ? 'l1' : `net-${line.id}`
    assert.deepEqual(line.broken, [], `${chain}, block ${line.block}`)
    const block = BigInt(line.block)
    assert.equal(block, next.get(chain) ?? block, `${chain} is told block by block`)
    next.set(chain, block + 1n)
    counts[chain] = (counts[chain] ?? 0) + 1
  }
  return counts
}
