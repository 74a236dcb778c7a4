/**
 * The order in which a builder takes pooled transactions: the best tip first, those of one sender
 * by nonce. A heap over the senders' next transactions; ties go to whoever came first.
 */

import type { SignedTransaction } from './chain-view.ts'
import { tipOf } from './sender-queue.ts'
import type { PoolEntry, SenderQueue } from './sender-queue.ts'

type Line = {
  /**
   * Pending entries of one sender, by nonce; a copy, as the pool changes while a block is built.
   */
  readonly entries: readonly PoolEntry[]
  next: number
  tip: bigint
}

export type SelectionOptions = {
  readonly baseFeePerGas: bigint
  readonly isIncluded: (transaction: SignedTransaction) => boolean
}

export class TransactionSelection {
  readonly #heap: Line[] = []
  readonly #options: SelectionOptions

  constructor(queues: Iterable<SenderQueue>, options: SelectionOptions) {
    this.#options = options
    for (const queue of queues) {
      const line = { entries: queue.entries.slice(0, queue.pendingCount), next: 0, tip: 0n }
      if (this.#settle(line)) this.#heap.push(line)
    }
    for (let index = this.#heap.length >> 1; index >= 0; index--) this.#sink(index)
  }

  /** The best transaction now; undefined when none is left that pays the base fee. */
  peek(): SignedTransaction | undefined {
    const line = this.#heap[0]
    return line?.entries[line.next]?.signed
  }

  /** Goes on to the next of the same sender: the best one was taken, or its nonce is behind. */
  advance(): void {
    const line = this.#heap[0]
    if (line === undefined) return
    line.next++
    if (this.#settle(line)) this.#sink(0)
    else this.skipSender()
  }

  /** Leaves the best one and all later ones of its sender out. */
  skipSender(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink(0)
  }

  /** Finds the line's next entry that is not in the branch; false when the line is at its end. */
  #settle(line: Line): boolean {
    const { baseFeePerGas, isIncluded } = this.#options
    let entry = line.entries[line.next]
    while (entry !== undefined && isIncluded(entry.signed)) entry = line.entries[++line.next]
    // What cannot pay the base fee holds up all behind it.
    if (entry === undefined || entry.maxFee < baseFeePerGas) return false
    line.tip = tipOf(entry, baseFeePerGas)
    return true
  }

  #sink(start: number): void {
    const heap = this.#heap
    let index = start
    for (;;) {
      const left = 2 * index + 1
      let best = index
      if (this.#isBefore(left, best)) best = left
      if (this.#isBefore(left + 1, best)) best = left + 1
      if (best === index) return
      const moved = heap[index] as Line
      heap[index] = heap[best] as Line
      heap[best] = moved
      index = best
    }
  }

  #isBefore(a: number, b: number): boolean {
    const first = this.#heap[a]
    const second = this.#heap[b]
    if (first === undefined || second === undefined) return false
    if (first.tip !== second.tip) return first.tip > second.tip
    return arrivalOf(first) < arrivalOf(second)
  }
}

function arrivalOf(line: Line): number {
  return line.entries[line.next]?.arrivedMs ?? 0
}
