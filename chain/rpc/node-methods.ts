/** The node itself: its chain, network, version and accounts, its supply, how it sees L1. */

import { keccak256, toHex, toQuantity } from '@zg/primitives'

import type { NodeView } from '../chain-view.ts'
import { heldWei } from '../supply.ts'
import { headerOf, readBlockId } from './block-id.ts'
import type { RpcMethod, RpcParams } from './json-rpc.ts'
import { checkCount, readData } from './params.ts'

/** The methods by name. `clientVersion` is what `web3_clientVersion` says. */
export function nodeMethods(node: NodeView, clientVersion: string): readonly [string, RpcMethod][] {
  const { chainId } = node.chain.config
  return [
    ['eth_chainId', constant(toQuantity(chainId))],
    // A door opens once the node has its chain, and shows nothing newer: it never "syncs".
    ['eth_syncing', constant(false)],
    // Networks never hold users' keys; `zg devnet --minimal` has methods of its own.
    ['eth_accounts', constant([])],
    ['zg_getSupply', supplyMethod(node)],
    ['zg_getL1Status', l1StatusMethod(node)],
    ['net_version', constant(chainId.toString())],
    ['net_listening', constant(true)],
    ['net_peerCount', (params) => (checkCount(params, 0, 0), toQuantity(node.peerCount()))],
    ['web3_clientVersion', constant(clientVersion)],
    [
      'web3_sha3',
      (params) => {
        checkCount(params, 1, 1)
        return toHex(keccak256(readData(params[0], 'data')))
      },
    ],
  ]
}

/** The supply after a block, as the node keeps it (supply.ts); null where it did not count. */
function supplyMethod({ chain }: NodeView): RpcMethod {
  return (params) => {
    checkCount(params, 0, 1)
    const record = headerOf(chain, readBlockId(params[0]))
    const supply = record && chain.supplyAt(record.header.number)
    if (record === undefined || supply === undefined) return null
    const { fromNumber, ...amounts } = supply
    return {
      blockNumber: toQuantity(BigInt(record.header.number)),
      blockHash: toHex(record.hash),
      fromNumber: toQuantity(BigInt(fromNumber)),
      heldWei: toQuantity(heldWei(supply)),
      ...Object.fromEntries(Object.entries(amounts).map(([name, wei]) => [name, toQuantity(wei)])),
    }
  }
}

/** How the node sees L1; null where it follows none. */
function l1StatusMethod({ l1Status }: NodeView): RpcMethod {
  return (params) => {
    checkCount(params, 0, 0)
    if (l1Status === undefined) return null
    const { final, blocksBehind, problem = null } = l1Status()
    return {
      finalNumber: final === undefined ? null : toQuantity(final.number),
      finalTimestamp: final === undefined ? null : toQuantity(final.timestamp),
      blocksBehind: toQuantity(blocksBehind),
      problem,
    }
  }
}

function constant(value: unknown): RpcMethod {
  return (params: RpcParams) => {
    checkCount(params, 0, 0)
    return value
  }
}
