/**
 * Subscriptions over WebSocket: `eth_subscribe` to new heads, logs and pooled transactions.
 *
 * However many clients listen, each head and transaction is printed once. A subscription ends with
 * `eth_unsubscribe` or its connection. Final blocks never leave the chain, so no head is told twice
 * and no log is ever `removed`.
 */

import { randomBytes } from 'node:crypto'

import type { Log } from '@zg/evm'
import { toHex } from '@zg/primitives'

import type { NodeView } from '../chain-view.ts'
import { headerJson } from './block-json.ts'
import type { RpcMethod, RpcSession } from './json-rpc.ts'
import { subscriptionsMax, subscriptionsPerConnectionMax } from './limits.ts'
import { logMatcher, readLogFilter } from './log-filter.ts'
import { checkCount, isAbsent, readBoolean, readString } from './params.ts'
import { logJson, logsOfBlock } from './receipt-json.ts'
import { LimitExceededError, MethodUnknownError, ParamsInvalidError } from './rpc-error.ts'
import { transactionJson } from './transaction-json.ts'

type Send = (resultJson: string) => void

/** Listeners of one kind, and the one subscription to the node behind them. */
class Audience<listener> {
  readonly #listeners = new Set<listener>()
  readonly #start: (listeners: ReadonlySet<listener>) => () => void
  #stop: (() => void) | undefined

  constructor(start: (listeners: ReadonlySet<listener>) => () => void) {
    this.#start = start
  }

  /** Returns the function that ends it. */
  add(listener: listener): () => void {
    this.#listeners.add(listener)
    this.#stop ??= this.#start(this.#listeners)
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      this.#stop?.()
      this.#stop = undefined
    }
  }
}

type LogListener = { readonly matches: (log: Log) => boolean; readonly send: Send }
type PendingListener = { readonly full: boolean; readonly send: Send }

/** The methods by name. */
export function subscriptionMethods({ chain, pool }: NodeView): readonly [string, RpcMethod][] {
  const heads = new Audience<Send>((listeners) =>
    chain.onHead((block) => {
      const json = JSON.stringify(headerJson(block))
      for (const send of listeners) send(json)
    }),
  )
  const logs = new Audience<LogListener>((listeners) =>
    chain.onHead((block, receipts) => {
      for (const record of logsOfBlock(block, receipts)) {
        let json: string | undefined
        for (const { matches, send } of listeners) {
          if (matches(record.log)) send((json ??= JSON.stringify(logJson(record))))
        }
      }
    }),
  )
  const pending = new Audience<PendingListener>((listeners) =>
    pool.onPending((signed) => {
      const hashJson = JSON.stringify(toHex(signed.hash))
      let json: string | undefined
      for (const { full, send } of listeners) {
        send(full ? (json ??= JSON.stringify(transactionJson(signed))) : hashJson)
      }
    }),
  )
  const sessions = new SessionSubscriptions()

  return [
    [
      'eth_subscribe',
      (params, session) => {
        if (session === undefined) throw needsWebSocket('eth_subscribe')
        checkCount(params, 1, 2)
        const kind = readString(params[0], 'kind', 64)
        switch (kind) {
          case 'newHeads':
            return sessions.open(session, (send) => heads.add(send))
          case 'logs': {
            const matches = logMatcher(readLogFilter(params[1] ?? {}))
            return sessions.open(session, (send) => logs.add({ matches, send }))
          }
          case 'newPendingTransactions': {
            const full = isAbsent(params[1]) ? false : readBoolean(params[1], 'full')
            return sessions.open(session, (send) => pending.add({ full, send }))
          }
          default:
            throw new ParamsInvalidError(
              'kind',
              'it is not newHeads, logs or newPendingTransactions',
            )
        }
      },
    ],
    [
      'eth_unsubscribe',
      (params, session) => {
        if (session === undefined) throw needsWebSocket('eth_unsubscribe')
        checkCount(params, 1, 1)
        return sessions.close(session, readString(params[0], 'id', 66))
      },
    ],
  ]
}

/** Which subscriptions each connection has, and how to end them. */
class SessionSubscriptions {
  readonly #ends = new WeakMap<RpcSession, Map<string, () => void>>()
  /** Of all connections. */
  #count = 0

  open(session: RpcSession, start: (send: Send) => () => void): string {
    const ends = this.#endsOf(session)
    if (ends.size >= subscriptionsPerConnectionMax) {
      throw new LimitExceededError('subscriptions a connection', subscriptionsPerConnectionMax)
    }
    if (this.#count >= subscriptionsMax) {
      throw new LimitExceededError('subscriptions of all clients', subscriptionsMax)
    }
    const id = toHex(randomBytes(16))
    const prefix = `{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"${id}"`
    // A client learns the id from the answer: what happens before it must come after it.
    let early: string[] | undefined = []
    const send: Send = (resultJson) => {
      const text = `${prefix},"result":${resultJson}}}`
      if (early === undefined) session.notify(text)
      else early.push(text)
    }
    session.afterAnswer(() => {
      for (const text of early ?? []) session.notify(text)
      early = undefined
    })
    const end = start(send)
    this.#count++
    ends.set(id, () => {
      this.#count--
      end()
    })
    return id
  }

  close(session: RpcSession, id: string): boolean {
    const ends = this.#endsOf(session)
    ends.get(id)?.()
    return ends.delete(id)
  }

  #endsOf(session: RpcSession): Map<string, () => void> {
    const known = this.#ends.get(session)
    if (known !== undefined) return known
    const ends = new Map<string, () => void>()
    this.#ends.set(session, ends)
    session.onClose(() => {
      for (const end of ends.values()) end()
      ends.clear()
    })
    return ends
  }
}

function needsWebSocket(method: string): MethodUnknownError {
  return new MethodUnknownError(method, 'it needs a WebSocket connection')
}
