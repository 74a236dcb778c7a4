/**
 * Runs the official state tests: one signed transaction on a state in a block, and the root and
 * logs that must come of it.
 *
 * The file format is described in the fixtures' README: `indexes` pick data, gas and value; the
 * transaction's bytes are given, so its decoding and the recovery of its sender are tested too. A
 * case with `expectException` must be refused, by the decoder or by the checks, and leave the state
 * as it was.
 */

import { bytesToBigint, encodeRlp, fromHex, keccak256, toHex } from '@zg/primitives'
import { parseFixtureJson, readFixture } from '@zg/primitives/testing'

import type { BlockEnvironment } from '../block-environment.ts'
import { blobBaseFee } from '../fees.ts'
import { blobParametersDefault, forks } from '../fork.ts'
import type { Fork } from '../fork.ts'
import { Machine } from '../machine.ts'
import { logItem } from '../receipt.ts'
import type { Log } from '../receipt.ts'
import { decodeTransaction, recoverSender } from '../transaction-codec.ts'
import { executeTransaction, executionInputOf } from '../transaction-execution.ts'
import { checkTransaction } from '../transaction-validity.ts'
import { gasPerBlob } from '../transaction.ts'
import type { Transaction } from '../transaction.ts'
import { WorldState } from '../world-state.ts'
import { MemoryState } from '@zg/state'
import type { Allocation } from '@zg/state'

/** The archives with state tests. */
export type StateSuiteName = 'evm-state-cancun' | 'evm-state-osaka'

/** How many cases did what. */
export type SuiteScore = {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** A case that went wrong. */
export type StateFailure = { readonly name: string; readonly problem: string }

export type StateSuiteOptions = {
  /** Every how many cases one is run; 1, the default, runs all. */
  readonly sample?: number
  /** Only files whose path contains this. */
  readonly filter?: string
  readonly onFailure?: (failure: StateFailure) => void
  /** Told every case and its time. */
  readonly onCase?: (name: string) => void
}

type Post = {
  readonly hash: string
  readonly logs: string
  readonly txbytes: string
  readonly expectException?: string
  readonly indexes: { readonly data: number; readonly gas: number; readonly value: number }
}

type AccountJson = {
  readonly balance: string
  readonly nonce: string
  readonly code: string
  readonly storage: Readonly<Record<string, string>>
}

type StateTest = {
  readonly env: Readonly<Record<string, string>>
  readonly pre: Readonly<Record<string, AccountJson>>
  readonly post: Readonly<Record<string, readonly Post[]>>
  readonly config?: {
    readonly chainid?: string
    readonly blobSchedule?: Readonly<
      Record<string, { target: string; max: string; baseFeeUpdateFraction: string }>
    >
  }
}

/**
 * Runs a suite, or a fixed sample of it.
 *
 * @returns The score by rule set; undefined when this machine has no fixtures.
 */
export function runStateSuite(
  name: StateSuiteName,
  options: StateSuiteOptions = {},
): Readonly<Record<string, SuiteScore>> | undefined {
  const files = readFixture(name)
  if (files === undefined) return undefined
  const scores: Record<string, { passed: number; failed: number; skipped: number }> = {}
  let count = 0
  for (const [path, bytes] of files) {
    if (!path.endsWith('.json') || !path.includes(options.filter ?? '')) continue
    const tests = parseFixtureJson(bytes) as Record<string, StateTest>
    for (const [title, fixture] of Object.entries(tests)) {
      for (const [rules, post] of Object.entries(fixture.post)) {
        const score = (scores[rules.toLowerCase()] ??= { passed: 0, failed: 0, skipped: 0 })
        for (const [index, expected] of post.entries()) {
          if (count++ % (options.sample ?? 1) !== 0) continue
          const problem = runCase(fixture, expected, forkOf(rules))
          const caseName = `${path} ${title} ${rules}[${index}]`
          options.onCase?.(caseName)
          if (problem === undefined) score.passed++
          else {
            score.failed++
            options.onFailure?.({ name: caseName, problem })
          }
        }
      }
    }
  }
  return scores
}

/** Returns what went wrong, or undefined. */
function runCase(fixture: StateTest, expected: Post, fork: Fork): string | undefined {
  const state = new MemoryState(allocationsOf(fixture.pre))
  let logs: readonly Log[] = []
  let refusal: string | undefined
  try {
    const result = applyTransaction(state, fixture, { expected, fork })
    if ('refusal' in result) refusal = result.refusal
    else logs = result.logs
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return `threw ${error.stack}`
  }
  const isRefusalWanted = expected.expectException !== undefined
  if (isRefusalWanted !== (refusal !== undefined)) {
    return `wanted ${expected.expectException ?? 'no refusal'}, had ${refusal ?? 'none'}`
  }
  const root = toHex(state.root())
  if (root !== expected.hash) return `state root ${root}, not ${expected.hash}`
  const logsHash = toHex(keccak256(encodeRlp(logs.map(logItem))))
  if (logsHash !== expected.logs) return `logs hash ${logsHash}, not ${expected.logs}`
  return undefined
}

function applyTransaction(
  memory: MemoryState,
  fixture: StateTest,
  { expected, fork }: { expected: Post; fork: Fork },
): { refusal: string } | { logs: readonly Log[] } {
  const block = environmentOfFixture(fixture, fork)
  let transaction: Transaction
  let signer: bigint
  try {
    transaction = decodeTransaction(fromHex(expected.txbytes))
    signer = recoverSender(transaction)
  } catch (error) {
    return { refusal: (error as Error).message }
  }
  const state = new WorldState(memory, fork)
  const sender = state.account(signer)
  const room = { gas: block.gasLimit, blobGas: BigInt(block.blobCountMax) * gasPerBlob }
  const bounds = checkTransaction(transaction, { sender, state, block, room })
  if ('status' in bounds) return { refusal: bounds.message }
  const input = executionInputOf(transaction, { sender, bounds, block })
  const { logs } = executeTransaction(new Machine(state, block), input)
  memory.apply(state.changes())
  return { logs }
}

function environmentOfFixture({ env, config }: StateTest, fork: Fork): BlockEnvironment {
  const schedule = config?.blobSchedule?.[`${fork[0]?.toUpperCase()}${fork.slice(1)}`]
  const parameters = blobParametersDefault[fork]
  const fraction =
    schedule === undefined
      ? parameters.baseFeeUpdateFraction
      : BigInt(schedule.baseFeeUpdateFraction)
  const number = BigInt(env['currentNumber'] ?? 0)
  return {
    fork,
    chainId: BigInt(config?.chainid ?? 1),
    coinbase: BigInt(env['currentCoinbase'] ?? 0),
    number,
    timestamp: BigInt(env['currentTimestamp'] ?? 0),
    gasLimit: BigInt(env['currentGasLimit'] ?? 0),
    prevRandao: BigInt(env['currentRandom'] ?? 0),
    baseFeePerGas: BigInt(env['currentBaseFee'] ?? 0),
    blobBaseFee: blobBaseFee(BigInt(env['currentExcessBlobGas'] ?? 0), fraction),
    blobCountMax: schedule === undefined ? parameters.max : Number(schedule.max),
    // The convention of state tests: a block's hash is that of its number in decimal digits.
    blockHash: (of) => keccak256(new TextEncoder().encode(String(of))),
  }
}

function allocationsOf(pre: StateTest['pre']): Allocation[] {
  return Object.entries(pre).map(([address, { balance, nonce, code, storage }]) => ({
    address: bytesToBigint(fromHex(address)),
    balance: BigInt(balance),
    nonce: BigInt(nonce),
    code: fromHex(code),
    storage: Object.entries(storage).map(([slot, value]) => [BigInt(slot), BigInt(value)]),
  }))
}

function forkOf(rules: string): Fork {
  const fork = forks.find((known) => known === rules.toLowerCase())
  if (fork === undefined) throw new Error(`no such rules: ${rules}`)
  return fork
}
