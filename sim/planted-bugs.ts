/**
 * Bugs the simulator must find, each with a seed that finds it.
 *
 * A simulator that is green proves nothing until it has caught what it is for. The test runs every
 * seed below twice: with its bug the run must break, without it must be clean.
 */

import type { EngineFaults } from '@zg/consensus'

export type PlantedBug = {
  readonly name: string
  /** The rule it breaks, and what follows. */
  readonly breaks: string
  readonly faults: EngineFaults
  /** A seed that catches it. */
  readonly seed: number
}

/** Every hook of `EngineFaults`, once. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'quorum-off-by-one',
    breaks: '3·s > T instead of 3·s > 2·T counts as a quorum',
    faults: { quorumOffByOne: true },
    seed: 1,
  },
  {
    name: 'no-log',
    breaks: 'a restarted validator has forgotten every vote it sent',
    faults: { skipWal: true },
    seed: 10,
  },
  {
    name: 'vote-after-nullify',
    breaks: 'Finalize in a view that was nullified (S3)',
    faults: { voteAfterNullify: true },
    seed: 3,
  },
  {
    name: 'stale-parent',
    breaks: 'blocks on a parent whose later views were not all given up',
    faults: { staleParent: true },
    seed: 285,
  },
  {
    name: 'double-notarize',
    breaks: 'two proposals of one leader in one view (S1)',
    faults: { doubleNotarize: true },
    seed: 1,
  },
  {
    name: 'no-guard-on-restart',
    breaks: 'a restart goes on from the last final block with an empty guard',
    faults: { noGuardOnRestart: true },
    seed: 10,
  },
  {
    name: 'unverified-certificate',
    breaks: 'certificates are believed without their signatures',
    faults: { acceptUnverifiedCertificate: true },
    seed: 16,
  },
  {
    name: 'finalize-without-certify',
    breaks: 'Finalize of a block that is not here or not executed',
    faults: { finalizeWithoutCertify: true },
    seed: 1,
  },
  {
    name: 'wrong-parent',
    breaks: 'leaders build on the last final block instead of the newest notarised one',
    faults: { wrongParentSelection: true },
    seed: 1,
  },
  {
    name: 'no-validation',
    breaks: 'Notarize without asking the application',
    faults: { voteWithoutValidation: true },
    seed: 7,
  },
  {
    name: 'early-finality-vote',
    breaks: 'a finality vote for what is notarised but not final',
    faults: { finalityVoteOnNotarization: true },
    seed: 1,
  },
  {
    name: 'kept-mismatch',
    breaks: 'wrong bytes under a right header pass for a verdict on the block',
    faults: { keepMismatch: true },
    seed: 72,
  },
  {
    name: 'any-reveal',
    breaks: 'a body with another reveal than its header mixes in is taken',
    faults: { takeAnyReveal: true },
    seed: 950,
  },
  {
    name: 'any-reference',
    breaks: 'a proposal may refer to what L1 does not hold',
    faults: { takeAnyReference: true },
    seed: 46,
  },
  {
    name: 'build-on-closing',
    breaks: 'blocks on a closing block in the epoch it closes',
    faults: { buildOnClosing: true },
    seed: 6,
  },
  {
    name: 'former-set',
    breaks: 'an epoch begins with the set of the one before',
    faults: { keepFormerSet: true },
    seed: 3,
  },
  {
    name: 'recent-seed',
    breaks: 'leaders are drawn from the close of the previous epoch',
    faults: { useRecentSeed: true },
    seed: 1,
  },
  {
    name: 'close-without-next',
    breaks: 'a closing finality vote says that its epoch goes on',
    faults: { closeWithoutNext: true },
    seed: 1,
  },
  {
    name: 'restart-in-closed-epoch',
    breaks: 'a restart on a closing block goes on in the epoch it closed',
    faults: { restartInClosedEpoch: true },
    seed: 1,
  },
  {
    name: 'never-nullify',
    breaks: 'no answer to a timeout: a silent leader stops the network',
    faults: { neverNullify: true },
    seed: 2,
  },
]
