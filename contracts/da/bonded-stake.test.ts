import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { dataVoteDigest } from '@zg/consensus'
import type { DataVote } from '@zg/consensus'
import { blsAggregate, blsSign, fromHex, keccak256, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { signatureWords } from '../bls-words.ts'
import { dataOperator, DataWorld } from '../testing/data-world.ts'
import { refuses } from '../testing/refuses.ts'
import type { TestOperator } from '../testing/stake-world.ts'

const gwei = 10n ** 9n
const reporter: Hex = toHex(new Uint8Array(20).fill(0x4e))
const [alice, bob] = [1, 2].map(dataOperator) as [TestOperator, TestOperator]

function openBonds() {
  const data = new DataWorld()
  const send = (
    name: string,
    { address }: TestOperator,
    args: readonly unknown[] = [],
    value = 0n,
  ) => data.send(data.stake, name, args, { from: address, value })
  const votes = (name: 'present' | 'upcoming', { address }: TestOperator) =>
    (data.read(data.stake, name, address, '0x') as readonly [bigint, unknown])[0]
  return { data, send, votes }
}

describe('BondedStake', () => {
  test('a bond weighs from the epoch after the next on, and is held while it may be asked for', () => {
    const { data, send, votes } = openBonds()
    data.register(alice)
    data.bond(alice, 1_000n)
    assert.deepEqual([votes('present', alice), votes('upcoming', alice)], [0n, 1_000n])
    data.passEpochs(2)
    assert.equal(votes('present', alice), 1_000n)
    send('unbond', alice, [400n])
    refuses(() => send('withdraw', alice), 'StillUnbonding')
    data.passEpochs(1)
    // More of it leaves with what does already.
    send('unbond', alice, [100n])
    assert.deepEqual([votes('present', alice), votes('upcoming', alice)], [1_000n, 500n])
    data.passEpochs(1)
    assert.equal(votes('present', alice), 600n)
    data.passEpochs(2)
    assert.equal(votes('present', alice), 500n)
    refuses(() => send('withdraw', alice), 'StillUnbonding')
    data.passEpochs(1)
    const before = data.world.balanceOf(alice.address)
    send('withdraw', alice)
    assert.equal(data.world.balanceOf(alice.address) - before, 500n * gwei)
    refuses(() => send('withdraw', alice), 'NothingFree')
    assert.equal(data.world.balanceOf(data.stake.address), 500n * gwei)
  })

  test('refuses what is no bond', () => {
    const { data, send } = openBonds()
    refuses(() => send('bond', alice), 'NothingSent')
    data.world.pay(alice.address, 10n * gwei)
    refuses(() => send('bond', alice, [], gwei + 1n), 'NotWholeGwei')
    refuses(() => send('bond', alice, [], gwei), 'NotRegistered')
    data.register(alice)
    send('bond', alice, [], gwei)
    refuses(() => send('unbond', alice, [0n]), 'BeyondMost')
    refuses(() => send('unbond', alice, [2n]), 'BeyondMost')
    const args = [0, data.epochSeconds, 3]
    refuses(() => data.world.deploy('BondedStake', { args }), 'UnbondingTooShort')
  })

  test('a key is registered once, by who proves that it is held', () => {
    const { data, send } = openBonds()
    refuses(() => send('register', bob, data.possessionArgs(alice)), 'PossessionUnproven')
    data.register(alice)
    refuses(() => data.register(alice), 'AlreadyRegistered')
    const stolen = data.possessionArgs({ ...bob, secretKey: alice.secretKey })
    refuses(() => send('register', bob, stolen), 'KeyTaken')
  })

  test('the seed of an epoch is the mix of the block that first asked for it in the one before', () => {
    const { data } = openBonds()
    const next = data.epoch + 1
    refuses(() => data.read(data.stake, 'seedOf', next), 'EpochUnknown')
    const { events } = data.send(data.stake, 'roll', [])
    const seed = events[0]?.args['seed']
    assert.equal(data.read(data.stake, 'seedOf', next), seed)
    assert.deepEqual(data.send(data.stake, 'roll', []).events, [])
    assert.equal(data.read(data.stake, 'seedOf', next), seed)
    data.passEpochs(1)
    assert.notEqual(data.read(data.stake, 'seedOf', next + 1), seed)
    // An epoch that nobody rolled for has none, ever.
    data.world.advance(2 * data.epochSeconds)
    data.send(data.stake, 'roll', [])
    refuses(() => data.read(data.stake, 'seedOf', next + 2), 'EpochUnknown')
  })

  test('the mix of a block is its hash, while the chain knows it', () => {
    const { data } = openBonds()
    data.world.skipTo(400)
    data.send(data.stake, 'roll', [])
    const hash = toHex(keccak256(new TextEncoder().encode('399')))
    assert.equal(data.read(data.stake, 'mixOf', 399, '0x'), hash)
    refuses(() => data.read(data.stake, 'mixOf', 100, '0x'), 'HeaderUnknown')
    refuses(() => data.read(data.stake, 'mixOf', 10_000, '0x'), 'HeaderUnknown')
  })
})

describe('BondedStake: S9', () => {
  const vote: DataVote = {
    epoch: 12n,
    quorum: 1,
    disperser: new Uint8Array(20).fill(0xd1),
    sequence: 7n,
    commitment: sha256(Uint8Array.of(1)),
  }
  const other = { ...vote, commitment: sha256(Uint8Array.of(2)) }
  const argsOf = ({ disperser, commitment, ...numbers }: DataVote) => ({
    ...numbers,
    disperser: toHex(disperser),
    commitment: toHex(commitment),
  })

  function openFault() {
    const { data, ...rest } = openBonds()
    data.register(alice)
    data.bond(alice, 1_000n)
    const report = (
      votes: readonly DataVote[],
      { signer = alice, identity = data.identity, culprit = alice } = {},
    ) => {
      const digests = votes.map((each) => dataVoteDigest(identity, each))
      const sum = blsAggregate(digests.map((digest) => blsSign(signer.secretKey, digest)))
      const args = [culprit.address, ...votes.map(argsOf), signatureWords(sum)]
      return data.send(data.stake, 'report', args, { from: reporter })
    }
    return { data, report, ...rest }
  }

  test('two commitments for one batch cost the bond, what leaves too; a twentieth is paid', () => {
    const { data, report, send, votes } = openFault()
    data.passEpochs(2)
    send('unbond', alice, [300n])
    const { events } = report([vote, other])
    assert.equal(events[0]?.args['amount'], 1_000n * gwei)
    assert.equal(data.world.balanceOf(reporter), 50n * gwei)
    // Nobody's any more, and of no weight at once.
    assert.equal(data.world.balanceOf(data.stake.address), 950n * gwei)
    assert.deepEqual([votes('present', alice), votes('upcoming', alice)], [0n, 0n])
    data.passEpochs(4)
    refuses(() => send('withdraw', alice), 'NothingFree')
    refuses(() => send('unbond', alice, [1n]), 'OperatorSlashed')
    data.world.pay(alice.address, gwei)
    refuses(() => send('bond', alice, [], gwei), 'OperatorSlashed')
    refuses(() => report([vote, other]), 'AlreadyPunished')
  })

  test('what is no fault, or not its own, or of elsewhere, costs nothing', () => {
    const { data, report } = openFault()
    refuses(() => report([vote, vote]), 'NotAFault')
    for (const bent of [{ epoch: 13n }, { quorum: 2 }, { sequence: 8n }]) {
      refuses(() => report([vote, { ...other, ...bent }]), 'NotAFault')
    }
    const disperser = new Uint8Array(20).fill(0xd2)
    refuses(() => report([vote, { ...other, disperser }]), 'NotAFault')
    refuses(() => report([vote, other], { signer: bob }), 'SignatureInvalid')
    refuses(() => report([vote, other], { culprit: bob }), 'SignatureInvalid')
    const elsewhere = [
      { l1ChainId: 1n },
      { networkId: 1 },
      { stakingContract: fromHex(data.signers.address) },
      { genesisHash: sha256(Uint8Array.of(3)) },
    ]
    for (const bent of elsewhere) {
      const identity = { ...data.identity, ...bent }
      refuses(() => report([vote, other], { identity }), 'SignatureInvalid')
    }
    assert.equal(data.world.balanceOf(data.stake.address), 1_000n * gwei)
  })
})
