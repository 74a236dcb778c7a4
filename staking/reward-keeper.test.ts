import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { TestOperator } from '@zg/contracts/testing'
import { transactionHash } from '@zg/evm'

import { openKeeperWorld } from './testing/keeper-world.ts'
import { spoiled } from './testing/simulated-network-endpoint.ts'

const ether = 10n ** 18n

/** A network of which a height was signed by some, its keeper, and what the hub says. */
async function openRewards(options: Parameters<typeof openKeeperWorld>[0] = {}) {
  const world = await openKeeperWorld(options)
  const { home, chain } = world
  const earned = ({ address }: TestOperator, epoch = 12) => {
    const gwei = address === world.members[0]?.address ? 400n : 300n
    return home.ask('RewardHub', 'earnedOf', address, epoch, gwei * 10n ** 9n) as bigint
  }
  const isShown = (height: number): boolean => {
    const { shownAt } = home.ask('RewardHub', 'shownOf', height) as { shownAt: bigint }
    return shownAt !== 0n
  }
  /** Whether everything that was sent was taken. */
  const isAllTaken = async (): Promise<boolean> => {
    const receipts = await Promise.all(
      chain.submitted.map((transaction) => chain.receipt(transactionHash(transaction))),
    )
    return receipts.every((receipt) => receipt?.succeeded === true)
  }
  return { ...world, earned, isShown, isAllTaken }
}

/** What one of so many thousandths of weight earns of a token; a few wei are rounded away. */
function isShare(found: bigint, weight: bigint): boolean {
  const share = (ether * weight) / 1_300n
  return found <= share && share - found <= 4n
}

describe('RewardKeeper', () => {
  test('shows who signed; of the absent it proves the keys first', async () => {
    const { members, home, open, sealTo, earned, isAllTaken } = await openRewards()
    const [first, second, third, fourth] = members as [
      TestOperator,
      TestOperator,
      TestOperator,
      TestOperator,
    ]
    await sealTo(15)
    await sealTo(16, [first, second, third])
    // It is left alone for some blocks: the others may have signed it, too.
    await sealTo(19)
    const keeper = open()
    assert.deepEqual((await keeper.step()).rewards, { shown: [], widened: [] })
    await sealTo(20)
    assert.deepEqual((await keeper.step()).rewards, { shown: [16n], widened: [] })
    assert.ok(isShare(earned(first), 400n) && isShare(earned(second), 300n))
    assert.equal(earned(fourth), 0n)
    assert.notEqual(home.ask('LightClient', 'weightOf', home.id, 12, fourth.address), 0n)
    assert.ok(await isAllTaken())
  })

  test('adds whom a fuller certificate names, to what another showed', async () => {
    const { members, endpoint, chain, open, sealTo, earned, isAllTaken } = await openRewards()
    const [first, second, third, fourth] = members as [
      TestOperator,
      TestOperator,
      TestOperator,
      TestOperator,
    ]
    await sealTo(15)
    await sealTo(16, [first, second, third])
    await sealTo(20)
    await open({ name: 'another' }).step()
    assert.equal(earned(fourth), 0n)
    const keeper = open()
    // As much as is known already is not sent.
    const { length } = chain.submitted
    assert.deepEqual((await keeper.step()).rewards, { shown: [], widened: [] })
    // A node that tells of other absent ones leads to nothing.
    endpoint.certify(16n, { signers: members })
    endpoint.bend = { rewardAbsences: () => [[new Uint8Array(20)]] }
    assert.deepEqual((await keeper.step()).rewards, { shown: [], widened: [] })
    assert.equal(chain.submitted.length, length)
    endpoint.bend = {}
    assert.deepEqual((await keeper.step()).rewards, { shown: [], widened: [16n] })
    assert.ok(isShare(earned(fourth), 300n) && isShare(earned(first), 400n))
    assert.deepEqual((await keeper.step()).rewards, { shown: [], widened: [] })
    assert.ok(await isAllTaken())
  })

  test('sends nothing once a height is closed', async () => {
    const { members, endpoint, chain, home, open, sealTo, earned } = await openRewards()
    await sealTo(15)
    await sealTo(16, members.slice(0, 3))
    await sealTo(20)
    const keeper = open()
    await keeper.step()
    const { shownAt } = home.ask('RewardHub', 'shownOf', 16) as { shownAt: bigint }
    await sealTo(Number(shownAt) + 9)
    endpoint.certify(16n, { signers: members })
    const { length } = chain.submitted
    // Other heights may have become due by then.
    let shownCount = 0
    for (const each of [keeper, open()]) {
      const { rewards } = await each.step()
      shownCount += rewards?.shown.length ?? 0
      assert.deepEqual(rewards?.widened, [])
    }
    assert.equal(chain.submitted.length, length + shownCount)
    assert.notEqual(home.ask('RewardHub', 'owed'), 0n)
    const fourth = members[3] as TestOperator
    const owing = earned(fourth)
    // Of this height it has nothing.
    assert.ok(owing <= (BigInt(shownCount) * ether * 300n) / 1_300n)
  })

  test('makes up for what nobody showed, oldest first, some at a time', async () => {
    const { open, sealTo, isShown, isAllTaken } = await openRewards()
    await sealTo(16 * 10 + 4)
    const keeper = open()
    const first = (await keeper.step()).rewards?.shown
    assert.deepEqual(
      first,
      [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n].map((each) => 16n * each),
    )
    assert.deepEqual((await keeper.step()).rewards?.shown, [144n, 160n])
    assert.ok(isShown(16) && isShown(160))
    assert.ok(await isAllTaken())
  })

  test('passes over a height without a certificate, and waits for a grant', async () => {
    const { home, endpoint, open, sealTo } = await openRewards({ funds: 0n })
    await sealTo(15)
    await endpoint.sealBare({ timestamp: home.world.timestamp })
    await sealTo(36)
    const keeper = open()
    assert.deepEqual((await keeper.step()).rewards, { shown: [], widened: [], waits: 'grant' })
    home.world.pay('0x0000000000000000000000000000000000002001', 10n * ether)
    assert.deepEqual((await keeper.step()).rewards, { shown: [32n], widened: [] })
    // It may come: the height is asked for again.
    endpoint.certify(16n, {})
    await sealTo(32 + 64)
    assert.deepEqual((await keeper.step()).rewards?.shown, [48n, 64n, 80n])
    await sealTo(36 + 64)
    assert.deepEqual((await keeper.step()).rewards?.shown, [16n, 96n])
  })

  test('a certificate that nobody signed, or of another block, is not sent', async () => {
    const { chain, endpoint, open, sealTo } = await openRewards()
    await sealTo(20)
    const keeper = open()
    endpoint.bend = {
      finalityCertificate: (found) => found && { ...found, signature: spoiled(found.signature) },
    }
    assert.equal((await keeper.step()).rewards, undefined)
    endpoint.bend = {
      finalityCertificate: (found) =>
        found?.vote.height === 16n ? { ...found, vote: { ...found.vote, height: 32n } } : found,
    }
    assert.equal((await keeper.step()).rewards, undefined)
    endpoint.bend = {}
    assert.equal(chain.submitted.length, 4)
    assert.deepEqual((await keeper.step()).rewards?.shown, [16n])
  })
})
