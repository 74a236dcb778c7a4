/**
 * Evidence that a validator came upon since it began, for those who report it on L1: of each
 * culprit the newest pieces, so that nobody's faults hide another's. One piece convicts.
 */

import type { Evidence } from '@zg/consensus'
import { toHex } from '@zg/primitives'

/** Pieces kept of one operator, and of pairs of certificates of a kind. */
const piecesMax = 4

/** Culprits kept; the one heard of first goes. */
const culpritsMax = 1_024

/** Pieces of one answer: the newest of every culprit before the second of any. */
const answerPiecesMax = 256

export class HeardEvidence {
  /** Newest first. */
  readonly #byCulprit = new Map<string, readonly Evidence[]>()

  add(evidence: Evidence): void {
    const culprit = 'operator' in evidence ? toHex(evidence.operator) : evidence.kind
    const known = this.#byCulprit.get(culprit) ?? []
    this.#byCulprit.set(culprit, [evidence, ...known].slice(0, piecesMax))
    const [oldest] = this.#byCulprit.keys()
    if (this.#byCulprit.size > culpritsMax && oldest !== undefined) this.#byCulprit.delete(oldest)
  }

  /** What is kept, at most `answerPiecesMax` pieces. */
  newest(): readonly Evidence[] {
    const culprits = [...this.#byCulprit.values()].toReversed()
    return Array.from({ length: piecesMax }, (_, at) =>
      culprits.flatMap((known) => known[at] ?? []),
    )
      .flat()
      .slice(0, answerPiecesMax)
  }
}
