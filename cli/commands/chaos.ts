/** `zg chaos`: asks the running supervisor to strike or mend one validator or one DA node. */

import { requestControl } from '@zg/devnet'
import type { ChaosVerb } from '@zg/devnet'

import type { CommandInput, CommandRun } from '../command.ts'
import { networkOf, requireWorld } from '../endpoint.ts'
import { isNeeded, readHealth, sayMembersUp } from '../network-health.ts'
import type { NetworkHealth } from '../network-health.ts'

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
    if (values.text('kind') === 'da') return strikeDataNode(input, verb)
    const { file, lock } = requireWorld(input)
    const network = networkOf(input, file.networks)
    const validator = values.integer('index') ?? 0
    const request = { verb, network: network.id, validator }
    const [part] = await requestControl(lock.socket, request)
    const [health] = await readHealth({ file, lock }, { networks: [network] })
    output.json({ ...request, part, set: health?.set })
    const process = part?.pid === undefined ? '' : `   process ${part.pid}`
    const name = `validator ${validator} of network ${network.id}`
    output.line(`${output.paint('good', '✓')} ${name} ${past[verb]}${process}`)
    if (verb === 'kill' || verb === 'pause') {
      const where = network.id === 0 ? '' : ` --network ${network.id}`
      const mend = `bring it back with ${input.program} chaos resume validator ${validator}${where}`
      const after = health === undefined ? '' : `${sayAfter(health, validator)}; `
      output.line(`  ${output.paint('quiet', `${after}${mend}`)}`)
    }
  }
}

async function strikeDataNode(input: CommandInput, verb: ChaosVerb): Promise<void> {
  const { output, values, program } = input
  const { lock } = requireWorld(input)
  const dataNode = values.integer('index') ?? 0
  const [part] = await requestControl(lock.socket, { verb, dataNode })
  output.json({ verb, dataNode, part })
  output.line(`${output.paint('good', '✓')} DA node ${dataNode} ${past[verb]}`)
  if (verb !== 'kill' && verb !== 'pause') return
  const after = 'while two thirds of the rows of a quorum are held, blobs are certified and read'
  const mend = `bring it back with ${program} chaos resume da ${dataNode}`
  output.line(`  ${output.paint('quiet', `${after}; ${mend}`)}`)
}

/** What a strike at a validator makes of its network. */
function sayAfter({ set, validators }: NetworkHealth, validator: number): string {
  const struck = validators.find(({ index }) => index === validator)
  if (struck !== undefined && !isNeeded(struck))
    return 'it is in no set: the network misses nothing'
  if (set === undefined) return 'the network stops when a third of its stake is down'
  const then = set.isQuorum ? 'goes on while' : 'stands still until'
  return `${sayMembersUp(set)}: the network ${then} that is more than two thirds`
}
