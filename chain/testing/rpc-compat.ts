/**
 * Replays the execution API's rpc-compat tests (ethereum/execution-apis) against our RPC.
 *
 * A file is a list of exchanges: `>> request`, `<< expected answer`. Files of methods we do not
 * claim are skipped. An answer passes when it equals the expected one as JSON and fits the
 * method's schema in `openrpc.json`; of an expected error only the code counts; where the file
 * says `speconly`, only the schema, and that both are a result or both an error.
 */

import { isDeepStrictEqual } from 'node:util'

import { fixtureAbsent, parseFixtureJson, readFixture } from '@zg/primitives/testing'
import { createSystemClock } from '@zg/runtime'

import { answerJsonRpc } from '../rpc/json-rpc.ts'
import type { JsonRpcOptions } from '../rpc/json-rpc.ts'
import { rpcMethods } from '../rpc/methods.ts'
import { schemaProblem } from './json-schema.ts'
import { rpcCompatExceptions } from './rpc-compat-exceptions.ts'
import { loadFixtureNode } from './rpc-compat-node.ts'

export type RpcCompatFailure = { readonly file: string; readonly problem: string }

export type RpcCompatReport = {
  readonly passed: number
  /** Files answered otherwise than expected, the excepted ones left out. */
  readonly failed: number
  /** Files of methods we do not claim, and the excepted ones. */
  readonly skipped: number
  /** Files of methods we claim: passed, failed and excepted. */
  readonly claimed: number
  readonly failures: readonly RpcCompatFailure[]
  /** Excepted files that pass after all: their exception must go. */
  readonly needless: readonly string[]
}

/** Why there is no report on this machine. */
export const rpcCompatAbsent = fixtureAbsent

type Exchange = { readonly request: string; readonly expected: Answer }
type Answer = { readonly result?: unknown; readonly error?: { readonly code: number } }
type Schemas = ReadonlyMap<string, Readonly<Record<string, unknown>>>

/** Runs all files; undefined when the machine has no fixtures. Takes about 10 s. */
export async function runRpcCompat(): Promise<RpcCompatReport | undefined> {
  const fixture = readFixture('rpc-compat')
  if (fixture === undefined) return undefined
  const chainRlp = fixture.get('tests/chain.rlp')
  if (chainRlp === undefined) throw new Error('The fixture has no chain')
  const genesisJson = parseFixtureJson(fixture.get('tests/genesis.json'))
  const node = await loadFixtureNode(genesisJson, chainRlp)
  const clock = createSystemClock()
  const methods = rpcMethods(node, { clock, clientVersion: 'zg/rpc-compat' })
  const rpc: JsonRpcOptions = {
    methods,
    clock,
    onInternalError: (method, error) => {
      throw new Error(`${method} failed`, { cause: error })
    },
  }
  const schemas = readSchemas(parseFixtureJson(fixture.get('openrpc.json')))
  const files = [...fixture.keys()].filter((path) => path.endsWith('.io')).toSorted(poolLast)
  const report = { passed: 0, failed: 0, skipped: 0, claimed: 0 }
  const failures: RpcCompatFailure[] = []
  const needless: string[] = []
  for (const path of files) {
    const file = path.slice('tests/'.length)
    const method = file.slice(0, file.indexOf('/'))
    if (!methods.single.has(method) && !methods.bulk.has(method)) {
      report.skipped++
      continue
    }
    report.claimed++
    const text = new TextDecoder().decode(fixture.get(path))
    const problem = await fileProblem(text, { rpc, schema: schemas.get(method) })
    const isExcepted = Object.hasOwn(rpcCompatExceptions, file)
    if (problem === undefined) {
      report.passed++
      if (isExcepted) needless.push(file)
    } else if (isExcepted) {
      report.skipped++
    } else {
      report.failed++
      failures.push({ file, problem })
    }
  }
  return { ...report, failures, needless }
}

async function fileProblem(
  text: string,
  { rpc, schema }: { rpc: JsonRpcOptions; schema: Readonly<Record<string, unknown>> | undefined },
): Promise<string | undefined> {
  const specOnly = text.includes('// speconly:')
  for (const { request, expected } of exchangesOf(text)) {
    const answered = JSON.parse((await answerJsonRpc(request, undefined, rpc)) ?? 'null') as Answer
    const problem = answerProblem(answered, expected, { specOnly, schema })
    if (problem !== undefined) return problem
  }
  return undefined
}

function answerProblem(
  answered: Answer,
  expected: Answer,
  rules: { specOnly: boolean; schema: Readonly<Record<string, unknown>> | undefined },
): string | undefined {
  if (expected.error !== undefined || answered.error !== undefined) {
    if (answered.error?.code === expected.error?.code) return undefined
    return `answered ${JSON.stringify(answered)}, not ${JSON.stringify(expected)}`.slice(0, 2_000)
  }
  const problem = rules.schema && schemaProblem(answered.result, rules.schema)
  if (problem !== undefined) return problem
  if (rules.specOnly || isDeepStrictEqual(answered.result, expected.result)) return undefined
  return difference(answered.result, expected.result, '$') ?? 'it differs'
}

/** The first place where two values differ. */
function difference(a: unknown, b: unknown, path: string): string | undefined {
  if (isDeepStrictEqual(a, b)) return undefined
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return `${path}: ${JSON.stringify(a)?.slice(0, 100)}, not ${JSON.stringify(b)?.slice(0, 100)}`
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [left, right] = [a, b].map((side) => (side as Record<string, unknown>)[key])
    const found = difference(left, right, `${path}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}

function exchangesOf(text: string): readonly Exchange[] {
  const exchanges: Exchange[] = []
  let request = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('>> ')) request = line.slice(3)
    if (line.startsWith('<< ')) {
      exchanges.push({ request, expected: JSON.parse(line.slice(3)) as Answer })
    }
  }
  return exchanges
}

/** Files that change or show the pool go last: the others must not see what they sent. */
function poolLast(a: string, b: string): number {
  const rank = (path: string) => (/eth_sendRaw|txpool_/.test(path) ? 1 : 0)
  return rank(a) - rank(b) || (a < b ? -1 : 1)
}

function readSchemas(openRpc: unknown): Schemas {
  type Method = { name: string; result?: { schema: Readonly<Record<string, unknown>> } }
  const { methods } = openRpc as { methods: readonly Method[] }
  return new Map(
    methods.flatMap(({ name, result }) => (result === undefined ? [] : [[name, result.schema]])),
  )
}
