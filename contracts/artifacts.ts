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
  Autoscaler: 'l1/Autoscaler.sol',
  CollateralManager: 'l1/CollateralManager.sol',
  EmissionController: 'l1/EmissionController.sol',
  FinalityOracle: 'l1/FinalityOracle.sol',
  Inbox: 'l1/Inbox.sol',
  NetworkLoad: 'l1/NetworkLoad.sol',
  NetworkRegistry: 'l1/NetworkRegistry.sol',
  OperatorRegistry: 'l1/OperatorRegistry.sol',
  Outbox: 'networks/Outbox.sol',
  Parameters: 'l1/Parameters.sol',
  ProofsTester: 'testing/ProofsTester.sol',
  RewardBridge: 'l1/RewardBridge.sol',
  SlashingManager: 'l1/SlashingManager.sol',
  StakeManager: 'l1/StakeManager.sol',
  StakersTimelock: 'l1/StakersTimelock.sol',
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
}

/** An artifact as it stands in its file. */
export type ArtifactFile = {
  /** SHA-256 over compiler, settings and all sources it is made of. */
  readonly sourceHash: Hex
  readonly abi: readonly unknown[]
  readonly bytecode: Hex
}

/** Where the artifact of a name is kept. */
export function artifactPath(name: ArtifactName): URL {
  return new URL(`artifacts/${name}.json`, import.meta.url)
}

/** Reads an artifact. */
export function artifactOf(name: ArtifactName): Artifact {
  const { abi, bytecode } = readArtifact(name)
  return { name, abi, bytecode: fromHex(bytecode) }
}

/** Reads the file of an artifact. */
export function readArtifact(name: ArtifactName): ArtifactFile {
  return JSON.parse(readFileSync(artifactPath(name), 'utf8')) as ArtifactFile
}
