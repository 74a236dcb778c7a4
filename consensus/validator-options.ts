/**
 * What a `Validator` is given and what it shows: the seam between consensus and the room above it.
 */

import type { Clock, Disk, KeyValueStore, Logger, Metrics, Network, Rng } from '@zg/runtime'

import type { Application } from './application.ts'
import type { ConsensusGenesis, ConsensusParameters } from './configuration.ts'
import type { Evidence } from './evidence.ts'
import type { EngineFaults } from './faults.ts'
import type { ConsensusHeader } from './header.ts'
import type { SignatureScheme } from './signature-scheme.ts'
import type { Signer } from './signer.ts'
import type { L1View } from './l1-view.ts'

/** Arguments of `Validator.open`. */
export type ValidatorOptions = {
  readonly genesis: ConsensusGenesis
  readonly parameters: ConsensusParameters
  /** Of one set for ever in a network without an L1: `viewWithoutL1`. */
  readonly l1View: L1View
  readonly application: Application
  readonly clock: Clock
  readonly rng: Rng
  readonly network: Network
  /** Holds `wal/`; nothing else of this disk is touched. */
  readonly disk: Disk
  /** Holds the ledger in tables `consensus-…`; may be the application's own store. */
  readonly store: KeyValueStore
  readonly scheme: SignatureScheme
  /**
   * The operator's keys, former and coming ones too: in each epoch the one in its set signs. Absent
   * or in no set: a node that follows without voting.
   */
  readonly signers?: readonly Signer[]
  /**
   * The operator's statement that this machine's vote log is lost: begin a new one and sign nothing
   * in any epoch before this one, which must not have begun when the log was lost.
   */
  readonly voteFromEpoch?: bigint
  readonly log?: Logger
  readonly metrics?: Metrics
  /** Tests only: see faults.ts. */
  readonly faults?: EngineFaults
}

/** A block whose finality is durable here. */
export type FinalizedBlock = {
  readonly header: ConsensusHeader
  /** 32 bytes. */
  readonly consensusRoot: Uint8Array
}

export type ValidatorStatus = {
  readonly epoch: bigint
  readonly view: number
  /** Leader of the view, an index into the epoch's set. */
  readonly leader: number
  /** This node's index in the epoch's set; undefined when it only follows. */
  readonly index: number | undefined
  /** Last block whose finality is durable here. */
  readonly finalHeight: bigint
  /** Last height with a finality certificate here; -1 before the first. */
  readonly certifiedHeight: bigint
  /** Greatest final height a connected peer reports. */
  readonly peerHeight: bigint
  readonly isSyncing: boolean
  readonly peerCount: number
  readonly counters: ValidatorCounters
}

/** Since the process started. */
export type ValidatorCounters = {
  readonly blocksFinalized: number
  readonly blocksProposed: number
  readonly viewsNullified: number
  readonly votesSigned: number
  readonly votesRefused: number
  readonly messagesMalformed: number
  readonly evidenceFound: number
}

/** All zero, to be counted up. */
export function newCounters(): { -readonly [name in keyof ValidatorCounters]: number } {
  return {
    blocksFinalized: 0,
    blocksProposed: 0,
    viewsNullified: 0,
    votesSigned: 0,
    votesRefused: 0,
    messagesMalformed: 0,
    evidenceFound: 0,
  }
}

/** Called once for every final height in order, after the application has made it durable. */
export type FinalizedHandler = (block: FinalizedBlock) => void

/** Called once when the node cannot go on (a disk or store failed); it has stopped voting. */
export type FailureHandler = (error: unknown) => void

/** Called for every fault of another validator seen here. */
export type EvidenceHandler = (evidence: Evidence) => void
