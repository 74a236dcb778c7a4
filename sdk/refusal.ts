/** Why a contract refuses a call, from what viem throws. */

import { BaseError, decodeErrorResult, isHex } from 'viem'

import { refusals } from './refusals.ts'

export type Refusal = {
  /** The error of the contract: `StillUnbonding`. */
  readonly name: string
  readonly args: readonly unknown[]
}

/** Returns the contract's own error, or undefined when none is known in what was thrown. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof BaseError)) return undefined
  let found: Refusal | undefined
  error.walk((cause) => {
    const { data, raw } = cause as { data?: unknown; raw?: unknown }
    // A reader's own ABI need not know the error: what came is in `raw` then.
    found ??= decode(data) ?? decode(raw)
    return found !== undefined
  })
  return found
}

function decode(data: unknown): Refusal | undefined {
  const bytes = typeof data === 'object' && data !== null ? (data as { data?: unknown }).data : data
  if (!isHex(bytes) || bytes.length < 10) return undefined
  try {
    const { errorName, args } = decodeErrorResult({ abi: refusals, data: bytes })
    return { name: errorName, args: args ?? [] }
  } catch {
    return undefined
  }
}
