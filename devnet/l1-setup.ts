/**
 * What happens on the local L1 before its first block: contracts are deployed, operators register,
 * stake and join, networks are opened, and tokens go to networks that begin empty.
 *
 *     first    deployment, token, operators, networks; governance handed over
 *     then     deposits, once that stake counts: two epochs later
 *
 * These are calls as anyone would send them to a public L1. Nobody waits for the first part here:
 * it is run on our EVM at times before the genesis, whose state is what it leaves (`genesis.ts`).
 * The deposits are transactions of the first blocks.
 */

import {
  callOf,
  deploymentCalls,
  governedCalls,
  handOverCalls,
  keyWords,
  l1AddressesOf,
  signatureWords,
} from '@zg/contracts'
import type { L1Addresses, L1Call, L1DeploymentOptions } from '@zg/contracts'
import { possessionDigest } from '@zg/consensus'
import { blsSign, fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

/** What each operator stakes with itself: a million. */
export const devStakeWei = 1_000_000n * 10n ** 18n

/** What each operator of data availability stakes: a hundredth of what a validator does. */
export const devDataStakeWei = 10_000n * 10n ** 18n

/** What each development account owns on L1, delegated to itself: ten of them carry a vote. */
export const devHoldingWei = 10_000_000n * 10n ** 18n

const weiPerGwei = 10n ** 9n

/** What a fault may cost an operator at most: all, in hundredths of a percent. */
const slashBpsMax = 10_000

/** A call and who sends it. */
export type SetupCall = L1Call & { readonly from: Hex }

export type SetupOperator = {
  readonly address: Hex
  /** 32 bytes. */
  readonly secretKey: Uint8Array
  /** 48 bytes. */
  readonly publicKey: Uint8Array
}

/** A network to be opened, as NetworkRegistry takes it. */
export type SetupNetwork = {
  readonly id: number
  readonly chainId: number
  /** In seconds since 1970. */
  readonly genesisTime: number
  readonly genesisHash: Hex
  /** Credited there: addresses and wei. */
  readonly deposits: readonly { readonly to: Hex; readonly amount: bigint }[]
}

export type SetupOptions = {
  readonly deployment: L1DeploymentOptions
  readonly l1ChainId: number
  readonly operators: readonly SetupOperator[]
  /** Operators that join no network: they hold data. */
  readonly dataOperators: readonly SetupOperator[]
  /** Who gets tokens on L1 besides the operators. */
  readonly holders: readonly Hex[]
  readonly networks: readonly SetupNetwork[]
  /** Networks that load may open later. */
  readonly prepared: readonly SetupNetwork[]
  readonly firstEpoch: number
}

/** Returns the calls of the first part. */
export function firstCalls(options: SetupOptions): readonly SetupCall[] {
  const { deployment, operators, dataOperators, holders, networks, prepared, firstEpoch } = options
  const { deployer } = deployment
  const addresses = l1AddressesOf(deployer)
  const calls = [
    ...deploymentCalls(deployment),
    ...operators.map(({ address }) => tokenCall(addresses, 'transfer', [address, devStakeWei])),
    ...dataOperators.map(({ address }) =>
      tokenCall(addresses, 'transfer', [address, devDataStakeWei]),
    ),
    ...holders.map((holder) => tokenCall(addresses, 'transfer', [holder, devHoldingWei])),
    ...networks.flatMap((network) =>
      governedCalls(
        addresses,
        callOf(`open network ${network.id}`, {
          contract: 'NetworkRegistry',
          to: addresses.NetworkRegistry,
          name: 'open',
          args: [network.id, openingOf(options, network, firstEpoch)],
        }),
      ),
    ),
    ...governedCalls(
      addresses,
      callOf('say what the next networks are', {
        contract: 'Autoscaler',
        to: addresses.Autoscaler,
        name: 'prepare',
        args: [
          prepared.map((network) => ({ id: network.id, opening: openingOf(options, network, 0) })),
        ],
      }),
    ),
    ...handOverCalls(deployment),
  ].map((call) => ({ ...call, from: deployer }))
  const delegations = holders.map((holder) => ({
    ...tokenCall(addresses, 'delegate', [holder]),
    from: holder,
  }))
  const joins = operators.flatMap((operator) => [
    ...stakeCalls(options, operator, devStakeWei),
    ...joinCalls(options, operator),
  ])
  const stakes = dataOperators.flatMap((each) => stakeCalls(options, each, devDataStakeWei))
  return [...calls, ...delegations, ...joins, ...stakes]
}

/** Returns the calls by which who deployed funds networks that begin empty. */
export function depositCalls(
  deployer: Hex,
  networks: readonly Pick<SetupNetwork, 'id' | 'deposits'>[],
): readonly SetupCall[] {
  const addresses = l1AddressesOf(deployer)
  const { RewardBridge } = addresses
  const deposits = networks.flatMap(({ id, deposits: wanted }) =>
    wanted.map(({ to, amount }) => ({ id, to, amount })),
  )
  if (deposits.length === 0) return []
  const total = deposits.reduce((sum, { amount }) => sum + amount, 0n)
  return [
    tokenCall(addresses, 'approve', [RewardBridge, total]),
    ...deposits.map(({ id, to, amount }) =>
      callOf(`deposit to network ${id}`, {
        contract: 'RewardBridge',
        to: RewardBridge,
        name: 'deposit',
        args: [id, to, amount],
      }),
    ),
  ].map((call) => ({ ...call, from: deployer }))
}

/** A network as NetworkRegistry takes it: it begins with half of the operators, or more. */
function openingOf(
  { operators, deployment }: SetupOptions,
  { chainId, genesisTime, genesisHash }: SetupNetwork,
  earliestEpoch: number,
) {
  const { governed } = deployment.parameters
  const operatorsMin = Math.max(Math.ceil(operators.length / 2), governed.operatorsMin)
  const stakeMin = (BigInt(operatorsMin) * devStakeWei) / weiPerGwei
  return { chainId, genesisTime, earliestEpoch, stakeMin, operatorsMin, genesisHash }
}

function stakeCalls(
  options: SetupOptions,
  operator: SetupOperator,
  stakeWei: bigint,
): readonly SetupCall[] {
  const addresses = l1AddressesOf(options.deployment.deployer)
  const { address, secretKey, publicKey } = operator
  const { OperatorRegistry, StakeManager } = addresses
  const digest = possessionDigest({
    l1ChainId: BigInt(options.l1ChainId),
    registry: fromHex(OperatorRegistry),
    operator: fromHex(address),
    publicKey,
  })
  const calls = [
    callOf('register an operator', {
      contract: 'OperatorRegistry',
      to: OperatorRegistry,
      name: 'register',
      args: [keyWords(publicKey), signatureWords(blsSign(secretKey, digest))],
    }),
    tokenCall(addresses, 'approve', [StakeManager, stakeWei]),
    callOf('stake', {
      contract: 'StakeManager',
      to: StakeManager,
      name: 'stake',
      args: [address, stakeWei],
    }),
  ]
  return calls.map((call) => ({ ...call, from: address }))
}

function joinCalls(
  { deployment, networks }: SetupOptions,
  { address }: SetupOperator,
): readonly SetupCall[] {
  const { NetworkRegistry } = l1AddressesOf(deployment.deployer)
  return networks.map(({ id }) => ({
    ...callOf(`join network ${id}`, {
      contract: 'NetworkRegistry',
      to: NetworkRegistry,
      name: 'optIn',
      args: [id, slashBpsMax],
    }),
    from: address,
  }))
}

function tokenCall(addresses: L1Addresses, name: string, args: readonly unknown[]): L1Call {
  return callOf(`token: ${name}`, { contract: 'ZgToken', to: addresses.ZgToken, name, args })
}
