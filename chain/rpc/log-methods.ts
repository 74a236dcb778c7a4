/** Logs, and filters that are polled. */

import type { Clock } from '@zg/runtime'

import type { NodeView } from '../chain-view.ts'
import { FilterStore } from './filter-store.ts'
import type { RpcMethod, RpcParams } from './json-rpc.ts'
import { findLogs, readLogFilter } from './log-filter.ts'
import { checkCount, readString } from './params.ts'
import { logJson } from './receipt-json.ts'
import { ParamsInvalidError } from './rpc-error.ts'

const filterIdLengthMax = 66

/** The methods by name. */
export function logMethods(node: NodeView, clock: Clock): readonly [string, RpcMethod][] {
  const filters = new FilterStore(node, clock)
  return [
    [
      'eth_getLogs',
      async (params) => {
        checkCount(params, 1, 1)
        return (await findLogs(node.chain, readLogFilter(params[0]), clock)).map(logJson)
      },
    ],
    [
      'eth_newFilter',
      (params) => {
        checkCount(params, 1, 1)
        const filter = readLogFilter(params[0])
        if (filter.blockHash !== undefined) {
          throw new ParamsInvalidError('filter', 'a filter that is polled takes no "blockHash"')
        }
        return filters.install({ name: 'log', filter })
      },
    ],
    [
      'eth_newBlockFilter',
      (params) => {
        checkCount(params, 0, 0)
        return filters.install({ name: 'block' })
      },
    ],
    [
      'eth_newPendingTransactionFilter',
      (params) => {
        checkCount(params, 0, 0)
        return filters.install({ name: 'pendingTransaction' })
      },
    ],
    ['eth_getFilterChanges', (params) => filters.changes(readFilterId(params))],
    ['eth_getFilterLogs', (params) => filters.logs(readFilterId(params))],
    ['eth_uninstallFilter', (params) => filters.uninstall(readFilterId(params))],
  ]
}

function readFilterId(params: RpcParams): string {
  checkCount(params, 1, 1)
  return readString(params[0], 'id', filterIdLengthMax)
}
