/** Which networks there are: validators, what L1 knows of them, their load, what lives there. */

import type { Hex } from '@zg/primitives'

import { readLoad } from './load.ts'
import type { LoadSpell } from './load.ts'
import { noticeEpochs, on, weiPerGwei } from './view.ts'
import type { StakeView } from './view.ts'

/** In the order of `NetworkRegistry.Status`. */
export const networkStatuses = ['opening', 'active', 'draining', 'closed'] as const

/** Bounds of parts in hundredths of a percent. */
const bpsAll = 10_000n

export type Member = {
  readonly operator: Hex
  /** In gwei. */
  readonly weight: bigint
  /** What it consented to lose there at most, in hundredths of a percent. */
  readonly slashBpsMax: number
}

/** The newest block of a network that L1 knows. */
export type KnownFinal = {
  readonly epoch: bigint
  readonly height: bigint
  /** When L1 took it, in seconds since 1970. */
  readonly since: number
}

export type Network = {
  readonly id: number
  readonly chainId: number
  readonly status: (typeof networkStatuses)[number]
  /** What FinalityOracle says, whatever the status. */
  readonly isHalted: boolean
  readonly isDead: boolean
  /** Undefined while it is opening. */
  readonly firstEpoch: bigint | undefined
  /** Of one that had its notice: it takes no streams and no blobs from that epoch on. */
  readonly drainingEpoch: bigint | undefined
  /** Of one that drains: anyone may close it from that epoch on. */
  readonly drainedEpoch: bigint | undefined
  readonly endEpoch: bigint | undefined
  /** What must join before it begins. */
  readonly operatorsMin: number
  readonly stakeMinGwei: bigint
  /** With weight in this epoch, heaviest first. */
  readonly members: readonly Member[]
  /** In gwei: of this epoch, and of the one after the next. */
  readonly total: bigint
  readonly totalComing: bigint
  readonly final: KnownFinal | undefined
  /** How full it was lately; undefined while nothing of that is proved. */
  readonly load: LoadSpell | undefined
  /** What went there and has not come back, in wei. */
  readonly outstandingWei: bigint
  /** What may live there at most, by its stake, in wei. */
  readonly securedWei: bigint
}

/** Returns all networks that were ever opened, by id. */
export async function readNetworks(view: StakeView): Promise<readonly Network[]> {
  const ids = await readNetworkIds(view)
  return Promise.all(ids.map((id) => readNetwork(view, id)))
}

export async function readNetworkIds(view: StakeView): Promise<readonly number[]> {
  const registry = on(view, 'NetworkRegistry')
  const ids = await view.client.readContract({ ...registry, functionName: 'networkIds' })
  return ids.toSorted((a, b) => a - b)
}

export async function readNetwork(view: StakeView, id: number): Promise<Network> {
  const { client, epoch } = view
  const registry = on(view, 'NetworkRegistry')
  const oracle = on(view, 'FinalityOracle')
  const bridge = on(view, 'RewardBridge')
  const coming = epoch + noticeEpochs
  const [opened, status, [isHalted, isDead], set, setComing, members] = await Promise.all([
    client.readContract({ ...registry, functionName: 'networkOf', args: [id] }),
    client.readContract({ ...registry, functionName: 'statusOf', args: [id] }),
    client.readContract({ ...oracle, functionName: 'statusOf', args: [id] }),
    client.readContract({ ...registry, functionName: 'setAt', args: [id, epoch] }),
    client.readContract({ ...registry, functionName: 'setAt', args: [id, coming] }),
    readMembers(view, { id, epoch }),
  ])
  const [outstandingWei, securedBps] = await Promise.all([
    client.readContract({ ...bridge, functionName: 'outstanding', args: [id] }),
    client.readContract({ ...bridge, functionName: 'securedBps' }),
  ])
  return {
    id,
    chainId: Number(opened.chainId),
    status: networkStatuses[status] ?? 'closed',
    isHalted,
    isDead,
    firstEpoch: opened.firstEpoch || undefined,
    drainingEpoch: opened.drainingEpoch === 0 ? undefined : BigInt(opened.drainingEpoch),
    drainedEpoch: opened.drainedEpoch || undefined,
    endEpoch: opened.endEpoch || undefined,
    operatorsMin: opened.operatorsMin,
    stakeMinGwei: opened.stakeMin,
    members,
    total: set.total,
    totalComing: setComing.total,
    final: opened.firstEpoch === 0n ? undefined : await readFinal(view, id),
    load: opened.firstEpoch === 0n ? undefined : await readLoad(view, id),
    outstandingWei,
    securedWei: (set.total * weiPerGwei * securedBps) / bpsAll,
  }
}

async function readFinal(view: StakeView, id: number): Promise<KnownFinal> {
  const { epoch, height, since } = await view.client.readContract({
    ...on(view, 'FinalityOracle'),
    functionName: 'finalOf',
    args: [id],
  })
  return { epoch, height, since }
}

/** Returns who has weight in a network in an epoch, heaviest first. */
export async function readMembers(
  view: StakeView,
  { id, epoch }: { readonly id: number; readonly epoch: bigint },
): Promise<readonly Member[]> {
  const { client } = view
  const registry = on(view, 'NetworkRegistry')
  const operators = on(view, 'OperatorRegistry')
  const ever = await client.readContract({ ...registry, functionName: 'membersOf', args: [id] })
  const members = await Promise.all(
    ever.map(async (operator): Promise<Member> => {
      const args = [operator, epoch] as const
      const [isMember, weight, { slashBpsMax }] = await Promise.all([
        client.readContract({ ...registry, functionName: 'isMember', args: [id, ...args] }),
        client.readContract({ ...operators, functionName: 'weightAt', args }),
        client.readContract({ ...registry, functionName: 'stintAt', args: [id, ...args] }),
      ])
      const address = operator.toLowerCase() as Hex
      return { operator: address, weight: isMember ? weight : 0n, slashBpsMax }
    }),
  )
  return members
    .filter(({ weight }) => weight > 0n)
    .toSorted((a, b) => (a.weight < b.weight ? 1 : a.weight > b.weight ? -1 : 0))
}
