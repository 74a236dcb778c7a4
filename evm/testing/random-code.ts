/**
 * Random bytecode that means something: statements over balanced stacks, loops that end, calls
 * among the accounts of a scenario, creations of code that is random too, and now and then plain
 * noise.
 */

import type { Fork } from '../fork.ts'
import { Assembler } from './assembler.ts'
import type { Random } from './random.ts'

/** Where random code lives. */
export type CodeWorld = {
  readonly random: Random
  readonly fork: Fork
  /** Contracts that are there from the start. */
  readonly contracts: readonly bigint[]
  /** All addresses worth calling. */
  readonly addresses: readonly bigint[]
}

const binary = wordsOf(
  'ADD MUL SUB DIV SDIV MOD SMOD EXP SIGNEXTEND LT GT SLT SGT EQ AND OR XOR BYTE SHL SHR SAR',
)

/** Whose top operand means something when it is small. */
const indexed = ['SIGNEXTEND', 'BYTE', 'SHL', 'SHR', 'SAR', 'EXP'] as const

const nullary = [
  ...wordsOf('ADDRESS ORIGIN CALLER CALLVALUE CALLDATASIZE CODESIZE GASPRICE RETURNDATASIZE'),
  ...wordsOf('COINBASE TIMESTAMP NUMBER PREVRANDAO GASLIMIT CHAINID SELFBALANCE BASEFEE'),
  ...wordsOf('BLOBBASEFEE PC MSIZE GAS PUSH0'),
]

const copies = ['CALLDATACOPY', 'CODECOPY', 'MCOPY'] as const

/** Returns the code of a contract. */
export function randomCode(world: CodeWorld, depth = 0): Uint8Array {
  const { random } = world
  if (random.chance(2)) return random.bytes(random.below(60))
  const code = new Assembler()
  // What an earlier message of the transaction left, and whether its undoing was whole.
  if (random.chance(20)) code.push(random.below(3)).op('TLOAD').push(4).op('SSTORE')
  const count = 1 + random.below(depth === 0 ? 14 : 5)
  for (let index = 0; index < count; index++) statement(world, code, depth)
  ending(world, code)
  return code.build()
}

/** Returns code that creates a contract. */
export function randomInitCode(world: CodeWorld, depth = 0): Uint8Array {
  const { random } = world
  if (random.chance(8)) return random.bytes(random.below(40))
  const code = new Assembler()
  const count = random.below(4)
  for (let index = 0; index < count; index++) statement(world, code, depth + 1)
  const runtime = random.chance(4) ? Uint8Array.of(0xef, 1) : randomCode(world, depth + 1)
  writeToMemory(code, runtime)
  if (random.chance(8)) ending(world, code)
  return code.push(runtime.length, 0).op('RETURN').build()
}

function statement(world: CodeWorld, code: Assembler, depth: number): void {
  const { random } = world
  const kind = random.below(40)
  if (kind < 6) arithmetic(world, code)
  else if (kind < 9) storeResult(world, code)
  else if (kind < 14) storage(world, code)
  else if (kind < 16) transient(world, code)
  else if (kind < 19) memory(world, code)
  else if (kind < 21) copy(world, code)
  else if (kind < 24) inspect(world, code)
  else if (kind < 26) log(world, code)
  else if (kind < 33) callOther(world, code)
  else if (kind < 35 && depth < 2) create(world, code, depth)
  else if (kind < 37 && depth < 2) branch(world, code, depth)
  else if (kind < 38 && depth < 2) loop(world, code, depth)
  else if (kind === 38) shuffle(world, code)
  else if (random.chance(15)) selfDestruct(world, code)
  else value(world, code).op('POP')
}

/** One word on the stack. */
function value(world: CodeWorld, code: Assembler): Assembler {
  const { random } = world
  const kind = random.below(10)
  if (kind < 5) return code.push(random.word())
  if (kind < 7) return code.op(random.pick(nullary))
  if (kind === 7) return code.push(random.pick(world.addresses))
  if (kind === 8) return code.push(random.below(200)).op('CALLDATALOAD')
  return code.push(random.below(96)).op('MLOAD')
}

function arithmetic(world: CodeWorld, code: Assembler): void {
  const { random, fork } = world
  value(world, code)
  const count = 1 + random.below(4)
  for (let index = 0; index < count; index++) {
    const kind = random.below(10)
    if (kind < 5) value(world, code).op(random.pick(binary))
    else if (kind < 7) code.push(random.below(40)).op(random.pick(indexed))
    else if (kind === 7) code.op(random.pick(['ISZERO', 'NOT', 'BLOBHASH', 'BLOCKHASH']))
    else if (kind === 8) {
      value(world, code)
      value(world, code).op(random.pick(['ADDMOD', 'MULMOD']))
    } else if (fork === 'osaka' || random.chance(3)) code.op('CLZ')
  }
  sink(world, code)
}

/** Takes one word off, to where the comparison can see it. */
function sink(world: CodeWorld, code: Assembler): void {
  const { random } = world
  if (random.chance(50)) code.push(random.below(5)).op('SSTORE')
  else code.push(32 * random.below(4)).op('MSTORE')
}

function storeResult(world: CodeWorld, code: Assembler): void {
  value(world, code)
  sink(world, code)
}

function storage(world: CodeWorld, code: Assembler): void {
  const { random } = world
  const slot = random.chance(85) ? BigInt(random.below(5)) : random.word()
  const count = 1 + random.below(3)
  for (let index = 0; index < count; index++) {
    if (random.chance(40)) code.push(slot).op('SLOAD').push(32).op('MSTORE')
    else code.push(random.pick([0n, 0n, 1n, 2n, random.word()]), slot).op('SSTORE')
  }
}

function transient(world: CodeWorld, code: Assembler): void {
  const { random } = world
  if (random.chance(50)) code.push(random.word(), random.below(3)).op('TSTORE')
  else {
    code.push(random.below(3)).op('TLOAD')
    sink(world, code)
  }
}

function memory(world: CodeWorld, code: Assembler): void {
  const { random } = world
  const offset = random.chance(98) ? random.below(300) : random.word()
  const kind = random.below(4)
  if (kind === 0) value(world, code).push(offset).op('MSTORE')
  else if (kind === 1) value(world, code).push(offset).op('MSTORE8')
  else if (kind === 2) code.push(offset).op('MLOAD', 'POP')
  else {
    code.push(random.below(130), random.below(200)).op('KECCAK256')
    sink(world, code)
  }
}

function copy(world: CodeWorld, code: Assembler): void {
  const { random } = world
  const far = random.chance(3) ? random.word() : 0n
  code.push(random.below(100), BigInt(random.below(80)) + (far >> 1n), random.below(200))
  // Past the end of the return data it fails, so not too often.
  code.op(random.chance(6) ? 'RETURNDATACOPY' : random.pick(copies))
}

function inspect(world: CodeWorld, code: Assembler): void {
  const { random } = world
  const address = random.pick(world.addresses)
  if (random.chance(25)) {
    code.push(random.below(60), random.below(40), random.below(100), address).op('EXTCODECOPY')
    return
  }
  code.push(address).op(random.pick(['BALANCE', 'EXTCODESIZE', 'EXTCODEHASH']))
  sink(world, code)
}

function log(world: CodeWorld, code: Assembler): void {
  const { random } = world
  const topics = random.below(5)
  for (let index = 0; index < topics; index++) value(world, code)
  code.push(random.below(100), random.below(150)).op(`LOG${topics}`)
}

function callOther(world: CodeWorld, code: Assembler): void {
  const { random } = world
  if (random.chance(15)) code.push(random.word(), random.below(3)).op('TSTORE')
  const name = random.pick(['CALL', 'CALL', 'CALL', 'DELEGATECALL', 'STATICCALL', 'CALLCODE'])
  const hasValue = name === 'CALL' || name === 'CALLCODE'
  code.push(random.below(70), random.below(200), random.below(140), random.below(200))
  if (hasValue) code.push(random.chance(60) ? 0 : random.pick([1n, 7n, 1000n, random.word()]))
  code.push(random.pick(random.chance(60) ? world.contracts : world.addresses))
  if (random.chance(70)) code.op('GAS')
  else code.push(random.pick([0, 100, 2300, 3000, 10_000, 60_000, random.below(5000)]))
  code.op(name)
  sink(world, code)
  if (random.chance(25)) {
    code.push(random.below(3)).op('TLOAD')
    sink(world, code)
  }
  if (random.chance(40)) code.op('RETURNDATASIZE').push(0, 160).op('RETURNDATACOPY')
  if (random.chance(25)) code.op('RETURNDATASIZE').push(random.below(5)).op('SSTORE')
}

function create(world: CodeWorld, code: Assembler, depth: number): void {
  const { random } = world
  const initCode = randomInitCode(world, depth + 1)
  writeToMemory(code, initCode)
  const isCreate2 = random.chance(50)
  const isCalled = random.chance(50)
  if (isCalled) code.push(32, 0, 64, 0, 0)
  if (isCreate2) code.push(random.below(3))
  code.push(initCode.length, 0, random.chance(75) ? 0 : random.below(50))
  code.op(isCreate2 ? 'CREATE2' : 'CREATE')
  if (isCalled) code.op('GAS', 'CALL')
  sink(world, code)
}

function branch(world: CodeWorld, code: Assembler, depth: number): void {
  const { random } = world
  const after = code.label()
  value(world, code)
  if (random.chance(50)) code.op('ISZERO')
  code.pushLabel(after).op('JUMPI')
  statement(world, code, depth + 1)
  code.place(after)
}

function loop(world: CodeWorld, code: Assembler, depth: number): void {
  const { random } = world
  const again = code.label()
  code.push(1 + random.below(5)).place(again)
  statement(world, code, depth + 1)
  code.push(1).op('SWAP1', 'SUB', 'DUP1').pushLabel(again).op('JUMPI', 'POP')
}

function shuffle(world: CodeWorld, code: Assembler): void {
  const { random } = world
  const count = 2 + random.below(15)
  for (let index = 0; index < count; index++) value(world, code)
  for (let index = 0; index < 3; index++) {
    code.op(`SWAP${1 + random.below(count - 1)}`)
    code.op(`DUP${1 + random.below(count)}`)
    sink(world, code)
  }
  for (let index = 0; index < count; index++) code.op('POP')
}

function selfDestruct(world: CodeWorld, code: Assembler): void {
  const { random } = world
  if (random.chance(25)) code.op('ADDRESS')
  else code.push(random.pick(world.addresses))
  code.op('SELFDESTRUCT')
}

function ending(world: CodeWorld, code: Assembler): void {
  const { random } = world
  const kind = random.below(100)
  if (kind < 40) code.push(random.below(100), random.below(100)).op('RETURN')
  else if (kind < 52) code.push(random.below(70), random.below(100)).op('REVERT')
  else if (kind < 60) selfDestruct(world, code)
  else if (kind < 64) code.op(random.pick(['INVALID', 'POP', 'ADD', 'JUMP', 'SWAP16', 'DUP9']))
  else if (kind < 67) code.push(random.below(200)).op('JUMP')
  else if (kind < 80) code.op('STOP')
}

function writeToMemory(code: Assembler, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length; offset += 32) {
    const part = new Uint8Array(32)
    part.set(bytes.subarray(offset, offset + 32))
    code
      .raw([0x7f, ...part])
      .push(offset)
      .op('MSTORE')
  }
}

function wordsOf(line: string): string[] {
  return line.split(' ')
}
