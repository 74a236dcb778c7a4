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

import { delegateOf } from './code.ts'
import { MemoryState } from '@zg/state'
import { forks } from './fork.ts'
import type { Fork } from './fork.ts'
import { Machine } from './machine.ts'
import { AnvilMachine } from './testing/anvil-machine.ts'
import { EthereumjsMachine } from './testing/ethereumjs-machine.ts'
import { randomScenario } from './testing/random-scenario.ts'
import type { Scenario } from './testing/random-scenario.ts'
import { describeAccount, describeLogs } from './testing/scenario-result.ts'
import type { Outcome, ScenarioResult } from './testing/scenario-result.ts'
import type { Tracer } from './tracer.ts'
import { decodeTransaction, recoverAuthority, recoverSender } from './transaction-codec.ts'
import { executeTransaction, executionInputOf } from './transaction-execution.ts'
import { checkTransaction } from './transaction-validity.ts'
import { gasPerBlob } from './transaction.ts'
import { WorldState } from './world-state.ts'

/** A scenario on which the machines do not agree. */
export type Difference = { readonly fork: Fork; readonly seed: number; readonly what: string }

/** The count of scenarios run and of what happened in them. */
export type DifferentialScore = {
  scenarios: number
  /** Pieces of random bytecode: contracts of the scenarios, init code of their transactions. */
  programs: number
  transactions: number
  rejected: number
  failed: number
  differences: number
}

/** Returns the score of nothing run. */
export function emptyScore(): DifferentialScore {
  return { scenarios: 0, programs: 0, transactions: 0, rejected: 0, failed: 0, differences: 0 }
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
  const score = emptyScore()
  for (let index = 0; index < count; index++) {
    const seed = firstSeed + index
    const fork = chosen[index % chosen.length] as Fork
    const scenario = randomScenario(seed, fork)
    const ours = runScenario(scenario)
    const theirs = await (peers.get(fork) as EthereumjsMachine).run(scenario)
    const what = compare(ours, theirs)
    score.scenarios++
    score.programs += programsIn(scenario)
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

/** Beside the score: what anvil did not take into its block, and what was not compared. */
export type AnvilScore = DifferentialScore & { untaken: number; excepted: number }

/**
 * As `runDifferential`, on anvil; undefined when anvil does not run here.
 *
 * Excepted are scenarios with an authorization of an account that does not exist: EIP-7702 refunds
 * 12,500 gas for authorities that do, and anvil 1.7.1 takes every account for one that exists (its
 * database answers with an empty account where there is none). The official vectors and ethereumjs
 * are on our side.
 */
export async function runAnvilDifferential(
  { count, firstSeed, forks: chosen }: { count: number; firstSeed: number; forks: readonly Fork[] },
  onDifference: (difference: Difference) => void,
): Promise<AnvilScore | undefined> {
  const score = { ...emptyScore(), untaken: 0, excepted: 0 }
  for (const [turn, fork] of chosen.entries()) {
    const anvil = await AnvilMachine.create(fork)
    if (anvil === undefined) return undefined
    for (let index = turn; index < count; index += chosen.length) {
      const seed = firstSeed + index
      const wanted = randomScenario(seed, fork)
      if (namesNobody(wanted)) {
        score.excepted++
        continue
      }
      const what = await anvil.run(wanted, async ({ scenario, outcomes, describe }) => {
        const ours = runScenario(scenario)
        score.transactions += outcomes.length
        score.untaken += wanted.transactions.length - outcomes.length
        score.failed += outcomes.filter(({ status }) => status === 'failed').length
        const addresses = [...ours.accounts.keys()]
        const slots = slotsSeen(scenario)
        const asked = addresses.map((address) => ({ address, slots: slots.get(address) ?? [] }))
        const described = await describe(asked)
        const accounts = new Map(described.map((text, at) => [addresses[at] as bigint, text]))
        return compare(
          { ...ours, outcomes: ours.outcomes.map(withoutOutput) },
          { outcomes, accounts },
        )
      })
      score.scenarios++
      score.programs += programsIn(wanted)
      if (what === undefined) continue
      score.differences++
      onDifference({ fork, seed, what })
    }
    await anvil.close()
  }
  return score
}

function programsIn({ allocations, transactions }: Scenario): number {
  const codes = allocations.filter(({ code }) => code.length > 0 && delegateOf(code) === undefined)
  const creations = transactions.filter((bytes) => decodeTransaction(bytes).to === undefined)
  return codes.length + creations.length
}

/** Whether an authorization is of an account that the scenario does not allocate. */
function namesNobody({ allocations, transactions }: Scenario): boolean {
  const known = new Set(allocations.map(({ address }) => address))
  return transactions.some((bytes) => {
    const transaction = decodeTransaction(bytes)
    if (transaction.type !== 4) return false
    return transaction.authorizationList.some((authorization) => {
      const authority = recoverAuthority(authorization)
      return authority !== undefined && !known.has(authority)
    })
  })
}

function withoutOutput(outcome: Outcome): Outcome {
  return outcome.status === 'rejected' ? outcome : { ...outcome, output: '' }
}

/** Every slot that a scenario allocates or touches here, by account. */
function slotsSeen(scenario: Scenario): ReadonlyMap<bigint, readonly bigint[]> {
  const seen = new Map<bigint, Set<bigint>>()
  const see = (address: bigint, slot: bigint): void => {
    seen.set(address, (seen.get(address) ?? new Set()).add(slot))
  }
  for (const { address, storage } of scenario.allocations) {
    for (const [slot] of storage) see(address, slot)
  }
  runScenario(scenario, {
    onStep({ opcode, address, stack, stackSize }) {
      const slot = stack[stackSize - 1]
      if (opcode === 0x55 && slot !== undefined) see(address, slot)
    },
  })
  return new Map([...seen].map(([address, slots]) => [address, [...slots]]))
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
