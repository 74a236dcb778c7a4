/** The draw of docs/specs/da.md §2, written down plainly: what `Draw.sol` is held to in tests. */

import { bigintToBytes, bytesToBigint, concat, keccak256 } from '@zg/primitives'

const membersMax = 512

/** Members of a quorum, in rising order of places. */
export type Drawn = {
  readonly places: readonly number[]
  readonly shares: readonly bigint[]
  readonly slots: readonly number[]
}

/** Draws a quorum of the votes of all places. */
export function drawOf(
  votes: readonly bigint[],
  { seed, quorum, rowCount }: { seed: Uint8Array; quorum: number; rowCount: number },
): Drawn {
  const active = votes.flatMap((own, place) => (own > 0n ? [place] : []))
  const all = active.length <= membersMax
  const shareOf = all ? votes : ticketsOf(votes, { seed, quorum })
  const places = active.filter((place) => (shareOf[place] as bigint) > 0n)
  const shares = places.map((place) => shareOf[place] as bigint)
  return { places, shares, slots: slotsOf(shares, rowCount) }
}

/** Shares, rounded to slots by the largest remainder. */
export function slotsOf(shares: readonly bigint[], rowCount: number): readonly number[] {
  const sum = sumOf(shares)
  const parts = shares.map((share) => share * BigInt(rowCount))
  const floors = parts.map((part) => Number(part / sum))
  const left = rowCount - floors.reduce((total, floor) => total + floor, 0)
  const ranked = parts
    .map((part, index) => ({ index, remainder: part % sum }))
    .sort((a, b) =>
      a.remainder === b.remainder ? a.index - b.index : a.remainder < b.remainder ? 1 : -1,
    )
  const more = new Set(ranked.slice(0, left).map(({ index }) => index))
  return floors.map((floor, index) => floor + (more.has(index) ? 1 : 0))
}

/** Where each of 512 tickets falls, one stretch of votes after the other. */
function ticketsOf(
  votes: readonly bigint[],
  { seed, quorum }: { seed: Uint8Array; quorum: number },
): readonly bigint[] {
  const total = sumOf(votes)
  const tickets = votes.map(() => 0n)
  for (let ticket = 0; ticket < membersMax; ticket++) {
    let point = hashOf('zg/da/member', seed, [quorum, ticket]) % total
    const place = votes.findIndex((own) => {
      if (point < own) return true
      point -= own
      return false
    })
    tickets[place] = (tickets[place] as bigint) + 1n
  }
  return tickets
}

/** keccak(tag ‖ seed ‖ numbers of four bytes each). */
export function hashOf(tag: string, seed: Uint8Array, numbers: readonly number[]): bigint {
  const words = numbers.map((number) => bigintToBytes(BigInt(number), 4))
  return bytesToBigint(keccak256(concat(new TextEncoder().encode(tag), seed, ...words)))
}

function sumOf(numbers: readonly bigint[]): bigint {
  return numbers.reduce((sum, number) => sum + number, 0n)
}
