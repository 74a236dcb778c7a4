import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { sha256 } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'

import { admit, openHub } from '../testing/hub-world.ts'
import { refuses } from '../testing/refuses.ts'
import { testOperator } from '../testing/stake-world.ts'
import type { CertificateArgs, TestOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const hub: Hex = '0x0000000000000000000000000000000000002001'
const grant = 3_000_000n * ether
/** Constants of RewardHub. */
const heightsPerReward = 16
const widenBlocks = 8
const grantHeights = 1_000_000n

const [first, second, third, fourth] = [1, 2, 3, 4].map((index) => testOperator(index))
assert.ok(first && second && third && fourth)
const all = [first, second, third, fourth]

/** A network with a grant that knows its own set of epoch 12, and all four as absent. */
async function openRewards({ funds = grant } = {}) {
  const { l1, home, other } = openHub()
  if (funds > 0n) home.world.pay(hub, funds)
  const referred = await home.refer()
  await home.seal({ l1: referred.reference })
  const absent = all.map(({ address }) => address)
  await admit(home, referred, { id: home.id, epoch: 12, absent })
  /** Makes blocks up to the next height that is paid, and one more. */
  const goToPaidHeight = async (options: Parameters<typeof home.seal>[0] = {}) => {
    home.sealEmpty((Math.floor(home.height / heightsPerReward) + 1) * heightsPerReward - 1)
    await home.seal(options)
    return home.height
  }
  const show = (certificate: CertificateArgs, former: readonly Hex[] = [], height?: number) =>
    home.call('RewardHub', 'show', [certificate, home.headerProof(height), former])
  const signed = (...signers: TestOperator[]) => home.certificate({ signers })
  const earned = ({ address }: TestOperator, epoch = 12) => {
    const weight = home.ask('LightClient', 'weightOf', home.id, epoch, address)
    return home.ask('RewardHub', 'earnedOf', address, epoch, weight) as bigint
  }
  const owed = () => home.ask('RewardHub', 'owed') as bigint
  const claim = async ({ address }: TestOperator, epochs: readonly number[], by = referred) => {
    const args = [address, epochs, home.headerProof(1), await by.proofs.weight(home.id, address)]
    return home.call('RewardHub', 'claim', args)
  }
  return { l1, home, other, referred, goToPaidHeight, show, signed, earned, owed, claim }
}

/** What one of so many thousandths of weight earns of an amount. */
const share = (amount: bigint, weight: bigint) => (amount * weight) / 1_300n

/** That one amount is another less what rounding takes, a few wei. */
function near(found: bigint, expected: bigint): void {
  assert.ok(found <= expected && expected - found <= 4n, `${found} of ${expected}`)
}

describe('RewardHub', () => {
  test('pays a height to who signed it, by weight; the absent leave their part', async () => {
    const { home, goToPaidHeight, show, signed, earned, owed } = await openRewards()
    const reward = ether
    assert.equal(home.ask('RewardHub', 'nextReward'), reward)
    await goToPaidHeight()
    const { events } = show(signed(first, second, third))
    assert.deepEqual([events[0]?.name, events[0]?.args['amount']], ['HeightPaid', reward])
    near(earned(first), share(reward, 400n))
    near(earned(second), share(reward, 300n))
    near(earned(third), share(reward, 300n))
    assert.equal(earned(fourth), 0n)
    near(share(reward, 1_000n), owed())
    // Another height, another one absent.
    await goToPaidHeight()
    show(signed(second, third, fourth))
    near(earned(first), share(reward, 400n))
    near(earned(second), share(2n * reward, 300n))
    near(earned(fourth), share(reward, 300n))
  })

  test('a further certificate adds whom another left out, and takes nobody away', async () => {
    const { home, goToPaidHeight, show, signed, earned } = await openRewards()
    await goToPaidHeight()
    const thin = signed(second, third, fourth)
    show(thin)
    refuses(() => show(thin, thin.absent), 'NothingAdded')
    // The one who was left out brings another, which leaves out the fourth.
    const other = signed(first, second, third)
    refuses(() => show(other, []), 'FormerUnknown')
    refuses(() => show(other, other.absent), 'FormerUnknown')
    show(other, thin.absent)
    near(earned(first), share(ether, 400n))
    near(earned(fourth), share(ether, 300n))
    refuses(() => show(signed(...all), []), 'NothingAdded')

    // Within some blocks of the first.
    const shownAt = (): number => {
      const shown = home.ask('RewardHub', 'shownOf', home.height) as { shownAt: bigint }
      return Number(shown.shownAt)
    }
    await goToPaidHeight()
    const one = signed(first, second, third)
    show(one)
    home.world.skipTo(shownAt() + widenBlocks)
    show(signed(...all), one.absent)
    await goToPaidHeight()
    const last = signed(first, second, third)
    show(last)
    home.world.skipTo(shownAt() + widenBlocks + 1)
    refuses(() => show(signed(...all), last.absent), 'HeightClosed')
  })

  test('refuses heights, certificates and headers that are not what is paid', async () => {
    const { l1, home, other, goToPaidHeight, show, signed } = await openRewards()
    const height = await goToPaidHeight()
    const good = signed(...all)
    const bent = (fields: object) => home.certificate({ bent: fields })
    refuses(() => show(bent({ consensusRoot: sha256(Uint8Array.of(1)) })), 'NotOfThisChain')
    refuses(() => show(bent({ height: BigInt(height) + 16n })), 'NotOfThisChain')
    // Whoever was in some other epoch's set cannot sign for this one.
    refuses(() => show(bent({ epoch: 11n })), 'NotOfThisChain')
    refuses(() => show(home.certificate({ of: 1 })), 'CertificateInvalid')
    refuses(() => show({ ...good, absent: [fourth.address] }), 'CertificateInvalid')
    refuses(() => show(signed(first, second)), 'NoQuorum')
    await other.seal()
    const foreign = { ...other.headerProof(), timestamp: home.headerProof().timestamp }
    const args = [good, foreign, []]
    refuses(() => home.call('RewardHub', 'show', args), 'HeaderUnknown')
    await home.seal()
    refuses(() => show(home.certificate()), 'HeightUnpaid')
    // A header of an epoch whose set nobody proved.
    const late = await goToPaidHeight({ epoch: 13n })
    refuses(() => show(home.certificate({ height: late })), 'SetUnknown')
    assert.equal(l1.epoch, 12)
    // By history, a while later, and not for ever.
    show(good, [], height)
    const next = await goToPaidHeight()
    const old = home.certificate()
    home.world.skipTo(next + 4_097)
    refuses(() => show(old), 'HeightTooOld')
  })

  test('never owes more than it holds, whatever is shown', async () => {
    const { home, goToPaidHeight, show, signed, owed } = await openRewards({ funds: 900_000n })
    // A wei each: the least that is still something, until there is less than a part.
    assert.equal(home.ask('RewardHub', 'nextReward'), 0n)
    await goToPaidHeight()
    refuses(() => show(signed(...all)), 'GrantSpent')
    home.world.pay(hub, 100_000n)
    show(signed(...all))
    assert.equal(owed(), 1n)
    await goToPaidHeight()
    refuses(() => show(signed(...all)), 'GrantSpent')
    home.world.pay(hub, ether)
    for (let count = 0; count < 3; count++) {
      await goToPaidHeight()
      const free = home.world.balanceOf(hub) - owed()
      assert.equal(home.ask('RewardHub', 'nextReward'), free / grantHeights)
      const thin = signed(second, third, fourth)
      show(thin)
      show(signed(...all), thin.absent)
      assert.ok(owed() <= home.world.balanceOf(hub))
    }
  })

  test('a claim leaves by the Outbox as a reward, once, of any epochs of one weight', async () => {
    const { home, goToPaidHeight, show, signed, earned, owed, claim } = await openRewards()
    await goToPaidHeight()
    show(signed(first, second, third))
    const before = earned(first)
    const held = home.world.balanceOf(hub)
    await assert.rejects(claim(first, []), { errorName: 'AmountTooSmall' })
    await assert.rejects(claim(first, [11, 12]), { errorName: 'NotAMember' })
    await assert.rejects(claim(first, [12, 14]), { errorName: 'WeightUnproven' })
    await assert.rejects(claim(first, [14]), { errorName: 'EpochUnsettled' })
    await assert.rejects(claim(fourth, [12]), { errorName: 'AmountTooSmall' })
    const { events } = await claim(first, [12, 13, 12])
    assert.deepEqual([events[0]?.name, events[0]?.args['amount']], ['Claimed', before])
    assert.equal(home.world.balanceOf(hub), held - before)
    assert.equal(home.world.balanceOf('0x0000000000000000000000000000000000002002'), before)
    assert.equal(home.ask('Outbox', 'count'), 1n)
    assert.equal(earned(first), 0n)
    near(share(ether, 600n), owed())
    await assert.rejects(claim(first, [12]), { errorName: 'AmountTooSmall' })
    // What comes later is claimed later.
    await goToPaidHeight()
    show(signed(...all))
    await claim(first, [12])
    for (const operator of [second, third, fourth]) await claim(operator, [12])
    assert.ok(owed() <= 8n, String(owed()))
  })

  test('a weight is that of its epoch, proved by any later state that knows it', async () => {
    const { l1, home, referred, goToPaidHeight, show, earned, claim } = await openRewards()
    // From epoch 14 on the first weighs 800 of 1,700, and the second is out.
    l1.send(l1.stakes, 'stake', [first.address, 400n * ether], first.address)
    l1.send(l1.networks, 'optOut', [home.id], second.address)
    await goToPaidHeight()
    show(home.certificate())
    l1.goToEpoch(14)
    const later = await home.refer()
    await home.seal({ epoch: 12n, l1: later.reference })
    const height = home.height
    await admit(home, later, { id: home.id, epoch: 14, absent: [first.address] })
    await goToPaidHeight({ epoch: 14n })
    const rest = [first, third, fourth]
    show({ ...home.certificate({ signers: rest }), absent: [] })
    const reward = home.ask('RewardHub', 'nextReward') as bigint
    near(earned(first, 14), (reward * 800n) / 1_400n)
    const proof = await later.proofs.weight(home.id, first.address)
    const byLater = (epochs: readonly number[]) =>
      home.call('RewardHub', 'claim', [first.address, epochs, home.headerProof(height), proof])
    refuses(() => byLater([12, 14]), 'WeightUnproven')
    refuses(() => byLater([14, 12]), 'WeightUnproven')
    byLater([12])
    byLater([14])
    await assert.rejects(claim(second, [14]), { errorName: 'EpochUnsettled' })
    await claim(second, [12, 13])
    const gone = await later.proofs.weight(home.id, second.address)
    const args = [second.address, [14], home.headerProof(height), gone]
    refuses(() => home.call('RewardHub', 'claim', args), 'NotAMember')
    const forged = await referred.proofs.weight(home.id, first.address)
    const wrong = [third.address, [12], home.headerProof(1), forged]
    refuses(() => home.call('RewardHub', 'claim', wrong), 'TrieProofTraversalError')
  })

  test('pays no more than governance allows', async () => {
    const { home, goToPaidHeight, show, signed } = await openRewards({ funds: 3n * grant })
    assert.equal(home.ask('RewardHub', 'nextReward'), ether)
    await goToPaidHeight()
    assert.equal(show(signed(...all)).events[0]?.args['amount'], ether)
  })

  test('a reward comes to the stakers on L1: from the certificate to the mint', async () => {
    const { l1, home, goToPaidHeight, show, signed, claim } = await openRewards()
    await goToPaidHeight()
    show(signed(...all))
    await claim(first, [12])
    const amount = home.world.balanceOf('0x0000000000000000000000000000000000002002')
    const dataHash = `0x${'00'.repeat(32)}` as const
    const none = { network: 0, expiry: 0n, dataHash }
    const index = home.sent({ kind: 1, sender: hub, to: first.address, amount, ...none })
    await home.seal()
    home.certify()
    l1.send(l1.bridge, 'sync', await home.syncArgs())
    const earnedOf = () => l1.read(l1.stakes, 'earnedOf', first.address, first.address)
    assert.equal(earnedOf(), 0n)
    l1.send(l1.bridge, 'claim', home.claimArgs(index))
    l1.world.advance(2 * l1.epochSeconds)
    assert.equal(earnedOf(), amount)
  })

  test('of random certificates and claims, each gets its part and the grant covers all', async () => {
    const rng = createSeededRng('zg/reward-hub')
    const { home, goToPaidHeight, show, signed, earned, owed, claim } = await openRewards()
    const weights = [400n, 300n, 300n, 300n]
    const due = [0n, 0n, 0n, 0n]
    const paid = [0n, 0n, 0n, 0n]
    for (let round = 1; round <= 10; round++) {
      await goToPaidHeight()
      let former: readonly Hex[] = []
      let present = new Set<number>()
      let amount = 0n
      for (let turn = 0; turn <= rng.below(3); turn++) {
        // One absent at most, or there is no quorum; the fifth is nobody.
        const absent = rng.below(5)
        const certificate = signed(...all.filter((_, index) => index !== absent))
        const now = new Set([...present, ...[0, 1, 2, 3].filter((index) => index !== absent)])
        if (present.size > 0 && now.size === present.size) {
          refuses(() => show(certificate, former), 'NothingAdded')
          continue
        }
        const { events } = show(certificate, former)
        amount = (events[0]?.args['amount'] as bigint | undefined) ?? amount
        former = events[0]?.args['absent'] as readonly Hex[]
        present = now
      }
      for (const index of present)
        due[index] = (due[index] ?? 0n) + share(amount, weights[index] ?? 0n)
      const index = rng.below(4)
      const operator = all[index] ?? first
      if (earned(operator) >= 10n ** 15n) {
        const { events } = await claim(operator, [12])
        paid[index] = (paid[index] ?? 0n) + (events[0]?.args['amount'] as bigint)
      }
      let open = 0n
      for (const [at, each] of all.entries()) {
        const found = earned(each) + (paid[at] ?? 0n)
        const off = found - (due[at] ?? 0n)
        assert.ok(off <= BigInt(round) && off >= -BigInt(round), `round ${round}: off by ${off}`)
        open += earned(each)
      }
      const balance = home.world.balanceOf(hub)
      assert.ok(open <= owed() && owed() <= balance, `round ${round}`)
      assert.equal(balance + paid.reduce((sum, each) => sum + each, 0n), grant)
    }
  })
})
