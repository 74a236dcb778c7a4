import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { maxFeePerGasOf, transactionGasLimitMax } from '@zg/evm'
import { L1World, testOperator } from '@zg/contracts/testing'
import { bigintToHex, keccak256 } from '@zg/primitives'
import { SimulatedClock } from '@zg/runtime'

import { L1EndpointError } from './json-rpc-endpoint.ts'
import type { L1Message } from './l1-chain.ts'
import { messageTo } from './l1-contracts.ts'
import { L1Sender } from './l1-sender.ts'
import { SimulatedL1Chain } from './testing/simulated-l1-chain.ts'

const pollMs = 100
const bumpMs = 1_000
const minuteMs = 60_000

/** Networks of an operator, at most (NetworkRegistry). */
const networksMax = 32
const refused = { code: 'STAKING_L1_REFUSED' }
const failed = { code: 'STAKING_L1_SEND_FAILED' }

function openWorld() {
  const l1 = new L1World()
  const clock = new SimulatedClock()
  const chain = new SimulatedL1Chain(l1)
  chain.isAutomatic = false
  const open = (options: { depth?: number; feePerGasMax?: bigint } = {}) =>
    new L1Sender({
      chain,
      chainId: l1.world.chainId,
      secretKey: keccak256(Uint8Array.of(1)),
      depth: 1,
      feePerGasMax: 10_000n,
      clock: clock.forNode(0),
      pollMs,
      bumpMs,
      ...options,
    })
  /** An allowance: it can be done again. */
  const approve = (amount: bigint): L1Message =>
    messageTo(
      { artifact: 'ZgToken', address: BigInt(l1.token.address) },
      { name: 'approve', args: [l1.bridge.address, amount] },
    )
  const allowance = ({ address }: L1Sender) =>
    l1.read(l1.token, 'allowance', bigintToHex(address, 20), l1.bridge.address)
  /** Runs virtual time until a promise is settled, or for a while. */
  const settle = async <value>(promise: Promise<value>, forMs = minuteMs) => {
    let result: PromiseSettledResult<value> | undefined
    const done = Promise.allSettled([promise]).then(([settled]) => (result = settled))
    await clock.run({ untilMs: clock.nowMs() + forMs, done: () => result !== undefined })
    if (result === undefined) return 'waiting'
    await done
    if (result.status === 'rejected') throw result.reason
    return result.value
  }
  return { l1, clock, chain, open, approve, allowance, settle }
}

/** Says that a silent network is dead: it can be done once, by anyone. */
function buryOf(l1: L1World): L1Message {
  const operator = testOperator(1)
  l1.register(operator)
  l1.fund(operator.address, 10n ** 18n)
  l1.openNetwork(0)
  l1.send(l1.stakes, 'stake', [operator.address, 10n ** 18n], operator.address)
  l1.send(l1.networks, 'optIn', [0, 10_000], operator.address)
  l1.world.advance(l1.deadAfterSeconds * 2)
  return messageTo(
    { artifact: 'FinalityOracle', address: BigInt(l1.oracle.address) },
    { name: 'declareDead', args: [0] },
  )
}

/** Of `approve`, as it is sent first. */
const gasUsed = 46_374n

describe('L1Sender', () => {
  test('sends once, and is done when it is deep enough', async () => {
    const { chain, open, approve, allowance, settle } = openWorld()
    const sender = open({ depth: 3 })
    const sent = sender.send(approve(5n))
    assert.equal(await settle(sent, 500), 'waiting')
    chain.mine()
    assert.equal(allowance(sender), 5n)
    // In a block, so it is not sent again, however long the next ones take.
    assert.equal(await settle(sent, 10 * bumpMs), 'waiting')
    chain.mine()
    const receipt = await settle(sent)
    assert.deepEqual(receipt, { blockNumber: 101n, succeeded: true, gasUsed })
    assert.equal(chain.submitted.length, 1)
  })

  test('sends what a message is worth', async () => {
    const { l1, chain, open, settle } = openWorld()
    chain.isAutomatic = true
    const sender = open()
    l1.world.pay(bigintToHex(sender.address, 20), 9n)
    const to = 0x5e11n
    const message = { to, value: 7n, data: new Uint8Array(0) }
    assert.notEqual(await settle(sender.send(message)), 'waiting')
    assert.equal(l1.world.balanceOf(bigintToHex(to, 20)), 7n)
  })

  test('leaves gas for the first change of sets in an epoch, whatever was estimated', async () => {
    const { l1, chain, open, settle } = openWorld()
    const sender = open()
    const from = bigintToHex(sender.address, 20)
    const operator = testOperator(1)
    l1.register(operator)
    l1.fund(operator.address, 10n ** 24n)
    l1.send(l1.stakes, 'stake', [operator.address, 10n ** 24n], operator.address)
    for (let id = 0; id < networksMax; id++) {
      l1.openNetwork(id)
      l1.send(l1.networks, 'optIn', [id, 10_000], operator.address)
    }
    l1.fund(from, 10n ** 24n)
    // Others have changed the sets in this epoch before.
    l1.send(l1.stakes, 'stake', [operator.address, 10n ** 20n], from)
    const message = messageTo(
      { artifact: 'StakeManager', address: BigInt(l1.stakes.address) },
      { name: 'unstake', args: [operator.address, 10n ** 18n] },
    )
    const gas = async () => {
      const estimate = await chain.estimateGas({ ...message, from: sender.address })
      assert.ok(estimate.kind === 'estimated')
      return estimate.gas
    }
    const estimated = await gas()
    const sent = sender.send(message)
    await settle(sent, 50)
    l1.world.advance(l1.epochSeconds)
    const needed = await gas()
    assert.ok(needed > 2n * estimated, `${needed} after ${estimated}`)
    const [transaction] = chain.submitted
    assert.ok(transaction !== undefined && transaction.gasLimit >= needed)
    assert.ok(transaction.gasLimit <= transactionGasLimitMax)
    chain.mine()
    assert.ok(await settle(sent))
  })

  test('one at a time, in order', async () => {
    const { chain, open, approve, allowance, settle } = openWorld()
    const sender = open()
    const all = [1n, 2n, 3n].map((amount) => sender.send(approve(amount)))
    for (const [index, each] of all.entries()) {
      assert.equal(await settle(each, 300), 'waiting')
      assert.equal(chain.submitted.length, index + 1)
      chain.mine()
      await settle(each)
      assert.equal(allowance(sender), BigInt(index + 1))
    }
    assert.deepEqual(
      chain.submitted.map(({ nonce }) => nonce),
      [0n, 1n, 2n],
    )
  })

  test('so many wait for their turn, and no more', async () => {
    const { chain, open, approve, settle } = openWorld()
    chain.isAutomatic = true
    const sender = open()
    const many = Array.from({ length: 64 }, () => sender.send(approve(1n)))
    await assert.rejects(sender.send(approve(1n)), failed)
    await settle(Promise.all(many))
    assert.equal(chain.submitted.length, 64)
    assert.ok(await settle(sender.send(approve(1n))))
  })

  test('pays more, at the same nonce, until it is in a block', async () => {
    const { chain, open, approve, allowance, settle } = openWorld()
    const sender = open()
    const sent = sender.send(approve(5n))
    assert.equal(await settle(sent, 500), 'waiting')
    // More than it offered: no block takes it.
    chain.baseFeePerGas = 30n
    chain.mine()
    assert.equal(await settle(sent, 1.9 * bumpMs), 'waiting')
    chain.mine()
    assert.equal(allowance(sender), 0n)
    const mining = settle(sent, 5 * bumpMs)
    chain.mine()
    assert.equal(await mining, 'waiting')
    chain.mine()
    assert.deepEqual(await settle(sent), { blockNumber: 104n, succeeded: true, gasUsed })
    assert.ok(chain.submitted.every(({ nonce }) => nonce === 0n))
    const fees = chain.submitted.map(maxFeePerGasOf)
    for (const [index, fee] of fees.entries()) {
      if (index > 0) assert.ok(8n * fee >= 9n * (fees[index - 1] ?? 0n), 'an eighth more')
    }
  })

  test('never offers more than it may, and gives up in the end', async () => {
    const { chain, open, approve, settle } = openWorld()
    const sender = open({ feePerGasMax: 20n })
    const sent = sender.send(approve(5n))
    await assert.rejects(settle(sent), failed)
    assert.ok(chain.submitted.every((transaction) => maxFeePerGasOf(transaction) <= 20n))
    assert.ok(chain.submitted.length > 0)
  })

  test('what would revert is not sent; what reverts is told', async () => {
    const { l1, chain, open, approve, settle } = openWorld()
    const sender = open()
    const bad = messageTo(
      { artifact: 'RewardBridge', address: BigInt(l1.bridge.address) },
      { name: 'pause', args: [0, 1] },
    )
    await assert.rejects(settle(sender.send(bad)), { ...refused, errorName: 'NotTheGuardian' })
    assert.equal(chain.submitted.length, 0)
    // Estimated well, and another one comes first into the block.
    const sent = sender.send(buryOf(l1))
    assert.equal(await settle(sent, 300), 'waiting')
    l1.send(l1.oracle, 'declareDead', [0])
    chain.mine()
    await assert.rejects(settle(sent), { ...refused, errorName: '' })
    chain.isAutomatic = true
    assert.ok(await settle(sender.send(approve(1n))))
  })

  test('a node that counts a transaction before it has its receipt is waited for', async () => {
    const { chain, open, approve, settle } = openWorld()
    chain.isAutomatic = true
    const receiptOf = chain.receipt.bind(chain)
    let late = 3
    chain.receipt = async (hash) => (late-- > 0 ? undefined : receiptOf(hash))
    const receipt = await settle(open().send(approve(5n)))
    assert.deepEqual(receipt, { blockNumber: 101n, succeeded: true, gasUsed })
    assert.equal(chain.submitted.length, 1)
  })

  test('what another did meanwhile is not paid more for', async () => {
    const { l1, chain, open, settle } = openWorld()
    const sender = open()
    const sent = sender.send(buryOf(l1))
    assert.equal(await settle(sent, 500), 'waiting')
    l1.send(l1.oracle, 'declareDead', [0])
    await assert.rejects(settle(sent), { ...refused, errorName: 'NetworkDead' })
    assert.equal(chain.submitted.length, 1)
  })

  test('a sender that begins anew replaces what an earlier life left waiting', async () => {
    const { chain, open, approve, allowance, settle } = openWorld()
    const first = open()
    const lost = first.send(approve(5n))
    assert.equal(await settle(lost, 300), 'waiting')
    const second = open()
    const sent = second.send(approve(6n))
    assert.equal(await settle(sent, 300), 'waiting')
    assert.deepEqual(
      chain.submitted.map(({ nonce }) => nonce),
      [0n, 0n],
    )
    chain.mine()
    assert.ok(await settle(sent))
    assert.equal(allowance(second), 6n)
    // The earlier life, were it still here, learns that its nonce is gone.
    await assert.rejects(settle(lost), { ...failed, message: /took its nonce/ })
  })

  test('what must be a certain transaction of its account is that one or none', async () => {
    const { chain, open, approve, allowance, settle } = openWorld()
    chain.isAutomatic = true
    const sender = open()
    assert.ok(await settle(sender.send(approve(5n), 0n)))
    await assert.rejects(settle(sender.send(approve(6n), 0n)), failed)
    assert.equal(allowance(sender), 5n)
    assert.ok(await settle(sender.send(approve(7n), 1n)))
    assert.equal(allowance(sender), 7n)
  })

  test('an endpoint that fails for a while is waited out, one that stays so is told', async () => {
    const { chain, open, approve, settle } = openWorld()
    const sender = open()
    const sent = sender.send(approve(5n))
    assert.equal(await settle(sent, 500), 'waiting')
    chain.onAsk = (method) => {
      if (method === 'receipt') throw new L1EndpointError('it cannot be reached')
    }
    assert.equal(await settle(sent, 500), 'waiting')
    chain.onAsk = () => {}
    chain.mine()
    assert.ok(await settle(sent))
    const again = sender.send(approve(6n))
    assert.equal(await settle(again, 500), 'waiting')
    chain.onAsk = () => {
      throw new L1EndpointError('it cannot be reached')
    }
    await assert.rejects(settle(again), { code: 'STAKING_L1_ENDPOINT' })
    // What became of it is not known: the next one at its nonce pays more.
    chain.onAsk = () => {}
    const last = sender.send(approve(7n))
    assert.equal(await settle(last, 500), 'waiting')
    const [former, latter] = chain.submitted.slice(-2).map(maxFeePerGasOf) as [bigint, bigint]
    assert.ok(latter > former)
    chain.mine()
    assert.ok(await settle(last))
  })
})
