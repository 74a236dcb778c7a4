/**
 * The block of its network that L1 knows (FinalityOracle, docs/specs/stake.md §4), and what of a
 * history stands to it. A node that begins takes no other history, whoever signed it.
 *
 *     a block below it     is a leaf of its history
 *     one at its height    is it
 *     one above it         holds it in its history, and is of no earlier epoch
 *
 * The epoch matters: who has keys of an old set can build a history that holds the known block, and
 * sign in its own epoch what never followed.
 *
 * The block stays in the store: a node that begins below it holds all that it takes against it,
 * through restarts, until it has come that high.
 */

import { ByteReader, ByteWriter, consensusRoot } from '@zg/consensus'
import type { ConsensusHeader, FinalityVote, ProvedBlock } from '@zg/consensus'
import { bytesEqual, incrementalTreeDepth, verifyMerkleProof, ZgError } from '@zg/primitives'
import type { Clock, KeyValueStore, Logger } from '@zg/runtime'

import type { HistoryClaim } from './header-proof.ts'
import type { Checkpoint } from './start-bundle.ts'

/** How often L1 is asked while it says nothing. */
const pollMs = 250

const table = 'open'
const knownKey = new TextEncoder().encode('known')

/** At height 0 L1 knows the genesis alone, and the roots say nothing. */
export type KnownBlock = Checkpoint & {
  /** No later block is of an earlier epoch. */
  readonly fromEpoch: bigint
  readonly status: 'alive' | 'halted' | 'dead'
}

/** Whether something is of the history that L1 knows; `unproved` is no verdict on who gave it. */
export type Verdict = 'holds' | 'contradicts' | 'unproved'

/**
 * Asks L1 until it says what it knows.
 *
 * @param ask - Undefined while no block of L1 is believed.
 * @throws {L1UnheardError} `CHAIN_L1_UNHEARD` after `patienceMs` · {NetworkEndedError}
 *   `CHAIN_NETWORK_ENDED`
 */
export async function hearKnownBlock(
  ask: () => Promise<KnownBlock | undefined>,
  options: { readonly clock: Clock; readonly logger: Logger; readonly patienceMs: number },
): Promise<KnownBlock> {
  const { clock, logger, patienceMs } = options
  const untilMs = clock.nowMs() + patienceMs
  let failure: unknown
  while (clock.nowMs() < untilMs) {
    try {
      const known = await ask()
      if (known !== undefined && known.status !== 'alive') throw new NetworkEndedError(known)
      if (known !== undefined) return known
    } catch (error) {
      if (error instanceof NetworkEndedError) throw error
      logger.debug('L1 does not say what it knows of the network', { error })
      failure = error
    }
    await new Promise<void>((resolve) => {
      clock.setTimer(pollMs, resolve)
    })
  }
  throw new L1UnheardError(patienceMs, failure)
}

export function keepKnownBlock(store: KeyValueStore, known: Checkpoint): Promise<void> {
  const writer = new ByteWriter()
  writer.u64(known.height)
  writer.fixed(known.consensusRoot, 32)
  writer.fixed(known.histRoot, 32)
  return store.write([{ table, key: knownKey, value: writer.finish() }])
}

/** What a node began with; undefined where it asked no L1, or that knew the genesis alone. */
export function keptKnownBlock(store: KeyValueStore): Checkpoint | undefined {
  const bytes = store.get(table, knownKey)
  if (bytes === undefined) return undefined
  const reader = new ByteReader(bytes)
  const known = {
    height: reader.u64(),
    consensusRoot: reader.fixed(32),
    histRoot: reader.fixed(32),
  }
  reader.end()
  return known
}

/**
 * Judges what a certificate names; that a quorum of its epoch signed it is another's to check.
 *
 * @param headerOf - The header at a height, proved by the history of `under`, by who holds the
 *   certificate; undefined when it proves none.
 */
export async function judgeVote(
  known: KnownBlock,
  vote: FinalityVote,
  headerOf: (claim: HistoryClaim, under: bigint) => Promise<ConsensusHeader | undefined>,
): Promise<Verdict> {
  if (vote.height === known.height) return verdictOf(isSame(vote, known))
  // MUST NOT be of an earlier epoch: the set of that one has had its last word.
  if (vote.height > known.height && vote.epoch < known.fromEpoch) return 'contradicts'
  const [lower, upper] = vote.height < known.height ? [vote, known] : [known, vote]
  const claim = { height: lower.height, histRoot: upper.histRoot }
  const header = await headerOf(claim, upper.height)
  if (header === undefined) return 'unproved'
  const found = { consensusRoot: consensusRoot(header), histRoot: header.histRoot }
  return verdictOf(isSame(found, lower))
}

/**
 * Judges blocks that follow each other, of which the first is not above the known one.
 *
 * @param siblingsOf - Of a height, under the known one, by who gave the blocks.
 */
export async function judgeBlocks(
  known: Checkpoint,
  blocks: readonly ProvedBlock[],
  siblingsOf: (height: bigint, under: bigint) => Promise<readonly Uint8Array[] | undefined>,
): Promise<Verdict> {
  const at = blocks.find(({ block }) => block.header.height === known.height)
  if (at !== undefined) return verdictOf(bytesEqual(at.consensusRoot, known.consensusRoot))
  // All below the last are of its history.
  const last = blocks.at(-1)
  if (last === undefined) return 'unproved'
  const { height } = last.block.header
  const proof = await siblingsOf(height, known.height)
  if (proof === undefined) return 'unproved'
  const isLeaf = verifyMerkleProof({
    root: known.histRoot,
    leaf: last.consensusRoot,
    index: Number(height),
    depth: incrementalTreeDepth,
    proof,
  })
  return verdictOf(isLeaf)
}

type Roots = Pick<Checkpoint, 'consensusRoot' | 'histRoot'>

function isSame(a: Roots, b: Roots): boolean {
  return bytesEqual(a.consensusRoot, b.consensusRoot) && bytesEqual(a.histRoot, b.histRoot)
}

function verdictOf(holds: boolean): Verdict {
  return holds ? 'holds' : 'contradicts'
}

/** L1 is not in reach, its endpoints disagree, or prove nothing. */
export class L1UnheardError extends ZgError<'CHAIN_L1_UNHEARD'> {
  constructor(patienceMs: number, cause: unknown) {
    const message = `Cannot begin: in ${patienceMs} ms L1 did not say which block it knows`
    super('CHAIN_L1_UNHEARD', message, { patienceMs }, cause)
  }
}

/** Nothing final follows the block that L1 knows. */
export class NetworkEndedError extends ZgError<'CHAIN_NETWORK_ENDED'> {
  constructor({ height, status }: Pick<KnownBlock, 'height' | 'status'>) {
    const message = `Cannot begin: L1 says that the network is ${status} at block ${height}`
    super('CHAIN_NETWORK_ENDED', message, { height, status })
  }
}

/** What peers offer does not stand to the block that L1 knows, or they do not prove it. */
export class KnownBlockUnprovedError extends ZgError<'CHAIN_KNOWN_BLOCK_UNPROVED'> {
  constructor(height: bigint) {
    const why = `no peer proves that it is of the history of block ${height}, which L1 knows`
    super('CHAIN_KNOWN_BLOCK_UNPROVED', `Cannot take in a state: ${why}`, { height })
  }
}
