import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'
import { SimulatedClock, silentLogger } from '@zg/runtime'

import { batchKey } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import type { DataNode } from '../node/data-node.ts'
import type { DataRecord } from '../chain/data-chain.ts'
import type { DataNodeApi } from '../node/data-node.ts'
import { DutyLoop } from './duty-loop.ts'
import { askedRows, askingRows, queryDrawOf } from './query-draw.ts'
import { QueryDuty } from './query-duty.ts'
import { holderOf } from '../batch/quorum.ts'
import { badNode } from '../testing/bad-parties.ts'
import { DataWorld } from '../testing/data-world.ts'
import { TableDuties } from '../testing/table-duties.ts'

const all = 0xffff

/** Some nodes, sixteen of them at first, what is recorded, and duties that a test begins. */
class Round {
  readonly world: DataWorld
  readonly table: TableDuties
  readonly nodes: DataNode[] = []
  readonly loops: DutyLoop[] = []
  /** The first that was recorded. */
  batch!: BatchId
  record!: DataRecord
  readonly recorded: BatchId[] = []
  /** Times that a node was asked what it holds of an epoch. */
  listings = 0
  /** Members that ask, and that hold the rows that are asked for. */
  askers: readonly number[] = []
  holders: readonly number[] = []

  private constructor(world: DataWorld, every: number) {
    this.world = world
    this.table = new TableDuties(world.chain, world.clock, every)
  }

  static async open({ every = 1, nodeCount = 16, batches = 1 } = {}): Promise<Round> {
    const round = new Round(new DataWorld({ clock: new SimulatedClock(), nodeCount }), every)
    const { world } = round
    for (let index = 0; index < nodeCount; index++) {
      round.nodes.push(await world.run(world.openNode(index)))
    }
    const disperser = await world.run(world.openDisperser())
    for (let count = 1; count <= batches; count++) {
      const blob = new Uint8Array(2_000).fill(count)
      const id = await world.run(disperser.submit(blob, { peer: 'test' }))
      const { batch } = await world.run(disperser.certified(id))
      const isRecorded = (): boolean => world.chain.records.size === count
      await world.clock.run({ untilMs: world.clock.nowMs() + 5_000, done: isRecorded })
      round.recorded.push(batch)
    }
    await world.run(disperser.close())
    round.batch = round.recorded[0]!
    round.record = (await world.chain.recordOf(round.batch))!
    const { askers, holders } = await round.partsIn(round.batch)
    round.askers = askers
    round.holders = holders
    return round
  }

  /** Whose the rows are by which a batch is asked for, and those that are asked for. */
  async partsIn(batch: BatchId) {
    const { chain } = this.world
    const { height } = (await chain.recordOf(batch))!
    const quorum = await chain.quorumAt((await chain.epochAt(batch.epoch))!, 0)
    const draw = queryDrawOf(this.table.mixOf(height + 1n), batch)
    const { codedRows } = chain.shape
    const of = (rows: readonly number[]): readonly number[] =>
      rows.map((row) => holderOf(quorum, row))
    return { askers: of(askingRows(draw, codedRows)), holders: of(askedRows(draw, codedRows)) }
  }

  /** Begins the duties of a node, with `inner` in its place. */
  begin(index: number, inner: DataNodeApi = this.nodes[index]!): void {
    const { chain, client, clock } = this.world
    const { operator } = chain.signers[index]!
    const held = this.nodes[index]!
    const node = {
      header: (batch: BatchId) => inner.header(batch),
      rows: (batch: BatchId, indexes: readonly number[]) => inner.rows(batch, indexes),
      store: (request: Uint8Array) => inner.store(request),
      heldOf: (epoch: bigint) => {
        this.listings++
        return held.heldOf(epoch)
      },
    }
    const queries = this.table.of(operator)
    const log = silentLogger
    const duty = new QueryDuty({ chain, queries, node, client, clock, log, operator })
    void this.loops[index]?.close()
    this.loops[index] = new DutyLoop({ duties: [duty], clock, log, pollMs: 1_000 })
  }

  beginAll(): void {
    for (const index of this.nodes.keys()) this.begin(index)
  }

  async pass(seconds: number): Promise<void> {
    const { clock } = this.world
    await clock.run({ untilMs: clock.nowMs() + seconds * 1_000 })
  }

  get query() {
    return [...this.table.queries.values()][0]
  }

  did(what: string): readonly number[] {
    const operators = this.world.chain.signers.map(({ operator }) => toHex(operator))
    return this.table.brought
      .filter((one) => one.what === what)
      .map(({ by }) => operators.indexOf(by))
  }

  bitsOf(member: number): number {
    return this.holders.reduce(
      (bits, holder, at) => (holder === member ? bits | (1 << at) : bits),
      0,
    )
  }

  /** A member that holds rows that are asked for, and asks for none. */
  get holder(): number {
    return this.holders.find((holder) => !this.askers.includes(holder))!
  }
}

test('the first of the seven brings a query, all of them answer, and nothing is settled that is there', async () => {
  const round = await Round.open()
  round.beginAll()
  await round.pass(4)
  assert.deepEqual(round.did('query'), [round.askers[0]])
  assert.equal(round.query?.isDecided, true)
  assert.equal(round.query?.missing, 0)
  await round.pass(120)
  assert.deepEqual(round.did('clear'), [])
  assert.deepEqual(round.did('settle'), [])
  const answers = round.table.brought.filter(({ what }) => what === 'answer')
  assert.ok(answers.every(({ bits }) => bits === all))
})

test('a batch that is not drawn, or was recorded with another commitment, is asked by nobody', async () => {
  const never = await Round.open({ every: 2 ** 31 })
  never.beginAll()
  await never.pass(10)
  assert.deepEqual(never.table.brought, [])

  const other = await Round.open()
  const [[key, record]] = [...other.world.chain.records] as [[string, never]]
  const commitment = new Uint8Array(32).fill(1)
  other.world.chain.records.set(key, { ...(record as DataRecord), commitment } as never)
  other.beginAll()
  await other.pass(10)
  assert.deepEqual(other.table.brought, [])
})

test('where the first of the seven does not bring it, the next one does a while later', async () => {
  const round = await Round.open()
  const [first] = round.askers
  const second = round.askers.find((asker) => asker !== first)!
  const { operator } = round.world.chain.signers[first!]!
  round.table.mute.add(toHex(operator))
  round.beginAll()
  await round.pass(4)
  assert.deepEqual(round.did('query'), [])
  await round.pass(8)
  assert.deepEqual(round.did('query'), [second])
  await round.pass(10)
  // Its voice is lost, and five others agree.
  const lost = round.askers.filter((asker) => asker === first).length
  assert.equal(round.query?.isDecided, round.askers.length - lost >= 5)
})

for (const kind of ['silent', 'amnesiac', 'corrupt'] as const) {
  test(`who gives no row that verifies is found out and settled: ${kind}`, async () => {
    const round = await Round.open()
    const { holder } = round
    const { url } = round.world.chain.signers[holder]!
    const bad = badNode(kind, round.world, holder, round.nodes[holder]!)
    round.world.nodes.set(url, bad)
    for (const index of round.nodes.keys()) {
      round.begin(index, index === holder ? bad : round.nodes[index]!)
    }
    await round.pass(18)
    assert.equal(round.query?.isDecided, true)
    assert.equal(round.query?.missing, round.bitsOf(holder))
    await round.pass(60)
    assert.deepEqual(round.did('clear'), [])
    assert.deepEqual(round.did('settle'), [round.askers[0]])
  })
}

test('who is not reached, or lied about, shows its rows itself, and nothing is settled', async () => {
  const round = await Round.open()
  const { holder } = round
  round.world.nodes.delete(round.world.chain.signers[holder]!.url)
  round.beginAll()
  await round.pass(30)
  assert.equal(round.query?.isDecided, true)
  assert.equal(round.query?.missing, 0)
  const held = round.holders.filter((each) => each === holder).length
  assert.deepEqual(
    round.did('clear'),
    Array.from({ length: held }, () => holder),
  )
  await round.pass(120)
  assert.deepEqual(round.did('settle'), [])
})

test('a node that crashes with its answer on the way asks the chain what is there, and goes on', async () => {
  const round = await Round.open()
  for (let seconds = 1; seconds < 8; seconds++) {
    round.beginAll()
    await round.pass(1.5)
  }
  round.beginAll()
  await round.pass(60)
  assert.equal(round.did('query').length, 1)
  assert.equal(round.query?.isDecided, true)
  const voices = new Set(round.did('answer'))
  assert.equal(voices.size, round.did('answer').length, 'each answers once')
})

test('while the chain does not answer nothing is lost but time', async () => {
  const round = await Round.open()
  round.beginAll()
  round.world.chain.isDown = true
  await round.pass(10)
  assert.deepEqual(round.table.brought, [])
  round.world.chain.isDown = false
  await round.pass(18)
  assert.equal(round.query?.isDecided, true)
})

test('what is two epochs old is asked for no more, and what is refused is let go', async () => {
  const round = await Round.open()
  for (const { operator } of round.world.chain.signers) round.table.mute.add(toHex(operator))
  let tries = 0
  const asker = round.askers[0]!
  const of = round.table.of.bind(round.table)
  round.table.of = (operator) => {
    const hands = of(operator)
    return {
      ...hands,
      query: (batch, record) => {
        tries++
        return hands.query(batch, record)
      },
    }
  }
  round.begin(asker)
  await round.pass(80)
  assert.equal(tries, 4)
  round.table.mute.clear()
  // It begins anew, as after a crash, and the batch is too old.
  await round.pass(20)
  round.begin(asker)
  await round.pass(30)
  assert.equal(round.query, undefined)
})

/** An asker of a round that holds a row that is asked for. */
const bothOf = (round: Round): number =>
  round.askers.find((asker) => asker !== round.askers[0] && round.holders.includes(asker))!

for (const then of ['it begins anew', 'its receipt is lost'] as const) {
  test(`a node that answered clears itself still when ${then}`, async () => {
    const round = await Round.open()
    const node = bothOf(round)
    const first = round.askers[0]!
    // No other asker reaches it.
    round.world.nodes.delete(round.world.chain.signers[node]!.url)
    if (then === 'its receipt is lost') {
      const of = round.table.of.bind(round.table)
      round.table.of = (operator) => {
        const hands = of(operator)
        return {
          ...hands,
          answer: async (batch, slots, got) => {
            await hands.answer(batch, slots, got)
            throw new Error('no receipt came')
          },
        }
      }
    }
    round.begin(node)
    round.begin(first)
    await round.pass(9)
    assert.equal(round.did('answer').filter((by) => by === node).length, 1)
    if (then === 'it begins anew') round.begin(node)
    await round.pass(7)
    for (const index of round.nodes.keys()) {
      if (index !== node && index !== first) round.begin(index)
    }
    await round.pass(120)
    assert.equal(round.query?.isDecided, true)
    const held = round.holders.filter((holder) => holder === node).length
    assert.equal(round.did('clear').filter((by) => by === node).length, held)
    assert.equal(round.query?.missing, 0)
  })
}

/** Many queries at once before a node of which nobody else answers, one of them decided. */
async function crowd() {
  const round = await Round.open({ nodeCount: 4, batches: 24 })
  const { chain, nodes } = round.world
  const operators = chain.signers.map(({ operator }) => operator)
  for (const batch of round.recorded) {
    await round.table.of(operators[1]!).query(batch, (await chain.recordOf(batch))!)
  }
  const last = round.recorded.at(-1)!
  const { askers, holders } = await round.partsIn(last)
  const missing = holders.reduce((bits, holder, at) => (holder === 0 ? bits | (1 << at) : bits), 0)
  const slotsOf = (member: number): number =>
    askers.reduce((bits, asker, slot) => (asker === member ? bits | (1 << slot) : bits), 0)
  const others = [1, 2, 3].filter((member) => slotsOf(member) !== 0)
  for (const member of others) {
    const hands = round.table.of(operators[member]!)
    if (round.table.queries.get(batchKey(last))?.isDecided === true) break
    await hands.answer(last, slotsOf(member), all & ~missing)
  }
  assert.equal(round.table.queries.get(batchKey(last))?.isDecided, true)
  assert.notEqual(missing, 0)
  for (const member of [1, 2, 3]) {
    nodes.set(
      chain.signers[member]!.url,
      badNode('silent', round.world, member, round.nodes[member]!),
    )
  }
  return round
}

test('rows that were not got are shown before anything is gathered', async () => {
  const round = await crowd()
  round.begin(0)
  await round.pass(3)
  assert.ok(round.did('clear').length > 0)
  assert.ok(!round.did('answer').includes(0))
})

test('who lets all time pass is waited for once, however many queries there are', async () => {
  const round = await crowd()
  round.begin(0)
  await round.pass(15)
  let asked = 0
  for (const batch of round.recorded.slice(0, -1)) {
    if ((await round.partsIn(batch)).askers.includes(0)) asked++
  }
  assert.ok(asked > 16, 'more than are gathered at once')
  assert.equal(round.did('answer').filter((by) => by === 0).length, asked)
})

test('a node is not asked for all that it holds each second', async () => {
  const round = await Round.open()
  round.begin(0)
  await round.pass(30)
  assert.ok(round.listings >= 3 && round.listings <= 3 * 11, String(round.listings))
})
