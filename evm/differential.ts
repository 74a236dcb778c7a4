/**
 * Differential runs: random scenarios on our machine and on `@ethereumjs/vm`, compared in status,
 * gas, revert data, logs, balances, nonces, code and storage.
 *
 *     node evm/differential.ts --count 200000 --seed 1 [--forks cancun,prague,osaka]
 *
 * A scenario is named by its fork and seed, printed for each difference:
 *
 *     node evm/differential.ts --count 1 --seed SEED --forks FORK
 */

import { parseArgs } from 'node:util'

import { MemoryState } from './conformance/memory-state.ts'
import { forks } from './fork.ts'
import type { Fork } from './fork.ts'
import { Machine } from './machine.ts'
import { EthereumjsMachine } from './testing/ethereumjs-machine.ts'
import { randomScenario } from './testing/random-scenario.ts'
import type { Scenario } from './testing/random-scenario.ts'
import { describeAccount, describeLogs } from './testing/scenario-result.ts'
import type { Outcome, ScenarioResult } from './testing/scenario-result.ts'
import type { Tracer } from './tracer.ts'
import { decodeTransaction, recoverSender } from './transaction-codec.ts'
import { executeTransaction, executionInputOf } from './transaction-execution.ts'
import { checkTransaction } from './transaction-validity.ts'
import { gasPerBlob } from './transaction.ts'
import { WorldState } from './world-state.ts'

/** A scenario on which the machines do not agree. */
export type Difference = { readonly fork: Fork; readonly seed: number; readonly what: string }

/** The count of scenarios run and of what happened in them. */
export type DifferentialScore = {
  scenarios: number
  transactions: number
  rejected: number
  failed: number
  differences: number
}

/**
 * Runs `count` scenarios from seed `firstSeed` on, the forks in turn.
 *
 * @param onDifference - Told every difference.
 */
export async function runDifferential(
  { count, firstSeed, forks: chosen }: { count: number; firstSeed: number; forks: readonly Fork[] },
  onDifference: (difference: Difference) => void,
): Promise<DifferentialScore> {
  const peers = new Map<Fork, EthereumjsMachine>()
  for (const fork of chosen) peers.set(fork, await EthereumjsMachine.create(fork))
  const score = { scenarios: 0, transactions: 0, rejected: 0, failed: 0, differences: 0 }
  for (let index = 0; index < count; index++) {
    const seed = firstSeed + index
    const fork = chosen[index % chosen.length] as Fork
    const scenario = randomScenario(seed, fork)
    const ours = runScenario(scenario)
    const theirs = await (peers.get(fork) as EthereumjsMachine).run(scenario)
    const what = compare(ours, theirs)
    score.scenarios++
    for (const { status } of ours.outcomes) {
      score.transactions++
      if (status === 'rejected') score.rejected++
      if (status === 'failed') score.failed++
    }
    if (what !== undefined) {
      score.differences++
      onDifference({ fork, seed, what })
    }
  }
  return score
}

/** Runs a scenario on our machine, under the eyes of a tracer if there is one. */
export function runScenario(
  { allocations, block, transactions, fork }: Scenario,
  tracer?: Tracer,
): ScenarioResult {
  const memory = new MemoryState(allocations)
  const state = new WorldState(memory, fork)
  const machine = new Machine(state, block)
  const room = { gas: block.gasLimit, blobGas: BigInt(block.blobCountMax) * gasPerBlob }
  const outcomes = transactions.map((bytes): Outcome => {
    const transaction = decodeTransaction(bytes)
    const sender = state.account(recoverSender(transaction))
    const bounds = checkTransaction(transaction, { sender, state, block, room })
    if ('status' in bounds) return { status: 'rejected', reason: bounds.reason }
    const input = executionInputOf(transaction, { sender, bounds, block })
    const { outcome, gasUsed, output, logs } = executeTransaction(machine, { ...input, tracer })
    const isSuccess = outcome === 'success'
    return {
      status: isSuccess ? 'success' : 'failed',
      gasUsed,
      output: isSuccess ? '' : Buffer.from(output).toString('hex').replace(/^/, '0x'),
      logs: describeLogs(logs),
    }
  })
  memory.apply(state.changes())
  return { outcomes, accounts: accountsOf(memory) }
}

function accountsOf(memory: MemoryState): Map<bigint, string> {
  const accounts = new Map<bigint, string>()
  for (const address of memory.addresses()) {
    const account = memory.account(address)
    if (account === undefined) continue
    const { nonce, balance, codeHash } = account
    const code = memory.code(codeHash)
    const storage = memory.slots(address)
    accounts.set(address, describeAccount({ nonce, balance, code, storage }))
  }
  return accounts
}

function compare(ours: ScenarioResult, theirs: ScenarioResult): string | undefined {
  for (const [index, our] of ours.outcomes.entries()) {
    const their = theirs.outcomes[index]
    if (our.status === 'rejected' && their?.status === 'rejected') continue
    const [a, b] = [our, their].map(describeOutcome)
    if (a !== b) return `transaction ${index}:\n  ours   ${a}\n  theirs ${b}`
  }
  for (const address of new Set([...ours.accounts.keys(), ...theirs.accounts.keys()])) {
    const [a, b] = [ours.accounts.get(address), theirs.accounts.get(address)]
    if (a !== b) return `account ${address.toString(16)}:\n  ours   ${a}\n  theirs ${b}`
  }
  return undefined
}

function describeOutcome(outcome: Outcome | undefined): string {
  if (outcome === undefined) return 'nothing'
  if (outcome.status === 'rejected') return `rejected: ${outcome.reason}`
  const { status, gasUsed, output, logs } = outcome
  return `${status} gas ${gasUsed} output ${output} logs ${logs}`
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      forks: { type: 'string', default: forks.join() },
    },
  })
  const chosen = forks.filter((fork) => values.forks.split(',').includes(fork))
  const options = { count: Number(values.count), firstSeed: Number(values.seed), forks: chosen }
  const score = await runDifferential(options, ({ fork, seed, what }) => {
    console.log(`difference: --forks ${fork} --seed ${seed}\n  ${what}`)
  })
  console.log(JSON.stringify(score))
  if (score.differences > 0) process.exitCode = 1
}

if (import.meta.main) await main()
