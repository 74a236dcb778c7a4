/**
 * Whether a network of the running world moves, and if not, why.
 *
 *     it moves           its newest final block is no older than `finalityAgeMaxMs`
 *     it stands still    else; and it must, unless more than two thirds of its weight are up
 *
 * Weight is that of the set of the epoch whose turn it is, as L1 names it: of its newest final
 * block, or of the one after when that block closes its epoch. In a world without an L1 all
 * validators weigh the same. A validator is up when its process runs and it answers.
 */

import { callRpc, requestControl } from '@zg/devnet'
import type { DevnetNetwork, DevnetValidator, PartStatus } from '@zg/devnet'
import { toQuantity } from '@zg/primitives'
import { readMembers, readOperators } from '@zg/sdk'
import type { Operator, StakeView } from '@zg/sdk'

import { formatDuration, formatInteger, formatShare } from './amounts.ts'
import type { RunningWorld } from './endpoint.ts'
import { siteOf, viewOf } from './stake-site.ts'

/** A final block older than this means that the chain does not move. */
export const finalityAgeMaxMs = 10_000

/** What a node says of the newest final block it has. */
export type Head = { readonly height: bigint; readonly ageMs: number }

export type ValidatorHealth = {
  readonly index: number
  /** Its JSON-RPC. */
  readonly rpc: string
  /** Undefined when the supervisor does not answer. */
  readonly part: PartStatus | undefined
  /** Undefined when it does not answer, which `problem` explains. */
  readonly head: Head | undefined
  readonly peers: number | undefined
  readonly problem: string | undefined
  /** Who answers for it on L1; undefined where no L1 says. */
  readonly operator: Operator | undefined
  /** In the set whose turn it is; undefined when nobody says. */
  readonly weight: bigint | undefined
  readonly isUp: boolean
}

export type NetworkHealth = {
  readonly id: number
  /** The highest that any of its validators tells. */
  readonly head: Head | undefined
  readonly standsStill: boolean
  /** Whose turn it is; undefined where there are no epochs, or nobody says. */
  readonly epoch: bigint | undefined
  readonly validators: readonly ValidatorHealth[]
  /** Its members and their weight, and what of it is up; undefined when nobody says. */
  readonly set: SetHealth | undefined
}

export type SetHealth = {
  readonly members: number
  readonly membersUp: number
  readonly weight: bigint
  readonly weightUp: bigint
  /** More than two thirds of the weight are up. */
  readonly isQuorum: boolean
}

/** Returns how networks of a running world are; all of them, or those named. */
export async function readHealth(
  world: RunningWorld,
  {
    parts,
    networks = world.file.networks,
  }: {
    /** Asked of the supervisor when they are not known. */
    readonly parts?: readonly PartStatus[]
    readonly networks?: readonly DevnetNetwork[]
  } = {},
): Promise<readonly NetworkHealth[]> {
  const [known, stake] = await Promise.all([parts ?? readParts(world), readStake(world)])
  const each = networks.map((network) => readNetworkHealth(network, { parts: known, stake }))
  return Promise.all(each)
}

function readParts({ lock }: RunningWorld): Promise<readonly PartStatus[] | undefined> {
  return requestControl(lock.socket, { verb: 'status' }).catch(() => undefined)
}

/** What L1 says; silent when it does not answer, none in a world without one. */
type Stake =
  | { readonly kind: 'known'; readonly view: StakeView; readonly operators: readonly Operator[] }
  | { readonly kind: 'silent' | 'none' }

async function readStake(world: RunningWorld): Promise<Stake> {
  const site = siteOf(world)
  if (site === undefined) return { kind: 'none' }
  try {
    const view = await viewOf(site)
    return { kind: 'known', view, operators: await readOperators(view) }
  } catch {
    return { kind: 'silent' }
  }
}

async function readNetworkHealth(
  network: DevnetNetwork,
  { parts, stake }: { parts: readonly PartStatus[] | undefined; stake: Stake },
): Promise<NetworkHealth> {
  const { id, validators } = network
  const probes = await Promise.all(validators.map((each) => probe(each, { id, parts })))
  const newest = probes.toSorted((a, b) =>
    Number((b.head?.height ?? -1n) - (a.head?.height ?? -1n)),
  )
  const [best] = newest
  const epoch = best === undefined ? undefined : await turnOf(best.rpc).catch(() => undefined)
  const weights = await weightsOf(network, { stake, epoch })
  const operatorOf = ({ index }: Probe): Operator | undefined => {
    const address = validators.find((each) => each.index === index)?.address.toLowerCase()
    const operators = stake.kind === 'known' ? stake.operators : []
    return operators.find((operator) => operator.address.toLowerCase() === address)
  }
  return healthOf({
    id,
    epoch,
    validators: probes.map((each) => {
      const weight = weights?.get(each.index)
      return { ...each, operator: operatorOf(each), weight: weights && (weight ?? 0n) }
    }),
    outsideWeight: weights?.get(outside) ?? 0n,
  })
}

type Probe = Omit<ValidatorHealth, 'operator' | 'weight'>

/** Asks a validator that runs; one that is paused would only be waited for. */
async function probe(
  { index, rpc }: DevnetValidator,
  { id, parts }: { id: number; parts: readonly PartStatus[] | undefined },
): Promise<Probe> {
  const part = parts?.find(({ name }) => name === `net-${id}/val-${index}`)
  const none = { index, rpc, part, head: undefined, peers: undefined, isUp: false }
  if (part !== undefined && part.state !== 'ready') return { ...none, problem: part.state }
  try {
    const head = await headOf(rpc)
    const peers = Number(await callRpc(rpc, 'net_peerCount'))
    return { index, rpc, part, head, peers, problem: undefined, isUp: true }
  } catch (error) {
    return { ...none, problem: error instanceof Error ? error.message : String(error) }
  }
}

/** Returns the newest final block of a node. */
export async function headOf(rpc: string): Promise<Head> {
  const block = await callRpc(rpc, 'eth_getBlockByNumber', ['latest', false])
  const { number, timestamp } = block as { number: string; timestamp: string }
  // Timestamps are whole seconds, rounded down: up to one second of the age is not age.
  const ageMs = Math.max(0, Date.now() - Number(timestamp) * 1_000)
  return { height: BigInt(number), ageMs }
}

/** The epoch whose set makes the next block. */
async function turnOf(rpc: string): Promise<bigint | undefined> {
  const certificate = await callRpc(rpc, 'zg_getFinalityCertificate', [])
  if (certificate === null) return undefined
  const { epoch, nextEpoch } = certificate as { epoch: string; nextEpoch: string }
  return nextEpoch === toQuantity(0n) ? BigInt(epoch) : BigInt(nextEpoch)
}

/** The key under which members stand that this world does not run. */
const outside = -1

/** Weights by a validator's index; undefined when nobody says. */
async function weightsOf(
  { id, validators }: DevnetNetwork,
  { stake, epoch }: { stake: Stake; epoch: bigint | undefined },
): Promise<ReadonlyMap<number, bigint> | undefined> {
  if (stake.kind === 'none') return new Map(validators.map(({ index }) => [index, 1n]))
  if (stake.kind !== 'known') return undefined
  const { view } = stake
  const members = await readMembers(view, { id, epoch: epoch ?? view.epoch }).catch(() => undefined)
  if (members === undefined) return undefined
  const weights = new Map<number, bigint>()
  for (const { operator, weight } of members) {
    const own = validators.find(({ address }) => address.toLowerCase() === operator)
    const index = own?.index ?? outside
    weights.set(index, (weights.get(index) ?? 0n) + weight)
  }
  return weights
}

/** What follows for a network from what is known of its validators. */
export function healthOf(known: {
  readonly id: number
  readonly epoch: bigint | undefined
  readonly validators: readonly ValidatorHealth[]
  /** Of members that are not among them: nobody here knows whether they are up. */
  readonly outsideWeight: bigint
}): NetworkHealth {
  const { id, epoch, validators, outsideWeight } = known
  const heads = validators.flatMap(({ head }) => (head === undefined ? [] : [head]))
  const [head] = heads.toSorted((a, b) => Number(b.height - a.height))
  const standsStill = head === undefined || head.ageMs > finalityAgeMaxMs
  return { id, head, standsStill, epoch, validators, set: setOf(validators, outsideWeight) }
}

function setOf(
  validators: readonly ValidatorHealth[],
  outsideWeight: bigint,
): SetHealth | undefined {
  if (outsideWeight > 0n || validators.some(({ weight }) => weight === undefined)) return undefined
  const members = validators.filter(({ weight }) => weight !== 0n)
  const up = members.filter(({ isUp }) => isUp)
  const sum = (all: readonly ValidatorHealth[]): bigint =>
    all.reduce((total, { weight = 0n }) => total + weight, 0n)
  const [weight, weightUp] = [sum(members), sum(up)]
  return {
    members: members.length,
    membersUp: up.length,
    weight,
    weightUp,
    isQuorum: 3n * weightUp > 2n * weight,
  }
}

/** `height 289, final block 1.2 s old`, or that it stands still and why. */
export function sayHealth({ head, standsStill, set }: NetworkHealth): string {
  if (head === undefined) return `stands still: no validator answers${sayUp(set)}`
  const where = sayHead(head)
  if (!standsStill) return `${where}${sayUp(set)}`
  return `stands still at ${where}${sayUp(set)}${sayWhy(set)}`
}

function sayWhy(set: SetHealth | undefined): string {
  if (set === undefined || set.members === 0) return ''
  return set.isQuorum ? ', which is enough: its logs say more' : '; more than two thirds must be'
}

export function sayHead({ height, ageMs }: Head): string {
  return `height ${formatInteger(height)}, final block ${formatDuration(ageMs)} old`
}

/** `, 3 of 4 members up with 75.0 % of its weight` */
function sayUp(set: SetHealth | undefined): string {
  return set === undefined ? '' : `, ${sayMembersUp(set)}`
}

export function sayMembersUp({ members, membersUp, weight, weightUp }: SetHealth): string {
  if (members === 0) return 'nobody is in its set'
  const part = formatShare(weightUp, weight)
  return `${membersUp} of ${members} members up with ${part} of its weight`
}

/** Whether its network needs it to run; what nobody says is taken for a yes. */
export function isNeeded({ weight }: ValidatorHealth): boolean {
  return weight !== 0n
}

/** What is to be known of a validator's operator, after its height; empty when there is nothing. */
export function sayStanding(
  { operator, weight }: ValidatorHealth,
  epoch: bigint | undefined,
): string {
  const isSlashed = operator?.isTombstone === true
  if (weight === undefined || (weight > 0n && !isSlashed)) return ''
  const set = `the set${epoch === undefined ? '' : ` of epoch ${epoch}`}`
  if (!isSlashed) return `, its operator is not in ${set}`
  const fault = operator.punishments.at(-1)
  const told = fault === undefined ? '' : ` for ${fault.fault} of epoch ${fault.epoch}`
  const slashed = `, its operator was slashed${told}`
  if (weight > 0n) return `${slashed}: it leaves all sets, but is still in ${set}`
  return `${slashed}: it is in no set any more, and its node is cut off`
}
