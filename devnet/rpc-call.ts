/** One JSON-RPC 2.0 call over HTTP to a node of the local world. */

import { ZgError } from '@zg/primitives'

/** How long a node on this machine may take over a small call. */
export const rpcTimeoutMs = 5_000

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
  let answer: { result?: unknown; error?: { message?: string } }
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    answer = (await response.json()) as typeof answer
  } catch (error) {
    throw new RpcFailedError(url, method, 'nothing answers there', error)
  }
  if (answer.error !== undefined || answer.result === undefined) {
    throw new RpcFailedError(url, method, answer.error?.message ?? 'the answer has no result')
  }
  return answer.result
}

export class RpcFailedError extends ZgError<'DEVNET_RPC_FAILED'> {
  constructor(url: string, method: string, problem: string, cause?: unknown) {
    const message = `Cannot call ${method} at ${url}: ${problem}`
    super('DEVNET_RPC_FAILED', message, { url, method, problem }, cause)
  }
}
