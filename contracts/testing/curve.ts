/** What comes free of the token, straight from its definition. */

export const million = 10n ** 24n
/** Seconds, of a year of 365.2425 days. */
export const month = 2_629_746
export const year = 31_556_952

/** When what is free is looked at: seconds after genesis. */
export const moments = [
  ['at genesis', 0],
  ['a second before 12 months', 12 * month - 1],
  ['at 12 months', 12 * month],
  ['at 30 months', 30 * month],
  ['at 48 months', 48 * month],
] as const

/** What the curve of EmissionController has released some seconds after genesis. */
export function emitted(seconds: number): bigint {
  let sum = 0n
  let yearly = (25_875n * million) / 1_000n
  let left = Math.max(0, seconds)
  for (; left >= year; left -= year) {
    sum += yearly
    yearly = (yearly * 3n) / 4n
  }
  return sum + (yearly * BigInt(left)) / BigInt(year)
}

/** Tenths of a million, some seconds into a schedule of `months`. */
export function vestedTenths(tenths: bigint, seconds: number, months: number): bigint {
  const elapsed = BigInt(Math.max(0, Math.min(seconds, months * month)))
  return (((tenths * million) / 10n) * elapsed) / BigInt(months * month)
}
