/** Certificates of consensus in the form that doors print. */

import { ByteWriter, encodeEvidence, writeHeader } from '@zg/consensus'
import type {
  Certificate,
  ConsensusHeader,
  Evidence,
  FinalityCertificate,
  Ledger,
  Validator,
} from '@zg/consensus'
import { incrementalTreeDepth, verifyMerkleProof } from '@zg/primitives'

import type { ChainDatabase } from './chain-database.ts'
import type {
  FinalityCertificateView,
  FinalityReader,
  HistoryPlace,
  ViewCertificateView,
} from './chain-view.ts'

const kinds = {
  notarize: 'notarization',
  nullify: 'nullification',
  finalize: 'finalization',
} as const

/** Where certificates and blocks come from: a running validator, or what a follower keeps. */
export type FinalitySource = Pick<Validator, 'finalityCertificate' | 'certificates'> &
  Pick<FinalityReader, 'chain' | 'header' | 'historyProof'> & {
    readonly evidence: () => readonly Evidence[]
  }

/** Reads headers and their proofs out of a ledger, as far as the chain itself has come. */
export function historyReaderOf({
  chain,
  ledger,
}: {
  readonly chain: Pick<ChainDatabase, 'headNumber'>
  readonly ledger: Ledger
}): Pick<FinalityReader, 'header' | 'historyProof'> {
  const found = (height: bigint) =>
    height > BigInt(chain.headNumber()) ? undefined : ledger.block(height)
  return {
    header(height) {
      const block = found(height)
      return block && headerBytes(block.header)
    },
    historyProof(place) {
      const [block, later] = [found(place.height), found(place.under)]
      if (block === undefined || later === undefined || place.under <= place.height) {
        return undefined
      }
      const proof = ledger.historyProof(place.height, place.under)
      // A ledger that began at a snapshot lacks nodes below it.
      const isWhole = verifyMerkleProof({
        root: later.header.histRoot,
        leaf: block.consensusRoot,
        index: Number(place.height),
        depth: incrementalTreeDepth,
        proof,
      })
      return isWhole ? proof : undefined
    },
  }
}

function headerBytes(header: ConsensusHeader): Uint8Array {
  const writer = new ByteWriter()
  writeHeader(writer, header)
  return writer.finish()
}

/** Reads certificates and proved blocks. */
export function finalityReaderOf(source: FinalitySource, networkId: number): FinalityReader {
  return {
    chain: (fromHeight, count) => source.chain(fromHeight, count),
    header: (height) => source.header(height),
    historyProof: (place: HistoryPlace) => source.historyProof(place),
    evidence: () => source.evidence().map(encodeEvidence),
    finalityCertificate(height) {
      const certificate = source.finalityCertificate(height)
      return certificate === undefined ? undefined : finalityViewOf(certificate, networkId)
    },
    certificates(fromView, toView, epoch) {
      return source
        .certificates(safeView(fromView), safeView(toView), epoch)
        .map((certificate) => certificateViewOf(certificate, networkId))
    },
  }
}

function finalityViewOf(
  { vote, signers, signature }: FinalityCertificate,
  networkId: number,
): FinalityCertificateView {
  return { networkId, ...vote, signers, signature }
}

function certificateViewOf(
  { vote, signers, signature }: Certificate,
  networkId: number,
): ViewCertificateView {
  const { epoch, view, digest } = vote
  return {
    kind: kinds[vote.kind],
    networkId,
    epoch,
    view: BigInt(view),
    digest: vote.kind === 'nullify' ? undefined : digest,
    signers,
    signature,
  }
}

/** Views are below 2^53. */
function safeView(view: bigint): number {
  return Number(view > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : view)
}
