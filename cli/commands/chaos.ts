/** `zg chaos`: asks the running supervisor to strike or mend one validator. */

import { requestControl } from '@zg/devnet'
import type { ChaosVerb } from '@zg/devnet'

import type { CommandInput, CommandRun } from '../command.ts'
import { networkOf, requireWorld } from '../endpoint.ts'

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
    const network = networkOf(input, file.networks)
    const validator = values.integer('index') ?? 0
    const request = { verb, network: network.id, validator }
    const [part] = await requestControl(lock.socket, request)
    output.json({ ...request, part })
    const process = part?.pid === undefined ? '' : `   process ${part.pid}`
    const name = `validator ${validator} of network ${network.id}`
    output.line(`${output.paint('good', '✓')} ${name} ${past[verb]}${process}`)
    const count = network.validators.length
    if (verb === 'kill' || verb === 'pause') {
      const share = `the network stops when ${Math.ceil(count / 3)} of ${count} are down`
      const where = network.id === 0 ? '' : ` --network ${network.id}`
      const mend = `${input.program} chaos resume validator ${validator}${where}`
      output.line(`  ${output.paint('quiet', `${share}; bring it back with ${mend}`)}`)
    }
  }
}
