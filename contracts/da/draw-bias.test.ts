import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { blsSecretKeyFromSeed, fromHex, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { dataOperator, DataWorld, shiftOf, testBatch } from '../testing/data-world.ts'
import { refuses } from '../testing/refuses.ts'
import type { TestOperator } from '../testing/stake-world.ts'

const quorumCount = 4
const operators = Array.from({ length: 8 }, (_, index) => dataOperator(index))
const votes = operators.map((_, index) => 200n + BigInt(index * 37))
const quorums = Array.from({ length: quorumCount }, (_, quorum) => quorum)

function openWorld(keyOf = (operator: TestOperator): TestOperator => operator): DataWorld {
  const data = new DataWorld({ quorumCount })
  data.settle(operators.map(keyOf), votes)
  return data
}

/** All quorums of an epoch. */
function drawsOf(data: DataWorld, epoch: number) {
  const shift = (quorum: number): number => shiftOf(data.seedOf(epoch), quorum, data.rowCount)
  return quorums.map((quorum) => ({ ...data.draw(epoch, quorum), shift: shift(quorum) }))
}

/**
 * Whatever is done in an epoch, by whoever knows its seed and the next one's: what was drawn of
 * both before is drawn after, and DataSigners writes that down.
 */
function changesNothing(attack: (data: DataWorld) => void): void {
  const data = openWorld()
  const { epoch } = data
  const before = [epoch, epoch + 1].map((each) => drawsOf(data, each))
  // What it is done for has no seed yet.
  refuses(() => data.seedOf(epoch + 2), 'EpochUnknown')
  attack(data)
  assert.equal(data.epoch, epoch)
  assert.deepEqual(
    [epoch, epoch + 1].map((each) => drawsOf(data, each)),
    before,
  )
  const opens = (each: number, index: number): void => {
    for (const quorum of quorums) {
      const { places, slots } = before[index]![quorum]!
      data.open(each, quorum, slots)
      assert.deepEqual(data.read(data.signers, 'quorumOf', each, quorum), [places, slots])
    }
  }
  opens(epoch, 0)
  data.passEpochs(1)
  assert.deepEqual(drawsOf(data, epoch + 1), before[1])
  opens(epoch + 1, 1)
}

/** An operator at an address of somebody's own making. */
function stranger(index: number): TestOperator {
  return dataOperator(1_000 + index)
}

function enter(data: DataWorld, operator: TestOperator, own: bigint): void {
  data.register(operator)
  data.bond(operator, own)
  data.join(operator, Number(data.read(data.signers, 'placeCount')))
}

describe('DataSigners: the draw is not bent once its seed is known', () => {
  test('by grinding keys: whatever keys operators have, the draw is the same', () => {
    const data = openWorld()
    const ground = openWorld((operator) => ({
      address: operator.address,
      secretKey: blsSecretKeyFromSeed(keccak256(fromHex(operator.address))),
    }))
    for (const epoch of [data.epoch, data.epoch + 1]) {
      assert.deepEqual(drawsOf(ground, epoch), drawsOf(data, epoch))
    }
    // Nor by keys that come while the seed is known: each takes an account, a bond and a place.
    changesNothing((world) => {
      for (let index = 0; index < 6; index++) enter(world, stranger(index), 100n)
    })
  })

  test('by registering late, with however much', () => {
    changesNothing((data) => enter(data, stranger(0), 1_000_000n))
    changesNothing((data) => {
      // In the place of one who leaves, too.
      data.send(data.signers, 'retire', [], { from: operators[3]!.address })
      data.register(stranger(0))
      data.bond(stranger(0), 5_000n)
      refuses(() => data.join(stranger(0), 3), 'PlaceTaken')
      data.join(stranger(0), 8)
    })
  })

  test('by moving stake: more, less, out, to others, or shown to be gone', () => {
    const unbond = (data: DataWorld, index: number, amount: bigint) =>
      data.send(data.stake, 'unbond', [amount], { from: operators[index]!.address })
    changesNothing((data) => {
      data.bond(operators[0]!, 10_000n)
      data.join(operators[0]!, 0)
    })
    changesNothing((data) => {
      unbond(data, 1, votes[1]! - 100n)
      data.join(operators[1]!, 1)
    })
    changesNothing((data) => {
      data.send(data.signers, 'retire', [], { from: operators[2]!.address })
    })
    changesNothing((data) => {
      unbond(data, 4, votes[4]!)
      enter(data, stranger(0), votes[4]!)
    })
    // Stake that left two epochs ago, and is shown to have when the seed is known.
    const data = openWorld()
    unbond(data, 5, 150n)
    data.passEpochs(2)
    const { epoch } = data
    const before = [epoch, epoch + 1].map((each) => drawsOf(data, each))
    data.send(data.signers, 'contest', [5, '0x'])
    assert.deepEqual(
      [epoch, epoch + 1].map((each) => drawsOf(data, each)),
      before,
    )
  })

  test('by the settings of governance', () => {
    changesNothing((data) => {
      data.send(data.signers, 'setQuorums', [1])
      data.send(data.signers, 'setVotesMin', [10_000n])
    })
  })
})

describe('DataEntrance: who disperses chooses among the quorums that are drawn, and no more', () => {
  const disperser: Hex = toHex(new Uint8Array(20).fill(0xd1))

  test('bytes decide nothing: a name has one quorum, whatever is committed to', () => {
    const data = openWorld()
    const { epoch } = data
    data.deposit(disperser, 10n ** 15n)
    data.passEpochs(2)
    const later = data.epoch
    assert.equal(later, epoch + 2)
    data.openAll()
    for (let fill = 0; fill < 3; fill++) {
      const rowRoot = keccak256(Uint8Array.of(fill))
      const batch = testBatch({ epoch: later, disperser, sequence: fill, rowRoot, rowSize: 64 })
      const named = data.quorumFor(testBatch({ epoch: later, disperser, sequence: fill }))
      const { events } = data.certify(data.certificate(batch, { members: operators }))
      assert.equal(events.find(({ name }) => name === 'Recorded')?.args['quorum'], named)
      // The same bytes signed for another quorum are no certificate of this one.
      const other = { ...batch, sequence: 100 + fill }
      const elsewhere = (data.quorumFor(other) + 1) % quorumCount
      const bent = data.certificate(other, { members: operators, vote: { quorum: elsewhere } })
      refuses(() => data.certify(bent), 'CertificateInvalid')
    }
  })

  test('sequences lead to Q draws, however many are let pass, each as often as the others', () => {
    const data = openWorld()
    const { epoch } = data
    const found = quorums.map(() => 0)
    const sequences = 400
    for (let sequence = 0; sequence < sequences; sequence++) {
      const quorum = data.quorumFor(testBatch({ epoch, disperser, sequence }))
      found[quorum]!++
    }
    // Five deviations of a fair die with four sides.
    const bound = 5 * Math.sqrt((sequences * 3) / 16)
    for (const count of found) assert.ok(Math.abs(count - sequences / 4) < bound, found.join())
  })

  test('addresses ground for a quorum are too young to pay for a batch', () => {
    const data = openWorld()
    const { epoch } = data
    data.openAll(epoch)
    data.openAll(epoch + 1)
    const wanted = 2
    const ground = Array.from({ length: 64 }, (_, index): Hex => {
      return toHex(keccak256(Uint8Array.of(index)).slice(12))
    })
    for (const each of [epoch, epoch + 1]) {
      const found = ground.find((own) => {
        return data.quorumFor(testBatch({ epoch: each, disperser: own })) === wanted
      })!
      data.deposit(found, 10n ** 15n)
      const batch = testBatch({ epoch: each, disperser: found })
      const certificate = data.certificate(batch, { members: operators })
      if (each > epoch) data.passEpochs(1)
      refuses(() => data.certify(certificate), 'EscrowTooYoung')
    }
  })
})
