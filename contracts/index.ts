/** Hold stake, judge evidence and carry value between chains, in Solidity. */

export { artifactNames, artifactOf } from './artifacts.ts'
export type { Artifact, ArtifactName } from './artifacts.ts'

export { keyWords, publicKeyOfWords, signatureWords } from './bls-words.ts'
export type { KeyWords } from './bls-words.ts'

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
