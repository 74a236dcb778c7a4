import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { keccak256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { ContractWorld } from '../testing/contract-world.ts'
import type { Deployed } from '../testing/contract-world.ts'
import { emitted, million, moments, month, vestedTenths, year } from '../testing/curve.ts'
import { refuses } from '../testing/refuses.ts'

const names = ['ecosystem', 'alignment', 'community', 'team', 'backers'] as const
const owners = Object.fromEntries(
  names.map((name) => [name, toHex(keccak256(new TextEncoder().encode(name)).slice(12))]),
) as Record<(typeof names)[number], Hex>
const [bridge, governance, stranger, load] = ['bridge', 'governance', 'stranger', 'load'].map(
  (name) => toHex(keccak256(new TextEncoder().encode(name)).slice(12)),
) as [Hex, Hex, Hex, Hex]

function openWorld() {
  const world = new ContractWorld()
  const start = world.timestamp
  const genesis = world.deploy('TokenGenesis', {
    args: [owners, bridge, governance, 0n, load],
  })
  const part = (name: string) => world.read({ contract: genesis, name })
  const token = world.at('ZgToken', part('token'))
  const emission = world.at('EmissionController', part('emission'))
  const wallets = new Map(
    (['ecosystem', 'team', 'backers'] as const).map((name) => [
      name,
      world.at('VestingWallet', part(name)),
    ]),
  )
  const alignment = world.at('AlignmentPool', part('alignment'))
  const balanceOf = (address: Hex) =>
    world.read({ contract: token, name: 'balanceOf', args: [address] }) as bigint
  const goTo = (seconds: number) => world.advance(start + seconds - world.timestamp)
  const vesting = { emission, alignment, wallets }
  return { world, start, genesis, token, ...vesting, balanceOf, goTo }
}

type World = ReturnType<typeof openWorld>

/** What is free some seconds after genesis: at once, vested, and released by the curve. */
function freeAt(of: World, seconds: number) {
  const { world, token, emission, alignment, wallets, balanceOf, start } = of
  const vestedIn = (contract: Deployed) => {
    const args = [token.address, start + seconds]
    return world.read({ contract, name: 'vestedAmount', args }) as bigint
  }
  const locked = [...wallets].map(([name, wallet]) => [name, vestedIn(wallet)] as const)
  const args = [start + seconds]
  const releasedBy = (contract: Deployed) =>
    world.read({ contract, name: 'releasedAt', args }) as bigint
  const released = releasedBy(emission) + releasedBy(alignment)
  const atOnce = names.reduce((sum, name) => sum + balanceOf(owners[name]), 0n)
  const vestedBy = new Map(locked)
  return {
    insiders: (vestedBy.get('team') ?? 0n) + (vestedBy.get('backers') ?? 0n),
    all: locked.reduce((sum, [, amount]) => sum + amount, atOnce + released),
  }
}

/** Millions of a total, `seconds` into a schedule of `months`. */
function vested(millions: bigint, seconds: number, months: number): bigint {
  const elapsed = BigInt(Math.max(0, Math.min(seconds, months * month)))
  return (millions * million * elapsed) / BigInt(months * month)
}

function expectedAt(seconds: number): bigint {
  const atOnce = (2_132n * million) / 10n
  const community = vestedTenths(1_428n, seconds, 24) + vestedTenths(1_005n, seconds, 36)
  const insiders = 2n * vested(220n, seconds - 12 * month, 36)
  return atOnce + community + insiders + emitted(seconds)
}

describe('TokenGenesis', () => {
  test('a thousand million exist, and 213.2 of them are free at once, none of an insider', () => {
    const { world, genesis, token, balanceOf } = openWorld()
    assert.equal(world.read({ contract: token, name: 'totalSupply' }), 1_000n * million)
    const free = names.map((name) => balanceOf(owners[name]) / (million / 10n))
    assert.deepEqual(free, [1_372n, 495n, 265n, 0n, 0n])
    assert.equal(balanceOf(genesis.address), 0n)
  })

  test('insiders have nothing until 12 months, and all at 48', () => {
    const world = openWorld()
    const insiders = [12 * month - 1, 12 * month, 48 * month].map(
      (seconds) => freeAt(world, seconds).insiders,
    )
    assert.deepEqual(insiders, [0n, 0n, 440n * million])
    assert.equal(freeAt(world, 0).all, (2_132n * million) / 10n)
  })

  for (const [when, seconds] of moments) {
    test(`what is free ${when} is what the schedule says`, () => {
      const { all, insiders } = freeAt(openWorld(), seconds)
      assert.equal(all, expectedAt(seconds))
      assert.equal(insiders, 2n * vested(220n, seconds - 12 * month, 36))
    })
  }

  test('vesting cannot be taken out faster, nor by another', () => {
    const { world, token, wallets, balanceOf, goTo } = openWorld()
    const team = wallets.get('team') as Deployed
    goTo(12 * month - 60)
    const release = () => {
      const args = [token.address]
      world.send({ contract: team, name: 'release', args, from: stranger })
    }
    release()
    assert.equal(balanceOf(owners.team), 0n)
    goTo(30 * month)
    release()
    assert.equal(balanceOf(stranger), 0n)
    assert.ok(balanceOf(owners.team) > 109n * million && balanceOf(owners.team) < 111n * million)
  })
})

describe('EmissionController', () => {
  test('the curve falls by a quarter a year and never gives more than the pool', () => {
    const { world, emission, start } = openWorld()
    const releasedAt = (seconds: number) =>
      world.read({ contract: emission, name: 'releasedAt', args: [start + seconds] }) as bigint
    assert.equal(releasedAt(0), 0n)
    for (const seconds of [1, year - 1, year, year + 1, 2.5 * year, 10 * year, 300 * year]) {
      assert.equal(releasedAt(seconds), emitted(seconds), `${seconds}`)
    }
    assert.equal(releasedAt(year), (25_875n * million) / 1_000n)
    const pool = (1_035n * million) / 10n
    assert.ok(releasedAt(1_000 * year) <= pool && releasedAt(1_000 * year) > pool - 10n ** 4n)
  })

  test('governance alone grants, and no more than is released', () => {
    const { world, emission, goTo, balanceOf } = openWorld()
    goTo(year)
    const grant = (amount: bigint, from: Hex = governance) =>
      world.send({ contract: emission, name: 'grant', args: [stranger, amount], from })
    refuses(() => grant(1n, stranger), 'NotTheGovernor')
    refuses(() => grant(26n * million), 'MoreThanReleased')
    grant(25n * million)
    refuses(() => grant(million), 'MoreThanReleased')
    assert.equal(balanceOf(stranger), 25n * million)
  })
})

describe('ZgToken', () => {
  test('the bridge alone makes tokens, in the place of burned ones', () => {
    const { world, token } = openWorld()
    const mint = (from: Hex) =>
      world.send({ contract: token, name: 'mint', args: [stranger, 5n], from })
    refuses(() => mint(stranger), 'NotTheMinter')
    refuses(() => mint(bridge), 'CapExceeded')
    world.send({ contract: token, name: 'burn', args: [5n], from: owners.community })
    mint(bridge)
    refuses(() => mint(bridge), 'CapExceeded')
  })

  test('votes count by time, once delegated', () => {
    const { world, token } = openWorld()
    const from = owners.community
    const read = (name: string, ...args: unknown[]) => world.read({ contract: token, name, args })
    assert.equal(read('CLOCK_MODE'), 'mode=timestamp')
    assert.equal(read('getVotes', from), 0n)
    world.send({ contract: token, name: 'delegate', args: [from], from })
    const then = world.timestamp
    world.advance(100)
    world.send({ contract: token, name: 'transfer', args: [stranger, 10n * million], from })
    world.advance(100)
    assert.equal(read('getPastVotes', from, then + 50), (265n * million) / 10n)
    assert.equal(read('getPastVotes', from, then + 150), (165n * million) / 10n)
  })
})
