import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createSeededRng } from '@zg/runtime'

import { environmentOf } from './block-environment.ts'
import { call } from './call.ts'
import { MemoryState } from '@zg/state'
import { configAtFork } from './fork.ts'
import { Assembler } from './testing/assembler.ts'

const zeros = new Uint8Array(32)
const block = environmentOf(
  {
    number: 1,
    timestamp: 1,
    gasLimit: 30_000_000n,
    coinbase: 0n,
    prevRandao: zeros,
    baseFeePerGas: 0n,
    excessBlobGas: 0n,
  },
  { config: configAtFork(1n, 'osaka'), blockHash: () => undefined },
)

const contract = 0xc0den

function run(code: Uint8Array, gasLimit = 1_000_000n) {
  const state = new MemoryState([{ address: contract, nonce: 1n, balance: 0n, code, storage: [] }])
  return call({ state, block, from: 0xca11n, to: contract, gasLimit })
}

/** Destinations by the definition: the bytes 0x5b at which an instruction begins. */
function destinationsOf(code: Uint8Array): ReadonlySet<number> {
  const found = new Set<number>()
  for (let pc = 0; pc < code.length; pc++) {
    const byte = code[pc]!
    if (byte === 0x5b) found.add(pc)
    if (byte >= 0x60 && byte <= 0x7f) pc += byte - 0x5f
  }
  return found
}

/** Pushes of data full of 0x5b, taken off again, and destinations: runs to its end from any. */
function harmlessCode(seed: number, size: number): number[] {
  const rng = createSeededRng(`program ${seed}`)
  const bytes: number[] = []
  while (bytes.length < size) {
    if (rng.chance(0.3)) {
      bytes.push(0x5b)
      continue
    }
    const count = 1 + rng.below(32)
    const data = Array.from({ length: count }, () => (rng.chance(0.7) ? 0x5b : rng.below(256)))
    bytes.push(0x5f + count, ...data, 0x50)
  }
  return bytes
}

for (const kind of ['JUMP to a pushed target', 'JUMP to a computed one', 'JUMPI'] as const) {
  test(`a ${kind} goes to the destinations of the code and nowhere else`, () => {
    for (let seed = 0; seed < 3; seed++) {
      const head = (pc: number): number[] => {
        const pushed = [0x61, pc >> 8, pc & 0xff]
        if (kind === 'JUMPI') return [0x60, 1, ...pushed, 0x57, 0xfe]
        // NOT, NOT: the target is no longer what was pushed before the JUMP.
        return kind === 'JUMP to a computed one' ? [...pushed, 0x19, 0x19, 0x56] : [...pushed, 0x56]
      }
      const tail = harmlessCode(seed, 900)
      const size = head(0).length + tail.length
      for (let pc = head(0).length; pc <= size; pc++) {
        const code = Uint8Array.from([...head(pc), ...tail])
        const expected = destinationsOf(code).has(pc) ? 'success' : 'failure'
        assert.equal(run(code).status, expected, `seed ${seed}, to ${pc}`)
      }
    }
  })
}

test('code jumps through many destinations, forth and back, round after round', () => {
  const [roomCount, roundCount, stride] = [200, 50, 77]
  const code = new Assembler()
  const rooms = Array.from({ length: roomCount }, () => code.label())
  const round = code.label()
  code.push(0).place(round).push(1).op('ADD').pushLabel(rooms[0]!).op('JUMP')
  for (const [index, room] of rooms.entries()) {
    code.place(room)
    const next = (index + stride) % roomCount
    if (next !== 0) code.pushLabel(rooms[next]!).op('JUMP')
    else code.op('DUP1').push(roundCount).op('GT').pushLabel(round).op('JUMPI', 'STOP')
  }
  const result = run(code.build())
  assert.equal(result.status, 'success')
  // PUSH2, JUMP and JUMPDEST of every room but the last; and of a round: JUMPDEST, PUSH1, ADD,
  // PUSH2, JUMP, then JUMPDEST, DUP1, PUSH1, GT, PUSH2, JUMPI.
  const roundGas = 12 * (roomCount - 1) + (1 + 3 + 3 + 3 + 8) + (1 + 3 + 3 + 3 + 3 + 10)
  assert.ok('gasUsed' in result)
  assert.equal(result.gasUsed, BigInt(21_000 + 2 + roundCount * roundGas))
})

test('a contract that calls itself goes on where it was, though its program has grown', () => {
  // Called by others: call ourselves, then jump to where nobody was, and return what the call left.
  const code = new Assembler()
  const [inner, after] = [code.label(), code.label()]
  code.op('CALLER', 'ADDRESS', 'EQ').pushLabel(inner).op('JUMPI')
  code.push(32, 0, 0, 0).op('ADDRESS', 'GAS', 'STATICCALL', 'POP')
  code.pushLabel(after).op('NOT', 'NOT', 'JUMP')
  code.place(inner)
  for (let step = 0; step < 300; step++) code.push(step).op('POP')
  code.push(42, 0).op('MSTORE').push(32, 0).op('RETURN')
  code.place(after).push(32, 0).op('RETURN')
  const result = run(code.build())
  assert.equal(result.status, 'success')
  assert.ok('output' in result && result.output[31] === 42)
})
