import assert from 'node:assert/strict'
import { test } from 'node:test'

import { blsScheme } from '@zg/consensus'
import { signatureWords } from '@zg/contracts'
import { ContractRevertError, dataOperator, DataWorld, testBatch } from '@zg/contracts/testing'
import { blsPublicKeyOf, fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'

import { batchDigest, certifiedCommitment, verifyCertificate } from './certificate.ts'
import type { Certificate } from './certificate.ts'
import type { DrawnQuorum } from '../chain/data-chain.ts'
import { drawQuorum } from './quorum.ts'

const votes = [900n, 500n, 500n, 400n, 300n, 200n, 200n]
const operators = votes.map((_, index) => dataOperator(index + 1))
const disperser: Hex = toHex(new Uint8Array(20).fill(0xd1))
const scheme = blsScheme()
const roundCount = 72

/** Operators who have less than their places say, so that each may be contested. */
function openWorld(): DataWorld {
  const data = new DataWorld({ quorumCount: 1 })
  data.deposit(disperser, 10n ** 18n)
  data.settle(operators, votes)
  for (const [index, { address: from }] of operators.entries()) {
    data.send(data.stake, 'unbond', [votes[index]! / 2n], { from })
  }
  data.passEpochs(2)
  data.open(data.epoch, 0)
  return data
}

/** Its only quorum, as TypeScript has it. */
function quorumIn(data: DataWorld): DrawnQuorum {
  const { epoch, rowCount: slots } = data
  const active = votes.map((own, place) => ({ place, votes: own }))
  const drawn = drawQuorum({ active, seed: data.seedOf(epoch), quorum: 0, slots })
  const signers = operators.map(({ address, secretKey }, place) => ({
    operator: fromHex(address),
    publicKey: blsPublicKeyOf(secretKey),
    url: '',
    isContested: data.read(data.signers, 'isContested', place, epoch) === true,
  }))
  return { ...drawn, signers }
}

/** Whether DataEntrance would record it. */
function isTaken(data: DataWorld, certificate: Certificate): boolean {
  const { batch, rowSize, rowRoot, combinationHash, signers, signature } = certificate
  const bits = signers.reduce((bitmap, member) => bitmap | (1 << member), 0)
  const args = {
    epoch: batch.epoch,
    disperser: toHex(batch.disperser),
    sequence: batch.sequence,
    rowSize,
    rowRoot: toHex(rowRoot),
    combinationHash: toHex(combinationHash),
    signers: toHex(Uint8Array.of(bits)),
    signature: signatureWords(signature),
  }
  try {
    data.read(data.entrance, 'certify', args)
    return true
  } catch (error) {
    const refusals = ['NoQuorum', 'CertificateInvalid', 'SignersInvalid']
    assert.ok(
      error instanceof ContractRevertError && refusals.includes(error.errorName),
      String(error),
    )
    return false
  }
}

test('verifyCertificate judges as DataEntrance does, whoever signs, is named, or is contested', () => {
  const data = openWorld()
  const { identity, epoch } = data
  const rng = createSeededRng(10)
  const shape = { dataRows: data.dataRows, codedRows: data.rowCount }
  const some = (ofTen: number): number[] =>
    operators.flatMap((_, member) => (rng.below(10) < ofTen ? [member] : []))
  const found = { good: 0, bad: 0, contested: 0 }
  for (let round = 0; round < roundCount; round++) {
    if (round % 18 === 17) data.send(data.signers, 'contest', [6 - (round - 17) / 18, '0x'])
    const { rowSize, rowRoot, combinationHash } = testBatch({ epoch, disperser })
    const batch = {
      network: identity.networkId,
      epoch: BigInt(epoch),
      quorum: 0,
      disperser: fromHex(disperser),
      sequence: BigInt(round),
    }
    const unsigned = { batch, rowSize, rowRoot, combinationHash }
    const signers = some(9)
    if (signers.length === 0) signers.push(0)
    const commitment = certifiedCommitment(shape, { ...unsigned, signers, signature: rowRoot })
    // Now and then others are named than signed, one has no member, or it was of another batch.
    const named = rng.below(5) === 0 ? some(9) : [...signers]
    if (rng.below(12) === 0) named.push(7)
    const signed = rng.below(8) === 0 ? { ...batch, sequence: 1_000n } : batch
    const digest = batchDigest(identity, signed, commitment)
    const own = signers.map((member) => scheme.sign(operators[member]!.secretKey, digest))
    const certificate = { ...unsigned, signers: named, signature: scheme.aggregate(own)! }
    const quorum = quorumIn(data)
    const isGood = verifyCertificate(certificate, quorum, identity, shape, scheme)
    assert.equal(isGood, isTaken(data, certificate), `round ${round}: ${named.join()}`)
    found[isGood ? 'good' : 'bad']++
    if (isGood && named.some((member) => quorum.signers[member]!.isContested)) found.contested++
  }
  // The rounds saw all that there is.
  assert.ok(found.good > 15 && found.bad > 15 && found.contested > 3, JSON.stringify(found))
})
