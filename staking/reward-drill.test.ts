/**
 * The reward drill: earned on network 1, burned there, minted on L1 to the staker by a stranger's
 * relayer; and whoever sends it again, elsewhere, in the name of those who left or with another
 * proof gets nothing, from the relayer or from L1.
 */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { finalityVoteDigest } from '@zg/consensus'
import type { FinalityCertificate, FinalityVote } from '@zg/consensus'
import { somebody, testOperator } from '@zg/contracts/testing'
import type { TestOperator } from '@zg/contracts/testing'
import { blsAggregate, blsSign, fromHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { BridgeContract } from './bridge-contract.ts'
import type { OutboxClaim } from './bridge-contract.ts'
import type { L1Message } from './l1-chain.ts'
import { errorNameOf } from './l1-contracts.ts'
import { OracleContract } from './oracle-contract.ts'
import { OutboxTree } from './outbox-tree.ts'
import {
  alice,
  ether,
  openRelayWorld,
  operators,
  relayedNetworkId,
  rewardHub,
} from './testing/relay-world.ts'
import { spoiled } from './testing/simulated-network-endpoint.ts'

const unproved = { code: 'STAKING_NETWORK_PROOF_INVALID' }
const [first] = operators as [TestOperator, ...TestOperator[]]
const staker = alice
const idle = { synced: false, claimed: [], announced: [] }
const always = { intervalSeconds: 0n }

/** A staker stands behind the first operator; network 1 earned and burned 80 tokens for it. */
async function openDrill() {
  const world = await openRelayWorld()
  const { l1, network, endpoint, chain, follow, follower } = world
  const id = relayedNetworkId
  l1.send(l1.stakes, 'setCommission', [1_000], first.address)
  l1.fund(staker, 300n * ether)
  l1.send(l1.stakes, 'stake', [first.address, 300n * ether], staker)
  await endpoint.seal({ epoch: 12n, nextEpoch: 14n })
  l1.goToEpoch(14)
  await follow()
  l1.send(l1.bridge, 'deposit', [id, rewardHub, 90n * ether])
  network.world.pay(rewardHub, 90n * ether)
  const index = network.send('reward', [first.address], { from: rewardHub, value: 80n * ether })
  await endpoint.seal({ epoch: 14n })
  const earned = (who = staker) => l1.read(l1.stakes, 'earnedOf', first.address, who) as bigint
  /** The submission of a certificate to a network, proved against a height. */
  const submissionOf = async (certificate: FinalityCertificate, known: bigint, networkId = id) => {
    const { epoch, height } = certificate.vote
    const set = follower.validatorSet(epoch)
    const siblings = await endpoint.historyProof({ height: known, under: height })
    assert.ok(set !== undefined && siblings !== undefined)
    const oracle = new OracleContract({ chain, address: BigInt(l1.oracle.address), networkId })
    return oracle.submission({ certificate, set }, siblings)
  }
  /** The claim of the reward, with what a test changes of it. */
  const claimOf = async (change: Partial<OutboxClaim> = {}, networkId = id) => {
    const tree = new OutboxTree(endpoint)
    const [, , , word] = network.claimArgs(index) as [number, object, number, Hex]
    const root = fromHex(word)
    await tree.extend({ height: 2n, count: index + 1, root })
    const [entry] = await tree.page(0)
    assert.ok(entry !== undefined)
    const siblings = await tree.siblings(index, index + 1)
    const bridge = new BridgeContract({ chain, address: BigInt(l1.bridge.address), networkId })
    return bridge.claim({ entry, index, root, siblings, ...change })
  }
  /** With which error L1 answers a message; `done` for none. */
  const answerTo = async (message: L1Message) => {
    const answer = await chain.estimateGas({ ...message, from: BigInt(somebody) })
    return answer.kind === 'reverted' ? errorNameOf(answer.data) : 'done'
  }
  return { ...world, index, earned, submissionOf, claimOf, answerTo }
}

describe('the reward drill', () => {
  test("a stranger's relayer brings a reward to the staker, and nobody brings it twice", async () => {
    const { l1, chain, open, earned, index, claimOf, answerTo } = await openDrill()
    const stranger = open({ name: 'stranger' })
    assert.deepEqual(await stranger.step(), {
      finality: { kind: 'submitted', height: 1n, closes: true },
      death: { kind: 'alive' },
      outbox: idle,
    })
    assert.deepEqual(await stranger.step(), {
      finality: { kind: 'submitted', height: 2n, closes: false },
      death: { kind: 'alive' },
      outbox: { synced: true, claimed: [index], announced: [] },
    })
    // A tenth is the operator's, the rest flows to 100 and 300 shares.
    l1.world.advance(2 * l1.epochSeconds)
    assert.deepEqual([earned(first.address), earned()], [26n * ether, 54n * ether])
    l1.send(l1.stakes, 'collect', [first.address, staker])
    assert.equal(l1.balanceOf(staker), 54n * ether)

    const supply = () => l1.read(l1.token, 'totalSupply')
    const before = supply()
    for (const { to, data } of chain.submitted) l1.world.execute({ to: to ?? 0n, data })
    assert.deepEqual([supply(), earned(first.address), earned()], [before, 26n * ether, 0n])
    assert.equal(await answerTo(await claimOf()), 'AlreadyClaimed')
    assert.deepEqual((await open({ name: 'another' }).step()).outbox, idle)
  })

  test('another network: neither its relayer nor L1 takes what network 1 signed', async () => {
    const { l1, endpoint, open, submissionOf, claimOf, answerTo, chain, earned } = await openDrill()
    await assert.rejects(open({ networkId: 0 }).finality.step(), unproved)
    assert.equal(chain.submitted.length, 0)
    const certificate = await endpoint.finalityCertificate(1n)
    assert.ok(certificate !== undefined)
    assert.equal(await answerTo(await submissionOf(certificate, 0n)), 'done')
    // Network 0 has the same operators, epochs and keys, and another genesis.
    assert.equal(await answerTo(await submissionOf(certificate, 0n, 0)), 'HistoryUnproven')
    const signature = l1.signFinalities(1, [certificate.vote], operators)
    const args = { vote: l1.finalityArgs(certificate.vote), absent: [], signature }
    l1.read(l1.oracle, 'check', 1, args)
    assert.throws(() => l1.read(l1.oracle, 'check', 0, args), { errorName: 'CertificateInvalid' })

    const right = open()
    await right.step()
    await right.finality.step()
    assert.equal(await answerTo(await claimOf({}, 0)), 'RootUnknown')
    assert.equal(earned(), 0n)
    await right.step()
    assert.equal(await answerTo(await claimOf({}, 0)), 'RootUnknown')
    l1.world.advance(2 * l1.epochSeconds)
    assert.equal(earned(), 54n * ether)
  })

  test('a set that has left: neither the relayer nor L1 takes its certificates', async () => {
    const { l1, network, endpoint, open, follow, submissionOf, answerTo, chain } = await openDrill()
    await open(always).step()
    await open(always).step()
    const newcomers = [11, 12, 13].map((number) => testOperator(number))
    for (const newcomer of newcomers) {
      l1.register(newcomer)
      l1.fund(newcomer.address, 100n * ether)
      l1.send(l1.stakes, 'stake', [newcomer.address, 100n * ether], newcomer.address)
      l1.send(l1.networks, 'optIn', [relayedNetworkId, 10_000], newcomer.address)
    }
    for (const { address } of operators) {
      l1.send(l1.networks, 'optOut', [relayedNetworkId], address)
    }
    await endpoint.seal({ epoch: 14n, nextEpoch: 16n })
    l1.goToEpoch(16)
    await follow()
    assert.deepEqual((await open(always).step()).finality, {
      kind: 'submitted',
      height: 3n,
      closes: true,
    })
    // Those who left forge a block with a reward of their own, in their epoch and in the next one.
    await network.seal({ epoch: 16n })
    const { header, certificate } = forgedBy(operators)
    const sent = chain.submitted.length
    for (const epoch of [14n, 16n]) {
      const forged = certificate({ ...header, epoch })
      endpoint.bend = { finalityCertificate: () => forged }
      await assert.rejects(open(always).finality.step(), unproved, `epoch ${epoch}`)
      const errorName = await answerTo(await submissionOf(forged, 3n))
      assert.equal(errorName, epoch === 14n ? 'EpochUnexpected' : 'CertificateInvalid')
    }
    assert.equal(chain.submitted.length, sent)
    endpoint.bend = {}
    await endpoint.seal({ epoch: 16n, signers: newcomers })
    assert.deepEqual((await open(always).step()).finality, {
      kind: 'submitted',
      height: 5n,
      closes: false,
    })

    function forgedBy(signers: readonly TestOperator[]) {
      const { executionHash, histRoot, height } = network.header(4)
      const root = fromHex(network.blockProof(4, 4).consensusRoot)
      const hashes = { blockHash: executionHash, consensusRoot: root, histRoot }
      const certificate = (vote: FinalityVote): FinalityCertificate => {
        const digest = finalityVoteDigest(l1.identityOf(relayedNetworkId), vote)
        const signature = blsAggregate(signers.map(({ secretKey }) => blsSign(secretKey, digest)))
        // In the name of all four of the former set, or of all three of the new one.
        return { vote, signers: Uint8Array.of(vote.epoch === 14n ? 15 : 7), signature }
      }
      return { header: { ...hashes, height, epoch: 16n, nextEpoch: 0n }, certificate }
    }
  })

  test('a fake proof: the relayer does not send it, and L1 does not take it', async () => {
    const { l1, endpoint, open, claimOf, answerTo, chain, earned } = await openDrill()
    const relayer = open()
    await relayer.step()
    await relayer.finality.step()
    const sent = chain.submitted.length
    endpoint.bend = {
      outboxLogs: ({ logs, toHeight }) => ({
        logs: logs.map((log) => ({ ...log, entry: { ...log.entry, to: BigInt(staker) } })),
        toHeight,
      }),
    }
    await assert.rejects(open().outbox.step(), { code: 'STAKING_OUTBOX_UNPROVED' })
    endpoint.bend = {
      proof: (found) => found && { ...found, account: found.account.map(spoiled) },
    }
    await assert.rejects(open().outbox.step(), unproved)
    assert.equal(chain.submitted.length, sent)
    endpoint.bend = {}
    const { logs } = await endpoint.outboxLogs({ fromHeight: 1n, toHeight: 2n })
    const honest = logs[0]?.entry
    assert.ok(honest !== undefined)

    // L1 itself, of a root that it knows.
    l1.send(l1.bridge, 'pause', [relayedNetworkId, 100])
    assert.equal((await relayer.outbox.step()).synced, true)
    l1.world.advance(100)
    const forgeries: readonly Partial<OutboxClaim>[] = [
      { entry: { ...honest, to: BigInt(staker) } },
      { entry: { ...honest, amountWei: 90n * ether } },
      { entry: { ...honest, kind: 'withdrawal' } },
      { index: 1 },
      { siblings: [] },
    ]
    for (const forgery of forgeries) {
      assert.equal(await answerTo(await claimOf(forgery)), 'EntryUnproven')
    }
    assert.equal(await answerTo(await claimOf({ root: new Uint8Array(32) })), 'RootUnknown')
    assert.equal(earned(), 0n)
    assert.deepEqual((await relayer.outbox.step()).claimed, [0])
    l1.world.advance(2 * l1.epochSeconds)
    assert.equal(earned(), 54n * ether)
  })
})
