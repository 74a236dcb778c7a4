/** Tables and figures as docs/benchmarks.md has them. */

/** Returns a table of Markdown. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

/** Returns the nearest whole number, thousands apart. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

/** Returns a share as per cent. */
export function percent(share: number, digits = 0): string {
  return `${(100 * share).toFixed(digits)} %`
}
