/**
 * The draw of a quorum: who is in it, and which rows each member holds (docs/specs/da.md §2).
 *
 * All of it follows from the places, their votes and the seed, so anyone draws the same; the
 * contract (contracts/da/DataSigners.sol) draws it once more before it believes a certificate.
 */

import { bigintToBytes, bytesToBigint, concat } from '@zg/primitives/bytes'
import { ZgError } from '@zg/primitives/errors'
import { keccak256 } from '@zg/primitives/hash'

/** Places at most. */
export const placesMax = 2_048
/** Members at most; of more active places, so many tickets are drawn. */
export const membersMax = 512

const utf8 = new TextEncoder()
const memberTag = utf8.encode('zg/da/member')
const shiftTag = utf8.encode('zg/da/shift')

/** Who may be drawn: a place with votes in the epoch. */
export type ActivePlace = {
  readonly place: number
  /** In gwei, above 0. */
  readonly votes: bigint
}

export type Member = {
  readonly place: number
  /** Rows that it holds; may be 0. */
  readonly slots: number
  /** Its first slot. */
  readonly from: number
}

export type Quorum = {
  readonly members: readonly Member[]
  /** n: the sum of all slots. */
  readonly slots: number
  /** Row of slot 0. */
  readonly shift: number
}

/** Rows one after the other. */
export type RowSpan = { readonly from: number; readonly count: number }

export type DrawInput = {
  /** In rising order of places. */
  readonly active: readonly ActivePlace[]
  /** 32 bytes: seed(e). */
  readonly seed: Uint8Array
  readonly quorum: number
  /** n. */
  readonly slots: number
}

/** @throws {QuorumEmptyError} `DA_QUORUM_EMPTY` */
export function drawQuorum({ active, seed, quorum, slots }: DrawInput): Quorum {
  if (active.length === 0) throw new QuorumEmptyError()
  const shares = drawShares(active, seed, quorum)
  const given = slotsOf(
    shares.map(({ votes }) => votes),
    slots,
  )
  let from = 0
  const members = shares.map(({ place }, index) => {
    const member = { place, slots: given[index]!, from }
    from += member.slots
    return member
  })
  return { members, slots, shift: shiftOf(seed, quorum, slots) }
}

/** The row of slot 0. */
export function shiftOf(seed: Uint8Array, quorum: number, slots: number): number {
  return Number(hashOf(shiftTag, seed, quorum) % BigInt(slots))
}

/** The rows of a member, as spans that do not run over the end. */
export function rowsOf({ slots, shift }: Quorum, member: Member): readonly RowSpan[] {
  if (member.slots === 0) return []
  const from = (member.from + shift) % slots
  const first = Math.min(member.slots, slots - from)
  const spans = [{ from, count: first }]
  if (first < member.slots) spans.push({ from: 0, count: member.slots - first })
  return spans
}

/** The member that holds a row: its index among members. */
export function holderOf({ members, slots, shift }: Quorum, row: number): number {
  const slot = (row - shift + slots) % slots
  let [low, high] = [0, members.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (members[middle]!.from <= slot) low = middle
    else high = middle - 1
  }
  // Members without slots begin where the next one does; the last that begins there has the slot.
  return low
}

/** Whether signers with so many slots make a certificate. */
export function isCertified(signedSlots: number, slots: number): boolean {
  return 3 * signedSlots > 2 * slots
}

/** All, by their votes; of too many, those who hold tickets, by their number. */
function drawShares(
  active: readonly ActivePlace[],
  seed: Uint8Array,
  quorum: number,
): readonly ActivePlace[] {
  if (active.length <= membersMax) return active
  const ends: bigint[] = []
  let total = 0n
  for (const { votes } of active) ends.push((total += votes))
  const tickets = new Map<number, bigint>()
  for (let ticket = 0; ticket < membersMax; ticket++) {
    const point = hashOf(memberTag, seed, quorum, ticket) % total
    const index = firstAbove(ends, point)
    tickets.set(index, (tickets.get(index) ?? 0n) + 1n)
  }
  const drawn = [...tickets].sort(([a], [b]) => a - b)
  return drawn.map(([index, votes]) => ({ place: active[index]!.place, votes }))
}

/**
 * By the largest remainder, lower places first. Nothing caps a share: what one that is capped loses
 * goes to all others, so whoever split its stake into many places would gain by it.
 */
function slotsOf(shares: readonly bigint[], slots: number): readonly number[] {
  const total = shares.reduce((sum, share) => sum + share, 0n)
  const products = shares.map((share) => share * BigInt(slots))
  const given = products.map((product) => Number(product / total))
  const left = slots - given.reduce((all, count) => all + count, 0)
  const byRemainder = products
    .map((product, index) => ({ index, remainder: product % total }))
    .sort((a, b) => Number(b.remainder > a.remainder) - Number(b.remainder < a.remainder))
  // The sort is stable, so equal remainders stay in the order of their places.
  for (const { index } of byRemainder.slice(0, left)) given[index]! += 1
  return given
}

/** Index of the first end above the point. */
function firstAbove(ends: readonly bigint[], point: bigint): number {
  let [low, high] = [0, ends.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ends[middle]! > point) high = middle
    else low = middle + 1
  }
  return low
}

function hashOf(tag: Uint8Array, seed: Uint8Array, ...numbers: readonly number[]): bigint {
  const words = numbers.map((number) => bigintToBytes(BigInt(number), 4))
  return bytesToBigint(keccak256(concat(tag, seed, ...words)))
}

/** No place has votes in the epoch. */
export class QuorumEmptyError extends ZgError<'DA_QUORUM_EMPTY'> {
  constructor() {
    super('DA_QUORUM_EMPTY', 'Nobody has votes, so no quorum can be drawn')
  }
}
