/**
 * What the doors ask of a disperser and of a reader.
 *
 *     submit -> processing -> confirmed (certificate formed) -> finalized (recorded, and final)
 *                   '-> failed: the quorum did not sign in time, or nothing pays
 *
 * A request is durable before `submit` answers, and so is a certificate before it is shown: neither
 * is lost by a crash. The same request id again is the same request, and refused with other bytes.
 */

import { ZgError } from '@zg/primitives/errors'

import type { BlobHandle } from '../batch/batch.ts'
import type { BatchName } from '../chain/data-chain.ts'

/** Bytes of a blob at most: 31 · 1024 · 1024 - 4, as 0G has it. */
export const blobSizeMax = 32_505_852

/** Bytes of a request's id. */
export const requestIdSize = 32

/** A user's promise to the disperser, EIP-712 (docs/specs/da.md §6). */
export type Voucher = {
  /** 20 bytes. */
  readonly payer: Uint8Array
  /** In wei: all that the payer promised this disperser so far. */
  readonly total: bigint
  /** 65 bytes. */
  readonly signature: Uint8Array
}

export type SubmitOptions = {
  /** 32 bytes; without it, SHA-256 of the blob, which is one request an epoch. */
  readonly requestId?: Uint8Array
  /** Without it the disperser pays, within what it allows `peer`. */
  readonly voucher?: Voucher
  /** Who asks, for quotas: an address on the wire, or an account. */
  readonly peer: string
  /** The batch holds this blob alone. */
  readonly isAlone?: boolean
}

export type RequestStatus =
  | { readonly state: 'processing' }
  | { readonly state: 'confirmed' | 'finalized'; readonly handle: BlobHandle }
  | { readonly state: 'failed'; readonly code: string; readonly message: string }

export interface Dispersal {
  /**
   * Takes a blob in and returns its request's id, 32 bytes, once it is durable.
   *
   * @throws {BlobSizeError} `DA_BLOB_SIZE` · {OverloadedError} `DA_OVERLOADED` ·
   *   {UnpaidError} `DA_UNPAID` · {UnavailableError} `DA_UNAVAILABLE`
   */
  submit(blob: Uint8Array, options: SubmitOptions): Promise<Uint8Array>

  /** Undefined of an id that is not known, or not any more. */
  statusOf(requestId: Uint8Array): Promise<RequestStatus | undefined>

  /**
   * Resolves when the certificate of a request is formed.
   *
   * @throws {RequestFailedError} `DA_REQUEST_FAILED` · {RequestUnknownError} `DA_REQUEST_UNKNOWN`
   */
  certified(requestId: Uint8Array, signal?: AbortSignal): Promise<BlobHandle>
}

export interface BlobReader {
  /**
   * Returns a blob that was checked against its commitment by coding its batch again: the same
   * bytes for every reader.
   *
   * @throws {BlobUnknownError} `DA_BLOB_UNKNOWN`: no record, or expired ·
   *   {BatchVoidError} `DA_BATCH_VOID`: ⊥, for every reader · {UnavailableError} `DA_UNAVAILABLE`:
   *   too few rows for now
   */
  read(handle: BlobHandle, signal?: AbortSignal): Promise<Uint8Array>

  /** The handle of the first blob of a recorded batch: for doors that know no more than this. */
  find(name: BatchName): Promise<BlobHandle | undefined>
}

/** Empty, or longer than `blobSizeMax`. */
export class BlobSizeError extends ZgError<'DA_BLOB_SIZE'> {
  constructor(sizeBytes: number) {
    super('DA_BLOB_SIZE', `A blob has 1 to ${blobSizeMax} bytes, not ${sizeBytes}`, {
      sizeBytes,
      sizeMax: blobSizeMax,
    })
  }
}

/** A request's id that came before with other bytes. */
export class RequestDiffersError extends ZgError<'DA_REQUEST_DIFFERS'> {
  constructor() {
    super('DA_REQUEST_DIFFERS', 'The same request id came with other bytes before')
  }
}

/** As much is under way as may be; later it will be taken. */
export class OverloadedError extends ZgError<'DA_OVERLOADED'> {
  constructor(what: string) {
    super('DA_OVERLOADED', `Too much is under way: ${what}`, { what })
  }
}

/** Neither a voucher nor the quota of whoever asks pays for the blob. */
export class UnpaidError extends ZgError<'DA_UNPAID'> {
  constructor(why: string) {
    super('DA_UNPAID', `The blob is not paid for: ${why}`, { why })
  }
}

/** Too few nodes answer, or the chain does not. */
export class UnavailableError extends ZgError<'DA_UNAVAILABLE'> {
  constructor(why: string) {
    super('DA_UNAVAILABLE', `Data availability is down: ${why}`, { why })
  }
}

export class RequestFailedError extends ZgError<'DA_REQUEST_FAILED'> {
  constructor(code: string, why: string) {
    super('DA_REQUEST_FAILED', `The blob was not certified: ${why}`, { code, why })
  }
}

export class RequestUnknownError extends ZgError<'DA_REQUEST_UNKNOWN'> {
  constructor() {
    super('DA_REQUEST_UNKNOWN', 'No request has this id')
  }
}

/** Nothing is recorded under the name, or it has expired. */
export class BlobUnknownError extends ZgError<'DA_BLOB_UNKNOWN'> {
  /** @param isForever - No reader will ever have it. */
  constructor(why: string, isForever = false) {
    super('DA_BLOB_UNKNOWN', `There is no such blob: ${why}`, { why, isForever })
  }
}

/** ⊥: what was signed is not the root of a code, or no batch of blobs. */
export class BatchVoidError extends ZgError<'DA_BATCH_VOID'> {
  constructor(why: string) {
    super('DA_BATCH_VOID', `The batch is void, for every reader: ${why}`, { why })
  }
}
