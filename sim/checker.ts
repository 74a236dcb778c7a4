/**
 * What must hold in every run, checked as it happens from what honest nodes say and do.
 *
 *   agreement     one block a height; each extends the one below (its histRoot holds all of them)
 *   order         a node's final heights rise by one; a restart forgets none it has told
 *   validity      a payload that is final, or that an honest validator votes for, executes to what
 *                 it claims; nobody honest finalizes what it has not executed itself
 *   honesty       no honest validator sends two statements that are a slashable pair (S1 to S7)
 *   certificates  every certificate an honest node sends is by a quorum, and no two contradict
 *   finality      one finality certificate content a height, and it names the final block; nobody
 *                 honest votes for a height that is not final and durable at home
 *   epochs, l1, credits, leaders   epoch-rules.ts
 *   justice       evidence convicts the traitor and nobody else
 *   crash, storm  no node throws, and messages do not beget messages without end
 *
 * The checker sees all nodes at once and shares no code with the engine but message decoding,
 * digests and the fault predicates, whose own tests stand in consensus.
 */

import { bytesEqual, sha256, toHex } from '@zg/primitives'
import {
  decodeMessage,
  finalityFaultOf,
  nextMix,
  roundFaultOf,
  sameFinalityVote,
  verifyCertificate,
  verifyEvidence,
  verifyFinalityCertificate,
} from '@zg/consensus'
import type {
  Block,
  Certificate,
  ConsensusHeader,
  Evidence,
  FinalityCertificate,
  FinalityVote,
  FinalizedBlock,
  L1View,
  NetworkIdentity,
  RoundVote,
  SignatureScheme,
  ValidatorSet,
} from '@zg/consensus'

import { decodeCounterPayload } from './counter-application.ts'
import { EpochRules } from './epoch-rules.ts'
import type { EpochRule } from './epoch-rules.ts'

/** Violations kept of one run; one is enough to fail it. */
const violationCountMax = 20

export type Rule =
  | EpochRule
  | 'agreement'
  | 'order'
  | 'validity'
  | 'honesty'
  | 'certificates'
  | 'finality'
  | 'justice'
  | 'bodies'
  | 'crash'
  | 'storm'

export type Violation = { readonly rule: Rule; readonly atMs: number; readonly detail: string }

/** A final block and its payload, as a node holds them. */
export type ToldBlock = {
  readonly block: FinalizedBlock
  readonly payload: Uint8Array | undefined
}

type Canonical = {
  readonly root: string
  readonly histRoot: Uint8Array
  readonly total: bigint
  readonly node: number
}

export type CheckerOptions = {
  readonly scheme: SignatureScheme
  readonly identity: NetworkIdentity
  readonly genesis: ConsensusHeader
  /** L1 as it is: the sets of all epochs, references and credits. */
  readonly truth: L1View
  /** The operator of each node. */
  readonly operators: readonly Uint8Array[]
  /** The validator that need not keep the rules. */
  readonly traitor: number | undefined
  /** Milliseconds from the start of the run. */
  readonly elapsedMs: () => number
}

export class Checker {
  readonly violations: Violation[] = []
  readonly #options: CheckerOptions
  readonly #canonical = new Map<bigint, Canonical>()
  /** By node, the last height it told to be final. */
  readonly #told = new Map<number, bigint>()
  /** By node and view, the round votes it sent. */
  readonly #votes = new Map<string, RoundVote[]>()
  readonly #finalityVotes = new Map<number, FinalityVote[]>()
  /** By epoch and view. */
  readonly #certificates = new Map<string, Certificate[]>()
  readonly #epochs: EpochRules
  /** Blocks proposed so far, by consensusRoot; totals of the right ones, by execution hash. */
  readonly #blocks = new Map<string, { readonly isValid: boolean; readonly hash: string }>()
  readonly #totals = new Map<string, bigint>()
  /** By node, the execution hashes of the blocks it executed, in this life or an earlier one. */
  readonly #executed = new Map<number, Set<string>>()
  readonly #finality = new Map<bigint, FinalityVote>()
  readonly #mixes = new Map<bigint, Uint8Array>()

  constructor(options: CheckerOptions) {
    this.#options = options
    const { truth, genesis, operators } = options
    const fail = (rule: EpochRule, detail: string): void => this.fail(rule, detail)
    this.#epochs = new EpochRules({ truth, genesis, operators, fail })
  }

  /** Greatest height any honest node told to be final. */
  get height(): bigint {
    let greatest = 0n
    for (const height of this.#told.values()) if (height > greatest) greatest = height
    return greatest
  }

  /** Epochs that closed. */
  get epochCount(): number {
    return this.#epochs.closedCount
  }

  /** The epoch that follows the newest final block. */
  get latestEpoch(): bigint {
    return this.#epochs.latestEpoch
  }

  /** The height a node told to be final; zero at first. */
  heightOf(node: number): bigint {
    return this.#told.get(node) ?? 0n
  }

  /** Notes a failure that is none of the rules' below: a node that threw, for example. */
  fail(rule: Rule, detail: string): void {
    if (this.violations.length >= violationCountMax) return
    this.violations.push({ rule, atMs: this.#options.elapsedMs(), detail })
  }

  /** A block the traitor proposes, for what honest validators then say of it. */
  onTraitorBlock(bytes: Uint8Array): void {
    const message = decodeMessage(bytes)
    if (message.kind !== 'proposal') return
    this.#learnBlock(message.vote.digest, message.block)
    this.#epochs.onProposal(this.#options.traitor ?? -1, message.vote, message.block, false)
  }

  /** A message an honest node hands to the network. */
  onMessage(node: number, bytes: Uint8Array): void {
    const message = decodeMessage(bytes)
    switch (message.kind) {
      case 'proposal':
        this.#learnBlock(message.vote.digest, message.block)
        this.#epochs.onProposal(node, message.vote, message.block, true)
        this.#checkRoundVote(node, message.vote)
        break
      case 'vote':
        this.#checkRoundVote(node, message.vote)
        break
      case 'finality-vote':
        this.#checkFinalityVote(node, message.vote)
        break
      case 'certificate':
        this.#checkCertificate(node, message.certificate)
        break
      case 'certificates':
        for (const certificate of message.certificates) this.#checkCertificate(node, certificate)
        break
      case 'chain':
        if (message.proof.kind === 'finality') this.onFinality(node, message.proof.certificate)
        else this.#checkCertificate(node, message.proof.certificate)
        for (const block of message.blocks) this.#checkReveal(node, block)
        break
      // Requests, bodies and statuses are no signed statements.
      case 'status':
      case 'block':
      case 'block-request':
      case 'chain-request':
      case 'certificate-request':
        break
    }
  }

  /** A block an honest node tells to be final; `payload` as its application holds it. */
  onFinal(node: number, block: FinalizedBlock, payload: Uint8Array | undefined): void {
    const { header, consensusRoot } = block
    const { height } = header
    const root = toHex(consensusRoot)
    const last = this.heightOf(node)
    if (height !== last + 1n) this.fail('order', `node ${node}: height ${height} after ${last}`)
    this.#told.set(node, height)
    const known = this.#canonical.get(height)
    this.#mixes.set(height, header.mix)
    if (known === undefined) return this.#extend(node, block, payload)
    if (known.root !== root) {
      const other = `node ${known.node} has ${known.root.slice(0, 12)}`
      this.fail('agreement', `height ${height}: node ${node} has ${root.slice(0, 12)}, ${other}`)
    }
  }

  /**
   * A node restarted. What became final in its last moments was not told before: it is now.
   *
   * @param height - Height of its last final block.
   * @param blockAt - Its final blocks above what it told, with their payloads.
   */
  onRestart(node: number, height: bigint, blockAt: (height: bigint) => ToldBlock): void {
    const told = this.heightOf(node)
    if (height < told) this.fail('order', `node ${node}: told ${told}, restarted at ${height}`)
    for (let next = told + 1n; next <= height; next++) {
      const { block, payload } = blockAt(next)
      this.onFinal(node, block, payload)
    }
  }

  /** A finality certificate an honest node holds or sends. */
  onFinality(node: number, certificate: FinalityCertificate): void {
    const { scheme, identity } = this.#options
    const { vote } = certificate
    const set = this.#setOf(vote.epoch)
    const known = this.#finality.get(vote.height)
    if (known !== undefined && !sameFinalityVote(known, vote)) {
      this.fail('finality', `node ${node}: two certificates at height ${vote.height}`)
    }
    this.#finality.set(vote.height, vote)
    if (set === undefined || !verifyFinalityCertificate(scheme, identity, set, certificate)) {
      this.fail('finality', `node ${node}: no quorum behind height ${vote.height}`)
    }
    this.#checkAgainstChain(node, vote)
  }

  /** A node's application executed a block. */
  onExecuted(node: number, executionHash: Uint8Array): void {
    const known = this.#executed.get(node)
    if (known === undefined) this.#executed.set(node, new Set([toHex(executionHash)]))
    else known.add(toHex(executionHash))
  }

  /** Evidence an honest node found. */
  onEvidence(node: number, evidence: Evidence): void {
    const { scheme, identity, operators, traitor } = this.#options
    const validatorSet = (epoch: bigint): ValidatorSet | undefined => this.#setOf(epoch)
    const guilty = traitor === undefined ? undefined : operators[traitor]
    try {
      const convicted = verifyEvidence({ scheme, identity, validatorSet }, evidence)
      const isJust = convicted.every((operator) => guilty && bytesEqual(operator, guilty))
      if (!isJust) this.fail('justice', `node ${node} convicts an honest operator`)
    } catch (error) {
      this.fail('justice', `node ${node}: evidence does not verify: ${String(error)}`)
    }
  }

  #extend(node: number, block: FinalizedBlock, payload: Uint8Array | undefined): void {
    const { header, consensusRoot } = block
    const below = this.#canonical.get(header.height - 1n)
    const total = below?.total ?? 0n
    const counters = payload && decodeCounterPayload(payload)
    if (counters === undefined || counters.total !== (total + counters.sum) % (1n << 64n)) {
      this.fail('validity', `height ${header.height}: a wrong payload is final at node ${node}`)
    }
    this.#epochs.onFinal(header, payload)
    this.#canonical.set(header.height, {
      root: toHex(consensusRoot),
      histRoot: header.histRoot,
      total: counters?.total ?? total,
      node,
    })
  }

  /** What an honest node hands on of final blocks must be believed where it arrives. */
  #checkReveal(node: number, { header, reveal }: Block): void {
    const parentMix = this.#mixes.get(header.height - 1n)
    if (parentMix === undefined || bytesEqual(header.mix, nextMix(parentMix, reveal))) return
    this.fail('bodies', `node ${node} hands on a wrong reveal of height ${header.height}`)
  }

  /** Executes a payload on its parent's total, if that is known. */
  #learnBlock(root: Uint8Array, { header, payload }: Block): void {
    const key = toHex(root)
    const counters = decodeCounterPayload(payload)
    if (this.#blocks.has(key)) return
    const hash = toHex(sha256(payload))
    // A traitor's other bytes under the header: not what it is about.
    if (hash !== toHex(header.executionHash)) return
    if (counters === undefined) {
      this.#blocks.set(key, { isValid: false, hash })
      return
    }
    const { height, parentExecutionHash } = counters.attributes
    const below = height === 1n ? 0n : this.#totals.get(toHex(parentExecutionHash))
    if (below === undefined) return
    const isValid = counters.total === (below + counters.sum) % (1n << 64n)
    this.#blocks.set(key, { isValid, hash })
    if (isValid) this.#totals.set(hash, counters.total)
  }

  #checkRoundVote(node: number, vote: RoundVote): void {
    this.#checkSubject(node, vote)
    const key = `${node}/${vote.epoch}/${vote.view}`
    const votes = this.#votes.get(key) ?? []
    for (const other of votes) {
      const fault = roundFaultOf(other, vote)
      if (fault === undefined) continue
      this.fail('honesty', `node ${node}: ${fault} in view ${vote.view}`)
    }
    const isKnown = votes.some((other) => isSameVote(other, vote))
    this.#epochs.onRoundVote(node, vote, !isKnown)
    if (!isKnown) this.#votes.set(key, [...votes, vote])
  }

  /** A validator notarizes nothing wrong, and finalizes nothing it has not executed itself. */
  #checkSubject(node: number, { kind, view, digest }: RoundVote): void {
    const block = this.#blocks.get(toHex(digest))
    if (kind === 'nullify' || block === undefined) return
    if (!block.isValid)
      this.fail('validity', `node ${node}: a ${kind} of a wrong payload in ${view}`)
    if (kind === 'finalize' && this.#executed.get(node)?.has(block.hash) !== true) {
      this.fail('validity', `node ${node}: a finalize of what it has not executed in ${view}`)
    }
  }

  #checkFinalityVote(node: number, vote: FinalityVote): void {
    const votes = this.#finalityVotes.get(node) ?? []
    const isKnown = votes.some((other) => sameFinalityVote(other, vote))
    if (isKnown) return
    for (const other of votes) {
      const fault = finalityFaultOf(other, vote)
      if (fault !== undefined) this.fail('honesty', `node ${node}: ${fault} at ${vote.height}`)
    }
    if (vote.height > this.heightOf(node)) {
      this.fail('finality', `node ${node}: votes for height ${vote.height} before it is final`)
    }
    this.#finalityVotes.set(node, [...votes, vote])
    this.#epochs.onFinalityVote(node, vote)
    this.#checkAgainstChain(node, vote)
  }

  /** What finality statements say must be what the honest nodes made final: S6 follows from it. */
  #checkAgainstChain(node: number, vote: FinalityVote): void {
    const known = this.#canonical.get(vote.height)
    if (known === undefined) return
    const isSame = known.root === toHex(vote.consensusRoot)
    if (!isSame || !bytesEqual(known.histRoot, vote.histRoot)) {
      this.fail('finality', `node ${node}: height ${vote.height} is another block in the chain`)
    }
  }

  #checkCertificate(node: number, certificate: Certificate): void {
    const { scheme, identity } = this.#options
    const { vote } = certificate
    const set = this.#setOf(vote.epoch)
    const key = `${vote.epoch}/${vote.view}`
    const held = this.#certificates.get(key) ?? []
    const isKnown = held.some(
      (other) => isSameVote(other.vote, vote) && bytesEqual(other.signers, certificate.signers),
    )
    if (isKnown) return
    if (set === undefined || !verifyCertificate(scheme, identity, set, certificate)) {
      this.fail('certificates', `node ${node}: no quorum behind ${vote.kind} of view ${vote.view}`)
    }
    for (const other of held) {
      const fault = roundFaultOf(other.vote, vote)
      if (fault === undefined) continue
      this.fail('certificates', `node ${node}: ${fault} between certificates of view ${vote.view}`)
    }
    this.#certificates.set(key, [...held, certificate])
  }

  #setOf(epoch: bigint): ValidatorSet | undefined {
    return this.#options.truth.validatorSet(epoch)
  }
}

function isSameVote(a: RoundVote, b: RoundVote): boolean {
  return a.kind === b.kind && bytesEqual(a.digest, b.digest)
}
