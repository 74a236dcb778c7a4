/** Asks nodes by `fetch`: for pages, which only read (node-door.ts). An answer is bounded by
 * what was asked, whatever its head says of it. */

import { ZgError } from '@zg/primitives/errors'

import { batchKey } from '../batch/batch.ts'
import { BytesIn } from '../doors/bytes-in.ts'
import type { DataShape } from '../chain/data-chain.ts'
import type { NodeClient } from './node-client.ts'
import { writeRowList } from '../batch/row-list.ts'
import { headerSizeMax, rowsSizeMax } from '../batch/wire.ts'

export function fetchNodeClient(shape: DataShape): Pick<NodeClient, 'header' | 'rows'> {
  return {
    header: (url, batch, signal) => {
      const target = new URL(`/v1/batches/${batchKey(batch)}/header`, url)
      return ask(target, { signal, sizeMax: headerSizeMax(shape) })
    },
    async rows(url, batch, indexes, signal) {
      const path = `/v1/batches/${batchKey(batch)}/rows/${writeRowList(indexes)}`
      const sizeMax = rowsSizeMax(indexes.length, shape)
      const rows = await ask(new URL(path, url), { signal, sizeMax })
      if (rows === undefined) throw new NodeAnswerError(404)
      return rows
    },
  }
}

async function ask(
  url: URL,
  { signal, sizeMax }: { readonly signal: AbortSignal; readonly sizeMax: number },
): Promise<Uint8Array | undefined> {
  const response = await fetch(url, { signal })
  const { status } = response
  if (!response.ok || response.body === null) {
    await response.body?.cancel()
    if (status === 404) return undefined
    throw new NodeAnswerError(status)
  }
  const body = new BytesIn(sizeMax)
  const reader = response.body.getReader()
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (body.take(part.value)) continue
    await reader.cancel()
    throw new NodeAnswerError(status)
  }
  return body.whole()
}

/** A node that does not answer as nodes do. */
export class NodeAnswerError extends ZgError<'DA_NODE_ANSWER'> {
  constructor(status: number) {
    super('DA_NODE_ANSWER', `A node answers ${status}, or too much`, { status })
  }
}
