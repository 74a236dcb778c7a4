/** Who validates: an operator's key, weight, networks, price and past. */

import { bytesToBigint, concat, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { getAbiItem } from 'viem'

import { abis } from './abis.ts'
import { logsOf, noticeEpochs, on } from './view.ts'
import type { StakeView } from './view.ts'

const fieldSizeBytes = 48
const fieldModulus = BigInt(
  '0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab',
)

/** Kinds of faults, in the order of `Votes.Fault`. */
const faultNames = ['none', 'S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7', 'S8', 'S9'] as const

/** A punishment (docs/specs/stake.md §6). */
export type Punishment = {
  readonly network: number
  /** Of the fault. */
  readonly epoch: bigint
  readonly fault: string
  /** The part that was lost, in hundredths of a percent. */
  readonly bps: number
  readonly amountWei: bigint
}

export type Operator = {
  readonly address: Hex
  /** 48 bytes: its newest key. */
  readonly publicKey: Hex
  /** In gwei: now, and from the epoch after the next on. */
  readonly weight: bigint
  readonly weightComing: bigint
  /** In its active pool, in wei; and what of it is its own. */
  readonly stakeWei: bigint
  readonly ownStakeWei: bigint
  /** Networks it has joined and not left, and what it agreed to lose there at most. */
  readonly networks: readonly { readonly id: number; readonly slashBpsMax: number }[]
  readonly commissionBps: number
  readonly commissionComing: { readonly bps: number; readonly fromEpoch: bigint } | undefined
  /** It was slashed: no weight, no new stake. */
  readonly isTombstone: boolean
  readonly punishments: readonly Punishment[]
}

/** Returns everyone who ever joined a network or set a key, in the order of their addresses. */
export async function operatorAddresses(view: StakeView): Promise<readonly Hex[]> {
  const { client, addresses, block } = view
  const registry = on(view, 'NetworkRegistry')
  const ids = await client.readContract({ ...registry, functionName: 'networkIds' })
  const members = await Promise.all(
    ids.map((id) => client.readContract({ ...registry, functionName: 'membersOf', args: [id] })),
  )
  const keys = await logsOf(client, {
    address: addresses.OperatorRegistry,
    event: getAbiItem({ abi: abis.OperatorRegistry, name: 'KeySet' }),
    toBlock: block,
  })
  const all = [...members.flat(), ...keys.map(({ args }) => args.operator)]
  return [...new Set(all.map((address) => address.toLowerCase() as Hex))].toSorted()
}

/** Returns all operators. */
export async function readOperators(view: StakeView): Promise<readonly Operator[]> {
  const addresses = await operatorAddresses(view)
  return Promise.all(addresses.map((address) => readOperator(view, address)))
}

/** Returns one operator; the endpoint's refusal when it never registered. */
export async function readOperator(view: StakeView, address: Hex): Promise<Operator> {
  const { client, epoch } = view
  const [registry, stakes] = [on(view, 'OperatorRegistry'), on(view, 'StakeManager')]
  const args = [address] as const
  const [upcoming, weight, pool, [, ownStakeWei], commissionBps, isTombstone] = await Promise.all([
    client.readContract({ ...registry, functionName: 'upcoming', args }),
    client.readContract({ ...registry, functionName: 'weightAt', args: [address, epoch] }),
    client.readContract({ ...stakes, functionName: 'activeOf', args }),
    client.readContract({ ...stakes, functionName: 'stakeOf', args: [address, address] }),
    client.readContract({ ...stakes, functionName: 'commissionOf', args }),
    client.readContract({ ...stakes, functionName: 'isTombstone', args }),
  ])
  const [{ a, b, c }, weightComing] = upcoming
  const [networks, commissionComing, punishments] = await Promise.all([
    readNetworksOf(view, address),
    readCommissionComing(view, address),
    readPunishments(view, address),
  ])
  return {
    address,
    publicKey: compressKey([a, b, c]),
    weight,
    weightComing,
    stakeWei: pool.assets,
    ownStakeWei,
    networks,
    commissionBps,
    commissionComing,
    isTombstone,
    punishments,
  }
}

async function readNetworksOf(view: StakeView, address: Hex): Promise<Operator['networks']> {
  const { client, epoch } = view
  const registry = on(view, 'NetworkRegistry')
  const ids = await client.readContract({
    ...registry,
    functionName: 'networksOf',
    args: [address],
  })
  return Promise.all(
    ids.map(async (id) => {
      const args = [id, address, epoch + noticeEpochs] as const
      const { slashBpsMax } = await client.readContract({
        ...registry,
        functionName: 'stintAt',
        args,
      })
      return { id, slashBpsMax }
    }),
  )
}

async function readCommissionComing(view: StakeView, operator: Hex) {
  const { client, addresses, block, epoch } = view
  const logs = await logsOf(client, {
    address: addresses.StakeManager,
    event: getAbiItem({ abi: abis.StakeManager, name: 'CommissionSet' }),
    args: { operator },
    toBlock: block,
  })
  const last = logs.at(-1)?.args
  if (last === undefined || last.fromEpoch <= epoch) return undefined
  return { bps: last.bps, fromEpoch: last.fromEpoch }
}

async function readPunishments(view: StakeView, operator: Hex): Promise<readonly Punishment[]> {
  const { client, addresses, block } = view
  const logs = await logsOf(client, {
    address: addresses.SlashingManager,
    event: getAbiItem({ abi: abis.SlashingManager, name: 'Punished' }),
    args: { operator },
    toBlock: block,
  })
  return logs.map(({ args: { id, epoch, fault, bps, assets } }) => {
    const name = faultNames[fault] ?? `fault ${fault}`
    return { network: id, epoch, fault: name, bps, amountWei: assets }
  })
}

/** x with its first bits "compressed" and "y is the greater of the two" (votes.md §2). */
function compressKey(words: readonly Hex[]): Hex {
  const affine = concat(...words.map((word) => fromHex(word)))
  const key = affine.slice(0, fieldSizeBytes)
  const y = bytesToBigint(affine.subarray(fieldSizeBytes))
  key[0] = (key[0] ?? 0) | (2n * y > fieldModulus ? 0xa0 : 0x80)
  return toHex(key)
}
