/**
 * Code that spends its gas as slowly as an instruction allows: the worst operands, over and over.
 *
 * A loop repeats its body so often that the jump back is a small part, and runs until the gas is
 * gone. Instructions that read the state touch another account or slot each time, so that each read
 * is cold; the numbers come from a counter on the stack.
 */

import { Assembler } from './assembler.ts'

/** Code whose every run takes all gas it is given. */
export type WorstCode = { readonly name: string; readonly code: Uint8Array }

/** Accounts at `firstAddress`…: a balance each, and code of the greatest size, no two alike. */
export const firstAddress = 0x1000_0000n
/** Accounts with code of `jumpyCode`. */
export const firstJumpyAddress = 0x2000_0000n
/** Slots 0… of the account that runs, each with a value. */
export const firstSlot = 0n

/** Greatest code (EIP-170) and init code (EIP-3860), in bytes. */
export const codeSizeBytesMax = 24_576
const initCodeSizeBytesMax = 49_152

const ones = (1n << 256n) - 1n
const half = (1n << 255n) + 0x1234_5678_9abc_def0n
const odd = (1n << 191n) - 0x1357_9bdf_0246_8ace_1357n

/**
 * Code of a contract of the greatest size, no two alike: it jumps to its last byte, so that all of
 * it must be searched for jump destinations, which it consists of.
 */
export function fullCode(number: number): Uint8Array {
  const code = new Uint8Array(codeSizeBytesMax).fill(jumpDestination)
  // PUSH2, JUMP; PUSH4 with the number, which is not reached.
  code.set([0x61, (codeSizeBytesMax - 1) >> 8, (codeSizeBytesMax - 1) & 0xff, 0x56, 0x63])
  new DataView(code.buffer).setUint32(5, number)
  return code
}

/** As `fullCode`, but jump after jump, each to a destination nothing has led to before. */
export function jumpyCode(number: number): Uint8Array {
  const code = new Assembler().push(0x1_0000_0000 + number).op('POP')
  while (code.size + 7 <= codeSizeBytesMax) {
    const next = code.label()
    code.push(1).pushLabel(next).op('JUMPI').place(next)
  }
  return code.build()
}

const jumpDestination = 0x5b

/** Every case, by the instruction that makes it slow. */
export function worstCodes(): readonly WorstCode[] {
  return [...arithmetic(), ...stackAndFlow(), ...memory(), ...environment(), ...state(), ...calls()]
}

type Step = (assembler: Assembler) => unknown

/** `before` once, then `body` for ever. */
function loop(
  name: string,
  body: Step,
  options: { before?: Step; times?: number } = {},
): WorstCode {
  const { before, times = 200 } = options
  const assembler = new Assembler()
  before?.(assembler)
  const start = assembler.label()
  assembler.place(start)
  for (let time = 0; time < times; time++) body(assembler)
  assembler.pushLabel(start).op('JUMP')
  return { name, code: assembler.build() }
}

function arithmetic(): WorstCode[] {
  const binary = (name: string, left = ones, right = odd): WorstCode =>
    loop(name, (code) => code.op('DUP2', 'DUP2', name, 'POP'), {
      before: (code) => code.push(right, left),
    })
  const ternary = (name: string): WorstCode =>
    loop(name, (code) => code.op('DUP3', 'DUP3', 'DUP3', name, 'POP'), {
      before: (code) => code.push(odd, half, ones),
    })
  const unary = (name: string): WorstCode =>
    loop(name, (code) => code.op('DUP1', name, 'POP'), { before: (code) => code.push(odd) })
  return [
    ...['ADD', 'MUL', 'SUB', 'DIV', 'SDIV', 'MOD', 'SMOD', 'SLT', 'EQ', 'AND'].map((name) =>
      binary(name),
    ),
    binary('SIGNEXTEND', 15n, ones),
    binary('BYTE', 15n, ones),
    ...['SHL', 'SHR', 'SAR'].map((name) => binary(name, 97n, half)),
    binary('EXP', odd, ones),
    { ...binary('EXP', odd, 255n), name: 'EXPOfOneByte' },
    ternary('ADDMOD'),
    ternary('MULMOD'),
    unary('NOT'),
    unary('ISZERO'),
    unary('CLZ'),
  ]
}

function stackAndFlow(): WorstCode[] {
  const jump: Step = (code) => {
    const next = code.label()
    code.pushLabel(next).op('JUMP').place(next)
  }
  return [
    loop('JUMPDEST', (code) => code.op('JUMPDEST'), { times: 20_000 }),
    loop('JUMP', jump, { times: 4_000 }),
    loop('JUMPI', (code) => code.push(0, 0).op('JUMPI')),
    loop('PUSH32', (code) => code.push(ones).op('POP')),
    loop('DUP16', (code) => code.op('DUP16', 'POP'), { before: sixteen }),
    loop('SWAP16', (code) => code.op('SWAP16'), { before: (code) => sixteen(code.push(odd)) }),
    loop('PC', (code) => code.op('PC', 'POP')),
    loop('GAS', (code) => code.op('GAS', 'POP')),
  ]
}

const sixteen: Step = (code) => code.push(...Array.from({ length: 16 }, () => ones))

function memory(): WorstCode[] {
  const kibibyte = 1_024
  const sized =
    (size: number): Step =>
    (code) =>
      code.push(size - 1).op('MLOAD', 'POP')
  const hashOf = (size: number): WorstCode =>
    loop(`KECCAK256Of${size}Bytes`, (code) => code.push(size, 0).op('KECCAK256', 'POP'), {
      before: sized(size + 1),
      times: 50,
    })
  const copy = (name: string, size: number): WorstCode =>
    loop(`${name}Of${size}Bytes`, (code) => code.push(size, 1, 33).op(name), {
      before: sized(2 * size + 64),
      times: 50,
    })
  return [
    ...[0, 32, 136, 64 * kibibyte].map(hashOf),
    ...[32, 64 * kibibyte].flatMap((size) =>
      ['MCOPY', 'CALLDATACOPY', 'CODECOPY'].map((name) => copy(name, size)),
    ),
    loop('MLOADUnaligned', (code) => code.push(33).op('MLOAD', 'POP'), { before: sized(128) }),
    loop('MSTOREUnaligned', (code) => code.push(ones, 33).op('MSTORE'), { before: sized(128) }),
    loop('MSTORE8', (code) => code.push(ones, 33).op('MSTORE8'), { before: sized(128) }),
    // Each frame grows its memory anew: a call to itself that touches 256 KiB and stops.
    loop(
      'MemoryExpansion',
      (code) => code.push(0, 0, 0, 0).op('ADDRESS', 'GAS', 'STATICCALL', 'POP'),
      {
        before: (code) => {
          const outermost = code.label()
          code.op('CALLER', 'ADDRESS', 'EQ', 'ISZERO').pushLabel(outermost).op('JUMPI')
          code
            .push(1, 256 * kibibyte)
            .op('MSTORE8', 'STOP')
            .place(outermost)
        },
      },
    ),
    loop('LOG0', (code) => code.push(0, 0).op('LOG0')),
    loop('LOG4OfAKibibyte', (code) => code.push(1, 2, 3, 4, kibibyte, 0).op('LOG4'), {
      before: sized(2 * kibibyte),
    }),
  ]
}

function environment(): WorstCode[] {
  const plain = ['ADDRESS', 'CALLER', 'CALLVALUE', 'PREVRANDAO', 'BASEFEE', 'SELFBALANCE']
  const blockHash: Step = (code) => code.op('NUMBER').push(1).op('SWAP1', 'SUB', 'BLOCKHASH', 'POP')
  return [
    ...plain.map((name) => loop(name, (code) => code.op(name, 'POP'))),
    loop('CALLDATALOAD', (code) => code.push(5).op('CALLDATALOAD', 'POP')),
    loop('BLOCKHASH', blockHash),
    ...['BALANCE', 'EXTCODESIZE', 'EXTCODEHASH'].map((name) =>
      loop(`${name}Warm`, (code) => code.push(firstAddress).op(name, 'POP')),
    ),
    loop('EXTCODECOPYWarm', (code) => {
      code.push(codeSizeBytesMax, 0, 0, firstAddress).op('EXTCODECOPY')
    }),
    loop('SLOADWarm', (code) => code.push(5).op('SLOAD', 'POP')),
    loop('SSTOREWarm', (code) => code.op('GAS').push(5).op('SSTORE')),
    loop('TLOAD', (code) => code.push(5).op('TLOAD', 'POP')),
    loop('TSTORE', (code) => code.op('GAS').push(5).op('TSTORE')),
    loop('TSTOREOfNewSlots', (code) => code.op('GAS', 'GAS', 'TSTORE')),
  ]
}

/** The counter is on the stack: `use` finds it on top, and must leave it there. */
function counting(name: string, start: bigint, use: Step): WorstCode {
  const body: Step = (code) => {
    use(code)
    code.push(1).op('ADD')
  }
  return loop(name, body, { before: (code) => code.push(start), times: 50 })
}

function state(): WorstCode[] {
  return [
    counting('SLOADCold', firstSlot, (code) => code.op('DUP1', 'SLOAD', 'POP')),
    // From a value to another, of slots in the trie.
    counting('SSTOREColdChanged', firstSlot, (code) => code.op('GAS', 'DUP2', 'SSTORE')),
    counting('SSTOREColdCleared', firstSlot, (code) => code.push(0).op('DUP2', 'SSTORE')),
    counting('SSTOREColdNew', 1n << 200n, (code) => code.op('GAS', 'DUP2', 'SSTORE')),
    ...['BALANCE', 'EXTCODEHASH', 'EXTCODESIZE'].map((name) =>
      counting(`${name}Cold`, firstAddress, (code) => code.op('DUP1', name, 'POP')),
    ),
    counting('BALANCEOfNobody', 1n << 150n, (code) => code.op('DUP1', 'BALANCE', 'POP')),
    counting('EXTCODECOPYCold', firstAddress, (code) => {
      code.push(32, 0, 0).op('DUP4', 'EXTCODECOPY')
    }),
  ]
}

function calls(): WorstCode[] {
  /** Calls the address on top of the stack, which stays. */
  const callTop =
    (name: string, value: boolean): Step =>
    (code) => {
      const words = value ? [0, 0, 0, 0, 1] : [0, 0, 0, 0]
      code.push(...words).op(`DUP${words.length + 1}`, 'GAS', name, 'POP')
    }
  const callOf = (name: string, address: bigint): WorstCode =>
    loop(`${name}Warm`, callTop(name, false), { before: (code) => code.push(address) })
  return [
    callOf('STATICCALL', 1n << 150n),
    callOf('DELEGATECALL', firstAddress),
    loop('CALLOfIdentity', callTop('STATICCALL', false), { before: (code) => code.push(4) }),
    // Each callee is another contract of the greatest size, whose jumps must be analysed.
    counting('CALLCold', firstAddress, callTop('STATICCALL', false)),
    counting('CALLColdOfJumps', firstJumpyAddress, callTop('STATICCALL', false)),
    counting('CALLWithValueToNobody', 1n << 150n, callTop('CALL', true)),
    loop('CREATEOfNothing', (code) => code.push(0, 0, 0).op('CREATE', 'POP')),
    creation('CREATEOfLargeInitCode', (code) => code.op('CREATE', 'POP')),
    creation('CREATE2OfLargeInitCode', (code) => code.op('CREATE2', 'POP')),
  ]
}

/** Init code of the greatest size, other bytes each time: STOP, then jump destinations. */
function creation(name: string, create: Step): WorstCode {
  const before: Step = (code) => {
    // Jump destinations by doubling: 32 bytes, then copies of all there is.
    code.push(BigInt(`0x${'5b'.repeat(32)}`), 0).op('MSTORE')
    for (let size = 32; size < initCodeSizeBytesMax; size *= 2) {
      const count = Math.min(size, initCodeSizeBytesMax - size)
      code.push(count, 0, size).op('MCOPY')
    }
    code.push(0, 0).op('MSTORE8')
  }
  const body: Step = (code) => {
    code.op('GAS').push(1).op('MSTORE')
    // A salt, for CREATE2 to take and CREATE to leave below.
    code.push(7)
    code.push(initCodeSizeBytesMax, 0, 0)
    create(code)
  }
  return loop(name, body, { before, times: 20 })
}
