/**
 * What must hold of epochs and of L1 in every run (docs/specs/blocks.md §4 to §6):
 *
 *     epochs    a final block is in the epoch its parent leads to; nothing is built on a closing
 *               block in its epoch; only members of the epoch's set vote, and not after their
 *               closing vote; finality votes name the epoch that follows
 *     l1        the reference of a final block is its parent's, or a later finalized L1 block
 *     credits   a final block pays out exactly the next credits
 *     leaders   an honest proposal comes from the leader that seed(e) and the set draw
 */

import { bigintToBytes, bytesEqual, bytesToBigint, concat, sha256, toHex } from '@zg/primitives'
import { sameL1Reference } from '@zg/consensus'
import type { Block, ConsensusHeader, FinalityVote, L1View, RoundVote } from '@zg/consensus'

import { decodeCounterPayload, sameCredits } from './counter-application.ts'

export type EpochRule = 'epochs' | 'l1' | 'credits' | 'leaders'

export type EpochRulesOptions = {
  /** L1 as it is, not as a node sees it. */
  readonly truth: L1View
  readonly genesis: ConsensusHeader
  /** By node. */
  readonly operators: readonly Uint8Array[]
  readonly fail: (rule: EpochRule, detail: string) => void
}

export class EpochRules {
  readonly #options: EpochRulesOptions
  /** Final headers by height. */
  readonly #final = new Map<bigint, ConsensusHeader>()
  /** Headers seen, by execution hash. */
  readonly #seen = new Map<string, ConsensusHeader>()
  readonly #closings: { readonly epoch: bigint; readonly mix: Uint8Array }[] = []
  /** By node, the newest epoch it said was closed. */
  readonly #closed = new Map<number, bigint>()

  constructor(options: EpochRulesOptions) {
    this.#options = options
    this.#final.set(0n, options.genesis)
  }

  /** Epochs that closed. */
  get closedCount(): number {
    return this.#closings.length
  }

  /** The epoch after the last final block. */
  get latestEpoch(): bigint {
    const last = this.#final.get(BigInt(this.#final.size - 1)) ?? this.#options.genesis
    return this.#nextOf(last) || last.epoch
  }

  /** A block is final for the first time. */
  onFinal(header: ConsensusHeader, payload: Uint8Array | undefined): void {
    this.#final.set(header.height, header)
    this.#seen.set(toHex(header.executionHash), header)
    const next = this.#nextOf(header)
    if (next !== 0n) this.#closings.push({ epoch: header.epoch, mix: header.mix })
    const parent = this.#final.get(header.height - 1n)
    if (parent === undefined) return
    const expected = this.#nextOf(parent) || parent.epoch
    if (header.epoch !== expected) {
      this.#fail('epochs', header, `is of epoch ${header.epoch}, not ${expected}`)
    }
    const { truth } = this.#options
    const { l1 } = header
    const isRepeated = sameL1Reference(l1, parent.l1)
    const isHigher = l1.number > parent.l1.number && truth.checkReference(l1) === 'VALID'
    if (!isRepeated && !isHigher) this.#fail('l1', header, 'refers to what L1 does not hold')
    this.#checkCredits(header, parent, payload)
  }

  /** A node proposes; `isHonest`: it has to keep the rules. */
  onProposal(node: number, vote: RoundVote, block: Block, isHonest: boolean): void {
    const { header, payload } = block
    this.#seen.set(toHex(header.executionHash), header)
    if (!isHonest) return
    const parentHash = decodeCounterPayload(payload)?.attributes.parentExecutionHash
    const parent = parentHash && this.#seen.get(toHex(parentHash))
    const isInside = parent !== undefined && header.epoch === parent.epoch
    if (isInside && this.#nextOf(parent) !== 0n) {
      this.#fail('epochs', header, `is built by node ${node} on the block that closes its epoch`)
    }
    const leader = this.#leaderOf(vote)
    if (leader === undefined || !bytesEqual(leader, this.#operatorOf(node))) {
      this.#fail('leaders', header, `is proposed by node ${node}, who does not lead ${vote.view}`)
    }
  }

  /** An honest node sends a round vote; `isNew`: for the first time. */
  onRoundVote(node: number, { epoch, view }: RoundVote, isNew: boolean): void {
    if (!this.#isMember(node, epoch)) {
      this.#options.fail('epochs', `node ${node}: votes in epoch ${epoch} without a seat in it`)
    }
    if (isNew && (this.#closed.get(node) ?? -1n) >= epoch) {
      this.#options.fail('epochs', `node ${node}: votes in view ${view} after it closed ${epoch}`)
    }
  }

  /** An honest node sends a finality vote. */
  onFinalityVote(node: number, { epoch, height, nextEpoch }: FinalityVote): void {
    if (nextEpoch !== 0n) this.#closed.set(node, epoch)
    if (!this.#isMember(node, epoch)) {
      this.#options.fail('epochs', `node ${node}: certifies ${height} of an epoch without a seat`)
    }
    const header = this.#final.get(height)
    if (header === undefined) return
    if (header.epoch !== epoch || this.#nextOf(header) !== nextEpoch) {
      const said = `epoch ${epoch} before ${nextEpoch}`
      this.#options.fail('epochs', `node ${node}: says ${said} of height ${height}`)
    }
  }

  #checkCredits(
    header: ConsensusHeader,
    parent: ConsensusHeader,
    payload: Uint8Array | undefined,
  ): void {
    const waiting = header.l1.creditCount - parent.creditNext
    const until = parent.creditNext + (waiting < 16n ? waiting : 16n)
    if (header.creditNext !== until) {
      return this.#fail('credits', header, `ends at credit ${header.creditNext}, not ${until}`)
    }
    const due = this.#options.truth.credits(parent.creditNext, until) ?? []
    const paid = payload && decodeCounterPayload(payload)?.attributes.credits
    if (paid !== undefined && !sameCredits(paid, due)) {
      this.#fail('credits', header, 'pays out other credits than are due')
    }
  }

  /** The epoch after a block that closes its own; zero for another. */
  #nextOf({ epoch, l1 }: ConsensusHeader): bigint {
    const next = this.#options.truth.epochAt(l1.timestamp)
    return next > epoch ? next : 0n
  }

  #isMember(node: number, epoch: bigint): boolean {
    const operator = this.#operatorOf(node)
    const { validators = [] } = this.#options.truth.validatorSet(epoch) ?? {}
    return validators.some((member) => bytesEqual(member.operator, operator))
  }

  #operatorOf(node: number): Uint8Array {
    return this.#options.operators[node] ?? new Uint8Array(0)
  }

  /** docs/specs/blocks.md §5, once more. */
  #leaderOf({ epoch, view }: RoundVote): Uint8Array | undefined {
    const { truth, genesis } = this.#options
    const set = truth.validatorSet(epoch)
    if (set === undefined) return undefined
    const seed =
      this.#closings.filter((closing) => closing.epoch < epoch).at(-2)?.mix ?? genesis.mix
    const tag = new Uint8Array(16)
    tag.set(new TextEncoder().encode('zg/leader'))
    let point = bytesToBigint(sha256(concat(tag, seed, bigintToBytes(BigInt(view), 8))))
    point %= set.totalStake
    for (const { operator, stake } of set.validators) {
      if (point < stake) return operator
      point -= stake
    }
    return undefined
  }

  #fail(rule: EpochRule, { height }: ConsensusHeader, problem: string): void {
    this.#options.fail(rule, `height ${height} ${problem}`)
  }
}
