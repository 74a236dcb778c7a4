import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { L1Reference, RoundVote } from '@zg/consensus'
import { testOperator } from '@zg/contracts/testing'
import type { L1World, TestOperator } from '@zg/contracts/testing'
import { bigintToBytes, blsPublicKeyOf, bytesEqual, toHex } from '@zg/primitives'
import { createSeededRng, SimulatedClock } from '@zg/runtime'

import { L1Follower } from './l1-follower.ts'
import { layout, mappingSlot } from './l1-layout.ts'
import { all, networkId, openWorld } from './testing/follower-world.ts'
import type { SimulatedL1Endpoint } from './testing/simulated-l1-endpoint.ts'

const ether = 10n ** 18n

/** What the contracts' own views say of a set. */
function setByViews(l1: L1World, epoch: number) {
  const members = l1.read(l1.networks, 'membersOf', networkId) as readonly `0x${string}`[]
  return members.flatMap((address) => {
    const isIn = l1.read(l1.networks, 'isMember', networkId, address, epoch)
    const stake = l1.read(l1.operators, 'weightAt', address, epoch) as bigint
    if (isIn !== true || stake === 0n) return []
    const { a } = l1.read(l1.operators, 'keyAt', address, epoch) as { a: string }
    return [{ operator: address.toLowerCase(), stake, keyHead: a.slice(4) }]
  })
}

function setBySlots(follower: L1Follower, epoch: number) {
  const set = follower.validatorSet(BigInt(epoch))
  return set?.validators.map(({ operator, stake, publicKey }) => ({
    operator: toHex(operator),
    stake,
    keyHead: toHex(publicKey.subarray(1, 32)).slice(2),
  }))
}

test('L1Follower proves the same sets as the contracts give, whatever changed', async () => {
  const { l1, mine, follower, open } = openWorld()
  const rng = createSeededRng('zg/staking sets')
  const generations = all.map(() => 0)
  for (let epoch = 12; epoch < 22; epoch++) {
    l1.goToEpoch(epoch)
    for (let change = 0; change < 4; change++) {
      const index = rng.below(all.length)
      const { address } = all[index] as TestOperator
      const steps: readonly (() => void)[] = [
        () => l1.send(l1.stakes, 'stake', [address, ether * BigInt(1 + rng.below(9))], address),
        () => l1.send(l1.stakes, 'unstake', [address, ether], address),
        () => l1.send(l1.networks, 'optOut', [networkId], address),
        () => l1.send(l1.networks, 'optIn', [networkId, 10_000], address),
        () => {
          const generation = (generations[index] as number) + 1
          l1.rotate(testOperator(index + 1, generation))
          generations[index] = generation
        },
      ]
      try {
        steps[rng.below(steps.length)]?.()
      } catch (error) {
        // A second rotation, who is in already: refused, and nothing has changed.
        assert.equal((error as Error).name, 'Error')
      }
    }
    await mine(1)
    await follower.poll()
    for (const known of [epoch, epoch + 1]) {
      assert.deepEqual(setBySlots(follower, known), setByViews(l1, known), `epoch ${known}`)
    }
    assert.equal(follower.validatorSet(BigInt(epoch + 2)), undefined, 'it may still change')
  }
  // Who comes late reads the sets of the past as well, once they are asked for.
  const late = open()
  await late.poll()
  assert.equal(late.validatorSet(13n), undefined)
  await late.poll()
  assert.deepEqual(setBySlots(late, 13), setByViews(l1, 13))
})

test('L1Follower sees a slash on every network two epochs later, and the key of each epoch', async () => {
  const { l1, mine, follower } = openWorld()
  const [culprit] = all as [TestOperator]
  const votes = [1, 2].map((fill): RoundVote => {
    const digest = new Uint8Array(32).fill(fill)
    return { kind: 'notarize', epoch: 12n, view: 3, digest }
  })
  const [first, second] = votes.map((vote) => l1.roundArgs(vote))
  const sum = l1.signRounds(0, votes, [culprit])
  l1.send(l1.slashing, 'reportRoundVotes', [0, culprit.address, first, second, sum])
  for (const epoch of [12, 13]) {
    l1.goToEpoch(epoch)
    await mine()
    await follower.poll()
  }
  const holds = (epoch: bigint): boolean | undefined =>
    follower
      .validatorSet(epoch)
      ?.validators.some(({ publicKey }) => bytesEqual(publicKey, blsPublicKeyOf(culprit.secretKey)))
  assert.deepEqual([12n, 13n, 14n].map(holds), [true, true, false])
})

test('L1Follower goes on though a set of the past that was asked for cannot be read', async () => {
  const { l1, mine, open, another } = openWorld()
  l1.rotate(testOperator(1, 1))
  l1.goToEpoch(16)
  await mine(6)
  const endpoint = another()
  const earlier = mappingSlot(
    layout.OperatorRegistry._earlierKeys,
    BigInt((all[0] as TestOperator).address),
  )
  let isLost = true
  const whole = another()
  endpoint.proof = async (...asked) => {
    const found = await whole.proof(...asked)
    return isLost && asked[1].includes(earlier) ? { ...found, slots: [] } : found
  }
  const follower = open({ endpoints: [endpoint] })
  for (const number of [3n, 5n, 7n]) {
    // Whoever shows a certificate of that epoch has it asked for.
    assert.equal(follower.validatorSet(13n), undefined)
    await follower.poll()
    assert.equal(follower.newestReference()?.number, number)
    assert.ok(follower.validatorSet(17n) !== undefined)
    await mine(2)
  }
  isLost = false
  follower.validatorSet(13n)
  await follower.poll()
  assert.equal(follower.validatorSet(13n)?.validators.length, all.length)
})

test('L1Follower knows no set of a network that is over, and the ones before', async () => {
  const { l1, mine, follower } = openWorld()
  l1.send(l1.networks, 'drain', [networkId])
  l1.goToEpoch(16)
  l1.send(l1.networks, 'close', [networkId])
  for (const epoch of [16, 17]) {
    l1.goToEpoch(epoch)
    await mine()
    await follower.poll()
  }
  assert.deepEqual(setBySlots(follower, 17), setByViews(l1, 17))
  assert.equal(setBySlots(follower, 17)?.length, 5)
  l1.goToEpoch(18)
  await mine()
  await follower.poll()
  assert.equal(follower.validatorSet(18n), undefined)
})

test('L1Follower asks once for the sets of epochs that have none', async () => {
  const { mine, open, another } = openWorld()
  const endpoint = another()
  let proofs = 0
  endpoint.bend = {
    proof: (found) => {
      proofs++
      return found
    },
  }
  const follower = open({ endpoints: [endpoint] })
  await mine(4)
  await follower.poll()
  // Before the network had begun.
  for (const asksOnce of [true, false]) {
    const former = proofs
    for (const epoch of [1n, 2n, 3n]) assert.equal(follower.validatorSet(epoch), undefined)
    await follower.poll()
    assert.equal(proofs > former, asksOnce)
  }
})

test('L1Follower gives references two blocks back, and the credits up to them', async () => {
  const { l1, endpoint, mine, follower } = openWorld()
  await mine(3)
  await follower.poll()
  assert.equal(follower.newestReference()?.number, 0n)
  for (const [address, gwei] of [
    [7n, 5n],
    [8n, 6n],
    [9n, 7n],
  ] as const) {
    endpoint.credit(networkId, address, gwei)
    endpoint.credit(0, 1n, 1n)
    await mine()
  }
  await follower.poll()
  const second = follower.newestReference() as L1Reference
  assert.deepEqual([second.number, second.creditCount], [3n, 1n])
  assert.equal(follower.credits(0n, 2n), undefined)
  await mine(2)
  await follower.poll()
  const third = follower.newestReference() as L1Reference
  assert.deepEqual([third.number, third.creditCount], [5n, 3n])
  assert.deepEqual(follower.credits(1n, 3n), [
    { index: 1n, recipient: bigintToBytes(8n, 20), amountGwei: 6n },
    { index: 2n, recipient: bigintToBytes(9n, 20), amountGwei: 7n },
  ])
  const [root] = l1.read(l1.inbox, 'creditsOf', networkId) as readonly [string]
  assert.equal(toHex(third.creditRoot), root)

  assert.equal(follower.checkReference(second), 'VALID')
  assert.equal(follower.checkReference(third), 'VALID')
  const ahead = { ...third, number: 99n }
  assert.equal(follower.checkReference(ahead), 'UNKNOWN')
  for (const field of ['hash', 'stateRoot', 'creditRoot', 'messageRoot'] as const) {
    const forged = { ...third, [field]: new Uint8Array(32).fill(9) }
    assert.equal(follower.checkReference(forged), 'INVALID', field)
  }
  for (const field of ['timestamp', 'creditCount'] as const) {
    const forged = { ...third, [field]: third[field] + 1n }
    assert.equal(follower.checkReference(forged), 'INVALID', field)
  }
  // One between two polls is not here yet: it is fetched, then judged.
  const between = { ...third, number: 4n }
  assert.equal(follower.checkReference(between), 'UNKNOWN')
  await follower.poll()
  assert.equal(follower.checkReference(between), 'INVALID')
})

test('L1Follower believes no endpoint that lies, and lets one that is late be late', async () => {
  const { endpoint, mine, follower } = openWorld()
  await mine(3)
  endpoint.credit(networkId, 7n, 5n)
  await mine(3)
  const nothing = (why: string): void => {
    assert.equal(follower.newestReference(), undefined, why)
    assert.equal(follower.credits(0n, 1n), undefined, why)
  }
  const flip = (bytes: Uint8Array): Uint8Array =>
    bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte))
  const lies: readonly (readonly [string, SimulatedL1Endpoint['bend']])[] = [
    ['a header of another hash', { final: (found) => ({ ...found, hash: flip(found.hash) }) }],
    [
      'a header with another time',
      {
        final: (found) => ({
          ...found,
          header: { ...found.header, timestamp: found.header.timestamp + 1_000 },
        }),
      },
    ],
    ['a proof of no account', { proof: (found) => ({ ...found, account: [] }) }],
    [
      'a proof with another value',
      {
        proof: (found) => ({
          ...found,
          slots: found.slots.map((nodes) =>
            nodes.map((node, index) => (index === nodes.length - 1 ? flip(node) : node)),
          ),
        }),
      },
    ],
    ['a proof of fewer slots', { proof: (found) => ({ ...found, slots: [] }) }],
    ['no credit', { credits: () => [] }],
    [
      'a credit of another amount',
      { credits: (found) => found.map((each) => ({ ...each, amountGwei: 6n })) },
    ],
    [
      'a credit for another account',
      { credits: (found) => found.map((each) => ({ ...each, address: 8n })) },
    ],
    ['a credit too many', { credits: (found) => [...found, ...found] }],
  ]
  for (const [why, bend] of lies) {
    endpoint.bend = bend
    await follower.poll()
    nothing(why)
    assert.equal(follower.isContradicted, false, why)
  }
  endpoint.bend = {}
  await follower.poll()
  assert.equal(follower.newestReference()?.number, 3n)
  assert.equal(follower.credits(0n, 1n)?.length, 1)

  const early = await endpoint.header(2n)
  assert.ok(early !== undefined)
  endpoint.bend = { final: () => early }
  await follower.poll()
  assert.equal(follower.finalNumber, 5n, 'one that is late takes nothing back')
  assert.equal(follower.newestReference()?.number, 3n)
})

test('L1Follower stops believing an endpoint whose final blocks change', async () => {
  const { endpoint, mine, follower } = openWorld()
  await mine(4)
  await follower.poll()
  const known = follower.newestReference()
  const other = openWorld()
  other.l1.world.advance(7)
  await other.mine(9)
  await mine(2)
  const real = other.endpoint
  const [final, header] = [await real.finalHeader(), await real.header(3n)]
  endpoint.bend = { final: () => final, header: () => header }
  await follower.poll()
  assert.equal(follower.isContradicted, true)
  endpoint.bend = {}
  await mine(3)
  await follower.poll()
  assert.equal(follower.newestReference(), known, 'nothing new is believed')
})

test('L1Follower asks one that has no header of its final block again, ever later', async () => {
  const { endpoint, mine, open } = openWorld()
  const clock = new SimulatedClock()
  const follower = open({ clock: clock.forNode(0) })
  await mine(4)
  await follower.poll()
  const known = follower.newestReference()
  await mine(2)
  let asked = 0
  endpoint.bend = { header: () => void asked++ }
  const after = async (ms: number): Promise<void> => {
    await clock.run({ untilMs: clock.nowMs() + ms })
    await follower.poll()
  }
  for (const ms of [0, 900, 100, 1_900, 100]) await after(ms)
  assert.equal(asked, 3, 'after one second, then after two')
  assert.equal(follower.isContradicted, false)
  assert.equal(follower.newestReference(), known)
  endpoint.bend = {}
  await after(4_000)
  assert.equal(follower.newestReference()?.number, 3n)
  await mine(2)
  await after(0)
  assert.equal(follower.newestReference()?.number, 5n, 'it is put off no more')
})

test('L1Follower polls by the clock it is given, and sooner when something is wanted', async () => {
  const { l1, mine, endpoint } = openWorld()
  const clock = new SimulatedClock()
  const follower = new L1Follower({
    endpoints: [endpoint],
    contracts: {
      networkRegistry: BigInt(l1.networks.address),
      operatorRegistry: BigInt(l1.operators.address),
      inbox: BigInt(l1.inbox.address),
    },
    networkId,
    fromBlock: 0n,
    epochs: { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) },
    clock: clock.forNode(0),
    pollMs: 10_000,
  })
  await mine(4)
  follower.start()
  const begin = clock.nowMs()
  await clock.run({ untilMs: begin + 10, done: () => follower.finalNumber === 3n })
  const settle = () => clock.run({ untilMs: clock.nowMs() + 500 })
  await settle()
  assert.equal(follower.finalNumber, 3n)
  const known = follower.newestReference() as L1Reference
  await mine(1)
  await settle()
  assert.equal(follower.finalNumber, 3n, 'not before the next poll')
  assert.equal(follower.checkReference({ ...known, number: 2n }), 'UNKNOWN')
  await settle()
  await settle()
  assert.equal(follower.finalNumber, 4n)
  await follower.stop()
})
