/**
 * JSON-RPC over WebSocket: one message in, one message out, and notifications.
 *
 * Messages of one connection are answered one after the other, in order. What waits is bounded on
 * both sides: above `pendingMessagesMax` unanswered messages the socket is not read, and a client
 * that lets `bufferedSizeBytesMax` pile up unread, or a ping unanswered, is cut off.
 */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

import type { Timer } from '@zg/runtime'
import { WebSocketServer } from 'ws'
import type { RawData, WebSocket } from 'ws'

import type { PendingBytes } from './body-reader.ts'
import { answerJsonRpc, RequestInvalidError, transportErrorText } from './json-rpc.ts'
import type { JsonRpcOptions, RpcSession } from './json-rpc.ts'
import {
  bodySizeBytesMax,
  bufferedSizeBytesMax,
  pendingMessagesMax,
  pingIntervalMs,
  webSocketsMax,
} from './limits.ts'

export type WebSocketDoor = {
  /** Takes over the socket of an upgrade request; false when there are too many already. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** Ends every connection. */
  close(): void
}

/** Makes the WebSocket half of the door. */
export function serveWebSockets(jsonRpc: JsonRpcOptions, pending: PendingBytes): WebSocketDoor {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: bodySizeBytesMax,
    perMessageDeflate: false,
  })
  return {
    accept(request, socket, head) {
      if (server.clients.size >= webSocketsMax) return false
      server.handleUpgrade(request, socket, head, (ws) => {
        new Connection(ws, jsonRpc, pending).start()
      })
      return true
    },
    close() {
      for (const ws of server.clients) ws.terminate()
      server.close()
    },
  }
}

class Connection implements RpcSession {
  readonly #ws: WebSocket
  readonly #jsonRpc: JsonRpcOptions
  readonly #pending: PendingBytes
  readonly #waiting: Buffer[] = []
  readonly #onClose: (() => void)[] = []
  readonly #afterAnswer: (() => void)[] = []
  #waitingSizeBytes = 0
  #answering = false
  #alive = true
  #pingTimer: Timer | undefined

  constructor(ws: WebSocket, jsonRpc: JsonRpcOptions, pending: PendingBytes) {
    this.#ws = ws
    this.#jsonRpc = jsonRpc
    this.#pending = pending
  }

  start(): void {
    this.#ws.on('message', (data, isBinary) => this.#receive(data, isBinary))
    this.#ws.on('pong', () => {
      this.#alive = true
    })
    // `ws` closes the connection after an error (a frame too large, bad UTF-8, …) by itself.
    this.#ws.on('error', () => undefined)
    this.#ws.on('close', () => this.#closed())
    this.#pingTimer = this.#jsonRpc.clock.setTimer(pingIntervalMs, () => this.#ping())
  }

  notify(text: string): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return
    if (this.#ws.bufferedAmount > bufferedSizeBytesMax) this.#ws.terminate()
    else this.#ws.send(text)
  }

  afterAnswer(run: () => void): void {
    this.#afterAnswer.push(run)
  }

  onClose(run: () => void): void {
    if (this.#ws.readyState === this.#ws.OPEN) this.#onClose.push(run)
    else run()
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (isBinary) {
      this.notify(transportErrorText(new RequestInvalidError('send text messages, not binary')))
      return
    }
    const message = bytesOf(data)
    this.#waiting.push(message)
    this.#waitingSizeBytes += message.length
    if (this.#pending.take(message.length) !== undefined) return this.#ws.terminate()
    if (this.#isBehind()) this.#ws.pause()
    if (!this.#answering) {
      this.#answerWaiting().catch((error: unknown) => {
        this.#jsonRpc.onInternalError('websocket', error)
        this.#ws.terminate()
      })
    }
  }

  async #answerWaiting(): Promise<void> {
    this.#answering = true
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const answer = await answerJsonRpc(next.toString('utf8'), this, this.#jsonRpc)
      this.#release(next.length)
      if (!this.#isBehind()) this.#ws.resume()
      if (answer !== undefined) this.notify(answer)
      for (const run of this.#afterAnswer.splice(0)) run()
      if (this.#ws.readyState !== this.#ws.OPEN) this.#waiting.length = 0
    }
    this.#answering = false
    // What was never answered, the client being gone.
    this.#release(this.#waitingSizeBytes)
  }

  #release(sizeBytes: number): void {
    this.#waitingSizeBytes -= sizeBytes
    this.#pending.release(sizeBytes)
  }

  #isBehind(): boolean {
    if (this.#waiting.length >= pendingMessagesMax) return true
    return this.#waitingSizeBytes >= bodySizeBytesMax
  }

  #ping(): void {
    if (!this.#alive) return this.#ws.terminate()
    this.#alive = false
    this.#ws.ping()
    this.#pingTimer = this.#jsonRpc.clock.setTimer(pingIntervalMs, () => this.#ping())
  }

  #closed(): void {
    this.#pingTimer?.cancel()
    this.#waiting.length = 0
    // While an answer is under way, its end gives the bytes back.
    if (!this.#answering) this.#release(this.#waitingSizeBytes)
    for (const run of this.#onClose) run()
  }
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return Buffer.isBuffer(data) ? data : Buffer.from(data)
}
