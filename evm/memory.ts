/**
 * The memory of a frame: bytes that grow by words, zero at first.
 *
 * A memory is used again by the next frame at its depth; only what was used is cleared, and a large
 * one is let go.
 */

import { copyGasPerWord, wordCount } from './gas.ts'

/** No memory grows past this, whatever gas there is: it would cost more than 2^43 gas. */
const memorySizeMax = 2 ** 31

/** A memory larger than this is not kept for the next frame. */
const keptSizeMax = 1 << 20

const sizeAtFirst = 1024

/** Memory with its size in use and its price so far. */
export class Memory {
  bytes = new Uint8Array(sizeAtFirst)
  view = new DataView(this.bytes.buffer)
  /** In bytes, a multiple of 32. */
  size = 0
  #cost = 0

  /**
   * Grows to hold `sizeBytes` bytes from `offset` and returns the gas that costs: 3 a word and the
   * square of the words / 512 in all (Yellow Paper, appendix H.1). Call it only when
   * `offset + sizeBytes > size`, and charge before use: it has grown already.
   */
  grow(offset: number, sizeBytes: number, gas: number): number {
    const end = offset + sizeBytes
    if (end > memorySizeMax) return Infinity
    const words = Math.ceil(end / 32)
    const total = 3 * words + Math.floor((words * words) / 512)
    const cost = total - this.#cost
    // Nothing is allocated that is not paid for.
    if (cost > gas) return cost
    this.#cost = total
    this.size = 32 * words
    if (this.size > this.bytes.length) this.#reallocate()
    return cost
  }

  /** Returns a copy of a part that is in use. */
  slice(offset: number, sizeBytes: number): Uint8Array {
    return this.bytes.slice(offset, offset + sizeBytes)
  }

  /** Writes `source` from `from` on, zeros past its end. The part must be in use. */
  copyIn(target: number, source: Uint8Array, { from, size }: { from: number; size: number }): void {
    const part = from < source.length ? source.subarray(from, from + size) : source.subarray(0, 0)
    this.bytes.set(part, target)
    if (part.length < size) this.bytes.fill(0, target + part.length, target + size)
  }

  /** Makes it as new. */
  clear(): void {
    if (this.bytes.length > keptSizeMax) {
      this.bytes = new Uint8Array(sizeAtFirst)
      this.view = new DataView(this.bytes.buffer)
    } else if (this.size > 0) {
      this.bytes.fill(0, 0, this.size)
    }
    this.size = 0
    this.#cost = 0
  }

  #reallocate(): void {
    const bytes = new Uint8Array(Math.max(this.size, 2 * this.bytes.length))
    bytes.set(this.bytes)
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
  }
}

/** Gas to make a part of memory usable; nothing for a part of no bytes, wherever it is. */
export function growthGas(memory: Memory, offset: number, size: number, gas: number): number {
  if (size === 0 || offset + size <= memory.size) return 0
  return memory.grow(offset, size, gas)
}

/**
 * Does what the copy instructions have in common. At `sp` the stack holds size, source offset and
 * target offset, upwards. Returns their dynamic gas; when that is more than `gas`, nothing is
 * copied.
 */
export function copyToMemory(
  memory: Memory,
  stack: readonly bigint[],
  { sp, source, gas }: { sp: number; source: Uint8Array; gas: number },
): number {
  const target = Number(stack[sp + 2])
  const from = Number(stack[sp + 1])
  const size = Number(stack[sp])
  const copyGas = copyGasPerWord * wordCount(size)
  const total = copyGas + growthGas(memory, target, size, gas - copyGas)
  if (total <= gas && size > 0) memory.copyIn(target, source, { from, size })
  return total
}
