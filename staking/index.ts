/** Follow L1 by proof; relay to it, keep its networks, run what it opens. */

export type { L1Credit, L1Endpoint, L1Header, L1Proof } from './l1-endpoint.ts'
export { JsonRpcEndpoint, L1EndpointError } from './json-rpc-endpoint.ts'
export type { JsonRpcEndpointOptions } from './json-rpc-endpoint.ts'
export {
  L1ContradictionError,
  L1DisagreementError,
  L1EndpointsInvalidError,
  l1EndpointsMax,
} from './l1-agreement.ts'
export { L1EpochTooShortError, L1Follower } from './l1-follower.ts'
export type { FinalL1Block, L1FollowerOptions } from './l1-follower.ts'
export { KnownHeight } from './known-height.ts'
export type { KnownHeightOptions } from './known-height.ts'
export { StreamRoutes } from './stream-routes.ts'
export type { StreamAnswer, StreamHome, StreamRoutesOptions } from './stream-routes.ts'
export { L1ProofError, ProvedState } from './proved-state.ts'
export { readFinal } from './final-reader.ts'
export type { ReadFinal } from './final-reader.ts'
export { readSet, SetUnreadableError } from './set-reader.ts'
export type { StakeContracts } from './set-reader.ts'

export type { NetworkEndpoint, NetworkProof, OutboxLog, OutboxLogs } from './network-endpoint.ts'
export { JsonRpcNetworkEndpoint, NetworkEndpointError } from './json-rpc-network-endpoint.ts'
export type { OutboxEntry } from './outbox-entry.ts'
export type {
  L1Answer,
  L1Chain,
  L1GasAnswer,
  L1Head,
  L1Message,
  L1Receipt,
  L1Submission,
} from './l1-chain.ts'
export { JsonRpcL1Chain } from './json-rpc-l1-chain.ts'
export { Failover, FailoverChain } from './failover.ts'
export { L1ReadError, readContract } from './l1-contracts.ts'
export { L1RefusedError, L1Sender, L1SendFailedError } from './l1-sender.ts'
export type { L1SenderOptions } from './l1-sender.ts'
export { NetworkProofError } from './network-prover.ts'
export { OutboxUnprovedError } from './outbox-tree.ts'
export { StepLoop } from './step-loop.ts'
export { NetworkRelayer } from './network-relayer.ts'
export type { NetworkRelayerOptions } from './network-relayer.ts'
export { NetworkKeeper } from './network-keeper.ts'
export type { KeeperStep, NetworkKeeperOptions } from './network-keeper.ts'
export type {
  KeeperChain,
  KeeperEndpoint,
  KeeperL1,
  L1MessageLog,
  OtherEndpoint,
} from './keeper-ports.ts'
export type { EpochStep } from './epoch-keeper.ts'
export type { AdmissionStep } from './admission-keeper.ts'
export type { RewardStep } from './reward-keeper.ts'
export type { Claim, ClaimStep } from './claim-keeper.ts'
export type { DataStep } from './data-keeper.ts'
export { DataOperators } from './data-operators.ts'
export type {
  DataChange,
  DataOperator,
  DataOperatorsOptions,
  DataOperatorsStep,
} from './data-operators.ts'
export { KeeperRounds } from './keeper-rounds.ts'
export type { KeeperRound, KeeperRoundsOptions } from './keeper-rounds.ts'
export { OwnHeaders } from './own-headers.ts'
export type { MessageStep } from './message-keeper.ts'
export type { OtherNetwork, OtherNetworkStep } from './other-network-keeper.ts'
export type { TimeoutStep } from './timeout-keeper.ts'
export { MessagesUnprovedError } from './message-tree.ts'
export { CreditsUnprovedError } from './credit-tree.ts'
export type { EmissionStep } from './emission-relayer.ts'
export type { DeathStep } from './death-relayer.ts'
export { LoadKeeper } from './load-keeper.ts'
export type { LoadKeeperOptions, LoadStep } from './load-keeper.ts'
export { ScaleKeeper } from './scale-keeper.ts'
export type { ScaleKeeperOptions, ScaleStep } from './scale-keeper.ts'
export type { FinalityStep } from './finality-relayer.ts'
export type { OutboxStep } from './outbox-relayer.ts'

export { culpritsPerPage, evidenceCalls } from './evidence-calls.ts'
export type { ConflictArgs, SlashingCall } from './evidence-calls.ts'

export type { WitnessEndpoint } from './witness-endpoint.ts'
export { EvidenceWatcher } from './evidence-watcher.ts'
export type { EvidenceSink, EvidenceWatcherOptions, WatchStep } from './evidence-watcher.ts'
export { SlashingReporter } from './slashing-reporter.ts'
export type { SlashingReporterOptions } from './slashing-reporter.ts'

export { readGenesisFacts } from './genesis-facts.ts'
export type { GenesisFacts } from './genesis-facts.ts'
export { NetworkDirectory } from './network-directory.ts'
export type { NetworkStatus, RegisteredNetwork } from './network-directory.ts'
export { NetworkSupervisor } from './network-supervisor.ts'
export type {
  NetworkHost,
  NetworkSupervisorOptions,
  SupervisedOperator,
  SupervisorStep,
} from './network-supervisor.ts'
