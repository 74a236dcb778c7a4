import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { artifactOf } from '@zg/contracts'
import { ContractRevertError } from '@zg/contracts/testing'
import { fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import fc from 'fast-check'
import { toFunctionSelector, toFunctionSignature } from 'viem'
import type { Abi, AbiFunction } from 'viem'

import { FacadeWorld } from '../testing/facade-world.ts'
import type { FacadeOperator } from '../testing/facade-world.ts'
import { holderOf } from '../batch/quorum.ts'
import { bn254Sign, sumOfG1, sumOfG2 } from './bn254.ts'
import type { G1Point, G2Point } from './bn254.ts'
import { registrationDigest } from './messages.ts'
import { rowBitmap } from './submission.ts'

/** Alice, bob, carol and dave with 400, 300, 200 and 100 gwei; the last one signs nothing. */
function openFacade({ rowCount = 4_096 } = {}) {
  const facade = new FacadeWorld({ rowCount })
  const operators = facade.operators(4) as readonly [
    FacadeOperator,
    FacadeOperator,
    FacadeOperator,
    FacadeOperator,
  ]
  facade.settle(operators, [400n, 300n, 200n, 100n], { without: [operators[3]] })
  const { data } = facade
  return { facade, data, operators, epoch: data.epoch }
}

function refuses(act: () => unknown, errorName: string): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof ContractRevertError, String(error))
    assert.equal(error.errorName, errorName)
    return true
  })
}

const lower = (addresses: readonly Hex[]): readonly string[] =>
  addresses.map((address) => address.toLowerCase())

type Sum = readonly [key: G1Point, total: bigint, hit: bigint]

describe('DASigners: 0G’s ABI', () => {
  test('has every function of both of 0G’s ABIs, by selector', () => {
    const g1 = '(uint256,uint256)'
    const g2 = '(uint256[2],uint256[2])'
    const expected = [
      'params()',
      'epochNumber()',
      'quorumCount(uint256)',
      'isSigner(address)',
      'getSigner(address[])',
      'getQuorum(uint256,uint256)',
      'getQuorumRow(uint256,uint256,uint32)',
      `registerSigner((address,string,${g1},${g2}),${g1})`,
      'updateSocket(string)',
      'registeredEpoch(address,uint256)',
      `registerNextEpoch(address,${g1},uint256)`,
      `registerNextEpoch(${g1})`,
      'makeEpoch()',
      'getAggPkG1(uint256,uint256,bytes)',
    ]
    assert.deepEqual(missingOf('DASigners', expected), [])
  })

  test('params tell what holds here: all rows may be one signer’s, epochs are of time', () => {
    const { facade, data } = openFacade({ rowCount: 3_072 })
    assert.deepEqual(facade.ask('params'), {
      tokensPerVote: 0n,
      maxVotesPerSigner: 3_072n,
      maxQuorums: 64n,
      epochBlocks: 0n,
      encodedSlices: 3_072n,
    })
    assert.equal(facade.ask('epochNumber'), BigInt(data.epoch))
    const counts = [data.epoch, data.epoch + 1, 2n ** 64n].map((at) =>
      facade.ask('quorumCount', at),
    )
    assert.deepEqual(counts, [1n, 0n, 0n])
    // There is nothing to make.
    facade.send('makeEpoch', [], facade.operators(1)[0]!.address)
  })
})

describe('DASigners: signers', () => {
  test('who has a place brings a key once, and says where it is found', () => {
    const facade = new FacadeWorld()
    const [alice, bob] = facade.operators(2) as [FacadeOperator, FacadeOperator]
    refuses(() => facade.register(alice), 'NotIn')
    refuses(() => facade.registerNext(alice), 'NotASigner')
    refuses(() => facade.send('updateSocket', ['x'], alice.address), 'NotASigner')
    facade.data.settle([alice], [300n])
    const { events } = facade.register(alice)
    const { pkG1, pkG2 } = alice.bn254
    assert.deepEqual(events[0]?.args, { signer: events[0]?.args['signer'], pkG1, pkG2 })
    assert.deepEqual(
      events.map(({ name }) => name),
      ['NewSigner', 'SocketUpdated'],
    )
    refuses(() => facade.register(alice), 'AlreadyRegistered')
    facade.send('updateSocket', ['there:1'], alice.address)
    refuses(() => facade.send('updateSocket', ['x'.repeat(129)], alice.address), 'UrlTooLong')
    const found = facade.ask('getSigner', [alice.address, bob.address]) as readonly {
      readonly signer: Hex
      readonly socket: string
      readonly pkG1: G1Point
    }[]
    assert.deepEqual(lower(found.map(({ signer }) => signer)), [alice.address, bob.address])
    assert.deepEqual(
      found.map(({ socket }) => socket),
      ['there:1', ''],
    )
    assert.deepEqual(
      found.map((each) => each.pkG1),
      [pkG1, { X: 0n, Y: 0n }],
    )
    const are = [alice, bob].map(({ address }) => facade.ask('isSigner', address))
    assert.deepEqual(are, [true, false])
  })

  test('no key is taken of who does not hold it, and none whose parts are of two secrets', () => {
    const facade = new FacadeWorld()
    const [alice, bob] = facade.operators(2) as [FacadeOperator, FacadeOperator]
    facade.data.settle([alice, bob], [300n, 200n])
    const bends: readonly Partial<FacadeOperator['bn254']>[] = [
      // A forged G2 key, another's keys, a rogue key made of another's, infinity, no point.
      { pkG2: alice.bn254.pkG2 },
      { pkG1: alice.bn254.pkG1 },
      { pkG1: alice.bn254.pkG1, pkG2: alice.bn254.pkG2 },
      rogueOf(bob, alice),
      { pkG1: { X: 1n, Y: 1n } },
      { pkG2: { X: [0n, 0n], Y: [0n, 0n] } },
      { pkG2: { X: [1n, 1n], Y: [1n, 1n] } },
    ]
    const own = facade.possession(bob)
    for (const bend of bends) {
      const bent = { ...bob, bn254: { ...bob.bn254, ...bend } }
      refuses(() => facade.register(bent, { signature: own }), 'SignatureInvalid')
    }
    const empty = { X: 0n, Y: 0n }
    const nothing = { pkG1: empty, pkG2: { X: [0n, 0n], Y: [0n, 0n] } as const }
    const bare = { ...bob, bn254: { ...bob.bn254, ...nothing } }
    refuses(() => facade.register(bare, { signature: empty }), 'KeyInvalid')
    // For another signer, for another chain, by another key.
    const { secret } = bob.bn254
    const wrong = [
      bn254Sign(secret, registrationDigest(fromHex(alice.address), facade.chainId)),
      bn254Sign(secret, registrationDigest(fromHex(bob.address), facade.chainId + 1n)),
      facade.possession(alice),
      { X: 1n, Y: 3n },
    ]
    for (const signature of wrong) {
      refuses(() => facade.register(bob, { signature }), 'SignatureInvalid')
    }
    const detail = { signer: alice.address, socket: '', ...nothing }
    refuses(() => facade.send('registerSigner', [detail, own], bob.address), 'NotTheSigner')
    facade.register(bob)
  })

  test('who registers signs in the next epoch, by either ABI, once, with its own signature', () => {
    const { facade, data, operators } = openFacade()
    const [alice, bob, carol] = operators
    const { epoch } = data
    const registered = (at: number) =>
      operators.map(({ address }) => facade.ask('registeredEpoch', address, at))
    assert.deepEqual(registered(epoch), [true, true, true, false])
    facade.registerNext(alice)
    refuses(() => facade.registerNext(alice), 'AlreadyRegistered')
    const signature = facade.epochSignature(bob)
    const long = (operator: FacadeOperator, from = operator.address, own = signature) =>
      facade.send('registerNextEpoch', [operator.address, own, 2n ** 200n], from)
    refuses(() => long(bob, carol.address), 'NotTheSigner')
    refuses(() => long(bob, bob.address, facade.epochSignature(bob, epoch)), 'SignatureInvalid')
    refuses(() => long(carol), 'SignatureInvalid')
    long(bob)
    assert.deepEqual(registered(epoch + 1), [true, true, false, false])
  })
})

describe('DASigners: quorums', () => {
  for (const rowCount of [4_096, 3_072]) {
    test(`rows are with who DataSigners drew, row by row, of ${rowCount}`, () => {
      const { facade, operators, epoch } = openFacade({ rowCount })
      const quorum = facade.quorumAt(0)
      const expected = Array.from({ length: rowCount }, (_, row) => {
        return operators[holderOf(quorum, row)]!.address
      })
      assert.deepEqual(lower(facade.ask('getQuorum', epoch, 0) as readonly Hex[]), expected)
      const some = [0, 1, 1_000, rowCount - 1]
      const rows = some.map((row) => facade.ask('getQuorumRow', epoch, 0, row) as Hex)
      assert.deepEqual(
        lower(rows),
        some.map((row) => expected[row]),
      )
      refuses(() => facade.ask('getQuorumRow', epoch, 0, rowCount), 'RowUnknown')
      refuses(() => facade.ask('getQuorum', epoch, 1), 'QuorumUnknown')
      refuses(() => facade.ask('getQuorum', epoch + 1, 0), 'QuorumUnknown')
      refuses(() => facade.ask('getQuorum', 2n ** 64n + BigInt(epoch), 0), 'QuorumUnknown')
      refuses(() => facade.ask('getQuorum', epoch, 2n ** 32n), 'QuorumUnknown')
    })

    test(`a bitmap of ${rowCount} rows counts rows, and each signer’s key once`, () => {
      const { facade, operators, epoch } = openFacade({ rowCount })
      const quorum = facade.quorumAt(0)
      const sum = (bitmap: Uint8Array) => facade.ask('getAggPkG1', epoch, 0, toHex(bitmap)) as Sum
      const slots = quorum.members.map((member) => member.slots)
      const keys = operators.map(({ bn254 }) => bn254.pkG1)
      for (const members of [[], [0], [1, 2], [0, 1, 2]]) {
        const rows = members.reduce((all, member) => all + slots[member]!, 0)
        assert.deepEqual(sum(rowBitmap(quorum, members)), [
          sumOfG1(members.map((member) => keys[member]!)),
          BigInt(rowCount),
          BigInt(rows),
        ])
      }
      // One that did not register holds its rows, and cannot sign for them.
      const all = rowBitmap(quorum, [0, 1, 2, 3])
      const three = slots.slice(0, 3).reduce((rows, own) => rows + own, 0)
      assert.deepEqual(sum(all), [sumOfG1(keys.slice(0, 3)), BigInt(rowCount), BigInt(three)])
      // A single row counts as one, with its holder's whole key.
      const single = new Uint8Array(rowCount / 8)
      const row = Array.from({ length: rowCount }, (_, at) => at).findLast((at) => {
        return holderOf(quorum, at) === 1
      })!
      single[row >> 3] = 1 << (row & 7)
      assert.deepEqual(sum(single), [keys[1], BigInt(rowCount), 1n])
      for (const size of [0, rowCount / 8 - 1, rowCount / 8 + 1]) {
        refuses(() => sum(new Uint8Array(size)), 'BitmapInvalid')
      }
    })
  }

  for (const rowCount of [1_030, 4_096]) {
    test(`any bitmap of ${rowCount} rows counts what is counted one by one`, () => {
      const { facade, operators, epoch } = openFacade({ rowCount })
      const quorum = facade.quorumAt(0)
      const holders = Array.from({ length: rowCount }, (_, row) => holderOf(quorum, row))
      const sizes = { minLength: Math.ceil(rowCount / 8), maxLength: Math.ceil(rowCount / 8) }
      const bytes = fc.oneof(fc.constantFrom(0, 0xff), fc.integer({ min: 0, max: 0xff }))
      const bitmaps = fc.array(bytes, sizes).map((found) => Uint8Array.from(found))
      fc.assert(
        fc.property(bitmaps, (bitmap) => {
          if (rowCount % 8 !== 0) bitmap[bitmap.length - 1]! &= (1 << (rowCount % 8)) - 1
          const rows = holders.flatMap((holder, row) => {
            return (bitmap[row >> 3]! >> (row & 7)) & 1 && holder < 3 ? [holder] : []
          })
          const keys = [...new Set(rows)].map((holder) => operators[holder]!.bn254.pkG1)
          const found = facade.ask('getAggPkG1', epoch, 0, toHex(bitmap)) as Sum
          assert.deepEqual(found, [sumOfG1(keys), BigInt(rowCount), BigInt(rows.length)])
        }),
        { numRuns: 40, seed: rowCount },
      )
    })
  }

  test('of rows that fill no byte, a bit beyond the last is refused', () => {
    const { facade, epoch } = openFacade({ rowCount: 1_030 })
    const bitmap = new Uint8Array(129)
    const sum = () => facade.ask('getAggPkG1', epoch, 0, toHex(bitmap)) as Sum
    assert.equal(sum()[2], 0n)
    bitmap.fill(0xff)
    refuses(sum, 'BitmapInvalid')
    bitmap[128] = 0x40
    refuses(sum, 'BitmapInvalid')
    bitmap[128] = 0x3f
    assert.deepEqual(sum()[1], 1_030n)
  })

  test('who is contested is in the sum, and its rows count for nothing', () => {
    const { facade, data, operators } = openFacade()
    data.send(data.stake, 'unbond', [200n], { from: operators[0].address })
    data.passEpochs(1)
    for (const operator of operators) facade.registerNext(operator)
    data.passEpochs(1)
    data.openAll()
    const quorum = facade.quorumAt(0)
    const bitmap = toHex(rowBitmap(quorum, [0, 1]))
    const before = facade.ask('getAggPkG1', data.epoch, 0, bitmap) as Sum
    data.send(data.signers, 'contest', [0, '0x'])
    const [key, total, hit] = facade.ask('getAggPkG1', data.epoch, 0, bitmap) as Sum
    assert.deepEqual([key, total], [before[0], before[1]])
    assert.equal(hit, BigInt(quorum.members[1]!.slots))
  })
})

/** Signatures of functions that an artifact does not have. */
function missingOf(name: 'DASigners' | 'DAEntrance', expected: readonly string[]) {
  const functions = (artifactOf(name).abi as Abi).filter((item) => item.type === 'function')
  const found = new Set(functions.map((item: AbiFunction) => toFunctionSelector(item)))
  assert.equal(new Set(functions.map(toFunctionSignature)).size, functions.length)
  return expected.filter((signature) => !found.has(toFunctionSelector(signature)))
}

/** A key that, added to the other's, leaves one that only its owner knows. */
function rogueOf(own: FacadeOperator, other: FacadeOperator): { pkG1: G1Point; pkG2: G2Point } {
  const prime = 21888242871839275222246405745257275088696311157297823662689037894645226208583n
  const { pkG1, pkG2 } = other.bn254
  const minus = (number: bigint): bigint => (prime - number) % prime
  const [c1, c0] = pkG2.Y
  return {
    pkG1: sumOfG1([own.bn254.pkG1, { X: pkG1.X, Y: minus(pkG1.Y) }]),
    pkG2: sumOfG2([own.bn254.pkG2, { X: pkG2.X, Y: [minus(c1), minus(c0)] }]),
  }
}
