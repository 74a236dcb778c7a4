/**
 * Code of accounts: its bytes, its programs, and what it delegates to (EIP-7702).
 *
 * Programs are kept by code hash across blocks, up to `codeCacheSizeMax` bytes of code; the oldest
 * go first.
 */

import {
  bigintToBytes,
  bytesToBigint,
  concat,
  emptyBytes,
  emptyKeccakWord,
  WordMap,
} from '@zg/primitives'

import type { Fork } from './fork.ts'
import { Program } from './program.ts'

/** The most bytes of code whose programs are kept; they take some ten times the memory. */
const codeCacheSizeMax = 8 * 1024 * 1024

/** The most bytes of a contract's code (EIP-170). */
export const codeSizeMax = 24_576

/** What stands before the address in the code of a delegating account (EIP-7702). */
const delegationPrefix = Uint8Array.of(0xef, 0x01, 0x00)

/** One code. */
export class Code {
  readonly bytes: Uint8Array
  /** The account whose code runs instead, if this is a delegation. */
  readonly delegate: bigint | undefined
  #programs: (Program | undefined)[] = []

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.delegate = delegateOf(bytes)
  }

  /** Returns its program, made at the first call. */
  program(fork: Fork, isTraced: boolean): Program {
    // CLZ alone divides the forks: two rule sets, traced or not.
    const index = (fork === 'osaka' ? 2 : 0) + (isTraced ? 1 : 0)
    return (this.#programs[index] ??= new Program(this.bytes, fork, isTraced))
  }
}

/** No code. */
export const noCode = new Code(emptyBytes)

const cache = new WordMap<Code>()
let cacheSizeBytes = 0

/** Returns the code of a hash from the cache, or by `load`. */
export function codeOfHash(codeHash: bigint, load: (codeHash: bigint) => Uint8Array): Code {
  if (codeHash === emptyKeccakWord) return noCode
  const known = cache.get(codeHash)
  if (known !== undefined) {
    // The most recently used stands last.
    cache.delete(codeHash)
    cache.set(codeHash, known)
    return known
  }
  const code = new Code(load(codeHash))
  cache.set(codeHash, code)
  cacheSizeBytes += code.bytes.length
  while (cacheSizeBytes > codeCacheSizeMax) dropOldest()
  return code
}

/** Returns the code of an account that delegates to `address`. */
export function delegationTo(address: bigint): Uint8Array {
  return concat(delegationPrefix, bigintToBytes(address, 20))
}

function dropOldest(): void {
  for (const [codeHash, code] of cache) {
    cache.delete(codeHash)
    cacheSizeBytes -= code.bytes.length
    return
  }
}

/** Returns the account that a code delegates to, if it is a delegation. */
export function delegateOf(bytes: Uint8Array): bigint | undefined {
  if (bytes.length !== 23) return undefined
  for (let index = 0; index < 3; index++) {
    if (bytes[index] !== delegationPrefix[index]) return undefined
  }
  return bytesToBigint(bytes.subarray(3))
}
