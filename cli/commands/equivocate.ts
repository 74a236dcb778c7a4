/**
 * `zg chaos equivocate`: a validator of the running world signs two finality votes of one height,
 * as a stolen key would, and whoever calls this reports it to L1.
 *
 * Nothing is simulated: stake is cut and burned, the reporter is paid, and from the epoch after the
 * next on the operator weighs nothing on any network, for ever.
 */

import { equivocate } from '@zg/devnet/equivocation'
import { toHex } from '@zg/primitives'
import { noticeEpochs, readOperator } from '@zg/sdk'

import { formatInteger, formatTokens } from '../amounts.ts'
import type { CommandInput } from '../command.ts'
import { asking, networkOf, requireWorld } from '../endpoint.ts'
import { carryOut, signerOf } from '../signing.ts'
import { findStake, showAddress, viewOf } from '../stake-site.ts'

export async function runEquivocate(input: CommandInput): Promise<void> {
  const { output, values } = input
  const { file } = requireWorld(input)
  const network = networkOf(input, file.networks)
  const validator = values.integer('index') ?? 0
  const site = findStake(input)
  const account = await signerOf(input, site.l1)
  const { operator, epoch, height, report } = await equivocate(file, {
    network: network.id,
    validator,
  })
  const address = toHex(operator)
  const view = await viewOf(site)
  const before = await asking(site.l1, () => readOperator(view, address))
  const networks = before.networks.map(({ id }) => id)
  await carryOut(input, {
    verb: 'report',
    endpoint: site.l1,
    account,
    calls: [{ what: 'report two finality votes', ...report, value: 0n }],
    risks: [],
    facts: { operator: address, network: network.id, epoch, height, stakeWei: before.stakeWei },
    rows: [
      ['fault', `two finality votes of height ${formatInteger(height)} on network ${network.id}`],
      ['operator', `${showAddress(address)}, validator ${validator}`],
      ['stake', `${formatTokens(before.stakeWei)} with its delegators`],
    ],
  })
  const after = await asking(site.l1, async () => readOperator(await viewOf(site), address))
  const lost = formatTokens(before.stakeWei - after.stakeWei)
  output.line(output.paint('bad', `✗ it lost ${lost}, what was leaving is cut as well`))
  const from = view.epoch + noticeEpochs
  const where = `network${networks.length === 1 ? '' : 's'} ${networks.join(' and ')}`
  output.line(`  its weight is gone from epoch ${from} on, on ${where}; ${input.program} operators`)
}
