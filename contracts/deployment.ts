/**
 * How the contracts of shared stake come to stand on an L1: every call of the deployer, in order,
 * and every address beforehand.
 *
 * They stand where CREATE3 puts them (create3.ts). The token and its vesting wallets are made by
 * TokenGenesis.
 *
 * Governance begins with the deployer, who proposes in a timelock without delay and opens the first
 * networks; `handOverCalls` gives the timelock to the governor, for ever.
 */

import { keccak256, toHex } from 'viem'

import type { Hex } from '@zg/primitives'

import type { ArtifactName } from './artifacts.ts'
import {
  callOf,
  create3Address,
  createAddress,
  deployCall,
  factoryCall,
  factoryOf,
} from './create3.ts'
import type { L1Call } from './create3.ts'

const zeroWord: Hex = `0x${'00'.repeat(32)}`
const zeroAddress: Hex = `0x${'00'.repeat(20)}`

/** What decides how an L1 deployment behaves; seconds of L1 time, amounts in wei. */
export type L1Parameters = {
  readonly epochSeconds: number
  /** How old a block of L1 is when it is final, at most. */
  readonly finalityLagSeconds: number
  readonly unbondingSeconds: number
  readonly evidenceAgeMaxSeconds: number
  /** How long punishments wait once very much was punished lately. */
  readonly massDelaySeconds: number
  /** After its epoch, a certificate that closes nothing is taken for so long. */
  readonly certificateAgeMaxSeconds: number
  /** A network without certificates for so long may be declared dead. */
  readonly deadAfterSeconds: number
  readonly bridge: {
    readonly rateCapacity: bigint
    readonly rateWindowSeconds: number
    readonly largeAmount: bigint
    readonly largeDelaySeconds: number
    readonly securedBps: number
    readonly exitDelaySeconds: number
  }
  readonly governance: {
    readonly votingDelaySeconds: number
    readonly votingPeriodSeconds: number
    readonly lateQuorumSeconds: number
    readonly timelockSeconds: number
    /** Of critical parameters: longer than stake takes to leave. */
    readonly stakersTimelockSeconds: number
  }
  /** What governance may change later (Parameters.sol), by its first value. */
  readonly governed: {
    readonly operatorBps: number
    readonly churnBps: number
    readonly operatorsMin: number
    readonly stakeMinGwei: bigint
    readonly drainEpochs: number
    readonly loadEpochs: number
    readonly coolDownEpochs: number
  }
}

/** Who receives what is free of the token, and what vests. */
export type TokenOwners = {
  readonly ecosystem: Hex
  readonly alignment: Hex
  readonly community: Hex
  readonly team: Hex
  readonly backers: Hex
}

export type L1DeploymentOptions = {
  /** Who sends every call. */
  readonly deployer: Hex
  /** When epoch 0 begins, in seconds since 1970; not after the deployment. */
  readonly epochStart: number
  readonly parameters: L1Parameters
  readonly owners: TokenOwners
  /** Who may pause a network's claims. */
  readonly guardian: Hex
  /** What network 0 holds in its genesis, in wei. */
  readonly genesisOutstanding: bigint
}

/** Contracts by their own salt, in the order in which they can be deployed. */
const ownNames = [
  'TokenGenesis',
  'TimelockController',
  'Parameters',
  'OperatorRegistry',
  'NetworkRegistry',
  'StakeManager',
  'StakersTimelock',
  'CollateralManager',
  'FinalityOracle',
  'SlashingManager',
  'Inbox',
  'RewardBridge',
  'NetworkLoad',
  'Autoscaler',
  'Streams',
  'ZgGovernor',
] as const satisfies readonly ArtifactName[]

/** What TokenGenesis makes, in its order. */
const genesisNames = [
  'ZgToken',
  'EmissionController',
  'EcosystemVesting',
  'AlignmentPool',
  'TeamVesting',
  'BackersVesting',
] as const

export type L1ContractName = (typeof ownNames)[number] | (typeof genesisNames)[number]

export type L1Addresses = Readonly<Record<L1ContractName | 'Create3Factory', Hex>>

/** Returns where everything will stand; it follows from the deployer. */
export function l1AddressesOf(deployer: Hex): L1Addresses {
  const factory = factoryOf(deployer)
  const own = ownNames.map((name) => [name, create3Address(factory, name)] as const)
  const genesis = create3Address(factory, 'TokenGenesis')
  const made = genesisNames.map(
    (name, index) => [name, createAddress(genesis, BigInt(index) + 1n)] as const,
  )
  return Object.fromEntries([['Create3Factory', factory], ...own, ...made]) as L1Addresses
}

/** Returns the calls that deploy all contracts. */
export function deploymentCalls(options: L1DeploymentOptions): readonly L1Call[] {
  const at = l1AddressesOf(options.deployer)
  const args = constructorArgs(options, at)
  return [
    factoryCall(options.deployer),
    ...ownNames.map((name) => deployCall(at.Create3Factory, name, args[name])),
  ]
}

/** Returns the calls by which the deployer, while governance is its own, has something done. */
export function governedCalls(addresses: L1Addresses, call: L1Call): readonly L1Call[] {
  const operation = [call.to, 0n, call.data, zeroWord, keccak256(toHex(call.what))]
  const to = addresses.TimelockController
  const timelock = { contract: 'TimelockController', to } as const
  return [
    callOf(`schedule: ${call.what}`, { ...timelock, name: 'schedule', args: [...operation, 0n] }),
    callOf(call.what, { ...timelock, name: 'execute', args: operation }),
  ]
}

/** Returns the calls after which the governor alone decides, and no longer without delay. */
export function handOverCalls({ deployer, parameters }: L1DeploymentOptions): readonly L1Call[] {
  const addresses = l1AddressesOf(deployer)
  const { TimelockController: to, ZgGovernor } = addresses
  const timelock = { contract: 'TimelockController', to } as const
  const delay = BigInt(parameters.governance.timelockSeconds)
  const setDelay = callOf('set the delay of the timelock', {
    ...timelock,
    name: 'updateDelay',
    args: [delay],
  })
  const role = (verb: 'grantRole' | 'revokeRole', name: string, account: Hex): L1Call => {
    const args = [roleOf(name), account]
    return callOf(`${verb} ${name}`, { ...timelock, name: verb, args })
  }
  const roles = ['PROPOSER_ROLE', 'CANCELLER_ROLE']
  return [
    ...governedCalls(addresses, setDelay),
    ...roles.map((name) => role('grantRole', name, ZgGovernor)),
    ...roles.map((name) => role('revokeRole', name, deployer)),
    callOf('give up the administration of the timelock', {
      ...timelock,
      name: 'renounceRole',
      args: [zeroWord, deployer],
    }),
  ]
}

/** Arguments of a constructor, by contract. */
type Constructors = Readonly<Record<(typeof ownNames)[number], readonly unknown[]>>

function constructorArgs(options: L1DeploymentOptions, at: L1Addresses): Constructors {
  const { guardian, genesisOutstanding, epochStart, owners, parameters } = options
  const {
    epochSeconds,
    finalityLagSeconds,
    unbondingSeconds,
    evidenceAgeMaxSeconds,
    massDelaySeconds,
    certificateAgeMaxSeconds,
    deadAfterSeconds,
    bridge,
  } = parameters
  const bridgeSettings = {
    rateCapacity: bridge.rateCapacity,
    rateWindow: bridge.rateWindowSeconds,
    largeAmount: bridge.largeAmount,
    largeDelay: bridge.largeDelaySeconds,
    securedBps: bridge.securedBps,
    exitDelay: bridge.exitDelaySeconds,
  }
  return {
    ...governanceArgs(options, at),
    TokenGenesis: [
      owners,
      at.RewardBridge,
      at.TimelockController,
      genesisOutstanding,
      at.NetworkLoad,
    ],
    OperatorRegistry: [
      epochStart,
      epochSeconds,
      finalityLagSeconds,
      at.StakeManager,
      at.NetworkRegistry,
    ],
    NetworkRegistry: [at.OperatorRegistry, at.TimelockController, at.Parameters, at.Autoscaler],
    StakeManager: [
      at.ZgToken,
      at.OperatorRegistry,
      at.SlashingManager,
      at.RewardBridge,
      unbondingSeconds,
      at.CollateralManager,
    ],
    // What other collaterals lose goes to governance, which decides who was harmed.
    CollateralManager: [at.StakeManager, at.StakersTimelock, at.TimelockController],
    FinalityOracle: [
      at.NetworkRegistry,
      at.OperatorRegistry,
      at.StakeManager,
      at.SlashingManager,
      certificateAgeMaxSeconds,
      deadAfterSeconds,
    ],
    SlashingManager: [at.FinalityOracle, at.StakeManager, evidenceAgeMaxSeconds, massDelaySeconds],
    Inbox: [at.NetworkRegistry, at.RewardBridge],
    RewardBridge: [
      at.ZgToken,
      at.FinalityOracle,
      at.Inbox,
      at.StakeManager,
      guardian,
      genesisOutstanding,
      bridgeSettings,
    ],
    NetworkLoad: [at.FinalityOracle],
    Autoscaler: [at.NetworkLoad, at.TimelockController],
    Streams: [at.FinalityOracle],
  }
}

function governanceArgs(
  { deployer, parameters }: L1DeploymentOptions,
  at: L1Addresses,
): Pick<Constructors, 'TimelockController' | 'StakersTimelock' | 'Parameters' | 'ZgGovernor'> {
  const { governance, governed } = parameters
  const anyone = [zeroAddress]
  const values = [
    governed.operatorBps,
    governed.churnBps,
    governed.operatorsMin,
    governed.stakeMinGwei,
    governed.drainEpochs,
    governed.loadEpochs,
    governed.coolDownEpochs,
  ]
  const periods = {
    votingDelay: governance.votingDelaySeconds,
    votingPeriod: governance.votingPeriodSeconds,
    lateQuorumPeriod: governance.lateQuorumSeconds,
  }
  return {
    TimelockController: [0n, [deployer], anyone, deployer],
    StakersTimelock: [
      governance.stakersTimelockSeconds,
      [at.TimelockController],
      anyone,
      at.StakeManager,
    ],
    Parameters: [at.TimelockController, at.StakersTimelock, values],
    ZgGovernor: [at.StakeManager, at.TimelockController, periods],
  }
}

function roleOf(name: string): Hex {
  return keccak256(toHex(name))
}
