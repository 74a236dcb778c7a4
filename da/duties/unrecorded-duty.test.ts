import assert from 'node:assert/strict'
import { test } from 'node:test'

import { RowVerifier } from '@zg/coding'
import { addressOfSecretKey } from '@zg/primitives'
import { createSeededRng, SimulatedClock } from '@zg/runtime'

import { localBatchCoder } from '../disperser/batch-coder.ts'
import type { CodedBatch } from '../disperser/batch-coder.ts'
import { batchRequestDigest } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import { CertificateBuilder } from '../batch/certificate.ts'
import { DataNode } from '../node/data-node.ts'
import { signPersonal } from '../batch/personal-signature.ts'
import { rowsOf } from '../batch/quorum.ts'
import { keyPaths } from '../node/row-key.ts'
import { RowStore } from '../node/row-store.ts'
import { DataWorld, smallShape } from '../testing/data-world.ts'
import type { DataWorldOptions } from '../testing/data-world.ts'
import { decodeHeader, decodeRows, encodeStore } from '../batch/wire.ts'

const self = 3
const epochMs = 30_000
const coder = localBatchCoder(smallShape)
const all = Array.from({ length: smallShape.codedRows }, (_, index) => index)

const known = new Map<number, Promise<CodedBatch>>()

function codedOf(fill: number): Promise<CodedBatch> {
  const coded = known.get(fill) ?? coder.code([new Uint8Array(2_000).fill(fill)])
  known.set(fill, coded)
  return coded
}

/** A node that holds some batches of the first epoch, of which some are recorded. */
class Holder {
  readonly world: DataWorld
  node: DataNode
  readonly batches: readonly BatchId[]
  readonly coded: readonly CodedBatch[]

  private constructor(
    world: DataWorld,
    node: DataNode,
    batches: readonly BatchId[],
    coded: readonly CodedBatch[],
  ) {
    this.world = world
    this.node = node
    this.batches = batches
    this.coded = coded
  }

  static async open(
    count: number,
    recorded: readonly number[],
    options: Partial<DataWorldOptions> = {},
  ): Promise<Holder> {
    const clock = new SimulatedClock()
    const world = new DataWorld({ clock, ...options })
    const node = await world.run(world.openNode(self))
    const epoch = await world.chain.epoch()
    const disperser = addressOfSecretKey(world.disperserKey)
    const batches = Array.from({ length: count }, (_, sequence): BatchId => {
      return { network: 7, epoch, quorum: 0, disperser, sequence: BigInt(sequence) }
    })
    const coded = await Promise.all(batches.map((_, at) => codedOf(at + 1)))
    const holder = new Holder(world, node, batches, coded)
    for (const at of batches.keys()) await world.run(node.store(await holder.request(at)))
    for (const at of recorded) await holder.record(at)
    return holder
  }

  async request(at: number, coded = this.coded[at]!): Promise<Uint8Array> {
    const { chain, disperserKey } = this.world
    const batch = this.batches[at]!
    const quorum = await chain.quorumAt((await chain.epochAt(batch.epoch))!, 0)
    const spans = rowsOf(quorum, quorum.members[self]!)
    return encodeStore({
      batch,
      header: coded.header,
      signature: signPersonal(batchRequestDigest(batch, coded.commitment), disperserKey),
      ranges: spans.map(({ from, count }) => coded.range(from, count)),
    })
  }

  /** Records a batch, or another one under its name. */
  async record(at: number, coded = this.coded[at]!): Promise<void> {
    const { world, batches } = this
    const batch = batches[at]!
    const quorum = await world.chain.quorumAt((await world.chain.epochAt(batch.epoch))!, 0)
    const { identity } = world.chain
    const builder = new CertificateBuilder(batch, coded, quorum, identity, world.scheme)
    const digest = world.digestOf(batch, coded.commitment)
    for (const index of quorum.members.keys()) builder.add(index, world.sign(index, digest))
    await world.chain.certify(builder.certificate()!)
  }

  async pass(epochs: number): Promise<void> {
    const { clock } = this.world
    await clock.run({ untilMs: clock.nowMs() + epochs * epochMs })
  }

  /** Which batches all of the node's rows are there of, and verify. */
  async whole(): Promise<readonly number[]> {
    const found: number[] = []
    for (const [at, batch] of this.batches.entries()) {
      const bytes = await this.world.run(this.node.header(batch))
      if (bytes === undefined) continue
      const header = decodeHeader(bytes, smallShape)
      const verifier = new RowVerifier(this.coded[at]!.commitment, header)
      const rows = decodeRows(
        await this.world.run(this.node.rows(batch, all)),
        header.rowSize,
        smallShape,
      )
      if (rows.length === 4 && verifier.wrongOf(rows).length === 0) found.push(at)
    }
    return found
  }

  async crash(): Promise<void> {
    this.world.nodeDisks[self]!.crash()
    this.node = await this.world.run(this.world.openNode(self))
  }
}

test('what was never recorded is gone two epochs on, and its room is free; the rest stays', async () => {
  const quotaBytes = 8_000
  const holder = await Holder.open(4, [1, 3], { quotaBytes })
  const full = holder.node.status.bytes
  assert.deepEqual(await holder.whole(), [0, 1, 2, 3])
  await holder.pass(1.9)
  assert.deepEqual(await holder.whole(), [0, 1, 2, 3])
  await holder.pass(0.6)
  assert.deepEqual(await holder.whole(), [1, 3])
  assert.equal(holder.node.status.batches, 2)
  assert.equal(holder.node.status.bytes, full / 2)
  await holder.crash()
  assert.deepEqual(await holder.whole(), [1, 3])
  assert.equal(holder.node.status.bytes, full / 2)
  const paths = holder.world.nodeDisks[self]!.paths()
  assert.ok(!paths.some((path) => path.startsWith('rows/')), paths.join())
})

test('of a disperser that records nothing a node is filled once, and takes the next in its room', async () => {
  const holder = await Holder.open(3, [], { quotaBytes: 5_500 })
  const { world, batches, coded } = holder
  const disperser = batches[0]!.disperser
  const fill = async (sequence: bigint): Promise<void> => {
    const epoch = await world.chain.epoch()
    const batch = { network: 7, epoch, quorum: 0, disperser, sequence }
    const quorum = await world.chain.quorumAt((await world.chain.epochAt(epoch))!, 0)
    const { header, commitment } = coded[0]!
    const signature = signPersonal(batchRequestDigest(batch, commitment), world.disperserKey)
    const ranges = rowsOf(quorum, quorum.members[self]!).map(({ from, count }) => {
      return coded[0]!.range(from, count)
    })
    await world.run(holder.node.store(encodeStore({ batch, header, signature, ranges })))
  }
  await assert.rejects(fill(9n), { code: 'DA_QUOTA' })
  await holder.pass(2.5)
  assert.equal(holder.node.status.bytes, 0)
  await fill(9n)
  assert.equal(holder.node.status.batches, 1)
})

test('what has expired is forgotten, file and all', async () => {
  for (const recorded of [[0], [0, 1]]) {
    const holder = await Holder.open(2, recorded, { chain: { retentionEpochs: 2n } })
    await holder.pass(2.9)
    assert.deepEqual(await holder.whole(), recorded)
    await holder.pass(0.8)
    assert.deepEqual(await holder.whole(), [])
    assert.deepEqual([holder.node.status.batches, holder.node.status.bytes], [0, 0])
    assert.deepEqual(holder.world.nodeDisks[self]!.paths(), [...keyPaths, 'settled-through'])
  }
})

test('an epoch of which all is recorded is left where it lies', async () => {
  const holder = await Holder.open(2, [0, 1])
  await holder.pass(3)
  assert.deepEqual(await holder.whole(), [0, 1])
  const paths = holder.world.nodeDisks[self]!.paths()
  assert.deepEqual(paths, [...keyPaths, `rows/${holder.batches[0]!.epoch}`, 'settled-through'])
})

test('rows of another commitment than the recorded one go as well', async () => {
  const holder = await Holder.open(2, [0])
  await holder.record(1, await codedOf(99))
  await holder.pass(3)
  assert.deepEqual(await holder.whole(), [0])
  assert.equal(holder.node.status.batches, 1)
})

test('while the chain does not answer, or no block is final that is late enough, all is kept', async () => {
  const down = await Holder.open(2, [0])
  await down.pass(1.5)
  down.world.chain.isDown = true
  await down.pass(3)
  assert.deepEqual(await down.whole(), [0, 1])
  down.world.chain.isDown = false
  await down.pass(3)
  assert.deepEqual(await down.whole(), [0])

  const slow = await Holder.open(2, [], { chain: { finalityLagEpochs: 2n } })
  await slow.pass(1.9)
  // Recorded late: the newest block says e + 2 before the one that is final has the record.
  await slow.record(1)
  await slow.pass(1.9)
  assert.deepEqual(await slow.whole(), [0, 1])
  await slow.pass(1.5)
  assert.deepEqual(await slow.whole(), [1])
})

test('one record that is not had is no record that is not: nothing of its epoch goes', async () => {
  const holder = await Holder.open(3, [0, 1, 2])
  const { chain } = holder.world
  const finalRecordsOf = chain.finalRecordsOf.bind(chain)
  let calls = 0
  chain.finalRecordsOf = async () => {
    calls++
    throw new Error('the second of three answers did not come')
  }
  await holder.pass(4)
  assert.ok(calls > 0)
  assert.deepEqual(await holder.whole(), [0, 1, 2])
  chain.finalRecordsOf = finalRecordsOf
  await holder.pass(4)
  assert.deepEqual(await holder.whole(), [0, 1, 2])
})

test('a crash at any moment of forgetting loses nothing that is recorded, and it ends the same', async () => {
  let early = 0
  let done = 0
  for (let step = 0; step < 32; step++) {
    const holder = await Holder.open(5, [1, 2, 4], { seed: step })
    const { clock, nodeDisks } = holder.world
    // The first look that finds the epoch over.
    await holder.pass(1.99)
    const isBegun = (): boolean =>
      nodeDisks[self]!.paths().some((path) => path.startsWith('settled'))
    await clock.run({ untilMs: clock.nowMs() + 2 * epochMs, done: isBegun })
    await clock.run({ untilMs: clock.nowMs() + step / 5 })
    if (nodeDisks[self]!.paths().includes('settled-through')) done++
    else early++
    await holder.crash()
    for (const at of [1, 2, 4]) assert.ok((await holder.whole()).includes(at), `step ${step}`)
    await holder.pass(1)
    assert.deepEqual(await holder.whole(), [1, 2, 4], `step ${step}`)
    assert.equal(holder.node.status.batches, 3)
    await holder.node.close()
  }
  assert.ok(early > 4 && done > 4, `${early} before it was done, ${done} behind`)
})

test('a mark that rots has the epochs looked at again, and loses nothing', async () => {
  const holder = await Holder.open(3, [0, 2])
  await holder.pass(3)
  assert.deepEqual(await holder.whole(), [0, 2])
  assert.ok(holder.world.nodeDisks[self]!.flipBit('settled-through'))
  await holder.crash()
  assert.deepEqual(await holder.whole(), [0, 2])
  await holder.pass(1)
  assert.deepEqual(await holder.whole(), [0, 2])
})

test('S9: what comes for a closed epoch is not kept, so a commitment that was forgotten signs nothing', async () => {
  const holder = await Holder.open(1, [])
  const { world, batches, coded } = holder
  await world.run(holder.node.close())
  const store = await world.run(
    RowStore.open({
      disk: world.nodeDisks[self]!.mount(),
      shape: smallShape,
      rng: createSeededRng(1),
    }),
  )
  const { epoch } = batches[0]!
  assert.equal(store.closeThrough(epoch), true)
  const { commitment, header } = coded[0]!
  await assert.rejects(store.put({ ...batches[0]!, sequence: 7n }, commitment, header, []), {
    code: 'DA_EPOCH_CLOSED',
  })
  const next = store.put({ ...batches[0]!, epoch: epoch + 1n }, commitment, header, [])
  // Being written: not closed yet.
  assert.equal(store.closeThrough(epoch + 1n), false)
  await world.run(next)
  assert.equal(store.closeThrough(epoch + 1n), true)
})
