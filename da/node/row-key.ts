/**
 * The key of a store of rows: what no user knows, so that nothing a user wrote into rows passes for
 * an entry, whatever is damaged before it.
 *
 *     rows-key, rows-key-copy   key (32) ‖ SHA-256 of it (8)
 *     head of an entry          mark (8) ‖ size of meta (4) ‖ size of rows (4)
 *                               ‖ SHA-256 of meta (32) ‖ seal of all this (16)
 *     mark                      SHA-256("zg/da/rows/mark" ‖ key)
 *     seal                      SHA-256("zg/da/rows/seal" ‖ key ‖ the 48 bytes before it)
 *
 * A key is drawn where there is no row yet, and durable before the first one. Where there are rows
 * and neither copy is whole, or there never was one, nothing can be told: it is refused.
 */

import { bigintToBytes, bytesEqual, bytesToBigint, concat, sha256, ZgError } from '@zg/primitives'
import type { Disk, Rng } from '@zg/runtime'

export const keyPaths = ['rows-key', 'rows-key-copy'] as const
const keySize = 32
const checkSize = 8
const markSize = 8
const sealedSize = 48
export const headSize = 64

const utf8 = new TextEncoder()
const markDomain = utf8.encode('zg/da/rows/mark')
const sealDomain = utf8.encode('zg/da/rows/seal')

/** What follows a head. */
export type HeadSizes = { readonly metaSize: number; readonly rowsSize: number }

export class RowKey {
  readonly #key: Uint8Array
  readonly #mark: Uint8Array

  private constructor(key: Uint8Array) {
    this.#key = key
    this.#mark = sha256(concat(markDomain, key)).subarray(0, markSize)
  }

  /** @throws {RowKeyLostError} `DA_ROW_KEY_LOST` */
  static async open(disk: Disk, rng: Rng, isEmpty: boolean): Promise<RowKey> {
    const copies = await Promise.all(keyPaths.map((path) => readKey(disk, path)))
    const known = copies.find((copy) => copy !== undefined)
    if (known === undefined && !isEmpty) throw new RowKeyLostError()
    const key = known ?? rng.bytes(keySize)
    for (const [at, path] of keyPaths.entries()) {
      if (copies[at] !== undefined) continue
      const written = disk.writeFile(path, concat(key, checkOf(key)))
      // One copy is enough to serve by; the other is written anew at the next start.
      await (known === undefined ? written : written.catch(() => undefined))
    }
    return new RowKey(key)
  }

  headOf(meta: Uint8Array, rowsSize: number): Uint8Array {
    const sizes = [meta.length, rowsSize].map((size) => bigintToBytes(BigInt(size), 4))
    const sealed = concat(this.#mark, ...sizes, sha256(meta))
    return concat(sealed, this.#sealOf(sealed))
  }

  /** What a head says; undefined of bytes that this key did not seal. */
  sizesOf(head: Uint8Array): HeadSizes | undefined {
    const sealed = head.subarray(0, sealedSize)
    const isOurs =
      head.length >= headSize &&
      bytesEqual(sealed.subarray(0, markSize), this.#mark) &&
      bytesEqual(head.subarray(sealedSize, headSize), this.#sealOf(sealed))
    if (!isOurs) return undefined
    const [metaSize, rowsSize] = [8, 12].map((at) => {
      return Number(bytesToBigint(sealed.subarray(at, at + 4)))
    }) as [number, number]
    return { metaSize, rowsSize }
  }

  /** Whether what begins an entry is the head of its meta. */
  isHeadOf(head: Uint8Array, meta: Uint8Array): boolean {
    const isOurs = this.sizesOf(head)?.metaSize === meta.length
    return isOurs && bytesEqual(head.subarray(16, sealedSize), sha256(meta))
  }

  /** Where the first head in some bytes may begin; -1 where none does. */
  indexOfHead(bytes: Uint8Array): number {
    const mark = this.#mark
    for (let at = bytes.indexOf(mark[0]!); at >= 0; at = bytes.indexOf(mark[0]!, at + 1)) {
      if (mark.every((byte, place) => bytes[at + place] === byte)) return at
    }
    return -1
  }

  #sealOf(sealed: Uint8Array): Uint8Array {
    return sha256(concat(sealDomain, this.#key, sealed)).subarray(0, headSize - sealedSize)
  }
}

/** Undefined of a copy that is not there, is damaged or cannot be read. */
async function readKey(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  const bytes = await disk.readFile(path).catch(() => undefined)
  const key = bytes?.subarray(0, keySize)
  if (bytes === undefined || key === undefined || key.length < keySize) return undefined
  return bytesEqual(bytes.subarray(keySize), checkOf(key)) ? key : undefined
}

function checkOf(key: Uint8Array): Uint8Array {
  return sha256(key).subarray(0, checkSize)
}

/** Rows are there, and not the key that says which of them are entries. */
export class RowKeyLostError extends ZgError<'DA_ROW_KEY_LOST'> {
  constructor() {
    const why = 'their key is lost, or they are of an earlier format'
    super('DA_ROW_KEY_LOST', `Cannot tell what was signed from the rows on the disk: ${why}`, {})
  }
}
