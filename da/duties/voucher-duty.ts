/**
 * A disperser redeems what its payers promised (docs/specs/da.md §6): the last voucher of each,
 * when what is not redeemed has come to `fromWei`, or when its payer announced to withdraw so much
 * that less than that stays. It takes two epochs to leave.
 */

import { toHex } from '@zg/primitives'
import type { Logger } from '@zg/runtime'

import { messageOf } from '../asking.ts'
import type { Voucher } from '../doors/dispersal.ts'
import type { VoucherChain } from './duty-chain.ts'
import type { Duty } from './duty-loop.ts'
import type { PaymentDesk } from '../disperser/payment-desk.ts'

/** Payers that are looked at in one step. */
const looksAtOnce = 64

export type VoucherDutyOptions = {
  readonly chain: VoucherChain
  readonly payments: Pick<PaymentDesk, 'vouchers'>
  readonly log: Logger
  /** 20 bytes. */
  readonly disperser: Uint8Array
  readonly fromWei: bigint
}

export class VoucherDuty implements Duty {
  readonly what = 'vouchers'
  readonly #options: VoucherDutyOptions
  /** What of a payer needs no second look: the total that is redeemed. */
  readonly #redeemed = new Map<string, bigint>()
  #next = 0

  constructor(options: VoucherDutyOptions) {
    this.#options = options
  }

  async step(): Promise<boolean> {
    const open = this.#options.payments.vouchers().filter(({ payer, total }) => {
      return total > (this.#redeemed.get(toHex(payer)) ?? 0n)
    })
    if (this.#next >= open.length) this.#next = 0
    const some = open.slice(this.#next, this.#next + looksAtOnce)
    this.#next += some.length
    for (const voucher of some) await this.#tried(voucher)
    return this.#next < open.length
  }

  /** One payer that is not to be had keeps nobody from the others. */
  async #tried(voucher: Voucher): Promise<void> {
    try {
      await this.#look(voucher)
    } catch (error) {
      const payer = toHex(voucher.payer)
      this.#options.log.warn('a voucher is not redeemed', { payer, error: messageOf(error) })
    }
  }

  async #look(voucher: Voucher): Promise<void> {
    const { chain, disperser, fromWei, log } = this.#options
    const { payer, total } = voucher
    const [redeemed, { balance, leaving }] = await Promise.all([
      chain.redeemedOf(payer, disperser),
      chain.escrowOf(payer),
    ])
    const due = total - redeemed
    if (due <= 0n) {
      this.#redeemed.set(toHex(payer), total)
      return
    }
    const isEndangered = leaving > 0n && balance - leaving < due
    if (balance === 0n || (due < fromWei && !isEndangered)) return
    await chain.redeem(voucher, disperser)
    log.info('a voucher is redeemed', { payer: toHex(payer), due, balance })
  }
}
