/**
 * Executions without a transaction: calls, estimates, access lists, and filling in what is
 * missing.
 */

import { toHex, toQuantity } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import type { NodeView } from '../chain-view.ts'
import { findAccessList } from './access-list.ts'
import { readBlockId } from './block-id.ts'
import { readBlockOverride } from './block-override.ts'
import { readCallRequest } from './call-request.ts'
import type { CallRequest } from './call-request.ts'
import { ExecutionLane } from './execution-lane.ts'
import { estimateGas } from './gas-estimate.ts'
import type { RpcMethod, RpcParams } from './json-rpc.ts'
import { checkCount } from './params.ts'
import { revertReason } from './revert-reason.ts'
import { CallRevertedError } from './rpc-error.ts'
import { gasLimitOf, outputOf, prepareSimulation, runSimulation } from './simulation.ts'
import type { Run, Simulation } from './simulation.ts'
import { readStateOverride } from './state-override.ts'
import { fillTransaction, unsignedTransactionJson } from './transaction-filling.ts'
import { accessListJson } from './transaction-json.ts'

/** The methods by name, and the gas estimate that `eth_sendTransaction` needs too. */
export function callMethods(
  node: NodeView,
  { clock, suggestTip }: { readonly clock: Clock; readonly suggestTip: () => bigint },
): {
  readonly methods: readonly [string, RpcMethod][]
  readonly estimate: (request: CallRequest) => Promise<bigint>
} {
  const { chain } = node
  const lane = new ExecutionLane(clock)
  /** Reads the parameters at once, and runs `work` on what they mean in its turn. */
  const simulate = <value>(
    params: RpcParams,
    work: (simulation: Simulation) => Promise<value> | value,
  ): Promise<value> => {
    checkCount(params, 1, 4)
    const at = { request: readCallRequest(params[0]), id: readBlockId(params[1]), clock }
    const overrides = {
      state: readStateOverride(params[2]),
      block: readBlockOverride(params[3]),
    }
    return lane.run(async () => work(await prepareSimulation(chain, at, overrides)))
  }
  const estimate = (request: CallRequest) =>
    lane.run(async () => {
      return estimateGas(await prepareSimulation(chain, { request, id: readBlockId(null), clock }))
    })
  const methods: [string, RpcMethod][] = [
    [
      'eth_call',
      (params) =>
        simulate(params, (simulation) => {
          return toHex(outputOf(runSimulation(simulation, gasLimitOf(simulation))))
        }),
    ],
    [
      'eth_estimateGas',
      (params) => simulate(params, async (simulation) => toQuantity(await estimateGas(simulation))),
    ],
    [
      'eth_createAccessList',
      (params) =>
        simulate(params, async (simulation) => {
          const { accessList, run } = await findAccessList(simulation)
          const error = errorOf(run)
          const listed = {
            accessList: accessListJson(accessList),
            gasUsed: toQuantity(run.gasUsed),
          }
          return error === undefined ? listed : { ...listed, error }
        }),
    ],
    [
      'eth_fillTransaction',
      async (params) => {
        checkCount(params, 1, 1)
        const request = readCallRequest(params[0])
        const { transaction, sender } = await fillTransaction(node, request, {
          estimate,
          suggestTip,
        })
        return unsignedTransactionJson(transaction, sender)
      },
    ],
  ]
  return { methods, estimate }
}

/** How a run that did not succeed is told where the answer is not an error. */
function errorOf(run: Run): string | undefined {
  if (run.status === 'success') return undefined
  if (run.status === 'failure') return 'execution failed'
  return new CallRevertedError(toHex(run.output), revertReason(run.output)).message
}
