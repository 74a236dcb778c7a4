/**
 * Code made ready to run, once per code and rule set.
 *
 * The bytes become a list of instructions in which pushes carry their word, jumps with a pushed
 * target carry the instruction they go to, and code that no jump reaches is left out. Before every
 * basic block stands a `begin` instruction with the sums over the block: its static gas, the stack
 * it needs and the most it adds. The machine checks these once a block instead of at every
 * instruction. That is exact:
 *
 * - A block is left early only by an exceptional halt, which takes all gas and undoes everything,
 * so
 *   it does not matter which instruction of the block was the one that ran out.
 * - Instructions that see the gas left (GAS, SSTORE, the calls and creates) end their block, so at
 *   each of them exactly the gas up to it has been taken.
 *
 * In a traced program every instruction is its own block, which makes each step visible.
 */

import { bytesToBigint } from '@zg/primitives'

import type { Fork } from './fork.ts'
import { opcodeAt } from './opcodes.ts'

/** Instruction bytes of ours, in places no opcode has. */
const beginOp = 0x0c
const jumpToOp = 0x0d
const jumpIfToOp = 0x0e
const jumpUnlessToOp = 0x0f
const pushOp = 0x60
const dupOp = 0x80
const swapOp = 0x90
const invalidOp = 0xfe

/** Numbers a `begin` instruction's argument points at: gas, stack needed, stack growth, pc. */
const blockFields = 4

/** Instructions ready to run. */
export type Program = {
  readonly ops: Uint8Array
  /** One a instruction: index of a word, of a block, or of the instruction jumped to (-1: none). */
  readonly args: Int32Array
  readonly words: readonly bigint[]
  readonly blocks: Int32Array
  /** By byte of code: the instruction of a JUMPDEST there, else -1. */
  readonly jumpTargets: Int32Array
}

/** What the decoder asks of every byte, by byte. */
type OpcodeTable = {
  /** 0 plain, or one of the kinds below. */
  readonly kinds: Uint8Array
  readonly gas: Uint16Array
  readonly inputs: Uint8Array
  readonly outputs: Uint8Array
}

const tables = new Map<Fork, OpcodeTable>()

const smallWords = Array.from({ length: 256 }, (_, value) => BigInt(value))

/** Kinds of instruction as the decoder sees them. */
const endsBlock = 1
const endsFlow = 2
const isNone = 3

/** Makes `code` ready under the rules of `fork`. */
export function prepareProgram(code: Uint8Array, fork: Fork, isTraced: boolean): Program {
  return new Decoder(code, tableOf(fork), isTraced).decode()
}

class Decoder {
  readonly #code: Uint8Array
  readonly #table: OpcodeTable
  readonly #isTraced: boolean
  readonly #ops: Uint8Array
  readonly #args: Int32Array
  #blocks: Int32Array
  #blockCount = 0
  readonly #words: bigint[] = [...smallWords]
  readonly #jumpTargets: Int32Array
  readonly #staticJumps: number[] = []
  #count = 0
  #isReachable = true
  // The open block: its stack use so far.
  #isOpen = false
  #height = 0
  #need = 0
  #growth = 0
  #gas = 0

  constructor(code: Uint8Array, table: OpcodeTable, isTraced: boolean) {
    this.#code = code
    this.#table = table
    this.#isTraced = isTraced
    // At most one `begin` an instruction, and a STOP with its own at the end.
    this.#ops = new Uint8Array(2 * code.length + 4)
    this.#args = new Int32Array(2 * code.length + 4)
    this.#jumpTargets = new Int32Array(code.length).fill(-1)
    // Enough for a block in every four bytes; more is rare.
    this.#blocks = new Int32Array(Math.max(64, code.length & ~3))
  }

  decode(): Program {
    const code = this.#code
    for (let pc = 0; pc < code.length;) {
      const byte = code[pc] as number
      if (byte === 0x5b) pc += this.#jumpDestination(pc)
      else pc += this.#isReachable ? this.#instruction(pc, byte) : sizeOf(byte)
    }
    if (this.#isReachable) {
      this.#ensureOpen(code.length)
      this.#emit(0x00, 0)
    }
    this.#close()
    this.#link()
    return {
      ops: this.#ops.slice(0, this.#count),
      args: this.#args.slice(0, this.#count),
      words: this.#words,
      blocks: this.#blocks.slice(0, blockFields * this.#blockCount),
      jumpTargets: this.#jumpTargets,
    }
  }

  /** A JUMPDEST begins a block, whose `begin` instruction stands for it. */
  #jumpDestination(pc: number): number {
    this.#close()
    this.#open(pc)
    this.#jumpTargets[pc] = this.#count - 1
    this.#account(0x5b)
    if (this.#isTraced) this.#close()
    this.#isReachable = true
    return 1
  }

  /** Emits the instruction at `pc`; returns how many bytes of code it covers. */
  #instruction(pc: number, byte: number): number {
    this.#ensureOpen(pc)
    const kind = this.#table.kinds[byte] as number
    if (kind === isNone) {
      this.#emit(invalidOp, 0)
      this.#endFlow()
      return 1
    }
    this.#account(byte)
    let size = 1
    if (byte >= 0x5f && byte <= 0x7f) size = this.#push(pc, byte - 0x5f)
    else if (byte >= 0x80 && byte <= 0x8f) this.#emit(dupOp, byte - 0x7f)
    else if (byte >= 0x90 && byte <= 0x9f) this.#emit(swapOp, byte - 0x8e)
    else if (byte >= 0xa0 && byte <= 0xa4) this.#emit(0xa0, byte - 0xa0)
    else if (byte === 0x58) this.#emit(pushOp, this.#wordIndex(BigInt(pc)))
    else this.#emit(byte, 0)
    if (kind === endsFlow) this.#endFlow()
    else if (this.#isTraced || kind === endsBlock) this.#close()
    return size
  }

  #push(pc: number, size: number): number {
    const code = this.#code
    if (size > 0 && size <= 4 && !this.#isTraced) {
      const next = code[pc + 1 + size]
      if (next === 0x56 || next === 0x57) return this.#pushAndJump({ pc, size, next })
    }
    if (size === 0) this.#emit(pushOp, 0)
    else if (size === 1) this.#emit(pushOp, code[pc + 1] ?? 0)
    else this.#emit(pushOp, this.#pushedWord(pc, size))
    return size + 1
  }

  #pushedWord(pc: number, size: number): number {
    if (size > 6) {
      let word = bytesToBigint(this.#code.subarray(pc + 1, pc + 1 + size))
      const missing = pc + 1 + size - this.#code.length
      if (missing > 0) word <<= BigInt(8 * missing)
      return this.#wordIndex(word)
    }
    let word = 0
    // Code that ends within a push goes on with zeros.
    for (let at = pc + 1; at <= pc + size; at++) word = word * 256 + (this.#code[at] ?? 0)
    if (word < 256) return word
    this.#words.push(BigInt(word))
    return this.#words.length - 1
  }

  /** PUSH target, JUMP or JUMPI as one instruction; before them ISZERO joins a JUMPI. */
  #pushAndJump({ pc, size, next }: { pc: number; size: number; next: number }): number {
    let target = 0
    for (let at = pc + 1; at <= pc + size; at++) target = target * 256 + (this.#code[at] as number)
    this.#account(next)
    this.#staticJumps.push(this.#count)
    const known = target < this.#code.length ? target : -1
    if (next === 0x56) {
      this.#emit(jumpToOp, known)
      this.#endFlow()
    } else if (this.#ops[this.#count - 1] === 0x15) {
      this.#count--
      this.#staticJumps[this.#staticJumps.length - 1] = this.#count
      this.#emit(jumpUnlessToOp, known)
    } else {
      this.#emit(jumpIfToOp, known)
    }
    this.#close()
    return size + 2
  }

  #wordIndex(word: bigint): number {
    if (word < 256n) return Number(word)
    this.#words.push(word)
    return this.#words.length - 1
  }

  #emit(op: number, arg: number): void {
    this.#ops[this.#count] = op
    this.#args[this.#count] = arg
    this.#count++
  }

  /** Adds an instruction to the sums of the open block. */
  #account(byte: number): void {
    const { gas, inputs, outputs } = this.#table
    const taken = inputs[byte] as number
    this.#gas += gas[byte] as number
    const need = taken - this.#height
    if (need > this.#need) this.#need = need
    this.#height += (outputs[byte] as number) - taken
    if (this.#height > this.#growth) this.#growth = this.#height
  }

  /** What follows is reached by jumps only. */
  #endFlow(): void {
    this.#close()
    this.#isReachable = false
  }

  #ensureOpen(pc: number): void {
    if (!this.#isOpen) this.#open(pc)
  }

  #open(pc: number): void {
    this.#isOpen = true
    this.#height = 0
    this.#need = 0
    this.#growth = 0
    this.#gas = 0
    const at = blockFields * this.#blockCount++
    if (at === this.#blocks.length) this.#growBlocks()
    this.#blocks[at + 3] = pc
    this.#emit(beginOp, at)
  }

  #growBlocks(): void {
    const blocks = new Int32Array(2 * this.#blocks.length)
    blocks.set(this.#blocks)
    this.#blocks = blocks
  }

  #close(): void {
    if (!this.#isOpen) return
    const at = blockFields * (this.#blockCount - 1)
    this.#blocks[at] = this.#gas
    this.#blocks[at + 1] = this.#need
    this.#blocks[at + 2] = this.#growth
    this.#isOpen = false
  }

  /** Turns the targets of static jumps from bytes of code into instructions. */
  #link(): void {
    for (const index of this.#staticJumps) {
      const target = this.#args[index] as number
      this.#args[index] = target < 0 ? -1 : (this.#jumpTargets[target] as number)
    }
  }
}

function tableOf(fork: Fork): OpcodeTable {
  let table = tables.get(fork)
  if (table === undefined) tables.set(fork, (table = buildTable(fork)))
  return table
}

function buildTable(fork: Fork): OpcodeTable {
  const kinds = new Uint8Array(256).fill(isNone)
  const gas = new Uint16Array(256)
  const inputs = new Uint8Array(256)
  const outputs = new Uint8Array(256)
  for (let byte = 0; byte < 256; byte++) {
    const opcode = opcodeAt(byte, fork)
    if (opcode === undefined) continue
    kinds[byte] = 0
    gas[byte] = opcode.gas
    inputs[byte] = opcode.inputs
    outputs[byte] = opcode.outputs
  }
  // JUMPI, GAS, SSTORE, CREATE, CALL, CALLCODE, DELEGATECALL, CREATE2, STATICCALL
  for (const byte of [0x57, 0x5a, 0x55, 0xf0, 0xf1, 0xf2, 0xf4, 0xf5, 0xfa]) kinds[byte] = endsBlock
  // STOP, JUMP, RETURN, REVERT, INVALID, SELFDESTRUCT
  for (const byte of [0x00, 0x56, 0xf3, 0xfd, 0xfe, 0xff]) kinds[byte] = endsFlow
  return { kinds, gas, inputs, outputs }
}

function sizeOf(byte: number): number {
  return byte >= 0x60 && byte <= 0x7f ? byte - 0x5e : 1
}
