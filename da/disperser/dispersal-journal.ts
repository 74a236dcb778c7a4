/**
 * What a disperser must not forget: which blobs it took, which names it gave to batches, and their
 * certificates.
 *
 *     spool/<request>    the bytes of a blob, until it is recorded or given up
 *     vouchers           the same for the last voucher of each payer, of all epochs
 *     journal/<epoch>    entries, appended; RLP, each behind its size (4) and CRC-32 (4)
 *
 *     taken      [0, request, isAlone, hash]        durable before the request is acknowledged
 *     named      [1, batch, commitment, requests]   durable before any node is asked
 *     certified  [2, certificate]                   durable before the certificate is shown
 *     failed     [3, request, code, why]
 *     recorded   [4, batch]
 *     paid       [5, payer, total, signature, request]
 *
 * What is damaged is stepped over; a blob whose entry is lost so is on the disk still, and is taken
 * anew. A name is never used twice, so no node is ever asked to sign two commitments for one batch,
 * not even when a crash loses what was in memory.
 */

import { crc32 } from 'node:zlib'

import {
  bigintToBytes,
  bigintToMinimalBytes,
  bytesToBigint,
  concat,
  decodeRlp,
  encodeRlp,
  fromHex,
  rlpBigint,
  rlpBytes,
  rlpList,
  toHex,
} from '@zg/primitives'
import type { RlpItem } from '@zg/primitives'
import type { Disk, DiskFile } from '@zg/runtime'

import { decodeBatchId, encodeBatchId } from '../batch/batch.ts'
import type { BatchId } from '../batch/batch.ts'
import type { Certificate } from '../batch/certificate.ts'
import type { Voucher } from '../doors/dispersal.ts'

/** Journals of so many epochs are kept, for who asks after its request. */
const epochsKept = 128n
const headSize = 8
const vouchersPath = 'vouchers'
/** Vouchers that are put up with before they are gathered. */
const gatherFrom = 1_000

export type JournalEntry =
  | {
      readonly kind: 'taken'
      readonly request: Uint8Array
      readonly isAlone: boolean
      /** 32 bytes: SHA-256 of the blob. */
      readonly hash: Uint8Array
    }
  | {
      readonly kind: 'named'
      readonly batch: BatchId
      readonly commitment: Uint8Array
      readonly requests: readonly Uint8Array[]
    }
  | { readonly kind: 'certified'; readonly certificate: Certificate }
  | {
      readonly kind: 'failed'
      readonly request: Uint8Array
      readonly code: string
      readonly why: string
    }
  | { readonly kind: 'recorded'; readonly batch: BatchId }
  | {
      readonly kind: 'paid'
      readonly voucher: Voucher
      /** What it was given for. */
      readonly request: Uint8Array
    }

export class DispersalJournal {
  readonly #disk: Disk
  #file: Promise<DiskFile> | undefined
  #vouchers: Promise<DiskFile> | undefined
  #epoch = -1n

  private constructor(disk: Disk) {
    this.#disk = disk
  }

  /** Opens the journal and returns what is in it, oldest first. */
  static async open(
    disk: Disk,
  ): Promise<{ readonly journal: DispersalJournal; readonly entries: readonly JournalEntry[] }> {
    const names = (await disk.list('journal')).filter((name) => /^\d{1,20}$/.test(name))
    names.sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    const entries: JournalEntry[] = []
    for (const path of [vouchersPath, ...names.map((name) => `journal/${name}`)]) {
      const bytes = (await disk.readFile(path)) ?? new Uint8Array(0)
      const { found, end } = readEntries(bytes)
      entries.push(...found)
      if (end === bytes.length) continue
      // A crash tore what nobody was told of.
      const file = await disk.open(path)
      await file.truncate(end)
      await file.close()
    }
    const journal = new DispersalJournal(disk)
    const [newest] = names.slice(-1)
    if (newest !== undefined) journal.#epoch = BigInt(newest)
    await journal.#gatherVouchers(entries)
    return { journal, entries }
  }

  /** Resolves when the entry is durable. `epoch` is the present one. */
  async write(entry: JournalEntry, epoch: bigint): Promise<void> {
    const file = entry.kind === 'paid' ? await this.#voucherFile() : await this.#fileOf(epoch)
    file.append(frame(encodeEntry(entry)))
    await file.sync()
  }

  async keepBlob(request: Uint8Array, blob: Uint8Array): Promise<void> {
    await this.#disk.writeFile(spoolPath(request), blob)
  }

  blobOf(request: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#disk.readFile(spoolPath(request))
  }

  async dropBlob(request: Uint8Array): Promise<void> {
    await this.#disk.remove(spoolPath(request))
  }

  /** Requests whose blobs are on the disk. */
  async requestsKept(): Promise<readonly Uint8Array[]> {
    const names = await this.#disk.list('spool')
    return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name) => fromHex(`0x${name}`))
  }

  async close(): Promise<void> {
    const files = await Promise.all([this.#file, this.#vouchers])
    this.#file = this.#vouchers = undefined
    for (const file of files) await file?.close()
  }

  /** The file of an epoch; one is closed for the next, and all who write wait for that. */
  #fileOf(epoch: bigint): Promise<DiskFile> {
    const former = this.#file
    if (former !== undefined && epoch <= this.#epoch) return former
    // MUST NOT go back to an older file: entries are read in the order of files.
    if (epoch > this.#epoch) this.#epoch = epoch
    const newest = this.#epoch
    const next = (async (): Promise<DiskFile> => {
      await (await former)?.close()
      await this.#forget(newest)
      return this.#disk.open(`journal/${newest}`)
    })()
    this.#file = next
    return next
  }

  #voucherFile(): Promise<DiskFile> {
    this.#vouchers ??= this.#disk.open(vouchersPath)
    return this.#vouchers
  }

  /** Keeps of many vouchers the last of each payer. */
  async #gatherVouchers(entries: readonly JournalEntry[]): Promise<void> {
    const last = new Map<string, JournalEntry & { readonly kind: 'paid' }>()
    let count = 0
    for (const entry of entries) {
      if (entry.kind !== 'paid') continue
      count++
      const { payer, total } = entry.voucher
      const known = last.get(toHex(payer))
      if (known === undefined || known.voucher.total < total) last.set(toHex(payer), entry)
    }
    if (count < 2 * last.size + gatherFrom) return
    const frames = [...last.values()].map((entry) => frame(encodeEntry(entry)))
    await this.#disk.writeFile(vouchersPath, concat(...frames))
  }

  async #forget(epoch: bigint): Promise<void> {
    for (const name of await this.#disk.list('journal')) {
      if (/^\d{1,20}$/.test(name) && BigInt(name) + epochsKept < epoch) {
        await this.#disk.remove(`journal/${name}`)
      }
    }
  }
}

function spoolPath(request: Uint8Array): string {
  return `spool/${toHex(request).slice(2)}`
}

function frame(bytes: Uint8Array): Uint8Array {
  const size = bigintToBytes(BigInt(bytes.length), 4)
  return concat(size, bigintToBytes(BigInt(crc32(bytes)), 4), bytes)
}

/** What frames hold; what is between them is stepped over. `end` is where the last one ends. */
function readEntries(bytes: Uint8Array): {
  readonly found: readonly JournalEntry[]
  readonly end: number
} {
  const found: JournalEntry[] = []
  let end = 0
  for (let at = 0; at + headSize <= bytes.length;) {
    const size = Number(bytesToBigint(bytes.subarray(at, at + 4)))
    const body = bytes.subarray(at + headSize, at + headSize + size)
    const isWhole = size > 0 && body.length === size
    const sum = isWhole ? Number(bytesToBigint(bytes.subarray(at + 4, at + headSize))) : 0
    if (isWhole && crc32(body) === sum) {
      found.push(decodeEntry(body))
      at += headSize + size
      end = at
    } else {
      at++
    }
  }
  return { found, end }
}

const utf8 = new TextEncoder()
const text = new TextDecoder()

function encodeEntry(entry: JournalEntry): Uint8Array {
  const number = (value: number | bigint): Uint8Array => bigintToMinimalBytes(BigInt(value))
  const items = (): RlpItem => {
    switch (entry.kind) {
      case 'taken':
        return [number(0), entry.request, number(entry.isAlone ? 1 : 0), entry.hash]
      case 'named': {
        const { batch, commitment, requests } = entry
        return [number(1), encodeBatchId(batch), commitment, requests]
      }
      case 'certified': {
        const { batch, rowSize, rowRoot, combinationHash, signers, signature } = entry.certificate
        return [
          number(2),
          encodeBatchId(batch),
          number(rowSize),
          rowRoot,
          combinationHash,
          signers.map(number),
          signature,
        ]
      }
      case 'failed':
        return [number(3), entry.request, utf8.encode(entry.code), utf8.encode(entry.why)]
      case 'recorded':
        return [number(4), encodeBatchId(entry.batch)]
      case 'paid': {
        const { payer, total, signature } = entry.voucher
        return [number(5), payer, number(total), signature, entry.request]
      }
    }
  }
  return encodeRlp(items())
}

/** Of bytes that this module wrote. */
function decodeEntry(bytes: Uint8Array): JournalEntry {
  const [kind, ...rest] = rlpList(decodeRlp(bytes))
  const batch = (): BatchId => decodeBatchId(rlpBytes(rest[0]))
  switch (Number(rlpBigint(kind))) {
    case 0: {
      const [request, isAlone, hash] = rest
      return {
        kind: 'taken',
        request: rlpBytes(request).slice(),
        isAlone: rlpBigint(isAlone) === 1n,
        hash: rlpBytes(hash).slice(),
      }
    }
    case 1:
      return {
        kind: 'named',
        batch: batch(),
        commitment: rlpBytes(rest[1]).slice(),
        requests: rlpList(rest[2]).map((request) => rlpBytes(request).slice()),
      }
    case 2:
      return {
        kind: 'certified',
        certificate: {
          batch: batch(),
          rowSize: Number(rlpBigint(rest[1])),
          rowRoot: rlpBytes(rest[2]).slice(),
          combinationHash: rlpBytes(rest[3]).slice(),
          signers: rlpList(rest[4]).map((member) => Number(rlpBigint(member))),
          signature: rlpBytes(rest[5]).slice(),
        },
      }
    case 3:
      return {
        kind: 'failed',
        request: rlpBytes(rest[0]).slice(),
        code: text.decode(rlpBytes(rest[1])),
        why: text.decode(rlpBytes(rest[2])),
      }
    case 4:
      return { kind: 'recorded', batch: batch() }
    default:
      return {
        kind: 'paid',
        voucher: {
          payer: rlpBytes(rest[0]).slice(),
          total: rlpBigint(rest[1]),
          signature: rlpBytes(rest[2]).slice(),
        },
        request: rlpBytes(rest[3]).slice(),
      }
  }
}
