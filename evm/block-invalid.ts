/** A block that breaks the rules. */

import { ZgError } from '@zg/primitives'

export class BlockInvalidError extends ZgError<'EVM_BLOCK_INVALID'> {
  constructor(problem: string) {
    super('EVM_BLOCK_INVALID', `Cannot execute the block: ${problem}`, { problem })
  }
}
