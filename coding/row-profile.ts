/**
 * What a row's hash is, the one thing in which commitments differ, by name:
 *
 *     rows        SHA-256 of the row: by Node where it is there, four times as fast as hash-wasm
 *     segments    the root of the binary Keccak-256 tree over its sectors of 256 bytes: what 0G's
 *                 storage knows a segment by. A row is 2^h sectors.
 *
 * Tags that a commitment begins with differ too, so none of one profile is one of the other. Who
 * checks a commitment knows its profile, and takes it from nobody.
 */

import { sha256 } from '@zg/primitives/hash'

import type { Kernel } from './kernel.ts'
import { rowSizeUnit } from './row-coder.ts'

export type RowProfileName = 'rows' | 'segments'

export type RowProfile = {
  readonly seedTag: Uint8Array
  readonly commitTag: Uint8Array
  /** The least size that a row may have and hold so many bytes. */
  readonly rowSizeFrom: (sizeBytes: number) => number
  /** Bytes of the kernel's memory that hashing takes. */
  readonly hashWorkSize: (rowSizeMax: number) => number
  /** Writes the hash of a row in the kernel's memory to `out`, which is there too. */
  readonly hashRow: (kernel: Kernel, place: HashPlace) => void
}

/** Addresses in a kernel's memory. */
export type HashPlace = {
  readonly row: number
  readonly rowSize: number
  readonly out: number
  readonly work: number
}

const sectorSize = 256

/** Bytes of the kernel's memory beside a hash a sector: assembly/keccak.ts. */
const keccakStateSize = 400

const utf8 = new TextEncoder()

type NodeCrypto = Pick<typeof import('node:crypto'), 'hash'>

const { process } = globalThis as { readonly process?: typeof globalThis.process }
const crypto: NodeCrypto | undefined = process?.getBuiltinModule?.('node:crypto')

/** SHA-256 of a row: Node's where there is one. */
export const hashRow: (row: Uint8Array) => Uint8Array =
  crypto === undefined ? sha256 : (row) => crypto.hash('sha256', row, 'buffer')

export const rowProfiles: Readonly<Record<RowProfileName, RowProfile>> = {
  rows: {
    seedTag: utf8.encode('zg rows seed 1'),
    commitTag: utf8.encode('zg rows commit 1'),
    rowSizeFrom: (sizeBytes) => Math.max(1, Math.ceil(sizeBytes / rowSizeUnit)) * rowSizeUnit,
    hashWorkSize: () => 0,
    hashRow: ({ bytes }, { row, rowSize, out }) => {
      touch(bytes, row + rowSize, rowSize)
      bytes.set(hashRow(bytes.subarray(row, row + rowSize)), out)
    },
  },
  segments: {
    seedTag: utf8.encode('zg segments seed 1'),
    commitTag: utf8.encode('zg segments commit 1'),
    rowSizeFrom: (sizeBytes) => {
      const sectors = Math.max(1, Math.ceil(sizeBytes / sectorSize))
      return sectorSize * 2 ** Math.ceil(Math.log2(sectors))
    },
    hashWorkSize: (rowSizeMax) => keccakStateSize + (rowSizeMax / sectorSize + 1) * 32,
    hashRow: (kernel, { row, rowSize, out, work }) => {
      kernel.hashSectors(row, rowSize, work, out)
    },
  },
}

/** Processors fetch ahead of their reader, but not beyond a page. */
const pageSize = 4_096

let touched = 0

/**
 * Reads a byte of each page of the row that is hashed next, so that all of them are waited for at
 * once, and not each when it is begun: a tenth of the time of hashing.
 */
function touch(bytes: Uint8Array, from: number, size: number): void {
  for (let at = from; at < from + size; at += pageSize) touched ^= bytes[at] ?? 0
}
