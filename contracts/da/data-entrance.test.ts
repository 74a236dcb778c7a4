import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { privateKeyToAccount } from 'viem/accounts'

import { somebody } from '../testing/contract-world.ts'
import { dataOperator, DataWorld, testBatch } from '../testing/data-world.ts'
import type { TestBatch } from '../testing/data-world.ts'
import { refuses } from '../testing/refuses.ts'
import type { TestOperator } from '../testing/stake-world.ts'

const disperser: Hex = toHex(new Uint8Array(20).fill(0xd1))
const members = [1, 2, 3, 4].map(dataOperator) as [
  TestOperator,
  TestOperator,
  TestOperator,
  TestOperator,
]
const ether = 10n ** 18n
/** K rows of 64 bytes, at 1,000 wei a byte. */
const fee = 1_024n * 64n * 1_000n
const part = fee / 4_096n

/** Four signers of equal votes, all quorums of epoch 12 open, and an escrow that is old enough. */
function openEntrance(options: ConstructorParameters<typeof DataWorld>[0] = {}) {
  const data = new DataWorld(options)
  data.deposit(disperser, ether)
  data.settle(members, [100n, 100n, 100n, 100n])
  const { epoch } = data
  data.openAll()
  const entrance = (name: string, args: readonly unknown[], from: Hex = somebody) =>
    data.send(data.entrance, name, args, { from })
  const ask = (name: string, ...args: readonly unknown[]) => data.read(data.entrance, name, ...args)
  const balance = (account: Hex = disperser) =>
    (ask('escrowOf', account) as { balance: bigint }).balance
  const batch = (bent: Partial<TestBatch> = {}) => testBatch({ epoch, disperser, ...bent })
  const record = (of: TestBatch, absent: readonly number[] = []) =>
    data.certify(data.certificate(of, { members, absent }))
  return { data, epoch, entrance, ask, balance, batch, record }
}

describe('DataEntrance: certificates', () => {
  test('a batch that more than two thirds signed for is recorded, and paid for', () => {
    const { data, epoch, ask, balance, batch, record } = openEntrance()
    const [event] = record(batch()).events
    assert.equal(event?.name, 'Recorded')
    const { batch: name, quorum, commitment } = event.args
    assert.equal(quorum, data.quorumFor(batch()))
    assert.equal(commitment, toHex(data.commitmentOf(batch())))
    const found = ask('recordOf', name) as Record<string, unknown>
    assert.deepEqual(found, {
      commitment,
      rowSize: 64,
      epoch: BigInt(epoch),
      number: found['number'],
      time: BigInt(data.world.timestamp),
    })
    assert.equal(balance(), ether - fee)
    // Another one of it, by others: once is enough.
    refuses(() => record(batch(), [3]), 'AlreadyRecorded')
    refuses(() => record(batch({ rowSize: 128 })), 'AlreadyRecorded')
    record(batch({ sequence: 1 }), [0])
    assert.equal(balance(), ether - 2n * fee)
  })

  test('three of four equal members are a quorum, two are none', () => {
    const { data, batch, record } = openEntrance()
    refuses(() => record(batch(), [0, 1]), 'NoQuorum')
    const three = data.certificate(batch(), { members, absent: [2] })
    refuses(() => data.certify({ ...three, signers: '0x00' }), 'NoQuorum')
    data.certify(three)
  })

  test('exactly two thirds of all slots are no quorum', () => {
    const data = new DataWorld({ rowCount: 3_072, quorumCount: 1 })
    const three = members.slice(0, 3)
    data.deposit(disperser, ether)
    data.settle(three, [100n, 100n, 100n])
    data.openAll()
    const batch = testBatch({ epoch: data.epoch, disperser })
    refuses(
      () => data.certify(data.certificate(batch, { members: three, absent: [0] })),
      'NoQuorum',
    )
    data.certify(data.certificate(batch, { members: three }))
  })

  test('is of its epoch or the one before it, and of a quorum that was opened', () => {
    const { data, epoch, batch, record } = openEntrance()
    const certificate = data.certificate(batch(), { members })
    for (const bent of [epoch - 1, epoch + 1, 2n ** 64n - 1n]) {
      const expected = bent === epoch - 1 ? /EpochUnknown|QuorumUnknown/ : /EpochUnexpected/
      assert.throws(() => data.certify({ ...certificate, epoch: bent as number }), expected)
    }
    data.passEpochs(1)
    refuses(() => record(batch({ epoch: epoch + 1 })), 'QuorumUnknown')
    data.certify(certificate)
    data.passEpochs(1)
    refuses(() => record(batch({ sequence: 1 })), 'EpochUnexpected')
  })

  test('what was signed for another batch, length, network, chain or by others is refused', () => {
    const { data, batch } = openEntrance()
    const good = data.certificate(batch(), { members })
    const vote = data.voteOf(batch())
    const signed = [
      { epoch: vote.epoch - 1n },
      { quorum: 1 - vote.quorum },
      { sequence: 1n },
      { disperser: new Uint8Array(20).fill(0xd2) },
      { commitment: sha256(Uint8Array.of(1)) },
    ]
    for (const bent of signed) {
      const other = data.certificate(batch(), { members, vote: bent })
      refuses(() => data.certify(other), 'CertificateInvalid')
    }
    const homes = [
      { l1ChainId: 1n },
      { networkId: 1 },
      { genesisHash: sha256(Uint8Array.of(3)) },
      { stakingContract: new Uint8Array(20) },
    ]
    for (const bent of homes) {
      const identity = { ...data.identity, ...bent }
      refuses(
        () => data.certify(data.certificate(batch(), { members, identity })),
        'CertificateInvalid',
      )
    }
    const bents = [
      { rowSize: 128 },
      { rowRoot: good.combinationHash },
      { combinationHash: good.rowRoot },
      { signers: '0x07' as Hex },
      { signature: data.certificate(batch(), { members, absent: [0] }).signature },
      { signature: '0x' as Hex },
      { signature: `0x${'00'.repeat(256)}` as Hex },
    ]
    for (const bent of bents) {
      refuses(() => data.certify({ ...good, ...bent }), 'CertificateInvalid')
    }
    // One key twice in the sum, where another is named.
    const [alice, bob, carol] = members
    const twice = data.certificate(batch(), { members: [alice, bob, carol, alice] })
    refuses(() => data.certify(twice), 'CertificateInvalid')
    for (const signers of ['0x', '0x1f', '0x0f00', '0xff'] as const) {
      refuses(() => data.certify({ ...good, signers }), 'SignersInvalid')
    }
    data.certify(good)
  })

  test('a length that no batch has is refused', () => {
    const { data, batch, record } = openEntrance()
    for (const rowSize of [0, 63, 65, 32_769, 32_832, 2 ** 32 - 64]) {
      const certificate = data.certificate(batch(), { members })
      refuses(() => data.certify({ ...certificate, rowSize }), 'RowSizeInvalid')
    }
    record(batch({ rowSize: 32_768 }))
  })

  test('a contested member counts as absent, and spoils no signature', () => {
    const { data, epoch, batch, record } = openEntrance()
    data.send(data.stake, 'unbond', [50n], { from: members[1].address })
    data.passEpochs(2)
    data.openAll()
    data.send(data.signers, 'contest', [1, '0x'])
    const bent = { epoch: epoch + 2 }
    refuses(() => record(batch(bent), [0]), 'NoQuorum')
    record(batch(bent))
    const quorum = data.quorumFor(batch(bent))
    data.passEpochs(3)
    const earned = [0, 1].map((member) =>
      data.read(data.entrance, 'earnedOf', epoch + 2, quorum, member),
    )
    assert.deepEqual(earned, [1_024n * part, 0n])
  })

  test('the disperser was there before the seed, and can pay', () => {
    const { data, epoch, batch } = openEntrance()
    const other: Hex = toHex(new Uint8Array(20).fill(0xd3))
    const certify = (bent: Partial<TestBatch>) =>
      data.certify(data.certificate(batch({ disperser: other, ...bent }), { members }))
    refuses(() => certify({}), 'EscrowEmpty')
    data.deposit(other, fee + 1n)
    refuses(() => certify({}), 'EscrowTooYoung')
    data.passEpochs(1)
    data.openAll()
    refuses(() => certify({ epoch: epoch + 1 }), 'EscrowTooYoung')
    data.passEpochs(1)
    data.openAll()
    refuses(() => certify({ epoch: epoch + 2, rowSize: 128 }), 'EscrowEmpty')
    certify({ epoch: epoch + 2 })
    refuses(() => certify({ epoch: epoch + 2, sequence: 1 }), 'EscrowEmpty')
    // More is added to what is old; what began from nothing is young again.
    data.deposit(other, fee - 1n)
    certify({ epoch: epoch + 2, sequence: 1 })
    data.deposit(other, fee)
    refuses(() => certify({ epoch: epoch + 2, sequence: 2 }), 'EscrowTooYoung')
  })
})

describe('DataEntrance: escrow', () => {
  test('a withdrawal is announced, and takes two epochs later what is there of it', () => {
    const { data, epoch, entrance, ask, balance, batch, record } = openEntrance()
    data.world.pay(disperser, 1n)
    const cover = (epochs: number) => ask('coverOf', disperser, epoch + epochs)
    refuses(() => entrance('withdraw', [], disperser), 'NothingFree')
    entrance('announceWithdrawal', [ether], disperser)
    refuses(() => entrance('withdraw', [], disperser), 'TooEarly')
    // Batches of this epoch are recorded until the end of the next.
    assert.deepEqual([0, 1].map(cover), [ether, 0n])
    data.passEpochs(1)
    record(batch())
    refuses(() => entrance('withdraw', [], disperser), 'TooEarly')
    data.passEpochs(1)
    entrance('withdraw', [], disperser)
    assert.equal(data.world.balanceOf(disperser), 1n + ether - fee)
    assert.equal(balance(), 0n)
    refuses(() => entrance('withdraw', [], disperser), 'NothingFree')
    data.deposit(disperser, 5n)
    refuses(() => entrance('withdraw', [], disperser), 'NothingFree')
    assert.equal(cover(2), 0n)
    assert.equal(cover(4), 5n)
  })

  test('an announcement takes the place of the one before it', () => {
    const { data, entrance, balance } = openEntrance()
    entrance('announceWithdrawal', [ether], disperser)
    data.passEpochs(1)
    entrance('announceWithdrawal', [7n], disperser)
    data.passEpochs(1)
    refuses(() => entrance('withdraw', [], disperser), 'TooEarly')
    data.passEpochs(1)
    entrance('withdraw', [], disperser)
    assert.equal(balance(), ether - 7n)
    refuses(() => data.send(data.entrance, 'deposit', [disperser]), 'NothingSent')
  })
})

describe('DataEntrance: vouchers', () => {
  const payer = privateKeyToAccount(`0x${'71'.repeat(32)}`)
  const stranger = privateKeyToAccount(`0x${'72'.repeat(32)}`)

  function openVouchers() {
    const opened = openEntrance()
    const { data, entrance } = opened
    const address = payer.address.toLowerCase() as Hex
    entrance('becomePayer', [], address)
    data.deposit(address, 1_000n)
    type Bent = { chainId?: number; verifyingContract?: Hex; signer?: typeof payer; name?: string }
    const sign = (
      message: { payer: Hex; disperser: Hex; total: bigint },
      {
        chainId = 1_337,
        verifyingContract = data.entrance.address,
        signer = payer,
        name,
      }: Bent = {},
    ) =>
      signer.signTypedData({
        domain: { name: name ?? 'zg data', version: '1', chainId, verifyingContract },
        types: {
          Voucher: [
            { name: 'payer', type: 'address' },
            { name: 'disperser', type: 'address' },
            { name: 'total', type: 'uint256' },
          ],
        },
        primaryType: 'Voucher',
        message,
      })
    const voucher = (total: bigint, bent: Partial<{ payer: Hex; disperser: Hex }> = {}) => ({
      payer: address,
      disperser,
      total,
      ...bent,
    })
    const redeem = async (message: ReturnType<typeof voucher>, bent: Bent = {}) => {
      const signature = await sign(message, bent)
      return entrance('redeem', [message, signature])
    }
    return { ...opened, address, voucher, redeem }
  }

  test('the last one is redeemed, for what was not redeemed before, once', async () => {
    const { balance, address, voucher, redeem, ask } = openVouchers()
    await redeem(voucher(300n))
    await assert.rejects(redeem(voucher(300n)), { errorName: 'NothingFree' })
    await redeem(voucher(700n))
    await assert.rejects(redeem(voucher(300n)), { errorName: 'NothingFree' })
    assert.deepEqual([balance(address), balance()], [300n, ether + 700n])
    // Beyond what is there, what is there; the rest when there is more.
    await redeem(voucher(5_000n))
    assert.deepEqual([balance(address), balance()], [0n, ether + 1_000n])
    assert.equal(ask('redeemed', address, disperser), 1_000n)
    await assert.rejects(redeem(voucher(5_000n)), { errorName: 'NothingFree' })
  })

  test('of another payer, disperser, sum, chain or contract it is worth nothing', async () => {
    const { data, entrance, address, voucher, redeem } = openVouchers()
    const refused = { errorName: 'SignatureInvalid' }
    await assert.rejects(redeem(voucher(1n), { signer: stranger }), refused)
    await assert.rejects(redeem(voucher(1n), { chainId: 1 }), refused)
    await assert.rejects(redeem(voucher(1n), { name: 'zg' }), refused)
    const { address: verifyingContract } = data.signers
    await assert.rejects(redeem(voucher(1n), { verifyingContract }), refused)
    const other = stranger.address.toLowerCase() as Hex
    entrance('becomePayer', [], other)
    await assert.rejects(redeem(voucher(1n, { payer: other })), refused)
    const signature = await payer.signTypedData({
      domain: {
        name: 'zg data',
        version: '1',
        chainId: 1_337,
        verifyingContract: data.entrance.address,
      },
      types: { Voucher: ['payer', 'disperser'].map((name) => ({ name, type: 'address' })) },
      primaryType: 'Voucher',
      message: { payer: address, disperser },
    })
    for (const bytes of [signature, '0x', `0x${'00'.repeat(65)}`, `0x${'ff'.repeat(65)}`]) {
      refuses(() => entrance('redeem', [voucher(1n), bytes]), 'SignatureInvalid')
    }
  })

  test('what batches count on pays no vouchers, and what pays vouchers covers no batches', async () => {
    const { data, epoch, entrance, ask, redeem } = openVouchers()
    const both = stranger.address.toLowerCase() as Hex
    data.deposit(both, 1_000n)
    assert.equal(ask('coverOf', both, epoch + 2), 1_000n)
    const voucher = { payer: both, disperser, total: 1_000n }
    await assert.rejects(redeem(voucher, { signer: stranger }), { errorName: 'NotAPayer' })
    data.passEpochs(2)
    refuses(() => entrance('becomePayer', [], both), 'EscrowInUse')
    entrance('announceWithdrawal', [1_000n], both)
    data.passEpochs(2)
    entrance('withdraw', [], both)
    entrance('becomePayer', [], both)
    data.deposit(both, 1_000n)
    assert.equal(ask('coverOf', both, epoch + 9), 0n)
    await redeem(voucher, { signer: stranger })
  })

  test('nobody keeps an account from paying vouchers by a deposit into its escrow', async () => {
    const { data, entrance, redeem } = openVouchers()
    const both = stranger.address.toLowerCase() as Hex
    data.deposit(both, 1n)
    entrance('becomePayer', [], both)
    data.deposit(both, 999n)
    await redeem({ payer: both, disperser, total: 1_000n }, { signer: stranger })
    // What is old enough to be counted on leaves by notice, whatever is added meanwhile.
    const patient: Hex = toHex(new Uint8Array(20).fill(0xd4))
    data.deposit(patient, 1n)
    data.passEpochs(2)
    refuses(() => entrance('becomePayer', [], patient), 'EscrowInUse')
    entrance('announceWithdrawal', [2n ** 128n - 1n], patient)
    data.passEpochs(1)
    data.deposit(patient, 1n)
    refuses(() => entrance('becomePayer', [], patient), 'EscrowInUse')
    data.passEpochs(1)
    entrance('becomePayer', [], patient)
  })

  test('what covers a batch that may still be recorded is kept from vouchers until it is over', () => {
    const { data, epoch, entrance, ask, batch, record } = openEntrance()
    const become = () => entrance('becomePayer', [], disperser)
    const covers = (of: number) => ask('coverOf', disperser, of)
    // Announced two epochs ago, and taken back: then nodes sign, and it is announced again.
    entrance('announceWithdrawal', [ether], disperser)
    data.passEpochs(2)
    entrance('announceWithdrawal', [0n], disperser)
    assert.deepEqual([epoch + 1, epoch + 2].map(covers), [ether, ether])
    refuses(become, 'EscrowInUse')
    entrance('announceWithdrawal', [ether], disperser)
    data.openAll()
    data.passEpochs(1)
    // Nothing is covered of this epoch, and a batch of the one before it is.
    assert.deepEqual([epoch + 2, epoch + 3].map(covers), [ether, 0n])
    refuses(become, 'EscrowInUse')
    record(batch({ epoch: epoch + 2 }))
    data.passEpochs(1)
    become()
  })

  test('a disperser whose escrow began with one is too young until the epoch after the next', async () => {
    const { data, epoch, voucher, redeem, ask } = openVouchers()
    const young: Hex = toHex(new Uint8Array(20).fill(0xd5))
    await redeem(voucher(900n, { disperser: young }))
    const opened = ask('escrowOf', young) as { epochOpened: bigint }
    assert.equal(opened.epochOpened, BigInt(epoch))
    assert.deepEqual(
      [1, 2].map((epochs) => ask('coverOf', young, epoch + epochs)),
      [0n, 900n],
    )
    assert.equal(data.epoch, epoch)
  })
})

describe('DataEntrance: rewards', () => {
  test("a member earns its slots of what it signed for; the rest is the treasury's", () => {
    const { data, epoch, entrance, ask, batch, record } = openEntrance({ quorumCount: 1 })
    record(batch())
    record(batch({ sequence: 1 }), [2])
    record(batch({ sequence: 2 }), [2])
    const earned = (member: number) => ask('earnedOf', epoch, 0, member) as bigint
    assert.deepEqual(
      [0, 1, 2, 3].map(earned),
      [3n, 3n, 1n, 3n].map((count) => count * 1_024n * part),
    )
    assert.equal(ask('treasury'), 2n * 1_024n * part)
    for (let passed = 0; passed < 3; passed++) {
      refuses(() => entrance('claim', [epoch, 0, 2]), 'TooEarly')
      data.passEpochs(1)
    }
    const before = data.world.balanceOf(members[2].address)
    entrance('claim', [epoch, 0, 2])
    assert.equal(data.world.balanceOf(members[2].address) - before, 1_024n * part)
    refuses(() => entrance('claim', [epoch, 0, 2]), 'NothingFree')
    for (const member of [0, 1, 3]) entrance('claim', [epoch, 0, member])
    refuses(() => entrance('claim', [epoch, 0, 4]), 'MemberUnknown')
    refuses(() => entrance('claim', [epoch, 1, 0]), 'QuorumUnknown')
    const account = toHex(new Uint8Array(20).fill(0x7e))
    entrance('takeTreasury', [account])
    assert.equal(data.world.balanceOf(account), 2n * 1_024n * part)
    refuses(() => entrance('takeTreasury', [account]), 'NothingFree')
    assert.equal(data.world.balanceOf(data.entrance.address), ether - 3n * fee)
  })

  test('is paid to who had the place in that epoch, whoever has it now', () => {
    const { data, epoch, entrance, batch, record } = openEntrance({ quorumCount: 1 })
    record(batch())
    data.send(data.signers, 'retire', [], { from: members[1].address })
    const late = dataOperator(9)
    data.register(late)
    data.bond(late, 100n)
    data.passEpochs(3)
    data.join(late, 1)
    const before = data.world.balanceOf(members[1].address)
    entrance('claim', [epoch, 0, 1])
    assert.equal(data.world.balanceOf(members[1].address) - before, 1_024n * part)
    assert.equal(data.world.balanceOf(late.address), 0n)
  })

  test('a missed row costs its holder its part of that batch, while rewards are not settled', () => {
    const { data, epoch, entrance, ask, batch, record } = openEntrance({
      quorumCount: 1,
      queries: somebody,
    })
    const { events } = record(batch())
    record(batch({ sequence: 1 }))
    const name = events[0]?.args['batch']
    const miss = (from?: Hex) => entrance('miss', [epoch, 0, name, [1, 3]], from)
    refuses(() => miss(disperser), 'NotTheQueries')
    miss()
    const earned = [0, 1, 2, 3].map((member) => ask('earnedOf', epoch, 0, member))
    assert.deepEqual(
      earned,
      [2n, 1n, 2n, 1n].map((count) => count * 1_024n * part),
    )
    assert.equal(ask('treasury'), 2n * 1_024n * part)
    data.passEpochs(3)
    refuses(() => miss(), 'TooLate')
  })

  test('the price is set by governance, with notice, and a batch costs that of its epoch', () => {
    const { data, epoch, entrance, ask, balance, batch, record } = openEntrance()
    refuses(() => entrance('setPrice', [1n], disperser), 'NotGovernance')
    refuses(() => entrance('takeTreasury', [disperser], disperser), 'NotGovernance')
    entrance('setPrice', [5n])
    refuses(() => entrance('setPrice', [6n]), 'ChangePending')
    const fees = [0, 1, 2].map((epochs) => ask('feeOf', epoch + epochs, 64))
    assert.deepEqual(fees, [fee, fee, fee / 200n])
    data.passEpochs(2)
    data.openAll()
    record(batch({ epoch: epoch + 2 }))
    assert.equal(balance(), ether - fee / 200n)
    entrance('setPrice', [9n])
    data.passEpochs(2)
    assert.equal(ask('feeOf', epoch + 2, 64), fee / 200n)
  })

  test('what no slot could be paid of goes to the treasury', () => {
    const { data, epoch, ask, batch, record } = openEntrance({
      rowCount: 3_072,
      quorumCount: 1,
      price: 1n,
    })
    // 65,536 wei are 21 for each of 3,072 slots, and 1,024 left.
    record(batch())
    const earned = [0, 1, 2, 3].map((member) => ask('earnedOf', epoch, 0, member) as bigint)
    assert.equal(ask('treasury'), 1_024n)
    assert.equal(
      earned.reduce((sum, own) => sum + own, 0n),
      64_512n,
    )
    assert.equal(data.world.balanceOf(data.entrance.address), ether)
  })
})
