import assert from 'node:assert/strict'
import { test } from 'node:test'

import { blsScheme } from '@zg/consensus'
import { ContractRevertError, L1World, testOperator } from '@zg/contracts/testing'
import { fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng, SimulatedClock, SimulatedDisk } from '@zg/runtime'

import type { BatchId } from './batch.ts'
import { batchRequestDigest } from './batch.ts'
import { localBatchCoder } from '../disperser/batch-coder.ts'
import { dataEvidence } from './evidence.ts'
import type { DataEvidence, SignedBatch } from './evidence.ts'
import { signPersonal } from './personal-signature.ts'
import { rowsOf } from './quorum.ts'
import { DataWorld, smallShape } from '../testing/data-world.ts'
import { encodeStore } from './wire.ts'

const reporter: Hex = toHex(new Uint8Array(20).fill(0xee))
const operators = [1, 2, 3, 4, 5].map((index) => testOperator(index))
const coder = localBatchCoder(smallShape)

/** Validates nothing: it signs for data alone. */
const outsider = 4

/**
 * L1 with five operators in epoch 12, of which four validate network 1, and a node for each that
 * signs by its key.
 */
async function openWorlds() {
  const l1 = new L1World()
  for (const id of [0, 1]) l1.openNetwork(id)
  l1.settle(operators.slice(0, outsider), { ids: [0, 1], slashBpsMax: 10_000 })
  l1.settle(operators.slice(outsider))
  l1.goToEpoch(12)
  const scheme = blsScheme()
  const clock = new SimulatedClock()
  const world = new DataWorld({
    clock,
    nodeCount: operators.length,
    scheme,
    signingKeyOf: (index) => operators[index]!.secretKey,
    chain: { identity: l1.identityOf(1), epochMs: 1_000 },
  })
  // The table's first epoch is 10.
  await clock.run({ untilMs: clock.nowMs() + 2_000 })
  return { l1, world, scheme }
}

/** Has node `index` sign for a batch of one blob. */
async function signedBy(world: DataWorld, index: number, batch: BatchId, fill: number) {
  const coded = await coder.code([new Uint8Array(900).fill(fill)])
  const epoch = (await world.chain.epochAt(batch.epoch))!
  const quorum = await world.chain.quorumAt(epoch, 0)
  const spans = rowsOf(quorum, quorum.members[index]!)
  const request = encodeStore({
    batch,
    header: coded.header,
    signature: signPersonal(batchRequestDigest(batch, coded.commitment), world.disperserKey),
    ranges: spans.map(({ from, count }) => coded.range(from, count)),
  })
  const node = await world.run(world.openNode(index))
  const signature = await world.run(node.store(request))
  return { batch, commitment: coded.commitment, signature } satisfies SignedBatch
}

for (const [index, who] of [
  [2, 'a validator'],
  [outsider, 'no validator'],
] as const) {
  test(`S9: a node that forgot what it signed signs again, and loses stake: ${who}`, async () => {
    const { l1, world, scheme } = await openWorlds()
    const epoch = await world.chain.epoch()
    assert.equal(epoch, 12n)
    const disperser = fromHex(world.disperserAddress)
    const batch: BatchId = { network: 1, epoch, quorum: 0, disperser, sequence: 4n }
    const first = await signedBy(world, index, batch, 1)
    await assert.rejects(signedBy(world, index, batch, 2), { code: 'DA_EQUIVOCATION' })
    world.nodeDisks[index] = new SimulatedDisk({ clock: world.clock, rng: createSeededRng(9) })
    const second = await signedBy(world, index, batch, 2)
    const evidence = dataEvidence(first, second, scheme)
    assert.ok(evidence !== undefined)

    const culprit = operators[index]!.address
    const report = (operator: Hex, given: DataEvidence) =>
      l1.send(
        l1.slashing,
        'reportDataVotes',
        [1, operator, given.first, given.second, given.signature],
        reporter,
      )
    // Nobody else's, no other batch's, and no vote that it did not sign.
    assert.throws(() => report(operators[1]!.address, evidence), ContractRevertError)
    const other = {
      ...evidence,
      second: { ...evidence.second, commitment: toHex(batch.disperser) },
    }
    assert.throws(
      () => report(culprit, { ...evidence, second: evidence.first }),
      ContractRevertError,
    )
    assert.throws(() => report(culprit, other as DataEvidence))
    const stakeOf = (): bigint =>
      (l1.read(l1.stakes, 'activeOf', culprit) as { readonly assets: bigint }).assets
    const before = stakeOf()
    assert.equal(report(culprit, evidence).events[0]?.args['fault'], 9)
    assert.ok(stakeOf() < before)
    assert.throws(() => report(culprit, evidence), ContractRevertError)
  })
}

test('what is no fault is no evidence: two batches, or one commitment twice', async () => {
  const { world, scheme } = await openWorlds()
  const epoch = await world.chain.epoch()
  const disperser = fromHex(world.disperserAddress)
  const batch: BatchId = { network: 1, epoch, quorum: 0, disperser, sequence: 0n }
  const first = await signedBy(world, 1, batch, 1)
  const second = await signedBy(world, 1, { ...batch, sequence: 1n }, 2)
  assert.equal(dataEvidence(first, second, scheme), undefined)
  assert.equal(dataEvidence(first, first, scheme), undefined)
})
