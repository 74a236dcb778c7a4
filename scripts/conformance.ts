/**
 * `npm run conformance [-- NAME...] [--json]`: every official vector we hold ourselves to, in full.
 *
 * Prints `{ suite: { passed, failed, skipped } }`. The vectors lie in `../shared/fixtures`; without
 * them the suites are skipped in one line. Suites that are counted by case have a runner beside
 * their code; the small ones are counted by test of the file that holds them.
 */

import { run } from 'node:test'

import { runStateSuite } from '../evm/conformance/state-suite.ts'
import type { StateFailure, SuiteScore } from '../evm/conformance/state-suite.ts'
import { runTransactionSuite } from '../evm/conformance/transaction-suite.ts'
import { runPrecompileSuite } from '../evm/precompiles/vector-suite.ts'
import { runBlockSuite } from '../chain/testing/block-suite.ts'
import { runRpcCompat } from '../chain/testing/rpc-compat.ts'
import { fixtureAbsent } from '@zg/primitives/testing'

type Runner = () => Promise<Readonly<Record<string, SuiteScore>> | undefined>

/** Failures are told on standard error, so that `--json` stays one object. */
const tell = ({ name, problem }: StateFailure) => console.error(`✖ ${name}: ${problem}`)

const runners: Readonly<Record<string, Runner>> = {
  state: async () => {
    const cancun = runStateSuite('evm-state-cancun', { onFailure: tell })
    const osaka = runStateSuite('evm-state-osaka', { onFailure: tell })
    if (cancun === undefined || osaka === undefined) return undefined
    return prefixed('state_', { ...cancun, ...osaka })
  },
  transactions: async () => {
    const score = runTransactionSuite(tell)
    return score && { transactions: score }
  },
  precompiles: async () => {
    const scores = runPrecompileSuite((name, problem) => tell({ name, problem }))
    return scores && { precompiles: sum(Object.values(scores)) }
  },
  'rpc-compat': async () => {
    const report = await runRpcCompat()
    if (report === undefined) return undefined
    for (const { file, problem } of report.failures) tell({ name: file, problem })
    const { passed, failed, claimed } = report
    // Skipped are the exceptions, each named with its reason (rpc-compat-exceptions.ts); files of
    // methods that we do not claim are not counted.
    return { 'rpc-compat': { passed, failed, skipped: claimed - passed - failed } }
  },
  trie: () => countTests('trie', ['state/trie-root.test.ts', 'state/trie-update.test.ts']),
  rlp: () => countTests('rlp', ['primitives/rlp.test.ts']),
  'hash-to-curve': () =>
    countTests('hash-to-curve', [
      'evm/precompiles/hash-to-curve.test.ts',
      'primitives/bls.test.ts',
    ]),
  blocks: () => runBlockSuite((name, problem) => tell({ name, problem })),
}

const args = process.argv.slice(2)
const names = args.filter((arg) => !arg.startsWith('--'))
const unknown = names.find((name) => runners[name] === undefined)
if (unknown !== undefined) {
  console.error(`zg: there is no suite "${unknown}". There are: ${Object.keys(runners).join(' ')}`)
  process.exit(2)
}

const scores: Record<string, SuiteScore> = {}
for (const [name, runner] of Object.entries(runners)) {
  if (names.length > 0 && !names.includes(name)) continue
  const score = await runner()
  if (score === undefined) console.error(`skipped ${name}: ${fixtureAbsent}`)
  else Object.assign(scores, score)
}

if (args.includes('--json')) console.log(JSON.stringify(scores, undefined, 2))
else {
  for (const [name, { passed, failed, skipped }] of Object.entries(scores)) {
    console.log(`${name.padEnd(16)} ${passed} passed, ${failed} failed, ${skipped} skipped`)
  }
}
process.exit(Object.values(scores).some(({ failed }) => failed > 0) ? 1 : 0)

async function countTests(name: string, files: readonly string[]) {
  const score = { passed: 0, failed: 0, skipped: 0 }
  const events = run({ files: [...files], isolation: 'process', concurrency: true })
  for await (const { type, data } of events) {
    if (type === 'test:fail') {
      score.failed++
      tell({ name: data.name, problem: String(data.details.error.message) })
    }
    if (type !== 'test:pass' || data.details.type === 'suite') continue
    if (data.skip === undefined) score.passed++
    else score.skipped++
  }
  return { [name]: score }
}

function sum(scores: readonly SuiteScore[]): SuiteScore {
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const { passed, failed, skipped } of scores) {
    total.passed += passed
    total.failed += failed
    total.skipped += skipped
  }
  return total
}

function prefixed(prefix: string, scores: Readonly<Record<string, SuiteScore>>) {
  return Object.fromEntries(Object.entries(scores).map(([name, score]) => [prefix + name, score]))
}
