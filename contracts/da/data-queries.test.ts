import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { dataOperator, DataWorld, testBatch } from '../testing/data-world.ts'
import { rootOf, siblingsOf } from '../testing/history.ts'
import { refuses } from '../testing/refuses.ts'
import type { TestOperator } from '../testing/stake-world.ts'

const disperser: Hex = toHex(new Uint8Array(20).fill(0xd1))
const members = [1, 2, 3, 4].map(dataOperator)
const part = (1_024n * 64n * 1_000n) / 4_096n
const all = 0xffff

const rowOf = (index: number): Uint8Array => {
  const row = new Uint8Array(64)
  new DataView(row.buffer).setUint32(0, index)
  return row
}
const leaves = Array.from({ length: 4_096 }, (_, index) => sha256(rowOf(index)))
const rowRoot = rootOf(leaves, 12)

/** A batch that is recorded, by all members or without some, and queried. */
function openQuery({ absent = [] as readonly number[], every = 1 } = {}) {
  const data = new DataWorld({ quorumCount: 1, every })
  data.deposit(disperser, 10n ** 18n)
  data.settle(members, [100n, 100n, 100n, 100n])
  const { epoch } = data
  data.openAll()
  const recorded = testBatch({ epoch, disperser, rowRoot })
  const certificate = data.certificate(recorded, { members, absent })
  const name = data.certify(certificate).events[0]?.args['batch'] as Hex
  const batch = { epoch, quorum: 0, disperser, sequence: 0 }
  // The block after the record's.
  data.world.pay(disperser, 0n)
  const send = (method: string, args: readonly unknown[], by?: TestOperator) =>
    data.send(data.queries, method, [batch, ...args], by === undefined ? {} : { from: by.address })
  const query = () => send('query', ['0x'])
  const said = () => {
    const [, until, missing, isDecided] = data.read(data.queries, 'queryOf', name) as readonly [
      Hex,
      bigint,
      number,
      boolean,
    ]
    return { until: Number(until), missing, isDecided }
  }
  /** The rows that are drawn, and who holds them, by number of the member. */
  const drawn = () => {
    const found = data.read(data.queries, 'rowsOf', name) as readonly (readonly bigint[])[]
    const [askers = [], rows = []] = found
    const holders = [askers, rows].map(
      (of) => data.read(data.signers, 'rowHoldersOf', epoch, 0, of) as readonly bigint[],
    )
    return { rows: rows.map(Number), askers: holders[0] ?? [], holders: holders[1] ?? [] }
  }
  /** Has the first askers answer, each for one of its slots. */
  const answer = (got: number, from = 0, to = 7) => {
    for (const [slot, member] of drawn().askers.entries()) {
      if (slot < from || slot >= to) continue
      send('answer', [1 << slot, got], members[Number(member)])
    }
  }
  const shown = (place: number) => {
    const index = drawn().rows[place] ?? 0
    return {
      place,
      row: toHex(rowOf(index)),
      siblings: siblingsOf(leaves, index, 12).map(toHex),
      rowRoot: toHex(rowRoot),
      combinationHash: certificate.combinationHash,
    }
  }
  const earned = () =>
    members.map((_, member) => data.read(data.entrance, 'earnedOf', epoch, 0, member) as bigint)
  const pass = () => data.world.advance(data.answerSeconds + 1)
  return { data, epoch, name, batch, send, query, said, drawn, answer, shown, earned, pass }
}

describe('DataQueries', () => {
  test('a batch is asked for once, when it is drawn, after the block of its record', () => {
    const { data, batch, send, query, said } = openQuery()
    refuses(
      () => data.send(data.queries, 'query', [{ ...batch, sequence: 1 }, '0x']),
      'BatchUnknown',
    )
    refuses(() => send('answer', [1, all]), 'NotQueried')
    query()
    assert.deepEqual(said(), {
      until: data.world.timestamp + data.answerSeconds,
      missing: 0,
      isDecided: false,
    })
    refuses(() => query(), 'AlreadyQueried')
    refuses(() => openQuery({ every: 2 ** 31 }).query(), 'NotDrawn')
    refuses(() => openQuery({ every: 0 }).query(), 'NotDrawn')
  })

  test('five equal answers of seven are a result; four and three are none', () => {
    const { data, query, said, answer, send, drawn, pass } = openQuery()
    query()
    answer(all, 0, 3)
    answer(1, 3, 7)
    assert.equal(said().isDecided, false)
    pass()
    refuses(() => send('settle', [[]]), 'NothingToSettle')
    const [first] = drawn().askers
    refuses(() => send('answer', [1, all], members[Number(first)]), 'TooLate')
    assert.equal(data.read(data.entrance, 'treasury'), 0n)
  })

  test('only holders of the seven slots answer, once each', () => {
    const { query, said, answer, send, drawn } = openQuery()
    query()
    const { askers } = drawn()
    const asker = members[Number(askers[0])]
    const other = members[(Number(askers[0]) + 1) % 4]
    assert.ok(asker && other)
    refuses(() => send('answer', [0, all], asker), 'NotAnAsker')
    refuses(() => send('answer', [0x80, all], asker), 'NotAnAsker')
    refuses(() => send('answer', [1, all], other), 'NotAnAsker')
    refuses(() => send('answer', [1, all]), 'NotAnAsker')
    send('answer', [1, all], asker)
    refuses(() => send('answer', [1, 0], asker), 'NotAnAsker')
    // All slots of one at once.
    answer(all, 1, 5)
    assert.deepEqual([said().isDecided, said().missing], [true, 0])
    const last = members[Number(askers[5])]
    refuses(() => send('answer', [1 << 5, all], last), 'AlreadyDecided')
  })

  test('holders of rows that were not got lose their part of the batch, once', () => {
    const { data, query, answer, send, drawn, earned, pass } = openQuery()
    query()
    // The rows of whoever holds the first of them.
    const { holders } = drawn()
    const missing = holders[0] ?? 0n
    const got = holders.reduce(
      (bits, holder, row) => (holder === missing ? bits : bits | (1 << row)),
      0,
    )
    answer(got, 0, 5)
    refuses(() => send('settle', [[]]), 'TooEarly')
    pass()
    refuses(() => send('settle', [[0]]), 'AbsentUnknown')
    send('settle', [[]])
    const expected = members.map((_, member) => (BigInt(member) === missing ? 0n : 1_024n * part))
    assert.deepEqual(earned(), expected)
    assert.equal(data.read(data.entrance, 'treasury'), 1_024n * part)
    refuses(() => send('settle', [[]]), 'NothingToSettle')
  })

  test('whoever posts a row that was not got clears its holder', () => {
    const { query, answer, send, shown, earned, pass, said } = openQuery()
    query()
    refuses(() => send('clear', [shown(0)]), 'NotMissing')
    answer(all & ~3, 0, 5)
    assert.equal(said().missing, 3)
    const good = shown(0)
    refuses(() => send('clear', [shown(2)]), 'NotMissing')
    refuses(() => send('clear', [{ ...good, place: 16 }]), 'NotMissing')
    const bents = [
      { place: 1 },
      { row: toHex(rowOf(4_095)) },
      { row: `${good.row}00` },
      { siblings: good.siblings.slice(1) },
      { siblings: [...good.siblings, good.rowRoot] },
      { siblings: good.siblings.toReversed() },
      { rowRoot: good.combinationHash },
      { combinationHash: good.rowRoot },
    ]
    for (const bent of bents) refuses(() => send('clear', [{ ...good, ...bent }]), 'RowUnproven')
    send('clear', [good])
    refuses(() => send('clear', [good]), 'NotMissing')
    send('clear', [shown(1)])
    pass()
    refuses(() => send('clear', [good]), 'TooLate')
    send('settle', [[]])
    assert.deepEqual(
      earned(),
      members.map(() => 1_024n * part),
    )
  })

  test('who was absent lost its part before, and loses no more', () => {
    const { data, query, answer, send, earned, pass } = openQuery({ absent: [2] })
    query()
    answer(0, 0, 5)
    pass()
    refuses(() => send('settle', [[]]), 'AbsentUnknown')
    refuses(() => send('settle', [[1]]), 'AbsentUnknown')
    send('settle', [[2]])
    assert.equal(earned()[2], 0n)
    const treasury = data.read(data.entrance, 'treasury') as bigint
    const left = earned().reduce((sum, own) => sum + own, 0n)
    assert.equal(treasury + left, 4_096n * part)
  })

  test('when rewards are settled, a query changes nothing any more', () => {
    const { data, query, answer, send, earned, pass } = openQuery()
    query()
    answer(0, 0, 5)
    pass()
    data.passEpochs(3)
    refuses(() => send('settle', [[]]), 'TooLate')
    assert.deepEqual(
      earned(),
      members.map(() => 1_024n * part),
    )
  })
})
