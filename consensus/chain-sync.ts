/**
 * Catch-up: a node that was away asks peers for final blocks, proves each batch by one certificate
 * of its last block, executes it and goes on from there.
 *
 * One request is in flight; a peer that does not answer in time, or answers with what does not
 * verify, is passed over for the next, and for as long as another answers more quickly.
 */

import { appendLeaf, bytesEqual, incrementalRoot, ZgError } from '@zg/primitives'
import type { IncrementalTree } from '@zg/primitives'

import { verifyCertificate, verifyFinalityCertificate } from './certificate.ts'
import type { NetworkIdentity } from './configuration.ts'
import { checkHeader, consensusRoot, isClosing, nextMix } from './header.ts'
import type { ConsensusHeader } from './header.ts'
import type { Ledger } from './ledger.ts'
import { blocksPerMessageMax } from './messages.ts'
import type { Block, FinalityProof, Message } from './messages.ts'
import type { SignatureScheme } from './signature-scheme.ts'
import type { L1View } from './l1-view.ts'

/** Bytes of payloads in one answer, unless one block alone is larger. */
export const chainAnswerSizeBytesMax = 2 * 1_024 * 1_024

/** A request without an answer is given up after this. */
export const chainRequestTimeoutMs = 4_000

export type ChainContext = {
  readonly identity: NetworkIdentity
  readonly scheme: SignatureScheme
  readonly l1View: L1View
}

/** A block whose place and finality are proved; its payload is not executed yet. */
export type ProvedBlock = {
  readonly block: Block
  readonly consensusRoot: Uint8Array
  /** Leaves 0 .. height. */
  readonly history: IncrementalTree
}

/**
 * Checks that `blocks` extend a final block and that the last is final.
 *
 * @param parent - The last final block here, and the history up to it.
 * @throws {ChainInvalidError} `CONSENSUS_CHAIN_INVALID`
 * @throws {EpochUnknownError} `CONSENSUS_EPOCH_UNKNOWN` when the set that proves it is not known
 *   here: no fault of the sender's.
 */
export function proveChain(
  context: ChainContext,
  parent: { readonly header: ConsensusHeader; readonly history: IncrementalTree },
  { blocks, proof }: { readonly blocks: readonly Block[]; readonly proof: FinalityProof },
): readonly ProvedBlock[] {
  const proved: ProvedBlock[] = []
  let above = parent.header
  let history = parent.history
  for (const block of blocks) {
    const { header, reveal } = block
    checkLink(context, above, header)
    if (!bytesEqual(header.histRoot, incrementalRoot(history)))
      throw new ChainInvalidError('history')
    if (!bytesEqual(header.mix, nextMix(above.mix, reveal))) throw new ChainInvalidError('mix')
    const root = consensusRoot(header)
    history = appendLeaf(history, root)
    proved.push({ block, consensusRoot: root, history })
    above = header
  }
  const last = proved.at(-1)
  if (last === undefined || !isProofOf(context, proof, last)) throw new ChainInvalidError('proof')
  return proved
}

/** Final blocks from a height on, for a peer; undefined when none can be proved or found here. */
export function answerChainRequest(
  ledger: Ledger,
  l1View: L1View,
  request: {
    readonly fromHeight: bigint
    readonly count: number
    readonly payloadOf: (executionHash: Uint8Array) => Uint8Array | undefined
  },
): Extract<Message, { kind: 'chain' }> | undefined {
  const blocks: Block[] = []
  let sizeBytes = 0
  for (let offset = 0; offset < Math.min(request.count, blocksPerMessageMax); offset++) {
    const found = ledger.block(request.fromHeight + BigInt(offset))
    if (found === undefined || found.header.height === 0n) break
    const payload = request.payloadOf(found.header.executionHash)
    if (payload === undefined) break
    sizeBytes += payload.length
    if (blocks.length > 0 && sizeBytes > chainAnswerSizeBytesMax) break
    blocks.push({ header: found.header, reveal: found.reveal, payload })
    // One certificate proves blocks of its own epoch only.
    if (isClosing(found.header, l1View)) break
  }
  for (let last = blocks.at(-1); last !== undefined; last = blocks.at(-1)) {
    const proof = proofOf(ledger, last.header.height)
    if (proof !== undefined) return { kind: 'chain', blocks, proof }
    blocks.pop()
  }
  return undefined
}

function proofOf(ledger: Ledger, height: bigint): FinalityProof | undefined {
  const block = ledger.block(height)
  if (block === undefined) return undefined
  const { epoch } = block.header
  const { view } = block
  // The finalization comes first: it also tells the view, which the peer needs to vote.
  const finalization = ledger
    .certificates({ epoch, fromView: view, toView: view, limit: 3 })
    .find(({ vote }) => vote.kind === 'finalize' && bytesEqual(vote.digest, block.consensusRoot))
  if (finalization !== undefined) return { kind: 'finalization', certificate: finalization }
  const certificate = ledger.finalityCertificate(height)
  return certificate === undefined ? undefined : { kind: 'finality', certificate }
}

function checkLink(context: ChainContext, above: ConsensusHeader, header: ConsensusHeader): void {
  checkHeader(header, above)
  const { l1View } = context
  const epoch = isClosing(above, l1View) ? l1View.epochAt(above.l1.timestamp) : above.epoch
  if (header.epoch !== epoch) throw new ChainInvalidError('epoch')
}

function isProofOf(context: ChainContext, proof: FinalityProof, last: ProvedBlock): boolean {
  const { header } = last.block
  const { scheme, identity, l1View } = context
  const set = l1View.validatorSet(header.epoch)
  if (set === undefined) throw new EpochUnknownError(header.epoch)
  if (proof.kind === 'finalization') {
    const { vote } = proof.certificate
    return (
      vote.kind === 'finalize' &&
      bytesEqual(vote.digest, last.consensusRoot) &&
      verifyCertificate(scheme, identity, set, proof.certificate)
    )
  }
  return (
    bytesEqual(proof.certificate.vote.consensusRoot, last.consensusRoot) &&
    verifyFinalityCertificate(scheme, identity, set, proof.certificate)
  )
}

export class EpochUnknownError extends ZgError<'CONSENSUS_EPOCH_UNKNOWN'> {
  constructor(epoch: bigint) {
    super(
      'CONSENSUS_EPOCH_UNKNOWN',
      `Cannot check the chain: the set of epoch ${epoch} is unknown`,
      {
        epoch,
      },
    )
  }
}

export class ChainInvalidError extends ZgError<'CONSENSUS_CHAIN_INVALID'> {
  constructor(part: string) {
    super('CONSENSUS_CHAIN_INVALID', `Cannot accept the chain: its ${part} does not verify`, {
      part,
    })
  }
}
