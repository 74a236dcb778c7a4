/**
 * ECRECOVER, 0x01 (Yellow Paper, appendix E): the address that signed a digest with secp256k1.
 *
 *     input   digest (32) ‖ v (32) ‖ r (32) ‖ s (32), zero-padded      v is 27 or 28
 *     output  12 zero bytes ‖ address; nothing when no key can have signed, which is no failure
 *
 * r and s are in [1, n-1]; s may be in the upper half here, unlike in transactions (EIP-2).
 */

import { recoverAddress } from '@zg/primitives'

import { isZeroRange, paddedSlice } from './input.ts'
import type { Precompile } from './precompile.ts'

const empty = new Uint8Array(0)

export const ecrecover: Precompile = {
  name: 'ECREC',
  gas: () => 3_000n,
  run: (input) => {
    const padded = paddedSlice(input, 0, 128)
    const v = padded[63] as number
    // MUST be 27 or 28 as a whole word of 32 bytes.
    if (!isZeroRange(padded, 32, 63) || (v !== 27 && v !== 28)) return empty
    const address = recoverAddress(padded.subarray(0, 32), {
      r: padded.subarray(64, 96),
      s: padded.subarray(96, 128),
      yParity: v - 27,
    })
    if (address === undefined) return empty
    const output = new Uint8Array(32)
    output.set(address, 12)
    return output
  },
}
