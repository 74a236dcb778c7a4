import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { testOperator } from '@zg/contracts/testing'
import type { TestOperator } from '@zg/contracts/testing'
import { fromHex } from '@zg/primitives'

import { AdmissionKeeper } from './admission-keeper.ts'
import { Failover } from './failover.ts'
import { L1Sender } from './l1-sender.ts'
import { OwnHeaders } from './own-headers.ts'
import { ProvedState } from './proved-state.ts'
import { StakeProver } from './stake-prover.ts'
import { openKeeperWorld } from './testing/keeper-world.ts'

const ether = 10n ** 18n

/** What L1 says of a set. */
type Point = { readonly total: bigint; readonly count: number; readonly key: object }

/** What LightClient of network 0 is shown, and what it knows. */
async function openProver() {
  const world = await openKeeperWorld({ funds: 0n })
  const { l1, home, members, l1Endpoint, endpoint, chain, clock, sealTo, follow } = world
  const [first, second] = members as [TestOperator, TestOperator, TestOperator, TestOperator]
  const headers = new OwnHeaders({ endpoint, chain })
  const contracts = {
    networkRegistry: BigInt(l1.networks.address),
    operatorRegistry: BigInt(l1.operators.address),
    finalityOracle: BigInt(l1.oracle.address),
  }
  const sending = { chainId: home.world.chainId, depth: 1, feePerGasMax: 10n ** 12n }
  const secretKey = new Uint8Array(32).fill(7)
  const sender = new L1Sender({ ...sending, chain, secretKey, clock: clock.forNode(0) })
  const admission = new AdmissionKeeper({ chain, sender, networkId: home.id })
  /** The state to which headers refer now. */
  const shown = async () => {
    await follow()
    await sealTo(home.height + 4)
    const anchor = await headers.anchor()
    assert.ok(anchor !== undefined)
    const { number, stateRoot, timestamp } = anchor.header.l1
    const state = new ProvedState(new Failover([l1Endpoint]), { number, stateRoot })
    const epoch = (timestamp - BigInt(l1.start)) / BigInt(l1.epochSeconds)
    const prover = new StakeProver({ state, contracts, epoch })
    return { prover, header: await headers.proofOf(anchor) }
  }
  /** The member as LightClient took it in, and as L1's own views tell it. */
  const compare = (operator: TestOperator, epoch: number): void => {
    const { address } = operator
    const weight = home.ask('LightClient', 'weightOf', home.id, epoch, address)
    assert.equal(weight, l1.read(l1.operators, 'weightAt', address, epoch))
  }
  return { ...world, first, second, admission, shown, compare }
}

describe('StakeProver', () => {
  test('proves members through changes of weight and key, as far as the state has them', async () => {
    const { l1, home, first, second, admission, shown, compare } = await openProver()
    const ensure = async (epoch: bigint, ...operators: TestOperator[]) =>
      admission.ensure(await shown(), {
        epoch,
        operators: operators.map(({ address }) => fromHex(address)),
      })
    assert.equal(await ensure(12n, first), true)
    compare(first, 12)
    // What is changed in epoch 12 holds from 14 on; both are in the state of 13.
    l1.send(l1.stakes, 'stake', [first.address, 100n * ether], first.address)
    l1.rotate(testOperator(2, 1))
    l1.goToEpoch(13)
    assert.equal(await ensure(13n, first, second), true)
    assert.equal(await ensure(14n, first, second), true)
    for (const epoch of [13, 14]) for (const each of [first, second]) compare(each, epoch)
    // Signed by all but these two members, by the keys of that epoch: judged by what was proved.
    assert.equal(home.ask('LightClient', 'weightOf', home.id, 14, first.address), 500n * 10n ** 9n)
    // Twice more, and the state has forgotten what held in 13.
    for (const epoch of [13, 14, 15]) {
      l1.goToEpoch(epoch + 1)
      l1.send(l1.stakes, 'stake', [second.address, 50n * ether], second.address)
    }
    const { prover } = await shown()
    const operator = fromHex(second.address)
    assert.equal(await prover.weight({ id: home.id, epoch: 13n, operator }), undefined)
    assert.equal(await prover.member({ id: home.id, epoch: 13n, operator }), undefined)
    assert.notEqual(await prover.member({ id: home.id, epoch: 17n, operator }), undefined)
  })

  test('proves a set by the point that holds, however many follow', async () => {
    const { l1, home, first, admission, shown } = await openProver()
    for (const epoch of [12, 13, 14]) {
      l1.goToEpoch(epoch)
      l1.send(l1.stakes, 'stake', [first.address, 10n * ether], first.address)
    }
    const now = await shown()
    const taken = await admission.step(now, [12n, 13n, 14n, 15n, 16n])
    // Of 16, more may be said still.
    assert.deepEqual(taken, { network: true, sets: [12n, 13n, 14n, 15n] })
    for (const epoch of [12, 13, 14, 15]) {
      const known = home.ask('LightClient', 'setOf', home.id, epoch)
      const { total, count, key } = l1.read(l1.networks, 'setAt', home.id, epoch) as Point
      assert.deepEqual(known, { total, count, key })
    }
    assert.deepEqual(await admission.step(now, [12n, 15n]), { network: false, sets: [] })
  })

  test('proves nothing that is not there', async () => {
    const { home, first, shown } = await openProver()
    const { prover } = await shown()
    assert.equal(await prover.network(7), undefined)
    assert.equal(await prover.set(7, 12n), undefined)
    // Before the network began, and beyond what the state settles.
    assert.equal(await prover.set(home.id, 9n), undefined)
    assert.equal(await prover.set(home.id, 14n), undefined)
    const operator = fromHex(first.address)
    const stranger = new Uint8Array(20).fill(9)
    assert.equal(await prover.weight({ id: home.id, epoch: 12n, operator: stranger }), undefined)
    assert.equal(await prover.weight({ id: home.id, epoch: 11n, operator }), undefined)
    assert.equal(await prover.weight({ id: home.id, epoch: 14n, operator }), undefined)
    const found = await prover.weight({ id: home.id, epoch: 12n, operator })
    assert.deepEqual(found?.span, { fromEpoch: 12n, untilEpoch: 14n, weight: 400n * 10n ** 9n })
  })
})
