/**
 * What a follower keeps of L1 on disk, so that a restart asks only for what is new.
 *
 *     l1.cursor    -        -> sha256 ‖ identity[32] ‖ final ‖ reference ‖ credits' block, root
 *     l1.credits   index    -> address[20] ‖ gwei[8]
 *     l1.sets      epoch    -> sha256 ‖ ( operator[20] ‖ key[48] ‖ stake[8] ) a validator
 *
 * Integers are 8 bytes big-endian. A batch is written whole or not at all, so a kill leaves what
 * some poll had. Nothing is believed because it stands here: the credits are hashed to the root
 * that was proved of them, cursor and sets to their checksums, and the next poll asks L1 whether
 * the final block is still its own. What does not fit is forgotten as a whole and read anew.
 */

import { validatorSet } from '@zg/consensus'
import type { Credit, L1Reference, ValidatorSet } from '@zg/consensus'
import {
  appendLeaf,
  bigintToBytes,
  bytesEqual,
  bytesToBigint,
  concat,
  emptyIncrementalTree,
  incrementalRoot,
  sha256,
  ZgError,
} from '@zg/primitives'
import type { IncrementalTree } from '@zg/primitives'
import type { KeyValueStore, KeyValueWrite } from '@zg/runtime'

const tables = { cursor: 'l1.cursor', credits: 'l1.credits', sets: 'l1.sets' } as const
const cursorKey = Uint8Array.of(0)
const hashSizeBytes = 32
const cursorSizeBytes = 2 * hashSizeBytes + (8 + 32 + 8) + (8 + 32 + 8 + 32 + 32 + 8 + 32) + 8 + 32
const creditSizeBytes = 28
const entrySizeBytes = 76

/** Rows that one batch of forgetting removes. */
const forgottenAtOnce = 10_000

export type KeptFinal = {
  readonly number: bigint
  readonly hash: Uint8Array
  readonly timestamp: bigint
}

export type KeptL1 = {
  readonly final: KeptFinal
  readonly reference: L1Reference
  readonly credits: readonly Credit[]
  readonly creditTree: IncrementalTree
  /** The block up to which the credits' logs were read. */
  readonly creditsBlock: bigint
  /** Of their tree, as it was proved. */
  readonly creditsRoot: Uint8Array
  readonly sets: readonly ValidatorSet[]
}

export class L1Memory {
  readonly #store: KeyValueStore
  readonly #identity: Uint8Array
  /** Whether what was read is damaged and stands there still. */
  #isDamaged = false

  /** @param identity - 32 bytes: the hash of what is followed; other memories are not ours. */
  constructor(store: KeyValueStore, identity: Uint8Array) {
    this.#store = store
    this.#identity = identity
  }

  /**
   * Returns what was kept; undefined in an empty store.
   *
   * @throws {L1MemoryDamagedError} `STAKING_L1_MEMORY_DAMAGED`
   */
  read(): KeptL1 | undefined {
    try {
      return this.#read()
    } catch (error) {
      this.#isDamaged = true
      throw error
    }
  }

  #read(): KeptL1 | undefined {
    const record = this.#store.get(tables.cursor, cursorKey)
    if (record === undefined) return undefined
    const cursor = cursorOf(record, this.#identity)
    const credits: Credit[] = []
    let creditTree = emptyIncrementalTree
    for (const [key, value] of this.#store.range(tables.credits, {})) {
      const index = BigInt(credits.length)
      if (value.length !== creditSizeBytes || bytesToBigint(key) !== index) {
        throw new L1MemoryDamagedError('a credit is out of form')
      }
      creditTree = appendLeaf(creditTree, sha256(value))
      const amountGwei = bytesToBigint(value.subarray(20))
      credits.push({ index, recipient: value.slice(0, 20), amountGwei })
    }
    if (!bytesEqual(creditsRootOf(creditTree), cursor.creditsRoot)) {
      throw new L1MemoryDamagedError('the credits are not those of the proved root')
    }
    const sets = [...this.#store.range(tables.sets, {})].map(([key, value]) => {
      return setOf(bytesToBigint(key), value)
    })
    return { ...cursor, credits, creditTree, sets }
  }

  /**
   * Keeps where a follower stands, with the credits and sets that are new; forgets old sets, and
   * before the first write all that is damaged.
   */
  async write(news: {
    readonly final: KeptFinal
    readonly reference: L1Reference
    readonly creditsBlock: bigint
    readonly creditsRoot: Uint8Array
    readonly credits: readonly Credit[]
    readonly sets: readonly ValidatorSet[]
    readonly setsGone: readonly bigint[]
  }): Promise<void> {
    if (this.#isDamaged) await this.#forget()
    const { credits, sets, setsGone, ...cursor } = news
    const writes: KeyValueWrite[] = credits.map(({ index, recipient, amountGwei }) => {
      const value = concat(recipient, bigintToBytes(amountGwei, 8))
      return { table: tables.credits, key: bigintToBytes(index, 8), value }
    })
    for (const epoch of setsGone) {
      writes.push({ table: tables.sets, key: bigintToBytes(epoch, 8), value: undefined })
    }
    for (const set of sets) {
      const value = setRecord(set)
      writes.push({ table: tables.sets, key: bigintToBytes(set.epoch, 8), value })
    }
    const value = cursorRecord(cursor, this.#identity)
    await this.#store.write([...writes, { table: tables.cursor, key: cursorKey, value }])
  }

  /** Forgets everything; the cursor first, so that a kill in between leaves nothing that counts. */
  async #forget(): Promise<void> {
    await this.#store.write([{ table: tables.cursor, key: cursorKey, value: undefined }])
    for (const table of [tables.credits, tables.sets]) {
      for (;;) {
        const rows = [...this.#store.range(table, { limit: forgottenAtOnce })]
        if (rows.length === 0) break
        await this.#store.write(
          rows.map(([key]) => ({ table, key: key.slice(), value: undefined })),
        )
      }
    }
    this.#isDamaged = false
  }
}

/** The root of a tree of credits, as Inbox has it: zero while it is empty. */
export function creditsRootOf(tree: IncrementalTree): Uint8Array {
  return tree.count === 0 ? new Uint8Array(hashSizeBytes) : incrementalRoot(tree)
}

type Cursor = Pick<KeptL1, 'final' | 'reference' | 'creditsBlock' | 'creditsRoot'>

function cursorRecord(cursor: Cursor, identity: Uint8Array): Uint8Array {
  const { final, reference, creditsBlock, creditsRoot } = cursor
  const word = (value: bigint): Uint8Array => bigintToBytes(value, 8)
  const body = concat(
    identity,
    word(final.number),
    final.hash,
    word(final.timestamp),
    word(reference.number),
    reference.hash,
    word(reference.timestamp),
    reference.stateRoot,
    reference.creditRoot,
    word(reference.creditCount),
    reference.messageRoot,
    word(creditsBlock),
    creditsRoot,
  )
  return concat(sha256(body), body)
}

function cursorOf(record: Uint8Array, identity: Uint8Array): Cursor {
  if (record.length !== cursorSizeBytes || !isWhole(record)) {
    throw new L1MemoryDamagedError('the cursor is damaged')
  }
  let at = hashSizeBytes
  const bytes = (size: number): Uint8Array => record.slice(at, (at += size))
  const word = (): bigint => bytesToBigint(bytes(8))
  if (!bytesEqual(bytes(hashSizeBytes), identity)) {
    throw new L1MemoryDamagedError('it is of another network or L1')
  }
  const final = { number: word(), hash: bytes(32), timestamp: word() }
  const reference = {
    number: word(),
    hash: bytes(32),
    timestamp: word(),
    stateRoot: bytes(32),
    creditRoot: bytes(32),
    creditCount: word(),
    messageRoot: bytes(32),
  }
  return { final, reference, creditsBlock: word(), creditsRoot: bytes(32) }
}

function setRecord({ validators }: ValidatorSet): Uint8Array {
  const entries = validators.map(({ operator, publicKey, stake }) =>
    concat(operator, publicKey, bigintToBytes(stake, 8)),
  )
  const body = concat(...entries)
  return concat(sha256(body), body)
}

function setOf(epoch: bigint, record: Uint8Array): ValidatorSet {
  const size = record.length - hashSizeBytes
  if (size < 0 || size % entrySizeBytes !== 0 || !isWhole(record)) {
    throw new L1MemoryDamagedError('a set is damaged')
  }
  const entries = Array.from({ length: size / entrySizeBytes }, (_, place) => {
    const at = hashSizeBytes + place * entrySizeBytes
    return {
      operator: record.slice(at, at + 20),
      publicKey: record.slice(at + 20, at + 68),
      stake: bytesToBigint(record.subarray(at + 68, at + entrySizeBytes)),
    }
  })
  try {
    return validatorSet(epoch, entries)
  } catch (cause) {
    throw new L1MemoryDamagedError('a set is none', cause)
  }
}

/** Whether a record begins with the hash of the rest. */
function isWhole(record: Uint8Array): boolean {
  return bytesEqual(record.subarray(0, hashSizeBytes), sha256(record.subarray(hashSizeBytes)))
}

export class L1MemoryDamagedError extends ZgError<'STAKING_L1_MEMORY_DAMAGED'> {
  constructor(problem: string, cause?: unknown) {
    const message = `Cannot go on from what was kept of L1: ${problem}`
    super('STAKING_L1_MEMORY_DAMAGED', message, { problem }, cause)
  }
}
