/** The nodes of a seed: some bad, some that crash; and what the honest ones may never do. */

import { commitmentOf, RowVerifier } from '@zg/coding'
import { batchKey, decodeStore, rowsOf } from '@zg/da'
import type { BatchId, DataNodeApi } from '@zg/da'
import { badNode, dataEvidence, decodeHeader, decodeRows } from '@zg/da/testing'
import type { BadNodeKind } from '@zg/da/testing'
import { bytesEqual, toHex } from '@zg/primitives'
import type { Rng, StoppableClock } from '@zg/runtime'

import type { DataChainView } from './data-chain.ts'
import { tearParts } from './data-stage.ts'
import type { DataStage } from './data-stage.ts'

/** How long a machine that stopped at its disk stays down, at most. */
const downMs = 3_000
/** Questions to the chain between a look at the epoch and a signature: they are allowed for. */
const questionsMax = 12
const slowMsMax = 2_500
/** Nodes without a planted fault. */
const plantedFrom = 3

/** What a node signed. */
export type Signed = {
  readonly node: number
  readonly batch: BatchId
  readonly commitment: Uint8Array
  readonly signature: Uint8Array
}

type Running = {
  generation: number
  clock: StoppableClock | undefined
  readonly view: DataChainView
}

export class DataNodes {
  readonly #stage: DataStage
  readonly #planted: BadNodeKind | undefined
  readonly #running: Running[]
  readonly #tears: Rng
  /** By batch and node, by commitment. */
  readonly #signed = new Map<string, Map<string, Signed>>()
  /** By batch of an honest disperser: the commitment that it asked for. */
  readonly #named = new Map<string, string>()
  readonly #honestDispersers = new Set<string>()
  /** By commitment. */
  readonly #verifiers = new Map<string, RowVerifier>()
  /** By batch and node: who refused it as of another epoch. */
  readonly #refused = new Set<string>()

  constructor(stage: DataStage, planted: BadNodeKind | undefined) {
    this.#stage = stage
    this.#planted = planted
    this.#tears = stage.fork('node tears')
    this.#running = stage.world.nodeDisks.map((_, index) => {
      return { generation: 0, clock: undefined, view: stage.view(index) }
    })
  }

  async open(): Promise<void> {
    const { scenario, tally } = this.#stage
    await Promise.all(this.#running.map((_, index) => this.#open(index)))
    for (const kind of scenario.bad.values()) tally.add(`bad node: ${kind}`)
    for (const { party, atMs, forMs } of scenario.nodeCrashes) {
      this.#stage.at(atMs, () => this.#crash(party, forMs, 'node crash'))
    }
    this.#stage.onNodeDiskStep = (index) => {
      if (this.#stage.isHealed || !this.#tears.chance(scenario.nodeTears)) return
      const { generation } = this.#running[index]!
      const stop = (): void => {
        if (this.#running[index]!.generation !== generation) return
        this.#crash(index, 100 + this.#tears.below(downMs), 'node torn')
      }
      // At that instruction, or while the disk works.
      if (this.#tears.chance(0.5)) stop()
      else this.#stage.clock.setTimer(this.#tears.below(1_000) / tearParts, stop)
    }
  }

  /** Of it no two commitments for one batch may ever be seen. */
  expectHonest(disperser: Uint8Array): void {
    this.#honestDispersers.add(toHex(disperser))
  }

  /** What holds at any time. */
  checkSigned(): void {
    const { scenario, world, tally } = this.#stage
    for (const votes of this.#signed.values()) {
      const [first, second] = votes.values()
      if (first === undefined || second === undefined) continue
      tally.add('equivocation')
      if (!scenario.bad.has(first.node)) {
        this.#stage.violate('honest', `node ${first.node} signed twice`)
      }
      // Each was held against its digest when it was seen; what L1 takes is the sum of both.
      if (scenario.isBls && dataEvidence(first, second, world.scheme) === undefined) {
        this.#stage.violate('evidence', `of node ${first.node} there is none`)
      }
    }
  }

  /**
   * Honest nodes have what they signed for: all that is recorded as they signed it, or may be, and
   * not expired.
   */
  async checkKept(): Promise<void> {
    const { scenario, chain, world } = this.#stage
    for (const votes of this.#signed.values()) {
      const [signed] = votes.values()
      if (signed === undefined || scenario.bad.has(signed.node)) continue
      const { batch } = signed
      const present = chain.epochAgo(0)
      const record = chain.records.get(batchKey(batch))
      const isRecorded = record !== undefined && bytesEqual(record.commitment, signed.commitment)
      const isWanted = isRecorded || batch.epoch + 1n >= present
      if (!isWanted || batch.epoch + chain.retentionEpochs < present) continue
      const kept = await world.run(this.#isKept(signed))
      if (!kept) this.#stage.violate('kept', `node ${signed.node} lost ${batchKey(batch)}`)
    }
  }

  /** Rows of recorded batches that honest members refused at first, and were never given again. */
  countUndelivered(): void {
    const { chain, tally } = this.#stage
    for (const key of this.#refused) {
      const isMissing = chain.records.has(key.split('/')[0]!) && !this.#signed.has(key)
      if (isMissing) tally.add('rows never delivered')
    }
  }

  /** Nobody keeps what has expired for long. */
  async checkForgotten(): Promise<void> {
    const { chain, world, scenario } = this.#stage
    const oldest = chain.epochAgo(0) - chain.retentionEpochs - 3n
    for (const [index, disk] of world.nodeDisks.entries()) {
      if (scenario.bad.has(index)) continue
      const old = disk.paths().find((path) => {
        const epoch = /^rows\/(\d+)/.exec(path)?.[1]
        return epoch !== undefined && BigInt(epoch) < oldest
      })
      if (old !== undefined) this.#stage.violate('forgotten', `node ${index} keeps ${old}`)
    }
  }

  async #isKept({ node: index, batch, commitment }: Signed): Promise<boolean> {
    const { world, chain, scenario } = this.#stage
    const node = world.nodes.get(chain.signers[index]!.url)
    const bytes = await node?.header(batch)
    if (node === undefined || bytes === undefined) return false
    const header = decodeHeader(bytes, scenario.shape)
    if (!bytesEqual(commitmentOf(header), commitment)) return false
    const epoch = await chain.epochAt(batch.epoch)
    const quorum = chain.quorumAgo(epoch!, batch.quorum, 0)
    const member = quorum.members.find(({ place }) => place === index)
    const wanted = rowsOf(quorum, member!).flatMap(indexesOf)
    const rows = decodeRows(await node.rows(batch, wanted), header.rowSize, scenario.shape)
    if (rows.length !== wanted.length) return false
    const key = toHex(commitment)
    const verifier = this.#verifiers.get(key) ?? new RowVerifier(commitment, header)
    this.#verifiers.set(key, verifier)
    return verifier.wrongOf(rows).length === 0
  }

  async #open(index: number): Promise<void> {
    const { world, clock, scenario, chain } = this.#stage
    const running = this.#running[index]!
    const { generation, view } = running
    running.clock = clock.forNode()
    const opening = world.startNode(index, { chain: view, clock: running.clock })
    const node = await opening.catch((error: unknown) => {
      this.#stage.violate('restart', `node ${index} does not open: ${String(error)}`)
    })
    // Its machine may have stopped meanwhile.
    if (node === undefined || running.generation !== generation) return
    const isPlanted = this.#planted !== undefined && index >= plantedFrom
    const kind = isPlanted ? this.#planted : scenario.bad.get(index)
    const api = kind === undefined ? node : badNode(kind, world, index, node)
    world.nodes.set(chain.signers[index]!.url, this.#watched(index, api))
  }

  #crash(index: number, forMs: number, how: string): void {
    const { world, chain, tally, clock } = this.#stage
    const running = this.#running[index]!
    tally.add(how)
    running.generation++
    running.clock?.stop()
    world.nodes.delete(chain.signers[index]!.url)
    world.nodeDisks[index]!.crash()
    const { generation } = running
    clock.setTimer(forMs, () => {
      // Another crash may have come; it opens the node.
      if (running.generation === generation) void this.#open(index)
    })
  }

  /** Writes down what a node is asked for and signs. */
  #watched(index: number, inner: DataNodeApi): DataNodeApi {
    return {
      header: (batch) => inner.header(batch),
      rows: (batch, indexes) => inner.rows(batch, indexes),
      store: async (request) => {
        const { batch, header } = decodeStore(request, this.#stage.scenario.shape)
        const commitment = commitmentOf(header)
        this.#checkNamed(batch, commitment)
        const signature = await inner.store(request).catch((error: unknown) => {
          this.#countRefusal(`${batchKey(batch)}/${index}`, error)
          throw error
        })
        this.#note({ node: index, batch, commitment, signature })
        return signature
      },
    }
  }

  #note(signed: Signed): void {
    const { world, chain, scenario } = this.#stage
    const { node, batch, commitment, signature } = signed
    const { publicKey } = chain.signers[node]!
    const digest = world.digestOf(batch, commitment)
    if (!world.scheme.verify(publicKey, digest, signature)) return
    const key = `${batchKey(batch)}/${node}`
    const known = this.#signed.get(key) ?? new Map<string, Signed>()
    this.#signed.set(key, known.set(toHex(commitment), signed))
    const { weather } = scenario
    const isSlow = weather.spells.some(({ kind }) => kind === 'slow')
    const askedMs = questionsMax * (isSlow ? slowMsMax : weather.latencyMsMax)
    const staleMs = weather.spells.map(({ kind, lagMs }) => (kind === 'stale' ? lagMs : 0))
    const lagMs = Math.max(weather.lagMsMax, ...staleMs)
    const oldest = chain.epochAgo(lagMs + askedMs + 1_000) - 1n
    if (batch.epoch < oldest && !scenario.bad.has(node)) {
      this.#stage.violate('timely', `node ${node} signed for epoch ${batch.epoch}`)
    }
  }

  #checkNamed(batch: BatchId, commitment: Uint8Array): void {
    if (!this.#honestDispersers.has(toHex(batch.disperser))) return
    const key = batchKey(batch)
    const known = this.#named.get(key) ?? toHex(commitment)
    this.#named.set(key, known)
    if (known !== toHex(commitment)) this.#stage.violate('named', `${key} is asked for twice`)
  }

  #countRefusal(key: string, error: unknown): void {
    const { tally } = this.#stage
    const text = error instanceof Error ? error.message : ''
    if (/its epoch is/.test(text)) {
      tally.add('refused as of another epoch')
      this.#refused.add(key)
    }
    if (/Another commitment/.test(text)) tally.add('refused as another commitment')
  }
}

function indexesOf({ from, count }: ReturnType<typeof rowsOf>[number]): readonly number[] {
  return Array.from({ length: count }, (_, step) => from + step)
}
