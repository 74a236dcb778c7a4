/** A client of nodes in the same process, by their urls; who is not there does not answer. */

import type { DataNodeApi } from '../node/data-node.ts'
import { UnavailableError } from '../doors/dispersal.ts'
import type { NodeClient } from '../node/node-client.ts'

export function directClient(nodes: ReadonlyMap<string, DataNodeApi>): NodeClient {
  const at = (url: string): DataNodeApi => {
    const node = nodes.get(url)
    if (node === undefined) throw new UnavailableError(`nobody answers at ${url}`)
    return node
  }
  return {
    store: async (url, request) => at(url).store(request),
    header: async (url, batch) => at(url).header(batch),
    rows: async (url, batch, indexes) => at(url).rows(batch, indexes),
  }
}
