/**
 * Bugs that can be planted on purpose, all off by default.
 *
 * Why they exist: a simulator that finds nothing proves nothing. Each entry here breaks one rule
 * the safety or liveness argument needs; the simulator must catch every one of them, and the seeds
 * that do are kept in its tests. No command, configuration file or environment variable reaches
 * them.
 */

export type EngineFaults = {
  /** Counts 3·s >= T + 1 as a quorum instead of 3·s > 2·T: a third and a bit suffices. */
  readonly quorumOffByOne?: boolean
  /** Writes no log at all: a restart forgets every vote. */
  readonly skipWal?: boolean
  /** Finalizes views it has nullified, and the guard lets it. */
  readonly voteAfterNullify?: boolean
  /** Proposes and accepts blocks on any notarised parent, nullified views in between or not. */
  readonly staleParent?: boolean
  /** As a leader, proposes two blocks in one view. */
  readonly doubleNotarize?: boolean
  /** Restarts from its last final block with an empty guard. */
  readonly noGuardOnRestart?: boolean
  /** Believes certificates without verifying them. */
  readonly acceptUnverifiedCertificate?: boolean
  /** Finalizes a notarised block it does not hold or has not executed. */
  readonly finalizeWithoutCertify?: boolean
  /** As a leader, builds on the last final block instead of the newest notarised one. */
  readonly wrongParentSelection?: boolean
  /** Notarizes without asking the application. */
  readonly voteWithoutValidation?: boolean
  /** Signs finality votes as soon as a block is notarised. */
  readonly finalityVoteOnNotarization?: boolean
  /** Takes wrong bytes under a right header for a verdict on the block. */
  readonly keepMismatch?: boolean
  /** Takes bodies whose reveal is not the one their header mixes in. */
  readonly takeAnyReveal?: boolean
  /** Takes any L1 reference a proposal names for a good one. */
  readonly takeAnyReference?: boolean
  /** Goes on building in an epoch whose closing block it holds. */
  readonly buildOnClosing?: boolean
  /** Begins an epoch with the set of the one before. */
  readonly keepFormerSet?: boolean
  /** Draws leaders from the close of the previous epoch, not of the one before it. */
  readonly useRecentSeed?: boolean
  /** Says in its closing finality vote that the epoch goes on. */
  readonly closeWithoutNext?: boolean
  /** After a restart on a closing block, goes on in the epoch it closed. */
  readonly restartInClosedEpoch?: boolean
  /** Never answers a timeout: a silent leader stops the network. */
  readonly neverNullify?: boolean
}

/** None. */
export const noFaults: EngineFaults = {}
