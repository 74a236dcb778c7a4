/**
 * JSON-RPC 2.0: from the text of one HTTP body or WebSocket message to the text of its answer.
 *
 * The text is one request object or a batch of them; a request without `id` is a notification and
 * gets no answer. Whatever the text holds, the outcome is an answer or nothing, never an exception.
 * Items of a batch are carried out in order, so that a read after a write sees it; neighbours that
 * call the same bulk method (`eth_sendRawTransaction`) are handed over together.
 *
 * Deviations: `params` may be `null` (old clients send it for "none"); an `id` must be a string, a
 * number within ±2^53 or `null`, since others would not come back as they were sent; `params` by
 * name are refused, as Ethereum's methods know positions only.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'

import { ZgError } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import { checkJsonShape } from './json-scan.ts'
import {
  answerSizeBytesMax,
  batchBudgetMs,
  batchItemsMax,
  batchSliceMs,
  bodySizeBytesMax,
} from './limits.ts'
import { LimitExceededError, rpcErrorOf } from './rpc-error.ts'
import type { RpcErrorObject } from './rpc-error.ts'

/** Parameters by position, as parsed. */
export type RpcParams = readonly unknown[]

/** A client that can be told things later: one WebSocket. */
export interface RpcSession {
  /** Sends one notification; a client too slow to read is cut off. */
  notify(text: string): void
  /** Registers what must happen once the message under way is answered. */
  afterAnswer(run: () => void): void
  /** Registers what must happen once the client is gone. */
  onClose(run: () => void): void
}

/** Answers one request; what it returns goes through `JSON.stringify`, what it throws is mapped. */
export type RpcMethod = (params: RpcParams, session: RpcSession | undefined) => unknown

/**
 * Answers many requests of one method at once: an outcome each, in order, `Error`s for failures.
 */
export type RpcBulkMethod = (requests: readonly RpcParams[]) => Promise<readonly unknown[]>

export type RpcMethods = {
  readonly single: ReadonlyMap<string, RpcMethod>
  readonly bulk: ReadonlyMap<string, RpcBulkMethod>
  /** The error for a method in neither table. */
  readonly unknownMethod: (method: string) => ZgError
}

export type JsonRpcOptions = {
  readonly methods: RpcMethods
  readonly clock: Clock
  /** Told of failures that no table entry explains: bugs of ours. */
  readonly onInternalError: (method: string, error: unknown) => void
}

type Id = string | number | null

type Request = {
  /** Undefined in a notification. */
  readonly id: Id | undefined
  readonly method: string
  readonly params: RpcParams
}

type Malformed = { readonly id: Id; readonly problem: string }

/** Answers the text of one body; undefined when nothing is to be answered. */
export async function answerJsonRpc(
  text: string,
  session: RpcSession | undefined,
  options: JsonRpcOptions,
): Promise<string | undefined> {
  let parsed: unknown
  try {
    if (text.length > bodySizeBytesMax) throw new LimitExceededError('body', bodySizeBytesMax)
    checkJsonShape(text)
    parsed = parseJson(text)
    if (!Array.isArray(parsed)) return await answerSingle(parsed, session, options)
    if (parsed.length === 0) throw new RequestInvalidError('an empty batch')
    if (parsed.length > batchItemsMax) throw new LimitExceededError('batch items', batchItemsMax)
  } catch (error) {
    return errorText(null, rpcErrorOf(error))
  }
  const answers = await new Batch(parsed, session, options).answer()
  return answers.length === 0 ? undefined : `[${answers.join(',')}]`
}

/** The text of an error answer that belongs to no request: of the transport itself. */
export function transportErrorText(error: ZgError): string {
  return errorText(null, rpcErrorOf(error))
}

/** One batch under way. */
class Batch {
  readonly #items: readonly unknown[]
  readonly #session: RpcSession | undefined
  readonly #options: JsonRpcOptions
  readonly #answers: string[] = []
  readonly #startMs: number
  #sizeBytes = 0
  #sliceStartMs: number

  constructor(items: readonly unknown[], session: RpcSession | undefined, options: JsonRpcOptions) {
    this.#items = items
    this.#session = session
    this.#options = options
    this.#startMs = options.clock.nowMs()
    this.#sliceStartMs = this.#startMs
  }

  async answer(): Promise<readonly string[]> {
    const requests = this.#items.map(readRequest)
    for (let index = 0; index < requests.length;) {
      const request = requests[index] as Request | Malformed
      const bulk = 'problem' in request ? undefined : this.#options.methods.bulk.get(request.method)
      if (bulk === undefined || 'problem' in request) {
        await this.#answerOne(request)
        index++
      } else {
        const run = runOfMethod(requests, index, request.method)
        for (const text of await answerRun(run, bulk, this.#options)) this.#push(text)
        index += run.length
      }
      await this.#giveWay()
    }
    return this.#answers
  }

  async #answerOne(request: Request | Malformed): Promise<void> {
    let limit = this.#limitReached()
    if (limit === undefined) {
      const text = await answerRequest(request, this.#session, this.#options)
      if (this.#sizeBytes + (text?.length ?? 0) <= answerSizeBytesMax) return this.#push(text)
      limit = answersTooLarge()
    }
    if (request.id !== undefined) this.#answers.push(errorText(request.id, rpcErrorOf(limit)))
  }

  #push(text: string | undefined): void {
    if (text === undefined) return
    this.#sizeBytes += text.length
    this.#answers.push(text)
  }

  #limitReached(): LimitExceededError | undefined {
    const spentMs = this.#options.clock.nowMs() - this.#startMs
    if (spentMs > batchBudgetMs) return new LimitExceededError('ms for a batch', batchBudgetMs)
    return undefined
  }

  /** Lets votes, blocks and other clients in after a slice of work. */
  async #giveWay(): Promise<void> {
    if (this.#options.clock.nowMs() - this.#sliceStartMs < batchSliceMs) return
    await nextTurn()
    this.#sliceStartMs = this.#options.clock.nowMs()
  }
}

async function answerSingle(
  item: unknown,
  session: RpcSession | undefined,
  options: JsonRpcOptions,
): Promise<string | undefined> {
  const request = readRequest(item)
  const bulk = 'problem' in request ? undefined : options.methods.bulk.get(request.method)
  if (bulk === undefined || 'problem' in request) return answerRequest(request, session, options)
  const [text] = await answerRun([request], bulk, options)
  return text
}

async function answerRequest(
  request: Request | Malformed,
  session: RpcSession | undefined,
  options: JsonRpcOptions,
): Promise<string | undefined> {
  if ('problem' in request) {
    return errorText(request.id, rpcErrorOf(new RequestInvalidError(request.problem)))
  }
  try {
    const method = options.methods.single.get(request.method)
    if (method === undefined) throw options.methods.unknownMethod(request.method)
    return resultText(request.id, await method(request.params, session))
  } catch (error) {
    return failureText(request, error, options)
  }
}

async function answerRun(
  run: readonly Request[],
  bulk: RpcBulkMethod,
  options: JsonRpcOptions,
): Promise<readonly (string | undefined)[]> {
  try {
    const outcomes = await bulk(run.map((request) => request.params))
    return run.map((request, index) => {
      const outcome = outcomes[index]
      if (outcome instanceof Error) return failureText(request, outcome, options)
      return resultText(request.id, outcome)
    })
  } catch (error) {
    return run.map((request) => failureText(request, error, options))
  }
}

function runOfMethod(
  requests: readonly (Request | Malformed)[],
  from: number,
  method: string,
): readonly Request[] {
  const run: Request[] = []
  for (let index = from; index < requests.length; index++) {
    const request = requests[index] as Request | Malformed
    if ('problem' in request || request.method !== method) break
    run.push(request)
  }
  return run
}

function readRequest(item: unknown): Request | Malformed {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    return { id: null, problem: 'it is no object' }
  }
  const request = item as Readonly<Record<string, unknown>>
  const hasId = Object.hasOwn(request, 'id')
  const id = hasId ? request['id'] : null
  if (!isId(id)) return { id: null, problem: '"id" must be a string, a number below 2^53 or null' }
  if (request['jsonrpc'] !== '2.0') return { id, problem: '"jsonrpc" must be "2.0"' }
  const method = request['method']
  if (typeof method !== 'string') return { id, problem: '"method" must be a string' }
  const params = Object.hasOwn(request, 'params') ? (request['params'] ?? []) : []
  if (typeof params !== 'object') return { id, problem: '"params" must be an array' }
  // The methods table answers params by name, with -32602 rather than -32600.
  const byPosition = Array.isArray(params) ? (params as RpcParams) : [byNameMark]
  return { id: hasId ? id : undefined, method, params: byPosition }
}

/** Stands for params by name: no decoder takes a symbol, so every method refuses it. */
const byNameMark = Symbol('params by name')

function isId(id: unknown): id is Id {
  if (id === null || typeof id === 'string') return true
  return typeof id === 'number' && Math.abs(id) <= Number.MAX_SAFE_INTEGER
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new JsonMalformedError(cause)
  }
}

function resultText(id: Id | undefined, result: unknown): string | undefined {
  if (id === undefined) return undefined
  const json = JSON.stringify(result) ?? 'null'
  if (json.length > answerSizeBytesMax) throw answersTooLarge()
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${json}}`
}

function answersTooLarge(): LimitExceededError {
  return new LimitExceededError('bytes of answers', answerSizeBytesMax)
}

function failureText(
  request: Request,
  error: unknown,
  options: JsonRpcOptions,
): string | undefined {
  const object = rpcErrorOf(error)
  if (object.internal) options.onInternalError(request.method, error)
  return request.id === undefined ? undefined : errorText(request.id, object)
}

function errorText(id: Id, { code, message, data }: RpcErrorObject): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code, message, data } })
}

export class JsonMalformedError extends ZgError<'CHAIN_JSON_MALFORMED'> {
  constructor(cause: unknown) {
    super('CHAIN_JSON_MALFORMED', 'Cannot read the request: it is no JSON', {}, cause)
  }
}

export class RequestInvalidError extends ZgError<'CHAIN_REQUEST_INVALID'> {
  constructor(problem: string) {
    super('CHAIN_REQUEST_INVALID', `Cannot read the request: ${problem}`, { problem })
  }
}
