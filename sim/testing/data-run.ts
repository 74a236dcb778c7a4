/**
 * Data availability under one seed: real nodes, dispersers and readers on simulated wires, disks
 * and clocks, with nodes that lie, crashes, and a disperser that lies.
 *
 *     durable    what was acknowledged is certified or told to have failed, crashes or not
 *     live       once faults end, what is handed in is certified
 *     readable   what is certified or recorded is read back, as it was given
 *     agreed     all readers of a batch read the same, ⊥ too
 *     honest     no honest node signs two commitments for one batch
 */

import { commitmentOf } from '@zg/coding'
import { batchKey, decodeStore, drawQuorum, rowsOf } from '@zg/da'
import type { BlobHandle, DataNodeApi, Disperser, NodeClient } from '@zg/da'
import { badNode, DataWorld, lyingCoder, smallShape, twoFacedClient } from '@zg/da/testing'
import type { BadNodeKind } from '@zg/da/testing'
import { addressOfSecretKey, bytesEqual, sha256, toHex } from '@zg/primitives'
import { createSeededRng, SimulatedClock, SimulatedDisk } from '@zg/runtime'
import type { Rng, StoppableClock } from '@zg/runtime'

import { drawDataScenario, healMs } from './data-scenario.ts'
import type { DataScenario } from './data-scenario.ts'

/** Nodes that have no planted fault. */
const plantedFrom = 3
/** What everybody has after the heal, to come to an end. */
const endMs = healMs + 120_000

export type DataRunResult = {
  readonly seed: number
  readonly violations: readonly string[]
  readonly certified: number
  readonly void: number
  readonly failed: number
  /** Nodes that signed two commitments. */
  readonly equivocators: number
  readonly virtualMs: number
}

export type DataRunOptions = {
  /** Up to a half of all rows are bad. */
  readonly isTooMany?: boolean
  /** All nodes but three have this fault and are taken to be honest: the checker must see it. */
  readonly planted?: BadNodeKind
}

export async function runDataSeed(
  seed: number,
  options: DataRunOptions = {},
): Promise<DataRunResult> {
  const run = new DataRun(seed, options)
  await run.play()
  return run.judge()
}

export type DataScore = {
  readonly seeds: number
  readonly certified: number
  readonly void: number
  readonly failed: number
  readonly equivocators: number
  readonly virtualSeconds: number
  readonly failures: readonly { readonly seed: number; readonly reason: string }[]
}

/** Seeds one after the other, and the sum of what came of them. */
export async function runDataSeeds(from: number, count: number): Promise<DataScore> {
  const runs: DataRunResult[] = []
  for (let seed = from; seed < from + count; seed++) runs.push(await runDataSeed(seed))
  const sum = (of: (run: DataRunResult) => number): number =>
    runs.reduce((total, run) => total + of(run), 0)
  return {
    seeds: count,
    certified: sum((run) => run.certified),
    void: sum((run) => run.void),
    failed: sum((run) => run.failed),
    equivocators: sum((run) => run.equivocators),
    virtualSeconds: Math.round(sum((run) => run.virtualMs) / 1_000),
    failures: runs.flatMap(({ seed, violations }) =>
      violations.slice(0, 1).map((reason) => ({ seed, reason })),
    ),
  }
}

type Submitted = {
  readonly id: Uint8Array
  readonly blob: Uint8Array
  handle: BlobHandle | undefined
}

class DataRun {
  readonly #seed: number
  readonly #rng: Rng
  readonly #scenario: DataScenario
  readonly #clock = new SimulatedClock()
  readonly #startMs = this.#clock.nowMs()
  readonly #world: DataWorld
  readonly #violations: string[] = []
  readonly #submitted: Submitted[] = []
  /** By batch and node: the commitments that it signed. */
  readonly #signed = new Map<string, Set<string>>()
  #disperser: Disperser | undefined
  #disperserClock: StoppableClock | undefined
  readonly #planted: BadNodeKind | undefined
  #isHealed = false

  constructor(seed: number, options: DataRunOptions) {
    const { isTooMany = false, planted } = options
    this.#seed = seed
    this.#planted = planted
    this.#rng = createSeededRng(seed)
    const rows = smallShape.codedRows
    this.#scenario = drawDataScenario(this.#rng.fork('scenario'), rows, slotsOf, isTooMany)
    const wires = this.#rng.fork('wires')
    this.#world = new DataWorld({
      clock: this.#clock,
      seed,
      votes: this.#scenario.votes,
      client: (nodes) => this.#wires(nodes, wires),
    })
  }

  async play(): Promise<void> {
    const scenario = this.#scenario
    await this.#world.run(Promise.all(scenario.votes.map((_, index) => this.#openNode(index))))
    await this.#world.run(this.#openDisperser())
    for (const { node, atMs, forMs } of scenario.crashes) {
      this.#at(atMs, () => this.#crashNode(node, forMs))
    }
    for (const atMs of scenario.disperserCrashesMs) this.#at(atMs, () => this.#crashDisperser())
    for (const [at, { atMs, sizeBytes }] of scenario.blobs.entries()) {
      this.#at(atMs, () => this.#submit(blobOf(sizeBytes, at)))
    }
    await this.#playLiar()
    await this.#runTo(healMs)
    this.#isHealed = true
    const after = blobOf(777, 99)
    this.#at(healMs + 5_000, () => this.#submit(after))
    await this.#runTo(endMs)
    if (!this.#submitted.some(({ blob, handle }) => blob === after && handle !== undefined)) {
      this.#violations.push('live: what was handed in after the heal is not certified')
    }
  }

  async judge(): Promise<DataRunResult> {
    let failed = 0
    for (const { id, blob, handle } of this.#submitted) {
      const status = await this.#disperser!.statusOf(id)
      if (status?.state === 'failed') failed++
      if (status === undefined || status.state === 'processing') {
        this.#violations.push(`durable: ${toHex(id)} is ${status?.state ?? 'forgotten'}`)
      }
      if (handle !== undefined) await this.#checkRead(handle, blob)
    }
    let voids = 0
    for (const { certificate, commitment } of this.#world.chain.records.values()) {
      const handle = { batch: certificate.batch, commitment, index: 0 }
      if ((await this.#checkRead(handle)) === 'void') voids++
    }
    this.#checkHonest()
    return {
      seed: this.#seed,
      violations: this.#violations,
      certified: this.#world.chain.records.size,
      void: voids,
      failed,
      equivocators: this.#equivocators().size,
      virtualMs: this.#clock.nowMs() - this.#startMs,
    }
  }

  /** Two readers that ask in their own time read the same. */
  async #checkRead(handle: BlobHandle, expected?: Uint8Array): Promise<'blob' | 'void' | 'none'> {
    const results = await Promise.all(
      [0, 1].map(async (): Promise<Uint8Array | string> => {
        try {
          return await this.#world.run(this.#world.reader().read(handle))
        } catch (error) {
          return (error as { code?: string }).code ?? String(error)
        }
      }),
    )
    const [first, second] = results as [Uint8Array | string, Uint8Array | string]
    const name = `${batchKey(handle.batch)}/${handle.index}`
    const shown = (result: Uint8Array | string): string =>
      typeof result === 'string' ? result : toHex(sha256(result))
    if (shown(first) !== shown(second)) {
      this.#violations.push(`agreed: ${name} is ${shown(first)} and ${shown(second)}`)
    }
    if (first === 'DA_BATCH_VOID') {
      if (expected !== undefined) this.#violations.push(`readable: ${name} is void`)
      return 'void'
    }
    if (typeof first === 'string') {
      this.#violations.push(`readable: ${name}: ${first}`)
      return 'none'
    }
    if (expected !== undefined && !bytesEqual(first, expected)) {
      this.#violations.push(`readable: ${name} is not what was given`)
    }
    return 'blob'
  }

  #checkHonest(): void {
    for (const node of this.#equivocators()) {
      const isHonest = !this.#scenario.bad.has(node)
      if (isHonest) this.#violations.push(`honest: node ${node} signed twice`)
    }
  }

  #equivocators(): ReadonlySet<number> {
    const twice = [...this.#signed].filter(([, commitments]) => commitments.size > 1)
    return new Set(twice.map(([key]) => Number(key.split('/')[1])))
  }

  async #openNode(index: number): Promise<void> {
    const node = await this.#world.openNode(index)
    const isPlanted = this.#planted !== undefined && index >= plantedFrom
    const kind = isPlanted ? this.#planted : this.#scenario.bad.get(index)
    const api = kind === undefined ? node : badNode(kind, this.#world, index, node)
    this.#world.nodes.set(this.#world.chain.signers[index]!.url, this.#watched(index, api))
  }

  /** Writes down what a node signs. */
  #watched(index: number, inner: DataNodeApi): DataNodeApi {
    const { scheme, chain } = this.#world
    return {
      header: (batch) => inner.header(batch),
      rows: (batch, indexes) => inner.rows(batch, indexes),
      store: async (request) => {
        const signature = await inner.store(request)
        const { batch, header } = decodeStore(request, smallShape)
        const commitment = commitmentOf(header)
        const { publicKey } = chain.signers[index]!
        const digest = this.#world.digestOf(batch, commitment)
        if (scheme.verify(publicKey, digest, signature)) {
          const key = `${batchKey(batch)}/${index}`
          const known = this.#signed.get(key) ?? new Set()
          this.#signed.set(key, known.add(toHex(commitment)))
        }
        return signature
      },
    }
  }

  #crashNode(index: number, forMs: number): void {
    const { url } = this.#world.chain.signers[index]!
    if (!this.#world.nodes.delete(url)) return
    this.#world.nodeDisks[index]!.crash()
    this.#clock.setTimer(forMs, () => void this.#openNode(index))
  }

  async #openDisperser(): Promise<void> {
    this.#disperserClock = this.#clock.forNode()
    this.#disperser = await this.#world.openDisperser({ clock: this.#disperserClock })
    for (const entry of this.#submitted) this.#watch(entry)
  }

  #crashDisperser(): void {
    if (this.#disperser === undefined) return
    this.#disperserClock?.stop()
    this.#disperser = undefined
    this.#world.disperserDisk.crash()
    this.#clock.setTimer(500, () => void this.#openDisperser())
  }

  #submit(blob: Uint8Array): void {
    const disperser = this.#disperser
    if (disperser === undefined) return
    void disperser.submit(blob, { peer: 'sim' }).then((id) => {
      // One that crashed meanwhile never answers.
      const entry: Submitted = { id, blob, handle: undefined }
      this.#submitted.push(entry)
      this.#watch(entry)
    })
  }

  #watch(entry: Submitted): void {
    void this.#disperser?.certified(entry.id).then(
      (handle) => (entry.handle = handle),
      () => undefined,
    )
  }

  /** A second disperser, with money and no honesty. */
  async #playLiar(): Promise<void> {
    const { liar } = this.#scenario
    if (liar === undefined) return
    const secretKey = sha256(Uint8Array.of(66))
    const { chain, client } = this.#world
    chain.fund(addressOfSecretKey(secretKey), 10n ** 18n)
    const rng = this.#rng.fork('liar disk')
    const disk = new SimulatedDisk({ clock: this.#clock, rng }).mount()
    const options =
      liar === 'two-faced'
        ? { client: twoFacedClient(client, smallShape, secretKey) }
        : { coder: lyingCoder(smallShape, { kind: liar, rows: this.#rowsOfBad() }) }
    const disperser = await this.#world.run(
      this.#world.openDisperser({ secretKey, disk, ...options }),
    )
    for (const atMs of [1_000, 6_000]) {
      this.#at(atMs, () => void disperser.submit(blobOf(300, atMs), { peer: 'liar' }))
    }
  }

  /** Rows that bad nodes hold: those who may sign for whatever stands in them. */
  #rowsOfBad(): readonly number[] {
    const active = this.#scenario.votes.map((votes, place) => ({ place, votes }))
    const seedOf = new Uint8Array(32)
    const quorum = drawQuorum({
      active,
      seed: seedOf,
      quorum: 0,
      slots: smallShape.codedRows,
    })
    const rows = [...this.#scenario.bad.keys()].flatMap((node) =>
      rowsOf(quorum, quorum.members[node]!).map(({ from }) => from),
    )
    return rows.length > 0 ? rows : [0]
  }

  /** Answers take their time, or never come; who is down does not answer. */
  #wires(nodes: ReadonlyMap<string, DataNodeApi>, rng: Rng): NodeClient {
    const ask = async <T>(url: string, work: (node: DataNodeApi) => Promise<T>): Promise<T> => {
      await this.#wire(rng)
      const node = nodes.get(url)
      if (node === undefined) throw new Error('nobody answers')
      const answer = await work(node)
      await this.#wire(rng)
      return answer
    }
    return {
      store: (url, request) => ask(url, (node) => node.store(request)),
      header: (url, batch) => ask(url, (node) => node.header(batch)),
      rows: (url, batch, indexes) => ask(url, (node) => node.rows(batch, indexes)),
    }
  }

  #wire(rng: Rng): Promise<void> {
    const { latencyMsMax, loss } = this.#scenario
    if (!this.#isHealed && rng.chance(loss)) return new Promise(() => undefined)
    return this.#clock.delay(1 + rng.below(latencyMsMax))
  }

  #at(atMs: number, fire: () => void): void {
    this.#clock.setTimer(this.#startMs + atMs - this.#clock.nowMs(), fire)
  }

  #runTo(atMs: number): Promise<void> {
    return this.#clock.run({ untilMs: this.#startMs + atMs })
  }
}

function slotsOf(votes: readonly bigint[]): readonly number[] {
  const active = votes.map((own, place) => ({ place, votes: own }))
  const draw = { active, seed: new Uint8Array(32), quorum: 0, slots: smallShape.codedRows }
  return drawQuorum(draw).members.map((member) => member.slots)
}

function blobOf(sizeBytes: number, seed: number): Uint8Array {
  return new Uint8Array(sizeBytes).map((_, at) => (at * 13 + seed * 29 + (at >> 8)) & 0xff)
}
