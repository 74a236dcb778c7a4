/** Run the local world: the L1 and the networks as one tree of processes. */

export { startWorld } from './local-world.ts'
export type { LocalWorld, StartOptions, WorldEvent } from './local-world.ts'
export { epochSecondsMax, epochSecondsMin } from './l1-survey.ts'
export type { L1Bill } from './outside-l1.ts'
export {
  blockTimeMsMax,
  blockTimeMsMin,
  chainIdDefault,
  chainIdMax,
  l1ChainId,
  networkCountDefault,
  networkCountMax,
  validatorCountDefault,
  validatorCountMax,
} from './world.ts'
export type { ChainPlan, ValidatorPlan, WorldOptions, WorldPlan } from './world.ts'

export {
  devnetFileName,
  DevnetFileMalformedError,
  devnetFileVersion,
  keptNetworkOf,
  readDevnetFile,
} from './devnet-file.ts'
export type {
  ContractAddresses,
  DevnetAccount,
  DevnetData,
  DevnetDataNode,
  DevnetFile,
  DevnetL1,
  DevnetNetwork,
  DevnetValidator,
} from './devnet-file.ts'
export { dataDirOf, readLiveLock } from './data-dir.ts'
export type { LockRecord } from './data-dir.ts'

export { readL1Parameters } from './parameters.ts'
export { mendVotes } from './mend-votes.ts'
export type { MendedVotes } from './mend-votes.ts'
export { l1SitePath, readL1Site } from './l1-site.ts'
export type { L1Site } from './l1-site.ts'

export { startOpenNode, writeOpenNode } from './open-node.ts'
export type { OpenNodePlan } from './open-node.ts'
export type { Child } from './child.ts'

export { dataNodeCount, dataNodeCountMax } from './data-plan.ts'
export { chaosVerbs, requestControl } from './control.ts'
export type { ChaosVerb, PartState, PartStatus } from './control.ts'

export { basePorts, grantPorts, isPortFree, loopback, portOffsetMax, portWishes } from './ports.ts'
export type { PortGrant, PortWish } from './ports.ts'
export { devAccountBalanceWei, devAccountCount, devAccounts, devMnemonic } from './accounts.ts'
export { readDeployerKey, readOperatorKey } from './world-keys.ts'
export { callRpc, RpcFailedError } from './rpc-call.ts'
