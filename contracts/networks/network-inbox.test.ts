import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { concat, fromHex, keccak256, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { encodeFunctionData } from 'viem'

import { somebody } from '../testing/contract-world.ts'
import type { Deployed } from '../testing/contract-world.ts'
import { rootOf, siblingsOf } from '../testing/history.ts'
import { admit, follow, openHub } from '../testing/hub-world.ts'
import type { NetworkWorld } from '../testing/network-world.ts'
import { refuses } from '../testing/refuses.ts'

const alice = toHex(new Uint8Array(20).fill(0xa1))
const modes = { take: 0, refuse: 1, burnGas: 2, returnMuch: 3, reenter: 4 } as const

type Taken = { isFromL1: boolean; network: number; sender: Hex; data: Hex }

const takenBy = (network: NetworkWorld, contract: Deployed) =>
  network.world.read({ contract, name: 'taken' }) as readonly Taken[]

const setMode = (
  network: NetworkWorld,
  contract: Deployed,
  mode: keyof typeof modes,
  inner: Hex = '0x',
) => network.world.send({ contract, name: 'setMode', args: [modes[mode], inner] })

const eventNames = ({ events }: { readonly events: readonly { readonly name: string }[] }) =>
  events.map(({ name }) => name)

/** Three messages on L1 for a receiver on network 0, under a header that refers to them. */
async function openL1Messages() {
  const { l1, home, other } = openHub()
  const receiver = home.world.deploy('MessageTester')
  const payloads: readonly Hex[] = ['0x01', '0x0202', '0x']
  for (const data of payloads) l1.send(l1.inbox, 'send', [0, receiver.address, data], alice)
  const leaves = payloads.map((data) =>
    sha256(concat(fromHex(alice), fromHex(receiver.address), keccak256(fromHex(data)))),
  )
  const { reference } = await home.refer()
  await home.seal({ l1: reference })
  const messageOf = (index: number) => ({
    sender: alice,
    to: receiver.address,
    data: payloads[index] ?? '0x',
  })
  const siblingsAt = (index: number) => siblingsOf(leaves, index).map(toHex)
  const argsOf = (index: number) =>
    [messageOf(index), index, siblingsAt(index), home.headerProof()] as const
  const deliver = (index: number) => home.call('NetworkInbox', 'deliverL1', argsOf(index))
  return { home, other, receiver, reference, argsOf, deliver, leaves }
}

describe('NetworkInbox delivers messages from L1', () => {
  test('in any order, each once, with the sender that L1 saw', async () => {
    const { home, receiver, reference, deliver, leaves } = await openL1Messages()
    assert.equal(home.fields(1)[11], toHex(rootOf(leaves)))
    for (const index of [2, 0, 1]) assert.deepEqual(eventNames(deliver(index)), ['L1Delivered'])
    assert.deepEqual(
      takenBy(home, receiver).map(({ data }) => data),
      ['0x', '0x01', '0x0202'],
    )
    const [first] = takenBy(home, receiver)
    assert.deepEqual([first?.isFromL1, first?.sender.toLowerCase()], [true, alice])
    for (const index of [0, 1, 2]) {
      assert.equal(home.ask('NetworkInbox', 'isL1Delivered', index), true)
      refuses(() => deliver(index), 'AlreadyDone')
    }
    // The proof under a later header makes no second delivery.
    await home.seal({ l1: reference })
    refuses(() => deliver(0), 'AlreadyDone')
    assert.equal(takenBy(home, receiver).length, 3)
  })

  test('refuses what L1 did not send', async () => {
    const { home, other, argsOf, deliver } = await openL1Messages()
    const [message, index, siblings, header] = argsOf(1)
    const { reference } = await other.refer()
    await other.seal({ l1: reference })
    const foreign = { ...other.headerProof(), timestamp: header.timestamp }
    const table: readonly (readonly [string, readonly unknown[]])[] = [
      ['MessageUnproven', [{ ...message, sender: somebody }, index, siblings, header]],
      ['MessageUnproven', [{ ...message, to: somebody }, index, siblings, header]],
      ['MessageUnproven', [{ ...message, data: '0x03' }, index, siblings, header]],
      ['MessageUnproven', [message, 0, siblings, header]],
      ['MessageUnproven', [message, index + 2 ** 32, siblings, header]],
      ['MessageUnproven', [message, index, siblings.slice(1), header]],
      ['HeaderUnknown', [message, index, siblings, foreign]],
    ]
    for (const [error, args] of table) {
      refuses(() => home.call('NetworkInbox', 'deliverL1', args), error)
    }
    deliver(1)
  })

  test('a receiver that fails holds up nobody, and may be brought its message again', async () => {
    const { home, receiver, argsOf, deliver } = await openL1Messages()
    for (const mode of ['refuse', 'burnGas', 'returnMuch'] as const) {
      setMode(home, receiver, mode)
      const sent = deliver(0)
      assert.deepEqual(eventNames(sent), ['L1DeliveryFailed'], mode)
      // What it may burn is bounded, and so is what its answer costs.
      assert.ok(sent.gasUsed < 4_400_000n, `${mode}: ${sent.gasUsed}`)
      assert.equal(home.ask('NetworkInbox', 'isL1Delivered', 0), false)
    }
    setMode(home, receiver, 'take')
    deliver(1)
    const args = argsOf(0)
    const contract = home.contract('NetworkInbox')
    const poor = { contract, name: 'deliverL1', args, gas: 4_100_000n }
    refuses(() => home.world.send(poor), 'GasTooLittle')
    deliver(0)
    const gasSeen = home.world.read({ contract: receiver, name: 'gasSeen' }) as bigint
    assert.ok(gasSeen > 3_990_000n && gasSeen <= 4_000_000n, String(gasSeen))
    assert.equal(takenBy(home, receiver).length, 2)
  })

  test('a message for an account without code waits for its contract', async () => {
    const { l1, home } = openHub()
    const address = home.world.nextAddress()
    l1.send(l1.inbox, 'send', [0, address, '0x05'], alice)
    const { reference } = await home.refer()
    await home.seal({ l1: reference })
    const leaf = sha256(concat(fromHex(alice), fromHex(address), keccak256(Uint8Array.of(5))))
    const message = { sender: alice, to: address, data: '0x05' }
    const args = [message, 0, siblingsOf([leaf], 0).map(toHex), home.headerProof()]
    const deliver = () => home.call('NetworkInbox', 'deliverL1', args)
    assert.deepEqual(eventNames(deliver()), ['L1DeliveryFailed'])
    // Code that takes every call.
    home.world.place({ address: BigInt(address), code: Uint8Array.of(0) })
    assert.deepEqual(eventNames(deliver()), ['L1Delivered'])
  })

  test('a receiver that calls back gets nothing in twice', async () => {
    const { home, receiver, argsOf, deliver } = await openL1Messages()
    const { abi } = home.contract('NetworkInbox')
    const inner = (index: number) =>
      encodeFunctionData({ abi, functionName: 'deliverL1', args: [...argsOf(index)] })
    setMode(home, receiver, 'reenter', inner(0))
    deliver(0)
    const hasReentered = () => home.world.read({ contract: receiver, name: 'hasReentered' })
    assert.equal(hasReentered(), false)
    assert.equal(takenBy(home, receiver).length, 1)
  })
})

/** Both networks know each other; a tester on each. */
async function openBoth() {
  const hub = openHub()
  const { home, other } = hub
  for (const [self, peer] of [
    [home, other],
    [other, home],
  ] as const) {
    const referred = await self.refer()
    await self.seal({ l1: referred.reference })
    await admit(self, referred, { id: peer.id, epoch: 12 })
  }
  const sender = home.world.deploy('MessageTester')
  const receiver = other.world.deploy('MessageTester')
  /** A message of home's tester to the other's. */
  const send = (data: Hex, seconds: number, to = receiver.address, network = other.id) => {
    const expiry = BigInt(home.world.timestamp + seconds)
    const args = [network, to, expiry, data]
    home.world.send({ contract: sender, name: 'send', args })
    const dataHash = toHex(keccak256(fromHex(data)))
    const fields = { kind: 3, network, sender: sender.address, to, amount: 0n, expiry, dataHash }
    return home.sent(fields)
  }
  /** Brings all entries of home so far to the other network. */
  const prove = async () => {
    await home.seal()
    follow(other, home)
    other.call('NetworkInbox', 'proveOutbox', await home.syncArgs())
  }
  const deliver = (data: Hex, { entry, place }: ReturnType<NetworkWorld['entryProof']>) =>
    other.call('NetworkInbox', 'deliver', [home.id, entry, data, place])
  return { ...hub, sender, receiver, send, prove, deliver }
}

describe('NetworkInbox delivers messages of other networks', () => {
  test('by certificate, once, also under an older or a newer root', async () => {
    const { home, other, sender, receiver, send, prove, deliver } = await openBoth()
    const index = send('0x1234', 1_000)
    const early = home.entryProof(index)
    refuses(() => deliver('0x1234', early), 'RootUnknown')
    await prove()
    send('0x5678', 1_000)
    await prove()
    assert.deepEqual(eventNames(deliver('0x1234', early)), ['Delivered'])
    const [message] = takenBy(other, receiver)
    assert.deepEqual(message, {
      isFromL1: false,
      network: home.id,
      sender: message?.sender,
      data: '0x1234',
    })
    assert.equal(message?.sender.toLowerCase(), sender.address)
    assert.equal(other.ask('NetworkInbox', 'isDelivered', home.id, index), true)
    refuses(() => deliver('0x1234', early), 'AlreadyDone')
    refuses(() => deliver('0x1234', home.entryProof(index)), 'AlreadyDone')
    deliver('0x5678', home.entryProof(1))
  })

  test('refuses forged, misdirected and expired ones, each by name', async () => {
    const { home, other, receiver, send, prove, deliver } = await openBoth()
    const index = send('0x1234', 500)
    const astray = send('0x1234', 500, undefined, 7)
    const withdrawal = home.send('withdraw', [alice], { value: 5n })
    await prove()
    const proof = home.entryProof(index)
    const { entry, place } = proof
    const bent = (fields: object) => () =>
      deliver('0x1234', { entry: { ...entry, ...fields }, place })
    refuses(bent({ sender: alice }), 'MessageUnproven')
    refuses(bent({ to: alice }), 'MessageUnproven')
    refuses(bent({ expiry: entry.expiry + 1n }), 'MessageUnproven')
    refuses(bent({ network: 2 }), 'MessageUnproven')
    refuses(() => deliver('0x12', proof), 'DataUnproven')
    refuses(() => deliver('0x1234', home.entryProof(astray)), 'NotForThisNetwork')
    refuses(() => deliver('0x', home.entryProof(withdrawal)), 'NotAMessage')
    refuses(
      () => deliver('0x1234', { entry, place: { ...place, index: index + 1 } }),
      'MessageUnproven',
    )
    refuses(
      () => deliver('0x1234', { entry, place: { ...place, siblings: place.siblings.slice(1) } }),
      'MessageUnproven',
    )
    // Of a network that nobody proved it for.
    const wrong = [other.id, entry, '0x1234', place]
    refuses(() => other.call('NetworkInbox', 'deliver', wrong), 'RootUnknown')
    // In the second before its expiry it reaches its receiver, in that of its expiry no more.
    other.world.isSubSecond = true
    other.world.advance(Number(entry.expiry) - 1 - other.world.timestamp)
    setMode(other, receiver, 'refuse')
    assert.deepEqual(eventNames(deliver('0x1234', proof)), ['DeliveryFailed'])
    setMode(other, receiver, 'take')
    other.world.advance(1)
    refuses(() => deliver('0x1234', proof), 'MessageExpired')
    assert.equal(other.world.timestamp, Number(entry.expiry))
  })

  test('an Outbox root is proved under known blocks alone', async () => {
    const { home, other, send } = await openBoth()
    send('0x1234', 500)
    const height = await home.seal()
    const args = await home.syncArgs()
    const [id, known, state, slot] = args as [number, object, object, object]
    const prove = (...each: readonly unknown[]) => other.call('NetworkInbox', 'proveOutbox', each)
    refuses(() => prove(...args), 'BlockUnproven')
    follow(other, home)
    refuses(() => prove(5, known, state, slot), 'NetworkUnknown')
    refuses(() => prove(id, { ...known, height: height - 1 }, state, slot), 'BlockUnproven')
    refuses(() => prove(id, known, home.stateProof(height - 1), slot), 'HeaderUnproven')
    // The count of the Outbox is no root, nor is a slot of another contract.
    const outbox: Hex = '0x0000000000000000000000000000000000002002'
    const count = await home.slotProof(height, outbox, 1n)
    refuses(() => prove(id, known, state, count), 'TrieProofTraversalError')
    const info = await home.slotProof(height, '0x0000000000000000000000000000000000002006', 0n)
    refuses(() => prove(id, known, state, info), 'TrieProofTraversalError')
    prove(...args)
  })

  test('of a halted network nothing is delivered any more', async () => {
    const { l1, home, other, send, prove, deliver } = await openBoth()
    const proof = home.entryProof(send('0x1234', 5_000))
    await prove()
    home.certify()
    const fork = home.certificate({ bent: { consensusRoot: sha256(Uint8Array.of(1)) } })
    l1.send(l1.oracle, 'haltByConflict', [home.id, fork])
    const { reference, proofs } = await other.refer()
    await other.seal({ l1: reference })
    const word = [home.id, other.headerProof(), await proofs.final(home.id)]
    other.call('LightClient', 'adopt', word)
    refuses(() => deliver('0x1234', proof), 'NetworkHalted')
  })

  test('a receiver that fails may be brought its message again until it expires', async () => {
    const { home, other, receiver, send, prove, deliver } = await openBoth()
    const index = send('0x1234', 500)
    await prove()
    const proof = home.entryProof(index)
    setMode(other, receiver, 'refuse')
    assert.deepEqual(eventNames(deliver('0x1234', proof)), ['DeliveryFailed'])
    assert.equal(other.ask('NetworkInbox', 'isDelivered', home.id, index), false)
    setMode(other, receiver, 'take')
    assert.deepEqual(eventNames(deliver('0x1234', proof)), ['Delivered'])
  })
})

describe('NetworkInbox times messages out', () => {
  const markProof = (network: NetworkWorld, source: number, index: number, isAbsent = false) =>
    network.markProof({ network: source, index }, isAbsent)

  test('when a final block after the expiry has no mark, once, and tells the sender', async () => {
    const { home, other, sender, send } = await openBoth()
    const index = send('0x1234', 100)
    const { entry, place } = home.entryProof(index)
    const timeOut = async (at = place, isAbsent = true) =>
      home.call('NetworkInbox', 'timeOut', [
        entry,
        at,
        await markProof(other, home.id, index, isAbsent),
      ])
    await other.seal({ timestamp: Number(entry.expiry) - 1 })
    await assert.rejects(timeOut(), { errorName: 'RootUnknown' })
    home.call('NetworkInbox', 'keepOutbox', [])
    await assert.rejects(timeOut(), { errorName: 'BlockUnproven' })
    follow(home, other)
    // A millisecond before.
    await assert.rejects(timeOut(), { errorName: 'NotExpired' })
    await other.seal({ timestamp: Number(entry.expiry) })
    follow(home, other)
    // Nothing was ever delivered near it: the word is not there.
    await assert.rejects(timeOut(place, false), { errorName: 'TrieProofTraversalError' })
    setMode(home, sender, 'refuse')
    assert.deepEqual(eventNames(await timeOut()), ['TimeoutFailed'])
    setMode(home, sender, 'take')
    assert.deepEqual(eventNames(await timeOut()), ['TimedOut'])
    assert.equal(home.ask('NetworkInbox', 'isTimedOut', index), true)
    await assert.rejects(timeOut(), { errorName: 'AlreadyDone' })
    assert.deepEqual(home.world.read({ contract: sender, name: 'lost' }), [BigInt(index)])
  })

  test('never a message that was delivered, nor by the mark of another', async () => {
    const { home, other, send, prove, deliver } = await openBoth()
    const [index, late] = [send('0x1234', 100), send('0x5678', 100)]
    await prove()
    deliver('0x1234', home.entryProof(index))
    home.call('NetworkInbox', 'keepOutbox', [])
    const { entry, place } = home.entryProof(index)
    await other.seal({ timestamp: Number(entry.expiry) + 5 })
    follow(home, other)
    const timeOut = (each: object, at: object, proof: object) =>
      home.call('NetworkInbox', 'timeOut', [each, at, proof])
    const proof = await markProof(other, home.id, index)
    refuses(() => timeOut(entry, place, proof), 'WasDelivered')
    refuses(() => timeOut(entry, place, { ...proof, isAbsent: true }), 'AbsenceUnproven')
    const elsewhere = await markProof(other, 5, index, true)
    refuses(() => timeOut(entry, place, elsewhere), 'AbsenceUnproven')
    const none = { ...proof, isAbsent: true, slot: { ...proof.slot, slot: [] } }
    refuses(() => timeOut(entry, place, none), 'AbsenceUnproven')
    const another = await markProof(other, home.id, 300)
    refuses(() => timeOut(entry, place, another), 'TrieProofTraversalError')
    refuses(() => timeOut({ ...entry, expiry: 1n }, place, proof), 'MessageUnproven')
    const own = { ...proof, fields: home.fields(home.height) }
    refuses(() => timeOut(entry, place, own), 'BlockUnproven')
    const unexpired = { ...proof, fields: other.fields(1) }
    refuses(() => timeOut(entry, place, unexpired), 'BlockUnproven')
    const left = home.entryProof(late)
    timeOut(left.entry, left.place, await markProof(other, home.id, late))
  })

  test('an account without code is told by the event', async () => {
    const { home, other } = await openBoth()
    const expiry = BigInt(home.world.timestamp + 50)
    const index = home.send('send', [other.id, alice, expiry, '0x01'], { from: alice })
    await other.seal({ timestamp: Number(expiry) })
    follow(home, other)
    home.call('NetworkInbox', 'keepOutbox', [])
    const { entry, place } = home.entryProof(index)
    const args = [entry, place, await markProof(other, home.id, index, true)]
    assert.deepEqual(eventNames(home.call('NetworkInbox', 'timeOut', args)), ['TimedOut'])
  })

  test('after the last block of a dead network, once the expiry is over here', async () => {
    const { l1, home, other, send } = await openBoth()
    const index = send('0x1234', 5_000)
    home.call('NetworkInbox', 'keepOutbox', [])
    const { entry, place } = home.entryProof(index)
    await other.seal()
    const earlier = await markProof(other, home.id, index, true)
    await other.seal()
    other.certify()
    l1.outlive(other.id)
    l1.send(l1.oracle, 'declareDead', [other.id])
    follow(home, other)
    const proof = await markProof(other, home.id, index, true)
    const timeOut = (by: object) => home.call('NetworkInbox', 'timeOut', [entry, place, by])
    refuses(() => timeOut(proof), 'NotExpired')
    const { reference, proofs } = await home.refer()
    await home.seal({ l1: reference })
    const word = [other.id, home.headerProof(), await proofs.final(other.id)]
    home.call('LightClient', 'adopt', word)
    refuses(() => timeOut(proof), 'NotExpired')
    home.world.advance(Number(entry.expiry) - home.world.timestamp)
    const below = { ...earlier, known: other.blockProof(earlier.known.height) }
    refuses(() => timeOut(below), 'NotExpired')
    assert.deepEqual(eventNames(timeOut(proof)), ['TimedOut'])
  })

  test('never by a halted network, which has two states', async () => {
    const { l1, home, other, send } = await openBoth()
    const index = send('0x1234', 100)
    home.call('NetworkInbox', 'keepOutbox', [])
    const { entry, place } = home.entryProof(index)
    await other.seal({ timestamp: Number(entry.expiry) })
    follow(home, other)
    other.certify()
    const fork = other.certificate({ bent: { consensusRoot: sha256(Uint8Array.of(1)) } })
    l1.send(l1.oracle, 'haltByConflict', [other.id, fork])
    const { reference, proofs } = await home.refer()
    await home.seal({ l1: reference })
    const word = [other.id, home.headerProof(), await proofs.final(other.id)]
    home.call('LightClient', 'adopt', word)
    const args = [entry, place, await markProof(other, home.id, index, true)]
    refuses(() => home.call('NetworkInbox', 'timeOut', args), 'NetworkHalted')
  })
})
