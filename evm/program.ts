/**
 * Code made ready to run, piece by piece as it is reached, once per code and rule set.
 *
 * The bytes become a list of instructions in which pushes carry their word and jumps with a pushed
 * target carry the instruction they go to. Before every basic block stands a `begin` instruction
 * with the sums over the block: its static gas, the stack it needs and the most it adds. The
 * machine checks these once a block instead of at every instruction. That is exact:
 *
 * - A block is left early only by an exceptional halt, which takes all gas and undoes everything,
 *   so it does not matter which instruction of the block was the one that ran out.
 * - Instructions that see the gas left (GAS, SSTORE, the calls and creates) end their block, so at
 *   each of them exactly the gas up to it has been taken.
 *
 * What is reached is paid for; the rest is not: a call to a contract of 24 KiB costs 2,600 gas, and
 * making all of it ready would take a millisecond. So a piece ends where the flow does, at a
 * branch, or after `pieceSizeMax` instructions. There stands `more`, or a jump whose target is not
 * an instruction yet. Running into one of them, the machine leaves the loop and asks `prepare` for
 * the rest:
 *
 *     first        begin … JUMPI → pc 70 | more → pc 12
 *     not taken    begin … JUMPI → pc 70 | begin (pc 12) …
 *     then taken   begin … JUMPI ──┐     | begin (pc 12) … | begin (pc 70) …
 *                                  └────────────────────────▲
 *
 * Whether a byte is a jump destination (0x5b that is no part of a push) depends on all code before
 * it: where the first instruction of every 256 bytes begins is found once, up to there.
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
const moreOp = 0x1f
const pushOp = 0x60
const dupOp = 0x80
const swapOp = 0x90
const invalidOp = 0xfe

/** Numbers a `begin` instruction's argument points at: gas, stack needed, stack growth, pc. */
const blockFields = 4

/** A table over all bytes of code is worth it from so many ready jump destinations on. */
const firstTargetsMax = 64

/** Jump destinations are told apart from pushed bytes in stretches of 2^stretchBits bytes. */
const stretchBits = 8

/** Instructions of one piece, about: how much is made ready without being reached. */
const pieceSizeMax = 64

/**
 * Where a jump goes: at least 0 is an instruction, `noTarget` no place to go to, and anything below
 * a byte of code that is not made ready yet (`unready(pc)`), and maybe no destination.
 */
type Target = number

export const noTarget = -1

/** The target that stands for a byte of code; its own inverse. */
function unready(pc: number): Target {
  return -2 - pc
}

/** No code is longer (init code ends at 48 KiB); a target above needs no looking for. */
const pcMax = 1n << 24n

/** Where a jump to a byte of code goes, as far as `Program.jumpTargets` knows. */
export function targetOf(jumpTargets: Int32Array, pc: bigint): Target {
  if (pc > pcMax) return noTarget
  const at = Number(pc)
  const ready = at < jumpTargets.length ? (jumpTargets[at] as number) : 0
  return ready > 0 ? ready - 1 : unready(at)
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

/** Instructions ready to run; the arrays are replaced as it grows. */
export class Program {
  ops: Uint8Array
  /** One a instruction: index of a word, of a block, or a `Target`. */
  args: Int32Array
  readonly words: bigint[] = [...smallWords]
  blocks: Int32Array
  /** By byte of code: one more than the index of a JUMPDEST that is ready there, else 0. */
  jumpTargets: Int32Array = new Int32Array(0)
  /** The same, as long as there are few: `jumpTargets` is empty then. */
  readonly #firstTargets = new Map<number, number>()
  readonly #starts: Uint8Array
  /** Stretches of the code whose first instruction is known, and where the next one begins. */
  #stretchCount = 0
  #stretchStart = 0
  readonly #code: Uint8Array
  readonly #table: OpcodeTable
  readonly #isTraced: boolean
  #blockCount = 0
  #count = 0
  #isReachable = true
  // The open block: its stack use so far.
  #isOpen = false
  #height = 0
  #need = 0
  #growth = 0
  #gas = 0

  /** Makes the first piece of `code` ready under the rules of `fork`. */
  constructor(code: Uint8Array, fork: Fork, isTraced: boolean) {
    this.#code = code
    this.#table = tableOf(fork)
    this.#isTraced = isTraced
    this.#starts = new Uint8Array((code.length >> stretchBits) + 1)
    const size = 2 * Math.min(code.length, pieceSizeMax) + 4
    this.ops = new Uint8Array(size)
    this.args = new Int32Array(size)
    this.blocks = new Int32Array(blockFields * size)
    this.#piece(0)
  }

  /**
   * Makes ready what the instruction at `index` goes on to, and leads that instruction there.
   *
   * @returns The instruction that follows, or `noTarget`.
   */
  prepare(index: number, target: Target): Target {
    const pc = unready(target)
    const op = this.ops[index]
    if (op === moreOp && index === this.#count - 1) {
      // Nothing stands behind it: the piece goes on in its place.
      this.#count = index
      return this.#piece(pc)
    }
    const known = op === moreOp ? noTarget : this.#destinationAt(pc)
    if (op !== moreOp && known === noTarget) return noTarget
    const next = known >= 0 ? known : this.#piece(pc)
    if (op === moreOp) this.ops[index] = jumpToOp
    // A JUMP with its target from the stack may go elsewhere the next time.
    if (op !== 0x56 && op !== 0x57) this.args[index] = next
    return next
  }

  #destinationAt(pc: number): Target {
    const ready = this.#firstTargets.get(pc) ?? (this.jumpTargets[pc] ?? 0) - 1
    if (ready >= 0) return ready
    return this.#isDestination(pc) ? unready(pc) : noTarget
  }

  #isDestination(pc: number): boolean {
    const code = this.#code
    if (code[pc] !== 0x5b) return false
    const stretch = pc >> stretchBits
    this.#findStarts(stretch)
    let at = (stretch << stretchBits) + (this.#starts[stretch] as number)
    while (at < pc) at += sizeOf(code[at] as number)
    return at === pc
  }

  /** Finds where the first instruction of each stretch begins, up to `stretch`. */
  #findStarts(stretch: number): void {
    const code = this.#code
    let at = this.#stretchStart
    for (let each = this.#stretchCount; each <= stretch; each++) {
      const start = each << stretchBits
      this.#starts[each] = at - start
      const end = Math.min(start + (1 << stretchBits), code.length)
      while (at < end) at += sizeOf(code[at] as number)
      this.#stretchStart = at
      this.#stretchCount = each + 1
    }
  }

  #keepTarget(pc: number, index: number): void {
    if (this.jumpTargets.length > 0) {
      this.jumpTargets[pc] = index + 1
      return
    }
    this.#firstTargets.set(pc, index)
    if (this.#firstTargets.size <= firstTargetsMax) return
    this.jumpTargets = new Int32Array(this.#code.length)
    for (const [at, target] of this.#firstTargets) this.jumpTargets[at] = target + 1
    this.#firstTargets.clear()
  }

  /** Makes the piece that begins at `pc` ready; returns its first instruction. */
  #piece(pc: number): number {
    const first = this.#count
    const last = first + pieceSizeMax
    this.#reserve()
    this.#isReachable = true
    for (let at = pc; this.#isReachable;) {
      const byte = this.#code[at]
      const known = byte === 0x5b ? this.#destinationAt(at) : noTarget
      if (byte === undefined) {
        this.#ensureOpen(at)
        this.#emit(0x00, 0)
        this.#endFlow()
      } else if (known >= 0 || this.#count >= last) {
        this.#close()
        this.#emit(known >= 0 ? jumpToOp : moreOp, known >= 0 ? known : unready(at))
        this.#isReachable = false
      } else if (byte === 0x5b) {
        at += this.#jumpDestination(at)
      } else {
        at += this.#instruction(at, byte)
        if (this.#isReachable && this.#isBranch()) {
          this.#emit(moreOp, unready(at))
          this.#isReachable = false
        }
      }
    }
    return first
  }

  /** Whether the last instruction may go on elsewhere. */
  #isBranch(): boolean {
    const op = this.ops[this.#count - 1]
    return op === 0x57 || op === jumpIfToOp || op === jumpUnlessToOp
  }

  /** Makes room for a piece: two entries an instruction at most, and its end. */
  #reserve(): void {
    const needed = this.#count + 2 * pieceSizeMax + 4
    if (needed > this.ops.length) {
      const size = Math.max(needed, 2 * this.ops.length)
      this.ops = grown(this.ops, new Uint8Array(size))
      this.args = grown(this.args, new Int32Array(size))
    }
    const blocksNeeded = blockFields * (this.#blockCount + pieceSizeMax + 2)
    if (blocksNeeded > this.blocks.length) {
      const size = Math.max(blocksNeeded, 2 * this.blocks.length)
      this.blocks = grown(this.blocks, new Int32Array(size))
    }
  }

  /** A JUMPDEST begins a block, whose `begin` instruction stands for it. */
  #jumpDestination(pc: number): number {
    this.#close()
    this.#open(pc)
    this.#keepTarget(pc, this.#count - 1)
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
    this.words.push(BigInt(word))
    return this.words.length - 1
  }

  /** PUSH target, JUMP or JUMPI as one instruction; before them ISZERO joins a JUMPI. */
  #pushAndJump({ pc, size, next }: { pc: number; size: number; next: number }): number {
    let target = 0
    for (let at = pc + 1; at <= pc + size; at++) target = target * 256 + (this.#code[at] as number)
    this.#account(next)
    const ready = this.#firstTargets.get(target) ?? (this.jumpTargets[target] ?? 0) - 1
    const known = ready >= 0 ? ready : unready(target)
    if (next === 0x56) {
      this.#emit(jumpToOp, known)
      this.#endFlow()
    } else if (this.ops[this.#count - 1] === 0x15) {
      this.#count--
      this.#emit(jumpUnlessToOp, known)
    } else {
      this.#emit(jumpIfToOp, known)
    }
    this.#close()
    return size + 2
  }

  #wordIndex(word: bigint): number {
    if (word < 256n) return Number(word)
    this.words.push(word)
    return this.words.length - 1
  }

  #emit(op: number, arg: number): void {
    this.ops[this.#count] = op
    this.args[this.#count] = arg
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
    this.blocks[at + 3] = pc
    this.#emit(beginOp, at)
  }

  #close(): void {
    if (!this.#isOpen) return
    const at = blockFields * (this.#blockCount - 1)
    this.blocks[at] = this.#gas
    this.blocks[at + 1] = this.#need
    this.blocks[at + 2] = this.#growth
    this.#isOpen = false
  }
}

/** How many bytes an instruction covers. */
function sizeOf(byte: number): number {
  return (byte & 0xe0) === 0x60 ? byte - 0x5e : 1
}

function grown<array extends Uint8Array | Int32Array>(from: array, to: array): array {
  to.set(from)
  return to
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
