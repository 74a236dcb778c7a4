/**
 * The L1 of a seed: blocks at an even pace, finalized some blocks later, credits, and the stake
 * that comes and goes. Every node looks at it through a view of its own, which lags, and in some
 * seeds lies for a while.
 *
 *     numbers   1 ── 2 ── 3 ── 4 ···· 5 ── 6      12 s apart, but for gaps that skip epochs
 *     epochs    ├──── e ────┤         ├─ e+3 ─    fixed by the timestamps alone
 *
 * Truth is a function of the seed and a number; only what is finalized already depends on the
 * clock. A set is known one epoch ahead, as L1 counts keys and stake.
 */

import { bigintToBytes, concat, sha256 } from '@zg/primitives'
import { l1ReferenceDepth, sameL1Reference, validatorSet } from '@zg/consensus'
import type { Credit, L1Reference, L1View, ReferenceStatus, ValidatorSet } from '@zg/consensus'
import type { Rng } from '@zg/runtime'

/** Keys an operator has in a run, at most. */
export const keysPerOperator = 3

const secondsPerBlock = 12n
const beginSeconds = 1_800_000_000n

/**
 * `ahead`: refers to what does not exist, in a later epoch · `fork`: follows a branch nobody else
 * has, and refuses the others' · `credulous`: finds every reference good · `contrary`: none.
 */
export type LieKind = 'ahead' | 'fork' | 'credulous' | 'contrary'

export type Lie = { readonly kind: LieKind; readonly fromMs: number; readonly untilMs: number }

/** How one node sees L1. */
export type ViewPlan = {
  /** Behind the truth, always and until the heal. */
  readonly lagMs: number
  readonly lagUntilHealMs: number
  readonly lies: readonly Lie[]
}

export type L1Plan = {
  readonly blockIntervalMs: number
  /** Blocks after which one is final. */
  readonly finalityLag: number
  readonly blocksPerEpoch: number
  /** How likely a block comes whole epochs late, so that none falls into them. */
  readonly gapChance: number
  /** Credits of one block, at most. */
  readonly creditCountMax: number
  /** How likely an operator changes, in each epoch: in or out, its weight, its key. */
  readonly moveChance: number
  readonly weightChance: number
  readonly rotateChance: number
  /** How likely a node's question has no answer, before the heal and after: proofs do not come. */
  readonly missChance?: number
  /** How likely a node crashes, somewhere in the next moments, when an epoch closes there. */
  readonly closingCrashChance: number
  /** By node. */
  readonly views: readonly ViewPlan[]
}

export type L1Options = {
  readonly plan: L1Plan
  readonly rng: Rng
  readonly genesisEpoch: bigint
  /** Stake of each operator at first. */
  readonly stakes: readonly bigint[]
  /** By operator and number of its key. */
  readonly publicKeys: readonly (readonly Uint8Array[])[]
  readonly operators: readonly Uint8Array[]
  /** Operators that keep no rules, or see a false L1: never a third of a set together. */
  readonly faulty: ReadonlySet<number>
  /** The one whose key is the run's: it has no other. */
  readonly traitor: number | undefined
  /** Who is in the set of an epoch, in the place of what the plan would draw. */
  readonly scheduled?: (epoch: bigint) => readonly Member[]
  /** From the start of the run. */
  readonly elapsedMs: () => number
  readonly isHealed: () => boolean
}

/** An operator in an epoch: whether it is in the set, its stake, and the number of its key. */
export type Member = { readonly isIn: boolean; readonly stake: bigint; readonly key: number }
type Stake = { readonly members: readonly Member[]; readonly set: ValidatorSet }

export class SimulatedL1 {
  readonly #options: L1Options
  readonly #references: L1Reference[]
  readonly #stakes: Stake[] = []

  constructor(options: L1Options) {
    this.#options = options
    this.#references = [
      {
        number: 0n,
        hash: hashOf('block', 0n),
        timestamp: beginSeconds,
        stateRoot: hashOf('state', 0n),
        creditRoot: hashOf('credits', 0n),
        creditCount: 0n,
        messageRoot: hashOf('messages', 0n),
      },
    ]
    const first = options.stakes.map((stake) => ({ isIn: true, stake, key: 0 }))
    const members = options.scheduled?.(options.genesisEpoch) ?? first
    this.#stakes.push({ members, set: this.#setOf(options.genesisEpoch, members) })
  }

  /** What is true, known at once. */
  get truth(): L1View {
    return {
      epochAt: (seconds) => this.#epochAt(seconds),
      validatorSet: (epoch) => this.#setKnown(epoch, this.#finalizedAt(0)),
      newestReference: () => this.#referenceAt(this.#finalizedAt(0)),
      checkReference: (reference) => this.#check(reference, this.#finalizedAt(0)),
      credits: (from, until) => creditsOf(from, until),
    }
  }

  /** What a node sees. */
  viewOf(node: number): L1View {
    const head = (): number => this.#headOf(node)
    const { missChance = 0 } = this.#options.plan
    const draws = this.#options.rng.fork(`view ${node}`)
    // What was proved once stays known.
    const proved = new Set<string>()
    const isMissed = (what: string): boolean => {
      if (missChance === 0 || proved.has(what)) return false
      const isGone = draws.chance(missChance)
      if (!isGone) proved.add(what)
      return isGone
    }
    let creditsProved = 0n
    return {
      epochAt: (seconds) => this.#epochAt(seconds),
      validatorSet: (epoch) => {
        return isMissed(`set ${epoch}`) ? undefined : this.#setKnown(epoch, head())
      },
      newestReference: () => {
        const number = head() - Number(l1ReferenceDepth)
        if (number < 1 || isMissed(`newest ${number}`)) return undefined
        const reference = this.#referenceAt(number)
        const lie = this.#lieOf(node)
        if (lie === 'fork') return forked(reference)
        return lie === 'ahead' ? this.#ahead(reference) : reference
      },
      checkReference: (reference) => {
        if (isMissed(`block ${reference.number}`)) return 'UNKNOWN'
        // VALID says that the credits are known, too.
        if (reference.creditCount > creditsProved) creditsProved = reference.creditCount
        const lie = this.#lieOf(node)
        if (lie === 'credulous') return 'VALID'
        if (lie === 'contrary') return 'INVALID'
        if (lie === 'fork') return this.#check(forked(reference), head())
        return this.#check(reference, head())
      },
      credits: (from, until) => {
        const { creditCount } = this.#referenceAt(head())
        const isGone = until > creditsProved && isMissed(`credits ${until}`)
        return until > creditCount || isGone ? undefined : creditsOf(from, until)
      },
    }
  }

  /** The number of an operator's key that L1 counts now. */
  keyOf(operator: number): number {
    const { timestamp } = this.#referenceAt(this.#finalizedAt(0))
    return this.#stakeAt(this.#epochAt(timestamp)).members[operator]?.key ?? 0
  }

  /** The set of an epoch once L1 has come to the one before it. */
  #setKnown(epoch: bigint, head: number): ValidatorSet | undefined {
    const known = this.#epochAt(this.#referenceAt(head).timestamp) + 1n
    const { genesisEpoch } = this.#options
    return epoch >= genesisEpoch && epoch <= known ? this.#stakeAt(epoch).set : undefined
  }

  #headOf(node: number): number {
    const { lagMs = 0, lagUntilHealMs = 0 } = this.#options.plan.views[node] ?? {}
    return this.#finalizedAt(lagMs + (this.#options.isHealed() ? 0 : lagUntilHealMs))
  }

  #finalizedAt(lagMs: number): number {
    const { blockIntervalMs, finalityLag } = this.#options.plan
    const number = Math.floor((this.#options.elapsedMs() - lagMs) / blockIntervalMs)
    return Math.max(0, number - finalityLag)
  }

  #lieOf(node: number): LieKind | undefined {
    if (this.#options.isHealed()) return undefined
    const nowMs = this.#options.elapsedMs()
    const lies = this.#options.plan.views[node]?.lies ?? []
    return lies.find(({ fromMs, untilMs }) => nowMs >= fromMs && nowMs < untilMs)?.kind
  }

  #check(reference: L1Reference, head: number): ReferenceStatus {
    if (reference.number > BigInt(head)) return 'UNKNOWN'
    const own = this.#referenceAt(Number(reference.number))
    return sameL1Reference(own, reference) ? 'VALID' : 'INVALID'
  }

  #epochAt(seconds: bigint): bigint {
    const { plan, genesisEpoch } = this.#options
    if (seconds <= beginSeconds) return genesisEpoch
    return genesisEpoch + (seconds - beginSeconds) / (secondsPerBlock * BigInt(plan.blocksPerEpoch))
  }

  #referenceAt(number: number): L1Reference {
    const { plan, rng } = this.#options
    for (let next = this.#references.length; next <= number; next++) {
      const below = this.#references[next - 1] as L1Reference
      const draws = rng.fork(`block ${next}`)
      const skipped = draws.chance(plan.gapChance) ? plan.blocksPerEpoch * (1 + draws.below(3)) : 0
      const at = BigInt(next)
      this.#references.push({
        number: at,
        hash: hashOf('block', at),
        timestamp: below.timestamp + secondsPerBlock * BigInt(1 + skipped),
        stateRoot: hashOf('state', at),
        creditRoot: hashOf('credits', at),
        creditCount: below.creditCount + BigInt(draws.below(plan.creditCountMax + 1)),
        messageRoot: hashOf('messages', at),
      })
    }
    return this.#references[number] as L1Reference
  }

  /** What a liar refers to: a block to come, epochs from now. */
  #ahead(reference: L1Reference): L1Reference {
    const { blocksPerEpoch } = this.#options.plan
    const number = reference.number + 5n
    const timestamp = reference.timestamp + 2n * secondsPerBlock * BigInt(blocksPerEpoch)
    return { ...reference, number, timestamp, hash: hashOf('ahead', number) }
  }

  #stakeAt(epoch: bigint): Stake {
    const { genesisEpoch } = this.#options
    const place = Number(epoch - genesisEpoch)
    for (let next = this.#stakes.length; next <= place; next++) {
      const below = this.#stakes[next - 1] as Stake
      this.#stakes.push(this.#nextStake(genesisEpoch + BigInt(next), below))
    }
    return this.#stakes[place] as Stake
  }

  #nextStake(epoch: bigint, below: Stake): Stake {
    const { plan, rng, traitor, stakes, scheduled } = this.#options
    if (scheduled !== undefined) {
      const members = scheduled(epoch)
      return { members, set: this.#setOf(epoch, members) }
    }
    const draws = rng.fork(`stake ${epoch}`)
    const members = below.members.map(({ isIn, stake, key }, operator) => {
      const mayRotate = operator !== traitor && key + 1 < keysPerOperator
      const rotates = draws.chance(plan.rotateChance) && mayRotate && !this.#options.isHealed()
      return {
        isIn: draws.chance(plan.moveChance) ? !isIn : isIn,
        stake: draws.chance(plan.weightChance) ? BigInt(50 + draws.below(150)) : stake,
        key: rotates ? key + 1 : key,
      }
    })
    if (this.#isSound(members)) return { members, set: this.#setOf(epoch, members) }
    const again = members.map(({ key }, operator) => {
      return { isIn: true, stake: stakes[operator] as bigint, key }
    })
    return { members: again, set: this.#setOf(epoch, again) }
  }

  /** Less than a third of the stake is faulty: beyond that nothing is promised. */
  #isSound(members: readonly Member[]): boolean {
    let [total, faulty] = [0n, 0n]
    for (const [operator, { isIn, stake }] of members.entries()) {
      if (!isIn) continue
      total += stake
      if (this.#options.faulty.has(operator)) faulty += stake
    }
    return total > 0n && 3n * faulty < total
  }

  #setOf(epoch: bigint, members: readonly Member[]): ValidatorSet {
    const { publicKeys, operators } = this.#options
    const entries = members.flatMap(({ isIn, stake, key }, index) => {
      const publicKey = publicKeys[index]?.[key]
      const operator = operators[index]
      return isIn && publicKey && operator ? [{ operator, publicKey, stake }] : []
    })
    return validatorSet(epoch, entries)
  }
}

function creditsOf(from: bigint, until: bigint): readonly Credit[] {
  return Array.from({ length: Number(until - from) }, (_, place) => {
    const index = from + BigInt(place)
    const hash = hashOf('credit', index)
    return { index, recipient: hash.slice(0, 20), amountGwei: 1n + BigInt(hash[20] as number) }
  })
}

/** The same block on another branch; of a block of that branch, the one on ours. */
function forked(reference: L1Reference): L1Reference {
  return { ...reference, hash: reference.hash.map((byte) => byte ^ 0xff) }
}

function hashOf(kind: string, number: bigint): Uint8Array {
  return sha256(concat(new TextEncoder().encode(`zg/sim L1 ${kind}`), bigintToBytes(number, 8)))
}
