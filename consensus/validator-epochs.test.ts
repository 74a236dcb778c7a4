/** Whole validators over epochs: sets that change, keys that change, crashes in the middle. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { simulatedStartMs } from '@zg/runtime'

import { indexesOf, verifyCertificate, verifyFinalityCertificate } from './certificate.ts'
import { nextEpochOf } from './header.ts'
import { zeroL1Reference } from './l1-reference.ts'
import type { L1View } from './l1-view.ts'
import { channelOf, encodeMessage } from './messages.ts'
import { entryOf, secretKeyOf, World } from './testing/world.ts'
import type { WorldNode, WorldOptions } from './testing/world.ts'
import { peerIdOf, validatorSet } from './validator-set.ts'
import type { ValidatorEntry, ValidatorSet } from './validator-set.ts'
import { WalCorruptError } from './wal.ts'

const beginSeconds = BigInt(simulatedStartMs / 1_000)

/** Epochs of eight seconds of L1 time; an L1 block every two seconds, finalized at once. */
function l1Of(
  nowMs: () => number,
  membersIn: (epoch: bigint, all: readonly ValidatorEntry[]) => readonly ValidatorEntry[],
): (set: ValidatorSet) => L1View {
  // One set object an epoch, as a view that remembers has it.
  const sets = new Map<bigint, ValidatorSet>()
  return ({ validators }) => ({
    validatorSet: (epoch) => {
      const known = sets.get(epoch) ?? validatorSet(epoch, membersIn(epoch, validators))
      sets.set(epoch, known)
      return known
    },
    epochAt: (timestamp) => (timestamp <= beginSeconds ? 0n : (timestamp - beginSeconds) / 8n),
    newestReference: () => {
      const number = BigInt(Math.floor((nowMs() - simulatedStartMs) / 2_000))
      return { ...zeroL1Reference, number, timestamp: beginSeconds + 2n * number }
    },
    checkReference: ({ number, timestamp }) =>
      timestamp === beginSeconds + 2n * number ? 'VALID' : 'INVALID',
    credits: () => [],
  })
}

/** In epoch e, validator e mod 5 of five sits out. */
const rotating = (epoch: bigint, all: readonly ValidatorEntry[]): readonly ValidatorEntry[] =>
  all.filter((_, index) => BigInt(index) !== epoch % BigInt(all.length))

async function started(
  membersIn: (epoch: bigint, all: readonly ValidatorEntry[]) => readonly ValidatorEntry[],
  options: Partial<WorldOptions> = {},
): Promise<World> {
  let nowMs = (): number => simulatedStartMs
  const l1View = l1Of(() => nowMs(), membersIn)
  const world = new World({ count: 5, l1View, ...options })
  nowMs = () => world.clock.nowMs()
  await world.startAll()
  return world
}

/** Checks that every height but the last few is certified by the set of its epoch. */
function assertCertified(world: World, node: WorldNode): { closings: number } {
  let closings = 0
  for (const { header } of node.finalized.slice(0, -3)) {
    const certificate = node.validator!.finalityCertificate(header.height)!
    assert.ok(certificate !== undefined, `height ${header.height}`)
    const set = world.l1View.validatorSet(header.epoch)!
    assert.ok(verifyFinalityCertificate(world.scheme, world.genesis.identity, set, certificate))
    assert.equal(certificate.vote.nextEpoch, nextEpochOf(header, world.l1View))
    if (certificate.vote.nextEpoch !== 0n) closings++
  }
  return { closings }
}

test('Validator: epochs close, sets change, and followers stay with the chain', async () => {
  const world = await started(rotating)
  await world.run(60_000)
  const [node] = world.nodes
  const status = node!.validator!.status()
  assert.ok(status.epoch >= 6n, `epoch ${status.epoch}`)
  assert.ok(world.finalHeight() >= 40n, `height ${world.finalHeight()}`)
  for (const each of world.nodes) {
    assert.deepEqual(each.failures, [])
    assert.equal(each.validator!.counters().votesRefused, 0)
    assert.equal(each.validator!.counters().evidenceFound, 0)
    // The first views of an epoch do not fail: everybody is there in time.
    assert.ok(each.validator!.counters().viewsNullified <= 2)
  }
  assert.ok(assertCertified(world, node!).closings >= 5)
})

test('Validator: certificates of a former epoch are still given, proved by its set', async () => {
  const world = await started(rotating)
  await world.run(40_000)
  const { validator } = world.nodes[0]!
  for (const epoch of [0n, 1n, 2n]) {
    const certificates = validator!.certificates(1, 5, epoch)
    assert.ok(certificates.length > 0)
    const set = world.l1View.validatorSet(epoch)!
    for (const certificate of certificates) {
      assert.equal(certificate.vote.epoch, epoch)
      assert.ok(verifyCertificate(world.scheme, world.genesis.identity, set, certificate))
    }
  }
  const { epoch } = validator!.status()
  assert.deepEqual(validator!.certificates(1, 5), validator!.certificates(1, 5, epoch))
})

test('Validator: a node away over epoch changes catches up through all of them', async () => {
  const world = await started(rotating)
  await world.run(4_000)
  const away = world.nodes[2]!
  world.crash(away)
  await world.run(60_000)
  await world.start(away)
  await world.run(20_000)
  const [node] = world.nodes
  assert.ok(
    away.validator!.status().finalHeight + 3n >= node!.validator!.status().finalHeight,
    `${away.validator!.status().finalHeight} of ${node!.validator!.status().finalHeight}`,
  )
  assert.equal(away.validator!.status().epoch, node!.validator!.status().epoch)
})

test('Validator: who lost its vote log follows, signs nothing, and votes two epochs later', async () => {
  const everybody = (_: bigint, all: readonly ValidatorEntry[]): readonly ValidatorEntry[] => all
  const world = await started(everybody)
  await world.run(12_000)
  const node = world.nodes[1]!
  const index = 1
  const { epoch: lostIn } = node.validator!.status()
  world.crash(node)
  const disk = node.disk.mount()
  await world.settle(disk.remove('wal/00000001.log'))
  await assert.rejects(world.start(node), WalCorruptError)
  const voteFromEpoch = lostIn + 2n
  await world.start(node, { voteFromEpoch })
  const epochNow = (): bigint => world.nodes[0]!.validator!.status().epoch
  await world.run(60_000, () => epochNow() === voteFromEpoch)
  assert.equal(node.validator!.counters().votesSigned, 0)
  const before = node.validator!.status()
  assert.equal(before.index, undefined, 'it has no seat yet')
  // Started once more before its time: the new log itself says from when on.
  world.crash(node)
  await world.start(node)
  await world.run(20_000)
  assert.equal(node.validator!.status().index, index)
  assert.ok(node.validator!.counters().votesSigned > 3)
  assert.deepEqual(node.failures, [])
  const signedIn = new Set<bigint>()
  const loss = world.nodes[0]!.finalized.find(({ header }) => header.epoch > lostIn)
  for (const { header } of world.nodes[0]!.finalized.slice(0, -3)) {
    if (header.height < (loss?.header.height ?? 0n)) continue
    const { signers } = world.nodes[0]!.validator!.finalityCertificate(header.height)!
    if (indexesOf(signers, 5)!.includes(index)) signedIn.add(header.epoch)
  }
  assert.ok(signedIn.size > 0)
  for (const epoch of signedIn) assert.ok(epoch >= voteFromEpoch, `it signed in epoch ${epoch}`)
  assert.equal(world.nodes[0]!.validator!.counters().evidenceFound, 0)
})

test('Validator: who lost its whole disk signs nothing before the epoch it was told', async () => {
  const world = await started((_, all) => all)
  await world.run(12_000)
  const lost = world.nodes[1]!
  const voteFromEpoch = lost.validator!.status().epoch + 2n
  world.crash(lost)
  // Nothing is left but the key: neither log nor ledger tells of a loss.
  const node = world.replaceDisk(lost)
  await world.start(node, { voteFromEpoch })
  await world.run(60_000, () => world.nodes[0]!.validator!.status().epoch === voteFromEpoch)
  assert.ok(node.validator!.status().epoch >= voteFromEpoch - 1n, 'it follows')
  assert.equal(node.validator!.counters().votesSigned, 0)
  // Started once more: what the file said is over, and the log knows.
  world.crash(node)
  await world.start(node, { voteFromEpoch })
  await world.run(20_000)
  assert.ok(node.validator!.counters().votesSigned > 3)
  assert.deepEqual(node.failures, [])
  assert.equal(world.nodes[0]!.validator!.counters().evidenceFound, 0)
})

test('Validator: an empty disk beside what was said of an earlier loss does not vote', async () => {
  const world = await started((_, all) => all)
  await world.run(12_000)
  const lost = world.nodes[1]!
  const stale = lost.validator!.status().epoch
  assert.ok(stale > 0n)
  world.crash(lost)
  const node = world.replaceDisk(lost)
  await assert.rejects(world.start(node, { voteFromEpoch: stale }), WalCorruptError)
  await world.start(node, { voteFromEpoch: stale + 2n })
  assert.equal(node.validator!.counters().votesSigned, 0)
})

test('Validator: finality votes of epochs that cannot be have nobody look for their sets', async () => {
  const asked = new Set<bigint>()
  let nowMs = (): number => simulatedStartMs
  const view = l1Of(
    () => nowMs(),
    (_, all) => all,
  )
  const world = new World({
    count: 5,
    l1View: (set) => {
      const l1View = view(set)
      return {
        ...l1View,
        validatorSet: (epoch) => {
          asked.add(epoch)
          return l1View.validatorSet(epoch)
        },
      }
    },
  })
  nowMs = () => world.clock.nowMs()
  await world.startAll()
  await world.run(4_000)
  const liar = world.nodes[4]!
  world.crash(liar)
  const network = world.network.join({
    identity: peerIdOf(world.scheme.publicKeyOf(secretKeyOf(4))),
    name: 'liar',
  })
  await world.run(1_000)
  const hash = new Uint8Array(32)
  const roots = { blockHash: hash, consensusRoot: hash, histRoot: hash }
  for (const height of [1n, 1_000n]) {
    const vote = { epoch: 9_999n, height, nextEpoch: 0n, ...roots }
    const message = { kind: 'finality-vote', vote, signature: new Uint8Array(96) } as const
    network.broadcast(channelOf(message), encodeMessage(message))
  }
  const before = world.finalHeight()
  await world.run(4_000)
  assert.ok(world.finalHeight() > before)
  assert.equal(world.nodes[0]!.validator!.counters().messagesMalformed, 0)
  assert.equal(asked.has(9_999n), false)
})

test('Validator: an epoch whose set is unknown waits, and begins when it is known', async () => {
  let isKnown = false
  let nowMs = (): number => simulatedStartMs
  const world = new World({
    count: 5,
    l1View: (set) => {
      const l1View = l1Of(() => nowMs(), rotating)(set)
      return {
        ...l1View,
        validatorSet: (epoch) => (epoch > 1n && !isKnown ? undefined : l1View.validatorSet(epoch)),
      }
    },
  })
  nowMs = () => world.clock.nowMs()
  await world.startAll()
  await world.run(30_000)
  const heights = world.nodes.map(({ validator }) => validator!.status().finalHeight)
  const halted = world.finalHeight()
  assert.ok(halted > 5n && heights.every((height) => height === halted))
  assert.equal(world.nodes[0]!.validator!.status().epoch, 2n)
  isKnown = true
  await world.run(10_000)
  assert.ok(world.finalHeight() > halted + 3n)
  for (const { failures } of world.nodes) assert.deepEqual(failures, [])
})

/** Validator 0 has another key from epoch 3 on. */
const secondKey = secretKeyOf(100)
const keysOf = (index: number): readonly Uint8Array[] =>
  index === 0 ? [secretKeyOf(0), secondKey] : [secretKeyOf(index)]

test("Validator: an operator's new key signs from its epoch on, over its old connection", async () => {
  let publicKey = new Uint8Array(48)
  const membersIn = (epoch: bigint, all: readonly ValidatorEntry[]): readonly ValidatorEntry[] =>
    all
      .slice(0, 4)
      .map((entry, index) => (index > 0 || epoch < 3n ? entry : { ...entry, publicKey }))
  const world = await started(membersIn, { keysOf })
  publicKey = new Uint8Array(world.scheme.publicKeyOf(secondKey))
  await world.run(15_000)
  // Without the fourth, nothing is final without the operator whose key changes.
  world.crash(world.nodes[3]!)
  await world.run(45_000)
  const [node, other] = world.nodes
  const { epoch, finalHeight } = other!.validator!.status()
  assert.ok(epoch >= 5n && finalHeight >= 20n, `epoch ${epoch}, height ${finalHeight}`)
  assert.equal(other!.validator!.counters().evidenceFound, 0)
  const certificate = other!.validator!.finalityCertificate('latest')!
  assert.ok(certificate.vote.epoch >= 5n)
  assert.ok(indexesOf(certificate.signers, 4)!.includes(0))
  assert.notEqual(peerIdOf(entryOf(world.scheme, 0).publicKey), peerIdOf(publicKey))
  // It reports its height, too, under the name it has in the set.
  assert.ok(other!.validator!.status().peerHeight + 2n >= node!.validator!.status().finalHeight)
})

test('Validator: all crash where an epoch closes, and its closing votes are made up for', async () => {
  const crashed = new Set<string>()
  let isOver = false
  const world: World = await started(rotating, {
    keysOf,
    onFinalized: (node, { header }) => {
      const name = `${node.index}/${header.epoch}`
      const isClosing = nextEpochOf(header, world.l1View) !== 0n
      if (isOver || !isClosing || crashed.has(name)) return
      crashed.add(name)
      // The block is durable, the closing vote is not cast.
      world.crash(node)
    },
  })
  for (let round = 0; round < 12; round++) {
    await world.run(5_000)
    for (const node of world.nodes) if (node.validator === undefined) await world.start(node)
  }
  assert.ok(crashed.size >= 15, `${crashed.size} crashes`)
  isOver = true
  for (const node of world.nodes) if (node.validator === undefined) await world.start(node)
  await world.run(10_000)
  const node = world.nodes[0]!
  assert.ok(node.validator!.status().epoch >= 3n)
  for (const each of world.nodes) {
    assert.deepEqual(each.failures, [])
    assert.equal(each.validator!.counters().votesRefused, 0)
  }
  const closed = node.finalized.filter(({ header }) => nextEpochOf(header, world.l1View) !== 0n)
  for (const { header } of closed.slice(0, -1)) {
    const certificate = node.validator!.finalityCertificate(header.height)
    assert.ok(certificate !== undefined, `the close of epoch ${header.epoch}`)
  }
})
