/** All methods of the door, by name: see README.md for the table. */

import type { Clock } from '@zg/runtime'

import type { NodeView } from '../chain-view.ts'
import { accountMethods } from './account-methods.ts'
import { blockMethods } from './block-methods.ts'
import { callMethods } from './call-methods.ts'
import { configMethods } from './config-methods.ts'
import { devMethods } from './dev-methods.ts'
import { feeMethods, tipSuggestion } from './fee-methods.ts'
import { finalityMethods } from './finality-methods.ts'
import type { RpcMethods } from './json-rpc.ts'
import { logMethods } from './log-methods.ts'
import { nodeMethods } from './node-methods.ts'
import { routeMethods } from './route-methods.ts'
import { MethodUnknownError } from './rpc-error.ts'
import { inlineSimulator } from './simulator.ts'
import type { Simulator } from './simulator.ts'
import { subscriptionMethods } from './subscriptions.ts'
import { sendRawTransactions, transactionMethods } from './transaction-methods.ts'
import { txpoolMethods } from './txpool-methods.ts'
import { walletMethods } from './wallet-methods.ts'

export type RpcMethodsOptions = {
  readonly clock: Clock
  /** What `web3_clientVersion` says, like `zg/0.1.0`. */
  readonly clientVersion: string
  /** Where executions run. @default in place */
  readonly simulator?: Simulator
}

/** Namespaces of development chains, which networks do not have. */
const devNamespaces = ['evm_', 'anvil_', 'hardhat_']

/** Makes the methods that answer for one node. */
export function rpcMethods(node: NodeView, options: RpcMethodsOptions): RpcMethods {
  const { clock, clientVersion, simulator = inlineSimulator(node.chain, clock) } = options
  const suggestTip = tipSuggestion(node.chain)
  const { dev } = node
  const { methods, estimate } = callMethods(node, { simulator, suggestTip })
  return {
    // Later entries replace earlier ones: a development chain has its own `eth_accounts`.
    single: new Map([
      ...nodeMethods(node, clientVersion),
      ...accountMethods(node),
      ...blockMethods(node),
      ...transactionMethods(node),
      ...feeMethods(node, suggestTip),
      ...configMethods(node),
      ...methods,
      ...logMethods(node, clock),
      ...subscriptionMethods(node),
      ...txpoolMethods(node),
      ...finalityMethods(node),
      ...routeMethods(node),
      ...(dev === undefined ? [] : devMethods(dev)),
      ...(dev === undefined ? [] : walletMethods(node, dev, { estimate, suggestTip })),
    ]),
    bulk: new Map([['eth_sendRawTransaction', sendRawTransactions(node)]]),
    unknownMethod: (method) => new MethodUnknownError(method, absenceOf(method, node)),
  }
}

/** Why there is no such method: cheats are named apart where another world has them. */
function absenceOf(method: string, { dev }: NodeView): string | undefined {
  if (dev !== undefined || !devNamespaces.some((prefix) => method.startsWith(prefix))) {
    return undefined
  }
  return 'cheats work on a chain of one validator only: run "zg devnet --minimal"'
}
