/**
 * Which port each part of the local world listens on.
 *
 *   L1 RPC                 8535
 *   L1 p2p                 26556               (nobody dials it: the L1 has one validator)
 *   network i, public RPC  8545 + 100·i        (HTTP and WebSocket on one port)
 *   its validator j, RPC   8550 + 100·i + j    (a lone validator serves the public port instead)
 *   its validator j, p2p   26656 + 100·i + j
 *   metrics                6060 + process index (L1 first, then the validators)
 *
 * `--port-offset` shifts all of them. A port that something else holds moves to the next one that
 * is free and that no other part wants; the caller says so.
 */

import { createServer } from 'node:net'

import { ZgError } from '@zg/primitives'

/** First port of each kind, before any shift. */
export const basePorts = {
  l1: 8535,
  network: 8545,
  validator: 8550,
  p2p: 26_656,
  metrics: 6060,
} as const

/** Ports between the same kind of two networks. */
export const networkPortStep = 100

/** The greatest shift that keeps every port of 32 networks below 65,536. */
export const portOffsetMax = 65_535 - basePorts.p2p - 32 * networkPortStep

/** How far a busy port may move before the search is given up. */
export const portSearchMax = 1_000

/** Everything listens here: the local world is not for other machines. */
export const loopback = '127.0.0.1'

/** A port a part asks for. */
export type PortWish = {
  /** What will listen: `l1 rpc`, `network 0 validator 2 p2p`. Unique. */
  readonly use: string
  readonly port: number
}

/** The port it got; `port` differs from `wanted` when that one was busy. */
export type PortGrant = { readonly use: string; readonly wanted: number; readonly port: number }

/** The wishes of a world, in the order that ports are granted and processes numbered. */
export function portWishes(world: {
  readonly withL1: boolean
  readonly networkCount: number
  /** Of each network. */
  readonly validatorCount: number
  readonly offset: number
}): PortWish[] {
  const { withL1, networkCount, validatorCount, offset } = world
  const ofL1: PortWish[] = [
    { use: 'l1 rpc', port: basePorts.l1 + offset },
    { use: 'l1 p2p', port: basePorts.p2p - networkPortStep + offset },
    { use: 'l1 metrics', port: basePorts.metrics + offset },
  ]
  const ofNetworks = Array.from({ length: networkCount }, (_, id) =>
    networkPortWishes(id, { firstProcess: withL1 ? 1 : 0, validatorCount, offset }),
  )
  return [...(withL1 ? ofL1 : []), ...ofNetworks.flat()]
}

/** The wishes of one network; `firstProcess` is the place of network 0's first validator. */
export function networkPortWishes(
  id: number,
  world: {
    readonly firstProcess: number
    readonly validatorCount: number
    readonly offset: number
  },
): PortWish[] {
  const { firstProcess, validatorCount, offset } = world
  const step = networkPortStep * id
  const wishes: PortWish[] = []
  const wish = (use: string, port: number): void => {
    wishes.push({ use, port: port + offset })
  }
  wish(`network ${id} rpc`, basePorts.network + step)
  for (let index = 0; index < validatorCount; index++) {
    const validator = `network ${id} validator ${index}`
    if (validatorCount > 1) wish(`${validator} rpc`, basePorts.validator + step + index)
    wish(`${validator} p2p`, basePorts.p2p + step + index)
    const place = firstProcess + id * validatorCount + index
    wish(`${validator} metrics`, basePorts.metrics + place)
  }
  return wishes
}

/**
 * Grants every wish its port, or the next free one.
 *
 * @param isFree - Whether nothing listens on a port now.
 * @throws {PortsExhaustedError} `DEVNET_PORTS_EXHAUSTED`
 */
export async function grantPorts(
  wishes: readonly PortWish[],
  isFree: (port: number) => Promise<boolean>,
): Promise<PortGrant[]> {
  const taken = new Set(wishes.map(({ port }) => port))
  const grants: PortGrant[] = []
  for (const { use, port: wanted } of wishes) {
    let port = wanted
    if (!(await isFree(wanted))) {
      port = await nextFree(wanted, use, async (candidate) =>
        taken.has(candidate) ? false : isFree(candidate),
      )
      taken.add(port)
    }
    grants.push({ use, wanted, port })
  }
  return grants
}

async function nextFree(
  wanted: number,
  use: string,
  isUsable: (port: number) => Promise<boolean>,
): Promise<number> {
  const last = Math.min(wanted + portSearchMax, 65_535)
  for (let port = wanted + 1; port <= last; port++) if (await isUsable(port)) return port
  throw new PortsExhaustedError(use, wanted)
}

/** Whether nothing listens on `port` of the loopback interface. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: loopback, port, exclusive: true }, () => {
      server.close(() => resolve(true))
    })
  })
}

export class PortsExhaustedError extends ZgError<'DEVNET_PORTS_EXHAUSTED'> {
  constructor(use: string, wanted: number) {
    const tried = `${wanted} and the ${portSearchMax} after it`
    const message = `Cannot find a port for ${use}: ${tried} are busy`
    super('DEVNET_PORTS_EXHAUSTED', message, { use, wanted })
  }
}
