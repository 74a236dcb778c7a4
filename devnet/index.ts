/** Run the local world: the L1 and the networks as one tree of processes. */

export {
  devnetFileName,
  DevnetFileMalformedError,
  devnetFileVersion,
  readDevnetFile,
} from './devnet-file.ts'
export type {
  ContractAddresses,
  DevnetAccount,
  DevnetFile,
  DevnetL1,
  DevnetNetwork,
  DevnetValidator,
} from './devnet-file.ts'
