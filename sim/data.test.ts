import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from '@zg/runtime'

import { runDataSeed } from './testing/data-run.ts'
import { badKinds, drawDataScenario, liarKinds } from './testing/data-scenario.ts'
import { slotsByPlace } from './testing/data-stage.ts'

/** Between them all sorts of faults. */
const seeds = [2, 4, 7, 10, 16]

test('data under seeds: all that is certified is read, though a third is bad', async () => {
  const runs = []
  for (const seed of seeds) runs.push(await runDataSeed(seed))
  assert.deepEqual(
    runs.filter(({ violations }) => violations.length > 0),
    [],
  )
  for (const kind of ['recorded', 'read', 'sampled', 'node torn', 'disperser torn', 'expired']) {
    assert.ok(
      runs.some(({ counts }) => counts[kind]! > 0),
      kind,
    )
  }
  assert.deepEqual(await runDataSeed(seeds[0]!), runs[0], 'one seed is one run')
})

for (const [planted, rule] of [
  ['amnesiac', 'kept'],
  ['equivocator', 'honest'],
  ['silent', 'live'],
] as const) {
  test(`too many nodes that are ${planted} are seen as ${rule}`, async () => {
    for (const seed of [10, ...Array.from({ length: 50 }, (_, at) => at + 1)]) {
      const { violations } = await runDataSeed(seed, { planted })
      if (violations.some((violation) => violation.startsWith(rule))) return
    }
    assert.fail('no seed of the first fifty sees it')
  })
}

test('drawDataScenario swarms: every kind of fault is in some seeds and missing in others', () => {
  const scenarios = Array.from({ length: 400 }, (_, seed) =>
    drawDataScenario(createSeededRng(seed), slotsByPlace),
  )
  const spells = ['down', 'slow', 'stale'] as const
  const shares: Readonly<Record<string, (scenario: (typeof scenarios)[number]) => boolean>> = {
    loss: ({ loss }) => loss > 0,
    crashes: ({ nodeCrashes }) => nodeCrashes.length > 0,
    tears: ({ nodeTears }) => nodeTears > 0,
    'disperser tears': ({ disperserTears }) => disperserTears > 0,
    contests: ({ contests }) => contests.length > 0,
    quorums: ({ quorumCount }) => quorumCount > 1,
    dispersers: ({ disperserCount }) => disperserCount > 1,
    'bad nodes': ({ bad }) => bad.size > 0,
    readers: ({ readEveryMs }) => readEveryMs > 0,
    samplers: ({ sampleEveryMs }) => sampleEveryMs > 0,
    'old views': ({ weather }) => weather.lagMsMax > 0,
    'lost receipts': ({ weather }) => weather.lostReceipts > 0,
    ...Object.fromEntries(liarKinds.map((kind) => [kind, ({ liar }) => liar === kind])),
    ...Object.fromEntries(
      badKinds.map((kind) => [kind, ({ bad }) => [...bad.values()].includes(kind)]),
    ),
    ...Object.fromEntries(
      spells.map((kind) => [kind, ({ weather }) => weather.spells.some((s) => s.kind === kind)]),
    ),
  }
  for (const [kind, holds] of Object.entries(shares)) {
    const share = scenarios.filter(holds).length / scenarios.length
    assert.ok(share > 0.01 && share < 0.9, `${kind} in ${share} of the seeds`)
  }
})

test('drawDataScenario never gives bad nodes more than a third of the slots of any epoch', () => {
  for (let seed = 0; seed < 400; seed++) {
    const { bad, votes, shape } = drawDataScenario(createSeededRng(seed), slotsByPlace)
    for (const each of votes) {
      const slots = slotsByPlace(each, shape)
      const held = [...bad.keys()].reduce((sum, place) => sum + slots[place]!, 0)
      assert.ok(3 * held <= shape.codedRows, `seed ${seed}`)
    }
  }
})
