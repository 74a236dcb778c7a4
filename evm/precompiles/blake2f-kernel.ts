/**
 * The compression function of BLAKE2b (RFC 7693, 3.2) as a WebAssembly function, assembled at
 * start.
 *
 * JavaScript has no 64-bit integer: a round costs 200 ns on pairs of 32-bit halves and 340 ns on
 * BigInt, and at one gas a round that is 5 Mgas/s. The function below keeps the sixteen words of v
 * and of m in locals, and has ten rounds unrolled, one for each row of the message schedule:
 *
 *     compress(n):  v = h ‖ IV;  v12 ^= t0;  v13 ^= t1;  v14 ^= last
 *                   loop { row 0; …; row 9 }, left when n rounds are done
 *                   h[i] = h[i] ^ v[i] ^ v[i + 8]
 *
 *     G(a, b, c, d, x, y):  a += b + x;  d = (d ^ a) >>> 32;  c += d;  b = (b ^ c) >>> 24
 *                           a += b + y;  d = (d ^ a) >>> 16;  c += d;  b = (b ^ c) >>> 63
 *
 * Its memory: h (64 bytes), m (128), t (16), last (8: all ones or zero), IV (64); little-endian.
 */

/** The part of WebAssembly's interface used here: its types come with the DOM, which Node lacks. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

/** Where the kernel finds what is not h, m and t, which stand at the start: in bytes. */
const lastAddress = 208
const vectorAddress = 216

/** The IV of BLAKE2b: that of SHA-512, the fractions of the square roots of the first primes. */
const initialVector = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
] as const

/** The message schedule: row r gives the words of m that round r mod 10 takes. */
const schedule: readonly string[] = [
  '0123456789abcdef',
  'ea489fd61c02b753',
  'b8c052fdae367194',
  '7931dcbe265a40f8',
  '905724afe1bc683d',
  '2c6a0b834d75fe19',
  'c51fed4a0763928b',
  'db7ec13950f4862a',
  '6fe9b308c2d714a5',
  'a2847615fb9e3cd0',
]

/** The words of v that the eight G of a round work on: columns, then diagonals. */
const quarters: readonly string[] = ['048c', '159d', '26ae', '37bf', '05af', '16bc', '278d', '349e']

/** WebAssembly opcodes (core specification, 5.4). */
const op = {
  block: 0x02,
  loop: 0x03,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i64Load: 0x29,
  i64Store: 0x37,
  i32Const: 0x41,
  i64Const: 0x42,
  i32Eqz: 0x45,
  i32Sub: 0x6b,
  i64Add: 0x7c,
  i64Xor: 0x85,
  i64Rotr: 0x8a,
} as const

const typeI32 = 0x7f
const typeI64 = 0x7e
const typeFunction = 0x60
const typeNone = 0x40

/** Local 0 is the rounds left; then sixteen words of v, then sixteen of m. */
const localOfRounds = 0
const localOfV = (index: number): number => 1 + index
const localOfM = (index: number): number => 17 + index

const kernel = new WebAssembly.Instance(new WebAssembly.Module(assembleModule()))
const { memory, compress } = kernel.exports as {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly compress: (rounds: number) => void
}
const bytes = new Uint8Array(memory.buffer)
const view = new DataView(memory.buffer)
for (const [index, word] of initialVector.entries()) {
  view.setBigUint64(vectorAddress + 8 * index, word, true)
}

/**
 * Returns the next h, 64 bytes.
 *
 * @param rounds - A 32-bit number.
 * @param block - h ‖ m ‖ t, 208 bytes as EIP-152 lays them out.
 */
export function compressBlake2(rounds: number, block: Uint8Array, isLast: boolean): Uint8Array {
  bytes.set(block)
  bytes.fill(isLast ? 0xff : 0, lastAddress, vectorAddress)
  compress(rounds)
  return bytes.slice(0, 64)
}

function assembleModule(): Uint8Array {
  const body = [
    vector([[...unsigned(32), typeI64]]),
    initialState(),
    [op.block, typeNone, op.loop, typeNone],
    schedule.flatMap(round),
    [op.br, 0, op.end, op.end],
    nextHash(),
    [op.end],
  ].flat()
  const sections = [
    section(1, vector([[typeFunction, 1, typeI32, 0]])),
    section(3, vector([[0]])),
    section(5, vector([[0, 1]])),
    section(7, vector([exported('memory', 2, 0), exported('compress', 0, 0)])),
    section(10, vector([[...unsigned(body.length), ...body]])),
  ]
  return Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()])
}

/** v and m, from memory. */
function initialState(): number[] {
  const code: number[] = []
  for (let index = 0; index < 8; index++) {
    code.push(...load(8 * index), op.localSet, localOfV(index))
    code.push(...load(vectorAddress + 8 * index), op.localSet, localOfV(8 + index))
  }
  for (const [index, address] of [192, 200, lastAddress].entries()) {
    const v = localOfV(12 + index)
    code.push(op.localGet, v, ...load(address), op.i64Xor, op.localSet, v)
  }
  for (let index = 0; index < 16; index++) {
    code.push(...load(64 + 8 * index), op.localSet, localOfM(index))
  }
  return code
}

/** h[i] ^= v[i] ^ v[i + 8], in memory. */
function nextHash(): number[] {
  const code: number[] = []
  for (let index = 0; index < 8; index++) {
    code.push(op.i32Const, 0, ...load(8 * index))
    code.push(op.localGet, localOfV(index), op.i64Xor, op.localGet, localOfV(index + 8), op.i64Xor)
    code.push(op.i64Store, 3, ...unsigned(8 * index))
  }
  return code
}

/** One round, left at once when none is left to do. */
function round(row: string): number[] {
  const words = digitsOf(row)
  return [
    [op.localGet, localOfRounds, op.i32Eqz, op.brIf, 1],
    [op.localGet, localOfRounds, op.i32Const, 1, op.i32Sub, op.localSet, localOfRounds],
    quarters.flatMap((quarter, index) => {
      const places = digitsOf(quarter).map(localOfV) as [number, number, number, number]
      return [
        ...half(places, localOfM(words[2 * index] as number), [32, 24]),
        ...half(places, localOfM(words[2 * index + 1] as number), [16, 63]),
      ]
    }),
  ].flat()
}

/** a += b + word;  d = (d ^ a) >>> first;  c += d;  b = (b ^ c) >>> second */
function half(
  [a, b, c, d]: readonly [number, number, number, number],
  word: number,
  [first, second]: readonly [number, number],
): number[] {
  return [
    [op.localGet, a, op.localGet, b, op.i64Add, op.localGet, word, op.i64Add, op.localTee, a],
    [op.localGet, d, op.i64Xor, op.i64Const, first, op.i64Rotr, op.localTee, d],
    [op.localGet, c, op.i64Add, op.localTee, c],
    [op.localGet, b, op.i64Xor, op.i64Const, second, op.i64Rotr, op.localSet, b],
  ].flat()
}

function load(address: number): number[] {
  return [op.i32Const, 0, op.i64Load, 3, ...unsigned(address)]
}

function digitsOf(hex: string): number[] {
  return Array.from(hex, (digit) => Number.parseInt(digit, 16))
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content]
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()]
}

function exported(name: string, kind: number, index: number): number[] {
  return [...vector(Array.from(name, (letter) => [letter.charCodeAt(0)])), kind, index]
}

/** LEB128 of an unsigned number (core specification, 5.2.2). */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >> 7)]
}
