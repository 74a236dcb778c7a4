/**
 * Runs named suites as child processes, one after another, and adds up what they tell.
 *
 * A suite passes when it ends with 0 within its line in `budgets.json` (seconds on a machine of two
 * cores). Counts are read from the closing lines of node:test's spec reporter ("ℹ pass 12") or from
 * our own ("12 passed, 0 failed, 1 skipped").
 */

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** One kind of proof: processes of Node that run side by side and pass together. */
export type Suite = {
  readonly name: string
  /** Arguments of Node, a process each. */
  readonly lanes: readonly (readonly string[])[]
}

export type Counts = { passed: number; failed: number; skipped: number }

/**
 * Runs all suites, prints each one's output, time and budget, and a last line of totals.
 *
 * @returns Whether every suite passed.
 */
export async function runSuites(suites: readonly Suite[]): Promise<boolean> {
  const budgets = readBudgets()
  const total: Counts = { passed: 0, failed: 0, skipped: 0 }
  const rows: string[] = []
  for (const suite of suites) {
    const budgetSeconds = budgets[suite.name]
    if (budgetSeconds === undefined) throw new Error(`budgets.json has no line "${suite.name}"`)
    console.log(`\n== ${suite.name}`)
    const { status, counts, seconds } = await runSuite(suite, budgetSeconds)
    const late = seconds >= budgetSeconds
    if ((status !== 0 || late) && counts.failed === 0) counts.failed = 1
    total.passed += counts.passed
    total.failed += counts.failed
    total.skipped += counts.skipped
    const verdict = late ? 'over its budget' : status !== 0 ? `failed (exit ${status})` : 'passed'
    const time = `${seconds.toFixed(1).padStart(7)} s of ${budgetSeconds} s`
    rows.push(`${suite.name.padEnd(8)} ${time}  ${verdict}`)
  }
  console.log(`\n${rows.join('\n')}`)
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
  return total.failed === 0
}

type SuiteEnd = { readonly status: number; readonly counts: Counts; readonly seconds: number }

async function runSuite({ lanes }: Suite, budgetSeconds: number): Promise<SuiteEnd> {
  const started = process.hrtime.bigint()
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
  const statuses = await Promise.all(
    lanes.map((run, lane) => runLane(run, { isHeld: lane > 0, counts, budgetSeconds })),
  )
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  return { status: Math.max(...statuses), counts, seconds }
}

/**
 * Runs one process and returns its exit code. What a held one prints is shown whole at its end, or
 * the lines of two would mingle. One that passes its budget is ended: a test that hangs must not
 * hang the run.
 */
function runLane(
  run: readonly string[],
  { isHeld, counts, budgetSeconds }: { isHeld: boolean; counts: Counts; budgetSeconds: number },
): Promise<number> {
  const child = spawn(process.execPath, run, { stdio: ['ignore', 'pipe', 'inherit'] })
  const overdue = setTimeout(() => child.kill('SIGTERM'), budgetSeconds * 1000)
  const held: string[] = []
  let rest = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    if (isHeld) held.push(text)
    else process.stdout.write(text)
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) addCounts(line, counts)
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(overdue)
      process.stdout.write(held.join(''))
      addCounts(rest, counts)
      resolve(code ?? 1)
    })
  })
}

function addCounts(line: string, counts: Counts): void {
  const ours = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(line)
  if (ours !== null) {
    counts.passed += Number(ours[1])
    counts.failed += Number(ours[2])
    counts.skipped += Number(ours[3] ?? 0)
    return
  }
  const theirs = /^ℹ (pass|fail|skipped) (\d+)$/.exec(line)
  if (theirs === null) return
  const count = Number(theirs[2])
  if (theirs[1] === 'pass') counts.passed += count
  if (theirs[1] === 'fail') counts.failed += count
  if (theirs[1] === 'skipped') counts.skipped += count
}

function readBudgets(): Record<string, number> {
  return JSON.parse(readFileSync(new URL('budgets.json', import.meta.url), 'utf8'))
}
