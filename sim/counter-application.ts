/**
 * The smallest chain that can be wrong: blocks of counters, and their running total.
 *
 *     payload = height u64 | parent 32 | timestamp u64 | prevRandao 32 | parentConsensusRoot 32
 *             | feeRecipient 20 | total u64 | count u16 | counter u32 · count
 *             | credits u8 | (index u64 | recipient 20 | gwei u64) · credits         (big-endian)
 *
 * `total` is the parent's total plus the counters, modulo 2^64: the state root of this chain. The
 * execution hash is SHA-256 of the payload. Executing takes virtual time, and now and then an
 * answer is SYNCING though the block could be executed: consensus must live with both. Final blocks
 * lie in a store, un-final ones in memory, where a crash takes them; there is room for few of them,
 * so consensus must say which lost.
 */

import {
  assert,
  bigintToBytes,
  bytesEqual,
  bytesToBigint,
  concat,
  sha256,
  toHex,
} from '@zg/primitives'
import type { Application, Credit, Payload, PayloadAttributes, PayloadStatus } from '@zg/consensus'
import type { Clock, KeyValueStore, Rng } from '@zg/runtime'

/** Counters in one block, at most. */
const counterCountMax = 64

/** Executed blocks above the final head, at most; beyond, all else is SYNCING. */
const executedCountMax = 96

/** Transactions wait for so long, then none do for as long. */
const busySpanMs = 2_000

const creditCountMax = 16
const creditSizeBytes = 8 + 20 + 8
const headSizeBytes = 8 + 32 + 8 + 32 + 32 + 20 + 8 + 2
const table = 'counter-chain'
const headKey = new TextEncoder().encode('head')
const wrap = 1n << 64n

/** The execution hash of height 0, unless another is given. */
export const counterGenesisHash = sha256(new TextEncoder().encode('zg/sim counter chain'))

/** How an application behaves beside being right. */
export type CounterTemper = {
  /** Virtual time one execution takes: uniform from 0. */
  readonly executionMsMax: number
  /** How likely an execution takes ten times that. */
  readonly slowChance: number
  /** How likely it answers SYNCING for a block it could execute. */
  readonly syncingChance: number
  /** How likely it builds a block with a wrong total, as a faulty proposer does. */
  readonly wrongChance: number
}

/** Quick and right. */
export const evenTemper: CounterTemper = {
  executionMsMax: 2,
  slowChance: 0,
  syncingChance: 0,
  wrongChance: 0,
}

type Entry = {
  readonly height: bigint
  readonly hash: Uint8Array
  readonly parent: Uint8Array
  readonly total: bigint
  readonly payload: Uint8Array
}

/** What a payload says, checked for its form alone; undefined when it has none. */
export type CounterBlock = {
  readonly attributes: PayloadAttributes
  readonly total: bigint
  readonly sum: bigint
}

export class CounterApplication implements Application {
  readonly #clock: Clock
  readonly #rng: Rng
  readonly #store: KeyValueStore
  readonly #temper: CounterTemper
  /** Executed blocks above the final head, by hash. */
  readonly #executed = new Map<string, Entry>()
  readonly #onExecuted: (executionHash: Uint8Array) => void
  readonly #genesisHash: Uint8Array
  #head: Entry
  #finalizing: Promise<void> = Promise.resolve()

  /** @param options.onExecuted - Told of every block that was built or found VALID here. */
  constructor(options: {
    clock: Clock
    rng: Rng
    store: KeyValueStore
    temper: CounterTemper
    onExecuted?: (executionHash: Uint8Array) => void
    genesisHash?: Uint8Array
  }) {
    this.#clock = options.clock
    this.#rng = options.rng
    this.#store = options.store
    this.#temper = options.temper
    this.#onExecuted = options.onExecuted ?? (() => undefined)
    this.#genesisHash = options.genesisHash ?? counterGenesisHash
    this.#head = this.#storedHead()
  }

  finalHead(): { readonly height: bigint; readonly executionHash: Uint8Array } {
    return { height: this.#head.height, executionHash: this.#head.hash }
  }

  /** Busy and idle by turns. */
  hasPending(): boolean {
    return Math.floor(this.#clock.nowMs() / busySpanMs) % 2 === 0
  }

  async buildPayload(attributes: PayloadAttributes): Promise<Payload> {
    const parent = this.#find(attributes.parentExecutionHash)
    assert(parent !== undefined, 'consensus builds on a block that was executed here')
    await this.#execute()
    const counters = Array.from({ length: this.#rng.below(counterCountMax) }, () =>
      this.#rng.below(2 ** 32),
    )
    const wrong = this.#rng.chance(this.#temper.wrongChance) ? 1n : 0n
    const bytes = encodeCounterPayload(attributes, parent.total + wrong, counters)
    const executionHash = sha256(bytes)
    if (wrong === 0n) this.#keep(attributes, executionHash, bytes)
    return { executionHash, bytes }
  }

  async validatePayload(attributes: PayloadAttributes, payload: Payload): Promise<PayloadStatus> {
    const { executionHash, bytes } = payload
    if (!bytesEqual(sha256(bytes), executionHash)) return 'MISMATCH'
    if (this.#find(executionHash) !== undefined) return 'VALID'
    await this.#execute()
    const parent = this.#find(attributes.parentExecutionHash)
    if (parent === undefined || this.#rng.chance(this.#temper.syncingChance)) return 'SYNCING'
    if (this.#executed.size >= executedCountMax) return 'SYNCING'
    const block = decodeCounterPayload(bytes)
    if (block === undefined || !sameAttributes(block.attributes, attributes)) return 'INVALID'
    if (block.total !== (parent.total + block.sum) % wrap) return 'INVALID'
    if (parent.height + 1n !== attributes.height) return 'INVALID'
    this.#keep(attributes, executionHash, bytes)
    return 'VALID'
  }

  finalize(executionHash: Uint8Array): Promise<void> {
    // One after the other: a batch never overtakes its parent's.
    this.#finalizing = this.#finalizing.then(() => this.#finalizeNext(executionHash))
    return this.#finalizing
  }

  forget(executionHash: Uint8Array): void {
    this.#executed.delete(toHex(executionHash))
  }

  payloadOf(executionHash: Uint8Array): Uint8Array | undefined {
    const executed = this.#executed.get(toHex(executionHash))
    return executed?.payload ?? this.#store.get(table, executionHash)
  }

  async #finalizeNext(executionHash: Uint8Array): Promise<void> {
    if (this.#isFinal(executionHash)) return
    const path: Entry[] = []
    let next = executionHash
    while (!bytesEqual(next, this.#head.hash)) {
      const entry = this.#executed.get(toHex(next))
      assert(entry !== undefined, 'only executed descendants of the final head become final')
      path.push(entry)
      next = entry.parent
    }
    const head = path[0] as Entry
    const blocks = path.map(({ hash, payload }) => ({ table, key: hash, value: payload }))
    await this.#store.write([...blocks, { table, key: headKey, value: head.hash }])
    this.#head = head
    for (const [key, entry] of this.#executed) {
      if (entry.height <= head.height) this.#executed.delete(key)
    }
  }

  #isFinal(executionHash: Uint8Array): boolean {
    return (
      bytesEqual(executionHash, this.#head.hash) ||
      this.#store.get(table, executionHash) !== undefined
    )
  }

  #find(executionHash: Uint8Array): Entry | undefined {
    if (bytesEqual(executionHash, this.#head.hash)) return this.#head
    return this.#executed.get(toHex(executionHash))
  }

  #keep(attributes: PayloadAttributes, hash: Uint8Array, payload: Uint8Array): void {
    this.#onExecuted(hash)
    const { height, parentExecutionHash: parent } = attributes
    if (height <= this.#head.height) return
    const total = decodeCounterPayload(payload)?.total ?? 0n
    this.#executed.set(toHex(hash), { height, hash, parent, total, payload })
  }

  async #execute(): Promise<void> {
    const { executionMsMax, slowChance } = this.#temper
    const factor = this.#rng.chance(slowChance) ? 10 : 1
    const delayMs = (factor * executionMsMax * this.#rng.below(1_024)) / 1_024
    await new Promise<void>((resolve) => {
      this.#clock.setTimer(delayMs, resolve)
    })
  }

  #storedHead(): Entry {
    const none = new Uint8Array(0)
    const genesis = { height: 0n, hash: this.#genesisHash, parent: none, total: 0n, payload: none }
    const hash = this.#store.get(table, headKey)
    if (hash === undefined) return genesis
    const payload = this.#store.get(table, hash)
    const block = payload && decodeCounterPayload(payload)
    assert(payload !== undefined && block !== undefined, 'the head of the counter chain is stored')
    const { height, parentExecutionHash: parent } = block.attributes
    return { height, hash, parent, total: block.total, payload }
  }
}

/** Writes a payload; `parentTotal` is the total below it. */
export function encodeCounterPayload(
  attributes: PayloadAttributes,
  parentTotal: bigint,
  counters: readonly number[],
): Uint8Array {
  const sum = counters.reduce((total, counter) => total + BigInt(counter), 0n)
  return concat(
    bigintToBytes(attributes.height, 8),
    attributes.parentExecutionHash,
    bigintToBytes(attributes.timestampSeconds, 8),
    attributes.prevRandao,
    attributes.parentConsensusRoot,
    attributes.feeRecipient,
    bigintToBytes((parentTotal + sum) % wrap, 8),
    bigintToBytes(BigInt(counters.length), 2),
    ...counters.map((counter) => bigintToBytes(BigInt(counter), 4)),
    Uint8Array.of(attributes.credits.length),
    ...attributes.credits.map(encodeCredit),
  )
}

/** Reads a payload; undefined for bytes that are none. */
export function decodeCounterPayload(bytes: Uint8Array): CounterBlock | undefined {
  if (bytes.length < headSizeBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const count = view.getUint16(headSizeBytes - 2)
  const creditsAt = headSizeBytes + 4 * count
  if (count > counterCountMax || bytes.length <= creditsAt) return undefined
  const creditCount = view.getUint8(creditsAt)
  const sizeBytes = creditsAt + 1 + creditSizeBytes * creditCount
  if (creditCount > creditCountMax || bytes.length !== sizeBytes) return undefined
  let sum = 0n
  for (let index = 0; index < count; index++) {
    sum += BigInt(view.getUint32(headSizeBytes + 4 * index))
  }
  const attributes = {
    height: bytesToBigint(bytes.subarray(0, 8)),
    parentExecutionHash: bytes.slice(8, 40),
    timestampSeconds: bytesToBigint(bytes.subarray(40, 48)),
    prevRandao: bytes.slice(48, 80),
    parentConsensusRoot: bytes.slice(80, 112),
    feeRecipient: bytes.slice(112, 132),
    credits: Array.from({ length: creditCount }, (_, place) =>
      decodeCredit(bytes.subarray(creditsAt + 1 + creditSizeBytes * place)),
    ),
  }
  return { attributes, total: bytesToBigint(bytes.subarray(132, 140)), sum }
}

function sameAttributes(a: PayloadAttributes, b: PayloadAttributes): boolean {
  return (
    a.height === b.height &&
    a.timestampSeconds === b.timestampSeconds &&
    bytesEqual(a.parentExecutionHash, b.parentExecutionHash) &&
    bytesEqual(a.prevRandao, b.prevRandao) &&
    bytesEqual(a.parentConsensusRoot, b.parentConsensusRoot) &&
    bytesEqual(a.feeRecipient, b.feeRecipient) &&
    sameCredits(a.credits, b.credits)
  )
}

/** Whether two lists pay out the same. */
export function sameCredits(a: readonly Credit[], b: readonly Credit[]): boolean {
  return bytesEqual(concat(...a.map(encodeCredit)), concat(...b.map(encodeCredit)))
}

function encodeCredit({ index, recipient, amountGwei }: Credit): Uint8Array {
  return concat(bigintToBytes(index, 8), recipient, bigintToBytes(amountGwei, 8))
}

function decodeCredit(bytes: Uint8Array): Credit {
  return {
    index: bytesToBigint(bytes.subarray(0, 8)),
    recipient: bytes.slice(8, 28),
    amountGwei: bytesToBigint(bytes.subarray(28, 36)),
  }
}
