/**
 * How fast the worst inputs run that we know of, in gas of Osaka per second of processor time.
 *
 * A full block must be verified in time whatever is in it, so the slowest row decides how high the
 * gas limit may be: at 20 Mgas/s a block of 60 Mgas takes 3 s. A precompile is measured alone; the
 * call around it costs at least 100 gas more and makes the cheapest ones look better than here. An
 * instruction is measured in code that does little else (../testing/opcode-speed.ts).
 *
 * Peer: ethereumjs on the same inputs, which computes the curves in JavaScript (@noble/curves).
 */

import { createSign, createHash, generateKeyPairSync } from 'node:crypto'

import { Common, Hardfork, Mainnet } from '@ethereumjs/common'
import { createEVM, getActivePrecompiles } from '@ethereumjs/evm'

import { bigintToBytes, concat, fromHex, sha256, signDigest } from '@zg/primitives'

import { opcodeSpeeds } from '../testing/opcode-speed.ts'
import { precompileAt } from './index.ts'
import { kzgThread } from './kzg.ts'

/** One input whose price and time are compared. */
type Case = { readonly name: string; readonly address: bigint; readonly input: Uint8Array }

/** Processor time that each figure is taken over, at least. */
const measureMs = 100

const addressSizeBytes = 20

const word = (value: bigint): Uint8Array => bigintToBytes(value, 32)
const wordMax = (1n << 256n) - 1n

/** Runs every case on our precompiles and, the curves among them, on the peer's. */
export async function bench() {
  const cases = worstCases()
  await beginKzgThread(cases)
  const metrics: Record<string, number | string> = {}
  const peer: Record<string, number> = {}
  const ratios: Record<string, number> = {}
  const runPeer = await openPeer()
  let slowest: { name: string; rate: number } | undefined
  for (const { name, address, input } of cases) {
    const precompile = precompileAt(address, 'osaka')
    if (precompile === undefined) continue
    const mgas = Number(precompile.gas(input)) / 1e6
    const rate = mgas / (await secondsOf(() => precompile.run(input)))
    metrics[`${name}MgasPerSecond`] = rate
    if (slowest === undefined || rate < slowest.rate) slowest = { name, rate }
    if (!isCompared(address)) continue
    peer[`${name}MgasPerSecond`] = mgas / (await secondsOf(() => runPeer(address, input)))
    ratios[name] = rate / (peer[`${name}MgasPerSecond`] as number)
  }
  for (const [name, rate] of await opcodeSpeeds()) {
    metrics[`opcode${name}MgasPerSecond`] = rate
    if (slowest === undefined || rate < slowest.rate) slowest = { name: `opcode${name}`, rate }
  }
  metrics.slowest = slowest?.name ?? 'none'
  metrics.slowestMgasPerSecond = slowest?.rate ?? 0
  return { name: 'precompiles', metrics, peers: { ethereumjs: peer }, ratios }
}

/** Proofs are measured on the thread that checks them, once it is ready (kzg-thread.ts). */
async function beginKzgThread(cases: readonly Case[]): Promise<void> {
  const proof = cases.find(({ address }) => address === 0x0an)
  if (proof !== undefined) precompileAt(0x0an, 'osaka')?.run(proof.input)
  for (let waits = 0; waits < 200 && !kzgThread.isReady; waits++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** The curves; point evaluation needs a library there that ethereumjs leaves to its caller. */
function isCompared(address: bigint): boolean {
  return address >= 0x06n && address !== 0x0an
}

function worstCases(): readonly Case[] {
  return [...hashCases(), ...modexpCases(), ...bn254Cases(), ...blsCases(), ...signatureCases()]
}

function hashCases(): Case[] {
  const sizes = [
    ['Empty', 0],
    ['Mebibyte', 1 << 20],
  ] as const
  const hashes = [
    ['sha256', 0x02n],
    ['ripemd160', 0x03n],
    ['identity', 0x04n],
  ] as const
  const rounds = (count: number): Uint8Array => {
    const input = new Uint8Array(213).fill(0x5a, 0, 212)
    new DataView(input.buffer).setUint32(0, count)
    return input
  }
  return [
    ...hashes.flatMap(([name, address]) =>
      sizes.map(([size, bytes]) => ({
        name: `${name}${size}`,
        address,
        input: new Uint8Array(bytes).fill(0xa5),
      })),
    ),
    { name: 'blake2fTwelveRounds', address: 0x09n, input: rounds(12) },
    { name: 'blake2fMillionRounds', address: 0x09n, input: rounds(1_000_000) },
  ]
}

/** Sizes and exponents around the bends of EIP-7883's price. */
function modexpCases(): Case[] {
  const cases: Case[] = []
  for (const size of [8, 24, 32, 40, 256, 1_024]) {
    for (const [exponentName, exponent] of [
      ['Cube', Uint8Array.of(3)],
      ['31Bits', word((1n << 31n) - 1n).subarray(28)],
      ['256Ones', word(wordMax)],
    ] as const) {
      const modulus = new Uint8Array(size).fill(0xff)
      const base = new Uint8Array(size).fill(0xfe).with(0, 0x7f)
      const lengths = [base, exponent, modulus].map((part) => word(BigInt(part.length)))
      cases.push({
        name: `modexp${size}Bytes${exponentName}`,
        address: 0x05n,
        input: concat(...lengths, base, exponent, modulus),
      })
    }
  }
  return cases
}

function bn254Cases(): Case[] {
  const multiply = precompileAt(0x07n, 'osaka')
  const point = (scalar: bigint): Uint8Array =>
    multiply?.run(concat(word(1n), word(2n), word(scalar))) ?? new Uint8Array(64)
  const [p, q] = [point(wordMax / 3n), point(wordMax / 5n)]
  // The generator of G2 (EIP-197), imaginary parts first.
  const g2 = concat(
    fromHex('0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2'),
    fromHex('0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed'),
    fromHex('0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b'),
    fromHex('0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa'),
  )
  const pairs = (count: number): Uint8Array =>
    concat(...Array.from({ length: count }, (_, at) => concat(point(BigInt(at + 7)), g2)))
  return [
    { name: 'bn254Add', address: 0x06n, input: concat(p, q) },
    { name: 'bn254Mul', address: 0x07n, input: concat(p, word(wordMax)) },
    { name: 'bn254PairingOfNone', address: 0x08n, input: new Uint8Array(0) },
    ...[1, 2, 16].map((count) => ({
      name: `bn254PairingOf${count}`,
      address: 0x08n,
      input: pairs(count),
    })),
  ]
}

function blsCases(): Case[] {
  const map = (address: bigint, ...fields: readonly number[]): Uint8Array => {
    const input = concat(...fields.map((field) => bigintToBytes(BigInt(field), 64)))
    return precompileAt(address, 'osaka')?.run(input) ?? new Uint8Array(0)
  }
  const g1 = (at: number): Uint8Array => map(0x10n, at)
  const g2 = (at: number): Uint8Array => map(0x11n, at, at)
  const repeat = (count: number, part: (at: number) => Uint8Array): Uint8Array =>
    concat(...Array.from({ length: count }, (_, at) => part(at)))
  const scalar = (at: number): Uint8Array => sha256(Uint8Array.of(at))
  const sizes = [1, 2, 16, 128]
  const prime = fromHex(
    '0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab',
  )
  const field = concat(new Uint8Array(16), prime.with(47, 0x55))
  return [
    { name: 'bls12G1Add', address: 0x0bn, input: concat(g1(1), g1(2)) },
    { name: 'bls12G2Add', address: 0x0dn, input: concat(g2(1), g2(2)) },
    ...sizes.map((count) => ({
      name: `bls12G1MsmOf${count}`,
      address: 0x0cn,
      input: repeat(count, (at) => concat(g1(at), scalar(at))),
    })),
    ...sizes.map((count) => ({
      name: `bls12G2MsmOf${count}`,
      address: 0x0en,
      input: repeat(count, (at) => concat(g2(at), scalar(at))),
    })),
    ...[1, 2, 16].map((count) => ({
      name: `bls12PairingOf${count}`,
      address: 0x0fn,
      input: repeat(count, (at) => concat(g1(at), g2(at))),
    })),
    { name: 'bls12MapFpToG1', address: 0x10n, input: field },
    { name: 'bls12MapFp2ToG2', address: 0x11n, input: concat(field, field) },
    { name: 'kzgPointEvaluation', address: 0x0an, input: kzgInput(g1(1), g1(2)) },
  ]
}

/** Well-formed to the end: only the pairing tells that it proves nothing. */
function kzgInput(commitmentPoint: Uint8Array, proofPoint: Uint8Array): Uint8Array {
  const [commitment, proof] = [commitmentPoint, proofPoint].map((point) => {
    const x = point.slice(16, 64)
    return x.with(0, (x[0] as number) | 0x80)
  }) as [Uint8Array, Uint8Array]
  const versionedHash = sha256(commitment).with(0, 0x01)
  const number = sha256(versionedHash).with(0, 0)
  return concat(versionedHash, number, number, commitment, proof)
}

function signatureCases(): Case[] {
  const digest = sha256(word(1n))
  const { r, s, yParity } = signDigest(digest, word(2n))
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const message = word(3n)
  const signature = createSign('sha256')
    .update(message)
    .sign({ key: privateKey, dsaEncoding: 'ieee-p1363' })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const p256 = Buffer.concat([
    createHash('sha256').update(message).digest(),
    signature,
    Buffer.from(x, 'base64url'),
    Buffer.from(y, 'base64url'),
  ])
  return [
    { name: 'ecrecover', address: 0x01n, input: concat(digest, word(BigInt(27 + yParity)), r, s) },
    { name: 'p256Verify', address: 0x100n, input: Uint8Array.from(p256) },
  ]
}

/** Returns a function that runs the peer's precompile at an address. */
async function openPeer(): Promise<(address: bigint, input: Uint8Array) => unknown> {
  const common = new Common({ chain: Mainnet, hardfork: Hardfork.Osaka })
  const evm = await createEVM({ common })
  const precompiles = getActivePrecompiles(common)
  return (address, data) => {
    const key = Buffer.from(bigintToBytes(address, addressSizeBytes)).toString('hex')
    return precompiles.get(key)?.({ data, gasLimit: 1n << 40n, common, _EVM: evm })
  }
}

/** Seconds of processor time, of all threads, that one call takes, warm. */
async function secondsOf(call: () => unknown): Promise<number> {
  for (let index = 0; index < 3; index++) await call()
  let batch = 1
  for (;;) {
    const before = process.cpuUsage()
    for (let index = 0; index < batch; index++) {
      const result = call()
      if (result instanceof Promise) await result
    }
    const { user, system } = process.cpuUsage(before)
    const microseconds = user + system
    if (microseconds >= 1_000 * measureMs) return microseconds / 1e6 / batch
    batch = microseconds < 20_000 ? 10 * batch : 2 * batch
  }
}
