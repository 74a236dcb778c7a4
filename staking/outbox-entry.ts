/**
 * What leaves a network: an entry of its Outbox, 0x…2002, as its log tells it and as L1 takes it
 * (docs/specs/stake.md §9).
 *
 *     leaf = sha256( kind ‖ network ‖ sender ‖ to ‖ amount ‖ expiry ‖ dataHash )     seven words
 */

import {
  bigintToBytes,
  bigintToHex,
  bytesToBigint,
  keccak256,
  sha256,
  toHex,
  ZgError,
} from '@zg/primitives'

/** Where every network has its Outbox, and the slots of its tree's root and count. */
export const outboxAddress = 0x2002n
export const outboxSlots = { root: 0n, count: 1n } as const

/** First topic of its log `Sent(index, entry)`; the second is the index. */
export const sentTopic = toHex(
  keccak256(
    new TextEncoder().encode('Sent(uint64,(uint8,uint32,address,address,uint256,uint64,bytes32))'),
  ),
)

export const outboxKinds = ['withdrawal', 'reward', 'transfer', 'message'] as const

export type OutboxEntry = {
  readonly kind: (typeof outboxKinds)[number]
  /** Where to, of a transfer or a message. */
  readonly network: number
  readonly sender: bigint
  readonly to: bigint
  readonly amountWei: bigint
  readonly expiry: bigint
  readonly dataHash: bigint
}

const wordSizeBytes = 32
const wordCount = 7
const [addressBits, networkBits, expiryBits] = [160n, 32n, 64n]

/** The seven words of an entry, 224 bytes: its log's data, and what its leaf hashes. */
export function encodeOutboxEntry(entry: OutboxEntry): Uint8Array {
  const { kind, network, sender, to, amountWei, expiry, dataHash } = entry
  const words = [BigInt(outboxKinds.indexOf(kind)), BigInt(network), sender, to, amountWei]
  const bytes = new Uint8Array(wordCount * wordSizeBytes)
  for (const [index, word] of [...words, expiry, dataHash].entries()) {
    bytes.set(bigintToBytes(word, wordSizeBytes), index * wordSizeBytes)
  }
  return bytes
}

/**
 * Reads the seven words of an entry.
 *
 * @throws {OutboxEntryMalformedError} `STAKING_OUTBOX_ENTRY_MALFORMED`
 */
export function decodeOutboxEntry(bytes: Uint8Array): OutboxEntry {
  if (bytes.length !== wordCount * wordSizeBytes) {
    throw new OutboxEntryMalformedError('it is not of seven words')
  }
  const wordAt = (index: number, bits = 256n): bigint => {
    const word = bytesToBigint(bytes.subarray(index * wordSizeBytes, (index + 1) * wordSizeBytes))
    if (word >> bits !== 0n) throw new OutboxEntryMalformedError(`word ${index} is too large`)
    return word
  }
  const kind = outboxKinds[Number(wordAt(0, networkBits))]
  if (kind === undefined) throw new OutboxEntryMalformedError('its kind is unknown')
  return {
    kind,
    network: Number(wordAt(1, networkBits)),
    sender: wordAt(2, addressBits),
    to: wordAt(3, addressBits),
    amountWei: wordAt(4),
    expiry: wordAt(5, expiryBits),
    dataHash: wordAt(6),
  }
}

/** The leaf of an entry in the tree of its Outbox. */
export function outboxLeaf(entry: OutboxEntry): Uint8Array {
  return sha256(encodeOutboxEntry(entry))
}

/** An entry as `RewardBridge.claim` takes it. */
export function outboxEntryArgs({ kind, sender, to, ...entry }: OutboxEntry) {
  return {
    kind: outboxKinds.indexOf(kind),
    network: entry.network,
    sender: bigintToHex(sender, 20),
    to: bigintToHex(to, 20),
    amount: entry.amountWei,
    expiry: entry.expiry,
    dataHash: bigintToHex(entry.dataHash, wordSizeBytes),
  }
}

export class OutboxEntryMalformedError extends ZgError<'STAKING_OUTBOX_ENTRY_MALFORMED'> {
  constructor(problem: string) {
    super('STAKING_OUTBOX_ENTRY_MALFORMED', `Cannot read an Outbox entry: ${problem}`, { problem })
  }
}
