/**
 * Passes transactions between the pools of validators.
 *
 *     message   rlp([ transaction bytes, … ])     on channel "gossip"
 *
 * Validators are a full mesh, so who takes a transaction from a user sends it to all, and receivers
 * pass nothing on: each transaction crosses each link once. Those a user gave us go out again while
 * they wait, and to every peer that connects, so that a lost message or a new validator costs a
 * delay and not the transaction.
 *
 * A hash that was seen lately is dropped before it costs a recovery. What is refused for a reason
 * that another head can lift (its sender is being funded, say, in a block we do not have yet) is
 * tried again at the next heads. A peer that sends what no pool can have taken is reported.
 */

import { decodeRlp, encodeRlp, keccak256, rlpBytes, rlpList, ZgError } from '@zg/primitives'
import { channelLimits } from '@zg/runtime'
import type { Clock, Network, PeerId, Timer } from '@zg/runtime'

import { BoundedCache } from './bounded-cache.ts'
import type { SignedTransaction } from './chain-view.ts'
import { hashKey } from './hash-key.ts'
import type { Mempool } from './mempool.ts'
import { TransactionRefusedError } from './transaction-admission.ts'
import type { RefusalReason } from './transaction-admission.ts'

/** How long a transaction waits for company. */
export const gossipDelayMs = 20

/** How often, and how old, waiting transactions of our users go out again. */
export const regossipIntervalMs = 5_000

/** Bytes of transactions in one message; the rest of the channel's limit is for prefixes. */
const messageSizeBytesMax = channelLimits.gossip.messageSizeBytesMax - 16 * 1024

/** Transactions in one message. */
const messageCountMax = 2_048

/** Messages of one round of repeats, and to one peer that connects. */
const repeatMessagesMax = 8

/** Hashes seen lately. */
const seenMax = 32_768

/** Refused transactions that wait for another head, and bytes of them; the oldest go first. */
const waitingCountMax = 1_024
const waitingSizeBytesMax = 4 * 1024 * 1024

/** Heads at which one is tried again. */
const triesMax = 4

/** Reasons that another head may lift. */
const passingReasons: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  'funds-insufficient',
  'nonce-gap-too-large',
  'sender-full',
  'sender-has-code',
  'delegated-in-flight',
  'authority-in-flight',
])

/** What an honest pool would not have passed on. */
const dishonestReasons: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  'malformed',
  'too-large',
  'blobs-unsupported',
  'chain-id-wrong',
  'signature-invalid',
])

export type TransactionGossipOptions = {
  readonly network: Network
  readonly pool: Mempool
  readonly clock: Clock
}

type Waiting = { readonly from: PeerId; readonly bytes: Uint8Array; readonly tries: number }

export class TransactionGossip {
  readonly #network: Network
  readonly #pool: Mempool
  readonly #clock: Clock
  readonly #seen = new BoundedCache<string, true>(seenMax)
  readonly #unsubscribe: () => void
  #waiting: Waiting[] = []
  #waitingSizeBytes = 0
  #outgoing: Uint8Array[] = []
  #outgoingSizeBytes = 0
  #flushTimer: Timer | undefined
  #repeatTimer: Timer | undefined

  constructor({ network, pool, clock }: TransactionGossipOptions) {
    this.#network = network
    this.#pool = pool
    this.#clock = clock
    network.onMessage((from, _channel, message) => this.#receive(from, message))
    network.onPeer((peer, connected) => {
      if (connected) this.#sendLocal((message) => network.send(peer, 'gossip', message))
    })
    const unsubscribes = [
      pool.onLocal((signed) => this.#queue(signed)),
      pool.onHead(() => this.#tryAgain()),
    ]
    this.#unsubscribe = () => unsubscribes.forEach((unsubscribe) => unsubscribe())
    this.#armRepeat()
  }

  close(): void {
    this.#unsubscribe()
    this.#flushTimer?.cancel()
    this.#repeatTimer?.cancel()
    this.#network.onMessage(() => undefined)
    this.#network.onPeer(() => undefined)
  }

  #queue({ bytes }: SignedTransaction): void {
    if (this.#outgoingSizeBytes + bytes.length > messageSizeBytesMax) this.#flush()
    this.#outgoing.push(bytes)
    this.#outgoingSizeBytes += bytes.length
    if (this.#outgoing.length >= messageCountMax) this.#flush()
    else this.#flushTimer ??= this.#clock.setTimer(gossipDelayMs, () => this.#flush())
  }

  #flush(): void {
    this.#flushTimer?.cancel()
    this.#flushTimer = undefined
    if (this.#outgoing.length > 0) this.#network.broadcast('gossip', encodeRlp(this.#outgoing))
    this.#outgoing = []
    this.#outgoingSizeBytes = 0
  }

  #armRepeat(): void {
    this.#repeatTimer = this.#clock.setTimer(regossipIntervalMs, () => {
      const before = this.#clock.nowMs() - regossipIntervalMs
      this.#sendLocal((message) => this.#network.broadcast('gossip', message), before)
      this.#armRepeat()
    })
  }

  #sendLocal(send: (message: Uint8Array) => void, beforeMs = Infinity): void {
    let batch: Uint8Array[] = []
    let sizeBytes = 0
    let messages = 0
    for (const { signed } of this.#pool.localBefore(beforeMs)) {
      const isFull = sizeBytes + signed.bytes.length > messageSizeBytesMax
      if (isFull || batch.length >= messageCountMax) {
        send(encodeRlp(batch))
        if (++messages >= repeatMessagesMax) return
        batch = []
        sizeBytes = 0
      }
      batch.push(signed.bytes)
      sizeBytes += signed.bytes.length
    }
    if (batch.length > 0) send(encodeRlp(batch))
  }

  #receive(from: PeerId, message: Uint8Array): void {
    let transactions: readonly Uint8Array[]
    try {
      transactions = rlpList(decodeRlp(message)).map((item) => rlpBytes(item))
      if (transactions.length > messageCountMax) throw new GossipTooManyError(transactions.length)
    } catch (error) {
      if (!(error instanceof ZgError)) throw error
      this.#network.reportMisbehaviour(from, error.message)
      return
    }
    for (const bytes of transactions) this.#take(from, bytes)
  }

  #take(from: PeerId, bytes: Uint8Array): void {
    const key = hashKey(keccak256(bytes))
    if (this.#seen.get(key) === true) return
    this.#seen.set(key, true)
    this.#offer({ from, bytes, tries: 0 })
  }

  #offer({ from, bytes, tries }: Waiting): void {
    this.#pool.addRemote(bytes).catch((error: unknown) => {
      const reason = error instanceof TransactionRefusedError ? error.reason : undefined
      if (reason === undefined) return
      // A busy or full pool may have room when it comes again.
      if (reason === 'pool-busy' || reason === 'pool-full') {
        this.#seen.delete(hashKey(keccak256(bytes)))
      }
      if (passingReasons.has(reason)) this.#wait({ from, bytes: bytes.slice(), tries: tries + 1 })
      if (dishonestReasons.has(reason)) {
        this.#network.reportMisbehaviour(from, `a transaction is refused: ${reason}`)
      }
    })
  }

  #wait(refused: Waiting): void {
    if (refused.tries > triesMax) {
      // It may come again: whoever has it sends it while it waits there.
      this.#seen.delete(hashKey(keccak256(refused.bytes)))
      return
    }
    this.#waiting.push(refused)
    this.#waitingSizeBytes += refused.bytes.length
    const isFull = (): boolean =>
      this.#waiting.length > waitingCountMax || this.#waitingSizeBytes > waitingSizeBytesMax
    while (isFull()) {
      const oldest = this.#waiting.shift()
      if (oldest === undefined) return
      this.#waitingSizeBytes -= oldest.bytes.length
      this.#seen.delete(hashKey(keccak256(oldest.bytes)))
    }
  }

  #tryAgain(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#waitingSizeBytes = 0
    for (const refused of waiting) this.#offer(refused)
  }
}

export class GossipTooManyError extends ZgError<'CHAIN_GOSSIP_TOO_MANY'> {
  constructor(count: number) {
    const message = `Cannot read the gossip: ${count} transactions in one message`
    super('CHAIN_GOSSIP_TOO_MANY', message, { count })
  }
}
