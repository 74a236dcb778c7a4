/** Risks, clocks and weights as people read them. */

import { limitedFromMembers, weiPerGwei } from '@zg/sdk'
import type { Risk } from '@zg/sdk'

import { formatDuration, formatInteger, formatTokens } from './amounts.ts'
import type { Cell } from './table.ts'

/** Hundredths of a percent as per cent: `7 %`, `2.5 %`. */
export function formatBps(bps: number): string {
  return `${bps / 100} %`
}

/** Gwei of weight as tokens. */
export function formatWeight(gwei: bigint): string {
  return formatTokens(gwei * weiPerGwei)
}

/** Seconds since 1970 as `2026-11-30 00:10:42 UTC`. */
export function formatTime(seconds: number): string {
  return `${new Date(seconds * 1_000).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** A time, and how far it is: `2026-11-30 00:10:42 UTC (in 10 min)`. */
export function formatClock(seconds: number, nowSeconds: number): string {
  const ms = (seconds - nowSeconds) * 1_000
  const far = ms > 0 ? `in ${formatDuration(ms)}` : `${formatDuration(-ms)} ago`
  return `${formatTime(seconds)} (${far})`
}

/** One row a risk: what it is, and how large. */
export function riskRows(risks: readonly Risk[]): Cell[][] {
  return risks.map((risk) => {
    const [name, text] = sayRisk(risk)
    return [{ text: name, style: 'warning' }, text]
  })
}

function sayRisk(risk: Risk): readonly [name: string, text: string] {
  switch (risk.kind) {
    case 'commission': {
      const { bps, coming } = risk
      const then =
        coming === undefined ? '' : `, ${formatBps(coming.bps)} from epoch ${coming.fromEpoch} on`
      return ['commission', `the operator keeps ${formatBps(bps)} of rewards${then}`]
    }
    case 'unbonding': {
      const { seconds, endsAt } = risk
      const wait = formatDuration(seconds * 1_000)
      return ['unbonding', `${wait}: told to leave now, it is free at ${formatTime(endsAt)}`]
    }
    case 'slashing': {
      const most = formatBps(risk.bpsMax)
      return ['slashing', `a fault in network ${risk.network} may take ${most}`]
    }
    case 'punished': {
      const { network, epoch, fault, bps, amountWei } = risk.punishment
      const lost = `${formatBps(bps)}, ${formatTokens(amountWei)}`
      return ['history', `lost ${lost} for ${fault} in network ${network}, epoch ${epoch}`]
    }
    case 'burial': {
      const { network, silentSince } = risk
      const silent = `silent since ${formatTime(silentSince)}`
      return ['burial', `network ${network}, ${silent}, is dead for ever, on L1 and for everyone`]
    }
    case 'lastBlock': {
      const { network, height } = risk
      const text = `what network ${network} did after block ${formatInteger(height)} is lost`
      return ['last block', text]
    }
    case 'outstanding': {
      const { network, leftWei } = risk
      const left = formatTokens(leftWei)
      return ['shared', `${left} are left of network ${network}, for whoever comes first`]
    }
    case 'once':
      return ['once', `an account leaves network ${risk.network} once, to its own address on L1`]
    case 'tombstone':
      return ['tombstone', 'the operator was slashed: it weighs nothing and takes no stake']
    case 'cap': {
      const { network, partBps, capBps, isLimited } = risk
      const limit = isLimited
        ? `at most ${formatBps(capBps)}`
        : `at most ${formatBps(capBps)} once it has ${limitedFromMembers} members`
      return ['cap', `it would weigh ${formatBps(partBps)} of network ${network}; ${limit}`]
    }
  }
}
