/**
 * A JSON-RPC client that costs little: batches over kept-alive HTTP connections.
 *
 * The load generator shares the machine with what it measures, so it must not be the bottleneck.
 */

import { Agent, request } from 'node:http'

export type RpcCall = { readonly method: string; readonly params: readonly unknown[] }

export type RpcReply = {
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string }
}

const connectionsMax = 16

export class RpcClient {
  readonly #url: URL
  readonly #agent = new Agent({ keepAlive: true, maxSockets: connectionsMax })

  constructor(url: string) {
    this.#url = new URL(url)
  }

  /** Sends one batch; replies are in the order of the calls. */
  async batch(calls: readonly RpcCall[]): Promise<readonly RpcReply[]> {
    const body = calls.map(({ method, params }, id) => ({ jsonrpc: '2.0', id, method, params }))
    const replies = (await this.#post(JSON.stringify(body))) as (RpcReply & { id: number })[]
    return replies.sort((a, b) => a.id - b.id)
  }

  /** Sends one call and returns its result; an RPC error throws. */
  async call(method: string, ...params: readonly unknown[]): Promise<unknown> {
    const [reply] = await this.batch([{ method, params }])
    if (reply?.error !== undefined) throw new Error(`${method}: ${reply.error.message}`)
    return reply?.result
  }

  close(): void {
    this.#agent.destroy()
  }

  /**
   * A kept connection may end just as it is used again, and a node that starves may drop one: what
   * was asked goes out once more. A transaction that had arrived is refused then, as known.
   */
  async #post(body: string, isAgain = false): Promise<unknown> {
    try {
      return await this.#postOnce(body)
    } catch (error) {
      if (isAgain || !(error instanceof ConnectionEndedError)) throw error
      return this.#post(body, true)
    }
  }

  #postOnce(body: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': body.length }
      const posted = request(
        this.#url,
        { method: 'POST', agent: this.#agent, headers },
        (answer) => {
          const parts: Buffer[] = []
          answer.on('data', (part: Buffer) => parts.push(part))
          answer.on('end', () => {
            try {
              resolve(JSON.parse(Buffer.concat(parts).toString()))
            } catch (error) {
              reject(error instanceof Error ? error : new Error(String(error)))
            }
          })
          answer.on('error', reject)
        },
      )
      posted.on('error', (error: NodeJS.ErrnoException) => {
        const isEnded = error.code === 'ECONNRESET'
        reject(isEnded ? new ConnectionEndedError(error.message, { cause: error }) : error)
      })
      posted.end(body)
    })
  }
}

class ConnectionEndedError extends Error {}
