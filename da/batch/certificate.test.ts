import assert from 'node:assert/strict'
import { test } from 'node:test'

import { commitmentOf, RowCommitter } from '@zg/coding'
import { SimulatedClock } from '@zg/runtime'

import type { BatchId } from './batch.ts'
import { batchDigest, CertificateBuilder, verifyCertificate } from './certificate.ts'
import { DataWorld, smallShape } from '../testing/data-world.ts'

const batch: BatchId = {
  network: 7,
  epoch: 10n,
  quorum: 0,
  disperser: new Uint8Array(20).fill(4),
  sequence: 0n,
}

async function openWorld() {
  const world = new DataWorld({ clock: new SimulatedClock() })
  const committer = new RowCommitter({ ...smallShape, rowSizeMax: 64 })
  const header = committer.commit()
  const commitment = commitmentOf(header)
  const { chain, scheme } = world
  const quorum = await chain.quorumAt((await chain.epochAt(10n))!, 0)
  const open = () =>
    new CertificateBuilder(batch, { header, commitment }, quorum, chain.identity, scheme)
  const digest = batchDigest(chain.identity, batch, commitment)
  const sign = (member: number): Uint8Array => world.sign(member, digest)
  const isGood = (certificate: Parameters<typeof verifyCertificate>[0]): boolean =>
    verifyCertificate(certificate, quorum, chain.identity, smallShape, scheme)
  return { open, sign, isGood, quorum }
}

test('eleven of sixteen make a certificate, ten do not', async () => {
  const { open, sign, isGood } = await openWorld()
  const builder = open()
  for (let member = 0; member < 10; member++) builder.add(member, sign(member))
  assert.equal(builder.certificate(), undefined)
  builder.add(9, sign(9))
  assert.equal(builder.certificate(), undefined)
  builder.add(15, sign(15))
  const certificate = builder.certificate()!
  assert.deepEqual(certificate.signers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15])
  assert.ok(isGood(certificate))
})

test('wrong signatures are found out and left out, whoever gives them', async () => {
  const { open, sign, isGood } = await openWorld()
  const builder = open()
  builder.add(3, new Uint8Array(96))
  builder.add(4, sign(5))
  for (const member of [0, 1, 2, 5, 6, 7, 8, 9, 10]) builder.add(member, sign(member))
  assert.equal(builder.certificate(), undefined)
  builder.add(4, sign(4))
  builder.add(11, sign(11))
  const certificate = builder.certificate()!
  assert.ok(!certificate.signers.includes(3))
  assert.equal(certificate.signers.length, 11)
  assert.ok(isGood(certificate))
})

test('a certificate with a member too few, one twice or out of order is refused', async () => {
  const { open, sign, isGood } = await openWorld()
  const builder = open()
  for (let member = 0; member < 12; member++) builder.add(member, sign(member))
  const certificate = builder.certificate()!
  assert.ok(isGood(certificate))
  const { signers } = certificate
  for (const wrong of [
    signers.slice(1),
    [...signers, 12],
    [...signers.slice(1), signers[0]!],
    [0, ...signers],
    [...signers, 16],
  ]) {
    assert.equal(isGood({ ...certificate, signers: wrong }), false)
  }
  assert.equal(isGood({ ...certificate, rowSize: 128 }), false)
  assert.equal(isGood({ ...certificate, batch: { ...batch, sequence: 1n } }), false)
})

test('contested members spoil no certificate, and their rows count for nothing', async () => {
  const { open, sign, isGood, quorum } = await openWorld()
  const builder = open()
  for (let member = 0; member < 12; member++) builder.add(member, sign(member))
  const certificate = builder.certificate()!
  const contest = (member: number): void => {
    Object.assign(quorum.signers[member]!, { isContested: true })
  }
  contest(2)
  assert.equal(isGood(certificate), true)
  contest(13)
  assert.equal(isGood(certificate), true)
  contest(3)
  assert.equal(isGood(certificate), false)
})
