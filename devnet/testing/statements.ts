/**
 * What validators provably signed, read off the certificates nodes serve, and the faults in it.
 *
 * A certificate names its signers, so it is one statement of each: notarization -> Notarize,
 * nullification -> Nullify, finalization -> Finalize. Nodes gather votes on their own, so what all
 * of them hold shows more of what one validator signed than what one of them does. The pairs are
 * those of docs/specs/votes.md §6, written anew: a checker that shared the code of the guard it
 * checks would share its mistakes. `differingHeights` is S5: all finality certificates of a height
 * must make one statement.
 */

import { fromHex } from '@zg/primitives'

import { callRpc } from '../rpc-call.ts'

export type Statement = {
  readonly validator: number
  readonly kind: 'notarization' | 'nullification' | 'finalization'
  /** `epoch/view`, as hex quantities. */
  readonly round: string
  /** The consensusRoot; null in a nullification. */
  readonly digest: string | null
}

/** Views of one `zg_getCertificates` call. */
const viewsPerCall = 256

type CertificateJson = Omit<Statement, 'validator' | 'round'> & {
  readonly view: string
  readonly signers: string
}

/**
 * Returns every round statement in the certificates of these nodes: all views from 1, of every
 * epoch that finalised one of the heights 1 to `to`. Without an epoch a node tells of its newest
 * alone, and what was signed before an epoch turned would be lost.
 */
export async function readStatements(
  rpcs: readonly string[],
  { to }: { readonly to: number },
): Promise<Statement[]> {
  const epochs = new Set<string>()
  for (let height = 1; height <= to; height++) {
    for (const rpc of rpcs) {
      const certificate = await callRpc(rpc, 'zg_getFinalityCertificate', [quantity(height)])
      if (certificate === null) continue
      epochs.add((certificate as { epoch: string }).epoch)
      break
    }
  }
  const perNode = rpcs.flatMap((rpc) => [...epochs].map((epoch) => statementsOf(rpc, epoch)))
  return (await Promise.all(perNode)).flat()
}

/** Returns what `validator` must not have signed, as `S3 of validator 2 in 0x0/0x1f`. */
export function faultsIn(statements: readonly Statement[]): string[] {
  const faults = new Set<string>()
  const made = Map.groupBy(
    statements,
    ({ validator, round }) => `validator ${validator} in ${round}`,
  )
  for (const [who, mine] of made) {
    const notarized = digestsOf(mine, 'notarization')
    const finalized = digestsOf(mine, 'finalization')
    if (notarized.size > 1) faults.add(`S1 of ${who}`)
    if (finalized.size > 1) faults.add(`S2 of ${who}`)
    if (finalized.size > 0 && mine.some(({ kind }) => kind === 'nullification')) {
      faults.add(`S3 of ${who}`)
    }
    // With none of S1 and S2 there is one digest on each side.
    for (const digest of finalized) {
      if (notarized.size > 0 && !notarized.has(digest)) faults.add(`S4 of ${who}`)
    }
  }
  return [...faults]
}

/**
 * Returns the heights `from` to `to` on which nodes disagree: other block hashes, a block that one
 * lacks, finality certificates that say different things, or none at all. Who signed may differ, it
 * is no part of a statement.
 */
export async function differingHeights(
  rpcs: readonly string[],
  { from, to }: { from: number; to: number },
): Promise<number[]> {
  const differing: number[] = []
  for (let height = from; height <= to; height++) {
    const hashes = new Set(await Promise.all(rpcs.map((rpc) => hashAt(rpc, quantity(height)))))
    const said = new Set(await Promise.all(rpcs.map((rpc) => finalityAt(rpc, quantity(height)))))
    // A node without a certificate of a height says nothing on it.
    said.delete(undefined)
    if (hashes.size !== 1 || hashes.has(undefined) || said.size !== 1) differing.push(height)
  }
  return differing
}

const quantity = (value: number): string => `0x${value.toString(16)}`

async function statementsOf(rpc: string, epoch: string): Promise<Statement[]> {
  const statements: Statement[] = []
  for (let from = 1; ; from += viewsPerCall) {
    const params = [quantity(from), quantity(from + viewsPerCall - 1), epoch]
    const page = (await callRpc(rpc, 'zg_getCertificates', params)) as CertificateJson[]
    // Every view ends by a certificate, so a span without any lies ahead of the chain.
    if (page.length === 0) return statements
    for (const { kind, view, digest, signers } of page) {
      for (const validator of signersIn(signers)) {
        statements.push({ validator, kind, round: `${epoch}/${view}`, digest })
      }
    }
  }
}

/** Bit i mod 8, least significant first, of byte i div 8 stands for validator i (§5). */
function signersIn(bitmap: string): number[] {
  const bytes = fromHex(bitmap)
  return Array.from({ length: 8 * bytes.length }, (_, index) => index).filter(
    (index) => (((bytes[index >> 3] ?? 0) >> (index & 7)) & 1) === 1,
  )
}

function digestsOf(statements: readonly Statement[], of: Statement['kind']): Set<string | null> {
  return new Set(statements.filter(({ kind }) => kind === of).map(({ digest }) => digest))
}

async function hashAt(rpc: string, height: string): Promise<string | undefined> {
  const block = await callRpc(rpc, 'eth_getBlockByNumber', [height, false])
  return (block as { hash: string } | null)?.hash
}

async function finalityAt(rpc: string, height: string): Promise<string | undefined> {
  const certificate = await callRpc(rpc, 'zg_getFinalityCertificate', [height])
  if (certificate === null) return undefined
  return JSON.stringify({ ...(certificate as object), signers: undefined, signature: undefined })
}
