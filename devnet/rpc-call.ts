/** One JSON-RPC 2.0 call over HTTP to a node of a world, or to its L1. */

import { ZgError } from '@zg/primitives'

/** How long a node on this machine may take over a small call. */
export const rpcTimeoutMs = 5_000

/** Bytes of an answer that are read, at most. */
const answerSizeBytesMax = 33_554_432

/** Characters kept of an endpoint's own words. */
const problemLengthMax = 200

/**
 * Returns the `result` of a call.
 *
 * @throws {RpcFailedError} `DEVNET_RPC_FAILED` when nothing answers, or with an error.
 */
export async function callRpc(
  url: string,
  method: string,
  params: readonly unknown[] = [],
  timeoutMs = rpcTimeoutMs,
): Promise<unknown> {
  const text = await post(url, { method, params, timeoutMs })
  const { result, error } = readAnswer({ url, method }, text)
  if ((error ?? undefined) !== undefined || result === undefined) {
    const said = error?.message ?? 'the answer has no result'
    const problem = typeof said === 'string' ? said : 'its error says nothing'
    throw new RpcFailedError({ url, method }, problem.slice(0, problemLengthMax))
  }
  return result
}

async function post(
  url: string,
  { method, params, timeoutMs }: { method: string; params: readonly unknown[]; timeoutMs: number },
): Promise<string> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const chunks: Uint8Array[] = []
    let sizeBytes = 0
    for await (const chunk of response.body ?? []) {
      sizeBytes += chunk.length
      if (sizeBytes > answerSizeBytesMax) throw new Error('its answer is too long')
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString()
  } catch (cause) {
    throw new RpcUnreachedError({ url, method }, cause)
  }
}

type Answer = {
  readonly result?: unknown
  readonly error?: { readonly message?: unknown } | null
}

function readAnswer(asked: Asked, text: string): Answer {
  try {
    const answer: unknown = JSON.parse(text)
    if (typeof answer === 'object' && answer !== null) return answer
  } catch {
    // Told below, in the same words.
  }
  throw new RpcFailedError(asked, 'its answer is no JSON-RPC')
}

type Asked = { readonly url: string; readonly method: string }

/** Something else than a result came. */
export class RpcFailedError extends ZgError<'DEVNET_RPC_FAILED'> {
  constructor({ url, method }: Asked, problem: string, cause?: unknown) {
    const message = `Cannot call ${method} at ${url}: ${problem}`
    super('DEVNET_RPC_FAILED', message, { url, method, problem }, cause)
  }
}

/** Nothing came, or not all of it. */
export class RpcUnreachedError extends RpcFailedError {
  constructor(asked: Asked, cause: unknown) {
    super(asked, 'nothing answers there', cause)
  }
}
