/**
 * Combines each row to one element of GF(2^128), by coefficients that nobody knew when the rows
 * were made: they are drawn from a seed that depends on the root of all rows.
 *
 *     z_i = sum over lanes l of rho_l · (sum over chunks c of gamma_c · x_i[c, l])
 *     gamma_c = first 16 bytes of SHA-256(seed ‖ 0 ‖ c)      rho_l = … of SHA-256(seed ‖ 1 ‖ l)
 *
 * with c and l as four bytes, low first, and 0 and 1 as one. What coding does to the symbols of a
 * column it does to the z_i too, component by component: the z of the data rows give those of all.
 */

import { sha256 } from '@zg/primitives/hash'

import { basisMultiples, componentCount, elementSize, readElement } from './extension-field.ts'
import type { Element } from './extension-field.ts'
import { multiply } from './field.ts'
import type { Kernel } from './kernel.ts'
import { rowSizeUnit } from './row-coder.ts'

/** Symbols of a chunk. */
export const laneCount = 32

export type Coefficients = {
  /** For each chunk of a row. */
  readonly gammas: readonly Element[]
  /** For each lane of a chunk. */
  readonly rhos: readonly Element[]
}

/** Draws the coefficients for rows of `rowSize` bytes. */
export function drawCoefficients(seed: Uint8Array, rowSize: number): Coefficients {
  const draw = (kind: number, count: number): Element[] => {
    const message = new Uint8Array(seed.length + 5)
    message.set(seed)
    message[seed.length] = kind
    const view = new DataView(message.buffer)
    return Array.from({ length: count }, (_, index) => {
      view.setUint32(seed.length + 1, index, true)
      return readElement(sha256(message))
    })
  }
  return { gammas: draw(0, rowSize / rowSizeUnit), rhos: draw(1, laneCount) }
}

/** Bits of an element. */
const planeCount = 8 * elementSize

/** What the kernel does at once: assembly/combination.ts. */
const groupChunks = 4
const blockGroups = 16
const groupSums = 2 ** groupChunks * rowSizeUnit

const lookupsSize = laneCount * componentCount * 4 * 16 * elementSize
const workSize = blockGroups * groupSums + (planeCount + componentCount) * rowSizeUnit

/** Bytes of a kernel's memory that a combiner takes, for rows up to a size. */
export function combinerSize(rowSizeMax: number): number {
  return picksSize(rowSizeMax) + lookupsSize + workSize + 3 * rowSizeUnit
}

function picksSize(rowSize: number): number {
  const blocks = Math.ceil(rowSize / (blockGroups * groupChunks * rowSizeUnit))
  return blocks * planeCount * blockGroups * 2
}

/** Lookups that are kept: who verifies a batch, or codes it again, asks for the same ones. */
const lookupsKeptMax = 4
const lookupsKept: { readonly rhos: readonly Element[]; readonly lookups: Uint16Array }[] = []

/** Combines rows that lie in the memory of a kernel. */
export class RowCombiner {
  readonly #kernel: Kernel
  readonly #picks: number
  readonly #lookups: number
  readonly #work: number

  constructor(kernel: Kernel, rowSizeMax: number) {
    this.#kernel = kernel
    this.#picks = kernel.take(picksSize(rowSizeMax))
    this.#lookups = kernel.take(lookupsSize)
    this.#work = kernel.take(workSize)
  }

  /** Sets the coefficients that are combined with from now on. */
  use({ gammas, rhos }: Coefficients): void {
    const { buffer } = this.#kernel.bytes
    const size = picksSize(gammas.length * rowSizeUnit)
    writePicks(gammas, new Uint16Array(buffer, this.#picks, size / 2))
    new Uint16Array(buffer, this.#lookups, lookupsSize / 2).set(lookupsOf(rhos))
  }

  /**
   * Combines `count` rows of `rowSize` bytes that lie at `rows`, one after the other.
   *
   * @param out - Where to write the elements, 16 bytes each.
   */
  combine(rows: number, count: number, rowSize: number, out: number): void {
    const { combineRows } = this.#kernel
    combineRows(rows, count, rowSize, this.#picks, this.#lookups, this.#work, out)
  }
}

/** Which sum of its four chunks each plane takes of each group: the bits of their gammas. */
function writePicks(gammas: readonly Element[], picks: Uint16Array): void {
  let at = 0
  const blockChunks = blockGroups * groupChunks
  for (let block = 0; block < gammas.length; block += blockChunks) {
    for (let plane = 0; plane < planeCount; plane++) {
      const [component, bit] = [plane % componentCount, Math.floor(plane / componentCount)]
      for (let group = 0; group < blockGroups; group++) {
        let sum = 0
        for (let place = 0; place < groupChunks; place++) {
          const gamma = gammas[block + group * groupChunks + place]
          if (gamma !== undefined) sum |= ((gamma[component]! >> bit) & 1) << place
        }
        picks[at++] = group * groupSums + sum * rowSizeUnit
      }
    }
  }
}

/** The newest last; the oldest goes. */
function lookupsOf(rhos: readonly Element[]): Uint16Array {
  const at = lookupsKept.findIndex((kept) =>
    rhos.every((rho, lane) => isSame(rho, kept.rhos[lane]!)),
  )
  const [known] = at < 0 ? [] : lookupsKept.splice(at, 1)
  const kept = known ?? { rhos, lookups: new Uint16Array(lookupsSize / 2) }
  if (known === undefined) writeLookups(rhos, kept.lookups)
  lookupsKept.push(kept)
  if (lookupsKept.length > lookupsKeptMax) lookupsKept.shift()
  return kept.lookups
}

function isSame(a: Element, b: Element): boolean {
  return a.every((component, index) => component === b[index])
}

/** For each rho and component, rho times what each value of each nibble of it stands for. */
function writeLookups(rhos: readonly Element[], lookups: Uint16Array): void {
  let at = 0
  for (const rho of rhos) {
    for (const product of basisMultiples(rho)) {
      for (let nibble = 0; nibble < 16; nibble += 4) {
        for (let bit = 0; bit < 4; bit++) {
          const upper = at + (componentCount << bit)
          for (let component = 0; component < componentCount; component++) {
            lookups[upper + component] = multiply(product[component]!, 1 << (nibble + bit))
          }
          // What a value with more bits stands for is the sum of what they stand for.
          for (let lower = componentCount; lower < componentCount << bit; lower++) {
            lookups[upper + lower] = lookups[upper + (lower & 7)]! ^ lookups[at + lower]!
          }
        }
        at += 16 * componentCount
      }
    }
  }
}
