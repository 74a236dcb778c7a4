/**
 * What one node of a network holds, as far as it is watched: its newest finality certificates, the
 * blocks under them, the round certificates of its newest views, and proofs out of its history.
 *
 * It is read bit by bit, so that a step asks for so much and no more; what is old is let go. Nodes
 * go on getting certificates of views that have passed, so the newest views are read again.
 */

import { consensusRoot } from '@zg/consensus'
import type { Certificate, FinalityCertificate, Testimony } from '@zg/consensus'
import { bytesEqual } from '@zg/primitives'

import { witnessViewsMax } from './witness-endpoint.ts'
import type { WitnessEndpoint } from './witness-endpoint.ts'

/** Heights below the newest whose certificates and blocks are held against those of others. */
export const witnessHeightsKept = 256

/** Round certificates kept; of each view there are up to three. */
const roundsKept = 1_536

/** Heights, and pages of views, that one step reads. */
const heightsPerStepMax = 64
const pagesPerStepMax = 4

/** Newest views that are read again. */
const viewsAgain = 32

/** Proofs out of its history that one step asks for, and that are kept. */
const openingsPerStepMax = 4
const openingsKept = 64

export class Witness {
  readonly #endpoint: WitnessEndpoint
  readonly #finality = new Map<bigint, FinalityCertificate>()
  readonly #roots = new Map<bigint, Uint8Array>()
  readonly #rounds = new Map<string, Certificate>()
  readonly #openings = new Map<string, readonly Uint8Array[]>()
  #nextHeight = 0n
  #epoch = -1n
  #nextView = 1

  constructor(endpoint: WitnessEndpoint) {
    this.#endpoint = endpoint
  }

  /** Reads what is new of it. */
  async update(): Promise<void> {
    const newest = await this.#endpoint.finalityCertificate('latest')
    if (newest === undefined) return
    await this.#readHeights(newest)
    await this.#readViews(newest.vote.epoch)
  }

  /** Reads the proofs that another's certificates are not of this one's chain (S6). */
  async readOpenings(others: readonly Witness[]): Promise<void> {
    const heights = [...this.#finality.keys()]
    const newest = heights.reduce((high, height) => (height > high ? height : high), -1n)
    const foreign = others
      .flatMap((other) => [...other.#finality.values()])
      .filter(({ vote }) => {
        const own = this.#roots.get(vote.height)
        return own !== undefined && !bytesEqual(own, vote.consensusRoot) && vote.height < newest
      })
      .map(({ vote }) => vote.height)
      .filter((height) => !this.#openings.has(nameOf(height, newest)))
    for (const height of [...new Set(foreign)].slice(0, openingsPerStepMax)) {
      const proof = await this.#endpoint.historyProof({ height, under: newest })
      keep(this.#openings, { key: nameOf(height, newest), value: proof ?? [], max: openingsKept })
    }
  }

  /** What it holds, as far as it was read; all of it unverified. */
  testimony(): Testimony {
    return {
      certificates: [...this.#rounds.values()],
      finality: [...this.#finality.values()],
      rootAt: (height) => this.#roots.get(height),
      historyProof: (height, under) => this.#openings.get(nameOf(height, under)) ?? [],
    }
  }

  async #readHeights(newest: FinalityCertificate): Promise<void> {
    const { height: last } = newest.vote
    const kept = BigInt(witnessHeightsKept)
    if (this.#nextHeight + kept <= last) this.#nextHeight = last - kept + 1n
    // Its chain may have come back shorter, or another one.
    if (this.#nextHeight > last + 1n) this.#nextHeight = last
    const until = this.#nextHeight + BigInt(heightsPerStepMax)
    for (; this.#nextHeight <= last && this.#nextHeight < until; this.#nextHeight++) {
      const height = this.#nextHeight
      const found = height === last ? newest : await this.#endpoint.finalityCertificate(height)
      if (found !== undefined && found.vote.height === height) {
        keep(this.#finality, { key: height, value: found, max: witnessHeightsKept })
      }
      const header = await this.#endpoint.header(height)
      if (header === undefined) continue
      keep(this.#roots, { key: height, value: consensusRoot(header), max: witnessHeightsKept })
    }
  }

  async #readViews(newestEpoch: bigint): Promise<void> {
    if (this.#epoch < 0n) this.#epoch = newestEpoch
    for (let page = 0; page < pagesPerStepMax; page++) {
      const fromView = Math.max(1, this.#nextView - viewsAgain)
      const toView = fromView + witnessViewsMax - 1
      const query = { epoch: this.#epoch, fromView, toView }
      const found = await this.#endpoint.roundCertificates(query)
      for (const certificate of found) {
        const { epoch, view, kind, digest } = certificate.vote
        if (epoch !== this.#epoch || view < fromView || view > toView) continue
        const key = [epoch, view, kind, digest.join()].join('/')
        keep(this.#rounds, { key, value: certificate, max: roundsKept })
        if (view >= this.#nextView) this.#nextView = view + 1
      }
      const isAtEnd = this.#nextView <= toView
      if (!isAtEnd) continue
      if (this.#epoch >= newestEpoch) return
      // All of that epoch is read; it closed some blocks ago.
      this.#epoch = newestEpoch
      this.#nextView = 1
    }
  }
}

function nameOf(height: bigint, under: bigint): string {
  return `${height}/${under}`
}

function keep<key, value>(
  map: Map<key, value>,
  { key, value, max }: { readonly key: key; readonly value: value; readonly max: number },
): void {
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > max && oldest !== undefined) map.delete(oldest)
}
