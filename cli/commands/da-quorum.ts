/**
 * `zg da quorum`: draws a quorum from what the chain says of votes and seed, and says whether
 * DataSigners has the same.
 */

import { auditQuorum, networkEntrance, rowsOf } from '@zg/da'
import type { QuorumAudit } from '@zg/da'
import { isHex, toHex } from '@zg/primitives'

import { formatInteger } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking, findEndpoint } from '../endpoint.ts'
import { exitCodes, QuietExit } from '../exit.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

/** `zg da quorum` */
export async function runDaQuorum(input: CommandInput): Promise<void> {
  const { output, values } = input
  const wanted = values.integer('epoch')
  const quorum = values.integer('quorum') ?? 0
  const named = values.text('entrance')
  const entrance = isHex(named) ? named : networkEntrance
  const endpoint = findEndpoint(input)
  const audit = await asking(endpoint, () =>
    auditQuorum(
      { rpc: endpoint.url, entrance },
      { quorum, epoch: wanted === undefined ? undefined : BigInt(wanted) },
    ),
  )
  const { epoch, seed, drawn, holders, isAsWritten } = audit
  const members = drawn.members.map((member, index) => ({
    member: index,
    place: member.place,
    operator: toHex(holders[index]!.operator),
    votes: holders[index]!.votes,
    slots: member.slots,
    rows: rowsOf(drawn, member).map(({ from, count }) => [from, from + count - 1]),
  }))
  const written = isAsWritten === undefined ? null : isAsWritten
  const { slots, shift } = drawn
  output.json({ epoch, quorum, seed: toHex(seed), slots, shift, isAsWritten: written, members })
  for (const line of quorumLines(input, audit, members)) output.line(line)
  if (isAsWritten === false) throw new QuietExit(exitCodes.failed)
}

type Member = {
  readonly member: number
  readonly place: number
  readonly operator: string
  readonly votes: bigint
  readonly slots: number
  readonly rows: readonly (readonly number[])[]
}

function quorumLines(
  { output }: CommandInput,
  { epoch, seed, isAsWritten }: QuorumAudit,
  members: readonly Member[],
): readonly string[] {
  const quiet = (text: string): Cell => ({ text, style: 'quiet' })
  const said =
    isAsWritten === undefined
      ? 'nobody had DataSigners write it down'
      : isAsWritten
        ? 'the same members and slots'
        : 'OTHER members or slots: one of the two is wrong'
  const facts = [
    [quiet('epoch'), String(epoch)],
    [quiet('seed'), toHex(seed)],
    [quiet('members'), String(members.length)],
    [quiet('written'), said],
  ]
  const heads = ['member', 'place', 'operator', 'gwei', 'slots', 'rows'].map(quiet)
  const rows = members.map(({ member, place, operator, votes, slots, rows: spans }) => [
    String(member),
    String(place),
    operator,
    formatInteger(votes),
    String(slots),
    spans.map((span) => span.join('-')).join(', '),
  ])
  return [
    ...tableLines(output, facts),
    '',
    ...tableLines(output, [heads, ...rows], { right: [0, 1, 3, 4] }),
  ]
}
