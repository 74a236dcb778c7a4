import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { TestOperator } from '@zg/contracts/testing'

import { openKeeperWorld } from './testing/keeper-world.ts'

const ether = 10n ** 18n

describe('ClaimKeeper', () => {
  test('claims at once what is worth it, the rest when its epoch is over', async () => {
    const { l1, home, open, members, follow, sealTo, entries, chain } = await openKeeperWorld()
    await sealTo(20)
    // Of a token the first of 1,300 parts has 400, the others 300.
    const keeper = open({ claimWei: (3n * ether) / 10n })
    const [first, ...others] = members.map(({ address }) => address)
    const step = await keeper.step()
    assert.deepEqual(step.claims, { claimed: [{ operator: first, epochs: [12n] }] })
    assert.deepEqual(
      entries.map(({ kind, to }) => [kind, to.toLowerCase()]),
      [[1, first]],
    )
    assert.deepEqual((await keeper.step()).claims, { claimed: [] })

    l1.goToEpoch(13)
    await follow()
    await sealTo(24)
    const { length } = chain.submitted
    const later = (await keeper.step()).claims?.claimed ?? []
    assert.deepEqual(later.map(({ operator }) => operator).toSorted(), others.toSorted())
    assert.ok(later.every(({ epochs }) => epochs.length === 1 && epochs[0] === 12n))
    // One transaction each, one for the next set, one for a header that refers to its epoch.
    assert.equal(chain.submitted.length, length + 5)
    assert.equal((home.ask('RewardHub', 'owed') as bigint) < 10n, true)
    assert.deepEqual((await open({ name: 'another' }).step()).claims, { claimed: [] })
  })

  test('claims epochs of other weights one after another', async () => {
    const { l1, open, members, follow, sealTo, entries } = await openKeeperWorld()
    const [first] = members as [TestOperator, ...TestOperator[]]
    await sealTo(20)
    const shows = open({ claimWei: 1_000n * ether })
    await shows.step()
    // From epoch 14 on it weighs more.
    l1.fund(first.address, 400n * ether)
    l1.send(l1.stakes, 'stake', [first.address, 400n * ether], first.address)
    for (const epoch of [13, 14]) {
      l1.goToEpoch(epoch)
      await follow()
      await sealTo(epoch === 13 ? 36 : 52)
      await shows.step()
    }
    // Past epochs were claimed on the way; this one is worth it now.
    const before = entries.length
    const claimed = (await open({ claimWei: ether / 10n }).step()).claims?.claimed ?? []
    const own = claimed.filter(({ operator }) => operator === first.address)
    assert.deepEqual(own, [{ operator: first.address, epochs: [14n] }])
    assert.ok(entries.length > before)
    const all = entries.filter(({ to }) => to.toLowerCase() === first.address)
    const total = all.reduce((sum, { amount }) => sum + amount, 0n)
    // 400 of 1,300 parts twice, then 800 of 1,700.
    const expected = (2n * ether * 400n) / 1_300n + (ether * 800n) / 1_700n
    assert.ok(total <= expected && expected - total < 20n, `${total} of ${expected}`)
  })
})
