/**
 * Has RewardHub pay the heights of a network (docs/specs/networks.md §5).
 *
 *     every 16th height, once it is `settleHeights` old ─► its certificate ─► show
 *     some were absent, and a fuller certificate is there within 8 blocks  ─► show, once more
 *
 * Oldest first, for these are lost first. A certificate is verified here, and its absent are made
 * known before it is sent. What was shown is read from the hub; of a height with nothing left to do
 * the number alone is remembered, and a keeper that begins asks for it again.
 */

import { consensusRoot } from '@zg/consensus'
import type { ConsensusHeader, ValidatorSet } from '@zg/consensus'
import { bigintToBytes, bytesEqual, concat, fromHex, keccak256 } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { AdmissionKeeper, ShownL1 } from './admission-keeper.ts'
import type { KeeperEndpoint } from './keeper-ports.ts'
import { NetworkProofError } from './network-prover.ts'
import type { NetworkProver, ProvedCertificate } from './network-prover.ts'
import { absentOf, certificateArgs } from './oracle-contract.ts'
import type { Anchor, OwnHeaders } from './own-headers.ts'
import { PutOff } from './put-off.ts'
import { operatorArg } from './stake-prover.ts'
import { SystemContract } from './system-contract.ts'
import type { SystemContractOptions } from './system-contract.ts'

/** Constants of RewardHub. */
const heightsPerReward = 16n
const widenBlocks = 8n
const heightsLateMax = 4_096n

/** A height is left alone so long: the certificate of all may still come. */
const settleHeights = 4n

/** A transaction takes some blocks to come in; a height so near its end is given up. */
const lateMargin = 16n

/** Heights that one step asks for, and certificates that it shows. */
const heightsPerStepMax = 32
const showsPerStepMax = 8

/** A height that cannot be shown yet is tried again so many heights later. */
const retryHeights = 64n

/** Heights that are remembered: twice those that are paid at any time. */
const laterMax = 512

export type RewardKeeperOptions = SystemContractOptions & {
  readonly endpoint: KeeperEndpoint
  readonly headers: OwnHeaders
  readonly prover: NetworkProver
  readonly admission: AdmissionKeeper
  /** The sets that L1 proved; undefined for one that is not known yet. */
  readonly sets: (epoch: bigint) => ValidatorSet | undefined
}

export type RewardStep = {
  /** Heights that were paid, and those for which more were. */
  readonly shown: readonly bigint[]
  readonly widened: readonly bigint[]
  /** Why the rest waits. */
  readonly waits?: 'grant' | 'set'
}

type Shown = { readonly absentHash: Hex; readonly shownAt: bigint }

type Round = { readonly anchor: Anchor; readonly l1: ShownL1 }

/** What became of a height. */
type Outcome = 'shown' | 'widened' | 'settled' | 'open' | 'later' | 'grant' | 'set'

export class RewardKeeper {
  readonly #options: RewardKeeperOptions
  readonly #hub: SystemContract
  /** Heights that need nothing, until they are too old, or nothing yet. */
  readonly #later = new PutOff<bigint>(laterMax)

  constructor(options: RewardKeeperOptions) {
    this.#options = options
    this.#hub = new SystemContract('RewardHub', options)
  }

  /**
   * Shows what is due.
   *
   * @throws {NetworkProofError} `STAKING_NETWORK_PROOF_INVALID`; what endpoints and sender throw.
   */
  async step(round: Round): Promise<RewardStep> {
    const { newest } = round.anchor
    const shown: bigint[] = []
    const widened: bigint[] = []
    let isSetUnknown = false
    if ((await this.#hub.read('nextReward')) === 0n) return { shown, widened, waits: 'grant' }
    for (const height of this.#due(round.anchor).slice(0, heightsPerStepMax)) {
      if (shown.length + widened.length >= showsPerStepMax) break
      const outcome = await this.#keep(height, round)
      if (outcome === 'grant') return { shown, widened, waits: 'grant' }
      if (outcome === 'set') isSetUnknown = true
      if (outcome === 'shown') shown.push(height)
      if (outcome === 'widened') widened.push(height)
      if (outcome === 'settled') this.#later.putOff(height, height + heightsLateMax)
      if (outcome === 'later' || outcome === 'set')
        this.#later.putOff(height, newest + retryHeights)
    }
    return { shown, widened, ...(isSetUnknown ? { waits: 'set' } : {}) }
  }

  /** Heights that may need something, oldest first. */
  #due({ newest, header }: Anchor): readonly bigint[] {
    const oldest = newest - heightsLateMax + lateMargin
    const first = oldest > heightsPerReward ? oldest : heightsPerReward
    const settled = newest - settleHeights
    const last = settled < header.height ? settled : header.height
    const heights: bigint[] = []
    const begin = ((first + heightsPerReward - 1n) / heightsPerReward) * heightsPerReward
    for (let height = begin; height <= last; height += heightsPerReward) {
      if (!this.#later.isOff(height, newest)) heights.push(height)
    }
    return heights
  }

  async #keep(height: bigint, round: Round): Promise<Outcome> {
    const { absentHash, shownAt } = (await this.#hub.read('shownOf', height)) as Shown
    if (shownAt === 0n) return this.#show(height, round)
    const isClosed = round.anchor.newest > shownAt + widenBlocks
    const hash = fromHex(absentHash)
    if (isClosed || bytesEqual(hash, hashOf([]))) return 'settled'
    return this.#widen({ height, shownAt, hash }, round)
  }

  async #show(height: bigint, round: Round): Promise<Outcome> {
    const proved = await this.#certificate(height)
    if (proved === undefined) return 'later'
    if (proved === 'set') return 'set'
    const offered = await this.#offer(proved, { former: [], round })
    return offered === 'sent' ? 'shown' : offered
  }

  /** Adds who signed meanwhile, if the node knows of any. */
  async #widen(
    shown: { readonly height: bigint; readonly shownAt: bigint; readonly hash: Uint8Array },
    round: Round,
  ): Promise<Outcome> {
    const { endpoint } = this.#options
    const { height, shownAt, hash } = shown
    const proved = await this.#certificate(height)
    if (proved === undefined || proved === 'set') return 'open'
    const toHeight = shownAt + widenBlocks
    const named = await endpoint.rewardAbsences({ height, fromHeight: shownAt, toHeight })
    const former = named.findLast((absent) => bytesEqual(hashOf(absent), hash))
    if (former === undefined) return 'open'
    const absent = absentOf(proved)
    const isFuller = former.some((one) => !absent.some((other) => bytesEqual(one, other)))
    if (!isFuller) return 'open'
    const offered = await this.#offer(proved, { former, round })
    return offered === 'sent' ? 'widened' : offered
  }

  async #offer(
    proved: ProvedCertificate,
    { former, round }: { readonly former: readonly Uint8Array[]; readonly round: Round },
  ): Promise<'sent' | 'settled' | 'later' | 'open' | 'grant'> {
    const { admission, headers } = this.#options
    const { vote } = proved.certificate
    const header = await this.#header(proved)
    const operators = [...absentOf(proved), ...former]
    const isKnown = await admission.ensure(round.l1, { epoch: vote.epoch, operators })
    if (!isKnown) return 'later'
    const proof = await headers.proofOf(round.anchor, header)
    const args = [certificateArgs(proved), proof, former.map(operatorArg)]
    // Another may have shown it first: what is there then is asked for at the next step.
    const doneErrors = ['FormerUnknown', 'NothingAdded']
    const offer = await this.#hub.offer({ name: 'show', args }, doneErrors)
    if (offer.kind === 'sent') return 'sent'
    if (offer.kind === 'done') return 'open'
    if (offer.errorName === 'GrantSpent') return 'grant'
    const isOver = offer.errorName === 'HeightClosed' || offer.errorName === 'HeightTooOld'
    return isOver ? 'settled' : 'later'
  }

  async #certificate(height: bigint): Promise<ProvedCertificate | 'set' | undefined> {
    const { prover, sets } = this.#options
    const found = await prover.certificate(height, sets)
    return found === 'set unknown' ? 'set' : found
  }

  /** The header that a certificate is on. */
  async #header({ certificate: { vote } }: ProvedCertificate): Promise<ConsensusHeader> {
    const header = await this.#options.endpoint.header(vote.height)
    if (header === undefined || !bytesEqual(consensusRoot(header), vote.consensusRoot)) {
      throw new NetworkProofError('it gives another header than the one that is final')
    }
    return header
  }
}

/** What the hub keeps of the absent: keccak of `abi.encode(address[])`. */
function hashOf(absent: readonly Uint8Array[]): Uint8Array {
  const words = absent.map((operator) => concat(new Uint8Array(12), operator))
  const head = [0x20n, BigInt(absent.length)].map((word) => bigintToBytes(word, 32))
  return keccak256(concat(...head, ...words))
}
