/**
 * `npm run bench -- NAME... [--json] [--out FILE]`: runs `NAME.bench.ts`, wherever it stands beside
 * its code.
 *
 * A bench exports `bench()`, which measures us and our peers in the same run and returns figures;
 * ratios are ours over the peer's. `--out` keeps what was measured with command, commit and machine
 * (docs/results). Without a name it lists what there is.
 */

import { execFileSync } from 'node:child_process'
import { globSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

/** What a `*.bench.ts` returns: figures by name, the unit last in the name. */
type BenchResult = {
  readonly name: string
  readonly metrics: Readonly<Record<string, number | string>>
  readonly peers: Readonly<Record<string, Readonly<Record<string, number | string>>>>
  readonly ratios: Readonly<Record<string, number>>
  /** What is no figure with a name; only JSON has it. */
  readonly report?: unknown
}

/** Every bench is given all of them, and takes those it knows. */
type BenchOptions = {
  readonly simulate?: boolean | undefined
  readonly seconds?: string | undefined
  readonly networks?: string | undefined
  readonly quorums?: string | undefined
}

const files = new Map(
  globSync('*/**/*.bench.ts', { exclude: (name) => name === 'node_modules' || name === '.node' })
    .sort()
    .map((path) => [basename(path, '.bench.ts'), path]),
)
const { values, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    out: { type: 'string' },
    simulate: { type: 'boolean' },
    seconds: { type: 'string' },
    networks: { type: 'string' },
    quorums: { type: 'string' },
  },
})
const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  memoryNs: memoryLatencyNs(),
}

if (names.length === 0) {
  console.log(`Benches: ${[...files.keys()].join(' ')}\nRun one: npm run bench -- NAME --json`)
}
if (values.out !== undefined && names.length > 1) {
  console.error('zg: --out keeps one bench; name one')
  process.exit(2)
}
for (const name of names) {
  const path = files.get(name)
  if (path === undefined) {
    console.error(`zg: there is no bench "${name}". There are: ${[...files.keys()].join(' ')}`)
    process.exit(2)
  }
  const loaded = (await import(pathToFileURL(resolve(path)).href)) as {
    bench(options: BenchOptions): Promise<BenchResult>
  }
  const result = await loaded.bench(values)
  if (values.out !== undefined) keep(values.out, result)
  if (values.json === true) console.log(JSON.stringify({ ...result, machine }))
  else printTable(result)
}
// A bench may leave a peer's handles open; all that was measured is printed.
process.exit(0)

/**
 * Time of one read that waits for the one before, in a ring of 8 MiB: some 20 ns where the last
 * cache is ours, over 100 where neighbours of a shared machine have it. Figures of different hours
 * compare only where this one does.
 */
function memoryLatencyNs(): number {
  const count = 2 ** 21
  const reads = 2 ** 21
  const next = new Int32Array(count)
  // An odd stride far from any power of two visits every place, and no prefetcher follows it.
  const stride = 1_299_709
  for (let index = 0; index < count; index++) next[index] = (index + stride) % count
  let place = 0
  const startMs = performance.now()
  for (let read = 0; read < reads; read++) place = next[place] as number
  const elapsedMs = performance.now() - startMs
  return Math.round((elapsedMs * 1e6) / reads) + (place > count ? 1 : 0)
}

/** A result that is kept says how to get it again. */
function keep(path: string, result: BenchResult): void {
  const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()
  const kept = { command, commit, machine, result }
  writeFileSync(path, `${JSON.stringify(kept, undefined, 2)}\n`)
}

function printTable({ name, metrics, peers, ratios }: BenchResult): void {
  const { cpu, cores, node, memoryNs } = machine
  console.log(`\n${name}  (${cpu}, ${cores} cores, Node ${node}, memory ${memoryNs} ns)`)
  for (const [metric, value] of Object.entries(metrics)) row('', metric, value)
  for (const [peer, figures] of Object.entries(peers)) {
    for (const [metric, value] of Object.entries(figures)) row(`${peer} `, metric, value)
  }
  for (const [ratio, value] of Object.entries(ratios)) row('ratio ', ratio, value)
}

function row(who: string, metric: string, value: number | string): void {
  const shown =
    typeof value === 'number' ? Number(value.toPrecision(4)).toLocaleString('en') : value
  console.log(`  ${`${who}${metric}`.padEnd(56)} ${shown}`)
}
