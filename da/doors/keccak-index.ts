/**
 * Which blob a keccak commitment stands for: a rollup that commits by keccak256 knows no handle, so
 * the door that took the blob in keeps it.
 *
 *     keccak/<epoch>      record = keccak256 (32) ‖ handle (81) ‖ checksum (4)
 *
 * Records are of one size, appended and synced before a `put` is answered. Reading back: a tail
 * that is no whole record is cut off, and one whose checksum (of SHA-256 over the rest) is wrong
 * is passed over; its blob may be put again. An epoch has a file, which goes when its blobs have
 * expired, `keptEpochs` after it: when the index is opened, by a put, and when it is full.
 *
 * It is not trusted when read: the door hashes the blob again.
 */

import { bytesEqual, concat, sha256, toHex } from '@zg/primitives'
import type { Disk, DiskFile } from '@zg/runtime'

import { decodeHandle, encodeHandle, handleSize } from '../batch/batch.ts'
import type { BlobHandle } from '../batch/batch.ts'
import { UnavailableError } from './dispersal.ts'

/** Commitments kept at once, some 40 MB: every two seconds one for three days. */
export const keccakEntriesMax = 131_072

const folder = 'keccak'
const hashSize = 32
const checksumSize = 4
const recordSize = hashSize + handleSize + checksumSize
/** Digits of a file's name: epochs sort as names do. */
const epochDigits = 20

export type KeccakIndexOptions = {
  readonly disk: Disk
  /** Epochs after its own in which a blob may be read. */
  readonly keptEpochs: bigint
  readonly presentEpoch: () => Promise<bigint>
  readonly entriesMax?: number
}

export class KeccakIndex {
  readonly #options: Required<KeccakIndexOptions>
  /** Encoded handles, by the commitment in hexadecimal. */
  readonly #handles = new Map<string, Uint8Array>()
  readonly #files = new Map<bigint, Promise<DiskFile>>()
  readonly #epochs = new Set<bigint>()

  /** @internal */
  private constructor(options: KeccakIndexOptions) {
    this.#options = { entriesMax: keccakEntriesMax, ...options }
  }

  /** Opens what the disk holds; nothing else may write there. */
  static async open(options: KeccakIndexOptions): Promise<KeccakIndex> {
    const index = new KeccakIndex(options)
    const names = await options.disk.list(folder)
    for (const name of names.filter((one) => /^\d{20}$/.test(one))) await index.#load(BigInt(name))
    await index.#prune(await options.presentEpoch())
    return index
  }

  get(hash: Uint8Array): BlobHandle | undefined {
    const handle = this.#handles.get(toHex(hash))
    return handle && decodeHandle(handle)
  }

  /**
   * Throws when there is no room for another commitment: asked before its blob is dispersed.
   *
   * @throws {UnavailableError} `DA_UNAVAILABLE`
   */
  async checkRoom(): Promise<void> {
    const { entriesMax, presentEpoch } = this.#options
    if (this.#handles.size < entriesMax) return
    await this.#prune(await presentEpoch())
    if (this.#handles.size < entriesMax) return
    throw new UnavailableError(`${entriesMax} keccak commitments are kept already`)
  }

  /** Resolves once it is durable that `hash` stands for `handle`, and no longer for another. */
  async put(hash: Uint8Array, handle: BlobHandle): Promise<void> {
    const encoded = encodeHandle(handle)
    const { epoch } = handle.batch
    const file = await this.#fileOf(epoch)
    file.append(concat(hash, encoded, checksumOf(hash, encoded)))
    await file.sync()
    this.#handles.set(toHex(hash), encoded)
    await this.#prune(epoch)
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await (await file).close()
    this.#files.clear()
  }

  async #load(epoch: bigint): Promise<void> {
    const bytes = (await this.#options.disk.readFile(pathOf(epoch))) ?? new Uint8Array(0)
    this.#epochs.add(epoch)
    for (let at = 0; at + recordSize <= bytes.length; at += recordSize) {
      const hash = bytes.slice(at, at + hashSize)
      const handle = bytes.slice(at + hashSize, at + hashSize + handleSize)
      const checksum = bytes.subarray(at + hashSize + handleSize, at + recordSize)
      if (bytesEqual(checksum, checksumOf(hash, handle))) this.#handles.set(toHex(hash), handle)
    }
  }

  #fileOf(epoch: bigint): Promise<DiskFile> {
    this.#epochs.add(epoch)
    const opened = this.#files.get(epoch)
    if (opened !== undefined) return opened
    const opening = this.#open(epoch)
    this.#files.set(epoch, opening)
    // One that failed is opened anew by the next put.
    opening.catch(() => this.#files.delete(epoch))
    return opening
  }

  async #open(epoch: bigint): Promise<DiskFile> {
    const file = await this.#options.disk.open(pathOf(epoch))
    const torn = file.sizeBytes % recordSize
    if (torn > 0) await file.truncate(file.sizeBytes - torn)
    return file
  }

  async #prune(present: bigint): Promise<void> {
    const isOver = (epoch: bigint): boolean => epoch + this.#options.keptEpochs < present
    const over = [...this.#epochs].filter(isOver)
    if (over.length === 0) return
    for (const epoch of over) this.#epochs.delete(epoch)
    for (const [hash, handle] of this.#handles) {
      if (isOver(decodeHandle(handle).batch.epoch)) this.#handles.delete(hash)
    }
    for (const epoch of over) {
      const file = this.#files.get(epoch)
      this.#files.delete(epoch)
      await (await file)?.close()
      await this.#options.disk.remove(pathOf(epoch))
    }
  }
}

function pathOf(epoch: bigint): string {
  return `${folder}/${epoch.toString().padStart(epochDigits, '0')}`
}

function checksumOf(hash: Uint8Array, handle: Uint8Array): Uint8Array {
  return sha256(concat(hash, handle)).subarray(0, checksumSize)
}
