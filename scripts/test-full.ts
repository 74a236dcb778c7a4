/**
 * `npm run test:full -- NAME [--count N] [--from SEED]`: the suites that take longer than a commit
 * may wait. What one prints last is its result; the committed ones are in docs/results/.
 *
 *   differential   random scenarios on our EVM and on ethereumjs, Prague and Osaka in turn
 *   anvil          the same on our EVM and on anvil
 *   conformance    every official vector
 *   coding         every way to lose rows of a small code
 *   sim            seeds of the simulated world
 *   data           seeds of data availability: lies, losses, crashes, epochs that turn, a chain
 *                  that is down or old; and every planted bug, each within 50 seeds
 *   worlds         every *.long.test.ts in turn, worlds of minutes; or those whose path holds a
 *                  second argument
 *   conservation   three networks, one corrupt, one that dies: stake, bridge, grant, slash
 *   drills         what shared stake promises, done to a running world of five operators
 *   growth         load opens a third network of a running world, and lets it go again
 *   accountability networks with more or less than a third of two minds, and what the contracts say
 *   forge          the contracts' tests again on forge's EVM, and its fuzzer on their bytecode
 *   l1-anvil       the same drills in a world whose L1 is anvil
 *   l1-geth        and one whose L1 is `geth --dev`, of PATH or ZG_GETH (docs/peers.md); skipped
 *                  without it
 */

import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

import { runDrills } from '../devnet/testing/drills.ts'
import { runForge } from '../contracts/forge/run-forge.ts'
import type { DrillReport } from '../devnet/testing/drill-world.ts'
import type { DrillL1 } from '../devnet/testing/drills.ts'
import { runGrowthDrill } from '../devnet/testing/growth-drill.ts'
import { runConservation } from '../contracts/testing/conservation.ts'
import { tryErasurePatterns } from '../coding/testing/erasure-patterns.ts'
import { devAccounts } from '../devnet/accounts.ts'
import { findGeth, gethFunderKey, startGeth } from '../devnet/testing/geth-process.ts'
import { emptyScore, runAnvilDifferential, runDifferential } from '../evm/differential.ts'
import type { DifferentialScore } from '../evm/differential.ts'
import { startAnvil } from '../evm/testing/anvil-process.ts'
import { fromHex } from '../primitives/index.ts'
import { runAccountability } from '../sim/testing/accountability.ts'
import { dataBugs } from '../sim/testing/data-bugs.ts'
import { findBug, runDataSeeds } from '../sim/testing/data-seeds.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string' }, from: { type: 'string', default: '1' } },
})
const [name = ''] = positionals
const firstSeed = Number(values.from)

/** Seeds in which each planted bug of data availability must be found. */
const bugSeeds = 100

/** Steps that are taken of one seed of `conservation`: trees that grow make later ones dear. */
const conservationSteps = 250

const suites: Readonly<Record<string, () => number | Promise<number>>> = {
  differential: () => differential(Number(values.count ?? 200_000)),
  anvil: () => anvil(Number(values.count ?? 200_000)),
  conformance: () => runScript(['scripts/conformance.ts', '--json']),
  coding,
  sim: () => {
    const seeds = ['--seeds', values.count ?? '5000', '--from', String(firstSeed)]
    return runScript(['cli/main.ts', 'sim', ...seeds, '--json'])
  },
  conservation: () => conservation(Number(values.count ?? 10_000)),
  drills: () => drills('drills', (tell) => runDrills(tell)),
  growth: () => drills('growth', runGrowthDrill),
  accountability: () => accountability(Number(values.count ?? 240)),
  worlds: () => worlds(positionals[1] ?? ''),
  data: () => data(Number(values.count ?? 1_000)),
  forge: () => forge(Number(values.count ?? 10_000)),
  'l1-anvil': l1Anvil,
  'l1-geth': l1Geth,
}
const suite = suites[name]
if (suite === undefined) {
  console.error(`zg: there is no long suite "${name}". There are: ${Object.keys(suites).join(' ')}`)
  process.exit(2)
}
process.exit(await suite())

function coding(): number {
  console.log(JSON.stringify({ suite: 'coding', ...tryErasurePatterns(1) }))
  return 0
}

async function drills(
  suite: string,
  run: (tell: (line: string) => void) => Promise<DrillReport>,
): Promise<number> {
  const report = await run((line) => console.error(line))
  console.log(JSON.stringify({ suite, ...report }))
  return 0
}

/** Ports are each world's own, and their finality is held to a pace: one at a time. */
function worlds(part: string): number {
  const files = globSync('*/**/*.long.test.ts', { exclude: ['**/node_modules'] }).sort()
  const chosen = files.filter((file) => file.includes(part))
  const status = runScript(['--test', '--test-concurrency=1', '--test-reporter=spec', ...chosen])
  console.log(JSON.stringify({ suite: 'worlds', files: chosen, failed: status !== 0 }))
  return status
}

async function anvil(count: number): Promise<number> {
  const forks = ['prague', 'osaka'] as const
  const score = await runAnvilDifferential({ count, firstSeed, forks }, ({ fork, seed, what }) =>
    console.error(`✖ seed ${seed} ${fork}: ${what}`),
  )
  if (score === undefined) {
    console.error('zg: anvil does not run here: the package @foundry-rs/anvil has no binary for it')
    return 1
  }
  console.log(JSON.stringify({ suite: 'anvil', firstSeed, forks, ...score }))
  return score.differences === 0 ? 0 : 1
}

async function differential(count: number): Promise<number> {
  const forks = ['prague', 'osaka'] as const
  const total = emptyScore()
  const pieceMax = 1_000
  while (total.scenarios < count) {
    const piece = Math.min(pieceMax, count - total.scenarios)
    const seeds = { count: piece, firstSeed: firstSeed + total.scenarios, forks }
    const score = await runDifferential(seeds, ({ fork, seed, what }) =>
      console.error(`✖ seed ${seed} ${fork}: ${what}`),
    )
    for (const figure of Object.keys(total) as (keyof DifferentialScore)[]) {
      total[figure] += score[figure]
    }
    console.error(`${total.scenarios} of ${count} scenarios, ${total.differences} differences`)
  }
  console.log(JSON.stringify({ suite: 'differential', firstSeed, forks, ...total }))
  return total.differences === 0 ? 0 : 1
}

async function conservation(count: number): Promise<number> {
  const taken: Record<string, number> = {}
  let [steps, seed] = [0, firstSeed]
  while (steps < count) {
    const score = await runConservation(seed++, conservationSteps)
    for (const [kind, times] of Object.entries(score)) taken[kind] = (taken[kind] ?? 0) + times
    steps += conservationSteps
    console.error(`${steps} of ${count} steps`)
  }
  const seeds = seed - firstSeed
  console.log(JSON.stringify({ suite: 'conservation', firstSeed, seeds, steps, taken }))
  return Object.values(taken).every((times) => times > 0) ? 0 : 1
}

async function data(count: number): Promise<number> {
  let done = 0
  const score = await runDataSeeds({
    from: firstSeed,
    count,
    threads: availableParallelism(),
    onResult: ({ seed, violations }) => {
      if (violations.length > 0) console.error(`✖ seed ${seed}: ${violations[0]}`)
      if (++done % 100 === 0) console.error(`${done} of ${count} seeds`)
    },
  })
  const bugs: Record<string, number | undefined> = {}
  const seeds = Array.from({ length: bugSeeds }, (_, at) => at + 1)
  for (const bug of dataBugs) bugs[bug.name] = (await findBug(bug, seeds))?.seed
  console.log(JSON.stringify({ suite: 'data', firstSeed, ...score, bugs }))
  const isBlind = Object.values(bugs).includes(undefined) || score.missing.length > 0
  return score.failures.length === 0 && !isBlind ? 0 : 1
}

async function accountability(count: number): Promise<number> {
  const score = await runAccountability({ firstSeed, count }, (line) => console.error(line))
  console.log(JSON.stringify({ suite: 'accountability', firstSeed, ...score }))
  return score.failures === 0 ? 0 : 1
}

/** `count` is of the runs of each function with random arguments. */
function forge(count: number): number {
  const tell = (line: string): void => console.error(line)
  const score = runForge({ fuzzRuns: count, seed: firstSeed, tell })
  if (score === undefined) return skip('forge', 'forge')
  console.log(JSON.stringify({ suite: 'forge', ...score }))
  return score.failures === 0 ? 0 : 1
}

/** Its final blocks are two behind the newest. */
async function l1Anvil(): Promise<number> {
  const pace = ['--block-time', '1', '--slots-in-an-epoch', '1']
  const running = await startAnvil(['--hardfork', 'osaka', ...pace])
  const [funder] = await devAccounts()
  if (running === undefined || funder === undefined) return skip('l1-anvil', 'anvil')
  return onL1('l1-anvil', {
    ...running,
    funderKey: fromHex(funder.privateKey),
    epochSeconds: 30,
  })
}

/** Its final blocks come in steps of 32: an epoch is longer than twice a step seen and one more. */
async function l1Geth(): Promise<number> {
  const path = findGeth(process.env)
  if (path === undefined) return skip('l1-geth', 'geth')
  const running = await startGeth(path)
  return onL1('l1-geth', { ...running, funderKey: gethFunderKey, epochSeconds: 150 })
}

async function onL1(suite: string, l1: DrillL1 & { close(): Promise<void> }): Promise<number> {
  const leave = (): void => void l1.close().then(() => process.exit(1))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, leave)
  try {
    return await drills(suite, (tell) => runDrills(tell, l1))
  } finally {
    await l1.close()
  }
}

function skip(suite: string, program: string): number {
  console.error(`zg: ${program} is not here; docs/peers.md says how to get it`)
  console.log(JSON.stringify({ suite, skipped: true }))
  return 0
}

function runScript(args: readonly string[]): number {
  return spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1
}
