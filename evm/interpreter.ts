/**
 * The instruction loop (Yellow Paper §9.4, with the EIPs up to Osaka).
 *
 * One flat `switch` over instructions made ready by `program.ts`. The cases are written as numbers,
 * not names: V8 makes a jump table of number literals only. Static gas and stack bounds are checked
 * by the `begin` instruction of each block; what depends on operands is taken where it is known. A
 * frame's registers (next instruction, stack size, gas) live in local variables and are put back
 * before anything that looks at the frame.
 */

import { emptyBytes, keccak256 } from '@zg/primitives'

import { beginCall } from './call-instructions.ts'
import { beginCreate } from './create-instructions.ts'
import type { Frame, Signal } from './frame.ts'
import { signalDone, signalFailure, signalRevert, signalSuccess, stackSizeMax } from './frame.ts'
import { coldSlotGas, copyGasPerWord, expGasPerByte, keccakGasPerWord, wordCount } from './gas.ts'
import { keccakOfPair } from './keccak-memo.ts'
import type { Machine } from './machine.ts'
import { copyToMemory, growthGas } from './memory.ts'
import { targetOf } from './program.ts'
import { emitLog, selfDestruct, storeSlot, touchAddress } from './state-instructions.ts'
import {
  addressOf,
  byteAt,
  byteLength,
  leadingZeros,
  power,
  readWord,
  shiftRightSigned,
  signedDivide,
  signedModulo,
  signExtend,
  toSigned,
  wordAt,
  wordOfBytes,
  writeWord,
} from './word.ts'

/**
 * Runs the frame until it ends or a message inside begins.
 *
 * @returns The signal; output, gas left and registers are in the frame.
 */
// oxlint-disable-next-line max-lines-per-function -- one switch: a call an instruction costs 2x
export function interpret(machine: Machine, frame: Frame): Signal {
  const { stack, memory } = frame
  const { state, block, watcher } = machine
  const { ops, args, words, blocks, jumpTargets } = frame.code.program(block.fork, machine.isTraced)
  const self = frame.self as NonNullable<Frame['self']>
  let next = frame.next
  let sp = frame.size
  let gas = frame.gas
  // The jump that leaves this loop.
  let at = next

  run: for (;;) {
    switch (ops[next++] as number) {
      case 0x0c: {
        // begin: a basic block's gas and stack bounds
        const sums = args[next - 1] as number
        if (watcher !== undefined) {
          frame.gas = gas
          frame.size = sp
          watcher.onBlock(frame, blocks[sums + 3] as number)
        }
        gas -= blocks[sums] as number
        if (gas < 0) return signalFailure
        if (sp < (blocks[sums + 1] as number)) return frame.fail('stack underflow')
        if (sp + (blocks[sums + 2] as number) > stackSizeMax) return frame.fail('stack overflow')
        break
      }
      case 0x60: // PUSH
        stack[sp++] = words[args[next - 1] as number] as bigint
        break
      case 0x80: // DUP
        stack[sp] = stack[sp - (args[next - 1] as number)] as bigint
        sp++
        break
      case 0x90: {
        // SWAP
        const other = sp - (args[next - 1] as number)
        const top = stack[sp - 1] as bigint
        stack[sp - 1] = stack[other] as bigint
        stack[other] = top
        break
      }
      case 0x50: // POP
        sp--
        break
      case 0x1f: // more
      case 0x0d: // PUSH, JUMP
        at = next - 1
        next = args[at] as number
        if (next < 0) break run
        break
      case 0x0e: // PUSH, JUMPI
        if (stack[--sp] !== 0n) {
          at = next - 1
          next = args[at] as number
          if (next < 0) break run
        }
        break
      case 0x0f: // ISZERO, PUSH, JUMPI
        if (stack[--sp] === 0n) {
          at = next - 1
          next = args[at] as number
          if (next < 0) break run
        }
        break
      case 0x56: // JUMP
        at = next - 1
        next = targetOf(jumpTargets, stack[--sp] as bigint)
        if (next < 0) break run
        break
      case 0x57: // JUMPI
        sp -= 2
        if (stack[sp] !== 0n) {
          at = next - 1
          next = targetOf(jumpTargets, stack[sp + 1] as bigint)
          if (next < 0) break run
        }
        break

      case 0x01: // ADD
        sp--
        stack[sp - 1] = BigInt.asUintN(256, (stack[sp] as bigint) + (stack[sp - 1] as bigint))
        break
      case 0x02: // MUL
        sp--
        stack[sp - 1] = BigInt.asUintN(256, (stack[sp] as bigint) * (stack[sp - 1] as bigint))
        break
      case 0x03: // SUB
        sp--
        stack[sp - 1] = BigInt.asUintN(256, (stack[sp] as bigint) - (stack[sp - 1] as bigint))
        break
      case 0x04: {
        // DIV
        sp--
        const divisor = stack[sp - 1] as bigint
        if (divisor !== 0n) stack[sp - 1] = (stack[sp] as bigint) / divisor
        break
      }
      case 0x05: // SDIV
        sp--
        stack[sp - 1] = signedDivide(stack[sp] as bigint, stack[sp - 1] as bigint)
        break
      case 0x06: {
        // MOD
        sp--
        const divisor = stack[sp - 1] as bigint
        if (divisor !== 0n) stack[sp - 1] = (stack[sp] as bigint) % divisor
        break
      }
      case 0x07: // SMOD
        sp--
        stack[sp - 1] = signedModulo(stack[sp] as bigint, stack[sp - 1] as bigint)
        break
      case 0x08: {
        // ADDMOD
        sp -= 2
        const modulus = stack[sp - 1] as bigint
        if (modulus !== 0n) {
          stack[sp - 1] = ((stack[sp + 1] as bigint) + (stack[sp] as bigint)) % modulus
        }
        break
      }
      case 0x09: {
        // MULMOD
        sp -= 2
        const modulus = stack[sp - 1] as bigint
        if (modulus !== 0n) {
          stack[sp - 1] = ((stack[sp + 1] as bigint) * (stack[sp] as bigint)) % modulus
        }
        break
      }
      case 0x0a: {
        // EXP
        sp--
        const exponent = stack[sp - 1] as bigint
        gas -= expGasPerByte * byteLength(exponent)
        if (gas < 0) return signalFailure
        stack[sp - 1] = power(stack[sp] as bigint, exponent)
        break
      }
      case 0x0b: // SIGNEXTEND
        sp--
        stack[sp - 1] = signExtend(stack[sp] as bigint, stack[sp - 1] as bigint)
        break
      case 0x10: // LT
        sp--
        stack[sp - 1] = (stack[sp] as bigint) < (stack[sp - 1] as bigint) ? 1n : 0n
        break
      case 0x11: // GT
        sp--
        stack[sp - 1] = (stack[sp] as bigint) > (stack[sp - 1] as bigint) ? 1n : 0n
        break
      case 0x12: // SLT
        sp--
        stack[sp - 1] = toSigned(stack[sp] as bigint) < toSigned(stack[sp - 1] as bigint) ? 1n : 0n
        break
      case 0x13: // SGT
        sp--
        stack[sp - 1] = toSigned(stack[sp] as bigint) > toSigned(stack[sp - 1] as bigint) ? 1n : 0n
        break
      case 0x14: // EQ
        sp--
        stack[sp - 1] = stack[sp] === stack[sp - 1] ? 1n : 0n
        break
      case 0x15: // ISZERO
        stack[sp - 1] = stack[sp - 1] === 0n ? 1n : 0n
        break
      case 0x16: // AND
        sp--
        stack[sp - 1] = (stack[sp] as bigint) & (stack[sp - 1] as bigint)
        break
      case 0x17: // OR
        sp--
        stack[sp - 1] = (stack[sp] as bigint) | (stack[sp - 1] as bigint)
        break
      case 0x18: // XOR
        sp--
        stack[sp - 1] = (stack[sp] as bigint) ^ (stack[sp - 1] as bigint)
        break
      case 0x19: // NOT
        stack[sp - 1] = BigInt.asUintN(256, ~(stack[sp - 1] as bigint))
        break
      case 0x1a: // BYTE
        sp--
        stack[sp - 1] = byteAt(stack[sp] as bigint, stack[sp - 1] as bigint)
        break
      case 0x1b: {
        // SHL
        sp--
        const shift = stack[sp] as bigint
        stack[sp - 1] = shift > 255n ? 0n : BigInt.asUintN(256, (stack[sp - 1] as bigint) << shift)
        break
      }
      case 0x1c: {
        // SHR
        sp--
        const shift = stack[sp] as bigint
        stack[sp - 1] = shift > 255n ? 0n : (stack[sp - 1] as bigint) >> shift
        break
      }
      case 0x1d: // SAR
        sp--
        stack[sp - 1] = shiftRightSigned(stack[sp] as bigint, stack[sp - 1] as bigint)
        break
      case 0x1e: // CLZ
        stack[sp - 1] = leadingZeros(stack[sp - 1] as bigint)
        break
      case 0x20: {
        // KECCAK256
        sp--
        const offset = Number(stack[sp])
        const size = Number(stack[sp - 1])
        gas -= keccakGasPerWord * wordCount(size) + growthGas(memory, offset, size, gas)
        if (gas < 0) return signalFailure
        stack[sp - 1] =
          size === 64
            ? keccakOfPair(memory.view, offset)
            : wordOfBytes(keccak256(memory.bytes.subarray(offset, offset + size)))
        break
      }

      case 0x30: // ADDRESS
        stack[sp++] = self.address
        break
      case 0x31: {
        // BALANCE
        const account = state.account(addressOf(stack[sp - 1] as bigint))
        gas -= touchAddress(machine, account)
        if (gas < 0) return signalFailure
        stack[sp - 1] = account.balance
        break
      }
      case 0x32: // ORIGIN
        stack[sp++] = machine.origin
        break
      case 0x33: // CALLER
        stack[sp++] = frame.caller
        break
      case 0x34: // CALLVALUE
        stack[sp++] = frame.value
        break
      case 0x35: // CALLDATALOAD
        stack[sp - 1] = wordAt(frame.input, Number(stack[sp - 1]))
        break
      case 0x36: // CALLDATASIZE
        stack[sp++] = BigInt(frame.input.length)
        break
      case 0x37: // CALLDATACOPY
        sp -= 3
        gas -= copyToMemory(memory, stack, { sp, source: frame.input, gas })
        if (gas < 0) return signalFailure
        break
      case 0x38: // CODESIZE
        stack[sp++] = BigInt(frame.code.bytes.length)
        break
      case 0x39: // CODECOPY
        sp -= 3
        gas -= copyToMemory(memory, stack, { sp, source: frame.code.bytes, gas })
        if (gas < 0) return signalFailure
        break
      case 0x3a: // GASPRICE
        stack[sp++] = machine.gasPrice
        break
      case 0x3b: {
        // EXTCODESIZE
        const account = state.account(addressOf(stack[sp - 1] as bigint))
        gas -= touchAddress(machine, account)
        if (gas < 0) return signalFailure
        stack[sp - 1] = BigInt(state.code(account).bytes.length)
        break
      }
      case 0x3c: {
        // EXTCODECOPY
        const account = state.account(addressOf(stack[--sp] as bigint))
        gas -= touchAddress(machine, account)
        if (gas < 0) return signalFailure
        sp -= 3
        gas -= copyToMemory(memory, stack, { sp, source: state.code(account).bytes, gas })
        if (gas < 0) return signalFailure
        break
      }
      case 0x3d: // RETURNDATASIZE
        stack[sp++] = BigInt(frame.returnData.length)
        break
      case 0x3e: // RETURNDATACOPY
        sp -= 3
        // MUST fail, not pad, past the end (EIP-211).
        if (Number(stack[sp + 1]) + Number(stack[sp]) > frame.returnData.length) {
          return frame.fail('return data out of bounds')
        }
        gas -= copyToMemory(memory, stack, { sp, source: frame.returnData, gas })
        if (gas < 0) return signalFailure
        break
      case 0x3f: {
        // EXTCODEHASH
        const account = state.account(addressOf(stack[sp - 1] as bigint))
        gas -= touchAddress(machine, account)
        if (gas < 0) return signalFailure
        stack[sp - 1] = account.isDead ? 0n : account.codeHash
        break
      }
      case 0x40: // BLOCKHASH
        stack[sp - 1] = machine.blockHash(stack[sp - 1] as bigint)
        break
      case 0x41: // COINBASE
        stack[sp++] = block.coinbase
        break
      case 0x42: // TIMESTAMP
        stack[sp++] = block.timestamp
        break
      case 0x43: // NUMBER
        stack[sp++] = block.number
        break
      case 0x44: // PREVRANDAO
        stack[sp++] = block.prevRandao
        break
      case 0x45: // GASLIMIT
        stack[sp++] = block.gasLimit
        break
      case 0x46: // CHAINID
        stack[sp++] = block.chainId
        break
      case 0x47: // SELFBALANCE
        stack[sp++] = self.balance
        break
      case 0x48: // BASEFEE
        stack[sp++] = block.baseFeePerGas
        break
      case 0x49: {
        // BLOBHASH
        const index = Number(stack[sp - 1])
        stack[sp - 1] = machine.blobVersionedHashes[index] ?? 0n
        break
      }
      case 0x4a: // BLOBBASEFEE
        stack[sp++] = block.blobBaseFee
        break

      case 0x51: {
        // MLOAD
        const offset = Number(stack[sp - 1])
        if (offset + 32 > memory.size) {
          gas -= memory.grow(offset, 32, gas)
          if (gas < 0) return signalFailure
        }
        stack[sp - 1] = readWord(memory.view, offset)
        break
      }
      case 0x52: {
        // MSTORE
        sp -= 2
        const offset = Number(stack[sp + 1])
        if (offset + 32 > memory.size) {
          gas -= memory.grow(offset, 32, gas)
          if (gas < 0) return signalFailure
        }
        writeWord(memory.view, offset, stack[sp] as bigint)
        break
      }
      case 0x53: {
        // MSTORE8
        sp -= 2
        const offset = Number(stack[sp + 1])
        gas -= growthGas(memory, offset, 1, gas)
        if (gas < 0) return signalFailure
        memory.bytes[offset] = Number((stack[sp] as bigint) & 0xffn)
        break
      }
      case 0x54: {
        // SLOAD
        const slot = state.slot(self, stack[sp - 1] as bigint)
        gas -= state.warmSlot(slot) ? coldSlotGas : 100
        if (gas < 0) return signalFailure
        stack[sp - 1] = slot.value
        break
      }
      case 0x55: {
        // SSTORE
        sp -= 2
        gas = storeSlot(machine, frame, {
          gas,
          word: stack[sp + 1] as bigint,
          value: stack[sp] as bigint,
        })
        if (gas < 0) return signalFailure
        break
      }
      case 0x59: // MSIZE
        stack[sp++] = BigInt(memory.size)
        break
      case 0x5a: // GAS
        stack[sp++] = frame.reserve + BigInt(gas)
        break
      case 0x5c: // TLOAD
        stack[sp - 1] = state.transientValue(self, stack[sp - 1] as bigint)
        break
      case 0x5d: // TSTORE
        if (frame.isStatic) return frame.fail('write in a static call')
        sp -= 2
        state.setTransient(self, stack[sp + 1] as bigint, stack[sp] as bigint)
        break
      case 0x5e: {
        // MCOPY
        sp -= 3
        const target = Number(stack[sp + 2])
        const source = Number(stack[sp + 1])
        const size = Number(stack[sp])
        gas -= copyGasPerWord * wordCount(size)
        gas -= growthGas(memory, Math.max(target, source), size, gas)
        if (gas < 0) return signalFailure
        if (size > 0) memory.bytes.copyWithin(target, source, source + size)
        break
      }

      case 0xa0: {
        // LOG
        const topicCount = args[next - 1] as number
        sp -= 2 + topicCount
        gas = emitLog(machine, frame, { gas, sp, topicCount })
        if (gas < 0) return signalFailure
        break
      }
      case 0xf0: // CREATE
      case 0xf5: {
        // CREATE2
        frame.gas = gas
        frame.size = sp
        frame.next = next
        const signal = beginCreate(machine, frame, ops[next - 1] === 0xf5)
        if (signal !== signalDone) return signal
        gas = frame.gas
        sp = frame.size
        break
      }
      case 0xf1: // CALL
      case 0xf2: // CALLCODE
      case 0xf4: // DELEGATECALL
      case 0xfa: {
        // STATICCALL
        frame.gas = gas
        frame.size = sp
        frame.next = next
        const signal = beginCall(machine, frame, ops[next - 1] as number)
        if (signal !== signalDone) return signal
        gas = frame.gas
        sp = frame.size
        break
      }
      case 0xf3: // RETURN
      case 0xfd: {
        // REVERT
        const offset = Number(stack[sp - 1])
        const size = Number(stack[sp - 2])
        gas -= growthGas(memory, offset, size, gas)
        if (gas < 0) return signalFailure
        frame.output = size === 0 ? emptyBytes : memory.slice(offset, size)
        frame.gas = gas
        return ops[next - 1] === 0xf3 ? signalSuccess : signalRevert
      }
      case 0x00: // STOP
        frame.gas = gas
        return signalSuccess
      case 0xff: // SELFDESTRUCT
        frame.gas = gas
        return selfDestruct(machine, frame, addressOf(stack[sp - 1] as bigint))
      default:
        // INVALID and every byte that is no instruction
        return frame.fail('invalid instruction')
    }
  }
  frame.gas = gas
  frame.size = sp
  return frame.leaveAt(at, next)
}
