import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { testOperator } from '@zg/contracts/testing'
import type { TestOperator } from '@zg/contracts/testing'
import { addressOfSecretKey, fromHex, keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSystemClock } from '@zg/runtime'

import { DataKeeper } from './data-keeper.ts'
import { DataOperators } from './data-operators.ts'
import type { DataOperator } from './data-operators.ts'
import { Failover } from './failover.ts'
import { KeeperRounds } from './keeper-rounds.ts'
import { L1Sender } from './l1-sender.ts'
import { OwnHeaders } from './own-headers.ts'
import { openKeeperWorld } from './testing/keeper-world.ts'
import { spoiled } from './testing/simulated-network-endpoint.ts'

const ether = 10n ** 18n
const gwei = 10n ** 9n

/** An operator whose address has a key that signs transactions. */
type OwnedOperator = TestOperator & { readonly accountKey: Uint8Array }

function ownedOperator(index: number): OwnedOperator {
  const accountKey = keccak256(Uint8Array.of(0xda, index))
  const { secretKey } = testOperator(100 + index)
  return { address: toHex(addressOfSecretKey(accountKey)), secretKey, accountKey }
}

/** A network in epoch 12 of L1, and operators that stake there and are in no network. */
async function openDataWorld() {
  const world = await openKeeperWorld({ funds: 0n })
  const { l1, home, chain, endpoint, l1Endpoint, follow, sealTo } = world
  const operators = [0, 1, 2].map(ownedOperator) as [OwnedOperator, OwnedOperator, OwnedOperator]
  for (const operator of operators) {
    l1.register(operator)
    l1.fund(operator.address, 900n * ether)
    l1.send(l1.stakes, 'stake', [operator.address, 200n * ether], operator.address)
  }
  const clock = createSystemClock()
  const limits = { depth: 1, feePerGasMax: 10n ** 12n, pollMs: 10 }
  const rounds = new KeeperRounds({
    headers: new OwnHeaders({ endpoint, chain }),
    l1: new Failover([l1Endpoint]),
    contracts: {
      networkRegistry: BigInt(l1.networks.address),
      operatorRegistry: BigInt(l1.operators.address),
      finalityOracle: BigInt(l1.oracle.address),
    },
    epochs: { start: BigInt(l1.start), length: BigInt(l1.epochSeconds) },
  })
  const asking = { chain, clock, ...limits, chainId: home.world.chainId }
  const own = operators.map(({ address, accountKey }, index): DataOperator => ({
    operator: fromHex(address),
    sender: new L1Sender({ ...asking, secretKey: accountKey }),
    url: `http://node-${index}`,
  }))
  const open = (members = own): DataOperators =>
    new DataOperators({ rounds, chain, operators: members, clock })
  /** Has the network refer to what L1 says now. */
  const refer = async (): Promise<void> => {
    await follow()
    home.world.advance(l1.world.timestamp - home.world.timestamp)
    await sealTo(home.height + 8)
  }
  const goToEpoch = (epoch: number): Promise<void> => {
    l1.goToEpoch(epoch)
    return refer()
  }
  const stake = (name: 'stake' | 'unstake', { address }: TestOperator, tokens: bigint): void => {
    l1.send(l1.stakes, name, [address, tokens * ether], address)
  }
  const places = () =>
    home.ask('DataSigners', 'placesOf', 0, 100) as readonly {
      operator: Hex
      votes: { newest: bigint; newestFrom: number }
      url: Hex
    }[]
  await refer()
  /** Of nobody in particular. */
  const watcher = new L1Sender({ ...asking, secretKey: keccak256(Uint8Array.of(0xdb)) })
  return { ...world, operators, own, open, goToEpoch, stake, places, rounds, watcher }
}

describe('DataOperators', () => {
  test('has each join once with what it stakes on L1, and say where its node is', async () => {
    const { open, places, operators, chain } = await openDataWorld()
    const keeper = open()
    assert.deepEqual(await keeper.step(), { changes: ['join', 'join', 'join'] })
    assert.deepEqual(await keeper.step(), { changes: ['url', 'url', 'url'] })
    assert.deepEqual(
      places().map(({ operator, votes, url }) => ({
        operator: operator.toLowerCase(),
        votes: votes.newest,
        from: votes.newestFrom,
        url: Buffer.from(fromHex(url)).toString(),
      })),
      operators.map(({ address: operator }, index) => ({
        operator,
        votes: 200n * gwei,
        from: 14,
        url: `http://node-${index}`,
      })),
    )
    const { length } = chain.submitted
    const idle = { changes: [undefined, undefined, undefined] }
    for (const each of [keeper, open()]) assert.deepEqual(await each.step(), idle)
    assert.equal(chain.submitted.length, length)
  })

  test('many that join at once all get a place', async () => {
    const { open, own, places } = await openDataWorld()
    const keepers = own.map((member) => open([member]))
    for (let round = 0; round < 8; round++) {
      await Promise.all(keepers.map((keeper) => keeper.step()))
    }
    assert.equal(new Set(places().map(({ operator }) => operator)).size, 3)
    assert.ok(places().every(({ url }) => url !== '0x'))
  })

  test('follows stake and key: more votes, another place for another key, none for nobody', async () => {
    const { l1, open, places, operators, stake, goToEpoch } = await openDataWorld()
    const [first, second, third] = operators
    const keeper = open()
    await keeper.step()
    await keeper.step()
    await goToEpoch(14)
    stake('stake', first, 100n)
    l1.rotate({ ...second, secretKey: testOperator(50).secretKey })
    stake('unstake', third, 200n)
    await goToEpoch(15)
    assert.deepEqual(await keeper.step(), { changes: ['join', 'retire', 'retire'] })
    assert.deepEqual(await keeper.step(), { changes: [undefined, 'join', undefined] })
    assert.deepEqual(await keeper.step(), { changes: [undefined, undefined, undefined] })
    assert.deepEqual(
      places().map(({ operator, votes }) => [operator.toLowerCase(), votes.newest]),
      [
        [first.address, 300n * gwei],
        [second.address, 0n],
        [third.address, 0n],
        [second.address, 200n * gwei],
      ],
    )
  })

  test('sends nothing where L1 lies, and begins again when it does not', async () => {
    const { open, l1Endpoint, chain } = await openDataWorld()
    l1Endpoint.bend.proof = (found) => ({ ...found, account: found.account.map(spoiled) })
    const keeper = open()
    assert.deepEqual(await keeper.step(), { changes: [undefined, undefined, undefined] })
    assert.equal(chain.submitted.length, 0)
    l1Endpoint.bend = {}
    assert.deepEqual(await keeper.step(), { changes: ['join', 'join', 'join'] })
  })
})

describe('DataKeeper', () => {
  test('contests who unstakes or rotates and keeps its place, once, and nobody else', async () => {
    const world = await openDataWorld()
    const { l1, home, open, operators, stake, goToEpoch, rounds, watcher, chain } = world
    const [first, second, third] = operators
    await open().step()
    await goToEpoch(14)
    const keeper = new DataKeeper({ chain, sender: watcher })
    const step = async (): Promise<readonly number[]> => {
      const round = await rounds.next()
      assert.ok(typeof round === 'object')
      return (await keeper.step(round)).contested
    }
    assert.deepEqual(await step(), [])
    stake('unstake', first, 20n)
    // So little is let pass.
    stake('unstake', third, 10n)
    l1.rotate({ ...second, secretKey: testOperator(50).secretKey })
    // In what is drawn already it counts as it was.
    await goToEpoch(15)
    assert.deepEqual(await step(), [])
    await goToEpoch(16)
    assert.deepEqual(await step(), [0, 1])
    const asked = chain.submitted.length
    assert.deepEqual(await step(), [])
    await goToEpoch(17)
    assert.deepEqual(await step(), [])
    assert.equal(chain.submitted.length, asked)
    const contested = [0, 1, 2].map((place) => home.ask('DataSigners', 'isContested', place, 16))
    assert.deepEqual(contested, [true, true, false])
  })
})
