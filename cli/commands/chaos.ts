/** `zg chaos`: asks the running supervisor to strike or mend one validator. */

import { requestControl } from '@zg/devnet'
import type { ChaosVerb } from '@zg/devnet'

import type { CommandInput, CommandRun } from '../command.ts'
import { requireWorld } from '../endpoint.ts'

const past: Readonly<Record<ChaosVerb, string>> = {
  kill: 'killed',
  pause: 'paused',
  resume: 'runs again',
  restart: 'started again',
}

/** Returns the command of a verb. */
export function chaosRun(verb: ChaosVerb): CommandRun {
  return async (input: CommandInput) => {
    const { output, values } = input
    const { file, lock } = requireWorld(input)
    const [network] = file.networks
    const validator = values.integer('index') ?? 0
    const request = { verb, network: network?.id ?? 0, validator }
    const [part] = await requestControl(lock.socket, request)
    output.json({ ...request, part })
    const process = part?.pid === undefined ? '' : `   process ${part.pid}`
    output.line(`${output.paint('good', '✓')} validator ${validator} ${past[verb]}${process}`)
    const count = file.networks[0]?.validators.length ?? 0
    if (verb === 'kill' || verb === 'pause') {
      const share = `the network stops when ${Math.ceil(count / 3)} of ${count} are down`
      const mend = `${input.program} chaos resume validator ${validator}`
      output.line(`  ${output.paint('quiet', `${share}; bring it back with ${mend}`)}`)
    }
  }
}
