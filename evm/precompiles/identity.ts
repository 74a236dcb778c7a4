/** ID, 0x04 (Yellow Paper, appendix E): a copy of the input. */

import { wordCount } from './input.ts'
import type { Precompile } from './precompile.ts'

export const identity: Precompile = {
  name: 'ID',
  gas: (input) => 15n + 3n * wordCount(input.length),
  run: (input) => input.slice(),
}
