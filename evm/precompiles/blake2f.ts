/**
 * BLAKE2F, 0x09 (EIP-152): the compression function F of BLAKE2b (RFC 7693, 3.2), for as many
 * rounds as are paid for.
 *
 *     input   rounds (4, big-endian) ‖ h (64) ‖ m (128) ‖ t (16) ‖ f (1)     exactly 213 bytes;
 *             words of h, m and t little-endian; f, the last-block flag, is 0 or 1
 *     output  the next h (64)
 *     gas     one a round
 */

import { compressBlake2 } from './blake2f-kernel.ts'
import type { Precompile } from './precompile.ts'

const inputSizeBytes = 213

export const blake2f: Precompile = {
  name: 'BLAKE2F',
  gas: (input) => (input.length === inputSizeBytes ? BigInt(roundsOf(input)) : 0n),
  run: (input) => {
    // MUST be of this size and the flag 0 or 1.
    if (input.length !== inputSizeBytes) return undefined
    const isLast = input[212]
    if (isLast !== 0 && isLast !== 1) return undefined
    return compressBlake2(roundsOf(input), input.subarray(4, 212), isLast === 1)
  },
}

function roundsOf(input: Uint8Array): number {
  return new DataView(input.buffer, input.byteOffset, 4).getUint32(0)
}
