/**
 * Fixed-layout binary encoding: big-endian integers, fixed bytes, and byte strings with a 32-bit
 * length and a named bound. Reading is strict: a short input, a length above its bound or trailing
 * bytes are errors, and nothing is allocated before its size is checked.
 */

import { bytesToBigint, ZgError } from '@zg/primitives'

const initialSizeBytes = 512

/** Writes a message front to back. */
export class ByteWriter {
  #bytes = new Uint8Array(initialSizeBytes)
  #size = 0

  u8(value: number): void {
    const offset = this.#reserve(1)
    this.#bytes[offset] = value
  }

  u16(value: number): void {
    const offset = this.#reserve(2)
    new DataView(this.#bytes.buffer).setUint16(offset, value)
  }

  u32(value: number): void {
    const offset = this.#reserve(4)
    new DataView(this.#bytes.buffer).setUint32(offset, value)
  }

  u64(value: bigint): void {
    const offset = this.#reserve(8)
    new DataView(this.#bytes.buffer).setBigUint64(offset, value)
  }

  /** Bytes whose size the layout fixes. */
  fixed(bytes: Uint8Array, sizeBytes: number): void {
    if (bytes.length !== sizeBytes) {
      throw new MessageMalformedError(`${bytes.length} bytes where ${sizeBytes} belong`)
    }
    const offset = this.#reserve(sizeBytes)
    this.#bytes.set(bytes, offset)
  }

  /** Bytes with their 32-bit length before them. */
  variable(bytes: Uint8Array): void {
    this.u32(bytes.length)
    const offset = this.#reserve(bytes.length)
    this.#bytes.set(bytes, offset)
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#size)
  }

  #reserve(sizeBytes: number): number {
    const offset = this.#size
    this.#size += sizeBytes
    if (this.#size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#size, 2 * this.#bytes.length))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    return offset
  }
}

/** Reads a message front to back; every method throws `CONSENSUS_MESSAGE_MALFORMED`. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8))
  }

  /** A 64-bit integer that must be at most 2^53 - 1. */
  safeInteger(): number {
    const value = this.u64()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new MessageMalformedError('an integer above 2^53 - 1')
    }
    return Number(value)
  }

  /** A copy of exactly so many bytes. */
  fixed(sizeBytes: number): Uint8Array {
    const offset = this.#take(sizeBytes)
    return this.#bytes.slice(offset, offset + sizeBytes)
  }

  /** A copy of a byte string of at most `sizeMaxBytes`. */
  variable(sizeMaxBytes: number): Uint8Array {
    const sizeBytes = this.u32()
    if (sizeBytes > sizeMaxBytes) {
      throw new MessageMalformedError(`${sizeBytes} bytes where at most ${sizeMaxBytes} belong`)
    }
    return this.fixed(sizeBytes)
  }

  /** A big-endian unsigned integer of so many bytes. */
  unsigned(sizeBytes: number): bigint {
    return bytesToBigint(this.fixed(sizeBytes))
  }

  /** Ends the reading; bytes left over are an error. */
  end(): void {
    const left = this.#bytes.length - this.#offset
    if (left !== 0) throw new MessageMalformedError(`${left} bytes after its end`)
  }

  #take(sizeBytes: number): number {
    const offset = this.#offset
    if (this.#bytes.length - offset < sizeBytes) throw new MessageMalformedError('it ends early')
    this.#offset = offset + sizeBytes
    return offset
  }
}

export class MessageMalformedError extends ZgError<'CONSENSUS_MESSAGE_MALFORMED'> {
  constructor(problem: string) {
    super('CONSENSUS_MESSAGE_MALFORMED', `Cannot read the message: ${problem}`, { problem })
  }
}
