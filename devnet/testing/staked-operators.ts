/** Operators of a test with stake on an L1 of a test, as both sides know them. */

import { blsScheme } from '@zg/consensus'
import type { ValidatorEntry } from '@zg/consensus'
import { testOperator } from '@zg/contracts/testing'
import type { L1World } from '@zg/contracts/testing'
import { fromHex } from '@zg/primitives'

const weiPerGwei = 10n ** 9n
const stakeWei = 100n * 10n ** 18n

/** Four of them. */
export const operators = [1, 2, 3, 4].map((index) => testOperator(index))

/** Registers and stakes every one; returns them as a validator set has them. */
export function stakeOn(l1: L1World): readonly ValidatorEntry[] {
  for (const operator of operators) {
    const { address } = operator
    l1.register(operator)
    l1.fund(address, stakeWei)
    l1.send(l1.stakes, 'stake', [address, stakeWei], address)
  }
  return operators.map(({ address, secretKey }) => ({
    operator: fromHex(address),
    publicKey: blsScheme().publicKeyOf(secretKey),
    stake: stakeWei / weiPerGwei,
  }))
}
