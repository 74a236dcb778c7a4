/**
 * What solc made of the room's contracts: ABI and bytecode, committed under `artifacts/`, so that
 * nobody needs a compiler. `node contracts/build.ts` writes them; a test compiles those whose
 * sources changed since and compares.
 */

import { readFileSync } from 'node:fs'

import { fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

/** Every contract that is deployed somewhere, and the file that holds it. */
export const artifactSources = {
  Create3Factory: 'l1/Create3Factory.sol',
  AlignmentPool: 'l1/AlignmentPool.sol',
  Autoscaler: 'l1/Autoscaler.sol',
  BondedStake: 'da/BondedStake.sol',
  CollateralManager: 'l1/CollateralManager.sol',
  DAEntrance: 'zero-gravity/DAEntrance.sol',
  DASigners: 'zero-gravity/DASigners.sol',
  DataEntrance: 'da/DataEntrance.sol',
  DataQueries: 'da/DataQueries.sol',
  DataSigners: 'da/DataSigners.sol',
  EmissionController: 'l1/EmissionController.sol',
  EpochInfo: 'networks/EpochInfo.sol',
  FinalityOracle: 'l1/FinalityOracle.sol',
  GovExecutor: 'networks/GovExecutor.sol',
  Inbox: 'l1/Inbox.sol',
  LightClient: 'networks/LightClient.sol',
  MessageTester: 'testing/MessageTester.sol',
  NetworkInbox: 'networks/NetworkInbox.sol',
  NetworkLoad: 'l1/NetworkLoad.sol',
  NetworkRegistry: 'l1/NetworkRegistry.sol',
  OperatorRegistry: 'l1/OperatorRegistry.sol',
  Outbox: 'networks/Outbox.sol',
  Parameters: 'l1/Parameters.sol',
  ProofsTester: 'testing/ProofsTester.sol',
  RewardBridge: 'l1/RewardBridge.sol',
  RewardHub: 'networks/RewardHub.sol',
  SharedStake: 'da/SharedStake.sol',
  SlashingManager: 'l1/SlashingManager.sol',
  StakeManager: 'l1/StakeManager.sol',
  StakersTimelock: 'l1/StakersTimelock.sol',
  Streams: 'l1/Streams.sol',
  TestCollateral: 'testing/TestCollateral.sol',
  TimelockController: '@openzeppelin/contracts/governance/TimelockController.sol',
  TokenGenesis: 'l1/TokenGenesis.sol',
  VestingWallet: '@openzeppelin/contracts/finance/VestingWallet.sol',
  ZgGovernor: 'l1/ZgGovernor.sol',
  ZgToken: 'l1/ZgToken.sol',
} as const

export type ArtifactName = keyof typeof artifactSources

/** All names. */
export const artifactNames = Object.keys(artifactSources) as readonly ArtifactName[]

/** One compiled contract. */
export type Artifact = {
  readonly name: ArtifactName
  /** JSON ABI, as solc prints it. */
  readonly abi: readonly unknown[]
  /** Init code without constructor arguments. */
  readonly bytecode: Uint8Array
  /** Code as it stands in a genesis, of the contracts of networks alone. */
  readonly runtime?: Uint8Array
}

/** An artifact as it stands in its file. */
export type ArtifactFile = {
  /** SHA-256 over compiler, settings and all sources it is made of. */
  readonly sourceHash: Hex
  readonly abi: readonly unknown[]
  readonly bytecode: Hex
  readonly runtime?: Hex
}

/** Where the artifact of a name is kept. */
export function artifactPath(name: ArtifactName): URL {
  return new URL(`artifacts/${name}.json`, import.meta.url)
}

/** Reads an artifact. */
export function artifactOf(name: ArtifactName): Artifact {
  const { abi, bytecode, runtime } = readArtifact(name)
  const code = runtime === undefined ? {} : { runtime: fromHex(runtime) }
  return { name, abi, bytecode: fromHex(bytecode), ...code }
}

/** Whether a contract stands in the genesis of networks, so that no constructor of it runs. */
export function isSystemContract(name: ArtifactName): boolean {
  // Bonds are for data availability alone: on a network stake is shared.
  if (name === 'BondedStake') return false
  return /^(networks|da|zero-gravity)\//.test(artifactSources[name])
}

/** Reads the file of an artifact. */
export function readArtifact(name: ArtifactName): ArtifactFile {
  return JSON.parse(readFileSync(artifactPath(name), 'utf8')) as ArtifactFile
}
