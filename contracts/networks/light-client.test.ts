import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'

import { ContractRevertError } from '../testing/contract-world.ts'
import { admit, openHub } from '../testing/hub-world.ts'
import type { NetworkWorld } from '../testing/network-world.ts'
import { refuses } from '../testing/refuses.ts'
import { testOperator } from '../testing/stake-world.ts'
import type { CertificateArgs } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const [first, second, third, fourth] = [1, 2, 3, 4].map((index) => testOperator(index))
assert.ok(first && second && third && fourth)
/** All but the lightest third. */
const signers = [first, second, third]

const knownOf = (home: NetworkWorld, id: number) =>
  home.ask('LightClient', 'finalOf', id) as Record<string, unknown>
const submit = (
  home: NetworkWorld,
  id: number,
  certificate: CertificateArgs,
  siblings: readonly Hex[],
) => home.call('LightClient', 'submit', [id, certificate, siblings])

/** Home knows network 1, its set of epoch 12 and that the fourth may be absent. */
async function openKnown() {
  const hub = openHub()
  const { home, other } = hub
  const l1 = await home.refer()
  await home.seal({ l1: l1.reference })
  await admit(home, l1, { id: 1, epoch: 12, absent: [fourth?.address ?? '0x'] })
  home.call('EpochInfo', 'advance', [home.headerProof()])
  await other.seal()
  return { ...hub, admitted: l1 }
}

describe('LightClient proves who validates', () => {
  test('networks, sets and members are what the views of L1 say', async () => {
    const { l1, home, members } = openHub()
    const referred = await home.refer()
    await home.seal({ l1: referred.reference })
    await admit(home, referred, { id: 1, epoch: 12, absent: members.map(({ address }) => address) })
    const network = home.ask('LightClient', 'networkOf', 1) as Record<string, unknown>
    const expected = l1.read(l1.networks, 'networkOf', 1) as Record<string, unknown>
    for (const [name, value] of Object.entries(network)) assert.equal(value, expected[name], name)
    const set = home.ask('LightClient', 'setOf', 1, 12) as Record<string, unknown>
    const point = l1.read(l1.networks, 'setAt', 1, 12) as Record<string, unknown>
    assert.deepEqual({ ...set, fromEpoch: 12n }, point)
    assert.deepEqual(set['count'], 4)
    for (const { address } of members) {
      assert.equal(
        home.ask('LightClient', 'weightOf', 1, 12, address),
        l1.read(l1.operators, 'weightAt', address, 12),
      )
    }
  })

  test('through joins, leaves, rotation and stake, each epoch has its own set and key', async () => {
    const { l1, home } = openHub()
    const rotated = testOperator(2, 1)
    // All of this is in epoch 12, and holds from 14 on.
    l1.rotate(rotated)
    l1.send(l1.networks, 'optOut', [1], first.address)
    l1.send(l1.stakes, 'stake', [third.address, 50n * ether], third.address)
    l1.goToEpoch(13)
    const { reference, proofs } = await home.refer()
    await home.seal({ l1: reference })
    const header = home.headerProof()
    home.call('LightClient', 'admitNetwork', [1, header, await proofs.network(1)])
    const former = [1, 14, header, await proofs.set(1, 13)]
    refuses(() => home.call('LightClient', 'admitSet', former), 'PointOfAnotherEpoch')
    for (const epoch of [13, 14]) {
      home.call('LightClient', 'admitSet', [1, epoch, header, await proofs.set(1, epoch)])
      const { fromEpoch: _, ...point } = l1.read(l1.networks, 'setAt', 1, epoch) as Record<
        string,
        unknown
      >
      assert.deepEqual(home.ask('LightClient', 'setOf', 1, epoch), point)
    }
    const admitMember = async (epoch: number, operator: Hex, which?: 'earlier') =>
      home.call('LightClient', 'admitMember', [
        1,
        epoch,
        operator,
        header,
        await proofs.weight(1, operator),
        await proofs.key(operator, which),
      ])
    await admitMember(13, first.address)
    await assert.rejects(admitMember(14, first.address), { errorName: 'NotAMember' })
    await assert.rejects(admitMember(11, second.address), { errorName: 'NotAMember' })
    await admitMember(13, third.address)
    await admitMember(14, third.address)
    const weight = (epoch: number) =>
      home.ask('LightClient', 'weightOf', 1, epoch, third.address) as bigint
    assert.deepEqual([weight(13), weight(14)], [300n * 10n ** 9n, 350n * 10n ** 9n])
    // The key of the wrong time has no proof under the slots that are asked.
    await assert.rejects(admitMember(13, second.address), ContractRevertError)
    await assert.rejects(admitMember(14, second.address, 'earlier'), ContractRevertError)
    await admitMember(13, second.address, 'earlier')
    await admitMember(14, second.address)
    // Their keys are those that certificates of either epoch lack without them.
    for (const [epoch, present] of [
      [13n, [first, third, fourth]],
      [14n, [third, fourth]],
    ] as const) {
      const certificate = {
        ...home.certificate({ of: 1, signers: present, bent: { epoch } }),
        absent: [second.address],
      }
      home.ask('LightClient', 'check', 1, certificate)
    }
    const nobody = { ...home.certificate({ of: 1, signers: [third], bent: { epoch: 14n } }) }
    const absent = [second.address, fourth.address].sort()
    refuses(() => home.ask('LightClient', 'check', 1, { ...nobody, absent }), 'MemberUnknown')
    await admitMember(14, fourth.address)
    refuses(() => home.ask('LightClient', 'check', 1, { ...nobody, absent }), 'NoQuorum')
  })

  test('refuses proofs of other states, places, points and epochs', async () => {
    const { l1, home, other } = openHub()
    const { reference, proofs } = await home.refer()
    l1.goToEpoch(13)
    l1.send(l1.stakes, 'stake', [first.address, ether], first.address)
    const later = await home.refer()
    const old = await home.seal({ l1: reference })
    await home.seal({ l1: later.reference })
    await other.seal({ l1: later.reference })
    const header = home.headerProof()
    const lightClient = (method: string, ...args: readonly unknown[]) =>
      home.call('LightClient', method, args)
    const network = await later.proofs.network(1)
    const set = await later.proofs.set(1, 13)
    refuses(() => lightClient('admitSet', 1, 13, header, set), 'NetworkUnknown')
    // Another network's header refers to the same L1.
    const foreign = { ...other.headerProof(), timestamp: header.timestamp }
    refuses(() => lightClient('admitNetwork', 1, foreign, network), 'HeaderUnknown')
    refuses(() => lightClient('admitNetwork', 0, header, network), 'TrieProofTraversalError')
    const elsewhere = { ...network, account: (set as { head: unknown }).head }
    refuses(() => lightClient('admitNetwork', 1, header, elsewhere), 'TrieProofTraversalError')
    const stale = await proofs.network(1)
    refuses(() => lightClient('admitNetwork', 1, header, stale), 'TrieProofTraversalError')
    lightClient('admitNetwork', 1, header, network)
    lightClient('admitNetwork', 0, header, await later.proofs.network(0))
    refuses(() => lightClient('admitNetwork', 1, header, network), 'AlreadyAdmitted')

    const before = await later.proofs.set(1, 11)
    refuses(() => lightClient('admitSet', 1, 11, header, before), 'NetworkNotThere')
    // A set of epoch 15 may change until epoch 14.
    const unsettled = await later.proofs.set(1, 15)
    refuses(() => lightClient('admitSet', 1, 15, header, unsettled), 'EpochUnsettled')
    refuses(() => lightClient('admitSet', 0, 13, header, set), 'TrieProofTraversalError')
    const newest = await later.proofs.set(1, 15)
    refuses(() => lightClient('admitSet', 1, 13, header, newest), 'PointOfAnotherEpoch')
    const older = await later.proofs.set(1, 13, 0)
    lightClient('admitSet', 1, 14, header, await later.proofs.set(1, 14))
    const { number } = newest as { number: bigint }
    refuses(
      () => lightClient('admitSet', 1, 13, header, { ...newest, number: number + 1n }),
      'PointForgotten',
    )
    refuses(
      () => lightClient('admitSet', 1, 13, header, { ...older, number: number }),
      'TrieProofTraversalError',
    )
    lightClient('admitSet', 1, 13, header, set)
    refuses(() => lightClient('admitSet', 1, 13, header, set), 'AlreadyAdmitted')

    const weight = await later.proofs.weight(1, first.address)
    const key = await later.proofs.key(first.address)
    const admitMember = (epoch: number, operator: Hex, at = header) =>
      lightClient('admitMember', 1, epoch, operator, at, weight, key)
    refuses(() => admitMember(13, second.address), 'TrieProofTraversalError')
    refuses(() => admitMember(15, first.address), 'EpochUnsettled')
    refuses(() => admitMember(11, first.address), 'NotAMember')
    refuses(() => admitMember(13, first.address, home.headerProof(old)), 'TrieProofTraversalError')
    admitMember(13, first.address)
    refuses(() => admitMember(13, first.address), 'AlreadyAdmitted')
  })

  test('asks a state of the epoch before, where a later one has forgotten', async () => {
    const { l1, home } = openHub()
    const weightless = testOperator(9)
    l1.register(weightless)
    l1.send(l1.networks, 'optIn', [1, 10_000], weightless.address)
    const stake = () => l1.send(l1.stakes, 'stake', [third.address, ether], third.address)
    stake()
    l1.rotate(testOperator(2, 1))
    l1.goToEpoch(13)
    stake()
    const early = await home.refer()
    l1.goToEpoch(14)
    l1.rotate(testOperator(2, 2))
    const late = await home.refer()
    const heights = [
      await home.seal({ l1: early.reference }),
      await home.seal({ l1: late.reference }),
    ]
    const admitMember = async (by: typeof early, epoch: number, operator: Hex) =>
      home.call('LightClient', 'admitMember', [
        1,
        epoch,
        operator,
        home.headerProof(heights[by === early ? 0 : 1]),
        await by.proofs.weight(1, operator),
        await by.proofs.key(operator, operator === second.address ? 'earlier' : 'newest'),
      ])
    await assert.rejects(admitMember(late, 13, third.address), { errorName: 'WeightForgotten' })
    await assert.rejects(admitMember(early, 13, third.address), { errorName: 'WeightForgotten' })
    await admitMember(early, 14, third.address)
    await assert.rejects(admitMember(late, 13, second.address), { errorName: 'KeyForgotten' })
    await admitMember(early, 13, second.address)
    await admitMember(late, 15, second.address)
    await assert.rejects(admitMember(late, 14, weightless.address), { errorName: 'Weightless' })
  })

  test('finds points after the ring of L1 has gone round', async () => {
    const { l1, home } = openHub()
    for (let epoch = 13; epoch < 80; epoch++) {
      l1.goToEpoch(epoch)
      l1.send(l1.stakes, 'stake', [first.address, ether / 1_000n], first.address)
    }
    const { reference, proofs } = await home.refer()
    await home.seal({ l1: reference })
    const header = home.headerProof()
    home.call('LightClient', 'admitNetwork', [1, header, await proofs.network(1)])
    const admitSet = (epoch: number, proof: object) =>
      home.call('LightClient', 'admitSet', [1, epoch, header, proof])
    for (const epoch of [60, 79, 80]) {
      admitSet(epoch, await proofs.set(1, epoch))
      const found = home.ask('LightClient', 'setOf', 1, epoch) as Record<string, unknown>
      const point = l1.read(l1.networks, 'setAt', 1, epoch) as Record<string, unknown>
      assert.deepEqual({ ...found, fromEpoch: BigInt(epoch) }, point)
    }
    // The place of an older point holds a newer one now.
    const newest = (await proofs.set(1, 81)) as { number: bigint }
    const forgotten = { ...newest, number: newest.number - 64n }
    refuses(() => admitSet(78, forgotten), 'PointForgotten')
  })
})

describe('LightClient follows networks', () => {
  test('takes certificates with absent ones or none, and proves what is below', async () => {
    const { home, other } = await openKnown()
    assert.equal(knownOf(home, 1)['height'], 0n)
    submit(home, 1, other.certificate({ signers }), other.siblings(0))
    await other.seal()
    await other.seal()
    const { events } = submit(home, 1, other.certificate(), other.siblings(1))
    assert.equal(events[0]?.name, 'Finalized')
    assert.equal(knownOf(home, 1)['height'], 3n)
    const holds = ({ height, consensusRoot, siblings }: ReturnType<NetworkWorld['blockProof']>) =>
      home.ask('LightClient', 'holds', 1, height, consensusRoot, siblings)
    assert.equal(holds(other.blockProof(3)), true)
    assert.equal(holds(other.blockProof(2)), true)
    assert.equal(holds({ ...other.blockProof(2), height: 1 }), false)
    assert.equal(holds({ ...other.blockProof(3), height: 4 }), false)
    const nothing = toHex(new Uint8Array(32))
    refuses(() => home.ask('LightClient', 'holds', 5, 0, nothing, []), 'NetworkUnknown')
  })

  test('refuses what does not extend what it knows, and keeps it', async () => {
    const { home, other } = await openKnown()
    submit(home, 1, other.certificate({ signers }), other.siblings(0))
    await other.seal()
    await home.seal()
    const before = knownOf(home, 1)
    const good = other.certificate({ signers })
    const siblings = other.siblings(1)
    const bent = (fields: object, who = signers) =>
      other.certificate({ signers: who, bent: fields })
    const table: readonly [string, CertificateArgs, readonly Hex[]][] = [
      ['NotNewer', other.certificate({ signers, height: 1 }), other.siblings(0, 1)],
      ['EpochUnexpected', bent({ epoch: 13n }), siblings],
      ['EpochUnexpected', bent({ epoch: 11n }), siblings],
      ['CloseInvalid', bent({ nextEpoch: 12n }), siblings],
      ['CloseInvalid', bent({ nextEpoch: 13n }), siblings],
      ['HistoryUnproven', good, other.siblings(0)],
      ['HistoryUnproven', good, siblings.slice(1)],
      ['HistoryUnproven', bent({ histRoot: new Uint8Array(32) }), siblings],
      ['CertificateInvalid', { ...good, absent: [] }, siblings],
      ['CertificateInvalid', { ...good, signature: '0x' }, siblings],
      [
        'CertificateInvalid',
        { ...good, vote: { ...good.vote, blockHash: good.vote.histRoot } },
        siblings,
      ],
      // Signed for network 0, and for a network of that name with another genesis.
      ['CertificateInvalid', other.certificate({ signers, of: 0 }), siblings],
      ['MemberUnknown', { ...good, absent: [testOperator(9).address] }, siblings],
      ['OperatorsUnordered', { ...good, absent: [fourth.address, fourth.address] }, siblings],
    ]
    for (const [error, certificate, proof] of table) {
      refuses(() => submit(home, 1, certificate, proof), error)
    }
    refuses(() => submit(home, 0, good, siblings), 'NetworkUnknown')
    assert.deepEqual(knownOf(home, 1), before)
    submit(home, 1, good, siblings)
  })

  test('goes over epochs by closes; who has left signs nothing any more', async () => {
    const { l1, home, other } = await openKnown()
    l1.send(l1.networks, 'optOut', [1], first.address)
    l1.goToEpoch(14)
    await other.seal({ epoch: 12n })
    const close = other.certificate({ nextEpoch: 14n })
    // L1 is in epoch 14, but no header of this network says so yet.
    refuses(() => submit(home, 1, close, other.siblings(0)), 'CloseInvalid')
    const referred = await home.refer()
    await home.seal({ l1: referred.reference })
    home.call('EpochInfo', 'advance', [home.headerProof()])
    submit(home, 1, close, other.siblings(0))
    await other.seal({ epoch: 14n })
    const rest = [second, third, fourth]
    const fresh = { ...other.certificate({ signers: rest }), absent: [] }
    const siblings = other.siblings(2)
    refuses(() => submit(home, 1, fresh, siblings), 'SetUnknown')
    await admit(home, referred, { id: 1, epoch: 14 })
    // With the key of one who left, and with its word alone.
    refuses(() => submit(home, 1, other.certificate(), siblings), 'CertificateInvalid')
    const stale = other.certificate({ bent: { epoch: 12n } })
    refuses(() => submit(home, 1, stale, siblings), 'EpochUnexpected')
    const [weight, key] = [
      await referred.proofs.weight(1, first.address),
      await referred.proofs.key(first.address),
    ]
    const gone = [1, 14, first.address, home.headerProof(), weight, key]
    refuses(() => home.call('LightClient', 'admitMember', gone), 'NotAMember')
    submit(home, 1, fresh, siblings)

    // Too old from a second on, and a close like any other.
    await other.seal({ epoch: 14n })
    await other.seal({ epoch: 14n })
    l1.goToEpoch(15)
    const newest = await home.refer()
    await home.seal({ l1: newest.reference })
    home.call('EpochInfo', 'advance', [home.headerProof()])
    const [inTime, ...late] = [{ height: 4 }, {}, { nextEpoch: 15n }].map((vote) => {
      return { ...other.certificate({ signers: rest, ...vote }), absent: [] }
    })
    assert.ok(inTime)
    const last = l1.start + 15 * l1.epochSeconds + l1.certificateAgeMaxSeconds
    // Of the next message, which takes a second.
    home.world.advance(last - home.world.timestamp)
    submit(home, 1, inTime, other.siblings(3, 4))
    for (const old of late) {
      refuses(() => submit(home, 1, old, other.siblings(4)), 'CertificateTooOld')
    }

    // L1 takes that close still, and its word brings it here.
    other.certify({ height: 2, nextEpoch: 14n })
    l1.send(l1.oracle, 'submit', [1, late[1], other.siblings(2)])
    const told = await home.refer()
    await home.seal({ l1: told.reference })
    home.call('LightClient', 'adopt', [1, home.headerProof(), await told.proofs.final(1)])
    assert.deepEqual([knownOf(home, 1)['height'], knownOf(home, 1)['nextEpoch']], [5n, 15n])
  })

  test('a quorum is more than two thirds of weight, not of heads', async () => {
    const { l1, home, other, admitted } = await openKnown()
    await admit(home, admitted, { id: 0, epoch: 12, absent: [first.address] })
    const check = (id: number, certificate: CertificateArgs) =>
      home.ask('LightClient', 'check', id, certificate)
    // Of 1,300: 900 and 1,000 are more than two thirds, 600 and 700 are not.
    const heavy = home.certificate({ signers: [second, third, fourth] })
    assert.deepEqual(check(0, heavy), [1_300n * 10n ** 9n, 900n * 10n ** 9n])
    assert.deepEqual(check(1, other.certificate({ signers })), [
      1_300n * 10n ** 9n,
      1_000n * 10n ** 9n,
    ])
    const header = home.headerProof()
    for (const id of [0, 1]) {
      const args = [
        id,
        12,
        third.address,
        header,
        await admitted.proofs.weight(id, third.address),
        await admitted.proofs.key(third.address),
      ]
      home.call('LightClient', 'admitMember', args)
    }
    refuses(() => check(0, home.certificate({ signers: [second, fourth] })), 'NoQuorum')
    refuses(() => check(1, other.certificate({ signers: [first, second] })), 'NoQuorum')

    // Exactly two thirds, 900 of 1,350, are no quorum.
    l1.send(l1.stakes, 'stake', [first.address, 50n * ether], first.address)
    l1.goToEpoch(13)
    const later = await home.refer()
    await home.seal({ l1: later.reference })
    await admit(home, later, { id: 1, epoch: 14, absent: [first.address] })
    const rest = [second, third, fourth]
    const equal = other.certificate({ signers: rest, bent: { epoch: 14n } })
    assert.throws(() => check(1, equal), {
      errorName: 'NoQuorum',
      errorArgs: [900n * 10n ** 9n, 1_350n * 10n ** 9n],
    })
  })
})

describe('LightClient adopts what L1 knows', () => {
  test('a newer block, by which a network that was asleep begins again', async () => {
    const { l1, home, other } = await openKnown()
    other.certify()
    const early = await home.refer()
    l1.goToEpoch(13)
    await other.seal({ epoch: 12n })
    other.certify({ nextEpoch: 13n })
    const late = await home.refer()
    await home.seal({ l1: early.reference })
    await home.seal({ l1: late.reference })
    const [from, to] = [home.headerProof(2), home.headerProof(3)]
    const adopt = (header: object, proof: object) =>
      home.call('LightClient', 'adopt', [1, header, proof])
    const [old, proof] = [await early.proofs.final(1), await late.proofs.final(1)]
    refuses(() => adopt(from, proof), 'TrieProofTraversalError')
    adopt(to, proof)
    const { since: _, ...expected } = l1.read(l1.oracle, 'finalOf', 1) as Record<string, unknown>
    assert.deepEqual(knownOf(home, 1), expected)
    refuses(() => adopt(from, old), 'NotNewer')
    refuses(() => adopt(to, proof), 'NotNewer')
    // It goes on from there.
    await admit(home, late, { id: 1, epoch: 13 })
    await other.seal({ epoch: 13n })
    submit(home, 1, other.certificate(), other.siblings(2))
  })

  test('that a network is halted or dead, after which nothing more is taken', async () => {
    const { l1, home, other } = await openKnown()
    other.certify({ signers })
    const fork = other.certificate({ bent: { consensusRoot: sha256(Uint8Array.of(0xf0)) } })
    l1.send(l1.oracle, 'haltByConflict', [1, fork])
    const { reference, proofs } = await home.refer()
    await home.seal({ l1: reference })
    const args = [1, home.headerProof(), await proofs.final(1)]
    home.call('LightClient', 'adopt', args)
    assert.equal(home.ask('LightClient', 'isHalted', 1), true)
    assert.equal(knownOf(home, 1)['height'], 1n)
    refuses(() => home.call('LightClient', 'adopt', args), 'NotNewer')
    await other.seal()
    refuses(() => submit(home, 1, other.certificate(), other.siblings(1)), 'NetworkHalted')

    home.call('LightClient', 'admitNetwork', [0, home.headerProof(), await proofs.network(0)])
    home.certify()
    l1.outlive(0)
    l1.send(l1.oracle, 'declareDead', [0])
    const later = await home.refer()
    await home.seal({ l1: later.reference })
    const dead = [0, home.headerProof(), await later.proofs.final(0)]
    home.call('LightClient', 'adopt', dead)
    const known = knownOf(home, 0)
    assert.deepEqual([known['isHalted'], known['isDead'], known['height']], [false, true, 2n])
    refuses(() => submit(home, 0, home.certificate(), home.siblings(2)), 'NetworkHalted')
  })
})
