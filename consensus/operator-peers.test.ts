import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Network, PeerId } from '@zg/runtime'

import { viewWithoutL1 } from './l1-view.ts'
import type { L1View } from './l1-view.ts'
import { keyEpochsKept, OperatorPeers } from './operator-peers.ts'
import { seatIn, signerIn } from './seat.ts'
import { keyedHashScheme } from './signature-scheme.ts'
import { localSigner } from './signer.ts'
import { entryOf, secretKeyOf } from './testing/world.ts'
import { peerIdOf, validatorSet } from './validator-set.ts'
import type { ValidatorSet } from './validator-set.ts'

const scheme = keyedHashScheme()
const [first, second] = [entryOf(scheme, 0), entryOf(scheme, 1)]
const renewed = { ...first, publicKey: scheme.publicKeyOf(secretKeyOf(10)) }
const [oldKey, newKey, otherKey] = [first, renewed, second].map(({ publicKey }) =>
  peerIdOf(publicKey),
) as [PeerId, PeerId, PeerId]

function peersOver(sets: ReadonlyMap<bigint, ValidatorSet>, connected: readonly PeerId[]) {
  const l1View: L1View = {
    ...viewWithoutL1(validatorSet(0n, [first])),
    validatorSet: (epoch) => sets.get(epoch),
  }
  const network = { peers: () => connected } as unknown as Network
  return new OperatorPeers(network, l1View)
}

const sets = new Map([
  [4n, validatorSet(4n, [first, second])],
  [5n, validatorSet(5n, [renewed, second])],
])

test('OperatorPeers: a connection keeps its operator when the key in the set changes', () => {
  const peers = peersOver(sets, [oldKey, otherKey])
  peers.learn(4n)
  assert.equal(peers.nameIn(sets.get(4n)!, oldKey), oldKey)
  assert.equal(peers.nameIn(sets.get(5n)!, oldKey), newKey)
  assert.equal(peers.nameIn(sets.get(4n)!, newKey), oldKey)
  assert.equal(peers.nameIn(sets.get(5n)!, otherKey), otherKey)
  assert.equal(peers.connectionOf(newKey), oldKey)
  assert.equal(peers.connectionOf(oldKey), oldKey)
})

test('OperatorPeers: a key of no known set stands for itself alone', () => {
  const peers = peersOver(sets, [otherKey])
  assert.equal(peers.nameIn(sets.get(5n)!, oldKey), oldKey)
  peers.learn(4n)
  assert.equal(peers.nameIn(sets.get(5n)!, 'stranger'), 'stranger')
  assert.equal(peers.connectionOf('stranger'), 'stranger')
  assert.equal(peers.connectionOf(newKey), newKey)
})

test('OperatorPeers: keys of epochs long past are not learned', () => {
  const peers = peersOver(sets, [oldKey])
  peers.learn(4n + keyEpochsKept + 1n)
  assert.equal(peers.nameIn(sets.get(5n)!, oldKey), oldKey)
  peers.learn(4n + keyEpochsKept)
  assert.equal(peers.nameIn(sets.get(5n)!, oldKey), newKey)
})

test('seatIn: the key that stands in the set signs; none is no seat', () => {
  const signers = [0, 10].map((index) => localSigner(scheme, secretKeyOf(index)))
  assert.deepEqual(seatIn(sets.get(4n)!, signers), { index: 0, signer: signers[0] })
  assert.equal(signerIn(sets.get(5n)!, signers), signers[1])
  const stranger = [localSigner(scheme, secretKeyOf(7))]
  assert.equal(seatIn(sets.get(5n)!, stranger), undefined)
  assert.throws(() => signerIn(sets.get(5n)!, stranger))
})

test('viewWithoutL1: one set in one epoch, nothing to refer to, no credits', () => {
  const set = validatorSet(3n, [first])
  const view = viewWithoutL1(set)
  assert.equal(view.epochAt(1_900_000_000n), 3n)
  assert.equal(view.validatorSet(3n), set)
  assert.equal(view.validatorSet(4n), undefined)
  assert.equal(view.newestReference(), undefined)
  assert.deepEqual(view.credits(5n, 5n), [])
  assert.equal(view.credits(0n, 1n), undefined)
})
