/**
 * Which pieces of evidence a node has told of: each is told once, and so many of one culprit at
 * most, so that nobody's faults hide another's.
 */

import { toHex } from '@zg/primitives'

import type { Evidence } from './evidence.ts'

/** Distinct pieces told of one operator, or between certificates; one convicts. */
const evidenceToldMax = 256

export class EvidenceRecord {
  readonly #told = new Map<string, Set<string>>()

  /** Whether it has not been told of, and may be; it counts as told from then on. */
  isNew(evidence: Evidence): boolean {
    const culprit = 'operator' in evidence ? toHex(evidence.operator) : evidence.kind
    const told = this.#told.get(culprit) ?? new Set<string>()
    const name = nameOf(evidence)
    if (told.has(name) || told.size >= evidenceToldMax) return false
    this.#told.set(culprit, told.add(name))
    return true
  }
}

function nameOf({ kind, first, second }: Evidence): string {
  return [kind, toHex(first.signature), toHex(second.signature)].join(' ')
}
