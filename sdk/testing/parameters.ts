/** What the L1 of tests is deployed with: clocks so short that nobody waits for a real epoch. */

import type { L1DeploymentOptions } from '@zg/contracts'
import { governed } from '@zg/contracts/testing'

const tokens = 10n ** 18n

export const parameters: L1DeploymentOptions['parameters'] = {
  epochSeconds: 30,
  finalityLagSeconds: 2,
  unbondingSeconds: 600,
  evidenceAgeMaxSeconds: 400,
  massDelaySeconds: 60,
  certificateAgeMaxSeconds: 60,
  deadAfterSeconds: 604_800,
  bridge: {
    rateCapacity: 1_000n * tokens,
    rateWindowSeconds: 60,
    largeAmount: 400n * tokens,
    largeDelaySeconds: 30,
    securedBps: 3_333,
    exitDelaySeconds: 60,
  },
  governance: {
    votingDelaySeconds: 5,
    votingPeriodSeconds: 20,
    lateQuorumSeconds: 5,
    timelockSeconds: 5,
    stakersTimelockSeconds: 720,
  },
  governed,
}
