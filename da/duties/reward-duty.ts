/**
 * A node claims what its operator earned (docs/specs/da.md §6): epoch by epoch, from the third one
 * after it on. How far it came is on its disk, in 8 bytes at `claimed-through`; who has no such
 * file looks `lookBack` epochs back.
 */

import { bigintToBytes, bytesToBigint } from '@zg/primitives'
import type { Disk, Logger } from '@zg/runtime'

import type { DataChain } from '../chain/data-chain.ts'
import type { RewardChain } from './duty-chain.ts'
import type { Duty } from './duty-loop.ts'

/** As DataEntrance has it. */
const settledAfter = 3n
const lookBack = 256n
const markPath = 'claimed-through'

export type RewardDutyOptions = {
  readonly chain: Pick<DataChain, 'epoch'>
  readonly rewards: RewardChain
  readonly disk: Disk
  readonly log: Logger
  /** 20 bytes. */
  readonly operator: Uint8Array
  /** Less than this is not worth its transaction, in wei. */
  readonly leastWei: bigint
}

export class RewardDuty implements Duty {
  readonly what = 'rewards'
  readonly #options: RewardDutyOptions
  #through: bigint | undefined

  constructor(options: RewardDutyOptions) {
    this.#options = options
  }

  async step(): Promise<boolean> {
    const { chain, rewards, disk, log, operator, leastWei } = this.#options
    const last = (await chain.epoch()) - settledAfter
    const through = (this.#through ??= await this.#read(last))
    if (through >= last) return false
    const epoch = through + 1n
    for (const reward of await rewards.rewardsOf(operator, epoch)) {
      if (reward.amount < leastWei) continue
      await rewards.claim(reward)
      log.info('a reward is claimed', { ...reward })
    }
    await disk.writeFile(markPath, bigintToBytes(epoch, 8))
    this.#through = epoch
    return epoch < last
  }

  async #read(last: bigint): Promise<bigint> {
    const mark = await this.#options.disk.readFile(markPath)
    const earliest = last - lookBack
    const first = earliest > -1n ? earliest : -1n
    return mark?.length === 8 ? bytesToBigint(mark) : first
  }
}
