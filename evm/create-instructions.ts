/**
 * CREATE and CREATE2: where a contract will stand, whether it may, and how its code is kept.
 */

import {
  bigintToBytes,
  bigintToMinimalBytes,
  bytesToBigint,
  concat,
  emptyBytes,
  emptyKeccakWord,
  encodeRlp,
  keccak256,
} from '@zg/primitives'

import { Code, codeSizeMax } from './code.ts'
import type { Frame, Signal } from './frame.ts'
import { callDepthMax, signalDone, signalEntered, signalFailure, signalSuccess } from './frame.ts'
import { codeDepositGasPerByte, initCodeGasPerWord, keccakGasPerWord, wordCount } from './gas.ts'
import type { Machine } from './machine.ts'
import { growthGas } from './memory.ts'
import { initCodeSizeMax } from './transaction.ts'
import type { AccountEntry } from './world-state.ts'

/** The greatest nonce; an account there can create and send no more (EIP-2681). */
export const nonceMax = (1n << 64n) - 1n

/** Returns the address of the contract that `creator` makes at that nonce. */
export function createdAddress(creator: bigint, nonce: bigint): bigint {
  const items = [bigintToBytes(creator, 20), bigintToMinimalBytes(nonce)]
  return bytesToBigint(keccak256(encodeRlp(items)).subarray(12))
}

/** Returns the address of the contract that CREATE2 makes (EIP-1014). */
export function create2Address(creator: bigint, salt: bigint, initCode: Uint8Array): bigint {
  const preimage = concat(
    Uint8Array.of(0xff),
    bigintToBytes(creator, 20),
    bigintToBytes(salt, 32),
    keccak256(initCode),
  )
  return bytesToBigint(keccak256(preimage).subarray(12))
}

/** Begins the creation that the instruction asks for; as `beginCall`. */
export function beginCreate(machine: Machine, frame: Frame, isCreate2: boolean): Signal {
  if (frame.isStatic) return frame.fail('write in a static call')
  const { stack } = frame
  const value = stack[--frame.size] as bigint
  const offset = Number(stack[--frame.size])
  const size = Number(stack[--frame.size])
  const salt = isCreate2 ? (stack[--frame.size] as bigint) : 0n
  // MUST fail outright, not return 0 (EIP-3860).
  if (size > initCodeSizeMax) return frame.fail('init code too large')
  const perWord = initCodeGasPerWord + (isCreate2 ? keccakGasPerWord : 0)
  frame.gas -= perWord * wordCount(size)
  frame.gas -= growthGas(frame.memory, offset, size, frame.gas)
  if (frame.gas < 0) return signalFailure

  const creator = frame.self as AccountEntry
  frame.returnData = emptyBytes
  const isImpossible = value > creator.balance || creator.nonce === nonceMax
  if (isImpossible || frame.depth >= callDepthMax) {
    stack[frame.size++] = 0n
    return signalDone
  }
  const initCode = frame.memory.slice(offset, size)
  const address = isCreate2
    ? create2Address(creator.address, salt, initCode)
    : createdAddress(creator.address, creator.nonce)
  // The nonce is used up however the creation ends.
  machine.state.setNonce(creator, creator.nonce + 1n)
  const child = machine.frameAt(frame.depth + 1)
  child.kind = isCreate2 ? 'create2' : 'create'
  child.caller = creator.address
  child.value = value
  frame.giveGas(child, undefined, 0)
  if (startCreate(machine, child, { sender: creator, address, initCode })) return signalEntered
  stack[frame.size++] = 0n
  return signalDone
}

/**
 * Makes a frame ready to run init code. Returns false when the address is taken: the gas in the
 * frame is lost then.
 */
export function startCreate(
  machine: Machine,
  frame: Frame,
  { sender, address, initCode }: { sender: AccountEntry; address: bigint; initCode: Uint8Array },
): boolean {
  const { state } = machine
  const account = state.account(address)
  state.warmAccount(account)
  // EIP-684 and EIP-7610: an address with a nonce, code or storage is taken.
  const isTaken =
    account.nonce !== 0n || account.codeHash !== emptyKeccakWord || state.hasStorage(account)
  if (isTaken) return false
  frame.self = account
  frame.code = new Code(initCode)
  frame.input = emptyBytes
  machine.openFrame(frame)
  state.markCreated(account)
  state.setNonce(account, 1n)
  state.transfer(sender, account, frame.value)
  return true
}

/** Keeps the code that init code returned, if it may be kept. Returns how the creation ended. */
export function settleCreate(machine: Machine, frame: Frame, signal: Signal): Signal {
  if (signal !== signalSuccess) return signal
  const code = frame.output
  // EIP-170; EIP-3541: code that begins with 0xef is none of these forks.
  if (code.length > codeSizeMax || code[0] === 0xef) {
    return frame.fail('code of the new contract refused')
  }
  frame.gas -= codeDepositGasPerByte * code.length
  if (frame.gas < 0) return signalFailure
  if (code.length > 0) machine.state.setCode(frame.self as AccountEntry, code)
  return signalSuccess
}
