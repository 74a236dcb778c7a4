/**
 * The instructions that change state or look at another account: SSTORE, LOG, SELFDESTRUCT and the
 * warm or cold access of an address.
 */

import { emptyBytes } from '@zg/primitives'

import type { Frame, Signal } from './frame.ts'
import { signalFailure, signalSuccess } from './frame.ts'
import {
  callStipend,
  coldAccountGas,
  coldSlotGas,
  logGasPerByte,
  newAccountGas,
  storeGas,
  storeRefund,
  warmAccessGas,
} from './gas.ts'
import type { Machine } from './machine.ts'
import { growthGas } from './memory.ts'
import type { AccountEntry } from './world-state.ts'

/** Warms the account and returns what that costs (EIP-2929). */
export function touchAddress(machine: Machine, account: AccountEntry): number {
  return machine.state.warmAccount(account) ? coldAccountGas : warmAccessGas
}

/** SSTORE. Returns the gas left; below 0 for a failure. */
export function storeSlot(
  { state }: Machine,
  frame: Frame,
  { gas, word, value }: { gas: number; word: bigint; value: bigint },
): number {
  // MUST leave more than the stipend of a transfer (EIP-2200).
  if (frame.isStatic || gas <= callStipend) return -1
  const slot = state.slot(frame.self as AccountEntry, word)
  const accessGas = state.warmSlot(slot) ? coldSlotGas : 0
  const left = gas - accessGas - storeGas(slot.original, slot.value, value)
  if (left < 0) return left
  state.refund += storeRefund(slot.original, slot.value, value)
  if (value !== slot.value) state.setSlot(slot, value)
  return left
}

/** LOG0 to LOG4. At `sp` the stack holds the topics, last first, then size and offset. */
export function emitLog(
  { state }: Machine,
  frame: Frame,
  { gas, sp, topicCount }: { gas: number; sp: number; topicCount: number },
): number {
  if (frame.isStatic) return -1
  const { stack, memory } = frame
  const offset = Number(stack[sp + topicCount + 1])
  const size = Number(stack[sp + topicCount])
  const dataGas = logGasPerByte * size
  const left = gas - dataGas - growthGas(memory, offset, size, gas - dataGas)
  if (left < 0) return left
  const topics: bigint[] = []
  for (let index = topicCount - 1; index >= 0; index--) topics.push(stack[sp + index] as bigint)
  const data = size === 0 ? emptyBytes : memory.slice(offset, size)
  state.logs.push({ address: (frame.self as AccountEntry).address, topics, data })
  return left
}

/**
 * SELFDESTRUCT: all ether goes to the heir; the account goes too only when this very transaction
 * created it (EIP-6780).
 */
export function selfDestruct({ state }: Machine, frame: Frame, heirAddress: bigint): Signal {
  if (frame.isStatic) return frame.fail('write in a static call')
  const self = frame.self as AccountEntry
  const heir = state.account(heirAddress)
  if (state.warmAccount(heir)) frame.gas -= coldAccountGas
  if (self.balance !== 0n && heir.isDead) frame.gas -= newAccountGas
  if (frame.gas < 0) return signalFailure
  const isCreatedNow = state.isCreatedNow(self)
  const wei = self.balance
  if (heir !== self) {
    state.transfer(self, heir, wei)
  } else if (isCreatedNow) {
    state.setBalance(self, 0n)
    state.burn(wei)
  }
  if (isCreatedNow) state.markDestroyed(self)
  return signalSuccess
}
