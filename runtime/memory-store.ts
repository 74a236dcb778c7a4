/**
 * A `KeyValueStore` in memory, for tests, simulations and worlds that need no disk.
 *
 * A table is a list of runs, each a sorted array of at most `runLengthMax` keys, so that an insert
 * moves few of them:
 *
 *     [ a b c ] [ f h ] [ k m p z ]      find the run by its first key, then the key, by bisection
 *
 * A batch is durable as soon as it is applied; `write` still resolves in a later turn, as on a
 * disk.
 */

import type { KeyRange, KeyValueStore, KeyValueWrite } from './key-value-store.ts'
import { keyOfString, stringOfKey } from './stored-key.ts'

/** Keys of one run before it is split in two. */
const runLengthMax = 512

type Run = { readonly keys: string[]; readonly values: Uint8Array[] }

/** Keeps tables in memory. Values and keys of a batch belong to the store from the call on. */
export class MemoryStore implements KeyValueStore {
  readonly #tables = new Map<string, Run[]>()

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    const name = stringOfKey(key)
    const runs = this.#tables.get(table)
    if (runs === undefined) return undefined
    const run = runs[runIndexOf(runs, name)] as Run
    const index = firstAtOrAfter(run.keys, name)
    return run.keys[index] === name ? run.values[index] : undefined
  }

  *range(table: string, range: KeyRange): Iterable<readonly [Uint8Array, Uint8Array]> {
    const from = range.from === undefined ? '' : boundOf(range.from)
    const to = range.to === undefined ? undefined : boundOf(range.to)
    const entries = range.reverse === true ? this.#descend(table, to) : this.#ascend(table, from)
    let left = range.limit ?? Infinity
    for (const [name, value] of entries) {
      if (left-- <= 0) return
      if (range.reverse === true ? name < from : to !== undefined && name >= to) return
      yield [keyOfString(name), value]
    }
  }

  async write(batch: readonly KeyValueWrite[]): Promise<void> {
    // All keys are checked before any is applied: a refused batch leaves nothing behind.
    const names = batch.map(({ key }) => stringOfKey(key))
    for (const [index, { table, value }] of batch.entries()) {
      this.#apply(table, names[index] as string, value)
    }
    await Promise.resolve()
  }

  /** Returns a store that holds the same and changes apart. */
  copy(): MemoryStore {
    const copied = new MemoryStore()
    for (const [table, runs] of this.#tables) {
      const own = runs.map(({ keys, values }) => ({ keys: [...keys], values: [...values] }))
      copied.#tables.set(table, own)
    }
    return copied
  }

  async close(): Promise<void> {
    this.#tables.clear()
    await Promise.resolve()
  }

  #apply(table: string, name: string, value: Uint8Array | undefined): void {
    let runs = this.#tables.get(table)
    if (runs === undefined) {
      runs = [{ keys: [], values: [] }]
      this.#tables.set(table, runs)
    }
    const runIndex = runIndexOf(runs, name)
    const run = runs[runIndex] as Run
    const index = firstAtOrAfter(run.keys, name)
    const found = run.keys[index] === name
    if (value === undefined) {
      if (!found) return
      run.keys.splice(index, 1)
      run.values.splice(index, 1)
      if (run.keys.length === 0 && runs.length > 1) runs.splice(runIndex, 1)
    } else if (found) {
      run.values[index] = value
    } else {
      run.keys.splice(index, 0, name)
      run.values.splice(index, 0, value)
      if (run.keys.length > runLengthMax) runs.splice(runIndex + 1, 0, splitRun(run))
    }
  }

  *#ascend(table: string, from: string): Iterable<readonly [string, Uint8Array]> {
    const runs = this.#tables.get(table) ?? []
    for (let runIndex = runIndexOf(runs, from); runIndex < runs.length; runIndex++) {
      const { keys, values } = runs[runIndex] as Run
      for (let index = firstAtOrAfter(keys, from); index < keys.length; index++) {
        yield [keys[index] as string, values[index] as Uint8Array]
      }
    }
  }

  *#descend(table: string, to: string | undefined): Iterable<readonly [string, Uint8Array]> {
    const runs = this.#tables.get(table) ?? []
    // A table never written to has no runs, and so no last one.
    const last =
      to === undefined ? runs.length - 1 : Math.min(runIndexOf(runs, to), runs.length - 1)
    for (let runIndex = last; runIndex >= 0; runIndex--) {
      const { keys, values } = runs[runIndex] as Run
      const end = to === undefined ? keys.length : firstAtOrAfter(keys, to)
      for (let index = end - 1; index >= 0; index--) {
        yield [keys[index] as string, values[index] as Uint8Array]
      }
    }
  }
}

/** The bound of a range as a string; unlike a key it may be empty. */
function boundOf(bound: Uint8Array): string {
  return bound.length === 0 ? '' : stringOfKey(bound)
}

/** Index of the last run whose first key is at or before `name`, else 0. */
function runIndexOf(runs: readonly Run[], name: string): number {
  let low = 0
  let high = runs.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (((runs[middle] as Run).keys[0] as string) <= name) low = middle
    else high = middle
  }
  return low
}

/** Index of the first key at or after `name`; the length when there is none. */
function firstAtOrAfter(keys: readonly string[], name: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] as string) < name) low = middle + 1
    else high = middle
  }
  return low
}

/** Moves the upper half of a run into a new one. */
function splitRun(run: Run): Run {
  const half = run.keys.length >> 1
  return { keys: run.keys.splice(half), values: run.values.splice(half) }
}
