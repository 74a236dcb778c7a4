/** `zg ports`: the ports a world would take, and which are held now. */

import { isPortFree, portWishes, validatorCountDefault } from '@zg/devnet'

import type { CommandInput } from '../command.ts'
import { findWorld } from '../endpoint.ts'
import { tableLines } from '../table.ts'
import type { Cell } from '../table.ts'

export async function runPorts(input: CommandInput): Promise<void> {
  const { output, values } = input
  const wishes = portWishes({
    withL1: true,
    networks: [{ id: 0, validatorCount: values.integer('validators') ?? validatorCountDefault }],
    offset: values.integer('port-offset') ?? 0,
  })
  const ours = worldPorts(input)
  const ports = await Promise.all(
    wishes.map(async ({ use, port }) => {
      const isFree = await isPortFree(port)
      return { use, port, holder: isFree ? 'free' : ours.has(port) ? 'world' : 'other' }
    }),
  )
  output.json({ ports })
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

function worldPorts(input: CommandInput): Set<number> {
  const world = findWorld(input)
  const file = world?.file
  const urls = [
    file?.l1?.rpc,
    ...(file?.networks ?? []).flatMap(({ rpc, validators }) => [
      rpc,
      ...validators.flatMap((validator) => [validator.rpc, `http://${validator.p2p}`]),
    ]),
    ...(file?.metrics ?? []),
  ]
  return new Set(urls.flatMap((url) => (url === undefined ? [] : [Number(new URL(url).port)])))
}
