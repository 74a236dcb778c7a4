/** The table of a chain that a bench's processes share: all of it follows from a few numbers. */

import { blsScheme } from '@zg/consensus'
import { addressOfSecretKey, blsSecretKeyFromSeed, sha256 } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import { TableChain } from './table-chain.ts'

const utf8 = new TextEncoder()
const seedOf = (name: string): Uint8Array => sha256(utf8.encode(`bench ${name}`))

/** One epoch holds the whole bench. */
const epochMs = 86_400_000

export const benchShape = { dataRows: 1_024, codedRows: 4_096 }
export const benchDisperserKey = seedOf('disperser')

export function benchSigningKey(index: number): Uint8Array {
  return blsSecretKeyFromSeed(seedOf(`signer ${index}`))
}

/** `urls`: where the nodes answer; a node itself need not know. */
export function benchChain(
  clock: Clock,
  { nodes, quorums, urls = [] }: { nodes: number; quorums: number; urls?: readonly string[] },
): TableChain {
  const scheme = blsScheme()
  const signers = Array.from({ length: nodes }, (_, index) => ({
    operator: addressOfSecretKey(seedOf(`operator ${index}`)),
    publicKey: scheme.publicKeyOf(benchSigningKey(index)),
    url: urls[index] ?? '',
    votes: 1_000n,
    isContested: false,
  }))
  const chain = new TableChain({
    clock,
    shape: benchShape,
    signers,
    scheme,
    epochMs,
    quorumCount: quorums,
  })
  chain.fund(addressOfSecretKey(benchDisperserKey), 10n ** 24n)
  return chain
}
