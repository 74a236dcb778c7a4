/** `zg ports`: the ports a world would take, and which are held now. */

import {
  dataDirOf,
  dataNodeCount,
  isPortFree,
  networkCountDefault,
  portWishes,
  validatorCountDefault,
} from '@zg/devnet'

import type { CommandInput } from '../command.ts'
import { findWorld } from '../endpoint.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

export async function runPorts(input: CommandInput): Promise<void> {
  const { output, values } = input
  const ours = worldPorts(input)
  const isPlan =
    ['validators', 'networks', 'no-da', 'port-offset'].some((flag) => values.isGiven(flag)) ||
    ours.size === 0
  const planned = portWishes({
    withL1: true,
    networkCount: values.integer('networks') ?? networkCountDefault,
    validatorCount: values.integer('validators') ?? validatorCountDefault,
    dataNodeCount: values.isSet('no-da') ? 0 : dataNodeCount,
    offset: values.integer('port-offset') ?? 0,
  })
  // The world that runs holds what it holds, whatever it was started with.
  const wishes = isPlan
    ? planned
    : Array.from(ours, ([port, use]) => ({ use, port })).toSorted((a, b) => a.port - b.port)
  const ports = await Promise.all(
    wishes.map(async ({ use, port }) => {
      const isFree = await isPortFree(port)
      return { use, port, holder: isFree ? 'free' : ours.has(port) ? 'world' : 'other' }
    }),
  )
  output.json({ isRunning: !isPlan, ports })
  const home = dataDirOf(input.env, input.workingDir)
  const what = isPlan ? 'what a world would take' : `what the world in ${home} took`
  output.line(output.paint('quiet', what))
  const rows = ports.map(({ use, port, holder }): Cell[] => [
    String(port),
    use,
    holder === 'free'
      ? { text: 'free', style: 'quiet' }
      : holder === 'world'
        ? { text: 'the running world', style: 'good' }
        : { text: 'busy: the world would take the next free one', style: 'warning' },
  ])
  for (const line of tableLines(output, rows, { right: [0] })) output.line(line)
}

/** The ports of the running world of this data directory, and what each is for. */
function worldPorts(input: CommandInput): ReadonlyMap<number, string> {
  const file = findWorld(input)?.file
  const ports = new Map<number, string>()
  const add = (url: string | undefined, use: string): void => {
    if (url !== undefined) ports.set(Number(new URL(url).port), use)
  }
  // One without a process here is outside, and so are its ports.
  const hasL1 = file?.l1?.pid !== undefined
  if (hasL1) add(file.l1?.rpc, 'l1 rpc')
  for (const { id, rpc, validators } of file?.networks ?? []) {
    for (const { index, rpc: own, p2p } of validators) {
      add(own, `network ${id} validator ${index} rpc`)
      add(`http://${p2p}`, `network ${id} validator ${index} p2p`)
    }
    add(rpc, `network ${id} rpc`)
  }
  add(file?.da?.disperser, 'da disperser grpc')
  add(file?.da?.altDa, 'da disperser alt-da')
  for (const { index, url } of file?.da?.nodes ?? []) add(url, `da node ${index}`)
  // In the order of the chains: the L1's, then each validator's.
  const parts = [
    ...(hasL1 ? ['l1'] : []),
    ...(file?.networks ?? []).flatMap(({ id, validators }) =>
      validators.map(({ index }) => `network ${id} validator ${index}`),
    ),
  ]
  for (const [index, part] of parts.entries()) add(file?.metrics[index], `${part} metrics`)
  return ports
}
