/** What a node gives peers that ask: certificates, blocks final or not, stretches of chain. */

import type { Clock, PeerId } from '@zg/runtime'

import { answerChainRequest } from './chain-sync.ts'
import type { Ledger } from './ledger.ts'
import { certificatesPerMessageMax } from './messages.ts'
import type { Block, Message } from './messages.ts'
import type { L1View } from './l1-view.ts'

export type AnswerSources = {
  readonly ledger: Ledger
  readonly l1View: L1View
  /** A block by its consensusRoot that is not final and durable yet. */
  readonly bodyOf: (consensusRoot: Uint8Array) => Block | undefined
  readonly payloadOf: (executionHash: Uint8Array) => Uint8Array | undefined
}

/**
 * Answers a peer gets in a second, and at once after it was quiet. A request is a few bytes, an
 * answer a few milliseconds of ours and up to some megabytes; an honest peer asks one at a time.
 */
export const answersPerSecond = 16
export const answersAtOnce = 32

/** What each peer may still ask for. */
export class AnswerBudget {
  readonly #clock: Clock
  readonly #buckets = new Map<PeerId, { level: number; atMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes one answer off a peer's budget; false when there is none left. */
  take(peer: PeerId): boolean {
    const nowMs = this.#clock.nowMs()
    const { level, atMs } = this.#buckets.get(peer) ?? { level: answersAtOnce, atMs: nowMs }
    const refilled = level + (Math.max(0, nowMs - atMs) * answersPerSecond) / 1_000
    const left = Math.min(answersAtOnce, refilled)
    this.#buckets.set(peer, { level: left < 1 ? left : left - 1, atMs: nowMs })
    return left >= 1
  }
}

type Request = Extract<Message, { kind: 'certificate-request' | 'block-request' | 'chain-request' }>

/** Returns the answer to a request; undefined when nothing of it is here. */
export function answerRequest(sources: AnswerSources, request: Request): Message | undefined {
  const { ledger, l1View, payloadOf } = sources
  switch (request.kind) {
    case 'certificate-request': {
      const { epoch, fromView, toView } = request
      const limit = certificatesPerMessageMax
      const certificates = ledger.certificates({ epoch, fromView, toView, limit })
      return certificates.length === 0 ? undefined : { kind: 'certificates', certificates }
    }
    case 'block-request': {
      const block = blockOf(sources, request.consensusRoot)
      return block === undefined ? undefined : { kind: 'block', block }
    }
    case 'chain-request': {
      const { fromHeight, count } = request
      return answerChainRequest(ledger, l1View, { fromHeight, count, payloadOf })
    }
  }
}

function blockOf(
  { ledger, bodyOf, payloadOf }: AnswerSources,
  root: Uint8Array,
): Block | undefined {
  const held = bodyOf(root)
  if (held !== undefined) return held
  const height = ledger.heightOf(root)
  const found = height === undefined ? undefined : ledger.block(height)
  if (found === undefined) return undefined
  const { header, reveal } = found
  const payload = payloadOf(header.executionHash)
  return payload === undefined ? undefined : { header, reveal, payload }
}
