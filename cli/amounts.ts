/** Amounts of tokens and gas as people read them. */

const weiPerToken = 10n ** 18n
const hourMs = 3_600_000

/** Returns wei as tokens, all digits that matter: `1.5`, `10,000`, `0.000000000000000001`. */
export function formatTokens(wei: bigint): string {
  const sign = wei < 0n ? '-' : ''
  const size = wei < 0n ? -wei : wei
  const whole = formatInteger(size / weiPerToken)
  const fraction = (size % weiPerToken).toString().padStart(18, '0').replace(/0+$/, '')
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

/** Returns an integer with a comma every three digits. */
export function formatInteger(value: bigint | number): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Returns a share of 1 as per cent with one decimal. */
export function formatShare(part: bigint | number, whole: bigint | number): string {
  const share = Number(whole) === 0 ? 0 : Number(part) / Number(whole)
  return `${(100 * share).toFixed(1)} %`
}

/** Returns milliseconds as `850 ms`, `2.4 s`, `3 min`, `5 h` or `7 days`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 2 * hourMs) return `${Math.round(ms / 60_000)} min`
  if (ms < 48 * hourMs) return `${Math.round(ms / hourMs)} h`
  return `${Math.round(ms / (24 * hourMs))} days`
}

/** Returns `0x1234…abcd`. */
export function shorten(hex: string): string {
  return hex.length <= 14 ? hex : `${hex.slice(0, 6)}…${hex.slice(-4)}`
}
