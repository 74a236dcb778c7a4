/** Those who read and sample all the time, whatever goes on; and what all must be told alike. */

import { batchKey, BatchReader, holderOf, sampleBatch, UnavailableError } from '@zg/da'
import type { BatchId, BlobHandle, NodeClient } from '@zg/da'
import { sampledIndices } from '@zg/coding/browser'
import { bytesEqual, sha256, toHex } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Rng } from '@zg/runtime'

import type { DataChainView } from './data-chain.ts'
import { liarAddress } from './data-dispersers.ts'
import type { DataDispersers, Request } from './data-dispersers.ts'
import { readerParty } from './data-scenario.ts'
import type { DataStage } from './data-stage.ts'

/** No read and no sample takes longer, whatever others do. */
const answerMsMax = 30_000
/** Samplers give up after so long. */
const sampleMs = 8_000
const sampleCount = 8
/** Liars whose batches are ⊥. */
const isVoidAlways = new Set<string | undefined>(['no-code', 'other-z', 'no-batch'])
/** Bad nodes that give no row that is good, ever. */
const isNeverGood = new Set<string | undefined>(['silent', 'amnesiac', 'corrupt', 'late'])

type BatchReaderOptions = ConstructorParameters<typeof BatchReader>[0]

/** What is read: a blob, ⊥ or the code of a failure that may pass. */
type Reading = { readonly shown: string; readonly isFinal: boolean; readonly blob?: Uint8Array }

export class DataReaders {
  readonly #stage: DataStage
  readonly #dispersers: DataDispersers
  readonly #rng: Rng
  /** By handle: what the first reader was told that was told anything. */
  readonly #told = new Map<string, string>()
  readonly #views: readonly DataChainView[]

  constructor(stage: DataStage, dispersers: DataDispersers) {
    this.#stage = stage
    this.#dispersers = dispersers
    this.#rng = stage.fork('readers')
    this.#views = [0, 1].map((index) => stage.view(readerParty + index))
  }

  /** Reads and samples now and then, until `endMs`. */
  open(endMs: number): void {
    const { readEveryMs, sampleEveryMs } = this.#stage.scenario
    const often = (everyMs: number, work: () => Promise<void>): void => {
      for (let atMs = everyMs; everyMs > 0 && atMs < endMs; atMs += everyMs) {
        this.#stage.at(atMs, () => void this.#within(work()))
      }
    }
    often(readEveryMs, () => this.#readAny())
    often(sampleEveryMs, () => this.#sampleAny())
  }

  /**
   * Whatever was shown to a client or recorded, and has not expired, is there. Who reaches a part
   * of the nodes alone may read nothing, but nothing else.
   */
  async checkReadable(): Promise<void> {
    const owners = new Map<string, Request>()
    const all = new Map<string, BlobHandle>()
    for (const request of this.#dispersers.requests) {
      for (const handle of request.handles) {
        owners.set(keyOf(handle), request)
        all.set(keyOf(handle), handle)
      }
    }
    for (const { certificate, commitment } of this.#stage.chain.records.values()) {
      const handle = { batch: certificate.batch, commitment, index: 0 }
      all.set(keyOf(handle), all.get(keyOf(handle)) ?? handle)
    }
    for (const [key, handle] of all) await this.#checkOne(handle, owners.get(key))
  }

  async #checkOne(handle: BlobHandle, owner: Request | undefined): Promise<void> {
    const { chain, world, tally } = this.#stage
    const client = this.#partOf(world.client)
    const readings = [this.#read(handle, owner), this.#read(handle, owner, { client })]
    const [reading] = await world.run(Promise.all(readings))
    if (reading!.isFinal) return
    const isExpired = handle.batch.epoch + chain.retentionEpochs < chain.epochAgo(0)
    const isRecorded = chain.records.has(batchKey(handle.batch))
    if (isExpired) return tally.add('expired')
    // Its disperser is the only one who had it, and may have gone on to another batch.
    if (!isRecorded && !this.#isHeldByDisperser(handle)) return
    this.#stage.violate('readable', `${keyOf(handle)} is ${reading!.shown}`)
  }

  #isHeldByDisperser(handle: BlobHandle): boolean {
    return this.#dispersers.apiOf(handle)?.isCertified(handle) === true
  }

  /** Some of the nodes are not reached. */
  #partOf(client: NodeClient): NodeClient {
    const cut = new Set<string>()
    for (const { url } of this.#stage.chain.signers) if (this.#rng.chance(0.4)) cut.add(url)
    const unlessCut = <T>(url: string, ask: () => Promise<T>): Promise<T> =>
      cut.has(url) ? Promise.reject(new UnavailableError('it is not reached')) : ask()
    return {
      store: (...all) => client.store(...all),
      header: (url, ...rest) => unlessCut(url, () => client.header(url, ...rest)),
      rows: (url, ...rest) => unlessCut(url, () => client.rows(url, ...rest)),
    }
  }

  async #read(
    handle: BlobHandle,
    owner: Request | undefined,
    other: Partial<BatchReaderOptions> = {},
  ): Promise<Reading> {
    const { world, chain, clock, tally } = this.#stage
    const reader = new BatchReader({
      chain,
      client: world.client,
      clock,
      log: silentLogger,
      ...other,
      isCertified: (asked) => this.#dispersers.apiOf(asked)?.isCertified(asked) === true,
    })
    const reading = await reader.read(handle).then(
      (blob): Reading => ({ shown: toHex(sha256(blob)), isFinal: true, blob }),
      (error: unknown): Reading => {
        const { code, message } = error as Error & { readonly code?: string }
        const shown = code ?? message
        return { shown, isFinal: shown === 'DA_BATCH_VOID' }
      },
    )
    const { shown, isFinal, blob } = reading
    if (!isFinal) {
      tally.add('not read yet')
      const isClear = ['DA_UNAVAILABLE', 'DA_BLOB_UNKNOWN'].includes(shown)
      if (!isClear) this.#stage.violate('clear', `${keyOf(handle)} is read as ${shown}`)
      return reading
    }
    tally.add(blob === undefined ? 'void' : 'read')
    const told = this.#told.get(keyOf(handle)) ?? shown
    this.#told.set(keyOf(handle), told)
    if (told !== shown) {
      this.#stage.violate('agreed', `${keyOf(handle)} is ${shown} and was ${told}`)
    }
    if (blob !== undefined && this.#isVoid(handle)) {
      this.#stage.violate('agreed', `${keyOf(handle)} is read and of no code`)
    }
    const isGiven = owner === undefined || (blob !== undefined && bytesEqual(blob, owner.blob))
    if (!isGiven)
      this.#stage.violate('readable', `${keyOf(handle)} is ${shown}, not what was given`)
    return reading
  }

  /** By what its disperser did. */
  #isVoid({ batch }: BlobHandle): boolean {
    const isLiars = bytesEqual(batch.disperser, liarAddress)
    return isLiars && isVoidAlways.has(this.#stage.scenario.liar)
  }

  async #readAny(): Promise<void> {
    const shown = this.#dispersers.requests.flatMap((request) => {
      return request.handles.map((handle) => ({ handle, request }))
    })
    const records = [...this.#stage.chain.records.values()]
    const view = this.#views[this.#rng.below(this.#views.length)]!
    const draw = this.#rng.below(shown.length + records.length + 1)
    const one = shown[draw]
    if (one !== undefined) return void (await this.#read(one.handle, one.request, { chain: view }))
    const record = records[draw - shown.length]
    if (record === undefined) return
    const { commitment, certificate } = record
    const handle = { batch: certificate.batch, commitment, index: 0 }
    const owner = shown.find((other) => keyOf(other.handle) === keyOf(handle))
    await this.#read(handle, owner?.request, { chain: view })
  }

  async #sampleAny(): Promise<void> {
    const { chain, world, clock, scenario, tally } = this.#stage
    const records = [...chain.records.values()]
    if (records.length === 0) return
    const { certificate, commitment } = records[this.#rng.below(records.length)]!
    const { batch } = certificate
    const quorum = chain.quorumAgo((await chain.epochAt(batch.epoch))!, batch.quorum, 0)
    const abort = new AbortController()
    const timer = clock.setTimer(sampleMs, () => abort.abort())
    const seed = this.#rng.bytes(32)
    const { shape } = scenario
    const common = { client: world.client, shape, batch, commitment, quorum, seed }
    const pause = (timeMs: number): Promise<void> => clock.delay(timeMs)
    try {
      const options = { ...common, count: sampleCount, pause, signal: abort.signal }
      const report = await sampleBatch(options)
      tally.add('sampled')
      if (report.wrong.length > 0) tally.add('sampled a lie')
      const indexes = sampledIndices(seed, shape.codedRows, sampleCount)
      const places = indexes.map((index) => quorum.members[holderOf(quorum, index)]!.place)
      this.#checkSample(batch, report, places)
    } catch (error) {
      const { code } = error as { readonly code?: string }
      if (code !== 'DA_SAMPLE_HEADER') this.#stage.violate('clear', `sample: ${String(error)}`)
    } finally {
      timer.cancel()
    }
  }

  /** @param places - Who holds the rows that were asked for. */
  #checkSample(
    batch: BatchId,
    report: Awaited<ReturnType<typeof sampleBatch>>,
    places: readonly number[],
  ): void {
    const { scenario, chain } = this.#stage
    const isBad = (place: number): boolean => isNeverGood.has(scenario.bad.get(place))
    const goodMax = places.filter((place) => !isBad(place)).length
    if (report.good > goodMax) {
      const what = `${batchKey(batch)}: ${report.good} of ${goodMax} rows`
      this.#stage.violate('sampled', what)
    }
    // Of one that is two-faced honest members hold rows of the other commitment.
    if (scenario.liar === 'two-faced' || scenario.liar === 'patient') return
    for (const { url } of report.wrong) {
      const place = chain.signers.findIndex((signer) => signer.url === url)
      if (!scenario.bad.has(place)) this.#stage.violate('sampled', `${url} does not lie`)
    }
  }

  /** Nobody waits for ever. */
  async #within(work: Promise<void>): Promise<void> {
    let isDone = false
    void work.finally(() => (isDone = true))
    await this.#stage.clock.delay(answerMsMax)
    if (!isDone) this.#stage.violate('bounded', `a reader waits for more than ${answerMsMax} ms`)
  }
}

function keyOf({ batch, commitment, index }: BlobHandle): string {
  return `${batchKey(batch)}/${toHex(commitment)}/${index}`
}
