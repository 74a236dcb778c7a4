/** The dispersers of a seed: honest ones that crash and have clients, and one that lies. */

import { batchKey, quorumOf, rowsOf } from '@zg/da'
import type { BatchCoder, BlobHandle, Disperser, NodeClient, RequestStatus } from '@zg/da'
import { bendingClient, lyingCoder, twoFacedClient, withholdingClient } from '@zg/da/testing'
import { addressOfSecretKey, sha256, toHex } from '@zg/primitives'
import { SimulatedDisk } from '@zg/runtime'
import type { StoppableClock } from '@zg/runtime'

import type { DataNodes } from './data-nodes.ts'
import { disperserParty, healMs } from './data-scenario.ts'
import type { LiarKind } from './data-scenario.ts'
import type { DataStage } from './data-stage.ts'
import { slotsByPlace, tearParts } from './data-stage.ts'

const downMs = 2_000
/** How long a client waits for an answer, and until it asks again. */
const clientMs = 6_000
const againMs = 1_000
/** Clients give up so long after the heal: by then each must have been let in. */
const insistMs = 20_000
const pollMs = 250
const liarKey = sha256(Uint8Array.of(66))
export const liarAddress = addressOfSecretKey(liarKey)
/** Bad nodes that sign for rows that are wrong. */
const isSigner = new Set<string | undefined>(['amnesiac', 'equivocator'])
/** When the liar disperses. */
const liesMs = [1_000, 6_000, 15_000]

/** A blob that a client wants to be dispersed. */
export type Request = {
  readonly disperser: number
  readonly blob: Uint8Array
  /** Set when it was taken. */
  id: Uint8Array | undefined
  /** Handles that its client was shown, the last one last. */
  readonly handles: BlobHandle[]
  state: 'unknown' | 'processing' | 'confirmed' | 'finalized' | 'failed'
}

type Running = {
  readonly secretKey: Uint8Array
  readonly disk: SimulatedDisk
  generation: number
  clock: StoppableClock | undefined
  api: Disperser | undefined
}

export class DataDispersers {
  readonly requests: Request[] = []
  readonly #stage: DataStage
  readonly #nodes: DataNodes
  readonly #running: Running[]

  constructor(stage: DataStage, nodes: DataNodes) {
    this.#stage = stage
    this.#nodes = nodes
    this.#running = Array.from({ length: stage.scenario.disperserCount }, (_, index) => {
      return this.#machine(index)
    })
  }

  async open(): Promise<void> {
    const { scenario } = this.#stage
    await Promise.all(this.#running.map((_, index) => this.#open(index)))
    for (const { party, atMs, forMs } of scenario.disperserCrashes) {
      this.#stage.at(atMs, () => this.#crash(party, forMs, 'disperser crash'))
    }
    for (const [at, { disperser, atMs, sizeBytes, isAlone }] of scenario.blobs.entries()) {
      this.#stage.at(atMs, () => this.submit(disperser, blobOf(sizeBytes, at), isAlone))
    }
    if (scenario.liar !== undefined) await this.#playLiar(scenario.liar)
    this.#poll()
  }

  /** Of a handle's disperser, when it runs. */
  apiOf({ batch }: BlobHandle): Disperser | undefined {
    const running = this.#running.find(({ secretKey }) => {
      return toHex(addressOfSecretKey(secretKey)) === toHex(batch.disperser)
    })
    return running?.api
  }

  /** A client asks until it is told that its blob was taken. */
  submit(disperser: number, blob: Uint8Array, isAlone: boolean): Request {
    const handles: BlobHandle[] = []
    const request: Request = { disperser, blob, id: undefined, handles, state: 'unknown' }
    this.requests.push(request)
    void this.#insist(request, isAlone)
    return request
  }

  async #insist(request: Request, isAlone: boolean): Promise<void> {
    const { clock, nowMs } = this.#stage
    const requestId = sha256(request.blob)
    const endMs = Math.max(nowMs, healMs) + insistMs
    while (this.#stage.nowMs < endMs) {
      const { api } = this.#running[request.disperser]!
      const asked = api?.submit(request.blob, { requestId, isAlone, peer: 'client' })
      const silence = clock.delay(clientMs).then(() => undefined)
      try {
        request.id = asked && (await Promise.race([asked, silence]))
      } catch (error) {
        const { code } = error as { readonly code?: string }
        if (code !== 'DA_UNAVAILABLE') this.#stage.violate('clear', `submit: ${String(error)}`)
      }
      if (request.id !== undefined) return this.#wait(request)
      await clock.delay(againMs)
    }
    this.#stage.violate('live', 'a blob was never taken')
  }

  /** What clients are shown, again and again. */
  #poll(): void {
    for (const request of this.requests) void this.#look(request)
    this.#stage.clock.setTimer(pollMs, () => this.#poll())
  }

  async #look(request: Request): Promise<void> {
    const running = this.#running[request.disperser]!
    const { api, generation } = running
    if (api === undefined || request.id === undefined) return
    const status = await api.statusOf(request.id)
    // Its machine stopped before the client was told.
    if (running.generation !== generation) return
    if (status === undefined) {
      return this.#stage.violate('durable', `${toHex(request.id)} is forgotten`)
    }
    const before = request.state
    request.state = status.state
    if (status.state === 'failed') this.#checkFailed(request, status)
    const handle = 'handle' in status ? status.handle : undefined
    const last = request.handles.at(-1)
    const isSame = handle !== undefined && last !== undefined && isSameHandle(handle, last)
    if (handle !== undefined && !isSame) request.handles.push(handle)
    if (last !== undefined && !isSame) this.#checkMoved(request, last, before)
  }

  #checkFailed({ handles }: Request, { code, message }: FailedStatus): void {
    if (!/^DA_[A-Z_]+$/.test(code)) this.#stage.violate('clear', `a request failed as ${code}`)
    // Of one that was in no batch yet the chain recorded no less than of others.
    if (handles.length === 0 && /bytes are lost/.test(message)) {
      this.#stage.violate('durable', 'the bytes of a blob are lost')
    }
  }

  /** A blob leaves a batch that its client was shown only when the chain takes it no more. */
  #checkMoved({ handles }: Request, last: BlobHandle, before: Request['state']): void {
    const { chain, tally } = this.#stage
    const isLate = last.batch.epoch + 1n < chain.epochAgo(0)
    if (before === 'finalized' || !isLate) {
      this.#stage.violate('durable', `a blob left ${batchKey(last.batch)}, which was ${before}`)
    }
    if (handles.at(-1) !== last || before === 'confirmed') tally.add('certified too late')
  }

  #machine(index: number): Running {
    const { world, clock, scenario } = this.#stage
    const secretKey = index === 0 ? world.disperserKey : sha256(Uint8Array.of(index))
    world.chain.fund(addressOfSecretKey(secretKey), 10n ** 18n)
    this.#nodes.expectHonest(addressOfSecretKey(secretKey))
    const rng = this.#stage.fork(`disperser disk ${index}`)
    const tears = this.#stage.fork(`disperser tears ${index}`)
    const onStep = (): void => {
      if (this.#stage.isHealed || !tears.chance(scenario.disperserTears)) return
      const { generation } = this.#running[index]!
      const stop = (): void => {
        if (this.#running[index]!.generation !== generation) return
        this.#crash(index, 100 + tears.below(downMs), 'disperser torn')
      }
      // At that instruction, or while the disk works.
      if (tears.chance(0.5)) stop()
      else clock.setTimer(tears.below(1_000) / tearParts, stop)
    }
    const disk = new SimulatedDisk({ clock, rng, damageChance: 0.3, onStep })
    return { secretKey, disk, generation: 0, clock: undefined, api: undefined }
  }

  async #open(index: number): Promise<void> {
    const { world, clock } = this.#stage
    const running = this.#running[index]!
    const { generation, secretKey, disk } = running
    running.clock = clock.forNode()
    const opening = world.openDisperser({
      secretKey,
      disk: disk.mount(),
      clock: running.clock,
      chain: this.#stage.view(disperserParty + index),
    })
    const api = await opening.catch((error: unknown) => {
      this.#stage.violate('restart', `disperser ${index} does not open: ${String(error)}`)
    })
    if (api === undefined || running.generation !== generation) return
    running.api = api
    for (const request of this.requests) if (request.disperser === index) this.#wait(request)
  }

  /** A client that waits is told at once. */
  #wait(request: Request): void {
    const { api } = this.#running[request.disperser]!
    if (api === undefined || request.id === undefined) return
    const look = (): Promise<void> => this.#look(request)
    void api.certified(request.id).then(look, look)
  }

  #crash(index: number, forMs: number, how: string): void {
    const running = this.#running[index]!
    this.#stage.tally.add(how)
    running.generation++
    running.clock?.stop()
    running.api = undefined
    running.disk.crash()
    const { generation } = running
    this.#stage.clock.setTimer(forMs, () => {
      if (running.generation === generation) void this.#open(index)
    })
  }

  /** A disperser with money and no honesty. */
  async #playLiar(kind: LiarKind): Promise<void> {
    const { world, clock, tally, scenario } = this.#stage
    const secretKey = liarKey
    world.chain.fund(addressOfSecretKey(secretKey), 10n ** 18n)
    tally.add(`liar: ${kind}`)
    const disk = new SimulatedDisk({ clock, rng: this.#stage.fork('liar disk') }).mount()
    const isOld = kind === 'belated'
    const chain = this.#stage.view(disperserParty + 66, isOld ? 2.5 * scenario.epochMs : 0)
    const own = { secretKey, disk, chain, ...this.#lie(kind, secretKey) }
    const disperser = await world.run(world.openDisperser(own))
    for (const atMs of liesMs) {
      const tell = (): unknown =>
        disperser.submit(blobOf(300, atMs), { peer: 'liar' }).catch(() => undefined)
      this.#stage.at(atMs, tell)
    }
  }

  #lie(kind: LiarKind, secretKey: Uint8Array): Partial<LyingOptions> {
    const { world, clock, scenario } = this.#stage
    const { shape } = scenario
    const { client } = world
    switch (kind) {
      case 'two-faced':
        return { client: twoFacedClient(client, shape, secretKey) }
      case 'patient': {
        const rng = this.#stage.fork('patience')
        const patience = (): Promise<void> => clock.delay(500 + rng.below(6_000))
        return { client: twoFacedClient(client, shape, secretKey, patience) }
      }
      case 'no-code':
        return { coder: this.#bendingCoder() }
      case 'other-z':
      case 'no-batch':
        return { coder: lyingCoder(shape, { kind }) }
      case 'withholder':
        return { client: withholdingClient(client, (url) => this.#fewest().has(url)) }
      case 'bent-rows': {
        const rng = this.#stage.fork('bent')
        const bent = new Set(
          world.chain.signers.filter(() => rng.chance(0.4)).map((each) => each.url),
        )
        return { client: bendingClient(client, shape, (url) => bent.has(url)) }
      }
      case 'belated':
        return {}
    }
  }

  /** Members that make a certificate, the bad ones first and as few others as do. */
  #fewest(): ReadonlySet<string> {
    const { scenario, chain } = this.#stage
    const { shape, bad, votes } = scenario
    const at = Math.min(Number(chain.epochAgo(0) - 10n), votes.length - 1)
    const slots = slotsByPlace(votes[at]!, shape)
    const places = [...slots.keys()].sort((a, b) => Number(bad.has(b)) - Number(bad.has(a)))
    const few = new Set<string>()
    let held = 0
    for (const place of places) {
      if (3 * held > 2 * shape.codedRows) break
      few.add(chain.signers[place]!.url)
      held += slots[place]!
    }
    return few
  }

  /** Bends rows of those who sign whatever they are given, or one row where there is nobody. */
  #bendingCoder(): BatchCoder {
    const { scenario, chain } = this.#stage
    const { shape, bad, quorumCount } = scenario
    const sequences = new Map<bigint, bigint>()
    const code: BatchCoder['code'] = async (blobs) => {
      // The name comes right after the rows: its sequence is known.
      const epoch = (await chain.epochAt(chain.epochAgo(0)))!
      const sequence = sequences.get(epoch.epoch) ?? 0n
      sequences.set(epoch.epoch, sequence + 1n)
      const number = quorumOf(epoch.seed, liarAddress, sequence, quorumCount)
      const quorum = chain.quorumAgo(epoch, number, 0)
      const rows = quorum.members.flatMap((member) => {
        const isWilling = isSigner.has(bad.get(member.place))
        return isWilling ? rowsOf(quorum, member).map(({ from }) => from) : []
      })
      const lie = { kind: 'no-code', rows: rows.length > 0 ? rows : [0] } as const
      return lyingCoder(shape, lie).code(blobs)
    }
    return { code, close: async () => undefined }
  }
}

type FailedStatus = RequestStatus & { readonly state: 'failed' }

type LyingOptions = {
  readonly client: NodeClient
  readonly coder: BatchCoder
}

export function blobOf(sizeBytes: number, seed: number): Uint8Array {
  return new Uint8Array(sizeBytes).map((_, at) => (at * 13 + seed * 29 + (at >> 8)) & 0xff)
}

function isSameHandle(one: BlobHandle, other: BlobHandle): boolean {
  const isSameBatch = batchKey(one.batch) === batchKey(other.batch)
  return (
    isSameBatch && toHex(one.commitment) === toHex(other.commitment) && one.index === other.index
  )
}
