/**
 * The first block of each chain of a local world.
 *
 *     networks   funded accounts and contracts; who validates is said by L1
 *     L1         the state that the set-up of `l1-setup.ts` leaves, run before its time of genesis
 *     minimal    one network without an L1, whose one validator is in its genesis
 *
 * Network 0 holds tokens from its genesis on: they are the first that live on a network. Later ones
 * begin empty and get theirs from L1, as credits.
 */

import {
  genesisConsensusRoot,
  networkGenesisJson,
  networkParametersDefault,
  parseGenesis,
  systemContracts,
} from '@zg/chain'
import type { GenesisAccount } from '@zg/chain'
import { l1AddressesOf } from '@zg/contracts'
import type { L1Parameters } from '@zg/contracts'
import { encodeTransaction, MessageRun, signTransaction } from '@zg/evm'
import { addressOfSecretKey, assert, bytesToBigint, fromHex, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { devAccountBalanceWei, devAccounts } from './accounts.ts'
import { placeCanonicalContracts } from './canonical/canonical.ts'
import type { L1Site } from './l1-site.ts'
import { depositCalls, firstCalls } from './l1-setup.ts'
import type { SetupCall, SetupNetwork, SetupOptions } from './l1-setup.ts'
import type { ChainPlan, ValidatorPlan, WorldPlan } from './world.ts'

/** Stake of the validator of a chain without stake. */
const fixedStake = 1_000n

/** What each operator owns on every chain, in wei: it pays for what it relays. */
const operatorBalanceWei = 1_000n * 10n ** 18n

/** Who deploys on the local L1; its key is as public as those of the ten accounts. */
const deployerKey = sha256(new TextEncoder().encode('zg/devnet/deployer'))

/** What a deposit may cost. */
const depositFeePerGas = 20_000_000_000n
const depositGas = 500_000n

const emptyAccount = { nonce: 0n, balance: 0n, code: new Uint8Array(0), storage: [] }

/** A genesis in geth's JSON form. */
export type GenesisJson = Record<string, unknown>

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

/** Returns the first block of every chain; a function of the plan and the parameters alone. */
export async function worldGenesis(
  plan: WorldPlan,
  parameters: L1Parameters,
): Promise<WorldGenesis> {
  const { l1, networks } = plan
  const funded = await fundedAccounts(networks[0]?.validators ?? [])
  if (l1 === undefined) {
    const [network] = networks
    assert(network !== undefined, 'a minimal world has a network')
    return { networks: [fixedGenesis(network, funded)], l1: undefined }
  }
  const deployer = toHex(addressOfSecretKey(deployerKey))
  const { StakeManager } = l1AddressesOf(deployer)
  const jsons = networks.map((network) => {
    const accounts = network.id === 0 ? funded : []
    return stakedGenesis(network, { l1, stakingContract: fromHex(StakeManager), accounts })
  })
  const options: Omit<SetupOptions, 'firstEpoch' | 'networks'> = {
    l1ChainId: l1.chainId,
    operators: (networks[0]?.validators ?? []).map(({ operator, secretKey, publicKey }) => ({
      address: toHex(operator),
      secretKey,
      publicKey,
    })),
    holders: (await devAccounts()).map(({ address }) => address.toLowerCase() as Hex),
    deployment: {
      deployer,
      epochStart: 0,
      parameters,
      owners: {
        ecosystem: deployer,
        alignment: deployer,
        community: deployer,
        team: deployer,
        backers: deployer,
      },
      guardian: deployer,
      genesisOutstanding: funded.reduce((sum, { balance = 0n }) => sum + balance, 0n),
    },
  }
  const opened = (firstEpoch: number): SetupNetwork[] =>
    networks.map((network, index) => {
      const genesis = parseGenesis(jsons[index])
      return {
        id: network.id,
        chainId: network.chainId,
        genesisHash: toHex(genesis.hash),
        genesisRoot: toHex(genesisConsensusRoot(genesis, BigInt(firstEpoch))),
        deposits: network.id === 0 ? [] : depositsOf(funded),
      }
    })
  const firstEpoch = firstEpochOf({ ...options, firstEpoch: 0, networks: opened(0) })
  const { epochSeconds } = parameters
  const epochStart = l1.genesisTimestamp - firstEpoch * epochSeconds
  const deployment = { ...options.deployment, epochStart }
  const setup = { ...options, deployment, firstEpoch, networks: opened(firstEpoch) }
  const purse = { address: BigInt(deployer), balance: devAccountBalanceWei }
  const accounts = runSetup(setup, l1, [...funded, purse])
  return {
    networks: jsons,
    l1: {
      genesis: fixedGenesis(l1, accounts),
      deposits: signedDeposits(setup, accounts),
      site: { epochStart, epochSeconds, firstEpoch, contracts: l1AddressesOf(deployer) },
    },
  }
}

/** Every call takes a second; stake counts two epochs after it came. */
function firstEpochOf(setup: SetupOptions): number {
  return Math.ceil(firstCalls(setup).length / setup.deployment.parameters.epochSeconds) + 1
}

/** Runs the set-up and returns all accounts that it leaves. */
function runSetup(
  setup: SetupOptions,
  l1: ChainPlan,
  funded: readonly GenesisAccount[],
): readonly GenesisAccount[] {
  const chainId = BigInt(l1.chainId)
  const accounts = [...funded, ...contractAccounts(l1)].map((account) => ({
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
  return depositCalls(setup).map(({ to, data }, index) => {
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
      deployerKey,
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

/** The ten accounts and the operators. */
async function fundedAccounts(operators: readonly ValidatorPlan[]): Promise<GenesisAccount[]> {
  const accounts = (await devAccounts()).map(({ address }) => ({
    address: BigInt(address),
    balance: devAccountBalanceWei,
  }))
  const own = operators.map(({ operator }) => ({
    address: bytesToBigint(operator),
    balance: operatorBalanceWei,
  }))
  return [...accounts, ...own]
}

function depositsOf(funded: readonly GenesisAccount[]): SetupNetwork['deposits'] {
  return funded.map(({ address, balance = 0n }) => {
    return { to: `0x${address.toString(16).padStart(40, '0')}`, amount: balance }
  })
}

function contractAccounts(chain: ChainPlan): readonly GenesisAccount[] {
  return placeCanonicalContracts(chain.chainId).map(({ address, code }) => ({
    address: bytesToBigint(address),
    // EIP-161: a contract's nonce begins at 1.
    nonce: 1n,
    code,
  }))
}

/** Of a chain whose validators never change. */
function fixedGenesis(chain: ChainPlan, accounts: readonly GenesisAccount[]): GenesisJson {
  const isL1 = chain.kind === 'l1'
  return networkGenesisJson({
    chainId: BigInt(chain.chainId),
    fork: isL1 ? 'prague' : 'osaka',
    timestamp: chain.genesisTimestamp,
    accounts: [...contractAccounts(chain), ...accounts],
    network: {
      ...networkParametersDefault,
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
function stakedGenesis(
  chain: ChainPlan,
  options: {
    readonly l1: ChainPlan
    readonly stakingContract: Uint8Array
    readonly accounts: readonly GenesisAccount[]
  },
): GenesisJson {
  const { l1, stakingContract, accounts } = options
  return networkGenesisJson({
    chainId: BigInt(chain.chainId),
    fork: 'osaka',
    timestamp: chain.genesisTimestamp,
    accounts: [...contractAccounts(chain), ...accounts],
    network: {
      ...networkParametersDefault,
      ...paceOf(chain.blockTimeMs),
      networkId: chain.id,
      l1ChainId: BigInt(l1.chainId),
      stakingContract,
      validators: [],
    },
  })
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
