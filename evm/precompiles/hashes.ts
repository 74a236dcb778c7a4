/**
 * SHA256, 0x02, and RIPEMD160, 0x03 (Yellow Paper, appendix E): hashes of the input; RIPEMD-160's
 * 20 bytes stand behind 12 zero bytes.
 */

import { ripemd160 as hashRipemd160, sha256 as hashSha256 } from '@zg/primitives'

import { wordCount } from './input.ts'
import type { Precompile } from './precompile.ts'

export const sha256: Precompile = {
  name: 'SHA256',
  gas: (input) => 60n + 12n * wordCount(input.length),
  run: (input) => hashSha256(input),
}

export const ripemd160: Precompile = {
  name: 'RIPEMD160',
  gas: (input) => 600n + 120n * wordCount(input.length),
  run: (input) => {
    const output = new Uint8Array(32)
    output.set(hashRipemd160(input), 12)
    return output
  },
}
