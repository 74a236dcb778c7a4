/**
 * Which disperser `zg da` asks.
 *
 *     --disperser URL   else $ZG_DA   else the running world's, of the network that --network names
 *     put               of several networks that take blobs by L1, the one that its key meets at
 *     get               the network in the blob's name
 */

import { grpcPort, networkForBlob, takesBlobs } from '@zg/da'
import type { DevnetFile } from '@zg/devnet'
import { ZgError } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { readNetworks, routeOf } from '@zg/sdk'

import { ValueInvalidError } from './command.ts'
import type { CommandInput } from './command.ts'
import { asking, findWorld } from './endpoint.ts'
import { siteOf, viewOf } from './stake-site.ts'
import type { StakeSite } from './stake-site.ts'

/** A disperser's gRPC door. */
export type DataDoor = {
  readonly url: string
  /** Of the running world's; undefined of one that is named by its address. */
  readonly network: number | undefined
  /** What names of its blobs begin with: `3/` where there are others, nothing where it is alone. */
  readonly prefix: string
}

type Doors = readonly [DataDoor, ...DataDoor[]]

/** What a blob is routed by: its stream, or a key of 32 bytes. */
export type BlobKey = { readonly stream: Hex | undefined; readonly key: Uint8Array }

/** The door that takes a blob. @throws {NoDataDoorError} `CLI_DA_NO_DOOR` */
export async function doorForBlob(input: CommandInput, blob: BlobKey): Promise<DataDoor> {
  const { stream, key } = blob
  const doors = doorsOf(input)
  const [first] = doors
  const wanted = input.values.integer('network')
  if (first.network === undefined) return first
  if (wanted !== undefined) return doorOf(doors, wanted)
  if (doors.length === 1 && stream === undefined) return first
  const world = findWorld(input)
  const site = world && siteOf(world)
  const home =
    stream === undefined
      ? networkForBlob(key, await takersOf(doors, site))
      : await homeOf(stream, site)
  if (home === undefined) throw new NoDataDoorError('no network with data availability takes blobs')
  return doorOf(doors, home)
}

/** Doors that may know of a request or hold a blob: that of its network, if it is known. */
export function doorsFor(input: CommandInput, network?: number): Doors {
  const doors = doorsOf(input)
  const wanted = input.values.integer('network') ?? network
  const isNamed = doors[0].network === undefined
  return wanted === undefined || isNamed ? doors : [doorOf(doors, wanted)]
}

function doorsOf(input: CommandInput): Doors {
  const named = input.values.text('disperser') ?? input.env['ZG_DA']
  if (named !== undefined) return [{ url: checked(named), network: undefined, prefix: '' }]
  const file = findWorld(input)?.file
  const served = file === undefined ? [] : servedBy(file)
  const [first, ...others] = served.map(({ id, url }): DataDoor => {
    return { url: checked(url), network: id, prefix: served.length > 1 ? `${id}/` : '' }
  })
  if (first !== undefined) return [first, ...others]
  return [{ url: `http://127.0.0.1:${grpcPort}`, network: undefined, prefix: '' }]
}

/** Networks of a world on which data is available; an older world has it on its first one alone. */
function servedBy({ networks, da: alone }: DevnetFile) {
  const served = networks.flatMap(({ id, da }) => {
    return da === undefined ? [] : [{ id, url: da.disperser }]
  })
  if (served.length > 0 || alone === undefined) return served
  return [{ id: networks[0]?.id ?? 0, url: alone.disperser }]
}

/** Of the doors' networks those that take blobs now, as far as L1 is there to say. */
async function takersOf(
  doors: readonly DataDoor[],
  site: StakeSite | undefined,
): Promise<readonly number[]> {
  const served = doors.flatMap(({ network }) => network ?? [])
  if (site === undefined) return served
  const view = await viewOf(site)
  const networks = await asking(site.l1, () => readNetworks(view))
  const takers = networks.filter((network) => takesBlobs(network, view.epoch))
  return takers.map(({ id }) => id).filter((id) => served.includes(id))
}

/** Where a stream is at home, or would begin. */
async function homeOf(stream: Hex, site: StakeSite | undefined): Promise<number | undefined> {
  if (site === undefined) throw new NoDataDoorError('no L1 says where the stream is at home')
  const view = await viewOf(site)
  return (await asking(site.l1, () => routeOf(view, stream))).network
}

function doorOf(doors: readonly DataDoor[], network: number): DataDoor {
  const found = doors.find((door) => door.network === network)
  if (found !== undefined) return found
  throw new NoDataDoorError(`none is known on network ${network}`)
}

function checked(url: string): string {
  if (/^https?:\/\/[^/]/.test(url) && URL.canParse(url)) return url
  throw new ValueInvalidError('--disperser', url, 'it is no http:// or https:// address')
}

/** Nothing takes the blob, or serves it. */
export class NoDataDoorError extends ZgError<'CLI_DA_NO_DOOR'> {
  constructor(why: string) {
    super('CLI_DA_NO_DOOR', `Cannot find a disperser: ${why}`, { why })
  }
}
