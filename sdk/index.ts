/** Ask and move shared stake, typed, over any JSON-RPC. */

export { abis, outboxAddress } from './abis.ts'
export type { ContractName } from './abis.ts'
export { l1Names, noticeEpochs, openView, startOfEpoch, weiPerGwei } from './view.ts'
export type { EpochClock, L1Addresses, L1Name, StakeView } from './view.ts'

export { readOperator, readOperators } from './operators.ts'
export type { Operator, Punishment } from './operators.ts'
export { readHolding, readPosition } from './position.ts'
export type { Exit, Holding, Position } from './position.ts'
export { readMembers, readNetwork, readNetworkIds, readNetworks } from './networks.ts'
export type { KnownFinal, Member, Network } from './networks.ts'
export type { LoadSpell } from './load.ts'
export { exposureOf, securityOf, sharedExposureOf } from './security.ts'
export type { Exposure, Security, Share } from './security.ts'

export { readBridge, readDepositRoom, readWaiting, roomOf } from './bridge.ts'
export type { Bridge, ProvedOutbox, Waiting, WaitingEntry } from './bridge.ts'
export { escapeOrder, readEscape } from './escape.ts'
export type { Escape, ExitWaiting, LastAccount, OpenCredit } from './escape.ts'
export { LastBlockWrongError } from './last-block.ts'
export type { LastBlock } from './last-block.ts'
export { OutboxTooLongError, readOutbox } from './outbox.ts'
export type { OutboxEntry } from './outbox.ts'
export { readSupply } from './supply.ts'
export type { L1Supply, NetworkSupply, Supply, SupplyNetwork } from './supply.ts'
export { SupplyWatch } from './supply-watch.ts'
export type {
  L1BlockSupply,
  MissedBlocks,
  NetworkBlockSupply,
  WatchedNetwork,
  WatchedSupply,
} from './supply-watch.ts'

export { parameterNames, readParameter } from './parameters.ts'
export type { Parameter, ParameterName } from './parameters.ts'
export { networkSettingAction, networkSettings } from './network-settings.ts'
export type { NetworkSetting } from './network-settings.ts'
export {
  delegateVotesCall,
  drainAction,
  executeCall,
  openAction,
  parameterAction,
  proposeCall,
  queueCall,
  readProposals,
  readRules,
  readVotes,
  sayAction,
  voteCall,
  voteChoices,
} from './governance.ts'
export type { Action, GovernanceRules, Proposal, SecondWait, VoteChoice } from './governance.ts'

export {
  claimOrder,
  depositOrder,
  joinOrder,
  leaveOrder,
  limitedFromMembers,
  payOutOrder,
  stakeOrder,
  transferOrder,
  unstakeOrder,
  withdrawalOrder,
} from './orders.ts'
export type { Call, Order, Risk } from './orders.ts'
export { migrateOrder, openStreamOrder, routeOf, streamIdOf } from './streams.ts'
export type { Route } from './streams.ts'
export { refusalOf } from './refusal.ts'
export type { Refusal } from './refusal.ts'
export { refusals } from './refusals.ts'
