import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { L1World } from '../testing/l1-world.ts'
import { LoadChain } from '../testing/load-chain.ts'
import { refuses } from '../testing/refuses.ts'
import { openingOf, testOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const all = [1, 2, 3, 4].map((index) => testOperator(index))
const stranger: Hex = toHex(new Uint8Array(20).fill(0x57))
const loads = ['Unknown', 'Idle', 'Between', 'Busy'] as const
const blocksPerEpoch = 9
/** LoadEpochs and CoolDownEpochs of the world. */
const loadEpochs = 2
const coolDownEpochs = 4

/** Four operators validate these networks from epoch 12 on, which it is. */
function openWorld(ids: readonly number[] = [0], options: { deadAfterSeconds?: number } = {}) {
  const l1 = new L1World(options)
  for (const id of ids) l1.openNetwork(id)
  l1.settle(all, { ids, purse: 1_000n * ether })
  l1.goToEpoch(12)
  const chains = new Map(ids.map((id) => [id, new LoadChain(l1, id, all)]))
  const chainOf = (id: number): LoadChain => chains.get(id) as LoadChain
  const prove = (args: readonly unknown[]) => l1.send(l1.load, 'prove', args, stranger)
  /** Fills an epoch of each network as its usage says, and the first block after it. */
  const pass = (usage: Readonly<Record<number, number>>, following = usage): void => {
    const epoch = l1.epoch
    for (const [id, usedBps] of Object.entries(usage)) {
      const chain = chainOf(Number(id))
      for (let block = 0; block < blocksPerEpoch; block++) chain.add(epoch, usedBps)
      l1.world.advance(1)
    }
    l1.goToEpoch(epoch + 1)
    for (const id of Object.keys(usage).map(Number)) {
      const chain = chainOf(id)
      chain.certify(epoch + 1)
      chain.add(epoch + 1, following[id] as number)
      chain.certify()
      prove(chain.loadArgs(epoch))
    }
  }
  /** No blocks for a while: the epoch goes on until then. */
  const skipTo = (later: number): void => {
    const { epoch } = l1
    l1.goToEpoch(later)
    for (const chain of chains.values()) {
      chain.add(epoch, 9_000)
      chain.certify(l1.epoch)
    }
  }
  const loadOf = (id: number, epoch: number) =>
    loads[l1.read(l1.load, 'loadOf', id, epoch) as number]
  const decide = (name: 'spawn' | 'drain', last = l1.epoch - 1) =>
    l1.send(l1.autoscaler, name, [last], stranger)
  const prepare = (...next: readonly number[]) =>
    l1.send(l1.autoscaler, 'prepare', [next.map((id) => ({ id, opening: opening(l1, id) }))])
  /** All operators join a network; it begins in the epoch after the next. */
  const join = (id: number): void => {
    for (const { address } of all) l1.send(l1.networks, 'optIn', [id, 10_000], address)
    chains.set(id, new LoadChain(l1, id, all))
  }
  const status = (id: number) => l1.read(l1.networks, 'statusOf', id)
  return { l1, chainOf, prove, pass, skipTo, loadOf, decide, prepare, join, status }
}

function opening(l1: L1World, id: number) {
  return openingOf(id, { genesisHash: toHex(l1.identityOf(id).genesisHash) })
}

test('NetworkLoad: an epoch is busy above 75 % of its gas, idle below 20 %', () => {
  const { pass, loadOf, l1 } = openWorld()
  const cases = [
    [7_501, 'Busy'],
    [7_500, 'Between'],
    [2_000, 'Between'],
    [1_999, 'Idle'],
    [0, 'Idle'],
    [10_000, 'Busy'],
  ] as const
  for (const [index, [usedBps, expected]] of cases.entries()) {
    const { epoch } = l1
    assert.equal(loadOf(0, epoch), 'Unknown')
    pass({ 0: usedBps }, { 0: cases[index + 1]?.[0] ?? 0 })
    assert.equal(loadOf(0, epoch), expected, `${usedBps}`)
  }
  const was = (load: (typeof loads)[number], last: number, count: number) =>
    l1.read(l1.load, 'wasThroughout', 0, loads.indexOf(load), last, count)
  assert.deepEqual([was('Between', 14, 2), was('Between', 14, 3)], [true, false])
  assert.deepEqual(
    [was('Idle', 16, 2), was('Idle', 17, 1), was('Unknown', 11, 11)],
    [true, false, true],
  )
})

test('NetworkLoad: a verdict is of its own network and epoch, also where a word of them ends', () => {
  const { l1, pass, skipTo, loadOf } = openWorld([0, 1], { deadAfterSeconds: 100_000 })
  skipTo(126)
  for (const [first, second] of [
    [9_000, 0],
    [9_000, 9_000],
    [9_000, 0],
  ] as const) {
    pass({ 0: first, 1: second })
  }
  assert.deepEqual(
    [126, 127, 128, 129].map((epoch) => loadOf(0, epoch)),
    ['Busy', 'Busy', 'Busy', 'Unknown'],
  )
  assert.deepEqual(
    [126, 127, 128].map((epoch) => loadOf(1, epoch)),
    ['Idle', 'Busy', 'Idle'],
  )
  const wasBusy = (last: number, count: number) =>
    l1.read(l1.load, 'wasThroughout', 0, loads.indexOf('Busy'), last, count)
  assert.deepEqual(
    [wasBusy(128, 3), wasBusy(128, 4), wasBusy(129, 1), wasBusy(127, 2), wasBusy(128, 65)],
    [true, false, false, true, false],
  )
})

test('NetworkLoad takes the blocks that are drawn, of the whole epoch, and no others', () => {
  const { l1, chainOf, prove, loadOf } = openWorld()
  const chain = chainOf(0)
  for (let block = 0; block < 30; block++) chain.add(12, block % 2 === 0 ? 10_000 : 0)
  l1.goToEpoch(13)
  chain.certify(13)
  for (let block = 0; block < 12; block++) chain.add(13, 9_000)
  chain.certify()
  // It is not over as far as L1 knows.
  assert.throws(() => chain.loadArgs(13))
  l1.goToEpoch(14)
  const [id, epoch, span, samples] = chain.loadArgs(12)
  const bent = (changes: Partial<typeof span>, drawn = samples) =>
    prove([id, epoch, { ...span, ...changes }, drawn])
  const [first, second] = samples as [(typeof samples)[0], (typeof samples)[0]]
  refuses(() => bent({}, [second, first, ...samples.slice(2)]), 'BlockUnproven')
  refuses(() => bent({}, samples.slice(1)), 'SamplesMissing')
  refuses(() => bent({}, [...samples, first]), 'SamplesMissing')
  const other = { ...first, header: second.header }
  refuses(() => bent({}, [other, ...samples.slice(1)]), 'FieldUnproven')
  refuses(() => bent({ mix: toHex(new Uint8Array(32)) }), 'FieldUnproven')
  // A part of the epoch is not the epoch.
  refuses(() => bent({ before: chain.bound(2), first: chain.bound(3) }), 'SpanInvalid')
  refuses(() => bent({ last: chain.bound(20), following: chain.bound(21) }), 'SpanInvalid')
  refuses(() => bent({ first: chain.bound(2) }), 'SpanInvalid')
  refuses(() => bent({ following: chain.bound(32) }), 'SpanInvalid')
  refuses(() => bent({ last: { ...span.last, epoch: 13n } }), 'FieldUnproven')
  refuses(() => bent({ last: { ...span.last, siblings: [] } }), 'BlockUnproven')
  refuses(() => prove([id, 13, span, samples]), 'EpochOpen')
  refuses(() => prove([7, epoch, span, samples]), 'EpochOpen')
  assert.equal(loadOf(0, 12), 'Unknown')
  prove([id, epoch, span, samples])
  refuses(() => prove([id, epoch, span, samples]), 'AlreadyProved')
})

test('NetworkLoad judges no epoch of a handful of blocks', () => {
  const { l1, chainOf, prove } = openWorld()
  const chain = chainOf(0)
  for (let block = 0; block < 7; block++) chain.add(12, 9_000)
  l1.goToEpoch(13)
  chain.certify(13)
  chain.add(13, 0)
  chain.certify()
  const samples = Array.from({ length: 8 }, () => chain.sample(1))
  refuses(() => prove([0, 12, chain.spanOf(12), samples]), 'TooFewBlocks')
})

test('Autoscaler opens the next network when all were busy long enough, prepared or not at all', () => {
  const { l1, pass, decide, prepare, join, status } = openWorld()
  pass({ 0: 9_000 })
  refuses(() => decide('spawn'), 'NotMost')
  pass({ 0: 9_000 })
  refuses(() => decide('spawn', l1.epoch), 'LoadOutdated')
  refuses(() => decide('spawn', l1.epoch - 5), 'LoadOutdated')
  refuses(() => decide('spawn', l1.epoch - 2), 'NotMost')
  refuses(() => decide('spawn'), 'NothingPrepared')
  refuses(() => l1.send(l1.autoscaler, 'prepare', [[]], stranger), 'NotTheGovernor')
  refuses(() => prepare(1, 3), 'IdsUnordered')
  prepare(1, 2)
  const { events } = decide('spawn')
  assert.deepEqual(events[0]?.args, { id: 1, lastEpoch: 13n })
  assert.equal(status(1), 0)
  const waiting = l1.read(l1.autoscaler, 'prepared') as readonly { id: number }[]
  assert.deepEqual(
    waiting.map(({ id }) => id),
    [2],
  )
  join(1)
  assert.equal(status(1), 1)
  refuses(() => l1.send(l1.networks, 'open', [3, opening(l1, 3)], stranger), 'NotTheGovernor')
})

test('Autoscaler: between two decisions it cools down, and a day no more than doubles them', () => {
  const { l1, pass, skipTo, decide, prepare, join } = openWorld([0], { deadAfterSeconds: 100_000 })
  prepare(1, 2, 3)
  for (let epoch = 0; epoch < loadEpochs; epoch++) pass({ 0: 9_000 })
  decide('spawn')
  join(1)
  const { epoch: spawned } = l1
  pass({ 0: 9_000 })
  refuses(() => decide('spawn'), 'CoolingDown')
  pass({ 0: 9_000 })
  for (let epoch = 0; epoch < loadEpochs; epoch++) pass({ 0: 9_000, 1: 5_000 })
  assert.equal(l1.epoch, spawned + coolDownEpochs)
  refuses(() => decide('spawn'), 'NotMost')
  for (let epoch = 0; epoch < loadEpochs; epoch++) pass({ 0: 9_000, 1: 9_000 })
  refuses(() => decide('spawn'), 'GrowingTooFast')
  skipTo(l1.epoch + 86_400 / l1.epochSeconds)
  for (let epoch = 0; epoch < loadEpochs; epoch++) pass({ 0: 9_000, 1: 9_000 })
  assert.equal(decide('spawn').events[0]?.args['id'], 2)
})

test('Autoscaler drains the newest after four times as long, but none that is in use', () => {
  const { l1, pass, decide, status } = openWorld([0, 1, 2, 3])
  for (let epoch = 0; epoch < 4 * loadEpochs; epoch++) {
    refuses(() => decide('drain'), 'NotMost')
    pass({ 0: 100, 1: 100, 2: 100, 3: 3_000 })
  }
  // Three of four are most.
  refuses(() => decide('drain'), 'NewestInUse')
  refuses(() => decide('spawn'), 'NotMost')
  l1.send(l1.networks, 'drain', [3])
  const { events } = decide('drain')
  assert.equal(events[0]?.args['id'], 2)
  assert.deepEqual([0, 1, 2, 3].map(status), [1, 1, 2, 2])
  refuses(() => decide('drain'), 'CoolingDown')
})

test('Autoscaler keeps the last network there is', () => {
  const { pass, decide } = openWorld()
  for (let epoch = 0; epoch < 4 * loadEpochs; epoch++) pass({ 0: 100 })
  refuses(() => decide('drain'), 'LastNetwork')
})

test('Autoscaler: a network that is dead counts no more, and anyone ends it', () => {
  const { l1, pass, decide, prepare, status } = openWorld([0, 1])
  const end = (id: number) => l1.send(l1.autoscaler, 'end', [id], stranger)
  refuses(() => end(1), 'StillAlive')
  prepare(2)
  // Network 1 is silent; of two that live, one alone is busy.
  for (let epoch = 0; epoch < loadEpochs; epoch++) pass({ 0: 9_000 })
  refuses(() => decide('spawn'), 'NotMost')
  while (l1.epoch < 33) pass({ 0: 9_000 })
  l1.world.advance(1)
  refuses(() => decide('spawn'), 'NotMost')
  l1.send(l1.oracle, 'declareDead', [1])
  decide('spawn')
  end(1)
  assert.equal(status(1), 3)
  refuses(() => end(1), 'StatusUnfit')
  refuses(() => l1.send(l1.networks, 'close', [0], stranger), 'StatusUnfit')
})
