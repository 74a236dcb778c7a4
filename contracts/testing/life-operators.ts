/**
 * The operators of a random life: those that validate networks, those that sign for data alone, and
 * what either is convicted of.
 */

import type { Hex } from '@zg/primitives'
import type { Rng } from '@zg/runtime'

import { twoBlocks, twoCommitments } from './double-votes.ts'
import type { Report } from './double-votes.ts'
import type { L1World } from './l1-world.ts'
import type { LedgerNetwork } from './ledger-network.ts'
import { testOperator } from './stake-world.ts'
import type { TestOperator } from './stake-world.ts'

/** Operators that validate at once, and those that sign for data alone. */
const livingLeast = 3
const livingMost = 8
const outsideMost = 4
/** In a life. */
const operatorsMax = 60

/** How often a fault of data is that of a validator. */
const insidePart = 0.3

export class LifeOperators {
  readonly #l1: L1World
  readonly #rng: Rng
  /** All that ever were, and those that nobody reported. */
  readonly all: TestOperator[] = []
  #living: readonly TestOperator[] = []
  #outside: readonly TestOperator[] = []
  /** Views and batches for which somebody signed twice. */
  #faults = 0

  constructor(l1: L1World, rng: Rng) {
    this.#l1 = l1
    this.#rng = rng
  }

  /** One more stakes and validates networks; undefined when there are enough. */
  join(ids: readonly number[]): Hex | undefined {
    if (this.#living.length >= livingMost) return undefined
    const operator = this.#come(ids)
    if (operator !== undefined) this.#living = [...this.#living, operator]
    return operator?.address
  }

  /** One more stakes, and validates nothing. */
  comeOutside(): Hex | undefined {
    if (this.#outside.length >= outsideMost) return undefined
    const operator = this.#come([])
    if (operator !== undefined) this.#outside = [...this.#outside, operator]
    return operator?.address
  }

  /** Two votes of a view of a network, signed by one of its validators. */
  twoBlocks(network: LedgerNetwork): Report | undefined {
    const epoch = BigInt(this.#l1.epoch)
    const culprit = this.#living[this.#rng.below(this.#living.length)]
    const isWorth = this.#living.length > livingLeast
    if (culprit === undefined || !isWorth) return undefined
    if (!network.isMember(culprit.address, epoch)) return undefined
    this.#lose(culprit)
    return twoBlocks(this.#l1, { id: network.id, culprit, epoch, number: ++this.#faults })
  }

  /** Two commitments for a batch of a network, signed by one that validates it or does not. */
  twoCommitments({ id }: LedgerNetwork): Report | undefined {
    const { operators } = this.#l1
    const epoch = BigInt(this.#l1.epoch)
    const isInside = this.#living.length > livingLeast && this.#rng.chance(insidePart)
    const from = isInside ? this.#living : this.#outside
    const culprit = from.length === 0 ? undefined : from[this.#rng.below(from.length)]
    if (culprit === undefined) return undefined
    // Who has just come has no key yet.
    if (this.#l1.read(operators, 'weightAt', culprit.address, epoch) === 0n) return undefined
    this.#lose(culprit)
    return twoCommitments(this.#l1, { id, culprit, epoch, number: ++this.#faults })
  }

  #come(ids: readonly number[]): TestOperator | undefined {
    if (this.all.length >= operatorsMax) return undefined
    const operator = testOperator(1 + this.all.length)
    this.#l1.settle([operator], { ids })
    this.all.push(operator)
    return operator
  }

  #lose(culprit: TestOperator): void {
    this.#living = this.#living.filter((each) => each !== culprit)
    this.#outside = this.#outside.filter((each) => each !== culprit)
  }
}
