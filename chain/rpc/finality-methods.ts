/**
 * What consensus proves of the chain (docs/specs/votes.md): the finality certificate of a height,
 * headers with their history (docs/specs/blocks.md §3) and the certificates of views, for light
 * clients, L1, relayers and watchers of evidence.
 */

import { toHex, toQuantity } from '@zg/primitives'

import type {
  FinalityCertificateView,
  FinalityReader,
  NodeView,
  ViewCertificateView,
} from '../chain-view.ts'
import { blocksPerAnswerMax } from '../open/open-messages.ts'
import { readBlockNumberOrTag } from './block-id.ts'
import type { RpcMethod } from './json-rpc.ts'
import { certificateViewsMax } from './limits.ts'
import { checkCount, isAbsent, readQuantity } from './params.ts'
import { LimitExceededError, MethodUnknownError, ParamsInvalidError } from './rpc-error.ts'

/** The methods by name. */
export function finalityMethods({ finality }: NodeView): readonly [string, RpcMethod][] {
  return [...certificateMethods(finality), ...historyMethods(finality)]
}

function certificateMethods(finality: FinalityReader | undefined): readonly [string, RpcMethod][] {
  return [
    [
      'zg_getFinalityCertificate',
      (params) => {
        const reader = requireFinality(finality, 'zg_getFinalityCertificate')
        checkCount(params, 0, 1)
        const id = readBlockNumberOrTag(params[0], 'height')
        const height = id.kind === 'number' ? id.number : 'latest'
        const certificate = reader.finalityCertificate(height)
        return certificate === undefined ? null : finalityCertificateJson(certificate)
      },
    ],
    [
      'zg_getChain',
      (params) => {
        const reader = requireFinality(finality, 'zg_getChain')
        checkCount(params, 2, 2)
        const fromHeight = readQuantity(params[0], 'fromHeight', 64)
        const count = readQuantity(params[1], 'count', 64)
        if (count === 0n || count > BigInt(blocksPerAnswerMax)) {
          const hint = { count: toQuantity(BigInt(blocksPerAnswerMax)) }
          throw new LimitExceededError('blocks', BigInt(blocksPerAnswerMax), hint)
        }
        const message = reader.chain(fromHeight, Number(count))
        return message === undefined ? null : toHex(message)
      },
    ],
    [
      'zg_getCertificates',
      (params) => {
        const reader = requireFinality(finality, 'zg_getCertificates')
        checkCount(params, 2, 3)
        const fromView = readQuantity(params[0], 'fromView', 64)
        const toView = readQuantity(params[1], 'toView', 64)
        if (fromView > toView) throw new ParamsInvalidError('toView', 'it is below "fromView"')
        if (toView - fromView >= certificateViewsMax) {
          const hint = {
            fromView: toQuantity(fromView),
            toView: toQuantity(fromView + certificateViewsMax - 1n),
          }
          throw new LimitExceededError('views', certificateViewsMax, hint)
        }
        const epoch = isAbsent(params[2]) ? undefined : readQuantity(params[2], 'epoch', 64)
        return reader.certificates(fromView, toView, epoch).map(viewCertificateJson)
      },
    ],
  ]
}

function historyMethods(finality: FinalityReader | undefined): readonly [string, RpcMethod][] {
  return [
    [
      'zg_getHeader',
      (params) => {
        const reader = requireFinality(finality, 'zg_getHeader')
        checkCount(params, 1, 1)
        const header = reader.header(readQuantity(params[0], 'height', 64))
        return header === undefined ? null : toHex(header)
      },
    ],
    [
      'zg_getHistoryProof',
      (params) => {
        const reader = requireFinality(finality, 'zg_getHistoryProof')
        checkCount(params, 2, 2)
        const height = readQuantity(params[0], 'height', 64)
        const under = readQuantity(params[1], 'under', 64)
        if (under <= height) throw new ParamsInvalidError('under', 'it is not above "height"')
        return reader.historyProof({ height, under })?.map(toHex) ?? null
      },
    ],
    [
      'zg_getEvidence',
      (params) => {
        const reader = requireFinality(finality, 'zg_getEvidence')
        checkCount(params, 0, 0)
        return reader.evidence().map(toHex)
      },
    ],
  ]
}

function requireFinality(finality: FinalityReader | undefined, method: string): FinalityReader {
  if (finality !== undefined) return finality
  throw new MethodUnknownError(method, 'this chain has one block maker and no finality votes')
}

function finalityCertificateJson(certificate: FinalityCertificateView): unknown {
  return {
    networkId: certificate.networkId,
    epoch: toQuantity(certificate.epoch),
    height: toQuantity(certificate.height),
    blockHash: toHex(certificate.blockHash),
    consensusRoot: toHex(certificate.consensusRoot),
    histRoot: toHex(certificate.histRoot),
    nextEpoch: toQuantity(certificate.nextEpoch),
    signers: toHex(certificate.signers),
    signature: toHex(certificate.signature),
  }
}

function viewCertificateJson(certificate: ViewCertificateView): unknown {
  return {
    kind: certificate.kind,
    networkId: certificate.networkId,
    epoch: toQuantity(certificate.epoch),
    view: toQuantity(certificate.view),
    digest: certificate.digest === undefined ? null : toHex(certificate.digest),
    signers: toHex(certificate.signers),
    signature: toHex(certificate.signature),
  }
}
