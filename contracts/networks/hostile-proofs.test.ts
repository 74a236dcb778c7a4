/**
 * Random, damaged and missing proofs halt nothing: two networks over one L1, twice. In one world
 * whoever likes sends every call that takes a proof from a living network, or of a key, again and
 * again with other bytes; the other is left alone, and stands still for as long. What is taken of
 * such calls MUST do what the sound one does: both worlds have the same states, block by block, and
 * both go on.
 *
 * Not here, since no world goes on after them, or none is long enough: RewardBridge's `refund` and
 * `exit` want a dead network (reward-bridge.test.ts), NetworkLoad's `prove` an epoch that is closed
 * (autoscaler.test.ts). Of evidence only what honest operators sign is here; that of faults is in
 * slashing-manager.test.ts.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { finalityVoteDigest } from '@zg/consensus'
import type { RoundVote } from '@zg/consensus'
import { bigintToBytes, concat, fromHex, keccak256, sha256, toHex } from '@zg/primitives'
import type { Hex } from '@zg/primitives'
import { createSeededRng } from '@zg/runtime'
import type { Rng } from '@zg/runtime'
import { encodeFunctionData } from 'viem'

import type { ContractWorld, Deployed } from '../testing/contract-world.ts'
import { siblingsOf } from '../testing/history.ts'
import { openHub } from '../testing/hub-world.ts'
import type { HubWorld } from '../testing/hub-world.ts'
import { sumOfSignatures } from '../testing/l1-world.ts'
import type { ReferredL1 } from '../testing/network-world.ts'
import { testOperator } from '../testing/stake-world.ts'

const ether = 10n ** 18n
const [alice, stranger] = [0xa1, 0x57].map((fill) => toHex(new Uint8Array(20).fill(fill))) as [
  Hex,
  Hex,
]
const [first, second, third, fourth] = [1, 2, 3, 4].map((index) => testOperator(index))
assert.ok(first && second && third && fourth)
/** All but the lightest third. */
const signers = [first, second, third]

const hub = 0x2001n
/** RewardHub pays each such height of its network: one a round. */
const heightsPerReward = 16
const rounds = 3
const forgeriesPerCall = 8

/** What tells nothing new, or accuses where nobody is at fault. */
const neverTaken = [
  'adopt',
  'haltByHistory',
  'haltByConflict',
  'reportRoundVotes',
  'reportFinalityVotes',
  'reportDataVotes',
  'proveRoundConflict',
  'proveFinalityConflict',
  'punish',
]

/** A call that takes a proof, as whoever keeps the rules sends it. */
type Call = {
  readonly world: ContractWorld
  readonly contract: Deployed
  readonly name: string
  readonly args: readonly unknown[]
  /** Else it is a stranger. */
  readonly from?: Hex
}

class Side {
  /** Each message takes a second, and all of them come within an epoch. */
  readonly hub: HubWorld = openHub({ epochSeconds: 10_000 })
  readonly #receiver: Deployed
  readonly #leaves: Uint8Array[] = []
  #referred: ReferredL1 | undefined
  #round = 0
  /** Of the message of this round that network 1 never takes. */
  #lost = 0

  constructor() {
    const { l1, home } = this.hub
    l1.send(l1.token, 'approve', [l1.bridge.address, 2n ** 256n - 1n])
    l1.send(l1.bridge, 'deposit', [1, alice, 100n * ether])
    this.#receiver = home.world.deploy('MessageTester')
    home.world.pay(toHex(bigintToBytes(hub, 20)), 3_000_000n * ether)
  }

  /** Something goes each way, and both networks make a block. Returns what both stand on. */
  async begin(round: number): Promise<readonly Hex[]> {
    const { l1, home, other } = this.hub
    const { address } = this.#receiver
    this.#round = round
    l1.send(l1.inbox, 'send', [0, address, '0x0102'], alice)
    const words = [fromHex(alice), fromHex(address), keccak256(fromHex('0x0102'))]
    this.#leaves.push(sha256(concat(...words)))
    other.send('send', [0, address, 2n ** 40n, '0x03'])
    other.send('withdraw', [alice], { value: ether })
    // Whatever else is sent from network 0 has expired by then.
    await other.seal({ timestamp: Number(this.#lose()) })
    this.#referred = await home.refer()
    const { reference } = this.#referred
    // The first block closes the epoch before.
    if (round === 0) await home.seal({ epoch: 11n, l1: reference, mix: sha256(Uint8Array.of(1)) })
    home.sealEmpty(heightsPerReward * (round + 1) - 1)
    await home.seal({ l1: reference })
    assert.deepEqual([home.height, other.height], [heightsPerReward * (round + 1), round + 1])
    return [toHex(reference.stateRoot), ...home.fields(home.height), ...other.fields(other.height)]
  }

  /** Sends a message to network 1 that nobody delivers; returns when it expires. */
  #lose(): bigint {
    const { home, other } = this.hub
    const { address } = this.#receiver
    const expiry = BigInt(home.world.timestamp + 100)
    const args = [other.id, alice, expiry, '0x04']
    home.world.send({ contract: this.#receiver, name: 'send', args })
    const dataHash = toHex(keccak256(fromHex('0x04')))
    const sent = { kind: 3, network: other.id, sender: address, to: alice, amount: 0n }
    this.#lost = home.sent({ ...sent, expiry, dataHash })
    home.call('NetworkInbox', 'keepOutbox', [])
    return expiry
  }

  /** In an order in which each may come; some are refused, as nobody is at fault. */
  get calls(): readonly (() => Promise<Call> | Call)[] {
    return [
      ...[0, 1].flatMap((id) => this.#admissions(id)),
      ...this.#beginnings(),
      ...this.#certificates(),
      ...this.#messages(),
      ...this.#rewards(),
      ...this.#faults(),
      () => this.#possession(),
    ]
  }

  /** Heights of network 1 that L1 and network 0 know to be final, and whether either halted it. */
  get known(): readonly unknown[] {
    const { l1, home } = this.hub
    const told = [l1.read(l1.oracle, 'finalOf', 1), home.ask('LightClient', 'finalOf', 1)]
    return told.map((each) => {
      const { height, isHalted, isDead } = each as Record<string, unknown>
      return { height, isHalted, isDead }
    })
  }

  #admissions(id: number) {
    const { home } = this.hub
    const { proofs } = this.#referred as ReferredL1
    const { address } = fourth as NonNullable<typeof fourth>
    const header = () => home.headerProof()
    return [
      async () => this.#light('admitNetwork', [id, header(), await proofs.network(id)]),
      async () => this.#light('admitSet', [id, 12, header(), await proofs.set(id, 12)]),
      async () => {
        const [weight, key] = [await proofs.weight(id, address), await proofs.key(address)]
        return this.#light('admitMember', [id, 12, address, header(), weight, key])
      },
    ]
  }

  #beginnings() {
    const { home } = this.hub
    return [
      () => this.#home('EpochInfo', 'advance', [home.headerProof()]),
      () => this.#home('EpochInfo', 'close', [home.headerProof(1)]),
    ]
  }

  #certificates() {
    const { l1, home, other } = this.hub
    const { proofs } = this.#referred as ReferredL1
    const certificate = other.certificate({ signers })
    const siblings = other.siblings(other.height - 1)
    const elsewhere = toHex(sha256(Uint8Array.of(other.height)))
    const oracle = (name: string, args: readonly unknown[]): Call => {
      return { world: l1.world, contract: l1.oracle, name, args: [1, ...args] }
    }
    return [
      () => this.#light('submit', [1, certificate, siblings]),
      async () => this.#light('adopt', [1, home.headerProof(), await proofs.final(1)]),
      () => oracle('haltByHistory', [certificate, elsewhere, siblings]),
      () => oracle('submit', [certificate, siblings]),
      () => oracle('haltByConflict', [certificate]),
    ]
  }

  #messages() {
    const { l1, home, other } = this.hub
    const last = this.#leaves.length - 1
    const bridge = (name: string, args: readonly unknown[]): Call => {
      return { world: l1.world, contract: l1.bridge, name, args }
    }
    // A message and a withdrawal a round.
    const { entry, place } = other.entryProof(2 * last)
    const message = { sender: alice, to: this.#receiver.address, data: '0x0102' }
    const siblings = siblingsOf(this.#leaves, last).map(toHex)
    return [
      async () => bridge('sync', await other.syncArgs()),
      () => bridge('claim', other.claimArgs(2 * last + 1)),
      () => this.#home('NetworkInbox', 'deliverL1', [message, last, siblings, home.headerProof()]),
      async () => this.#home('NetworkInbox', 'proveOutbox', await other.syncArgs()),
      () => this.#home('NetworkInbox', 'deliver', [1, entry, '0x03', place]),
      async () => {
        const lost = home.entryProof(this.#lost)
        const proof = await other.markProof({ network: home.id, index: this.#lost }, true)
        return this.#home('NetworkInbox', 'timeOut', [lost.entry, lost.place, proof])
      },
    ]
  }

  #rewards() {
    const { home } = this.hub
    const { proofs } = this.#referred as ReferredL1
    const { address } = first as NonNullable<typeof first>
    const header = home.headerProof()
    const show = () => this.#home('RewardHub', 'show', [home.certificate({ signers }), header, []])
    const claim = async () => {
      const weight = await proofs.weight(home.id, address)
      return this.#home('RewardHub', 'claim', [address, [12], header, weight])
    }
    // Last: it leaves an entry, and of those behind it none is asked for a proof.
    return this.#round < rounds - 1 ? [show] : [show, claim]
  }

  /** A new operator's key, another one each round. */
  #possession(): Call {
    const { l1 } = this.hub
    const operator = testOperator(5 + this.#round)
    const args = l1.possessionArgs(operator)
    const from = operator.address
    return { world: l1.world, contract: l1.operators, name: 'register', args, from }
  }

  /** What honest operators signed: no fault, whatever is made of it. */
  #faults() {
    const { l1, other } = this.hub
    const { address } = first as NonNullable<typeof first>
    const slashing = (name: string, args: readonly unknown[]): Call => {
      return { world: l1.world, contract: l1.slashing, name, args: [1, ...args] }
    }
    const votes = (['notarize', 'nullify'] as const).map((kind): RoundVote => {
      const digest = new Uint8Array(32).fill(kind === 'nullify' ? 0 : 7)
      return { kind, epoch: 12n, view: other.height, digest }
    })
    const [one, another] = votes.map((vote) => l1.roundArgs(vote))
    const alone = signers.slice(0, 1)
    const heights = [other.height, Math.max(1, other.height - 1)]
    const [a, b] = heights.map((height) => other.certificate({ height, signers }))
    const digests = heights.map((height) =>
      finalityVoteDigest(l1.identityOf(1), other.finalityCertificate({ height }).vote),
    )
    const opening = { leaf: a?.vote.consensusRoot, siblings: other.siblings(0) }
    const [finality, finalities] = [alone, signers].map((each) => sumOfSignatures(digests, each))
    const absent = a?.absent
    const rounds = [one, absent, another, absent, l1.signRounds(1, votes, signers)]
    const epochs = { firstEpoch: 12n, secondEpoch: 12n }
    const conflict = { id: 1, fault: 8, ...epochs, firstAbsent: absent, secondAbsent: absent }
    const punish = { ...slashing('punish', []), args: [conflict, [address]] }
    const batch = {
      epoch: 12n,
      quorum: 1,
      disperser: alice,
      sequence: 1n,
      commitment: opening.leaf,
    }
    return [
      () => slashing('reportRoundVotes', [address, one, another, l1.signRounds(1, votes, alone)]),
      () => slashing('reportFinalityVotes', [address, a?.vote, b?.vote, opening, finality]),
      () => slashing('reportDataVotes', [address, batch, batch, finality]),
      () => slashing('proveRoundConflict', rounds),
      () =>
        slashing('proveFinalityConflict', [a?.vote, absent, b?.vote, absent, opening, finalities]),
      () => punish,
    ]
  }

  #light(name: string, args: readonly unknown[]): Call {
    return this.#home('LightClient', name, args)
  }

  #home(
    name: Parameters<HubWorld['home']['contract']>[0],
    method: string,
    args: readonly unknown[],
  ) {
    const { home } = this.hub
    return { world: home.world, contract: home.contract(name), name: method, args }
  }
}

function dataOf({ contract, name, args }: Call): Uint8Array {
  return fromHex(encodeFunctionData({ abi: contract.abi, functionName: name, args: [...args] }))
}

const sent = ({ world, contract, from = stranger }: Call, data: Uint8Array): boolean =>
  world.execute({ from: BigInt(from), to: BigInt(contract.address), data })

/** The same function with other arguments, or with fewer or more bytes. */
function forged(rng: Rng, sound: Uint8Array): Uint8Array {
  const [selector, args] = [sound.slice(0, 4), sound.slice(4)]
  const at = rng.below(args.length)
  const word = at - (at % 32)
  const flip = () => args.map((byte, index) => (index === at ? byte ^ (1 << rng.below(8)) : byte))
  const put = (bytes: Uint8Array) => concat(args.slice(0, word), bytes, args.slice(word + 32))
  const kinds = [
    flip,
    flip,
    () => args.slice(0, at),
    () => rng.bytes(rng.below(2 * args.length)),
    () => put(rng.bytes(32)),
    // A word, or a piece of a proof, is missing, or there twice.
    () => put(new Uint8Array(32)),
    () => put(new Uint8Array(0)),
    () => put(concat(args.slice(word, word + 32), args.slice(word, word + 32))),
  ]
  return concat(selector, (kinds[rng.below(kinds.length)] as () => Uint8Array)())
}

test('random, damaged or missing proofs never halt a network, nor do anything of their own', async () => {
  const rng = createSeededRng('zg/hostile proofs 1')
  const [hostile, quiet] = [new Side(), new Side()]
  let refused = 0
  const [asked, taken] = [new Set<string>(), new Set<string>()]
  for (let round = 0; round < rounds; round++) {
    assert.deepEqual(await hostile.begin(round), await quiet.begin(round), `round ${round}`)
    const calls = hostile.calls
    for (const [place, call] of quiet.calls.entries()) {
      const [attacked, alone] = [await calls[place]?.(), await call()]
      assert.ok(attacked)
      const sound = dataOf(alone)
      assert.deepEqual(dataOf(attacked), sound, alone.name)
      // Two contracts have a `claim`, and two a `submit`.
      const key = `${alone.contract.address} ${alone.name}`
      asked.add(key)
      const take = (isTaken: boolean): boolean => {
        if (isTaken) taken.add(key)
        return isTaken
      }
      for (let count = 0; count < forgeriesPerCall; count++) {
        const isTaken = take(sent(attacked, forged(rng, sound)))
        if (!isTaken) refused++
        // A call of no function is refused, and takes as long.
        const isSame = sent(alone, isTaken ? sound : new Uint8Array(4)) === isTaken
        assert.ok(isSame, `${alone.name} was taken, and the sound one is not`)
      }
      assert.equal(take(sent(attacked, sound)), sent(alone, sound), alone.name)
    }
    const final = { height: BigInt(round + 1), isHalted: false, isDead: false }
    assert.deepEqual(hostile.known, [final, final], `round ${round}`)
  }
  assert.deepEqual(await hostile.begin(rounds), await quiet.begin(rounds))
  assert.ok(refused > 600, `${refused}`)
  const refusedAlways = [...asked].filter((key) => !taken.has(key))
  assert.deepEqual(
    refusedAlways.map((key) => key.split(' ')[1]),
    neverTaken,
  )
})
