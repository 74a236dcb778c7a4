import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { loadSync } from '@grpc/proto-loader'
import type { ServiceDefinition } from '@grpc/proto-loader'
import { concat, fromHex, toHex } from '@zg/primitives'
import fc from 'fast-check'

import type { BlobHandle } from '../batch/batch.ts'
import {
  blobStatus,
  MessageMalformedError,
  readDisperseReply,
  readDisperseRequest,
  readRetrieveReply,
  readRetrieveRequest,
  readStatusReply,
  readStatusRequest,
  writeDisperseReply,
  writeDisperseRequest,
  writeRetrieveReply,
  writeRetrieveRequest,
  writeStatusReply,
  writeStatusRequest,
} from './disperser-messages.ts'

const path = fileURLToPath(new URL('disperser.proto', import.meta.url))
const service = loadSync(path, { longs: String, enums: Number, keepCase: true })[
  'disperser.Disperser'
] as ServiceDefinition
const root = new Uint8Array(32).fill(0xab)

function handleOf(commitment: Uint8Array, epoch: bigint, quorum: number): BlobHandle {
  const batch = { network: 1, epoch, quorum, disperser: new Uint8Array(20), sequence: 0n }
  return { batch, commitment, index: 0 }
}

test('messages have the bytes that the field numbers of 0G give', () => {
  const ab = 'ab'.repeat(32)
  assert.equal(toHex(writeDisperseReply(blobStatus.processing, root)), `0x08011220${ab}`)
  assert.equal(toHex(writeStatusReply(blobStatus.failed)), '0x0803')
  assert.equal(
    toHex(writeStatusReply(blobStatus.finalized, handleOf(root, 300n, 2))),
    `0x080412290a270a20${ab}10ac021802`,
  )
  assert.equal(toHex(concat(...writeRetrieveReply(Uint8Array.of(1, 2)))), '0x0a020102')
  assert.deepEqual(readDisperseRequest(fromHex('0x0a03010203')), Uint8Array.of(1, 2, 3))
  assert.deepEqual(readStatusRequest(fromHex(`0x0a20${ab}`)), root)
  assert.deepEqual(readRetrieveRequest(fromHex(`0x0a20${ab}10ac021802`)), {
    storageRoot: root,
    epoch: 300n,
    quorum: 2n,
  })
})

test('what a client writes and reads has these bytes, too', () => {
  const ab = 'ab'.repeat(32)
  assert.equal(toHex(concat(...writeDisperseRequest(Uint8Array.of(1, 2)))), '0x0a020102')
  assert.equal(toHex(writeStatusRequest(root)), `0x0a20${ab}`)
  const name = { storageRoot: root, epoch: 300n, quorum: 2n }
  assert.equal(toHex(writeRetrieveRequest(name)), `0x0a20${ab}10ac021802`)
  assert.deepEqual(readDisperseReply(fromHex(`0x08011220${ab}`)), root)
  assert.deepEqual(readStatusReply(fromHex(`0x080412290a270a20${ab}10ac021802`)), {
    status: blobStatus.finalized,
    name,
  })
  assert.deepEqual(readStatusReply(new Uint8Array(0)), { status: undefined, name: undefined })
  assert.deepEqual(readRetrieveReply(fromHex('0x0a020102')), Uint8Array.of(1, 2))
})

test('messages are those that protobufjs writes and reads by disperser.proto', () => {
  const { DisperseBlob, GetBlobStatus, RetrieveBlob } = service
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 })
  const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
  const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
  const wire = (message: Uint8Array): Buffer => Buffer.from(message)
  fc.assert(
    fc.property(bytes, uint64, uint32, (data, epoch, quorum) => {
      assert.deepEqual(readDisperseRequest(DisperseBlob!.requestSerialize({ data })), wire(data))
      const request = { storage_root: data, epoch: `${epoch}`, quorum_id: `${quorum}` }
      assert.deepEqual(readRetrieveRequest(RetrieveBlob!.requestSerialize(request)), {
        storageRoot: wire(data),
        epoch,
        quorum: BigInt(quorum),
      })
      assert.deepEqual(
        DisperseBlob!.responseDeserialize(wire(writeDisperseReply(blobStatus.processing, data))),
        { result: 1, request_id: wire(data) },
      )
      const status = wire(writeStatusReply(blobStatus.confirmed, handleOf(data, epoch, quorum)))
      const { blob_header } = (
        GetBlobStatus!.responseDeserialize(status) as { info: { blob_header: object } }
      ).info
      const header = { storage_root: wire(data), ...(epoch > 0n && { epoch: `${epoch}` }) }
      const withQuorum = quorum > 0 ? { ...header, quorum_id: `${quorum}` } : header
      assert.deepEqual(blob_header, withQuorum)
      const retrieved = wire(concat(...writeRetrieveReply(data)))
      assert.deepEqual(RetrieveBlob!.responseDeserialize(retrieved), { data: wire(data) })
    }),
  )
})

test('what is not known is skipped, and of what comes twice the last counts', () => {
  const blob = Uint8Array.of(10, 1, 7)
  const unknown = [
    Uint8Array.of(16, 255, 1),
    Uint8Array.of(0x82, 1, 2, 9, 9),
    Uint8Array.of(25, 1, 2, 3, 4, 5, 6, 7, 8),
    Uint8Array.of(37, 1, 2, 3, 4),
  ]
  for (const field of unknown) {
    assert.deepEqual(readDisperseRequest(concat(field, blob, field)), Uint8Array.of(7))
  }
  assert.deepEqual(readDisperseRequest(concat(Uint8Array.of(10, 1, 6), blob)), Uint8Array.of(7))
  assert.deepEqual(readDisperseRequest(new Uint8Array(0)), new Uint8Array(0))
})

test('malformed messages are refused', () => {
  const malformed = [
    [10], // a field without a value
    [10, 2, 1], // cut off
    [10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], // a size of 2^64 - 1
    [10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], // 65 bits
    [10, ...Array.from({ length: 11 }, () => 0x80), 0], // no end
    [8, 1], // field 1 as a number
    [13, 0, 0, 0, 0], // field 1 as four bytes
    [2, 0], // field 0
    [0x82, 0x80, 0x80, 0x80, 0x10, 0], // a field number of 30 bits
    [11], // a group
    [12], // its end
    [14], // a type that is none
    [17, 1, 2, 3], // eight bytes, cut off
    [21, 1, 2, 3], // four bytes, cut off
    Array.from({ length: 130 }, (_, at) => (at % 2 === 0 ? 16 : 1)), // 65 fields
  ]
  for (const bytes of malformed) {
    assert.throws(() => readDisperseRequest(Uint8Array.from(bytes)), MessageMalformedError)
  }
  assert.throws(() => readRetrieveRequest(Uint8Array.of(18, 1, 1)), MessageMalformedError)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      for (const read of [readDisperseRequest, readStatusRequest, readRetrieveRequest]) {
        try {
          read(bytes)
        } catch (error) {
          assert.ok(error instanceof MessageMalformedError)
        }
      }
    }),
  )
})
