/** Hold stake, judge evidence and carry value between chains, in Solidity. */

export { artifactNames, artifactOf } from './artifacts.ts'
export type { Artifact, ArtifactName } from './artifacts.ts'

export { keyWords, publicKeyOfWords, signatureWords } from './bls-words.ts'
export type { KeyWords } from './bls-words.ts'

export {
  callOf,
  create2Deployer,
  deploymentCalls,
  governedCalls,
  handOverCalls,
  l1AddressesOf,
} from './deployment.ts'
export type {
  L1Addresses,
  L1Call,
  L1ContractName,
  L1DeploymentOptions,
  L1Parameters,
  TokenOwners,
} from './deployment.ts'

export {
  systemContractAddresses,
  systemContracts,
  SystemContractsInvalidError,
} from './system-contracts.ts'
export type {
  SystemContractAccount,
  SystemContractName,
  SystemContractsConfig,
} from './system-contracts.ts'
