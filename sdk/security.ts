/**
 * What it takes to corrupt a network, what that costs, and what lies there to be taken
 * (docs/security-claims.md §3 and §4). With T the stake of its members, w what one of them weighs
 * and c the part of it that it consented to lose:
 *
 *     to halt    3 · absent >= T                   costs nothing
 *     to fork    3 · who signed both ways > T      0.95 · the least sum of c · w over such members
 *     to lie     3 · signers > 2 · T               costs nothing that a contract takes
 *     at risk    outstanding: no lie takes more from L1
 *
 * The least sum is that over members by rising c until they weigh enough, the last one in part: no
 * set of whole members is cheaper. A twentieth comes back to the reporter, who may be a culprit.
 *
 * Stake is shared: the same wei answers in every network of its operator, and is lost once. So what
 * a set of operators could take is added up over all networks that it can lie on.
 */

import type { Hex } from '@zg/primitives'

import type { Member, Network } from './networks.ts'
import { weiPerGwei } from './view.ts'

const bpsAll = 10_000n

/** What a reporter gets of a slash (`SlashingManager.REPORTER_BPS`). */
const reporterBps = 500n

/** So much stake, and the fewest operators that hold it. */
export type Share = { readonly stakeWei: bigint; readonly operators: number }

export type Security = {
  /** T, and how many hold it. */
  readonly total: Share
  readonly halt: Share
  readonly fork: Share
  readonly lie: Share
  /** What a fork takes from its makers at the least, in wei, when certificates prove it. */
  readonly forkCostWei: bigint
  /** In wei. */
  readonly atRiskWei: bigint
}

/** What operators could take together by lying, on all networks that they are enough for. */
export type Exposure = {
  readonly operators: readonly Hex[]
  /** Each counted once. */
  readonly stakeWei: bigint
  readonly networks: readonly number[]
  readonly atRiskWei: bigint
}

/** Returns the security of one network. */
export function securityOf({ members, outstandingWei: atRiskWei }: Network): Security {
  const total = weightOf(members)
  const share = (weight: bigint): Share => {
    const operators = heaviestWith(members, weight).length
    return { stakeWei: weight * weiPerGwei, operators }
  }
  const fork = total === 0n ? 0n : total / 3n + 1n
  return {
    total: { stakeWei: total * weiPerGwei, operators: members.length },
    halt: share((total + 2n) / 3n),
    fork: share(fork),
    lie: share(lieWeight(total)),
    forkCostWei: leastLoss(members, fork),
    atRiskWei,
  }
}

/** Returns what the fewest operators that can lie on a network could take on all of them. */
export function exposureOf(network: Network, networks: readonly Network[]): Exposure {
  const liars = heaviestWith(network.members, lieWeight(weightOf(network.members)))
  return exposureBy(liars, networks)
}

/** Returns what all operators together secure, and on what stake. */
export function sharedExposureOf(networks: readonly Network[]): Exposure {
  const all = new Map(
    networks.flatMap(({ members }) => members.map((each) => [each.operator, each])),
  )
  return exposureBy([...all.values()], networks)
}

function exposureBy(operators: readonly Member[], networks: readonly Network[]): Exposure {
  const names = new Set(operators.map(({ operator }) => operator))
  const taken = networks.filter(({ members }) => {
    const own = members.filter(({ operator }) => names.has(operator))
    return own.length > 0 && weightOf(own) >= lieWeight(weightOf(members))
  })
  return {
    operators: [...names],
    stakeWei: weightOf(operators) * weiPerGwei,
    networks: taken.map(({ id }) => id),
    atRiskWei: taken.reduce((sum, { outstandingWei }) => sum + outstandingWei, 0n),
  }
}

function weightOf(members: readonly Member[]): bigint {
  return members.reduce((sum, { weight }) => sum + weight, 0n)
}

/** The least weight that is more than two thirds. */
function lieWeight(total: bigint): bigint {
  return total === 0n ? 0n : (2n * total) / 3n + 1n
}

/** The fewest that weigh so much. Members are heaviest first. */
function heaviestWith(members: readonly Member[], wanted: bigint): readonly Member[] {
  let sum = 0n
  const count = members.findIndex(({ weight }) => (sum += weight) >= wanted)
  if (wanted === 0n) return []
  return count < 0 ? members : members.slice(0, count + 1)
}

/** What so much weight loses at the least, in wei, less what its reporter gets. */
function leastLoss(members: readonly Member[], wanted: bigint): bigint {
  const cheapest = members.toSorted((a, b) => a.slashBpsMax - b.slashBpsMax)
  let left = wanted
  let loss = 0n
  for (const { weight, slashBpsMax } of cheapest) {
    const part = weight < left ? weight : left
    loss += part * BigInt(slashBpsMax)
    left -= part
  }
  return (loss * weiPerGwei * (bpsAll - reporterBps)) / (bpsAll * bpsAll)
}
