/**
 * The logs of a chain from its newest block backwards, in as few questions as its endpoint lets:
 * each spans twice as many blocks as the one before, and half as many once one is refused.
 */

import { BaseError, HttpRequestError, RpcRequestError } from 'viem'

import { UnavailableError } from '../doors/dispersal.ts'

/** Blocks that the first question spans: what most endpoints answer. */
const spanFirst = 10_000n
const spanMax = 10_000_000n
/** Questions for one search, refused ones too. */
const questionsMax = 96

export type LogPagesOptions<T> = {
  readonly newest: bigint
  /** Both blocks included. */
  readonly ask: (fromBlock: bigint, toBlock: bigint) => Promise<readonly T[]>
}

/**
 * Yields one answer after the other, the newest blocks' first, down to block 0.
 *
 * @throws {UnavailableError} `DA_UNAVAILABLE` when the chain is too long for it; what `ask` throws.
 */
export async function* logPages<T>(options: LogPagesOptions<T>): AsyncGenerator<readonly T[]> {
  const { newest, ask } = options
  let end = newest
  let span = spanFirst
  let wasRefused = false
  for (let question = 0; question < questionsMax; question++) {
    const fromBlock = end >= span ? end - span + 1n : 0n
    const found = await ask(fromBlock, end).catch((error: unknown) => {
      if (span === 1n || !isRefusal(error)) throw error
      return undefined
    })
    if (found === undefined) {
      wasRefused = true
      span /= 2n
      continue
    }
    yield found
    if (fromBlock === 0n) return
    end = fromBlock - 1n
    if (!wasRefused && span < spanMax) span *= 2n
  }
  throw new UnavailableError(`blocks from ${end} back are more than can be looked through`)
}

/** Whether an endpoint says no, and it may be for the width of what is asked. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false
  const isNo = (cause: unknown): boolean =>
    cause instanceof RpcRequestError ||
    (cause instanceof HttpRequestError && cause.status !== undefined)
  return error.walk(isNo) !== null
}
