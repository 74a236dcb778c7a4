/** Rows as a path names them: `3-9,17`, rising, each once. */

import { ZgError } from '@zg/primitives/errors'

/** Rows that one question may ask for. */
export const rowsAtOnceMax = 4_096
/** Bytes of these rows, their proofs aside. */
export const rowBytesMax = 8_388_608
/** Characters of a list: any of 4,096 rows fit, and it fits into HTTP's headers with all else. */
const listMax = 14_336

/** @throws {RowListError} `DA_ROW_LIST` */
export function readRowList(list: string, codedRows: number): readonly number[] {
  const indexes: number[] = []
  if (list.length > listMax) throw new RowListError('The list of rows is too long')
  for (const piece of list.split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(piece)
    const from = Number(match?.[1] ?? Number.NaN)
    const to = Number(match?.[2] ?? from)
    const isRising = from > (indexes.at(-1) ?? -1) && to >= from && to < codedRows
    if (!isRising) throw new RowListError(`"${piece.slice(0, 12)}" lists no rows`)
    for (let index = from; index <= to; index++) indexes.push(index)
    if (indexes.length > rowsAtOnceMax) {
      throw new RowListError(`More than ${rowsAtOnceMax} rows are listed`)
    }
  }
  return indexes
}

/** The shortest list of rising rows. */
export function writeRowList(indexes: readonly number[]): string {
  const pieces: string[] = []
  for (let at = 0; at < indexes.length;) {
    const from = indexes[at]!
    let end = at + 1
    while (end < indexes.length && indexes[end] === indexes[end - 1]! + 1) end++
    const to = indexes[end - 1]!
    pieces.push(from === to ? `${from}` : `${from}-${to}`)
    at = end
  }
  return pieces.join(',')
}

/** What lists no rows of the batch. */
export class RowListError extends ZgError<'DA_ROW_LIST'> {
  constructor(message: string) {
    super('DA_ROW_LIST', message)
  }
}
