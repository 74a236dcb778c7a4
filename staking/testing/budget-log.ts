/** What a keeper says of gas: the warnings of its budgets. */

import { createLogger } from '@zg/runtime'
import type { Logger } from '@zg/runtime'

const told = ['messages wait for gas', 'a message is left to who wants it delivered']

export function budgetLog(): { readonly log: Logger; readonly lines: () => readonly string[] } {
  const written: string[] = []
  const log = createLogger({ part: 'keeper', level: 'warn', write: (line) => written.push(line) })
  const lines = () => written.flatMap((line) => told.filter((each) => line.includes(each)))
  return { log, lines }
}
