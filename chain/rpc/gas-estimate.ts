/**
 * The least gas limit with which a transaction succeeds, to the unit.
 *
 * One run with the most gas tells whether it can succeed and what it used. Most transactions need
 * just that, so the next run tries it. The others (63/64 rule, refunds, code that looks at GAS)
 * need more; a run with the usual margin narrows the range, and bisection finds the limit.
 *
 *     used ≤ answer ≤ most      each run: succeeds -> most = tried, else -> least = tried + 1
 *
 * Gas-dependent code can succeed below a limit at which it fails; like every bisection, this one
 * then answers with a limit that works, not the least of all.
 */

import { atLeast, transactionGasLimitMax } from '@zg/evm'

import { callGasMax } from './limits.ts'
import { CallFailedError } from './rpc-error.ts'
import { gasLimitOf, haltMessage, outputOf, rejectionMessage, tryRun } from './simulation.ts'
import type { Simulation } from './simulation.ts'

/** What a plain transfer uses, and the least of any transaction. */
const transferGas = 21_000n

/** Gas that a call with value adds to what it passes on (G_callstipend). */
const callStipend = 2_300n

/**
 * Estimates.
 *
 * @throws {CallRevertedError} `CHAIN_CALL_REVERTED` when it reverts even with the most gas.
 * @throws {CallFailedError} `CHAIN_CALL_FAILED` when it fails otherwise.
 * @throws {LimitExceededError} `CHAIN_LIMIT_EXCEEDED` when its time is over.
 */
export function estimateGas(simulation: Simulation): bigint {
  const most = gasLimitOf(simulation, mostGas(simulation))
  if (isPlainTransfer(simulation) && most >= transferGas && succeeds(simulation, transferGas)) {
    return transferGas
  }
  const { gasUsed } = requireSuccess(simulation, most)
  if (succeeds(simulation, gasUsed)) return gasUsed
  // 64/63 of what was used before refunds, which are at most a fifth of it (EIP-3529).
  const margin = (((gasUsed * 5n) / 4n + callStipend) * 64n) / 63n
  let least = gasUsed + 1n
  let enough = most
  for (let tried = margin; least < enough; tried = (least + enough) / 2n) {
    if (tried < enough) {
      if (succeeds(simulation, tried)) enough = tried
      else least = tried + 1n
    }
  }
  return enough
}

/** The most gas that a transaction of this block may have (EIP-7825 from Osaka on). */
function mostGas({ block }: Simulation): bigint {
  const limits = [block.gasLimit, callGasMax]
  if (atLeast(block.fork, 'osaka')) limits.push(transactionGasLimitMax)
  return limits.reduce((least, limit) => (limit < least ? limit : least))
}

function requireSuccess(simulation: Simulation, gasLimit: bigint): { readonly gasUsed: bigint } {
  const result = tryRun(simulation, gasLimit)
  if (result.status === 'rejected' && result.reason === 'funds-insufficient') {
    throw new CallFailedError(rejectionMessage(result, gasLimit))
  }
  if (result.status === 'failure' && result.halt !== 'out of gas') {
    throw new CallFailedError(haltMessage(result))
  }
  if (result.status === 'rejected' || result.status === 'failure') {
    throw new CallFailedError(`gas required exceeds allowance (${gasLimit})`)
  }
  outputOf(result)
  return result
}

function succeeds(simulation: Simulation, gasLimit: bigint): boolean {
  return tryRun(simulation, gasLimit).status === 'success'
}

/** Whether nothing but value moves, to an account that runs no code. */
function isPlainTransfer({ request, state }: Simulation): boolean {
  const { to, data, accessList = [], authorizationList = [] } = request
  if (to === undefined || data.length > 0) return false
  if (accessList.length > 0 || authorizationList.length > 0) return false
  const account = state.account(to)
  return account === undefined || state.code(account.codeHash).length === 0
}
