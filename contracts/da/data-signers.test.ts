import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { blsPublicKeyOf, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { keyWords } from '../bls-words.ts'
import { measureDraw } from '../testing/data-gas.ts'
import { dataOperator, DataWorld, shiftOf } from '../testing/data-world.ts'
import { refuses } from '../testing/refuses.ts'
import type { TestOperator } from '../testing/stake-world.ts'
import { storageLayoutOf } from '../testing/storage-layout.ts'

const operators = [1, 2, 3, 4, 5].map(dataOperator)
const [alice, bob, carol, dave] = operators as [
  TestOperator,
  TestOperator,
  TestOperator,
  TestOperator,
]

/** Alice, bob and carol with 300, 200 and 100 gwei, from epoch 12 on. */
function openSigners() {
  const data = new DataWorld()
  data.settle([alice, bob, carol], [300n, 200n, 100n])
  const signer = (name: string, { address }: TestOperator, ...args: readonly unknown[]) =>
    data.send(data.signers, name, args, { from: address })
  const ask = (name: string, ...args: readonly unknown[]) => data.read(data.signers, name, ...args)
  const bonds = (name: string, { address }: TestOperator, ...args: readonly unknown[]) =>
    data.send(data.stake, name, args, { from: address })
  return { data, signer, ask, bonds }
}

describe('DataSigners: places', () => {
  test('who joins has the votes that it has staked, from the epoch after the next on', () => {
    const data = new DataWorld()
    data.register(alice)
    data.bond(alice, 300n)
    const { events } = data.join(alice, 0)
    assert.deepEqual(events[0]?.args, {
      place: 0,
      operator: events[0]?.args['operator'],
      fromEpoch: BigInt(data.epoch + 2),
      votes: 300n,
    })
    const ahead = [0, 1, 2].map((epochs) => data.votesIn(data.epoch + epochs)[0])
    assert.deepEqual(ahead, [0n, 0n, 300n])
    data.passEpochs(2)
    data.bond(alice, 50n)
    data.join(alice, 0)
    data.passEpochs(1)
    assert.deepEqual(
      [0, 1].map((epochs) => data.votesIn(data.epoch + epochs)[0]),
      [300n, 350n],
    )
  })

  test('a second change is refused while one is on its way', () => {
    const { data, signer } = openSigners()
    signer('retire', alice)
    refuses(() => data.join(alice, 0), 'ChangePending')
    data.passEpochs(1)
    refuses(() => data.join(alice, 0), 'ChangePending')
    data.passEpochs(1)
    data.join(alice, 0)
    refuses(() => signer('retire', alice), 'ChangePending')
  })

  test('places are taken one after the other, by who has enough, and one by each', () => {
    const { data, signer } = openSigners()
    data.register(dave)
    data.bond(dave, 99n)
    refuses(() => data.join(dave, 3), 'VotesTooFew')
    data.bond(dave, 1n)
    refuses(() => data.join(dave, 4), 'PlaceUnknown')
    refuses(() => data.join(dave, 2), 'PlaceTaken')
    refuses(() => signer('retire', dave), 'NotIn')
    data.join(dave, 3)
    refuses(() => data.join(alice, 4), 'StillIn')
    refuses(() => data.join(dave, 4), 'StillIn')
    assert.equal(data.read(data.signers, 'placeCount'), 4)
    const { address, abi } = data.signers
    const full = new DataWorld()
    full.world.setSlot(
      BigInt(address),
      storageLayoutOf('DataSigners').variables.get('placeCount')!,
      2_048n,
    )
    full.register(alice)
    full.bond(alice, 100n)
    assert.deepEqual([full.signers.address, full.signers.abi], [address, abi])
    refuses(() => full.join(alice, 2_048), 'PlaceUnknown')
  })

  test('a place is free when nobody has had votes in it since the epoch before this one', () => {
    const { data, signer, ask } = openSigners()
    data.register(dave)
    data.bond(dave, 100n)
    signer('retire', bob)
    refuses(() => signer('retire', bob), 'NotIn')
    for (let epoch = 0; epoch < 3; epoch++) {
      refuses(() => data.join(dave, 1), 'PlaceTaken')
      data.passEpochs(1)
    }
    data.join(dave, 1)
    // Bob is no longer there; he comes anew in another place, with the same key.
    refuses(() => data.join(bob, 1), 'PlaceTaken')
    data.join(bob, 3)
    const places = ask('placesOf', 0, 9) as readonly { operator: Hex; votes: object; key: object }[]
    const named = places.map(({ operator }) => operator.toLowerCase())
    assert.deepEqual(
      named,
      [alice, dave, carol, bob].map(({ address }) => address),
    )
    assert.deepEqual(places[3]?.key, keyWords(blsPublicKeyOf(bob.secretKey)))
    assert.deepEqual(ask('placesOf', 3, 9), places.slice(3))
    assert.deepEqual(ask('placesOf', 5, 2), [])
  })

  test('who left one place for another is not in the first again while it is in the second', () => {
    const { data, signer } = openSigners()
    signer('retire', bob)
    data.join(bob, 3)
    data.passEpochs(2)
    refuses(() => data.join(bob, 1), 'PlaceTaken')
    data.passEpochs(1)
    refuses(() => data.join(bob, 1), 'StillIn')
    data.bond(bob, 1n)
    data.join(bob, 3)
    data.passEpochs(2)
    assert.deepEqual(data.votesIn(data.epoch), [300n, 0n, 100n, 201n])
  })

  test('an address on the wire has 128 bytes at most, and is its own', () => {
    const { data, signer, ask } = openSigners()
    const url = toHex(new TextEncoder().encode('http://127.0.0.1:4001'))
    signer('setUrl', bob, url)
    signer('setUrl', alice, toHex(new Uint8Array(128)))
    refuses(() => signer('setUrl', alice, toHex(new Uint8Array(129))), 'UrlTooLong')
    const urls = (ask('placesOf', 0, 3) as readonly { url: Hex }[]).map((each) => each.url)
    assert.deepEqual(urls.slice(1), [url, '0x'])
    assert.equal(data.read(data.signers, 'placeCount'), 3)
  })
})

describe('DataSigners: contested places', () => {
  test('who has less than its place says signs for nothing, and is drawn no more', () => {
    const { data, ask, bonds } = openSigners()
    refuses(() => data.send(data.signers, 'contest', [1, '0x']), 'NothingToContest')
    refuses(() => data.send(data.signers, 'contest', [7, '0x']), 'NothingToContest')
    bonds('unbond', bob, 50n)
    // It weighs less from the epoch after the next on.
    refuses(() => data.send(data.signers, 'contest', [1, '0x']), 'NothingToContest')
    data.passEpochs(2)
    const { epoch } = data
    const drawn = [epoch, epoch + 1].map((each) => data.draw(each, 0))
    data.send(data.signers, 'contest', [1, '0x'])
    const contested = [-1, 0, 1, 2].map((epochs) => ask('isContested', 1, epoch + epochs))
    assert.deepEqual(contested, [false, true, true, false])
    assert.deepEqual(
      [epoch, epoch + 1].map((each) => data.draw(each, 0)),
      drawn,
    )
    assert.equal(data.votesIn(epoch + 2)[1], 0n)
    refuses(() => data.send(data.signers, 'contest', [1, '0x']), 'NothingToContest')
    // It comes anew, with what it has.
    data.join(bob, 3)
    data.passEpochs(2)
    assert.deepEqual(data.votesIn(data.epoch), [300n, 0n, 100n, 150n])
    refuses(() => data.send(data.signers, 'contest', [3, '0x']), 'NothingToContest')
  })

  test('who has a sixteenth less is not contested: others may take back what they staked', () => {
    const { data, bonds } = openSigners()
    bonds('unbond', bob, 12n)
    bonds('unbond', carol, 7n)
    data.passEpochs(2)
    refuses(() => data.send(data.signers, 'contest', [1, '0x']), 'NothingToContest')
    data.send(data.signers, 'contest', [2, '0x'])
  })

  test('while a change is on its way, no draw of this epoch or the next changes', () => {
    const { data, signer, bonds } = openSigners()
    bonds('unbond', bob, 50n)
    data.passEpochs(1)
    // Its votes end with the next epoch but one anyway.
    signer('retire', bob)
    data.passEpochs(1)
    const { epoch } = data
    assert.deepEqual([data.votesIn(epoch)[1], data.votesIn(epoch + 1)[1]], [200n, 0n])
    data.send(data.signers, 'contest', [1, '0x'])
    assert.deepEqual(
      [0, 1, 2].map((epochs) => data.votesIn(epoch + epochs)[1]),
      [200n, 0n, 0n],
    )
    data.open(epoch, 0)
    data.open(epoch + 1, 0)
    const [places] = data.read(data.signers, 'quorumOf', epoch + 1, 0) as [readonly number[]]
    assert.deepEqual(places, [0, 2])
  })
})

describe('DataSigners: quorums', () => {
  test('one of 2,048 places whose votes all change is opened by one transaction', () => {
    // EIP-7825.
    assert.ok((measureDraw()['data_open_of_2048_places_gas'] ?? Infinity) < 2 ** 24)
  })

  test('are opened by anyone, once, in their epoch or the one before it', () => {
    const { data, ask } = openSigners()
    const { epoch } = data
    const { slots } = data.draw(epoch, 0)
    refuses(() => data.open(epoch - 1, 0, slots), 'EpochUnexpected')
    refuses(() => data.open(epoch + 2, 0, slots), 'EpochUnexpected')
    refuses(() => data.open(epoch, 2, slots), 'QuorumUnknown')
    refuses(() => data.open(epoch, 0, [...slots].reverse()), 'SlotsInvalid')
    refuses(() => ask('quorumOf', epoch, 0), 'QuorumUnknown')
    data.open(epoch, 0)
    refuses(() => data.open(epoch, 0), 'AlreadyOpen')
    data.open(epoch + 1, 1)
    const [places, given] = ask('quorumOf', epoch, 0) as readonly (readonly number[])[]
    assert.deepEqual(places, [0, 1, 2])
    assert.deepEqual(given, slots)
    const keys = operators.slice(0, 3).map(({ secretKey }) => keyWords(blsPublicKeyOf(secretKey)))
    assert.deepEqual(ask('memberKeys', epoch, 0), keys)
    const [operator, own] = ask('memberOf', epoch, 0, 1) as [Hex, bigint]
    assert.deepEqual([operator.toLowerCase(), own], [bob.address, BigInt(slots[1] ?? 0)])
    refuses(() => ask('memberOf', epoch, 0, 3), 'MemberUnknown')
  })

  test('have no seed when nobody rolled, and nobody is drawn of none', () => {
    const { data, signer } = openSigners()
    for (const operator of [alice, bob, carol]) signer('retire', operator)
    data.passEpochs(1)
    data.world.advance(data.epochSeconds)
    refuses(() => data.open(data.epoch, 0, []), 'NobodyActive')
    refuses(() => data.open(data.epoch + 1, 0, []), 'EpochUnknown')
  })

  test('rows are with members in order of places, from the shift on', () => {
    const { data, ask } = openSigners()
    const { epoch, rowCount } = data
    data.open(epoch, 1)
    const { slots } = data.draw(epoch, 1)
    const shift = shiftOf(data.seedOf(epoch), 1, rowCount)
    const owners = slots.flatMap((own, member) => Array.from({ length: own }, () => member))
    const some = [0, 1, 2_000, 2_730, 2_731, 3_500, 4_095]
    const rows = some.map((slot) => (slot + shift) % rowCount)
    assert.deepEqual(
      ask('rowHoldersOf', epoch, 1, rows),
      some.map((slot) => BigInt(owners[slot] ?? -1)),
    )
  })

  test('how many there are is set by governance, with notice', () => {
    const { data, ask, signer } = openSigners()
    refuses(() => signer('setQuorums', alice, 3), 'NotGovernance')
    refuses(() => signer('setVotesMin', alice, 3), 'NotGovernance')
    const set = (count: number) => data.send(data.signers, 'setQuorums', [count])
    refuses(() => set(0), 'BeyondMost')
    refuses(() => set(65), 'BeyondMost')
    set(3)
    refuses(() => set(4), 'ChangePending')
    const counts = [0, 1, 2].map((epochs) => ask('quorumCountOf', data.epoch + epochs))
    assert.deepEqual(counts, [2n, 2n, 3n])
    data.send(data.signers, 'setVotesMin', [301n])
    refuses(() => data.join(alice, 0), 'VotesTooFew')
  })

  test('a bitmap has a bit for each member and no other; who is contested counts as absent', () => {
    const { data, ask, bonds } = openSigners()
    bonds('unbond', bob, 50n)
    data.passEpochs(2)
    const { epoch } = data
    data.open(epoch, 0)
    const { slots } = data.draw(epoch, 0)
    type Sum = readonly [key: object, slots: bigint, absent: readonly bigint[]]
    const sum = (bitmap: Hex) => ask('sumOf', epoch, 0, bitmap) as Sum
    for (const bitmap of ['0x', '0x0700', '0x0f', '0x80', '0xff'] as const) {
      refuses(() => sum(bitmap), 'SignersInvalid')
    }
    refuses(() => ask('sumOf', epoch, 1, '0x07'), 'QuorumUnknown')
    const [all, count] = sum('0x07')
    assert.equal(count, 4_096n)
    const [one, alone, absent] = sum('0x02')
    assert.deepEqual(one, keyWords(blsPublicKeyOf(bob.secretKey)))
    assert.deepEqual([alone, absent], [BigInt(slots[1] ?? 0), [0n, 2n]])
    data.send(data.signers, 'contest', [1, '0x'])
    // Its key is in what it signed, so a sum that holds its signature stays good.
    assert.deepEqual(sum('0x07'), [all, 4_096n - alone, [1n]])
    assert.deepEqual(sum('0x02'), [one, 0n, [0n, 1n, 2n]])
  })
})
