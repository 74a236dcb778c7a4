/**
 * A simulated L1: blocks at a steady pace, final after a while, operators that come and go.
 *
 *     number      0   1   2   …                timestamp = start + number · blockMs, in seconds
 *     epoch       1 at the start, one more each `epochSeconds`
 *     set(e)      drawn for each epoch; known once epoch e - 1 has begun in a final block, as what
 *                 is changed in e - 2 holds from e on
 *     credits     some more with each block
 *
 * Every node looks through a view of its own, which is behind the others', sees nothing new for a
 * while, or, a traitor's, lies. All honest views show parts of one chain.
 */

import { bigintToBytes, concat, sha256 } from '@zg/primitives'
import { sameL1Reference, validatorSet } from '@zg/consensus'
import type { L1Reference, StakeView, ValidatorEntry, ValidatorSet } from '@zg/consensus'
import type { Rng } from '@zg/runtime'

/** Blocks behind the newest final one that a leader's reference is. */
const referenceLag = 2

/** Sets in which an operator is missing, and in which its stake is another. */
const absentChance = 0.2
const restakeChance = 0.3

/** What an L1 is like, and what each node sees of it. */
export type L1Temper = {
  readonly blockMs: number
  readonly epochSeconds: number
  /** From a block's time until it is final. */
  readonly finalityMs: number
  /** By node, how much later it learns what is final. */
  readonly lagsMs: readonly number[]
  /** By node, from when until when it learns nothing. */
  readonly blindMs: readonly (readonly [from: number, until: number])[]
  /** How likely the traitor's reference is one that L1 does not hold. */
  readonly lieChance: number
}

/** Draws an L1; `endMs`: when all faults end. */
export function drawL1Temper(rng: Rng, count: number, endMs: number): L1Temper {
  const blockMs = [200, 400, 1_000][rng.below(3)] as number
  const isBlinding = rng.chance(0.4)
  return {
    blockMs,
    epochSeconds: 1 + rng.below(4),
    finalityMs: rng.below(3) * blockMs,
    lagsMs: Array.from({ length: count }, () => rng.below(600)),
    blindMs: Array.from({ length: count }, () => {
      if (!isBlinding || rng.chance(0.5)) return [0, 0] as const
      const from = rng.below(endMs)
      return [from, from + rng.below(endMs - from)] as const
    }),
    lieChance: rng.chance(0.5) ? 0.5 : 0,
  }
}

export type SimulatedL1Options = {
  readonly temper: L1Temper
  readonly rng: Rng
  /** Everyone who ever stakes, with the stake it begins with. */
  readonly operators: readonly ValidatorEntry[]
  /** Whose stake stays below a third of every set. */
  readonly traitor: number | undefined
  readonly firstEpoch: bigint
  /** When the first epoch begins, in milliseconds since 1970. */
  readonly startMs: number
  /** Milliseconds since 1970, of no node's clock. */
  readonly nowMs: () => number
}

export class SimulatedL1 {
  readonly #options: SimulatedL1Options
  readonly #sets = new Map<bigint, ValidatorSet>()

  constructor(options: SimulatedL1Options) {
    this.#options = options
  }

  /** The set of an epoch from the first on, whoever knows it already. */
  setOf(epoch: bigint): ValidatorSet | undefined {
    const { rng, operators, traitor, firstEpoch } = this.#options
    if (epoch < firstEpoch) return undefined
    const known = this.#sets.get(epoch)
    const isFirst = epoch === firstEpoch
    const set = known ?? drawSet(rng.fork(`set ${epoch}`), { operators, traitor, epoch, isFirst })
    this.#sets.set(epoch, set)
    return set
  }

  epochAt(timestamp: bigint): bigint {
    const { startMs, temper, firstEpoch } = this.#options
    const seconds = Number(timestamp) - Math.floor(startMs / 1_000)
    return seconds < 0 ? 0n : firstEpoch + BigInt(Math.floor(seconds / temper.epochSeconds))
  }

  /** The block of a number, as every honest node sees it. */
  block(number: bigint): L1Reference {
    const { startMs, temper } = this.#options
    const word = (tag: string): Uint8Array =>
      sha256(concat(new TextEncoder().encode(tag), bigintToBytes(number, 8)))
    return {
      number,
      hash: word('hash'),
      timestamp: BigInt(Math.floor((startMs + Number(number) * temper.blockMs) / 1_000)),
      stateRoot: word('state'),
      creditRoot: word('credits'),
      creditCount: number / 2n,
      messageRoot: word('messages'),
    }
  }

  /** Number of the newest block that was final so long ago. */
  finalNumber(agoMs = 0): bigint {
    const { startMs, temper, nowMs } = this.#options
    const ageMs = nowMs() - startMs - temper.finalityMs - agoMs
    return BigInt(Math.max(0, Math.floor(ageMs / temper.blockMs)))
  }

  /** What a node sees; `lies`, drawn at each reference it gives, is the traitor's. */
  viewOf(node: number, lies: () => boolean): StakeView {
    const known = (): bigint => this.#seenBy(node)
    return {
      validatorSet: (epoch) => {
        const { firstEpoch } = this.#options
        const isKnown =
          epoch <= firstEpoch + 1n || this.epochAt(this.block(known()).timestamp) >= epoch - 1n
        return isKnown ? this.setOf(epoch) : undefined
      },
      epochAt: (timestamp) => this.epochAt(timestamp),
      nextReference: (parent) => {
        const number = known() - BigInt(referenceLag)
        const found = number > parent.number ? this.block(number) : parent
        return lies() ? { ...found, number: found.number + 1n, hash: sha256(found.hash) } : found
      },
      checkReference: (reference, parent) => {
        if (sameL1Reference(reference, parent)) return 'VALID'
        if (reference.number <= parent.number) return 'INVALID'
        if (reference.number > known()) return 'UNKNOWN'
        return sameL1Reference(reference, this.block(reference.number)) ? 'VALID' : 'INVALID'
      },
    }
  }

  #seenBy(node: number): bigint {
    const { temper, nowMs, startMs } = this.#options
    const [from, until] = temper.blindMs[node] as readonly [number, number]
    const elapsedMs = nowMs() - startMs
    const isBlind = elapsedMs >= from && elapsedMs < until
    return this.finalNumber((temper.lagsMs[node] as number) + (isBlind ? elapsedMs - from : 0))
  }
}

function drawSet(
  rng: Rng,
  options: {
    readonly operators: readonly ValidatorEntry[]
    readonly traitor: number | undefined
    readonly epoch: bigint
    readonly isFirst: boolean
  },
): ValidatorSet {
  const { operators, traitor, epoch, isFirst } = options
  const honest = operators.flatMap((entry, index) => {
    if (index === traitor || (!isFirst && rng.chance(absentChance))) return []
    const change = isFirst || !rng.chance(restakeChance) ? 0 : rng.below(100)
    return [{ ...entry, stake: entry.stake + BigInt(change) }]
  })
  const [first] = operators.filter((_, index) => index !== traitor)
  const members = honest.length === 0 && first !== undefined ? [first] : honest
  const total = members.reduce((sum, { stake }) => sum + stake, 0n)
  const own = traitor === undefined ? undefined : operators[traitor]
  // With less than a third of all, or not at all.
  const isIn = own !== undefined && 2n * own.stake < total && (isFirst || !rng.chance(absentChance))
  const chosen = isIn ? new Set([...members, own]) : new Set(members)
  const inOrder = operators.flatMap((entry) => {
    const found = [...chosen].find(({ publicKey }) => publicKey === entry.publicKey)
    return found === undefined ? [] : [found]
  })
  return validatorSet(epoch, inOrder)
}
