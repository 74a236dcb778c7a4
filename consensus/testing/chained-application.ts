/**
 * An application for tests and simulations: a block is its attributes and a nonce, its hash their
 * SHA-256. It has a disk of its own (what `finalize` resolved survives a crash) and executes
 * nothing, but refuses what a real one would: another parent, another time, another randomness.
 */

import { bytesEqual, concat, bigintToBytes, sha256, toHex } from '@zg/primitives'
import type { Clock } from '@zg/runtime'

import type { Application, Payload, PayloadAttributes, PayloadStatus } from '../application.ts'

const executeMs = 5

/** What survives a crash of the application. */
export type DurableChain = {
  /** Final blocks by height, the genesis first. */
  readonly hashes: Uint8Array[]
  readonly payloads: Map<string, Uint8Array>
}

export function newDurableChain(genesisHash: Uint8Array): DurableChain {
  return { hashes: [genesisHash], payloads: new Map() }
}

export class ChainedApplication implements Application {
  readonly #clock: Clock
  readonly #durable: DurableChain
  readonly #known = new Map<string, { readonly parent: Uint8Array; readonly bytes: Uint8Array }>()
  #nonce = 0n
  isBusy = false

  constructor(clock: Clock, durable: DurableChain) {
    this.#clock = clock
    this.#durable = durable
  }

  finalHead(): { readonly height: bigint; readonly executionHash: Uint8Array } {
    const { hashes } = this.#durable
    return { height: BigInt(hashes.length - 1), executionHash: hashes.at(-1) ?? new Uint8Array(32) }
  }

  hasPending(): boolean {
    return this.isBusy
  }

  async buildPayload(attributes: PayloadAttributes): Promise<Payload> {
    await this.#delay()
    const bytes = concat(encodeAttributes(attributes), bigintToBytes(this.#nonce++, 8))
    const executionHash = sha256(bytes)
    this.#known.set(toHex(executionHash), { parent: attributes.parentExecutionHash, bytes })
    return { executionHash, bytes }
  }

  async validatePayload(attributes: PayloadAttributes, payload: Payload): Promise<PayloadStatus> {
    await this.#delay()
    const parent = attributes.parentExecutionHash
    if (!this.#known.has(toHex(parent)) && !this.#isFinal(parent)) return 'SYNCING'
    if (!bytesEqual(sha256(payload.bytes), payload.executionHash)) return 'MISMATCH'
    const expected = encodeAttributes(attributes)
    if (!bytesEqual(payload.bytes.subarray(0, expected.length), expected)) return 'INVALID'
    this.#known.set(toHex(payload.executionHash), { parent, bytes: payload.bytes })
    return 'VALID'
  }

  async finalize(executionHash: Uint8Array): Promise<void> {
    const chain: Uint8Array[] = []
    let hash = executionHash
    while (!this.#isFinal(hash)) {
      const block = this.#known.get(toHex(hash))
      if (block === undefined) throw new Error('finalize of an unknown block')
      chain.unshift(hash)
      hash = block.parent
    }
    if (chain.length > 0 && !bytesEqual(hash, this.finalHead().executionHash)) {
      throw new Error('finalize of a block beside the final head')
    }
    await this.#delay()
    for (const each of chain) {
      const key = toHex(each)
      const block = this.#known.get(key)
      if (block !== undefined) this.#durable.payloads.set(key, block.bytes)
      this.#known.delete(key)
      this.#durable.hashes.push(each)
    }
  }

  forget(executionHash: Uint8Array): void {
    this.#known.delete(toHex(executionHash))
  }

  payloadOf(executionHash: Uint8Array): Uint8Array | undefined {
    const key = toHex(executionHash)
    return this.#durable.payloads.get(key) ?? this.#known.get(key)?.bytes
  }

  #isFinal(hash: Uint8Array): boolean {
    return (
      this.#durable.payloads.has(toHex(hash)) ||
      bytesEqual(hash, this.#durable.hashes[0] ?? new Uint8Array(0))
    )
  }

  #delay(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimer(executeMs, resolve)
    })
  }
}

function encodeAttributes(attributes: PayloadAttributes): Uint8Array {
  return concat(
    bigintToBytes(attributes.height, 8),
    attributes.parentExecutionHash,
    bigintToBytes(attributes.timestampSeconds, 8),
    attributes.prevRandao,
    attributes.parentConsensusRoot,
    attributes.feeRecipient,
    bigintToBytes(BigInt(attributes.credits.length), 1),
    ...attributes.credits.map(({ index, recipient, amountGwei }) =>
      concat(bigintToBytes(index, 8), recipient, bigintToBytes(amountGwei, 8)),
    ),
  )
}
