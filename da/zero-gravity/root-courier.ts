/**
 * Has 0G's entrance know what is certified already (docs/specs/da.md §11): says that the root comes,
 * asks each member that registered for its signature, and brings them, one root after the other.
 *
 * What fails is tried again a few times and then told; the certificate stands without it.
 */

import type { Clock, Logger } from '@zg/runtime'

import { answerWithin, messageOf, pause } from '../asking.ts'
import type { BatchId } from '../batch/batch.ts'
import type { DataChain, DrawnQuorum } from '../chain/data-chain.ts'
import { decodeG1, PointInvalidError } from './bn254.ts'
import type { G2Point } from './bn254.ts'
import { FacadeFailedError } from './facade-chain.ts'
import type { FacadeChain } from './facade-chain.ts'
import type { RootName } from './messages.ts'
import { submissionOf } from './submission.ts'
import type { RootSignature } from './submission.ts'

/** Roots that wait. */
const waitingMax = 256
const attemptsMax = 4
const retryDelayMs = 2_000
/** How long a member has to answer. */
const answerWithinMs = 5_000

/** How nodes are asked for what they sign (node-door.ts). */
export type RootClient = {
  /** 64 bytes. @throws What the node answers, or that it does not. */
  root(url: string, batch: BatchId, signal: AbortSignal): Promise<Uint8Array>
}

export type RootCourierOptions = {
  readonly chain: Pick<DataChain, 'epochAt' | 'quorumAt'>
  readonly facade: Pick<FacadeChain, 'keysOf' | 'upload' | 'submit'>
  readonly client: RootClient
  readonly clock: Clock
  readonly log: Logger
}

/** What a certificate says is held. */
export type CertifiedRoot = { readonly batch: BatchId; readonly commitment: Uint8Array }

export class RootCourier {
  readonly #options: RootCourierOptions
  readonly #waiting: CertifiedRoot[] = []
  readonly #end = new AbortController()
  #work: Promise<void> | undefined

  constructor(options: RootCourierOptions) {
    this.#options = options
  }

  /** Takes a root in; it is brought after those that wait. */
  bring(root: CertifiedRoot): void {
    if (this.#waiting.length >= waitingMax) {
      this.#options.log.warn('a root is not brought to the façade', { error: 'too many wait' })
      return
    }
    this.#waiting.push(root)
    this.#work ??= this.#bringAll()
  }

  async close(): Promise<void> {
    this.#end.abort()
    await this.#work
  }

  async #bringAll(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#end.signal.aborted) break
      await this.#bring(next)
    }
    this.#work = undefined
  }

  async #bring({ batch, commitment }: CertifiedRoot): Promise<void> {
    const { chain, facade, clock, log } = this.#options
    const name = { dataRoot: commitment, epoch: batch.epoch, quorumId: BigInt(batch.quorum) }
    let isUploaded = false
    for (let attempt = 1; !this.#end.signal.aborted; attempt++) {
      try {
        const epoch = await chain.epochAt(batch.epoch)
        if (epoch === undefined) throw new FacadeFailedError('the seed of its epoch is not known')
        if (!isUploaded) await facade.upload(epoch, name)
        isUploaded = true
        const quorum = await chain.quorumAt(epoch, batch.quorum)
        const submission = submissionOf(name, quorum, await this.#signaturesOn(name, batch, quorum))
        if (submission === undefined) throw new FacadeFailedError('too few members signed')
        return await facade.submit(submission)
      } catch (error) {
        const isLast = attempt === attemptsMax
        log.warn('a root is not brought to the façade', { isLast, error: messageOf(error) })
        if (isLast) return
        await pause(clock, retryDelayMs, this.#end.signal)
      }
    }
  }

  /** Of those members that registered, whose signature counts, and who answer. */
  async #signaturesOn(
    { epoch }: RootName,
    batch: BatchId,
    { members, signers }: DrawnQuorum,
  ): Promise<readonly RootSignature[]> {
    const { facade } = this.#options
    const keys = await facade.keysOf(
      signers.map(({ operator }) => operator),
      epoch,
    )
    const asked = members.map(async ({ slots }, member): Promise<readonly RootSignature[]> => {
      const pkG2 = keys[member]
      const { url, isContested } = signers[member]!
      if (pkG2 === undefined || slots === 0 || isContested) return []
      return this.#ask({ member, pkG2, url }, batch)
    })
    return (await Promise.all(asked)).flat()
  }

  async #ask(
    {
      member,
      pkG2,
      url,
    }: { readonly member: number; readonly pkG2: G2Point; readonly url: string },
    batch: BatchId,
  ): Promise<readonly RootSignature[]> {
    const { client, clock, log } = this.#options
    try {
      const ask = (signal: AbortSignal) => client.root(url, batch, signal)
      const answer = await answerWithin(clock, answerWithinMs, ask, this.#end.signal)
      return [{ member, pkG2, signature: decodeG1(answer) }]
    } catch (error) {
      const why = error instanceof PointInvalidError ? 'its answer is no point' : messageOf(error)
      log.debug('a node did not sign a root', { url, error: why })
      return []
    }
  }
}
