/** The finality certificate of a block, as `zg_getFinalityCertificate` gives it. */

import { callRpc } from '@zg/devnet'
import { fromHex, isHex, toQuantity } from '@zg/primitives'

export type Finality = Readonly<Record<string, unknown>> & {
  /** Validators whose FinalityVote is in it. */
  readonly signerCount: number
}

/** Returns the certificate of a height, or undefined where there is none (yet), as on an L1. */
export async function readFinality(url: string, height: bigint): Promise<Finality | undefined> {
  const httpUrl = url.replace(/^ws/, 'http')
  try {
    const certificate = await callRpc(httpUrl, 'zg_getFinalityCertificate', [toQuantity(height)])
    if (typeof certificate !== 'object' || certificate === null) return undefined
    const fields = certificate as Record<string, unknown>
    return { ...fields, signerCount: countSigners(fields['signers']) }
  } catch {
    return undefined
  }
}

/** Returns `signed by 4 validators`. */
export function signersOf({ signerCount }: Finality): string {
  return `signed by ${signerCount} validator${signerCount === 1 ? '' : 's'}`
}

/** The bitmap has one bit a validator. */
function countSigners(bitmap: unknown): number {
  if (!isHex(bitmap) || bitmap.length % 2 !== 0) return 0
  let count = 0
  for (const byte of fromHex(bitmap)) {
    for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1
  }
  return count
}
