/** Certificates of consensus in the form that doors print. */

import type { Certificate, FinalityCertificate, Validator } from '@zg/consensus'

import type { FinalityCertificateView, FinalityReader, ViewCertificateView } from './chain-view.ts'

const kinds = {
  notarize: 'notarization',
  nullify: 'nullification',
  finalize: 'finalization',
} as const

/** Where certificates and blocks come from: a running validator, or what a follower keeps. */
export type FinalitySource = Pick<Validator, 'finalityCertificate' | 'certificates'> & {
  readonly chain: FinalityReader['chain']
}

/** Reads certificates and proved blocks. */
export function finalityReaderOf(source: FinalitySource, networkId: number): FinalityReader {
  return {
    chain: (fromHeight, count) => source.chain(fromHeight, count),
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
