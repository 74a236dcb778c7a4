/**
 * What it costs to corrupt a network, and what lies there to be taken.
 *
 *     to halt it    absent A with 3 · (T - A) <= 2 · T          a third of stake T
 *     to lie        signers W with 3 · W > 2 · T                more than two thirds
 *     at risk       outstanding: no lie takes more from L1
 *
 * Stake is shared: the same wei answers in every network of its operator. So a line of its own
 * sets all that was sent to networks against the stake of all their members, each counted once.
 */

import type { Member, Network } from './networks.ts'
import { weiPerGwei } from './view.ts'

export type Security = {
  /** Stake that must be corrupt, in wei, and the fewest operators that hold so much. */
  readonly haltWei: bigint
  readonly haltOperators: number
  readonly lieWei: bigint
  readonly lieOperators: number
  /** In wei. */
  readonly atRiskWei: bigint
  /** `lieWei` over `atRiskWei` in hundredths; undefined when nothing is at risk. */
  readonly coverPercent: bigint | undefined
}

/** Returns the security of one network. */
export function securityOf({ members, outstandingWei }: Network): Security {
  return securityBy(members, outstandingWei)
}

/** Returns the security of all networks taken together. */
export function sharedSecurityOf(networks: readonly Network[]): Security {
  const weights = new Map(
    networks.flatMap(({ members }) => members.map(({ operator, weight }) => [operator, weight])),
  )
  const members = [...weights]
    .map(([operator, weight]): Member => ({ operator, weight }))
    .toSorted((a, b) => Number(b.weight - a.weight))
  return securityBy(
    members,
    networks.reduce((sum, { outstandingWei }) => sum + outstandingWei, 0n),
  )
}

function securityBy(members: readonly Member[], atRiskWei: bigint): Security {
  const total = members.reduce((sum, { weight }) => sum + weight, 0n)
  const halt = (total + 2n) / 3n
  const lie = (2n * total) / 3n + 1n
  const lieWei = total === 0n ? 0n : lie * weiPerGwei
  return {
    haltWei: halt * weiPerGwei,
    haltOperators: fewestWith(members, halt),
    lieWei,
    lieOperators: fewestWith(members, lie),
    atRiskWei,
    coverPercent: atRiskWei === 0n ? undefined : (lieWei * 100n) / atRiskWei,
  }
}

/** Members are heaviest first. */
function fewestWith(members: readonly Member[], wanted: bigint): number {
  let sum = 0n
  for (const [index, { weight }] of members.entries()) {
    sum += weight
    if (sum >= wanted) return index + 1
  }
  return members.length
}
