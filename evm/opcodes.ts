/**
 * The instructions: their bytes, what they take from and leave on the stack, and the gas they cost
 * whatever their operands (Yellow Paper, appendix H, with the EIPs up to Osaka).
 *
 * Costs that depend on operands or on the state are in `gas.ts`; an instruction whose cost is all
 * dynamic stands here with 0, one with a warm/cold split with 0 too.
 */

import type { Fork } from './fork.ts'
import { atLeast } from './fork.ts'

/** One instruction. */
export type Opcode = {
  readonly name: string
  /** Words it takes. */
  readonly inputs: number
  /** Words it leaves. */
  readonly outputs: number
  readonly gas: number
}

const zero = 0
const base = 2
const veryLow = 3
const low = 5
const mid = 8
const high = 10

type Row = readonly [byte: number, name: string, inputs: number, outputs: number, gas: number]

// prettier-ignore
const rows: readonly Row[] = [
  [0x00, 'STOP', 0, 0, zero],
  [0x01, 'ADD', 2, 1, veryLow],
  [0x02, 'MUL', 2, 1, low],
  [0x03, 'SUB', 2, 1, veryLow],
  [0x04, 'DIV', 2, 1, low],
  [0x05, 'SDIV', 2, 1, low],
  [0x06, 'MOD', 2, 1, low],
  [0x07, 'SMOD', 2, 1, low],
  [0x08, 'ADDMOD', 3, 1, mid],
  [0x09, 'MULMOD', 3, 1, mid],
  [0x0a, 'EXP', 2, 1, high],
  [0x0b, 'SIGNEXTEND', 2, 1, low],
  [0x10, 'LT', 2, 1, veryLow],
  [0x11, 'GT', 2, 1, veryLow],
  [0x12, 'SLT', 2, 1, veryLow],
  [0x13, 'SGT', 2, 1, veryLow],
  [0x14, 'EQ', 2, 1, veryLow],
  [0x15, 'ISZERO', 1, 1, veryLow],
  [0x16, 'AND', 2, 1, veryLow],
  [0x17, 'OR', 2, 1, veryLow],
  [0x18, 'XOR', 2, 1, veryLow],
  [0x19, 'NOT', 1, 1, veryLow],
  [0x1a, 'BYTE', 2, 1, veryLow],
  [0x1b, 'SHL', 2, 1, veryLow],
  [0x1c, 'SHR', 2, 1, veryLow],
  [0x1d, 'SAR', 2, 1, veryLow],
  [0x1e, 'CLZ', 1, 1, low],
  [0x20, 'KECCAK256', 2, 1, 30],
  [0x30, 'ADDRESS', 0, 1, base],
  [0x31, 'BALANCE', 1, 1, 0],
  [0x32, 'ORIGIN', 0, 1, base],
  [0x33, 'CALLER', 0, 1, base],
  [0x34, 'CALLVALUE', 0, 1, base],
  [0x35, 'CALLDATALOAD', 1, 1, veryLow],
  [0x36, 'CALLDATASIZE', 0, 1, base],
  [0x37, 'CALLDATACOPY', 3, 0, veryLow],
  [0x38, 'CODESIZE', 0, 1, base],
  [0x39, 'CODECOPY', 3, 0, veryLow],
  [0x3a, 'GASPRICE', 0, 1, base],
  [0x3b, 'EXTCODESIZE', 1, 1, 0],
  [0x3c, 'EXTCODECOPY', 4, 0, 0],
  [0x3d, 'RETURNDATASIZE', 0, 1, base],
  [0x3e, 'RETURNDATACOPY', 3, 0, veryLow],
  [0x3f, 'EXTCODEHASH', 1, 1, 0],
  [0x40, 'BLOCKHASH', 1, 1, 20],
  [0x41, 'COINBASE', 0, 1, base],
  [0x42, 'TIMESTAMP', 0, 1, base],
  [0x43, 'NUMBER', 0, 1, base],
  [0x44, 'PREVRANDAO', 0, 1, base],
  [0x45, 'GASLIMIT', 0, 1, base],
  [0x46, 'CHAINID', 0, 1, base],
  [0x47, 'SELFBALANCE', 0, 1, low],
  [0x48, 'BASEFEE', 0, 1, base],
  [0x49, 'BLOBHASH', 1, 1, veryLow],
  [0x4a, 'BLOBBASEFEE', 0, 1, base],
  [0x50, 'POP', 1, 0, base],
  [0x51, 'MLOAD', 1, 1, veryLow],
  [0x52, 'MSTORE', 2, 0, veryLow],
  [0x53, 'MSTORE8', 2, 0, veryLow],
  [0x54, 'SLOAD', 1, 1, 0],
  [0x55, 'SSTORE', 2, 0, 0],
  [0x56, 'JUMP', 1, 0, mid],
  [0x57, 'JUMPI', 2, 0, high],
  [0x58, 'PC', 0, 1, base],
  [0x59, 'MSIZE', 0, 1, base],
  [0x5a, 'GAS', 0, 1, base],
  [0x5b, 'JUMPDEST', 0, 0, 1],
  [0x5c, 'TLOAD', 1, 1, 100],
  [0x5d, 'TSTORE', 2, 0, 100],
  [0x5e, 'MCOPY', 3, 0, veryLow],
  [0x5f, 'PUSH0', 0, 1, base],
  [0xf0, 'CREATE', 3, 1, 32_000],
  [0xf1, 'CALL', 7, 1, 0],
  [0xf2, 'CALLCODE', 7, 1, 0],
  [0xf3, 'RETURN', 2, 0, 0],
  [0xf4, 'DELEGATECALL', 6, 1, 0],
  [0xf5, 'CREATE2', 4, 1, 32_000],
  [0xfa, 'STATICCALL', 6, 1, 0],
  [0xfd, 'REVERT', 2, 0, 0],
  [0xfe, 'INVALID', 0, 0, 0],
  [0xff, 'SELFDESTRUCT', 1, 0, 5_000],
]

const table = buildTable()

/** Returns the instruction of a byte under `fork`, or undefined when it is none. */
export function opcodeAt(byte: number, fork: Fork): Opcode | undefined {
  // CLZ came with Osaka (EIP-7939).
  if (byte === 0x1e && !atLeast(fork, 'osaka')) return undefined
  return table[byte]
}

/** Name of a byte, for traces: 'INVALID' for what is no instruction. */
export function opcodeName(byte: number): string {
  return table[byte]?.name ?? 'INVALID'
}

function buildTable(): (Opcode | undefined)[] {
  const opcodes: (Opcode | undefined)[] = Array.from({ length: 256 })
  for (const [byte, name, inputs, outputs, gas] of rows) {
    opcodes[byte] = { name, inputs, outputs, gas }
  }
  for (let size = 1; size <= 32; size++) {
    opcodes[0x5f + size] = { name: `PUSH${size}`, inputs: 0, outputs: 1, gas: veryLow }
  }
  for (let depth = 1; depth <= 16; depth++) {
    opcodes[0x7f + depth] = { name: `DUP${depth}`, inputs: depth, outputs: depth + 1, gas: veryLow }
    const swapped = depth + 1
    opcodes[0x8f + depth] = {
      name: `SWAP${depth}`,
      inputs: swapped,
      outputs: swapped,
      gas: veryLow,
    }
  }
  for (let topics = 0; topics <= 4; topics++) {
    const gas = 375 * (topics + 1)
    opcodes[0xa0 + topics] = { name: `LOG${topics}`, inputs: topics + 2, outputs: 0, gas }
  }
  return opcodes
}
