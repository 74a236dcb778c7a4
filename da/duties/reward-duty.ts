/**
 * A node claims what its operator earned (docs/specs/da.md §6): epoch by epoch, from the third one
 * after it on, each by a transaction of its own.
 *
 *     looked at ─► left ─► claimed
 *                   ├ too little: it waits until a few together are worth it
 *                   └ refused a few times: it waits for many epochs, and the others do not
 *
 * How far it came and what is left is on its disk, at `claimed-through`: 8 bytes, and 32 for each
 * that is left. Who has no such file looks `lookBack` epochs back.
 */

import { bigintToBytes, bytesToBigint, concat } from '@zg/primitives'
import type { Disk, Logger } from '@zg/runtime'

import type { DataChain } from '../chain/data-chain.ts'
import { rewardKey } from './duty-chain.ts'
import type { Reward, RewardChain } from './duty-chain.ts'
import type { Duty } from './duty-loop.ts'

/** As DataEntrance has it. */
const settledAfter = 3n
const lookBack = 256n
const markPath = 'claimed-through'
const markSize = 8
const leftSize = 32
/** Rewards that are left: the least goes when there are more. */
const leftMax = 1_024
/** Rewards that are worth it together, at most: each has its transaction. */
const togetherMax = 16
/** Times that a claim is tried, and after how many epochs it is tried again. */
const triesMax = 4
const againAfter = 32n

export type RewardDutyOptions = {
  readonly chain: Pick<DataChain, 'epoch'>
  readonly rewards: RewardChain
  readonly disk: Disk
  readonly log: Logger
  /** 20 bytes. */
  readonly operator: Uint8Array
  /** Less than this is not worth claiming, in wei. */
  readonly leastWei: bigint
}

type Progress = { through: bigint; left: readonly Reward[] }
type Refusals = { tries: number; fromEpoch: bigint }

export class RewardDuty implements Duty {
  readonly what = 'rewards'
  readonly #options: RewardDutyOptions
  #progress: Progress | undefined
  /** Of what is left, by key. */
  readonly #refused = new Map<string, Refusals>()

  constructor(options: RewardDutyOptions) {
    this.#options = options
  }

  async step(): Promise<boolean> {
    const { chain, rewards, operator } = this.#options
    const present = await chain.epoch()
    const last = present - settledAfter
    const progress = (this.#progress ??= await this.#read(last))
    const { through } = progress
    if (through < last) {
      const epoch = through + 1n
      const found = await rewards.rewardsOf(operator, epoch)
      await this.#keep({ through: epoch, left: [...progress.left, ...found] })
    }
    const isMore = await this.#claim(present)
    return isMore || through + 1n < last
  }

  /** Claims what is worth it; whether there may be more of it. */
  async #claim(present: bigint): Promise<boolean> {
    const { rewards, log } = this.#options
    const some = this.#worth(present)
    if (some.length === 0) return false
    const amounts = await Promise.all(some.map((reward) => rewards.leftOf(reward)))
    // Anyone may have claimed it for the operator, and a receipt may have been lost.
    const gone = some.filter((_, at) => amounts[at] === 0n)
    for (const reward of gone) await this.#forget(reward)
    if (gone.length > 0) return true
    for (const reward of some) {
      try {
        await rewards.claim(reward)
      } catch (error) {
        this.#refuse(reward, present)
        throw error
      }
      await this.#forget(reward)
      log.info('a reward is claimed', { ...reward })
    }
    return true
  }

  /** The fewest that are worth it together, the greatest of all; none when none are. */
  #worth(present: bigint): readonly Reward[] {
    const { leastWei } = this.#options
    const free = this.#left
      .filter((reward) => (this.#refused.get(rewardKey(reward))?.fromEpoch ?? 0n) <= present)
      .toSorted(byAmount)
    let sum = 0n
    for (const [at, { amount }] of free.slice(0, togetherMax).entries()) {
      sum += amount
      if (sum >= leastWei) return free.slice(0, at + 1)
    }
    return []
  }

  #refuse(reward: Reward, present: bigint): void {
    const key = rewardKey(reward)
    const tries = (this.#refused.get(key)?.tries ?? 0) + 1
    const isEnough = tries % triesMax === 0
    this.#refused.set(key, { tries, fromEpoch: isEnough ? present + againAfter : 0n })
  }

  async #forget(reward: Reward): Promise<void> {
    const { through } = this.#progress ?? {}
    if (through === undefined) return
    this.#refused.delete(rewardKey(reward))
    await this.#keep({ through, left: this.#left.filter((one) => one !== reward) })
  }

  get #left(): readonly Reward[] {
    return this.#progress?.left ?? []
  }

  async #keep({ through, left }: Progress): Promise<void> {
    const kept = left.length > leftMax ? left.toSorted(byAmount).slice(0, leftMax) : left
    await this.#options.disk.writeFile(
      markPath,
      concat(bigintToBytes(through, markSize), ...kept.map(encodeReward)),
    )
    this.#progress = { through, left: kept }
  }

  async #read(last: bigint): Promise<Progress> {
    const mark = await this.#options.disk.readFile(markPath)
    if (mark !== undefined && mark.length >= markSize) {
      const left: Reward[] = []
      for (let at = markSize; at + leftSize <= mark.length; at += leftSize) {
        left.push(decodeReward(mark.subarray(at, at + leftSize)))
      }
      return { through: bytesToBigint(mark.subarray(0, markSize)), left: left.slice(0, leftMax) }
    }
    const earliest = last - lookBack
    return { through: earliest > -1n ? earliest : -1n, left: [] }
  }
}

/** The greatest first. */
function byAmount(one: Reward, other: Reward): number {
  if (one.amount === other.amount) return 0
  return one.amount > other.amount ? -1 : 1
}

/** 32 bytes: epoch (8) ‖ quorum (4) ‖ member (4) ‖ amount (16). */
function encodeReward({ epoch, quorum, member, amount }: Reward): Uint8Array {
  return concat(
    bigintToBytes(epoch, 8),
    bigintToBytes(BigInt(quorum), 4),
    bigintToBytes(BigInt(member), 4),
    bigintToBytes(amount, 16),
  )
}

function decodeReward(bytes: Uint8Array): Reward {
  const numberAt = (from: number, to: number): bigint => bytesToBigint(bytes.subarray(from, to))
  return {
    epoch: numberAt(0, 8),
    quorum: Number(numberAt(8, 12)),
    member: Number(numberAt(12, 16)),
    amount: numberAt(16, 32),
  }
}
