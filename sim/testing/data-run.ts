/**
 * Data availability under one seed: real nodes, dispersers, readers and samplers on simulated
 * wires, disks, clocks and views of a chain whose epochs turn and whose signers come, go and are
 * contested; with nodes and a disperser that lie, and machines that stop at any step of their disk.
 *
 *     durable    what was taken is finalized or told to have failed; what was shown stays, but for
 *                a batch that is too late for the chain
 *     live       clients are let in, and once faults end what they hand in is finalized, in time
 *     readable   what was shown or recorded is read as it was given, until it expires
 *     agreed     all readers of a batch are told the same, at all times, ⊥ too
 *     honest     no honest node signs two commitments for one batch, over crashes too
 *     named      no honest disperser asks for two commitments for one batch, over crashes too
 *     timely     nobody honest signs for an epoch that is over, nothing of one is recorded
 *     counted    what is recorded has more than two thirds of all slots that are not contested
 *     kept       honest nodes have the rows that they signed for, and they are good
 *     forgotten  what has expired goes from their disks
 *     sampled    who gives no good row passes no sample, who is honest fails none by a lie
 *     evidence   of who signs twice there is evidence
 *     clear      whatever fails says why, by a code of its own
 *     bounded    nobody waits for ever
 *     restart    what crashed opens again
 */

import { batchDigest, batchKey } from '@zg/da'
import type { BadNodeKind } from '@zg/da/testing'
import { toHex } from '@zg/primitives'

import { blobOf, DataDispersers } from './data-dispersers.ts'
import { DataNodes } from './data-nodes.ts'
import { DataReaders } from './data-readers.ts'
import { healMs, isLive } from './data-scenario.ts'
import { DataStage, slotsByPlace } from './data-stage.ts'

/** After the heal: when whoever crashed runs again. */
const upMs = 10_000
/**
 * Until when all that was taken is finalized or has failed: twice the 38 s that a blob goes from
 * batch to batch, for its first batch may be too late; and some more.
 */
const settledMs = healMs + 90_000

export type DataRunResult = {
  readonly seed: number
  readonly violations: readonly string[]
  /** What happened, by kind. */
  readonly counts: Readonly<Record<string, number>>
  readonly virtualMs: number
}

export type DataRunOptions = {
  /** All nodes but three have this fault and are taken to be honest: the checker must see it. */
  readonly planted?: BadNodeKind
}

export async function runDataSeed(
  seed: number,
  options: DataRunOptions = {},
): Promise<DataRunResult> {
  const run = new DataRun(seed, options)
  await run.play()
  return run.result()
}

class DataRun {
  readonly #stage: DataStage
  readonly #nodes: DataNodes
  readonly #dispersers: DataDispersers
  readonly #readers: DataReaders

  constructor(seed: number, { planted }: DataRunOptions) {
    this.#stage = new DataStage(seed)
    this.#nodes = new DataNodes(this.#stage, planted)
    this.#dispersers = new DataDispersers(this.#stage, this.#nodes)
    this.#readers = new DataReaders(this.#stage, this.#dispersers)
  }

  async play(): Promise<void> {
    const stage = this.#stage
    await stage.world.run(Promise.all([this.#nodes.open(), this.#dispersers.open()]))
    this.#readers.open(settledMs)
    await stage.runTo(healMs + upMs)
    await this.#check()
    const after = stage.scenario.disperserCount - 1
    const request = this.#dispersers.submit(after, blobOf(777, 99), false)
    await stage.runTo(settledMs)
    await this.#check()
    await this.#nodes.checkForgotten()
    this.#nodes.checkSigned()
    this.#nodes.countUndelivered()
    await this.#checkRecords()
    this.#checkSettled()
    if (isLive(stage.scenario, slotsByPlace) && request.state !== 'finalized') {
      stage.violate('live', `what was handed in after the heal is ${request.state}`)
    }
  }

  result(): DataRunResult {
    const { seed, violations, tally, nowMs } = this.#stage
    return { seed, violations, counts: tally.counts(), virtualMs: nowMs }
  }

  async #check(): Promise<void> {
    await this.#readers.checkReadable()
    await this.#nodes.checkKept()
  }

  /** Held against the rules once more, by what the chain was then. */
  async #checkRecords(): Promise<void> {
    const { chain, world, tally, scenario } = this.#stage
    for (const { certificate } of chain.records.values()) {
      const { batch, signers, signature } = certificate
      const agoMs = this.#stage.clock.nowMs() - chain.recordedAtMs.get(batchKey(batch))!
      const epoch = (await chain.epochAt(batch.epoch))!
      const quorum = chain.quorumAgo(epoch, batch.quorum, agoMs)
      const counting = signers.filter((member) => !quorum.signers[member]!.isContested)
      const held = counting.reduce((sum, member) => sum + quorum.members[member]!.slots, 0)
      const keys = signers.map((member) => quorum.signers[member]!.publicKey)
      const { commitment } = chain.records.get(batchKey(batch))!
      const digest = batchDigest(chain.identity, batch, commitment)
      if (3 * held <= 2 * scenario.shape.codedRows) {
        this.#stage.violate('counted', `${batchKey(batch)} has ${held} slots`)
      }
      if (!world.scheme.verifyAggregate(keys, digest, signature)) {
        this.#stage.violate('counted', `${batchKey(batch)} is not signed`)
      }
      const present = chain.epochAgo(agoMs)
      if (batch.epoch !== present && batch.epoch + 1n !== present) {
        this.#stage.violate('timely', `${batchKey(batch)} was recorded in ${present}`)
      }
      tally.add(batch.epoch === present ? 'recorded' : 'recorded in the next epoch')
    }
    this.#countSigners()
  }

  #countSigners(): void {
    const { scenario, tally } = this.#stage
    tally.add('contested', scenario.contests.length)
    for (const [epoch, votes] of scenario.votes.slice(1).entries()) {
      for (const [place, own] of votes.entries()) {
        const before = scenario.votes[epoch]![place]!
        if (before === 0n && own > 0n) tally.add('signer came')
        if (before > 0n && own === 0n) tally.add('signer went')
      }
    }
  }

  #checkSettled(): void {
    for (const { id, state } of this.#dispersers.requests) {
      if (id === undefined) continue
      const isSettled = state === 'finalized' || state === 'failed'
      if (isSettled) this.#stage.tally.add(state)
      else this.#stage.violate('durable', `${toHex(id)} is ${state} for ever`)
    }
  }
}
