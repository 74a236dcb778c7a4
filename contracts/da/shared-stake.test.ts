import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { fromHex, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'
import { encodeAbiParameters } from 'viem'

import { encodeOperatorProof, headerType } from '../operator-proof.ts'
import { drawOf } from '../testing/data-draw.ts'
import { dataReport, dataVotes } from '../testing/double-votes.ts'
import { admit, openHub } from '../testing/hub-world.ts'
import { ContractRevertError } from '../testing/contract-world.ts'
import type { ReferredL1 } from '../testing/network-world.ts'
import { operatorProofOf } from '../testing/operator-proof.ts'
import { refuses } from '../testing/refuses.ts'
import { testOperator } from '../testing/stake-world.ts'
import type { TestOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const gwei = 10n ** 9n
const [first, second, third] = [1, 2, 3].map((index) => testOperator(index)) as [
  TestOperator,
  TestOperator,
  TestOperator,
]
/** In no network. */
const loner = testOperator(9)

/** A network in epoch 12 of L1, which it refers to. */
async function openShared() {
  const { l1, home } = openHub()
  /** Goes to the first second of an epoch, on both. */
  const goToEpoch = (epoch: number): void => {
    l1.goToEpoch(epoch)
    home.world.advance(l1.world.timestamp - home.world.timestamp)
  }
  goToEpoch(12)
  const seal = async (options: Parameters<typeof home.seal>[0] = {}): Promise<ReferredL1> => {
    const referred = await home.refer()
    await home.seal({ l1: referred.reference, ...options })
    return referred
  }
  const proofOf = (referred: ReferredL1, operator: Hex, height = home.height) =>
    operatorProofOf(home.headerProof(height), referred, operator)
  const said = (name: 'present' | 'upcoming', operator: Hex, proof: Hex) => {
    const [votes, key] = home.ask('SharedStake', name, operator, proof) as [bigint, object]
    return { votes, key }
  }
  const join = (operator: TestOperator, place: number, proof: Hex) =>
    home.call('DataSigners', 'join', [place, proof], operator.address)
  return { l1, home, goToEpoch, seal, proofOf, said, join }
}

describe('SharedStake', () => {
  test('says what an operator has on L1, in a network or not, now and from the epoch after next', async () => {
    const { l1, goToEpoch, seal, proofOf, said } = await openShared()
    l1.register(loner)
    l1.fund(loner.address, 500n * ether)
    l1.send(l1.stakes, 'stake', [loner.address, 200n * ether], loner.address)
    const referred = await seal()
    const proof = await proofOf(referred, loner.address)
    const key = said('upcoming', loner.address, proof).key
    assert.deepEqual(said('upcoming', loner.address, proof), { votes: 200n * gwei, key })
    assert.deepEqual(
      said('upcoming', first.address, await proofOf(referred, first.address)).votes,
      400n * gwei,
    )
    // Its key holds from epoch 14 on: before, it has none.
    await assert.rejects(async () => said('present', loner.address, proof), ContractRevertError)
    goToEpoch(14)
    const later = await proofOf(await seal(), loner.address)
    assert.deepEqual(said('present', loner.address, later), { votes: 200n * gwei, key })
  })

  test('takes no state that is older than the epoch before this one, and none that settles less', async () => {
    const { l1, home, goToEpoch, seal, proofOf, said } = await openShared()
    const old = await proofOf(await seal(), first.address)
    assert.equal(home.ask('SharedStake', 'epoch'), 12n)
    goToEpoch(13)
    assert.equal(said('upcoming', first.address, old).votes, 400n * gwei)
    assert.equal(said('present', first.address, old).votes, 400n * gwei)
    goToEpoch(14)
    refuses(() => said('upcoming', first.address, old), 'StateOfAnotherEpoch')
    refuses(() => said('present', first.address, old), 'EpochUnsettled')
    // What is newest in a later state holds later.
    l1.goToEpoch(15)
    const later = await proofOf(await seal(), first.address)
    refuses(() => said('upcoming', first.address, later), 'StateOfAnotherEpoch')
  })

  test('takes no proof of another operator, contract or network, and no bytes that are none', async () => {
    const { home, seal, proofOf, said } = await openShared()
    const referred = await seal()
    const good = await proofOf(referred, first.address)
    const fails = (proof: Hex, operator = first.address) =>
      assert.throws(() => said('upcoming', operator, proof), ContractRevertError)
    fails(good, second.address)
    const { proofs } = referred
    const weight = (await proofs.weight(0, first.address)) as { registry: readonly Hex[] }
    const operator = await proofs.operator(first.address, await proofs.key(second.address))
    const header = home.headerProof()
    const bent = [
      [header, operator],
      [
        header,
        {
          ...(await proofs.operator(first.address, {} as never)),
          account: weight.registry,
          key: await proofs.key(first.address),
        },
      ],
      [
        { ...header, fields: header.fields.toReversed() },
        await proofs.operator(first.address, await proofs.key(first.address)),
      ],
    ]
    for (const [of, by] of bent) fails(encodeOperatorProof(of as object, by as object))
    for (const bytes of [
      '0x',
      `0x${'00'.repeat(64)}`,
      `0x${'ff'.repeat(64)}`,
      good.slice(0, 400),
    ]) {
      fails(bytes as Hex)
    }
  })

  test('a proof with any bit bent says nothing, or the same', async () => {
    const { seal, proofOf, said } = await openShared()
    const good = fromHex(await proofOf(await seal(), first.address))
    const told = said('upcoming', first.address, toHex(good))
    const rng = createSeededRng('zg/bent operator proofs 1')
    let refused = 0
    for (let count = 0; count < 400; count++) {
      const at = rng.below(good.length)
      const bent = good.map((byte, index) => (index === at ? byte ^ (1 << rng.below(8)) : byte))
      try {
        assert.deepEqual(said('upcoming', first.address, toHex(bent)), told)
      } catch (error) {
        assert.ok(error instanceof ContractRevertError, String(error))
        refused++
      }
    }
    assert.ok(refused > 300, String(refused))
  })

  test('the seed of an epoch is the mix with which the one before it began', async () => {
    const { home, goToEpoch, seal } = await openShared()
    await seal()
    refuses(() => home.ask('SharedStake', 'seedOf', 14), 'EpochUnknown')
    goToEpoch(13)
    const mix = new Uint8Array(32).fill(0x3d)
    await seal({ epoch: 12n, mix })
    home.call('EpochInfo', 'close', [home.headerProof()])
    assert.equal(home.ask('SharedStake', 'seedOf', 14), toHex(mix))
    // The epochs after one that was skipped have none.
    goToEpoch(16)
    await seal({ epoch: 13n, mix })
    home.call('EpochInfo', 'close', [home.headerProof()])
    refuses(() => home.ask('SharedStake', 'seedOf', 15), 'EpochUnknown')
    refuses(() => home.ask('SharedStake', 'seedOf', 16), 'EpochUnknown')
    assert.equal(home.ask('SharedStake', 'seedOf', 17), toHex(mix))
  })

  test('the mix of a block is that of its header', async () => {
    const { home, seal } = await openShared()
    const mix = new Uint8Array(32).fill(0x3e)
    await seal({ mix })
    const number = home.height
    const proof = encodeAbiParameters([headerType()], [home.headerProof()])
    assert.equal(home.ask('SharedStake', 'mixOf', number, proof), toHex(mix))
    refuses(() => home.ask('SharedStake', 'mixOf', number - 1, proof), 'HeaderOfAnotherBlock')
  })

  test('votes on data are at home in this network, once its genesis is known', async () => {
    const { l1, home, seal } = await openShared()
    const referred = await seal()
    refuses(() => home.ask('SharedStake', 'domain'), 'NetworkUnknown')
    await admit(home, referred, { id: home.id, epoch: 12 })
    const { genesisHash, stakingContract } = l1.identityOf(home.id)
    const found = home.ask('SharedStake', 'domain') as Record<string, unknown>
    assert.deepEqual(
      { ...found, staking: String(found['staking']).toLowerCase() },
      {
        l1ChainId: l1.world.chainId,
        staking: toHex(stakingContract),
        networkId: home.id,
        genesisHash: toHex(genesisHash),
      },
    )
  })
})

describe('DataSigners on a network', () => {
  test('operators join with what they stake on L1, and quorums are drawn of them', async () => {
    const { home, goToEpoch, seal, proofOf, join } = await openShared()
    const referred = await seal()
    for (const [place, operator] of [first, second, third].entries()) {
      join(operator, place, await proofOf(referred, operator.address))
    }
    const mix = new Uint8Array(32).fill(0x51)
    goToEpoch(13)
    await seal({ epoch: 12n, mix })
    home.call('EpochInfo', 'close', [home.headerProof()])
    const votes = [400n, 300n, 300n].map((tokens) => tokens * gwei)
    const { slots } = drawOf(votes, { seed: mix, quorum: 3, rowCount: 4_096 })
    home.call('DataSigners', 'open', [14, 3, slots])
    const [places, given] = home.ask('DataSigners', 'quorumOf', 14, 3) as readonly object[]
    assert.deepEqual([places, given], [[0, 1, 2], slots])
  })

  test('who unstakes or rotates on L1 and keeps its place is contested by a stranger', async () => {
    const { l1, home, goToEpoch, seal, proofOf, join } = await openShared()
    const before = await seal()
    for (const [place, operator] of [first, second, third].entries()) {
      join(operator, place, await proofOf(before, operator.address))
    }
    const contest = async (place: number, by: ReferredL1, { address }: TestOperator) =>
      home.call('DataSigners', 'contest', [place, await proofOf(by, address)])
    // The state that joined them is from before this.
    l1.send(l1.stakes, 'unstake', [first.address, 30n * ether], first.address)
    l1.rotate({ ...second, secretKey: testOperator(2, 1).secretKey })
    goToEpoch(14)
    const after = await seal({ epoch: 14n })
    await contest(0, after, first)
    // Another key: that of the former one is proved by no state that knows both as newest.
    await contest(1, after, second)
    await assert.rejects(contest(2, after, third), { errorName: 'NothingToContest' })
    await assert.rejects(contest(2, after, first), ContractRevertError)
    assert.deepEqual(
      [0, 1, 2].map((place) => home.ask('DataSigners', 'isContested', place, 14)),
      [true, true, false],
    )
  })

  test('who rotates on L1 and keeps its place answers there for what its former key signs', async () => {
    const { l1, home, goToEpoch, seal, proofOf, join } = await openShared()
    l1.register(loner)
    l1.fund(loner.address, 200n * ether)
    l1.send(l1.stakes, 'stake', [loner.address, 200n * ether], loner.address)
    goToEpoch(14)
    join(loner, 0, await proofOf(await seal({ epoch: 14n }), loner.address))
    l1.rotate(testOperator(9, 1))
    goToEpoch(16)
    const keyOnL1 = (epoch: number) => l1.read(l1.operators, 'keyAt', loner.address, epoch)
    const [place] = home.ask('DataSigners', 'placesOf', 0, 1) as readonly [{ key: object }]
    assert.deepEqual(place.key, keyOnL1(15))
    assert.notDeepEqual(place.key, keyOnL1(16))
    const votes = dataVotes(16n, 1)
    const fault = { id: home.id, operator: loner.address, votes, signer: loner }
    const { name, args } = dataReport(l1, fault)
    assert.equal(l1.send(l1.slashing, name, args).events[0]?.name, 'Punished')
    home.call('DataSigners', 'contest', [
      0,
      await proofOf(await seal({ epoch: 16n }), loner.address),
    ])
    assert.equal(home.ask('DataSigners', 'isContested', 0, 16), true)
  })
})
