/**
 * `npm run sim -- --seeds N --from S --json`: runs seeds and says what broke.
 *
 * Ends with 1 when a seed violated an invariant or stalled; each such seed is told on standard
 * error, and `npm run sim -- --from SEED --seeds 1` replays it.
 */

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

import type { EngineFaults } from '@zg/consensus'

import { plantedBugs } from './planted-bugs.ts'
import { failureOf, runSeeds } from './seed-batch.ts'
import type { BatchSummary } from './seed-batch.ts'

const usage = `Usage: npm run sim -- [options]
  --seeds N     how many seeds (default 100)
  --from S      the first seed (default 1)
  --threads T   threads to run them on (default: the machine's; 0: this one)
  --bug NAME    plants a bug: ${plantedBugs.map(({ name }) => name).join(', ')}
  --json        prints one JSON object and nothing else

Examples:
  npm run sim -- --seeds 500 --json
  npm run sim -- --seeds 1 --from 1234       replays one seed`

type Arguments = {
  readonly seeds: number
  readonly from: number
  readonly threads: number
  readonly faults: EngineFaults
  readonly isJson: boolean
}

/** Most seeds of one run. */
const seedCountMax = 10_000_000

const args = readArguments(process.argv.slice(2))
if (args === 'help') console.log(usage)
else if (typeof args === 'string') {
  console.error(`zg: ${args}; see npm run sim -- --help`)
  process.exitCode = 2
} else {
  const summary = await run(args)
  if (summary.violations + summary.stalls > 0) process.exitCode = 1
}

async function run({ seeds, from, threads, faults, isJson }: Arguments): Promise<BatchSummary> {
  const startedMs = performance.now()
  let doneCount = 0
  const summary = await runSeeds({
    from,
    count: seeds,
    threads: Math.min(threads, seeds),
    faults,
    onResult: (result) => {
      doneCount++
      const failure = failureOf(result)
      if (failure !== undefined) console.error(`seed ${result.seed}: ${failure}`)
      if (isJson) return
      if (process.stdout.isTTY) process.stdout.write(`\r${doneCount} of ${seeds} seeds `)
    },
  })
  if (isJson) console.log(JSON.stringify(summary))
  else printSummary(summary, (performance.now() - startedMs) / 1_000)
  return summary
}

function printSummary(summary: BatchSummary, seconds: number): void {
  const { seeds, violations, stalls, traceHash, faults, events, virtualSeconds } = summary
  const kinds = Object.entries(faults).map(([kind, count]) => `${kind} ${count}`)
  console.log(`\n${seeds} seeds: ${violations} violations, ${stalls} stalls, trace ${traceHash}`)
  console.log(`faults: ${kinds.join(' · ')}`)
  const { heights, epochs } = summary
  console.log(`${heights} blocks, ${epochs} epochs closed`)
  console.log(`${events} events, ${virtualSeconds} virtual seconds`)
  console.log(`${seconds.toFixed(1)} s, ${(seeds / seconds).toFixed(1)} seeds/s`)
}

/** Returns the arguments, or what is wrong with them; `help` when that is asked for. */
function readArguments(argv: readonly string[]): Arguments | string {
  if (argv.includes('--help') || argv.includes('-h')) return 'help'
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        seeds: { type: 'string', default: '100' },
        from: { type: 'string', default: '1' },
        threads: { type: 'string', default: String(availableParallelism()) },
        bug: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    const [seeds, from, threads] = [values.seeds, values.from, values.threads].map(readCount)
    if (seeds === undefined || seeds < 1) return 'Cannot run: --seeds takes a number from 1'
    if (from === undefined) return 'Cannot run: --from takes a number from 0'
    if (threads === undefined) return 'Cannot run: --threads takes a number from 0'
    const bug = plantedBugs.find(({ name }) => name === values.bug)
    if (values.bug !== undefined && bug === undefined) return `Cannot plant "${values.bug}"`
    const faults = bug?.faults ?? {}
    return { seeds, from, threads: Math.min(threads, 64), faults, isJson: values.json }
  } catch (error) {
    return error instanceof Error ? `Cannot run: ${error.message}` : 'Cannot run'
  }
}

function readCount(text: string): number | undefined {
  const count = Number(text)
  return /^\d+$/.test(text) && count <= seedCountMax ? count : undefined
}
