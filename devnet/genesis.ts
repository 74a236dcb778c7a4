/**
 * The first block of each chain of a local world.
 *
 *     networks   funded accounts and contracts; who validates is said by L1
 *     L1         the state that the set-up of `l1-setup.ts` leaves, run before its time of genesis
 *     minimal    one network without an L1, whose one validator is in its genesis
 *     outside    networks alone: their L1 is somewhere, and is set up there (`outside-l1.ts`)
 *
 * Network 0 holds tokens from its genesis on: they are the first that live on a network. Later ones
 * begin empty and get theirs from L1, as credits. What they have in common, and all of those that
 * are opened while the world runs, is in `staked-genesis.ts`.
 */

import {
  networkGenesisJson,
  networkParametersDefault,
  parseGenesis,
  systemContracts,
} from '@zg/chain'
import type { GenesisAccount } from '@zg/chain'
import { l1AddressesOf, systemContractAddresses } from '@zg/contracts'
import type { L1Parameters } from '@zg/contracts'
import { encodeTransaction, MessageRun, signTransaction } from '@zg/evm'
import {
  addressOfSecretKey,
  assert,
  bigintToHex,
  bytesToBigint,
  fromHex,
  toHex,
} from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { GenesisFacts } from '@zg/staking'

import { devAccountBalanceWei, devAccounts } from './accounts.ts'
import type { L1Site } from './l1-site.ts'
import { depositCalls, firstCalls } from './l1-setup.ts'
import type { SetupCall, SetupNetwork, SetupOperator, SetupOptions } from './l1-setup.ts'
import { canonicalAccounts, stakedGenesis } from './staked-genesis.ts'
import type { GenesisJson } from './staked-genesis.ts'
import { dataNetwork, dataNodesOf } from './data-plan.ts'
import { deployerKeyOf, localDeployerKey } from './world-keys.ts'
import { networkCountMax } from './world.ts'
import type { ChainPlan, WorldPlan } from './world.ts'

/** Stake of the validator of a chain without stake. */
const fixedStake = 1_000n

/** An L1 is slower than its networks; each of its blocks costs all who follow it. */
const l1BlockTimeIdleMs = 2_000

/** What each operator and the keeper own on every chain, in wei, to pay for gas. */
export const operatorBalanceWei = 1_000n * 10n ** 18n

const localDeployer = toHex(addressOfSecretKey(localDeployerKey))

/** What RewardHub of each network begins with: a million heights may share it. */
export const hubGrant = {
  to: bigintToHex(systemContractAddresses.RewardHub, 20),
  amount: 100_000n * 10n ** 18n,
}

/** What a deposit may cost. */
const depositFeePerGas = 20_000_000_000n
const depositGas = 500_000n

const emptyAccount = { nonce: 0n, balance: 0n, code: new Uint8Array(0), storage: [] }

export type WorldGenesis = {
  readonly networks: readonly GenesisJson[]
  /** Absent in a minimal world. */
  readonly l1:
    | {
        readonly genesis: GenesisJson
        readonly site: L1Site
        /** Signed transactions that fund the networks which begin empty. */
        readonly deposits: readonly Hex[]
      }
    | undefined
}

/** Returns the networks of a world whose L1 is outside, and what to set up there. */
export async function outsideGenesis(
  plan: WorldPlan,
  parameters: L1Parameters,
): Promise<{ readonly networks: readonly GenesisJson[]; readonly setup: SetupOptions }> {
  const [network] = plan.networks
  const { outsideL1: l1 } = plan.kept
  assert(network !== undefined && l1 !== undefined, 'a world has a network, and stake on an L1')
  const { epochStart } = l1
  const deployer = toHex(addressOfSecretKey(deployerKeyOf(plan.kept)))
  const funded = await fundedAccounts(plan)
  const world = { plan, l1, network, parameters, funded, ofData: [], epochStart, deployer }
  return {
    networks: plan.networks.map((each) => networkGenesis(world, each)),
    // Each begins as soon as it has its operators: when that is, its registry says.
    setup: { ...(await setupOf(world)), firstEpoch: 0 },
  }
}

/** Returns the first block of every chain; a function of the plan and the parameters alone. */
export async function worldGenesis(
  plan: WorldPlan,
  parameters: L1Parameters,
): Promise<WorldGenesis> {
  const { l1, networks } = plan
  const [network] = networks
  assert(network !== undefined, 'a world has a network')
  const funded = await fundedAccounts(plan)
  if (l1 === undefined) return { networks: [fixedGenesis(network, funded)], l1: undefined }
  const { epochStart, firstEpoch } = await epochsOf(plan, parameters)
  const deployer = localDeployer
  const ofData = dataAccounts(plan)
  const world = { plan, l1, network, parameters, funded, ofData, epochStart, deployer }
  const setup = { ...(await setupOf(world)), firstEpoch }
  const purse = { address: BigInt(deployer), balance: devAccountBalanceWei }
  const accounts = runSetup(setup, l1, [...funded, ...ofData, purse])
  const { epochSeconds } = parameters
  return {
    networks: networks.map((each) => networkGenesis(world, each)),
    l1: {
      genesis: fixedGenesis(l1, accounts),
      deposits: signedDeposits(setup, accounts),
      site: {
        epochStart,
        epochSeconds,
        firstEpoch,
        genesisHashes: Object.fromEntries(
          [...setup.networks, ...setup.prepared].map(({ id, genesisHash }) => [id, genesisHash]),
        ),
        contracts: l1AddressesOf(deployer),
      },
    },
  }
}

/** What the genesis of a network of a world with an L1 follows from. */
type StakedWorld = {
  readonly plan: WorldPlan
  readonly l1: Pick<ChainPlan, 'chainId'>
  /** Of whose validators the operators are. */
  readonly network: ChainPlan
  readonly parameters: L1Parameters
  /** On every network. */
  readonly funded: readonly GenesisAccount[]
  /** On the network of data availability alone. */
  readonly ofData: readonly GenesisAccount[]
  readonly epochStart: number
  readonly deployer: Hex
}

/** Networks that load may open, at most; each operator may serve 32. */
const preparedMax = 6

/** Chains that may be opened later: nobody runs them yet, and L1 alone says what they are. */
function preparedChains({ network }: StakedWorld, count: number): readonly ChainPlan[] {
  const wanted = Math.min(preparedMax, networkCountMax - count)
  return Array.from({ length: wanted }, (_, index) => {
    const id = count + index
    const chainId = network.chainId + id
    return { ...network, id, name: `network ${id}`, chainId, blockTimeMs: undefined }
  })
}

async function setupOf(world: StakedWorld): Promise<Omit<SetupOptions, 'firstEpoch'>> {
  const { plan, l1, network, parameters, funded, ofData, epochStart, deployer } = world
  const opened = (chain: ChainPlan): SetupNetwork => ({
    id: chain.id,
    chainId: chain.chainId,
    genesisTime: chain.genesisTimestamp,
    genesisHash: toHex(parseGenesis(networkGenesis(world, chain)).hash),
    deposits: [...(chain.id === 0 ? [] : depositsOf(funded)), hubGrant],
  })
  return {
    l1ChainId: l1.chainId,
    operators: network.validators.map(setupOperatorOf),
    dataOperators: plan.data === undefined ? [] : dataNodesOf(plan.data).map(setupOperatorOf),
    holders: (await devAccounts()).map(({ address }) => address.toLowerCase() as Hex),
    networks: plan.networks.map(opened),
    prepared: preparedChains(world, plan.networks.length).map(opened),
    deployment: {
      deployer,
      epochStart,
      parameters,
      owners: {
        ecosystem: deployer,
        alignment: deployer,
        community: deployer,
        team: deployer,
        backers: deployer,
      },
      guardian: deployer,
      genesisOutstanding: [...funded, ...ofData].reduce(
        (sum, { balance = 0n }) => sum + balance,
        0n,
      ),
    },
  }
}

function setupOperatorOf({
  operator,
  secretKey,
  publicKey,
}: {
  readonly operator: Uint8Array
  readonly secretKey: Uint8Array
  readonly publicKey: Uint8Array
}): SetupOperator {
  return { address: toHex(operator), secretKey, publicKey }
}

/** Every call of the set-up takes a second; stake counts two epochs after it came. */
async function epochsOf(plan: WorldPlan, parameters: L1Parameters) {
  const { l1, networks } = plan
  const [network] = networks
  assert(l1 !== undefined && network !== undefined, 'stake lies on an L1')
  // How many calls there are does not depend on when they are made.
  const empty = { funded: [], ofData: [], epochStart: 0, deployer: localDeployer }
  const world = { plan, l1, network, parameters, ...empty }
  const callCount = firstCalls({ ...(await setupOf(world)), firstEpoch: 0 }).length
  const firstEpoch = Math.ceil(callCount / parameters.epochSeconds) + 1
  return { firstEpoch, epochStart: l1.genesisTimestamp - firstEpoch * parameters.epochSeconds }
}

/** Runs the set-up and returns all accounts that it leaves. */
function runSetup(
  setup: SetupOptions,
  l1: ChainPlan,
  funded: readonly GenesisAccount[],
): readonly GenesisAccount[] {
  const chainId = BigInt(l1.chainId)
  const accounts = [...funded, ...canonicalAccounts(BigInt(l1.chainId))].map((account) => ({
    ...emptyAccount,
    ...account,
  }))
  const run = new MessageRun({
    fork: 'prague',
    chainId,
    timestamp: setup.deployment.epochStart,
    accounts,
  })
  for (const call of firstCalls(setup)) send(run, call)
  return accountsOf(run)
}

/** The deposits as signed transactions: logs tell of credits, so they must stand in blocks. */
function signedDeposits(setup: SetupOptions, accounts: readonly GenesisAccount[]): readonly Hex[] {
  const sender = BigInt(setup.deployment.deployer)
  const nonce = accounts.find(({ address }) => address === sender)?.nonce ?? 0n
  return depositCalls(setup.deployment.deployer, setup.networks).map(({ to, data }, index) => {
    const transaction = signTransaction(
      {
        type: 2,
        chainId: BigInt(setup.l1ChainId),
        nonce: nonce + BigInt(index),
        maxFeePerGas: depositFeePerGas,
        maxPriorityFeePerGas: depositFeePerGas / 10n,
        gasLimit: depositGas,
        to: BigInt(to),
        value: 0n,
        data: fromHex(data),
        accessList: [],
      },
      localDeployerKey,
    )
    return toHex(encodeTransaction(transaction))
  })
}

function send(run: MessageRun, { what, from, to, data }: SetupCall): void {
  const message = { from: BigInt(from), to: BigInt(to), value: 0n, data: fromHex(data) }
  const { succeeded, output } = run.send(message)
  assert(succeeded, `the set-up of L1 can ${what} (${toHex(output.subarray(0, 4))})`)
}

/** All but the protocol's own, which every genesis has. */
function accountsOf({ state }: MessageRun): readonly GenesisAccount[] {
  const own = new Set(systemContracts.map(({ address }) => address))
  return [...state.addresses()].flatMap((address) => {
    const account = state.account(address)
    if (account === undefined || own.has(address)) return []
    const { nonce, balance, codeHash } = account
    const code = state.code(codeHash)
    const isEmpty = nonce === 0n && balance === 0n && code.length === 0
    return isEmpty ? [] : [{ address, nonce, balance, code, storage: [...state.slots(address)] }]
  })
}

/** The ten accounts, the operators and the keeper. */
async function fundedAccounts({ networks, keeper }: WorldPlan): Promise<GenesisAccount[]> {
  const accounts = (await devAccounts()).map(({ address }) => ({
    address: BigInt(address),
    balance: devAccountBalanceWei,
  }))
  const operators = (networks[0]?.validators ?? []).map(({ operator }) => operator)
  const others = keeper === undefined ? [] : [addressOfSecretKey(keeper.secretKey)]
  return [...accounts, ...[...operators, ...others].map(purseOf)]
}

/** The operators of data availability, and who pays for what is dispersed. */
function dataAccounts({ data }: WorldPlan): readonly GenesisAccount[] {
  if (data === undefined) return []
  const operators = dataNodesOf(data).map(({ operator }) => operator)
  return [...operators, addressOfSecretKey(data.disperser.secretKey)].map(purseOf)
}

function purseOf(address: Uint8Array): GenesisAccount & { readonly balance: bigint } {
  return { address: bytesToBigint(address), balance: operatorBalanceWei }
}

function depositsOf(funded: readonly GenesisAccount[]): SetupNetwork['deposits'] {
  return funded.map(({ address, balance = 0n }) => {
    return { to: bigintToHex(address, 20), amount: balance }
  })
}

/** Of a chain whose validators never change. */
function fixedGenesis(chain: ChainPlan, accounts: readonly GenesisAccount[]): GenesisJson {
  const isL1 = chain.kind === 'l1'
  return networkGenesisJson({
    chainId: BigInt(chain.chainId),
    fork: isL1 ? 'prague' : 'osaka',
    timestamp: chain.genesisTimestamp,
    accounts: [...canonicalAccounts(BigInt(chain.chainId)), ...accounts],
    network: {
      ...networkParametersDefault,
      ...(isL1 ? { blockTimeIdleMs: l1BlockTimeIdleMs } : {}),
      ...paceOf(chain.blockTimeMs),
      networkId: chain.id,
      finalityVotes: !isL1,
      validators: chain.validators.map(({ operator, publicKey }) => ({
        operator,
        publicKey,
        stake: fixedStake,
      })),
    },
  })
}

/** Of a network whose stake lies on L1. */
function networkGenesis(world: StakedWorld, chain: ChainPlan): GenesisJson {
  const { id, chainId, genesisTimestamp, blockTimeMs } = chain
  const opened = { id, chainId: BigInt(chainId), genesisTime: BigInt(genesisTimestamp) }
  const ofData = id === dataNetwork ? world.ofData : []
  const accounts = id === 0 ? [...world.funded, ...ofData] : []
  return stakedGenesis(factsOf(world), opened, { accounts, pace: paceOf(blockTimeMs) })
}

/** What L1 will say, once it is set up. */
function factsOf({ l1, parameters, epochStart, deployer }: StakedWorld): GenesisFacts {
  const at = l1AddressesOf(deployer)
  return {
    l1ChainId: BigInt(l1.chainId),
    contracts: {
      stakeManager: at.StakeManager,
      networkRegistry: at.NetworkRegistry,
      operatorRegistry: at.OperatorRegistry,
      finalityOracle: at.FinalityOracle,
      governance: at.TimelockController,
    },
    epochStart: BigInt(epochStart),
    epochLength: BigInt(parameters.epochSeconds),
    certificateAgeMax: BigInt(parameters.certificateAgeMaxSeconds),
  }
}

/** `--block-time` sets one pace, busy or idle, and lets a leader fill half of it (design §5). */
function paceOf(blockTimeMs: number | undefined): Partial<typeof networkParametersDefault> {
  if (blockTimeMs === undefined) return {}
  return {
    blockTimeBusyMs: blockTimeMs,
    blockTimeIdleMs: blockTimeMs,
    buildBudgetMs: Math.max(1, Math.floor(blockTimeMs / 2)),
  }
}
