/**
 * Where simulated executions run: `eth_call`, gas estimates, access lists.
 *
 * On a network they run on a thread of their own (simulation-thread.ts), since anybody may ask for
 * the most expensive of them and the node's thread votes and builds blocks. A development chain has
 * its state in memory and nobody to wait for: there they run in place.
 */

import type { AccessListEntry } from '@zg/evm'
import type { Clock } from '@zg/runtime'

import { findAccessList } from './access-list.ts'
import { estimateGas } from './gas-estimate.ts'
import { gasLimitOf, outputOf, prepareSimulation, runSimulation } from './simulation.ts'
import type { Run, SimulationRequest, SimulationSource } from './simulation.ts'

/** What can be asked about a request, and the answers: plain data. */
export type SimulationAnswers = {
  /** What it returns. */
  readonly call: Uint8Array
  /** The least gas limit with which it succeeds. */
  readonly estimate: bigint
  readonly 'access-list': { readonly accessList: readonly AccessListEntry[]; readonly run: Run }
}

export type SimulationKind = keyof SimulationAnswers

export interface Simulator {
  /**
   * Answers in the order asked, within the limits of `limits.ts`.
   *
   * @throws {CallRevertedError} `CHAIN_CALL_REVERTED`
   * @throws {CallFailedError} `CHAIN_CALL_FAILED`
   * @throws {LimitExceededError} `CHAIN_LIMIT_EXCEEDED`
   * @throws {ResourceUnknownError} `CHAIN_RESOURCE_UNKNOWN`
   */
  run<kind extends SimulationKind>(
    kind: kind,
    request: SimulationRequest,
  ): Promise<SimulationAnswers[kind]>
}

/** Runs in place. */
export function inlineSimulator(source: SimulationSource, clock: Clock): Simulator {
  return {
    async run(kind, request) {
      return simulations[kind](request, source, clock)
    },
  }
}

type Simulations = {
  readonly [kind in SimulationKind]: (
    request: SimulationRequest,
    source: SimulationSource,
    clock: Clock,
  ) => SimulationAnswers[kind]
}

/** Each kind, run to its end in one go. */
export const simulations: Simulations = {
  call(request, source, clock) {
    const simulation = prepareSimulation(request, source, clock)
    return outputOf(runSimulation(simulation, gasLimitOf(simulation)))
  },
  estimate: (request, source, clock) => estimateGas(prepareSimulation(request, source, clock)),
  'access-list': (request, source, clock) =>
    findAccessList(prepareSimulation(request, source, clock)),
}
