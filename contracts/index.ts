/** Hold stake, judge evidence and carry value between chains, in Solidity. */

export { artifactNames, artifactOf } from './artifacts.ts'
export type { Artifact, ArtifactName } from './artifacts.ts'

export { keyWords, publicKeyOfWords, signatureWords } from './bls-words.ts'
export type { KeyWords } from './bls-words.ts'

export { callOf, create2Deployer } from './create3.ts'
export type { L1Call } from './create3.ts'
export { dataAddressesOf, dataDeploymentCalls } from './data-deployment.ts'
export type { DataAddresses, DataDeploymentOptions } from './data-deployment.ts'

export { deploymentCalls, governedCalls, handOverCalls, l1AddressesOf } from './deployment.ts'
export type {
  L1Addresses,
  L1ContractName,
  L1DeploymentOptions,
  L1Parameters,
  TokenOwners,
} from './deployment.ts'

export { encodeHeaderProof, encodeOperatorProof } from './operator-proof.ts'

export {
  dataSettingsDefault,
  systemContractAddresses,
  systemContracts,
  SystemContractsInvalidError,
} from './system-contracts.ts'
export type {
  DataSettings,
  SystemContractAccount,
  SystemContractName,
  SystemContractsConfig,
} from './system-contracts.ts'
