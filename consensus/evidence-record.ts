/** Which pieces of evidence a node has told of: each is told once, and so many at most. */

import { toHex } from '@zg/primitives'

import type { Evidence } from './evidence.ts'

/** Distinct pieces told of; what comes after is still in the certificates kept. */
const evidenceToldMax = 4_096

export class EvidenceRecord {
  readonly #told = new Set<string>()

  /** Whether it has not been told of, and may be; it counts as told from then on. */
  isNew(evidence: Evidence): boolean {
    const name = nameOf(evidence)
    if (this.#told.has(name) || this.#told.size >= evidenceToldMax) return false
    this.#told.add(name)
    return true
  }
}

function nameOf({ kind, first, second }: Evidence): string {
  return [kind, toHex(first.signature), toHex(second.signature)].join(' ')
}
