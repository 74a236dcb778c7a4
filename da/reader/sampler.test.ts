import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { SimulatedClock } from '@zg/runtime'
import { build } from 'esbuild'

import { sampleBatch } from './sampler.ts'
import { badNode } from '../testing/bad-parties.ts'
import { DataWorld, smallShape } from '../testing/data-world.ts'

const seed = new Uint8Array(32).fill(4)
const { signal } = new AbortController()

/** A world with one batch in it, and what a sampler is told of that. */
async function sampled() {
  const world = new DataWorld({ clock: new SimulatedClock() })
  await world.run(world.openNodes())
  const disperser = await world.run(world.openDisperser())
  const id = await world.run(disperser.submit(new Uint8Array(5_000).fill(8), { peer: 'p' }))
  const { batch, commitment } = await world.run(disperser.certified(id))
  // All members have their rows by then, not the signers alone.
  await world.clock.run({ untilMs: world.clock.nowMs() + 1_000 })
  const epoch = (await world.chain.epochAt(batch.epoch))!
  const quorum = await world.chain.quorumAt(epoch, batch.quorum)
  const { client, clock } = world
  const pause = (timeMs: number): Promise<void> =>
    new Promise((resolve) => void clock.setTimer(timeMs, resolve))
  return {
    world,
    options: { client, pause, shape: smallShape, batch, commitment, quorum, seed, signal },
  }
}

test('a batch that is there: all rows pass, and what that proves is said', async () => {
  const { world, options } = await sampled()
  const steps: number[] = []
  const onProgress = (answered: number): void => void steps.push(answered)
  const report = await world.run(sampleBatch({ ...options, count: 32, onProgress }))
  assert.deepEqual([report.asked, report.good], [32, 32])
  assert.deepEqual([report.missing, report.wrong], [[], []])
  assert.ok(report.chanceLog2 < -10)
  assert.equal(steps.at(-1), 32)
})

test('rows of nodes that are gone are missing, flipped ones are told with who gave them', async () => {
  const { world, options } = await sampled()
  world.stop(2)
  const liar = options.quorum.signers[5]!.url
  world.nodes.set(liar, badNode('corrupt', world, 5, world.nodes.get(liar)!))
  const forger = options.quorum.signers[0]!.url
  world.nodes.set(forger, badNode('forger', world, 0, world.nodes.get(forger)!))
  const report = await world.run(sampleBatch({ ...options, count: 64 }))
  assert.equal(report.good, 64 - 8)
  assert.equal(report.missing.length, 4)
  assert.deepEqual(new Set(report.wrong.map(({ url }) => url)), new Set([liar]))
  assert.equal(report.wrong.length, 4)
  // What passes of a batch that is far from every codeword would be as much.
  assert.equal(report.chanceLog2, 0)
})

test('an answer with more rows than were asked for, or one twice, is none', async () => {
  const { world, options } = await sampled()
  const { url } = options.quorum.signers[3]!
  const honest = world.nodes.get(url)!
  const answers: ((indexes: readonly number[]) => number[])[] = [
    (indexes) => [...indexes, indexes[0]!],
    (indexes) => indexes.map(() => indexes[0]!),
    (indexes) => [...indexes, ...indexes.map((index) => index + 1)],
  ]
  for (const answer of answers) {
    world.nodes.set(url, {
      store: (request) => honest.store(request),
      header: (batch) => honest.header(batch),
      rows: (batch, indexes) => honest.rows(batch, answer(indexes)),
    })
    const report = await world.run(sampleBatch({ ...options, count: 64 }))
    assert.deepEqual(report.wrong, [])
    assert.equal(report.missing.length, 4)
    assert.equal(report.good, 60)
  }
})

test('a few members are asked for the header, and more when those do not give it', async () => {
  const { world, options } = await sampled()
  let askedCount = 0
  let isSilent = false
  for (const { url } of options.quorum.signers) {
    const honest = world.nodes.get(url)!
    world.nodes.set(url, {
      store: (request) => honest.store(request),
      header: (batch) =>
        ++askedCount <= 8 && isSilent ? new Promise(() => undefined) : honest.header(batch),
      rows: (batch, indexes) => honest.rows(batch, indexes),
    })
  }
  await world.run(sampleBatch({ ...options, count: 8 }))
  assert.equal(askedCount, 4)
  askedCount = 0
  isSilent = true
  const report = await world.run(sampleBatch({ ...options, count: 8 }))
  assert.equal(report.good, 8)
  assert.equal(askedCount, 12)
})

test('who gives no good header samples nothing', async () => {
  const { world, options } = await sampled()
  const commitment = new Uint8Array(32)
  await assert.rejects(world.run(sampleBatch({ ...options, commitment })), {
    code: 'DA_SAMPLE_HEADER',
  })
})

test('the browser entry is bundled without a module of Node', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL('../browser.ts', import.meta.url))],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  })
  assert.doesNotMatch(outputFiles[0]!.text, /from ?["']node:|require\(["']/)
  const inputs = Object.keys(metafile.inputs)
  assert.ok(!inputs.some((path) => path.includes('blst') || path.includes('secp256k1')))
})
