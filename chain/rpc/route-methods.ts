/** Where a stream belongs, as this node proves it from L1 (docs/specs/routing.md §3). */

import { toHex, toQuantity } from '@zg/primitives'

import type { NodeView, StreamHomeAnswer, StreamHomeView } from '../chain-view.ts'
import type { RpcMethod } from './json-rpc.ts'
import { checkCount, readHash } from './params.ts'
import { L1UnavailableError, LimitExceededError, MethodUnknownError } from './rpc-error.ts'

/** The methods by name. */
export function routeMethods({ routes, networkId }: NodeView): readonly [string, RpcMethod][] {
  return [
    [
      'zg_getStreamHome',
      async (params) => {
        if (routes === undefined) {
          throw new MethodUnknownError('zg_getStreamHome', 'this node follows no L1')
        }
        checkCount(params, 1, 1)
        const id = readHash(params[0], 'stream')
        return streamHomeJson(await routes.streamHome(id), { id, networkId })
      },
    ],
  ]
}

function streamHomeJson(
  answer: StreamHomeAnswer,
  { id, networkId }: { readonly id: Uint8Array; readonly networkId: number | undefined },
): unknown {
  switch (answer.kind) {
    case 'unopened':
      return null
    case 'busy':
      throw new LimitExceededError('streams asked of L1 at once', answer.limit)
    case 'unavailable':
      throw new L1UnavailableError('the stream')
    case 'opened': {
      const { home, next, epoch, openedEpoch, l1Block } = answer
      return {
        stream: toHex(id),
        ...(home === undefined ? { network: null, chainId: null } : homeJson(home)),
        isHere: home !== undefined && home.network === networkId,
        next: next ? { ...homeJson(next), fromEpoch: toQuantity(next.fromEpoch) } : null,
        epoch: toQuantity(epoch),
        openedEpoch: toQuantity(openedEpoch),
        l1Block: toQuantity(l1Block),
      }
    }
  }
}

function homeJson({ network, chainId }: StreamHomeView) {
  return { network, chainId: toQuantity(chainId) }
}
