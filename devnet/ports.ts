/**
 * Which port each part of the local world listens on.
 *
 *   L1 RPC                 8535
 *   L1 p2p                 26556               (nobody dials it: the L1 has one validator)
 *   network i, public RPC  8545 + 100·i        (HTTP and WebSocket on one port)
 *   its validator j, RPC   8550 + 100·i + j    (a lone validator serves the public port instead)
 *   its validator j, p2p   26656 + 100·i + j
 *   metrics                6060 + process index (L1 first, then the validators)
 *   DA disperser           51001 gRPC, 3100 alt-DA
 *   DA node i              51010 + i
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
  disperser: 51_001,
  altDa: 3100,
  dataNode: 51_010,
} as const

/** The last port there is. */
const portMax = 65_535

/** Ports between the same kind of two networks. */
export const networkPortStep = 100

/**
 * The greatest shift that keeps every port of 32 networks below 65,536; those of data availability
 * leave less.
 */
export const portOffsetMax = portMax - basePorts.p2p - 32 * networkPortStep

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

/**
 * The wishes of a world, in the order that ports are granted and processes numbered.
 *
 * @throws {PortOffsetTooLargeError} `DEVNET_PORT_OFFSET_TOO_LARGE`
 */
export function portWishes(world: {
  readonly withL1: boolean
  readonly networkCount: number
  /** Of each network. */
  readonly validatorCount: number
  /** Of data availability. @default 0, and no disperser */
  readonly dataNodeCount?: number | undefined
  readonly offset: number
}): PortWish[] {
  const { withL1, networkCount, validatorCount, dataNodeCount = 0, offset } = world
  const ofL1: PortWish[] = [
    { use: 'l1 rpc', port: basePorts.l1 + offset },
    { use: 'l1 p2p', port: basePorts.p2p - networkPortStep + offset },
    { use: 'l1 metrics', port: basePorts.metrics + offset },
  ]
  const ofNetworks = Array.from({ length: networkCount }, (_, id) =>
    networkPortWishes(id, { firstProcess: withL1 ? 1 : 0, validatorCount, offset }),
  )
  const ofData = dataNodeCount === 0 ? [] : dataPortWishes(dataNodeCount, offset)
  const wishes = [...(withL1 ? ofL1 : []), ...ofNetworks.flat(), ...ofData]
  const highest = wishes.reduce((high, wish) => (wish.port > high.port ? wish : high))
  if (highest.port > portMax) throw new PortOffsetTooLargeError(highest, offset)
  return wishes
}

function dataPortWishes(count: number, offset: number): PortWish[] {
  return [
    { use: 'da disperser grpc', port: basePorts.disperser + offset },
    { use: 'da disperser alt-da', port: basePorts.altDa + offset },
    ...Array.from({ length: count }, (_, index) => {
      return { use: `da node ${index}`, port: basePorts.dataNode + index + offset }
    }),
  ]
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
  const last = Math.min(wanted + portSearchMax, portMax)
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

export class PortOffsetTooLargeError extends ZgError<'DEVNET_PORT_OFFSET_TOO_LARGE'> {
  constructor({ use, port }: PortWish, offset: number) {
    const message = `Cannot shift ports by ${offset}: ${use} would have port ${port}`
    const offsetMax = offset - (port - portMax)
    super('DEVNET_PORT_OFFSET_TOO_LARGE', message, { use, offset, offsetMax })
  }
}

export class PortsExhaustedError extends ZgError<'DEVNET_PORTS_EXHAUSTED'> {
  constructor(use: string, wanted: number) {
    const tried = `${wanted} and the ${portSearchMax} after it`
    const message = `Cannot find a port for ${use}: ${tried} are busy`
    super('DEVNET_PORTS_EXHAUSTED', message, { use, wanted })
  }
}
