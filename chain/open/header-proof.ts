/**
 * A consensus header below a state that was taken in: proved by the history of a later final one
 * (docs/specs/blocks.md §3), so it may come from anyone.
 *
 *     header 304 ‖ reveal 96 ‖ 32 siblings of 32
 */

import {
  ByteReader,
  ByteWriter,
  consensusRoot,
  readHeader,
  signatureSizeBytes,
  writeHeader,
} from '@zg/consensus'
import type { LedgerBlock } from '@zg/consensus'
import { incrementalTreeDepth, verifyMerkleProof, ZgError } from '@zg/primitives'

/** A later final header, by what is needed of it. */
export type HistoryClaim = {
  /** Of the header that is asked for. */
  readonly height: bigint
  /** Over the heights below a later block, 32 bytes. */
  readonly histRoot: Uint8Array
}

/** Returns the bytes of a header and its proof. */
export function encodeHeaderProof(block: LedgerBlock, siblings: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter()
  writeHeader(writer, block.header)
  writer.fixed(block.reveal, signatureSizeBytes)
  for (const sibling of siblings) writer.fixed(sibling, 32)
  return writer.finish()
}

/**
 * Reads a header and checks that a history holds it. The reveal is bound by the mix of the header
 * below, which is not here.
 *
 * @throws {HeaderUnprovedError} `CHAIN_HEADER_UNPROVED`; `CONSENSUS_MESSAGE_MALFORMED`
 */
export function decodeHeaderProof(bytes: Uint8Array, claim: HistoryClaim): LedgerBlock {
  const { header, reveal, proof } = readHeaderProof(bytes)
  const leaf = consensusRoot(header)
  const isProved =
    header.height === claim.height &&
    verifyMerkleProof({
      root: claim.histRoot,
      leaf,
      index: Number(claim.height),
      depth: incrementalTreeDepth,
      proof,
    })
  if (!isProved) throw new HeaderUnprovedError(claim.height)
  return { header, reveal, view: 0, consensusRoot: leaf }
}

/**
 * Reads the siblings alone, for who has the header: nothing is checked of them.
 *
 * @throws `CONSENSUS_MESSAGE_MALFORMED`
 */
export function siblingsOf(bytes: Uint8Array): readonly Uint8Array[] {
  return readHeaderProof(bytes).proof
}

function readHeaderProof(bytes: Uint8Array) {
  const reader = new ByteReader(bytes)
  const header = readHeader(reader)
  const reveal = reader.fixed(signatureSizeBytes)
  const proof = Array.from({ length: incrementalTreeDepth }, () => reader.fixed(32))
  reader.end()
  return { header, reveal, proof }
}

export class HeaderUnprovedError extends ZgError<'CHAIN_HEADER_UNPROVED'> {
  constructor(height: bigint) {
    const message = `Cannot accept the header of height ${height}: the history does not hold it`
    super('CHAIN_HEADER_UNPROVED', message, { height })
  }
}
