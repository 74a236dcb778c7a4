/**
 * Sends what operators earned to the Outbox, from where a relayer takes it to L1 and to their
 * stakers (docs/specs/networks.md §5).
 *
 *     all that an operator earned     at once, when it is `claimWei` or more
 *     what it earned in past epochs   when it is `REWARD_MIN` or more: little comes there any more
 *
 * The hub says what is owed, by the weights of the sets that L1 proved; the claim shows one weight
 * and takes the epochs in which it held. Another may claim first: then nothing is owed.
 */

import type { ValidatorSet } from '@zg/consensus'
import { toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import type { ShownL1 } from './admission-keeper.ts'
import type { Anchor } from './own-headers.ts'
import { PutOff } from './put-off.ts'
import { operatorArg } from './stake-prover.ts'
import { SystemContract } from './system-contract.ts'
import type { SystemContractOptions } from './system-contract.ts'

/** RewardHub.REWARD_MIN: less does not leave, in wei. */
export const rewardMinWei = 10n ** 15n

/** Epochs before the present one in which rewards are looked for. */
const epochsBackMax = 4n

/** Operators that one step asks for, and claims that it sends. */
const operatorsPerStepMax = 16
const claimsPerStepMax = 8

/** Who is owed too little is asked for again so many heights later, or in the next epoch. */
const lookHeights = 32n

/** Operators that are left alone, by epoch. */
const laterMax = 4_096

export type ClaimKeeperOptions = SystemContractOptions & {
  readonly networkId: number
  /** The sets that L1 proved; undefined for one that is not known yet. */
  readonly sets: (epoch: bigint) => ValidatorSet | undefined
  /** What an operator must have earned before its epochs are over, in wei. */
  readonly claimWei: bigint
}

export type Claim = { readonly operator: Hex; readonly epochs: readonly bigint[] }

export type ClaimStep = { readonly claimed: readonly Claim[] }

/** What an operator earned in an epoch, in wei. */
type Earning = { readonly epoch: bigint; readonly wei: bigint }

/** An operator, and its weight by epoch, in gwei. */
type Earner = {
  readonly name: Hex
  readonly operator: Uint8Array
  readonly weights: Map<bigint, bigint>
}

export class ClaimKeeper {
  readonly #options: ClaimKeeperOptions
  readonly #hub: SystemContract
  /** Operators that are owed too little in an epoch, until a height. */
  readonly #later = new PutOff<string>(laterMax)
  /** Who comes first at the next step. */
  #cursor = 0

  constructor(options: ClaimKeeperOptions) {
    this.#options = options
    this.#hub = new SystemContract('RewardHub', options)
  }

  /**
   * Claims what is due.
   *
   * @throws What endpoints and sender throw.
   */
  async step(round: { readonly anchor: Anchor; readonly l1: ShownL1 }): Promise<ClaimStep> {
    const { newest, header } = round.anchor
    const { epoch } = header
    const placeOf = ({ name }: Earner) => `${name}/${epoch}`
    const earners = this.#earners(epoch).filter((each) => !this.#later.isOff(placeOf(each), newest))
    const claimed: Claim[] = []
    const count = Math.min(earners.length, operatorsPerStepMax)
    for (let looked = 0; looked < count; looked++) {
      if (claimed.length >= claimsPerStepMax) break
      const earner = earners[this.#cursor % earners.length]
      this.#cursor = (this.#cursor + 1) % earners.length
      if (earner === undefined) break
      const claim = await this.#claim(earner, { epoch, l1: round.l1 })
      if (claim === 'nothing due') this.#later.putOff(placeOf(earner), newest + lookHeights)
      else if (claim !== undefined) claimed.push(claim)
    }
    return { claimed }
  }

  /** Who validated in the epochs that are looked at. */
  #earners(epoch: bigint): readonly Earner[] {
    const earners = new Map<Hex, Earner>()
    for (let back = 0n; back <= epochsBackMax && back <= epoch; back++) {
      const set = this.#options.sets(epoch - back)
      for (const { operator, stake } of set?.validators ?? []) {
        const name = toHex(operator)
        const known = earners.get(name) ?? { name, operator, weights: new Map() }
        known.weights.set(epoch - back, stake)
        earners.set(name, known)
      }
    }
    return [...earners.values()]
  }

  async #claim(
    { operator, weights }: Earner,
    { epoch, l1 }: { readonly epoch: bigint; readonly l1: ShownL1 },
  ): Promise<Claim | 'nothing due' | undefined> {
    const due = this.#due(await this.#earnings(operator, weights), epoch)
    const [first] = due
    if (first === undefined) return 'nothing due'
    const id = this.#options.networkId
    const proved = await l1.prover.weight({ id, epoch: first.epoch, operator })
    if (proved === undefined) return undefined
    const { fromEpoch, untilEpoch } = proved.span
    const covered = due.filter((each) => each.epoch >= fromEpoch && each.epoch < untilEpoch)
    if (sumOf(covered) < rewardMinWei) return undefined
    const epochs = covered.map((each) => each.epoch)
    const args = [operatorArg(operator), epochs, l1.header, proved.args]
    const offer = await this.#hub.offer({ name: 'claim', args }, ['AmountTooSmall'])
    return offer.kind === 'sent' ? { operator: toHex(operator), epochs } : undefined
  }

  async #earnings(
    operator: Uint8Array,
    weights: ReadonlyMap<bigint, bigint>,
  ): Promise<readonly Earning[]> {
    const earnings: Earning[] = []
    for (const [epoch, weight] of weights) {
      const args = [operatorArg(operator), epoch, weight]
      const wei = (await this.#hub.read('earnedOf', ...args)) as bigint
      if (wei > 0n) earnings.push({ epoch, wei })
    }
    return earnings
  }

  #due(earnings: readonly Earning[], epoch: bigint): readonly Earning[] {
    const least = this.#options.claimWei > rewardMinWei ? this.#options.claimWei : rewardMinWei
    if (sumOf(earnings) >= least) return earnings
    const past = earnings.filter((each) => each.epoch < epoch)
    return sumOf(past) >= rewardMinWei ? past : []
  }
}

function sumOf(earnings: readonly Earning[]): bigint {
  return earnings.reduce((sum, { wei }) => sum + wei, 0n)
}
