/** The quota of a whole run, and how much it held back. */

import { openCpuQuota } from './cpu-quota.ts'
import type { CpuQuota, QuotaGroup, Throttling } from './cpu-quota.ts'
import { closedAtInterrupt } from './interrupt.ts'

/** Opens the quota of a run, and says what there is to say of it. */
export function openQuota(tell: (line: string) => void): CpuQuota {
  const quota = openCpuQuota()
  if (quota.notice !== undefined) tell(quota.notice)
  return { ...quota, close: closedAtInterrupt(() => quota.close()) }
}

/** Of all groups together; undefined where nobody counts. */
export function throttlingOf(groups: readonly QuotaGroup[]): Throttling | undefined {
  let [periods, throttled] = [0, 0]
  for (const group of groups) {
    const counted = group.throttling()
    if (counted === undefined) return undefined
    periods += counted.periods
    throttled += counted.throttled
  }
  return { periods, throttled }
}

/** Returns the share of periods between two counts that spent their quota. */
export function throttledShare(
  before: Throttling | undefined,
  after: Throttling | undefined,
): number | undefined {
  if (before === undefined || after === undefined) return undefined
  const periods = after.periods - before.periods
  return periods === 0 ? 0 : (after.throttled - before.throttled) / periods
}
