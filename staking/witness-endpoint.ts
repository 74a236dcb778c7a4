/**
 * What a watcher asks of a node of a network: what the node holds that was signed, and what it came
 * upon itself. Nothing of it is believed: only what verifies convicts.
 */

import type { Certificate, Evidence } from '@zg/consensus'

import type { NetworkEndpoint } from './network-endpoint.ts'

/** Views that one question spans, at most. */
export const witnessViewsMax = 256

export interface WitnessEndpoint extends Pick<
  NetworkEndpoint,
  'finalityCertificate' | 'header' | 'historyProof'
> {
  /** Round certificates of the views from..to of an epoch, inclusive; `witnessViewsMax` at most. */
  roundCertificates(query: {
    readonly epoch: bigint
    readonly fromView: number
    readonly toView: number
  }): Promise<readonly Certificate[]>
  /** Evidence the node came upon since it began, newest first. */
  evidence(): Promise<readonly Evidence[]>
}
