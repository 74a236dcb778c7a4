/**
 * One POST of JSON over a connection that is kept, by Node's own client: `fetch` costs several
 * times as much, and a follower asks all day. Redirects are not followed.
 */

import { Agent as HttpAgent, request as requestHttp } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'

/** Idle connections do not keep a process alive; Node closes them before the server does. */
const agents = {
  http: new HttpAgent({ keepAlive: true }),
  https: new HttpsAgent({ keepAlive: true }),
}

export type PostOptions = {
  /** The answer, its last byte included, is waited for so long. */
  readonly timeoutMs: number
  readonly answerSizeBytesMax: number
}

/**
 * Sends a body and returns the answer's text.
 *
 * @throws {AnswerTooLongError}; {Error} when there is no answer in time or another status than 2xx.
 */
export async function postJson(url: string, body: string, options: PostOptions): Promise<string> {
  try {
    return await postOnce(url, body, options)
  } catch (error) {
    // The server closed the kept connection as this was sent: it has not read it.
    if (error instanceof StaleConnectionError) return postOnce(url, body, options)
    throw error
  }
}

function postOnce(
  url: string,
  body: string,
  { timeoutMs, answerSizeBytesMax }: PostOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = Buffer.from(body)
    const asked = open(url, { 'content-type': 'application/json', 'content-length': sent.length })
    const timer = setTimeout(
      () => asked.destroy(new Error(`timeout: no whole answer in ${timeoutMs} ms`)),
      timeoutMs,
    )
    const fail = (error: Error): void => {
      clearTimeout(timer)
      const isReset = (error as NodeJS.ErrnoException).code === 'ECONNRESET'
      reject(asked.reusedSocket && isReset ? new StaleConnectionError() : error)
    }
    // Of one request there may be more errors than one, and each must be heard.
    asked.on('error', fail)
    asked.once('response', (answer: IncomingMessage) => {
      const { statusCode = 0 } = answer
      const chunks: Buffer[] = []
      let sizeBytes = 0
      answer.on('error', fail)
      answer.on('data', (chunk: Buffer) => {
        sizeBytes += chunk.length
        if (sizeBytes <= answerSizeBytesMax) {
          chunks.push(chunk)
          return
        }
        // Of an answer that is whole already nobody would hear an error given to `destroy`.
        fail(new AnswerTooLongError())
        asked.destroy()
      })
      answer.once('end', () => {
        clearTimeout(timer)
        if (statusCode >= 200 && statusCode < 300) resolve(Buffer.concat(chunks).toString())
        else reject(new Error(`it answers with ${statusCode}`))
      })
    })
    asked.end(sent)
  })
}

function open(url: string, headers: Record<string, string | number>): ClientRequest {
  const isHttps = url.startsWith('https:')
  const [request, agent] = isHttps ? [requestHttps, agents.https] : [requestHttp, agents.http]
  return request(url, { method: 'POST', headers, agent })
}

class StaleConnectionError extends Error {}

/** The answer is longer than it may be; the rest of it is not read. */
export class AnswerTooLongError extends Error {
  constructor() {
    super('its answer is too long')
  }
}
