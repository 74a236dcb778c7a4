import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { blsSecretKeyFromSeed, fromHex, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { drawOf } from '../testing/data-draw.ts'
import { fillPlaces } from '../testing/data-gas.ts'
import { dataOperator, DataWorld, shiftOf, testBatch } from '../testing/data-world.ts'
import { refuses } from '../testing/refuses.ts'
import type { TestOperator } from '../testing/stake-world.ts'

const quorumCount = 4
const operators = Array.from({ length: 8 }, (_, index) => dataOperator(index))
const votes = operators.map((_, index) => 200n + BigInt(index * 37))
const quorums = Array.from({ length: quorumCount }, (_, quorum) => quorum)

/** How many places there are: all are members, or 512 tickets are drawn of them. */
const placeCounts = [8, 600]
type Setup = {
  readonly placeCount: number
  readonly keyOf?: (operator: TestOperator) => TestOperator
}

/** The operators stand in the first places; the votes of others rise and fall. */
function openWorld({ placeCount, keyOf = (operator) => operator }: Setup): DataWorld {
  const data = new DataWorld({ quorumCount })
  const votesOf = (place: number): bigint => votes[place] ?? 100n + BigInt((place * place) % 977)
  const own = operators.map(keyOf)
  if (placeCount > own.length) {
    fillPlaces(data, placeCount, votesOf, { operators: own, areChanging: false })
  } else data.settle(own, votes)
  return data
}

/** All quorums of an epoch, as anyone draws them. */
function drawsOf(data: DataWorld, epoch: number) {
  const { rowCount } = data
  const [all, seed] = [data.votesIn(epoch), data.seedOf(epoch)]
  return quorums.map((quorum) => {
    return { ...drawOf(all, { seed, quorum, rowCount }), shift: shiftOf(seed, quorum, rowCount) }
  })
}

/** Has DataSigners write them down, which it must as they were drawn; returns what it has. */
function opensAs(data: DataWorld, epoch: number, draws: ReturnType<typeof drawsOf>) {
  return draws.map(({ places, slots }, quorum) => {
    data.open(epoch, quorum, slots)
    const written = data.read(data.signers, 'quorumOf', epoch, quorum)
    assert.deepEqual(written, [places, slots])
    return written
  })
}

/**
 * Whatever is done in an epoch, by whoever knows its seed and the next one's: what was drawn of
 * both before is drawn after, and DataSigners writes that down.
 */
function changesNothing(placeCount: number, attack: (data: DataWorld) => void): void {
  const data = openWorld({ placeCount })
  const { epoch } = data
  const before = [epoch, epoch + 1].map((each) => drawsOf(data, each))
  // Of 600 places tickets are drawn, of eight nobody is left out.
  const { places } = before[0]![0]!
  assert.equal(places.length === placeCount, placeCount <= 512)
  // What it is done for has no seed yet.
  refuses(() => data.seedOf(epoch + 2), 'EpochUnknown')
  attack(data)
  assert.equal(data.epoch, epoch)
  assert.deepEqual(
    [epoch, epoch + 1].map((each) => drawsOf(data, each)),
    before,
  )
  opensAs(data, epoch, before[0]!)
  data.passEpochs(1)
  assert.deepEqual(drawsOf(data, epoch + 1), before[1])
  opensAs(data, epoch + 1, before[1]!)
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

for (const placeCount of placeCounts) {
  describe(`DataSigners: the draw of ${placeCount} is not bent once its seed is known`, () => {
    const unmoved = (attack: (data: DataWorld) => void): void => changesNothing(placeCount, attack)
    test('by grinding keys: whatever keys operators have, the draw is the same', () => {
      const data = openWorld({ placeCount })
      const ground = openWorld({
        placeCount,
        keyOf: ({ address }) => {
          return { address, secretKey: blsSecretKeyFromSeed(keccak256(fromHex(address))) }
        },
      })
      for (const epoch of [data.epoch, data.epoch + 1]) {
        const draws = drawsOf(data, epoch)
        assert.deepEqual(drawsOf(ground, epoch), draws)
        assert.deepEqual(opensAs(ground, epoch, draws), opensAs(data, epoch, draws))
      }
      assert.notDeepEqual(
        ground.read(ground.signers, 'memberKeys', data.epoch, 0),
        data.read(data.signers, 'memberKeys', data.epoch, 0),
      )
      // Nor by keys that come while the seed is known: each takes an account, a bond and a place.
      unmoved((world) => {
        for (let index = 0; index < 6; index++) enter(world, stranger(index), 100n)
      })
    })

    test('by registering late, with however much', () => {
      unmoved((data) => enter(data, stranger(0), 1_000_000n))
      unmoved((data) => {
        // In the place of one who leaves, too.
        data.send(data.signers, 'retire', [], { from: operators[3]!.address })
        data.register(stranger(0))
        data.bond(stranger(0), 5_000n)
        refuses(() => data.join(stranger(0), 3), 'PlaceTaken')
        data.join(stranger(0), placeCount)
      })
    })

    test('by moving stake: more, less, out, to others, or shown to be gone', () => {
      const unbond = (data: DataWorld, index: number, amount: bigint) =>
        data.send(data.stake, 'unbond', [amount], { from: operators[index]!.address })
      unmoved((data) => {
        data.bond(operators[0]!, 10_000n)
        data.join(operators[0]!, 0)
      })
      unmoved((data) => {
        unbond(data, 1, votes[1]! - 100n)
        data.join(operators[1]!, 1)
      })
      unmoved((data) => {
        data.send(data.signers, 'retire', [], { from: operators[2]!.address })
      })
      unmoved((data) => {
        unbond(data, 4, votes[4]!)
        enter(data, stranger(0), votes[4]!)
      })
      // Stake that left two epochs ago, and is shown to have when the seed is known.
      const data = openWorld({ placeCount })
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
      unmoved((data) => {
        data.send(data.signers, 'setQuorums', [1])
        data.send(data.signers, 'setVotesMin', [10_000n])
      })
    })
  })
}

describe('DataEntrance: who disperses chooses among the quorums that are drawn, and no more', () => {
  const disperser: Hex = toHex(new Uint8Array(20).fill(0xd1))

  test('bytes decide nothing: a name has one quorum, whatever is committed to', () => {
    const data = openWorld({ placeCount: operators.length })
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
    const data = openWorld({ placeCount: operators.length })
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
    const data = openWorld({ placeCount: operators.length })
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
