/**
 * Which block of L1 is final, by one endpoint or more.
 *
 *     believed    a header that every endpoint names which answers and is not far behind most
 *     final       the lowest of what those call final
 *
 * | an endpoint | what follows |
 * |---|---|
 * | fails, or is silent for `patienceMs` | it does not count until it answers |
 * | is over `lagBlocksMax` behind more than half of all | it does not count until it catches up |
 * | has no header of a block that it called final | it is asked again `missingWait` later |
 * | names another final block than it did before | it never counts again in this process |
 * | names another one than the others | nothing new is believed until all agree |
 *
 * Behind one address many machines may answer, some of them late: a header that is not there shows
 * no lie, another hash does. So one that is down stops nobody, and one that lies stops references
 * but forges none, as long as another one that tells the truth answers: nobody is believed alone
 * for being ahead. Of two endpoints one that hangs far behind therefore holds up the other; three
 * go on without it. With one endpoint, that one is believed.
 */

import { headerHash } from '@zg/evm'
import { bigintToBytes, bytesEqual, toHex, ZgError } from '@zg/primitives'
import type { Clock, Logger, Metrics, Timer } from '@zg/runtime'

import { Failover } from './failover.ts'
import type { L1Endpoint, L1Header } from './l1-endpoint.ts'
import { L1ProofError } from './proved-state.ts'
import { Backoff } from './put-off.ts'

/** Endpoints of one follower. */
export const l1EndpointsMax = 8

/** Two epochs of Ethereum. */
export const lagBlocksMax = 64n

/** Where there are others, nobody is waited for longer. */
const patienceMs = 3_000

/** Final hashes that an endpoint named and that are held against it, newest first. */
const hashesMax = 1_024

/** Of its newest final headers so many are not asked for again. */
const headersMax = 8

/** Before one is asked again that has no header of its own final block, in milliseconds. */
const missingWait = { first: 1_000n, most: 60_000n } as const

export type AgreedHeader = L1Header & {
  /** Who named it; each may be asked for proofs and logs, which need no belief. */
  readonly sources: Failover<L1Endpoint>
}

type Source = {
  readonly endpoint: L1Endpoint
  readonly place: number
  readonly hashes: Map<bigint, Uint8Array>
  readonly headers: Map<bigint, L1Header>
  /** The newest it called final. */
  final: bigint | undefined
  isExcluded: boolean
  /** Whether a question is out that was waited for long enough. */
  isSilent: boolean
  state: SourceState
}

type SourceState = 'agrees' | 'fails' | 'lags' | 'contradicts'

const sourceStates: readonly SourceState[] = ['agrees', 'fails', 'lags', 'contradicts']

export class L1Agreement {
  readonly #sources: readonly Source[]
  readonly #clock: Clock
  readonly #log: Logger
  readonly #count: ReturnType<Metrics['gauge']>
  readonly #missing = new Backoff<Source>({ ...missingWait, max: l1EndpointsMax })
  #present: readonly Source[] = []

  /** @throws {L1EndpointsInvalidError} `STAKING_L1_ENDPOINTS_INVALID` */
  constructor(options: {
    readonly endpoints: readonly L1Endpoint[]
    readonly clock: Clock
    readonly log: Logger
    readonly metrics: Metrics
  }) {
    const { endpoints, clock, log, metrics } = options
    if (endpoints.length === 0 || endpoints.length > l1EndpointsMax) {
      throw new L1EndpointsInvalidError(endpoints.length)
    }
    this.#sources = endpoints.map((endpoint, place) => ({
      endpoint,
      place,
      hashes: new Map(),
      headers: new Map(),
      final: undefined,
      isExcluded: false,
      isSilent: false,
      state: 'agrees',
    }))
    this.#clock = clock
    this.#log = log
    this.#count = metrics.gauge({
      name: 'zg_l1_endpoints',
      help: 'Endpoints of L1 by what became of them at the last poll',
      labels: ['state'],
    })
  }

  /** Whether every endpoint has named two final blocks of one number. */
  get isContradicted(): boolean {
    return this.#sources.every(({ isExcluded }) => isExcluded)
  }

  /**
   * The newest final header that all agree on.
   *
   * @throws {L1DisagreementError} `STAKING_L1_DISAGREES` · {L1ContradictionError}
   *   `STAKING_L1_CONTRADICTS` · {L1HeaderMissingError} `STAKING_L1_HEADER_MISSING` · what the
   *   only endpoint failed with.
   */
  async newest(): Promise<AgreedHeader> {
    const heads = await this.#askAll(this.#sources, (source) => this.#head(source))
    const numbers = heads.map(({ answer }) => BigInt(answer.header.number))
    const reached = this.#reached(numbers)
    const present = heads.filter((_, place) => reached - (numbers[place] ?? 0n) <= lagBlocksMax)
    for (const head of heads) {
      this.#become(head.source, present.includes(head) ? 'agrees' : 'lags')
    }
    this.#present = present.map(({ source }) => source)
    this.#tell()
    const [first, ...others] = present.map(({ answer }) => answer)
    const lowest = others.reduce(
      (a, b) => (b.header.number < a.header.number ? b : a),
      first as L1Header,
    )
    return this.header(BigInt(lowest.header.number))
  }

  /**
   * The header of a final block by all who counted at the last `newest`.
   *
   * @throws As `newest`.
   */
  async header(number: bigint): Promise<AgreedHeader> {
    const found = await this.#askAll(this.#present, (source) => ownHeader(source, number))
    const [first] = found
    if (first === undefined) throw new L1ContradictionError(number)
    const isOne = found.every(({ answer }) => bytesEqual(answer.hash, first.answer.hash))
    if (!isOne) throw new L1DisagreementError(number)
    const sources = new Failover(found.map(({ source }) => source.endpoint))
    return { ...first.answer, sources }
  }

  /** What an endpoint calls final, once what it called so before is so still. */
  async #head(source: Source): Promise<L1Header> {
    const former = source.final
    const nowMs = BigInt(this.#clock.nowMs())
    if (this.#missing.isOff(source, nowMs)) throw new L1HeaderMissingError(former ?? 0n)
    const found = checked(await source.endpoint.finalHeader())
    const number = BigInt(found.header.number)
    try {
      if (former !== undefined && number > former) await stays(source, former, found)
    } catch (error) {
      if (error instanceof L1HeaderMissingError) this.#missing.fail(source, nowMs)
      throw error
    }
    this.#missing.succeed(source)
    remember(source, number, found)
    if (former === undefined || number > former) source.final = number
    return found
  }

  /** What more than half of all endpoints call final; the lowest while so few answer. */
  #reached(numbers: readonly bigint[]): bigint {
    const falling = numbers.toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0))
    // MUST be most of all, not of those that answer: who is ahead may be inventing blocks.
    const place = Math.min(Math.floor(this.#sources.length / 2), falling.length - 1)
    return falling[place] ?? 0n
  }

  /** Asks all that may be believed; those who fail are left out, unless all do. */
  async #askAll<answer>(
    sources: readonly Source[],
    question: (source: Source) => Promise<answer>,
  ): Promise<readonly { readonly source: Source; readonly answer: answer }[]> {
    const asked = sources.filter(({ isExcluded }) => !isExcluded)
    const isAlone = this.#sources.length === 1
    const answers = await Promise.allSettled(
      asked.map((source) => (isAlone ? question(source) : this.#patiently(source, question))),
    )
    const found: { readonly source: Source; readonly answer: answer }[] = []
    let failure: unknown
    for (const [place, answer] of answers.entries()) {
      const source = asked[place] as Source
      if (answer.status === 'fulfilled') {
        found.push({ source, answer: answer.value })
        continue
      }
      failure ??= answer.reason
      if (answer.reason instanceof L1ContradictionError) source.isExcluded = true
      this.#become(source, source.isExcluded ? 'contradicts' : 'fails', answer.reason)
    }
    this.#tell()
    if (found.length === 0) throw failure ?? new L1SilentError()
    return found
  }

  /** Waits no longer than `patienceMs`, and not at all while an earlier question is out. */
  #patiently<answer>(
    source: Source,
    question: (source: Source) => Promise<answer>,
  ): Promise<answer> {
    if (source.isSilent) return Promise.reject(new L1SilentError())
    const asked = question(source)
    let timer: Timer | undefined
    const late = new Promise<never>((_, reject) => {
      timer = this.#clock.setTimer(patienceMs, () => {
        source.isSilent = true
        reject(new L1SilentError())
      })
    })
    const done = (): void => {
      timer?.cancel()
      source.isSilent = false
    }
    asked.then(done, done)
    return Promise.race([asked, late])
  }

  #become(source: Source, state: SourceState, error?: unknown): void {
    if (source.state === state) return
    source.state = state
    const fields = { place: source.place, state, ...(error === undefined ? {} : { error }) }
    if (this.#sources.length > 1) this.#log.warn('an L1 endpoint counts otherwise', fields)
  }

  #tell(): void {
    for (const state of sourceStates) {
      this.#count(this.#sources.filter((source) => source.state === state).length, { state })
    }
  }
}

/** A final block stays: another one in its place shows an endpoint that changed chains. */
async function stays(source: Source, former: bigint, { header }: L1Header): Promise<void> {
  const isNext = BigInt(header.number) === former + 1n
  if (!isNext) return void (await askHeader(source, former))
  const hash = source.hashes.get(former)
  if (hash === undefined || !bytesEqual(hash, header.parentHash)) {
    throw new L1ContradictionError(former)
  }
}

async function ownHeader(source: Source, number: bigint): Promise<L1Header> {
  return source.headers.get(number) ?? askHeader(source, number)
}

async function askHeader(source: Source, number: bigint): Promise<L1Header> {
  const found = await source.endpoint.header(number)
  if (found === undefined) throw new L1HeaderMissingError(number)
  checked(found)
  if (BigInt(found.header.number) !== number) throw new L1ProofError('a header of another block')
  remember(source, number, found)
  return found
}

function checked(found: L1Header): L1Header {
  if (!bytesEqual(headerHash(found.header), found.hash)) {
    throw new L1ProofError('a header has another hash')
  }
  return found
}

function remember({ hashes, headers }: Source, number: bigint, found: L1Header): void {
  const known = hashes.get(number)
  if (known !== undefined && !bytesEqual(known, found.hash)) throw new L1ContradictionError(number)
  keepNewest(hashes, { number, value: found.hash, countMax: hashesMax })
  keepNewest(headers, { number, value: found, countMax: headersMax })
}

function keepNewest<value>(
  map: Map<bigint, value>,
  { number, value, countMax }: { number: bigint; value: value; countMax: number },
): void {
  map.set(number, value)
  const [oldest] = map.keys()
  if (map.size > countMax && oldest !== undefined) map.delete(oldest)
}

/** An endpoint names another block where it named a final one. */
export class L1ContradictionError extends ZgError<'STAKING_L1_CONTRADICTS'> {
  constructor(number: bigint) {
    const message = `The L1 endpoint has another final block ${number} than before`
    super('STAKING_L1_CONTRADICTS', message, { number: toHex(bigintToBytes(number, 8)) })
  }
}

/** Endpoints name different final blocks of one number, or other ones than were believed before. */
export class L1DisagreementError extends ZgError<'STAKING_L1_DISAGREES'> {
  constructor(number: bigint) {
    const message = `Cannot believe the L1 endpoints: they disagree about final block ${number}`
    super('STAKING_L1_DISAGREES', message, { number: toHex(bigintToBytes(number, 8)) })
  }
}

/** An endpoint has no header of a block that is final: it, or a machine behind it, is late. */
export class L1HeaderMissingError extends ZgError<'STAKING_L1_HEADER_MISSING'> {
  constructor(number: bigint) {
    const message = `Cannot ask the L1 endpoint: it has no header of final block ${number} now`
    super('STAKING_L1_HEADER_MISSING', message, { number: toHex(bigintToBytes(number, 8)) })
  }
}

/** An endpoint did not answer in time. */
export class L1SilentError extends ZgError<'STAKING_L1_SILENT'> {
  constructor() {
    super('STAKING_L1_SILENT', 'Cannot ask the L1 endpoint: it is silent')
  }
}

export class L1EndpointsInvalidError extends ZgError<'STAKING_L1_ENDPOINTS_INVALID'> {
  constructor(count: number) {
    const message = `Cannot follow L1 by ${count} endpoints: it takes 1 to ${l1EndpointsMax}`
    super('STAKING_L1_ENDPOINTS_INVALID', message, { count })
  }
}
