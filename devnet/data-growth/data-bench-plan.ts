/** What bench `data-growth` is asked to do. */

import { wholeNumber, wholeNumbers } from '../measuring/bench-options.ts'

const secondsDefault = 60
const secondsMax = 600
const quorumCountsDefault = [1, 2, 4] as const

/** Sixteen nodes and a disperser each. */
const quorumCountMax = 8

export type DataBenchOptions = {
  readonly simulate?: boolean | undefined
  readonly seconds?: string | undefined
  readonly quorums?: string | undefined
}

export type DataBenchPlan = {
  readonly isSimulation: boolean
  readonly seconds: number
  readonly quorumCounts: readonly number[]
}

/** Returns the plan, or throws with the flag that is wrong. */
export function dataBenchPlan(options: DataBenchOptions): DataBenchPlan {
  const { simulate, seconds, quorums } = options
  return {
    isSimulation: simulate === true,
    seconds: wholeNumber('--seconds', seconds ?? String(secondsDefault), secondsMax),
    quorumCounts:
      quorums === undefined
        ? quorumCountsDefault
        : wholeNumbers('--quorums', quorums, quorumCountMax),
  }
}
