/** The local world's numbers with short clocks: nobody here waits for a real epoch, or a real vote. */

import { readL1Parameters } from '@zg/devnet'

export const shortClocks = {
  ...readL1Parameters('dev'),
  epochSeconds: 6,
  unbondingSeconds: 90,
  evidenceAgeMaxSeconds: 40,
  massDelaySeconds: 10,
  certificateAgeMaxSeconds: 30,
  governance: {
    votingDelaySeconds: 1,
    votingPeriodSeconds: 3,
    lateQuorumSeconds: 1,
    timelockSeconds: 1,
    stakersTimelockSeconds: 120,
  },
}
