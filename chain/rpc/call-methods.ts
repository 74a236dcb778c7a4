/**
 * Executions without a transaction: calls, estimates, access lists, and filling in what is
 * missing.
 */

import { toHex, toQuantity } from '@zg/primitives'

import type { ChainReader, NodeView } from '../chain-view.ts'
import { readBlockId, requireHeader } from './block-id.ts'
import type { BlockId } from './block-id.ts'
import { readBlockOverride } from './block-override.ts'
import { readCallRequest } from './call-request.ts'
import type { CallRequest } from './call-request.ts'
import type { RpcMethod, RpcParams } from './json-rpc.ts'
import { checkCount } from './params.ts'
import { revertReason } from './revert-reason.ts'
import { CallRevertedError } from './rpc-error.ts'
import { haltMessage } from './simulation.ts'
import type { Run, SimulationRequest } from './simulation.ts'
import type { Simulator } from './simulator.ts'
import { readStateOverride } from './state-override.ts'
import { fillTransaction, unsignedTransactionJson } from './transaction-filling.ts'
import { accessListJson } from './transaction-json.ts'

/** The methods by name, and the gas estimate that `eth_sendTransaction` needs too. */
export function callMethods(
  node: NodeView,
  { simulator, suggestTip }: { readonly simulator: Simulator; readonly suggestTip: () => bigint },
): {
  readonly methods: readonly [string, RpcMethod][]
  readonly estimate: (request: CallRequest) => Promise<bigint>
} {
  const { chain } = node
  const read = (params: RpcParams): Promise<SimulationRequest> => {
    checkCount(params, 1, 4)
    const request = readCallRequest(params[0])
    const id = readBlockId(params[1])
    const overrides = {
      state: readStateOverride(params[2]),
      block: readBlockOverride(params[3]),
    }
    return simulationRequest(chain, id, { request, overrides })
  }
  const estimate = async (request: CallRequest): Promise<bigint> => {
    const asked = { request, overrides: {} }
    return simulator.run('estimate', await simulationRequest(chain, readBlockId(null), asked))
  }
  const methods: [string, RpcMethod][] = [
    ['eth_call', async (params) => toHex(await simulator.run('call', await read(params)))],
    [
      'eth_estimateGas',
      async (params) => toQuantity(await simulator.run('estimate', await read(params))),
    ],
    [
      'eth_createAccessList',
      async (params) => {
        const { accessList, run } = await simulator.run('access-list', await read(params))
        const error = errorOf(run)
        const listed = { accessList: accessListJson(accessList), gasUsed: toQuantity(run.gasUsed) }
        return error === undefined ? listed : { ...listed, error }
      },
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

/** Finds the block that a request is to run on. @throws `CHAIN_RESOURCE_UNKNOWN` without it. */
async function simulationRequest(
  chain: ChainReader,
  id: BlockId,
  asked: Pick<SimulationRequest, 'request' | 'overrides'>,
): Promise<SimulationRequest> {
  if (id.kind === 'pending') {
    const { header, changes } = await chain.pending()
    return { ...asked, header, hash: undefined, changes }
  }
  const { header, hash } = requireHeader(chain, id)
  return { ...asked, header, hash, changes: undefined }
}

/** How a run that did not succeed is told where the answer is not an error. */
function errorOf(run: Run): string | undefined {
  if (run.status === 'success') return undefined
  if (run.status === 'failure') return haltMessage(run)
  return new CallRevertedError(toHex(run.output), revertReason(run.output)).message
}
