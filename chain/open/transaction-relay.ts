/**
 * Passes transactions through the open network towards the validators.
 *
 *     user ─► pool ─► all peers, and the validators this node is in front of
 *     peer ─► seen? ─► pool takes it ─► all other peers, and those validators
 *
 * A flood with a memory: each node passes on once what its pool took, so nothing that no pool takes
 * goes farther than one hop. Those a user gave go out again while they wait. A peer that sends what
 * no honest pool can have taken is banned.
 */

import { keccak256 } from '@zg/primitives'
import type { Clock, Timer } from '@zg/runtime'
import type { OpenNetwork, OpenPeerId } from '@zg/p2p/open'

import { BoundedCache } from '../bounded-cache.ts'
import { hashKey } from '../hash-key.ts'
import type { Mempool } from '../mempool.ts'
import { TransactionRefusedError } from '../transaction-admission.ts'
import type { RefusalReason } from '../transaction-admission.ts'
import { encodeNews, transactionsPerMessageMax } from './open-messages.ts'

/** How long a transaction waits for company. */
export const relayDelayMs = 20

/** How often, and how old, waiting transactions of our users go out again. */
export const relayRepeatMs = 5_000

/** Bytes of transactions in one message. */
const messageSizeBytesMax = 192 * 1_024

/** Hashes seen lately. */
const seenMax = 32_768

/** Messages of one round of repeats. */
const repeatMessagesMax = 8

/** What an honest node, which checks before it passes on, never sends. */
const dishonestReasons: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  'malformed',
  'too-large',
  'blobs-unsupported',
  'chain-id-wrong',
  'signature-invalid',
])

export type TransactionRelayOptions = {
  readonly network: OpenNetwork
  readonly pool: Mempool
  readonly clock: Clock
  /** Gives transactions to the validators behind this node, if there are any. */
  readonly forward: (transactions: readonly Uint8Array[]) => void
}

type Outgoing = { readonly bytes: Uint8Array; readonly from: OpenPeerId | undefined }

export class TransactionRelay {
  readonly #options: TransactionRelayOptions
  readonly #seen = new BoundedCache<string, true>(seenMax)
  readonly #unsubscribe: () => void
  #outgoing: Outgoing[] = []
  #flushTimer: Timer | undefined
  #repeatTimer: Timer | undefined

  constructor(options: TransactionRelayOptions) {
    this.#options = options
    this.#unsubscribe = options.pool.onLocal(({ bytes, hash }) => {
      this.#seen.set(hashKey(hash), true)
      this.#queue({ bytes, from: undefined })
    })
    this.#armRepeat()
  }

  /** Takes what a peer sent. */
  receive(from: OpenPeerId, transactions: readonly Uint8Array[]): void {
    for (const bytes of transactions) this.#take(from, bytes)
  }

  close(): void {
    this.#unsubscribe()
    this.#flushTimer?.cancel()
    this.#repeatTimer?.cancel()
  }

  #take(from: OpenPeerId, bytes: Uint8Array): void {
    const { pool, network } = this.#options
    const key = hashKey(keccak256(bytes))
    if (this.#seen.get(key) === true) return
    this.#seen.set(key, true)
    pool.addRemote(bytes).then(
      () => this.#queue({ bytes, from }),
      (error: unknown) => {
        const reason = error instanceof TransactionRefusedError ? error.reason : undefined
        if (reason !== undefined && dishonestReasons.has(reason)) {
          network.ban(from, `a transaction is refused: ${reason}`)
          return
        }
        // Another head, or more room, may let it in when it comes again.
        this.#seen.delete(key)
      },
    )
  }

  #queue(outgoing: Outgoing): void {
    this.#outgoing.push(outgoing)
    if (this.#outgoing.length >= transactionsPerMessageMax) this.#flush()
    else this.#flushTimer ??= this.#options.clock.setTimer(relayDelayMs, () => this.#flush())
  }

  #flush(): void {
    this.#flushTimer?.cancel()
    this.#flushTimer = undefined
    const outgoing = this.#outgoing
    this.#outgoing = []
    this.#options.forward(outgoing.map(({ bytes }) => bytes))
    for (const [from, transactions] of bySource(outgoing)) {
      for (const message of messagesOf(transactions)) this.#options.network.gossip(message, from)
    }
  }

  #armRepeat(): void {
    const { clock, pool, network, forward } = this.#options
    this.#repeatTimer = clock.setTimer(relayRepeatMs, () => {
      const waiting: Uint8Array[] = []
      for (const { signed } of pool.localBefore(clock.nowMs() - relayRepeatMs)) {
        waiting.push(signed.bytes)
        if (waiting.length >= transactionsPerMessageMax) break
      }
      if (waiting.length > 0) forward(waiting)
      for (const message of messagesOf(waiting).slice(0, repeatMessagesMax)) network.gossip(message)
      this.#armRepeat()
    })
  }
}

function bySource(
  outgoing: readonly Outgoing[],
): ReadonlyMap<OpenPeerId | undefined, readonly Uint8Array[]> {
  const groups = new Map<OpenPeerId | undefined, Uint8Array[]>()
  for (const { from, bytes } of outgoing) {
    const group = groups.get(from)
    if (group === undefined) groups.set(from, [bytes])
    else group.push(bytes)
  }
  return groups
}

function messagesOf(transactions: readonly Uint8Array[]): readonly Uint8Array[] {
  const messages: Uint8Array[] = []
  let batch: Uint8Array[] = []
  let sizeBytes = 0
  for (const bytes of transactions) {
    if (batch.length > 0 && sizeBytes + bytes.length > messageSizeBytesMax) {
      messages.push(encodeNews({ kind: 'transactions', transactions: batch }))
      batch = []
      sizeBytes = 0
    }
    batch.push(bytes)
    sizeBytes += bytes.length
  }
  if (batch.length > 0) messages.push(encodeNews({ kind: 'transactions', transactions: batch }))
  return messages
}
