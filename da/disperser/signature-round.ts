/** One batch before its quorum: every member is asked, until enough have signed. */

import type { SignatureScheme } from '@zg/consensus'
import { signatureSizeBytes } from '@zg/consensus'
import { ZgError } from '@zg/primitives'
import type { Clock, Logger, Timer } from '@zg/runtime'

import { answerWithin, messageOf, pause } from '../asking.ts'
import { batchRequestDigest } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import type { CodedBatch } from './batch-coder.ts'
import { CertificateBuilder } from '../batch/certificate.ts'
import type { Certificate } from '../batch/certificate.ts'
import type { DataChain, DrawnQuorum } from '../chain/data-chain.ts'
import { EpochEarlyError } from '../node/data-node.ts'
import { OverloadedError, UnavailableError } from '../doors/dispersal.ts'
import type { EvidenceWatch } from './evidence-watch.ts'
import { NodeRefusedError } from '../node/http-node-client.ts'
import type { NodeClient } from '../node/node-client.ts'
import { signPersonal } from '../batch/personal-signature.ts'
import { rowsOf } from '../batch/quorum.ts'
import { encodeStore } from '../batch/wire.ts'

/** How long members have to sign until the blobs go into another batch. */
const signWithinMs = 10_000
/** How long one member has to answer; then it is asked once more. */
const storeWithinMs = 5_000
const silencesMax = 2
/** How long a member is left alone that answers at once and has no room just now, time by time. */
const laterMs = [250, 500, 1_000, 2_000, 4_000] as const
/** Statuses of HTTP: too much is asked at once; its disk is full, which it stays. */
const tooMany = 429
const noRoom = 507
/** How long members have to sign once there is a certificate. */
const lingerMs = 2_000

export type RoundOptions = {
  readonly chain: Pick<DataChain, 'identity'>
  readonly client: NodeClient
  readonly clock: Clock
  readonly log: Logger
  readonly scheme: SignatureScheme
  /** 32 bytes: of the account that pays. */
  readonly secretKey: Uint8Array
  readonly end: AbortSignal
  readonly onFuller: (certificate: Certificate) => void
  /** Told of what members answer, good or not. */
  readonly onSigned?: EvidenceWatch['see'] | undefined
}

/**
 * Resolves at the certificate; the rest of the members have `lingerMs` more to take their rows and
 * sign: `onFuller` is told of the certificate that has them too. Rows are let go at once: requests
 * are copies of them.
 *
 * @throws {UnavailableError} `DA_UNAVAILABLE` when too few signed.
 */
export function collectSignatures(
  batch: BatchId,
  coded: CodedBatch,
  quorum: DrawnQuorum,
  options: RoundOptions,
): Promise<Certificate> {
  const { chain, clock, scheme, secretKey, onFuller } = options
  const builder = new CertificateBuilder(batch, coded, quorum, chain.identity, scheme)
  const { promise, resolve, reject } = Promise.withResolvers<Certificate>()
  const { commitment } = coded
  const signature = signPersonal(batchRequestDigest(batch, commitment), secretKey)
  const late = new AbortController()
  const end = clock.setTimer(signWithinMs, () => {
    if (first === undefined) late.abort()
    reject(new UnavailableError('too few members signed in time'))
  })
  let lingering: Timer | undefined
  let first: Certificate | undefined
  const asked = quorum.members.map(async (member, index) => {
    const spans = rowsOf(quorum, member)
    if (spans.length === 0) return
    const ranges = spans.map(({ from, count }) => coded.range(from, count))
    const { header } = coded
    const request = encodeStore({ batch, header, signature, ranges })
    const signal = AbortSignal.any([options.end, late.signal])
    const own = await ask(quorum.signers[index]!.url, request, { ...options, end: signal })
    if (own === undefined || own.length !== signatureSizeBytes) return
    builder.add(index, own)
    options.onSigned?.(quorum.signers[index]!, { batch, commitment, signature: own })
    if (first !== undefined) return
    first = builder.certificate()
    if (first === undefined) return
    resolve(first)
    lingering = clock.setTimer(lingerMs, () => late.abort())
  })
  coded.release()
  void Promise.allSettled(asked).then(() => {
    end.cancel()
    lingering?.cancel()
    reject(new UnavailableError('too few members signed'))
    const last = first && builder.certificate()
    if (last !== undefined && last.signers.length > first!.signers.length) onFuller(last)
  })
  return promise
}

/** A member's signature; undefined when it gives none. */
async function ask(
  url: string,
  request: Uint8Array,
  { client, clock, log, end }: RoundOptions,
): Promise<Uint8Array | undefined> {
  const store = (signal: AbortSignal) => client.store(url, request, signal)
  const pauses = [...laterMs]
  let silences = 0
  while (!end.aborted) {
    try {
      return await answerWithin(clock, storeWithinMs, store, end)
    } catch (error) {
      log.debug('a node did not sign', { url, error: messageOf(error) })
      const answer = answerOf(error)
      const pauseMs = answer === 'later' ? pauses.shift() : 0
      if (answer === 'silent') silences++
      if (answer === 'never' || pauseMs === undefined || silences >= silencesMax) return undefined
      if (pauseMs > 0) await pause(clock, pauseMs, end)
    }
  }
  return undefined
}

/** What a node that did not sign says by it. */
function answerOf(error: unknown): 'later' | 'never' | 'silent' {
  if (error instanceof UnavailableError) return 'silent'
  if (error instanceof OverloadedError || error instanceof EpochEarlyError) return 'later'
  if (!(error instanceof ZgError)) return 'later'
  if (!(error instanceof NodeRefusedError)) return 'never'
  const { status } = error
  return status === tooMany || (status >= 500 && status !== noRoom) ? 'later' : 'never'
}
