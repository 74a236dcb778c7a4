import assert from 'node:assert/strict'
import { test } from 'node:test'

import { RowVerifier } from '@zg/coding'
import { addressOfSecretKey, sha256 } from '@zg/primitives'
import { SimulatedClock } from '@zg/runtime'

import { pause } from '../asking.ts'
import { batchRequestDigest } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import { localBatchCoder } from '../disperser/batch-coder.ts'
import type { CodedBatch } from '../disperser/batch-coder.ts'
import { batchDigest } from '../batch/certificate.ts'
import type { DataNode } from './data-node.ts'
import { signPersonal } from '../batch/personal-signature.ts'
import { rowsOf } from '../batch/quorum.ts'
import { DataWorld, smallShape } from '../testing/data-world.ts'
import { decodeHeader, decodeRows, encodeStore } from '../batch/wire.ts'
import type { StoreRequest } from '../batch/wire.ts'

/** A node, and what a disperser would send it. */
class Desk {
  readonly world: DataWorld
  readonly node: DataNode
  readonly batch: BatchId

  private constructor(world: DataWorld, node: DataNode, batch: BatchId) {
    this.world = world
    this.node = node
    this.batch = batch
  }

  static async open(options: Partial<ConstructorParameters<typeof DataWorld>[0]> = {}) {
    const clock = new SimulatedClock()
    const world = new DataWorld({ clock, ...options })
    const node = await world.run(world.openNode(3))
    const epoch = await world.chain.epoch()
    const disperser = addressOfSecretKey(world.disperserKey)
    return new Desk(world, node, { network: 7, epoch, quorum: 0, disperser, sequence: 0n })
  }

  async request(
    coded: CodedBatch,
    { batch = this.batch, change = {} as Partial<StoreRequest> } = {},
  ): Promise<Uint8Array> {
    const { chain, disperserKey } = this.world
    const epoch = (await chain.epochAt(this.batch.epoch))!
    const quorum = await chain.quorumAt(epoch, 0)
    const spans = rowsOf(quorum, quorum.members[3]!)
    const ranges = spans.map(({ from, count }) => coded.range(from, count))
    const signature = signPersonal(batchRequestDigest(batch, coded.commitment), disperserKey)
    return encodeStore({ batch, header: coded.header, signature, ranges, ...change })
  }

  store(request: Uint8Array): Promise<Uint8Array> {
    return this.world.run(this.node.store(request))
  }

  refuses(request: Uint8Array, code: string, why: RegExp): Promise<void> {
    return assert.rejects(this.store(request), (error: Error & { code: string }) => {
      assert.equal(error.code, code)
      assert.match(error.message, why)
      return true
    })
  }
}

const coder = localBatchCoder(smallShape)
const codedOf = (seed: number, sizeBytes = 2_000): Promise<CodedBatch> =>
  coder.code([new Uint8Array(sizeBytes).fill(seed)])

test('what it signs for it gives to anybody, with proofs; the same again, the same signature', async () => {
  const desk = await Desk.open()
  const { world, node, batch } = desk
  const coded = await codedOf(1)
  const request = await desk.request(coded)
  const signature = await desk.store(request)
  const digest = batchDigest(world.chain.identity, batch, coded.commitment)
  assert.ok(world.scheme.verify(world.chain.signers[3]!.publicKey, digest, signature))
  assert.deepEqual(await desk.store(request), signature)
  assert.equal(node.status.batches, 1)

  const header = decodeHeader((await world.run(node.header(batch)))!, smallShape)
  const verifier = new RowVerifier(coded.commitment, header)
  const all = Array.from({ length: smallShape.codedRows }, (_, index) => index)
  const answer = await world.run(node.rows(batch, all))
  const rows = decodeRows(answer, header.rowSize, smallShape)
  assert.equal(rows.length, 4)
  assert.deepEqual(verifier.wrongOf(rows), [])
})

test('S9: it signs no second commitment for a batch, not even after a crash', async () => {
  const desk = await Desk.open()
  const { world } = desk
  const signature = await desk.store(await desk.request(await codedOf(1)))
  const other = await desk.request(await codedOf(2))
  await desk.refuses(other, 'DA_EQUIVOCATION', /Another commitment/)
  world.nodeDisks[3]!.crash()
  const again = await world.run(world.openNode(3))
  await assert.rejects(world.run(again.store(other)), { code: 'DA_EQUIVOCATION' })
  const same = await world.run(again.store(await desk.request(await codedOf(1))))
  assert.deepEqual(same, signature)
})

test('what is not of this network, epoch, quorum or member is refused', async () => {
  const desk = await Desk.open()
  const { batch } = desk
  const coded = await codedOf(1)
  const refused = async (
    change: Partial<BatchId>,
    why: RegExp,
    code = 'DA_STORE_REFUSED',
  ): Promise<void> => {
    const request = await desk.request(coded, { batch: { ...batch, ...change } })
    await desk.refuses(request, code, why)
  }
  await refused({ network: 8 }, /another network/)
  await refused({ epoch: batch.epoch + 1n }, /ask again/, 'DA_EPOCH_EARLY')
  await refused({ epoch: batch.epoch - 2n }, /its epoch/)
  await refused({ quorum: 1 }, /belongs to quorum 0/)
  const ranges = [coded.range(0, 1)]
  const others = await desk.request(coded, { change: { ranges } })
  await desk.refuses(others, 'DA_STORE_REFUSED', /not those that this node holds/)
  const none = await desk.request(coded, { change: { ranges: [] } })
  await desk.refuses(none, 'DA_STORE_REFUSED', /not those that this node holds/)
})

test('the former epoch is taken still', async () => {
  const desk = await Desk.open()
  const coded = await codedOf(1)
  const request = await desk.request(coded)
  await desk.world.clock.run({ untilMs: desk.world.clock.nowMs() + 35_000 })
  await desk.store(request)
  await desk.world.clock.run({ untilMs: desk.world.clock.nowMs() + 30_000 })
  await desk.refuses(request, 'DA_STORE_REFUSED', /its epoch/)
})

test('a batch that its disperser did not sign, or cannot pay, is refused', async () => {
  const desk = await Desk.open()
  const { world, batch } = desk
  const coded = await codedOf(1)
  const digest = batchRequestDigest(batch, coded.commitment)
  const signature = signPersonal(digest, sha256(Uint8Array.of(9)))
  const forged = await desk.request(coded, { change: { signature } })
  await desk.refuses(forged, 'DA_STORE_REFUSED', /did not sign/)

  const fee = BigInt(smallShape.dataRows * coded.header.rowSize)
  world.chain.fund(batch.disperser, fee, batch.epoch - 1n)
  await desk.refuses(await desk.request(coded), 'DA_UNPAID', /too young/)
  world.chain.fund(batch.disperser, fee - 1n)
  await desk.refuses(await desk.request(coded), 'DA_UNPAID', /does not cover/)
  world.chain.fund(batch.disperser, 2n * fee - 1n)
  await desk.store(await desk.request(coded))
  // What it signed for and is not recorded counts against the next one.
  const second = { batch: { ...batch, sequence: 1n } }
  await desk.refuses(await desk.request(await codedOf(2), second), 'DA_UNPAID', /does not cover/)
})

test('one flipped bit in any row, in z or in a sibling: nothing is signed, nothing kept', async () => {
  const desk = await Desk.open()
  const coded = await codedOf(1)
  const good = await desk.request(coded)
  for (let at = 60; at < good.length; at += 37) {
    const bad = good.slice()
    bad[at]! ^= 1 << (at % 8)
    await assert.rejects(desk.store(bad), (error: Error & { code: string }) => {
      assert.match(error.code, /^(DA_|CODING_COMMITMENT)/)
      return true
    })
  }
  assert.equal(desk.node.status.batches, 0)
  assert.equal(desk.node.status.bytes, 0)
})

test('beyond its quota it takes nothing, and keeps what it has', async () => {
  const desk = await Desk.open({ quotaBytes: 2_500 })
  await desk.store(await desk.request(await codedOf(1)))
  const second = { batch: { ...desk.batch, sequence: 1n } }
  await desk.refuses(await desk.request(await codedOf(2), second), 'DA_QUOTA', /no room/)
  assert.equal(desk.node.status.batches, 1)
})

test('a node that is to forget before a batch can be recorded does not begin', async () => {
  for (const retentionEpochs of [-1n, 0n, 1n]) {
    await assert.rejects(Desk.open({ chain: { retentionEpochs } }), { code: 'DA_RETENTION' })
  }
  await Desk.open({ chain: { retentionEpochs: 2n } })
})

test('a crash at any moment loses no row that was signed for', async () => {
  for (let seed = 0; seed < 16; seed++) {
    const desk = await Desk.open()
    const { world, batch } = desk
    const signed: bigint[] = []
    const running = [0n, 1n, 2n].map(async (sequence) => {
      const coded = await codedOf(Number(sequence) + 1)
      await desk.node.store(await desk.request(coded, { batch: { ...batch, sequence } }))
      signed.push(sequence)
    })
    await world.clock.run({ untilMs: world.clock.nowMs() + seed / 8 })
    world.nodeDisks[3]!.crash()
    void Promise.allSettled(running)
    const before = [...signed]
    const again = await world.run(world.openNode(3))
    for (const sequence of before) {
      const all = Array.from({ length: smallShape.codedRows }, (_, index) => index)
      const answer = await world.run(again.rows({ ...batch, sequence }, all))
      assert.equal(decodeRows(answer, 128, smallShape).length, 4, `seed ${seed}`)
    }
    assert.equal(again.status.batches >= before.length, true)
  }
})

test('a bit that rots in one entry loses that one alone, and nothing new is signed in its epoch', async () => {
  const desk = await Desk.open()
  const { world, batch } = desk
  const of = (sequence: bigint) => ({ batch: { ...batch, sequence } })
  const requests = await Promise.all(
    [0n, 1n, 2n].map(async (sequence) =>
      desk.request(await codedOf(Number(sequence)), of(sequence)),
    ),
  )
  const signatures: Uint8Array[] = []
  for (const request of requests) signatures.push(await desk.store(request))
  await world.run(desk.node.close())
  // In the meta of the first entry, behind its head.
  const disk = world.nodeDisks[3]!.mount()
  const path = `rows/${batch.epoch}`
  const bytes = (await world.run(disk.readFile(path)))!
  bytes[60]! ^= 1
  await world.run(disk.writeFile(path, bytes))

  const again = await world.run(world.openNode(3))
  assert.equal(again.status.batches, 2)
  assert.deepEqual(await world.run(again.store(requests[1]!)), signatures[1])
  assert.deepEqual(await world.run(again.store(requests[2]!)), signatures[2])
  const other = await desk.request(await codedOf(9), of(0n))
  await assert.rejects(world.run(again.store(other)), /damaged on the disk/)
  await world.clock.run({ untilMs: world.clock.nowMs() + 30_000 })
  const next = { batch: { ...batch, epoch: batch.epoch + 1n } }
  await world.run(again.store(await desk.request(await codedOf(9), next)))
})

test('what is owed is asked for many at once, and what is signed for meanwhile stays owed', async () => {
  const desk = await Desk.open()
  const { world, batch } = desk
  const { chain } = world
  const requestOf = async (sequence: bigint): Promise<Uint8Array> =>
    desk.request(await codedOf(1), { batch: { ...batch, sequence } })
  const fee = BigInt(smallShape.dataRows * (await codedOf(1)).header.rowSize)
  chain.fund(batch.disperser, 80n * fee)
  for (let sequence = 0n; sequence < 80n; sequence++) await desk.store(await requestOf(sequence))

  const [first, second] = [await requestOf(80n), await requestOf(81n)]
  let asked = 0
  let askedMost = 0
  let meanwhile: Promise<Uint8Array> | undefined
  const recordOf = chain.recordOf.bind(chain)
  chain.recordOf = async (of) => {
    // While it asks there comes to be cover for one more, which another batch takes.
    if (meanwhile === undefined) chain.fund(batch.disperser, 81n * fee)
    meanwhile ??= desk.node.store(second)
    askedMost = Math.max(askedMost, ++asked)
    await pause(world.clock, 50, new AbortController().signal)
    asked--
    return recordOf(of)
  }
  await assert.rejects(desk.store(first), { code: 'DA_UNPAID' })
  assert.equal((await world.run(meanwhile!)).length, 96)
  assert.equal(askedMost, 32)
})

test('cover for one batch is cover for one, however many come at once, and after a restart', async () => {
  const desk = await Desk.open()
  const { world, batch } = desk
  const coded = await codedOf(1)
  world.chain.fund(batch.disperser, BigInt(smallShape.dataRows * coded.header.rowSize))
  const requests = await Promise.all(
    [0n, 1n, 2n, 3n].map(async (sequence) => {
      return desk.request(await codedOf(Number(sequence)), { batch: { ...batch, sequence } })
    }),
  )
  const answers = await world.run(
    Promise.allSettled(requests.map((request) => desk.node.store(request))),
  )
  assert.equal(answers.filter(({ status }) => status === 'fulfilled').length, 1)
  world.nodeDisks[3]!.crash()
  const again = await world.run(world.openNode(3))
  const left = requests.filter((_, at) => answers[at]!.status === 'rejected')
  await assert.rejects(world.run(again.store(left[0]!)), { code: 'DA_UNPAID' })
})

test('what it signs while it asks the chain what is recorded is owed too', async () => {
  const desk = await Desk.open()
  const { world, node, batch } = desk
  const [small, large] = [await codedOf(1), await codedOf(2, 4_000)]
  const cover = 2 * smallShape.dataRows * small.header.rowSize
  assert.equal(smallShape.dataRows * large.header.rowSize, cover)
  world.chain.fund(batch.disperser, BigInt(cover))
  const at = (sequence: bigint, coded = small): Promise<Uint8Array> =>
    desk.request(coded, { batch: { ...batch, sequence } })
  await desk.store(await at(0n))

  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<undefined>()
  const recordOf = world.chain.recordOf.bind(world.chain)
  world.chain.recordOf = () => {
    asked.resolve()
    return answer.promise
  }
  const refused = assert.rejects(node.store(await at(1n, large)), { code: 'DA_UNPAID' })
  await asked.promise
  world.chain.recordOf = recordOf
  await desk.store(await at(2n))
  answer.resolve(undefined)
  await refused
  await desk.refuses(await at(3n), 'DA_UNPAID', /does not cover/)
})

test('S9: one wrong answer of the endpoint has it forget nothing, nor one that it keeps to', async () => {
  const desk = await Desk.open()
  const { world, node, batch } = desk
  const { chain, clock } = world
  const signature = await desk.store(await desk.request(await codedOf(1)))
  const other = await desk.request(await codedOf(2))
  const epoch = chain.epoch.bind(chain)
  const finalEpoch = chain.finalEpoch.bind(chain)
  const pass = (ms: number): Promise<unknown> => clock.run({ untilMs: clock.nowMs() + ms })
  const lieFor = async (ms: number): Promise<void> => {
    chain.epoch = async () => 1_000_000n
    chain.finalEpoch = async () => 1_000_000n
    await pass(ms)
    Object.assign(chain, { epoch, finalEpoch })
  }
  await lieFor(11_000)
  assert.equal(node.status.batches, 1)
  await desk.refuses(other, 'DA_EQUIVOCATION', /Another commitment/)
  assert.deepEqual(await desk.store(await desk.request(await codedOf(1))), signature)
  await lieFor(700_000)
  assert.equal(node.status.batches, 0)
  chain.epoch = async () => batch.epoch
  await desk.refuses(other, 'DA_EPOCH_CLOSED', /nothing more of it/)
  world.nodeDisks[3]!.crash()
  const again = await world.run(world.openNode(3))
  await assert.rejects(world.run(again.store(other)), { code: 'DA_EPOCH_CLOSED' })
})
