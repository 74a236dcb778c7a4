/** Text in columns. */

import type { Output, Style } from './output.ts'

/** A cell: text, and what it is. */
export type Cell = string | { readonly text: string; readonly style: Style }

export type TableOptions = {
  /** Spaces before each row. */
  readonly indent?: number
  /** Spaces between columns. */
  readonly gap?: number
  /** Columns whose text ends at the right. */
  readonly right?: readonly number[]
}

/**
 * Returns one line a row, each column as wide as its widest cell. The last column is not padded, so
 * no line ends in spaces.
 */
export function tableLines(
  output: Pick<Output, 'paint'>,
  rows: readonly (readonly Cell[])[],
  options: TableOptions = {},
): string[] {
  const { indent = 2, gap = 3, right = [] } = options
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, textOf(cell).length)
    })
  }
  return rows.map((row) => {
    const last = row.findLastIndex((cell) => textOf(cell) !== '')
    const cells = row.slice(0, last + 1).map((cell, column) => {
      const text = textOf(cell)
      const width = widths[column] ?? 0
      const space = ' '.repeat(width - text.length)
      const painted = typeof cell === 'string' ? text : output.paint(cell.style, text)
      if (right.includes(column)) return space + painted
      return column === last ? painted : painted + space
    })
    return (' '.repeat(indent) + cells.join(' '.repeat(gap))).trimEnd()
  })
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text
}
