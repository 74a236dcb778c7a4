import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { bigintToBytes, concat, fromHex, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { somebody } from '../testing/contract-world.ts'
import { emitted, moments, vestedTenths } from '../testing/curve.ts'
import { rootOf } from '../testing/history.ts'
import { L1World } from '../testing/l1-world.ts'
import { LoadChain } from '../testing/load-chain.ts'
import { refuses } from '../testing/refuses.ts'
import { testOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const members = [1, 2, 3, 4].map((index) => testOperator(index))
const late = testOperator(5)
const stranger: Hex = toHex(new Uint8Array(20).fill(0x57))
const closeReward = 2n * ether
const shares = 100_000n
/** A network may close an epoch years later. */
const silentForLong = { deadAfterSeconds: 2 ** 31 }

/** Networks 0 and 1 with 400 of 500 staked tokens and with all of them; it is epoch 12. */
function openWorld(options: ConstructorParameters<typeof L1World>[0] = {}) {
  const l1 = new L1World(options)
  const begin = l1.world.timestamp
  for (const id of [0, 1]) l1.openNetwork(id)
  for (const operator of [...members, late]) {
    const { address } = operator
    l1.register(operator)
    l1.fund(address, 1_000n * ether)
    l1.send(l1.stakes, 'stake', [address, 100n * ether], address)
    for (const id of operator === late ? [1] : [0, 1]) {
      l1.send(l1.networks, 'optIn', [id, 10_000], address)
    }
  }
  l1.goToEpoch(12)
  const chains = [new LoadChain(l1, 0, members), new LoadChain(l1, 1, [...members, late])] as const
  /** When the token was made, in seconds since 1970: as the contract says. */
  const start = Number(l1.read(l1.emission, 'start'))
  assert.ok(start <= begin)
  const epochs = [12, 12] as [number, number]
  /** Closes the epoch of a network for another one, once that has begun; returns it. */
  const close = (id: 0 | 1, nextEpoch = Math.max(l1.epoch, epochs[id] + 1)): number => {
    const epoch = epochs[id]
    epochs[id] = nextEpoch
    for (let block = 0; block < 9; block++) chains[id].add(epoch, 5_000)
    if (nextEpoch > l1.epoch) l1.goToEpoch(nextEpoch)
    chains[id].certify(nextEpoch)
    return epoch
  }
  const payClose = (id: number, epoch: number) =>
    l1.send(l1.emission, 'payClose', [id, epoch], stranger)
  const grantNetwork = (id: number, epoch: number) =>
    l1.send(l1.emission, 'grantNetwork', [id, epoch], stranger)
  /** Half of what an epoch released, by two networks, in whole gwei, by part of stake. */
  const grantOf = (epoch: number, fifths: bigint): bigint => {
    const [from, to] = [epoch, epoch + 1].map((each) =>
      emitted(l1.start + each * l1.epochSeconds - start),
    ) as [bigint, bigint]
    const part = ((to - from) * 5_000n) / 10_000n / 2n
    const amount = (part * fifths) / 5n
    return amount - (amount % 10n ** 9n)
  }
  const granted = () => l1.read(l1.emission, 'granted') as bigint
  const released = () => l1.read(l1.emission, 'releasedAt', l1.world.timestamp) as bigint
  const outstanding = (id: number) => l1.read(l1.bridge, 'outstanding', id) as bigint
  const flows = { payClose, grantNetwork, grantOf, granted, released, outstanding }
  return { l1, start, chains, close, ...flows }
}

describe('EmissionController', () => {
  test('pays who first closed an epoch a fixed reward, once, whoever asks', () => {
    const { l1, close, payClose, granted } = openWorld()
    refuses(() => payClose(0, 12), 'NotClosed')
    const epoch = close(0)
    assert.equal(BigInt(l1.read(l1.oracle, 'reporterOf', 0, epoch) as Hex), BigInt(somebody))
    const before = l1.balanceOf(somebody)
    const { events } = payClose(0, epoch)
    assert.equal(events[0]?.name, 'ClosePaid')
    assert.equal(l1.balanceOf(somebody) - before, closeReward)
    assert.equal(granted(), closeReward)
    refuses(() => payClose(0, epoch), 'AlreadyPaid')
    refuses(() => payClose(1, epoch), 'NotClosed')
    refuses(() => payClose(0, epoch + 1), 'NotClosed')
  })

  test('grants a network its part of a closed epoch, by the stake that validates it, once', () => {
    const { l1, close, grantNetwork, grantOf, granted, outstanding } = openWorld()
    refuses(() => grantNetwork(0, 12), 'NothingToGrant')
    const epoch = close(0)
    refuses(() => grantNetwork(1, epoch), 'NothingToGrant')
    const [four, five] = [grantOf(epoch, 4n), grantOf(epoch, 5n)]
    assert.ok(four > 10n * ether && five > four)
    const hub = toHex(bigintToBytes(0x2001n, 20))
    grantNetwork(0, epoch)
    const leaf = sha256(concat(fromHex(hub), bigintToBytes(four / 10n ** 9n, 8)))
    assert.deepEqual(l1.read(l1.inbox, 'creditsOf', 0), [toHex(rootOf([leaf])), 1n])
    assert.deepEqual([outstanding(0), granted()], [four, four])
    refuses(() => grantNetwork(0, epoch), 'AlreadyPaid')
    // An epoch that no certificate closed is skipped, and not granted.
    const skipping = close(1, l1.epoch + 3)
    refuses(() => grantNetwork(1, skipping + 1), 'NothingToGrant')
    assert.ok(l1.read(l1.emission, 'networkGrant', 1, skipping) === grantOf(skipping, 5n))
  })

  test('a network that has ended takes no part of what is granted for later epochs', () => {
    const { l1, close, grantNetwork, grantOf, granted } = openWorld()
    l1.openNetwork(2)
    const shared = close(0)
    // Opening, a network has no set.
    const part = () => l1.read(l1.emission, 'networkGrant', 0, shared)
    assert.equal(part(), grantOf(shared, 4n))
    l1.send(l1.networks, 'drain', [1])
    l1.goToEpoch(l1.epoch + 4)
    const draining = close(0)
    assert.equal(l1.read(l1.emission, 'networkGrant', 0, draining), grantOf(draining, 4n))
    l1.send(l1.networks, 'close', [1], stranger)
    for (const { address } of [...members, late]) l1.send(l1.networks, 'optOut', [1], address)
    l1.goToEpoch(l1.epoch + 2)
    close(0)
    const alone = close(0)
    const both = grantOf(alone, 4n)
    const amount = l1.read(l1.emission, 'networkGrant', 0, alone) as bigint
    // It is the heaviest now, for it is the only one, and its part is twice as much.
    assert.ok(amount >= (both * 5n) / 2n && amount <= (both * 5n) / 2n + 2n * 10n ** 9n)
    grantNetwork(0, alone)
    assert.equal(granted(), amount)
    // Who waited gains and loses nothing: an epoch is divided by what it was.
    assert.deepEqual(l1.read(l1.networks, 'liveAt', shared), [2n, 500n * 10n ** 9n])
    assert.equal(part(), grantOf(shared, 4n))
  })

  test('who joins a network when grants are due takes nothing from others’', () => {
    const { l1, close, grantNetwork, grantOf, outstanding } = openWorld()
    const idle = testOperator(40)
    l1.settle([idle], { stake: 2_000n * ether })
    l1.openNetwork(2)
    const epoch = close(0)
    l1.send(l1.networks, 'optIn', [2, 3_000], idle.address)
    grantNetwork(0, epoch)
    assert.equal(outstanding(0), grantOf(epoch, 4n))
    refuses(() => l1.send(l1.networks, 'optOut', [2], idle.address), 'NotInYet')
  })

  test('grants nothing beyond what stake secures, and that later', () => {
    const { l1, close, grantNetwork, grantOf, outstanding } = openWorld({ securedBps: 200n })
    const epoch = close(0)
    // Two percent of 400 tokens are less than the part.
    assert.ok(grantOf(epoch, 4n) > 8n * ether)
    refuses(() => grantNetwork(0, epoch), 'BeyondSecured')
    assert.deepEqual([outstanding(0), l1.read(l1.emission, 'isGranted', 0, epoch)], [0n, false])
    for (const { address } of members) {
      l1.send(l1.stakes, 'stake', [address, 600n * ether], address)
    }
    l1.goToEpoch(l1.epoch + 2)
    grantNetwork(0, epoch)
    // More stake is there by now, and changes nothing of what that epoch was.
    assert.equal(outstanding(0), grantOf(epoch, 4n))
  })

  test('all ways together never give out more than the curve has released', () => {
    const { l1, close, payClose, grantNetwork, granted, released } = openWorld()
    const [first, second] = [close(0), close(1)]
    const rest = released() - granted()
    l1.send(l1.emission, 'grant', [stranger, rest])
    refuses(() => payClose(0, first), 'MoreThanReleased')
    refuses(() => grantNetwork(0, first), 'MoreThanReleased')
    l1.goToEpoch(l1.epoch + 3)
    payClose(0, first)
    payClose(1, second)
    grantNetwork(0, first)
    grantNetwork(1, second)
    assert.ok(granted() <= released())
    assert.equal(l1.balanceOf(l1.emission.address), (1_035n * 10n ** 24n) / 10n - granted())
  })

  for (const [when, seconds] of moments) {
    test(`a network is granted ${when} what the epoch then released`, () => {
      const world = openWorld(silentForLong)
      const { l1, start, close, grantNetwork, grantOf, granted, released } = world
      const epoch = Math.max(12, Math.floor((start + seconds - l1.start) / l1.epochSeconds))
      if (epoch > 12) close(0, epoch)
      close(0)
      const before = granted()
      grantNetwork(0, epoch)
      assert.equal(granted() - before, grantOf(epoch, 4n))
      assert.ok(granted() <= released())
    })
  }
})

describe('AlignmentPool', () => {
  const openPool = (options: Parameters<typeof openWorld>[0] = {}) => {
    const world = openWorld(options)
    const { l1, start } = world
    const pool = l1.alignment
    const send = (name: string, id: number, epoch: number) =>
      l1.send(pool, name, [id, epoch], stranger)
    const freeAt = (timestamp: number) => vestedTenths(1_005n, timestamp - start, 36)
    const paid = () => l1.read(pool, 'paid') as bigint
    return { ...world, pool, send, freeAt, paid }
  }

  test('is paid for closes and loads that L1 has checked, each once, and for nothing else', () => {
    const { l1, pool, close, chains, send, freeAt, paid } = openPool()
    for (const name of ['payClose', 'payLoad']) refuses(() => send(name, 0, 12), 'NotWorked')
    const epoch = close(0)
    refuses(() => send('payLoad', 0, epoch), 'NotWorked')
    chains[0].add(epoch + 1, 5_000)
    chains[0].certify()
    l1.send(l1.load, 'prove', chains[0].loadArgs(epoch), stranger)
    assert.equal(BigInt(l1.read(l1.load, 'proverOf', 0, epoch) as Hex), BigInt(stranger))
    const before = l1.balanceOf(somebody)
    const first = send('payClose', 0, epoch).events[0]?.args['amount'] as bigint
    assert.equal(first, freeAt(l1.world.timestamp) / shares)
    assert.equal(l1.balanceOf(somebody) - before, first)
    const second = send('payLoad', 0, epoch).events[0]?.args['amount'] as bigint
    assert.equal(l1.balanceOf(stranger), second)
    for (const name of ['payClose', 'payLoad']) refuses(() => send(name, 0, epoch), 'AlreadyPaid')
    assert.equal(paid(), first + second)
    assert.equal(l1.balanceOf(pool.address), (1_005n * 10n ** 24n) / 10n - paid())
  })

  test('a network that writes what it likes makes no epochs to be paid for', () => {
    const { l1, close, chains, send, paid } = openPool()
    const [chain] = chains
    // All of its validators sign a history of epochs that L1 never saw closed.
    const closed = close(0)
    for (const epoch of [1_000, 1_001, 1_002]) {
      for (let block = 0; block < 9; block++) chain.add(epoch, 5_000)
    }
    chain.add(closed + 1, 5_000)
    chain.certify()
    for (const epoch of [1_000, 1_001]) {
      const prove = () => l1.send(l1.load, 'prove', chain.loadArgs(epoch), stranger)
      refuses(prove, 'EpochOpen')
      refuses(() => send('payLoad', 0, epoch), 'NotWorked')
    }
    assert.equal(paid(), 0n)
    l1.send(l1.load, 'prove', chain.loadArgs(closed), stranger)
    send('payLoad', 0, closed)
    assert.ok(paid() > 0n)
  })

  for (const [when, seconds] of moments) {
    test(`work earns ${when} a part of what is free then, and never more`, () => {
      const { l1, start, pool, close, send, freeAt, paid } = openPool(silentForLong)
      const epoch = Math.max(12, Math.floor((start + seconds - l1.start) / l1.epochSeconds))
      assert.equal(l1.read(pool, 'releasedAt', start + seconds), freeAt(start + seconds))
      if (epoch > 12) close(0, epoch)
      const closed = close(0)
      assert.equal(l1.read(pool, 'piece'), freeAt(l1.world.timestamp) / shares)
      send('payClose', 0, closed)
      assert.equal(paid(), freeAt(l1.world.timestamp) / shares)
      assert.ok(paid() <= freeAt(l1.world.timestamp))
    })
  }
})
