import assert from 'node:assert/strict'
import { test } from 'node:test'

import { commitmentBy } from '@zg/coding'
import { dataVoteDigest } from '@zg/consensus'
import { bigintToHex, fromHex, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { encodeAbiParameters, parseAbiParameters } from 'viem'

import { systemContractAddresses } from '../system-contracts.ts'
import { ContractRevertError } from '../testing/contract-world.ts'
import { drawOf } from '../testing/data-draw.ts'
import { sumOn, testBatch } from '../testing/data-world.ts'
import { admit, openHub } from '../testing/hub-world.ts'
import { refuses } from '../testing/refuses.ts'
import { operatorProofOf } from '../testing/operator-proof.ts'
import { mappingSlot } from '../testing/stake-proofs.ts'

const ether = 10n ** 18n
const gwei = 10n ** 9n
const disperser: Hex = toHex(new Uint8Array(20).fill(0xd1))
const entrance = bigintToHex(systemContractAddresses.DataEntrance, 20)
/** Where DataEntrance keeps records. */
const recordsSlot = 3n

/** Records a batch on a network in epoch 14, by three operators of L1. */
async function recordBatch() {
  const { l1, members, home, other } = openHub()
  const goToEpoch = (epoch: number): void => {
    l1.goToEpoch(epoch)
    home.world.advance(l1.world.timestamp - home.world.timestamp)
  }
  goToEpoch(12)
  const referred = await home.refer()
  await home.seal({ l1: referred.reference })
  await admit(home, referred, { id: home.id, epoch: 12 })
  for (const [place, { address }] of members.entries()) {
    const proof = await operatorProofOf(home.headerProof(), referred, address)
    home.call('DataSigners', 'join', [place, proof], address)
  }
  const contract = home.contract('DataEntrance')
  home.world.send({ contract, name: 'deposit', args: [disperser], value: ether })
  goToEpoch(13)
  const mix = new Uint8Array(32).fill(0x51)
  const later = await home.refer()
  await home.seal({ l1: later.reference, epoch: 12n, mix })
  home.call('EpochInfo', 'close', [home.headerProof()])
  home.certify({ nextEpoch: 13n })
  goToEpoch(14)
  const last = await home.refer()
  await home.seal({ l1: last.reference, epoch: 13n })
  home.certify({ nextEpoch: 14n })
  const batch = testBatch({ epoch: 14, disperser, sequence: 5, rowSize: 256 })
  const quorum = Number(home.ask('DataSigners', 'quorumFor', 14, disperser, 5))
  const votes = [400n, 300n, 300n, 300n].map((tokens) => tokens * gwei)
  const { slots } = drawOf(votes, { seed: mix, quorum, rowCount: 4_096 })
  home.call('DataSigners', 'open', [14, quorum, slots])
  const commitment = commitmentBy(
    { dataRows: 1_024, codedRows: 4_096, ...batch },
    batch.combinationHash,
  )
  const named = { epoch: 14n, quorum, disperser: fromHex(disperser), sequence: 5n }
  const [rowRoot, combinationHash] = [toHex(batch.rowRoot), toHex(batch.combinationHash)]
  const certificate = { ...batch, rowRoot, combinationHash, signers: '0x0f' }
  const certify = (network: number) => {
    const digest = dataVoteDigest(l1.identityOf(network), { ...named, commitment })
    const signature = sumOn(digest, members)
    return home.call('DataEntrance', 'certify', [{ ...certificate, signature }])
  }
  refuses(() => certify(other.id), 'CertificateInvalid')
  certify(home.id)
  const types = parseAbiParameters('uint64, uint32, address, uint64')
  const name = toHex(keccak256(fromHex(encodeAbiParameters(types, [14n, quorum, disperser, 5n]))))
  return { l1, home, name, commitment }
}

test('a record is proved elsewhere under a header that a certificate brought there, and no other is', async () => {
  const { l1, home, name, commitment } = await recordBatch()
  const at = { number: BigInt(home.world.run.number), time: BigInt(home.world.timestamp) }
  const expected = { commitment: toHex(commitment), rowSize: 256, epoch: 14n, ...at }
  assert.deepEqual(home.ask('DataEntrance', 'recordOf', name), expected)

  const height = await home.seal({ epoch: 14n })
  home.certify()
  const { consensusRoot: root, siblings } = home.blockProof(height)
  assert.equal(l1.read(l1.oracle, 'holds', home.id, height, root, siblings), true)
  const slot = mappingSlot({ key: BigInt(name), position: recordsSlot })
  const words = await Promise.all(
    [0n, 1n].map(async (word) => (await home.slotProof(height, entrance, slot + word)).slot),
  )
  const account = await home.accountProof(height, entrance)
  const tester = l1.world.deploy('ProofsTester')
  const prove = (bent: Partial<{ batch: Hex; entrance: Hex; words: readonly unknown[] }> = {}) =>
    l1.world.read({
      contract: tester,
      name: 'dataRecord',
      args: [
        root,
        home.stateProof(height),
        bent.entrance ?? entrance,
        bent.batch ?? name,
        { account, words: bent.words ?? words },
      ],
    })
  assert.deepEqual(prove(), expected)
  const wrong = [
    { batch: toHex(keccak256(Uint8Array.of(1))) },
    { entrance: bigintToHex(systemContractAddresses.DataSigners, 20) },
    { words: words.toReversed() },
    { words: [[], []] },
  ]
  for (const bent of wrong) assert.throws(() => prove(bent), ContractRevertError)
})
