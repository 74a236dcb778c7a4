/**
 * `npm test`: everything that must hold at each commit.
 *
 *   check   types, lint, format, unused code
 *   unit    every *.test.ts beside the code, official vectors and samples of the long suites
 *           included; two processes, a core each, that take every other file
 *   e2e     every *.e2e.test.ts: real processes, real sockets, real clients
 *
 * Arguments are names of suites; without any, all run. Longer suites, and every *.long.test.ts, are
 * run by `npm run test:full -- NAME`.
 */

import { globSync } from 'node:fs'

import { runSuites, type Suite } from './suites.ts'

const inRooms = { exclude: (name: string) => name === 'node_modules' || name === '.node' }
const tests = globSync('*/**/*.test.ts', inRooms).sort()
const endToEnd = tests.filter((file) => file.endsWith('.e2e.test.ts'))
const unit = tests.filter((file) => !/\.(e2e|long)\.test\.ts$/.test(file))

/** One process for many files: to load the rooms costs more than most tests. */
const inOneProcess = ['--test', '--test-isolation=none', '--test-reporter=spec']
const inTurn = ['--test', '--test-concurrency=1', '--test-reporter=spec']
const everyOther = [0, 1].map((lane) => unit.filter((_, index) => index % 2 === lane))

const all: readonly Suite[] = [
  { name: 'check', lanes: [['scripts/check.ts']] },
  { name: 'unit', lanes: everyOther.map((files) => [...inOneProcess, ...files]) },
  { name: 'e2e', lanes: [[...inTurn, ...endToEnd]] },
]

const names = process.argv.slice(2)
const chosen = all.filter(({ name }) => names.length === 0 || names.includes(name))
const unknown = names.filter((name) => !all.some((suite) => suite.name === name))
if (unknown.length > 0) {
  console.error(`zg: there is no suite "${unknown[0]}". Try: npm test -- check unit e2e`)
  process.exit(2)
}
const passed = await runSuites(chosen)
process.exit(passed ? 0 : 1)
