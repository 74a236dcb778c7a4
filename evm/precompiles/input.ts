/** Reading inputs: a precompile sees its input followed by zeros without end, as opcodes do. */

/**
 * Returns `sizeBytes` bytes of `input` from `offset` on, zeros where it has ended; fresh memory.
 */
export function paddedSlice(input: Uint8Array, offset: number, sizeBytes: number): Uint8Array {
  const slice = new Uint8Array(sizeBytes)
  if (offset < input.length) slice.set(input.subarray(offset, offset + sizeBytes))
  return slice
}

/** 32-byte words that `sizeBytes` bytes fill, the last one perhaps in part. */
export function wordCount(sizeBytes: number): bigint {
  return BigInt(Math.ceil(sizeBytes / 32))
}

/** Whether the bytes at `input[offset…]` are a number below `bound`, in the size of `bound`. */
export function isBelow(input: Uint8Array, offset: number, bound: Uint8Array): boolean {
  for (let index = 0; index < bound.length; index++) {
    const difference = (input[offset + index] as number) - (bound[index] as number)
    if (difference !== 0) return difference < 0
  }
  return false
}

/** Whether `input[from..to)` is all zero. */
export function isZeroRange(input: Uint8Array, from: number, to: number): boolean {
  for (let index = from; index < to; index++) if (input[index] !== 0) return false
  return true
}
