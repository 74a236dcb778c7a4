/**
 * Watches nodes of a network for statements that nobody may sign together (docs/specs/votes.md §6),
 * and has those who signed them punished on L1.
 *
 *     each node ──► what it came upon itself (votes of one operator) ─┐
 *          └──────► what it holds: certificates ──► pairs with those  ├──► verified ──► reported
 *                                                  of other nodes ────┘
 *
 * What is found is not believed: it is verified against the sets that L1 proved, as L1 will. A
 * piece is reported until L1 has taken or refused it, and once more after a while: an endpoint may
 * have lied about that. L1 says who was punished already, so that costs nothing.
 */

import { encodeEvidence, EvidenceInvalidError, findConflicts, verifyEvidence } from '@zg/consensus'
import type { Evidence, EvidenceContext } from '@zg/consensus'
import { sha256, toHex } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'
import type { Clock, Logger } from '@zg/runtime'

import { PutOff } from './put-off.ts'
import { StepLoop } from './step-loop.ts'
import { Witness } from './witness.ts'
import type { WitnessEndpoint } from './witness-endpoint.ts'

/** Between two looks at all nodes. */
const pollMsDefault = 5_000

/** Pieces that are settled and known by name. */
const settledMax = 4_096

/** What L1 is said to have settled is reported again so much later. */
const againMs = 21_600_000n

/** Pieces that one step verifies of one node. */
const heardMax = 256

/** Where evidence goes. */
export interface EvidenceSink {
  /**
   * Has evidence judged that verifies, and that convicts these operators; resolves once L1 has
   * taken or refused it for good. Throws when it is to be tried again.
   */
  report(evidence: Evidence, operators: readonly Uint8Array[]): Promise<'taken' | 'refused'>
}

export type EvidenceWatcherOptions = {
  readonly nodes: readonly { readonly name: string; readonly endpoint: WitnessEndpoint }[]
  /** The network, and the sets that L1 proved. */
  readonly context: EvidenceContext
  readonly sink: EvidenceSink
  readonly clock: Clock
  /** @default pollMsDefault */
  readonly pollMs?: number
  readonly log?: Logger
}

/** Pieces that L1 took, and that it refused. */
export type WatchStep = { readonly taken: number; readonly refused: number }

export class EvidenceWatcher {
  readonly #options: EvidenceWatcherOptions
  readonly #log: Logger
  readonly #loop: StepLoop
  readonly #witnesses: readonly Witness[]
  /** Names of pieces that need nothing now. */
  readonly #settled = new PutOff<string>(settledMax)

  constructor(options: EvidenceWatcherOptions) {
    this.#options = options
    this.#log = options.log ?? silentLogger
    this.#witnesses = options.nodes.map(({ endpoint }) => new Witness(endpoint))
    const { clock, pollMs = pollMsDefault } = options
    this.#loop = new StepLoop({ clock, pollMs, step: () => this.step() })
  }

  /** Begins to watch. */
  start(): void {
    this.#loop.start()
  }

  /** Resolves when the step under way is done. */
  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** Looks at all nodes once and reports what it finds; never throws. */
  async step(): Promise<WatchStep> {
    const { nodes, context } = this.#options
    // All of them first: proofs are asked of one for what another one holds.
    await Promise.all(this.#witnesses.map((witness, at) => this.#asked(at, () => witness.update())))
    const heard = await Promise.all(
      nodes.map(({ endpoint }, at) => this.#asked(at, () => this.#hear(endpoint, at))),
    )
    const testimonies = this.#witnesses.map((witness) => witness.testimony())
    const found = findConflicts(context, testimonies).map(({ evidence }) => evidence)
    const counts = { taken: 0, refused: 0 }
    for (const evidence of [...found, ...heard.flatMap((pieces) => pieces ?? [])]) {
      const outcome = await this.#settle(evidence)
      if (outcome !== undefined) counts[outcome]++
    }
    return counts
  }

  /** Proofs that others are not of a node's chain; returns what it came upon itself. */
  async #hear(endpoint: WitnessEndpoint, at: number): Promise<readonly Evidence[]> {
    const witness = this.#witnesses[at]
    await witness?.readOpenings(this.#witnesses.filter((other) => other !== witness))
    return (await endpoint.evidence()).slice(0, heardMax)
  }

  /** What a node answers; undefined when it fails: the others go on. */
  async #asked<answer>(at: number, ask: () => Promise<answer>): Promise<answer | undefined> {
    try {
      return await ask()
    } catch (error) {
      const { name } = this.#options.nodes[at] ?? {}
      this.#log.warn('a node that is watched did not answer', { name, error })
      return undefined
    }
  }

  async #settle(evidence: Evidence): Promise<'taken' | 'refused' | undefined> {
    const name = nameOf(evidence)
    if (this.#settled.isOff(name, this.#nowMs())) return undefined
    const operators = this.#convictedBy(evidence, name)
    if (operators === undefined) return undefined
    try {
      const outcome = await this.#options.sink.report(evidence, operators)
      this.#settled.putOff(name, this.#nowMs() + againMs)
      const culprits = operators.map(toHex)
      this.#log.warn('evidence went to L1', { kind: evidence.kind, culprits, outcome })
      return outcome
    } catch (error) {
      this.#log.error('evidence could not be reported yet', { kind: evidence.kind, error })
      return undefined
    }
  }

  /** Whom it convicts; undefined for nobody, or while that cannot be told. */
  #convictedBy(evidence: Evidence, name: string): readonly Uint8Array[] | undefined {
    const { context } = this.#options
    const { first, second } = evidence
    // MUST be known: a set that is not here yet makes no evidence invalid.
    const isKnown = [first, second].every(
      ({ vote }) => context.validatorSet(vote.epoch) !== undefined,
    )
    if (!isKnown) return undefined
    try {
      return verifyEvidence(context, evidence)
    } catch (error) {
      if (!(error instanceof EvidenceInvalidError)) throw error
      this.#settled.putOff(name, this.#nowMs() + againMs)
      return undefined
    }
  }

  #nowMs(): bigint {
    return BigInt(this.#options.clock.nowMs())
  }
}

/** By all that it says: another opening, or a forged vote, is another piece. */
function nameOf(evidence: Evidence): string {
  return toHex(sha256(encodeEvidence(evidence)))
}
