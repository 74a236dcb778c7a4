import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toHex } from '@zg/primitives'
import { silentLogger } from '@zg/runtime'

import type { Voucher } from '../doors/dispersal.ts'
import type { VoucherChain } from './duty-chain.ts'
import { VoucherDuty } from './voucher-duty.ts'

const fromWei = 100n
const voucher = (index: number, total: bigint): Voucher => {
  return { payer: new Uint8Array(20).fill(index), total, signature: new Uint8Array(65) }
}

/** Escrows of payers in a table, by the rules of DataEntrance.redeem. */
function open(vouchers: readonly Voucher[]) {
  const escrows = new Map<string, { balance: bigint; leaving: bigint; redeemed: bigint }>()
  let reads = 0
  const calls: string[] = []
  const broken = new Set<string>()
  const of = (payer: Uint8Array) => {
    const key = toHex(payer)
    const found = escrows.get(key) ?? { balance: 1_000n, leaving: 0n, redeemed: 0n }
    escrows.set(key, found)
    return found
  }
  const chain: VoucherChain = {
    async escrowOf(payer) {
      reads++
      if (broken.has(toHex(payer))) throw new Error('no answer')
      return of(payer)
    },
    redeemedOf: async (payer) => of(payer).redeemed,
    async redeem({ payer, total }) {
      const found = of(payer)
      const due = total - found.redeemed
      const amount = due < found.balance ? due : found.balance
      assert.ok(amount > 0n, 'NothingFree')
      found.redeemed += amount
      found.balance -= amount
      calls.push(`${payer[0]} ${amount}`)
    },
  }
  const payments = { vouchers: () => vouchers }
  const disperser = new Uint8Array(20)
  const duty = new VoucherDuty({ chain, payments, log: silentLogger, disperser, fromWei })
  return { duty, of, calls, broken, reads: () => reads }
}

test('what is not redeemed yet goes once it is enough, or before it leaves', async () => {
  const vouchers = [voucher(1, 99n), voucher(2, 100n), voucher(3, 50n)]
  const { duty, of, calls } = open(vouchers)
  assert.equal(await duty.step(), false)
  assert.deepEqual(calls, ['2 100'])
  of(vouchers[2]!.payer).leaving = 950n
  await duty.step()
  assert.deepEqual(calls, ['2 100'], 'what stays is enough')
  of(vouchers[2]!.payer).leaving = 951n
  await duty.step()
  assert.deepEqual(calls, ['2 100', '3 50'])
})

test('of an escrow that holds less it takes what is there, and of an empty one nothing', async () => {
  const vouchers = [voucher(1, 5_000n)]
  const { duty, of, calls } = open(vouchers)
  await duty.step()
  await duty.step()
  assert.deepEqual(calls, ['1 1000'])
  of(vouchers[0]!.payer).balance = 700n
  await duty.step()
  assert.deepEqual(calls, ['1 1000', '1 700'])
})

test('one payer that fails keeps nobody from the others, and what is done is not asked again', async () => {
  const vouchers = Array.from({ length: 200 }, (_, index) => voucher(index + 1, 100n))
  const { duty, calls, broken, reads } = open(vouchers)
  broken.add(toHex(vouchers[3]!.payer))
  let steps = 1
  while (await duty.step()) steps++
  assert.equal(steps, 4, 'so many at once and no more')
  assert.equal(calls.length, 199)
  for (let again = 0; again < 8; again++) await duty.step()
  const settled = reads()
  await duty.step()
  assert.equal(reads(), settled + 1, 'only of the one that failed')
})
